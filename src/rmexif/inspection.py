"""What a file would give away: every part outside the allow-list of ``types.HARMLESS``, and what its payload says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif.containers import DecodeOnlyRow, complete, sniff, sniff_source
from rmexif.errors import MalformedImage
from rmexif.residuals import Residual
from rmexif.types import HARMLESS, Category, Container, Finding, Limits, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.containers import FormatRow
    from rmexif.containers.common.row import Completed
    from rmexif.stats import FindingStats, RepairStats, ResidualStats

__all__ = [
    "Inspection",
    "Raw",
    "completed",
    "describe",
    "findings",
    "open_container",
    "open_source",
    "repair_stats",
    "residuals",
    "summary",
    "view_of",
]

Raw = bytes | bytearray | memoryview

_ROLES = {
    Role.AUXILIARY: Category.EMBEDDED_IMAGE,
    Role.METADATA: Category.UNKNOWN,
}


@dataclass(frozen=True, slots=True)
class Inspection:
    """What a file would give away."""

    format: str
    width: int  # px, as stored
    height: int  # px, as stored
    frames: int
    orientation: int  # 1-8
    size: int  # byte
    findings: tuple[Finding, ...]
    residuals: tuple[Residual, ...]
    residual_stats: tuple[ResidualStats, ...]  # the same with their sentences and sizes

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form."""
        return {
            "format": self.format,
            "width": self.width,
            "height": self.height,
            "frames": self.frames,
            "orientation": self.orientation,
            "bytes": self.size,
            "findings": [finding.as_dict() for finding in self.findings],
            "residuals": list(self.residual_stats),
        }


def view_of(raw: Raw, limits: Limits) -> memoryview:
    """A flat view of what a caller handed in; of a copy where another thread could change it meanwhile.

    Args:
        raw: the file.
        limits: what it may cost; a file above them is not copied.

    Raises:
        TypeError: it is not bytes-like.
        LimitExceeded: it is too long.
    """
    if not isinstance(raw, bytes | bytearray | memoryview):
        raise TypeError(f"an image is bytes, bytearray or memoryview, not {type(raw).__name__}")
    view = memoryview(raw)
    limits.check("max_bytes", view.nbytes)
    if not isinstance(view.obj, bytes) or not view.c_contiguous:  # a read-only view of a bytearray changes with it
        return memoryview(view.tobytes())
    return view if view.format == "B" and view.ndim == 1 else view.cast("B")


def open_container(
    view: memoryview, limits: Limits, earlier: Container[Any] | None = None
) -> tuple[FormatRow[Any], Container[Any]]:
    """Sniff and parse, with every limit checked and every foreign exception kept in.

    Args:
        view: the file.
        limits: what it may cost.
        earlier: where ``view`` is the rewrite of another file: what that one was.

    Raises:
        InputError: the bytes are no image that can be handled.
    """
    limits.check("max_bytes", len(view))
    row = sniff(view)
    walker = row.load()
    if earlier and walker.parse_again and row.format.name == earlier.format:
        return row, walker.parse_again(view, limits, earlier)
    return row, walker.parse(view, limits)


def open_source(view: memoryview, limits: Limits) -> Container[Any]:
    """Sniff and parse what is to be decoded, without reading coded data where a format permits that.

    Formats that are never written are taken too.

    Raises:
        InputError: the bytes are no image that can be handled.
    """
    limits.check("max_bytes", len(view))
    row = sniff_source(view)
    if isinstance(row, DecodeOnlyRow):
        return row.parse(view, limits)
    walker = row.load()
    return (walker.parse_headers or walker.parse)(view, limits)


def completed(view: memoryview, limits: Limits, repair: str) -> tuple[memoryview, Completed | None]:
    """The file, or where rows are missing and ``repair`` is "complete" one in which they are filled.

    Raises:
        InputError: the bytes are no image that can be handled, or fewer than half of the rows are there.
    """
    if repair != "complete":
        return view, None
    limits.check("max_bytes", len(view))
    try:
        sniff_source(view).parse(view, limits)
    except MalformedImage:
        done = complete(view, limits)
        return memoryview(done.data), done
    return view, None


def repair_stats(done: Completed | None) -> dict[str, RepairStats]:
    """What a report says about rows that were filled."""
    return {} if done is None else {"repaired": {"rows": done.rows, "rows_kept": done.kept}}


def findings(
    view: memoryview,
    container: Container[Any],
    limits: Limits,
    values: bool = False,
    accepted: frozenset[Role] = HARMLESS,
) -> tuple[Finding, ...]:
    """Every part outside the allow-list, and what its payload says as far as the limits go.

    Args:
        view: the file.
        container: what was parsed of it.
        limits: what reading it may cost.
        values: whether findings carry what they say.
        accepted: the allow-list.
    """
    outside = [part for part in container.parts if part.role not in accepted]
    if not outside:
        return ()
    from rmexif.metadata import ReadBudget, explain  # not for a clean file, as each output is

    found: list[Finding] = []
    budget = ReadBudget(limits)
    for part in outside:
        if part.payload:
            found += explain(part, bytes(part.body(view)), values, budget)
        else:
            found.append(Finding(part.label, _ROLES.get(part.role, Category.UNKNOWN), part.length))
    return tuple(found)


def describe(view: memoryview, container: Container[Any], found: tuple[Finding, ...]) -> Inspection:
    """An inspection of a file, with its findings."""
    return Inspection(
        container.format,
        container.width,
        container.height,
        container.frames,
        container.orientation,
        len(view),
        found,
        (Residual.PIXELS, *container.residuals),
        tuple(residuals(container.residuals, container)),
    )


def summary(found: Iterable[Finding]) -> list[FindingStats]:
    """Kinds, counts and sizes of findings, never a value: one row per place and category."""
    rows: dict[tuple[str, str], FindingStats] = {}
    for finding in found:
        key = (finding.where, finding.category.value)
        row = rows.setdefault(key, {"where": key[0], "category": key[1], "count": 0, "bytes": 0})
        row["count"] += 1
        row["bytes"] += finding.length
    return list(rows.values())


def residuals(codes: Iterable[Residual], container: Container[Any]) -> list[ResidualStats]:
    """What stays in a file, as code and sentence; the picture itself always does."""
    found: list[ResidualStats] = []
    for code in (Residual.PIXELS, *codes):
        size = container.residual_size(code)
        text = code.text if size is None else f"{code.text} ({code.size_text(size)})"
        found.append({"code": code.value, "text": text, "bounded": code.bounded, "bytes": size})
    return found

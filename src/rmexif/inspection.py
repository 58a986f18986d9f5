"""Readings of one parse: what is in a file, what is left of it after a rewrite, and whether anything is left.

``inspect`` reports; ``rewrite`` cleans without touching a pixel; ``verify_clean`` is the gate that every output of
strip and scrub passes. All go by the same allow-list: the roles in ``types.CLEAN``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rmexif.containers import sniff
from rmexif.errors import InputError, VerificationError, error_boundary
from rmexif.metadata import payloads
from rmexif.residuals import Residual
from rmexif.types import CLEAN, Category, Container, Finding, Limits, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rmexif.containers import FormatRow

__all__ = [
    "Inspection",
    "findings",
    "inspect",
    "open_container",
    "verify_clean",
    "find_leftovers",
    "residuals",
    "rewrite",
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
            "residuals": [residual.value for residual in self.residuals],
        }


def view_of(raw: Raw) -> memoryview:
    """A flat, read-only view of what a caller handed in.

    Raises:
        TypeError: it is not bytes-like.
    """
    if not isinstance(raw, bytes | bytearray | memoryview):
        raise TypeError(f"an image is bytes, bytearray or memoryview, not {type(raw).__name__}")
    view = memoryview(raw)
    if view.format != "B" or view.ndim != 1:
        view = memoryview(view.tobytes()) if not view.c_contiguous else view.cast("B")
    return view.toreadonly()


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
    module = sniff(view)
    if earlier and module.parse_again and module.format.name == earlier.format:
        return module, module.parse_again(view, limits, earlier)
    return module, module.parse(view, limits)


def findings(view: memoryview, container: Container[Any], values: bool = False) -> tuple[Finding, ...]:
    """Every part outside the allow-list, and what its payload says."""
    found: list[Finding] = []
    for part in container.parts:
        if part.role in CLEAN:
            continue
        if part.payload:
            found += payloads.explain(part, bytes(part.body(view)), values)
        else:
            found.append(Finding(part.label, _ROLES.get(part.role, Category.UNKNOWN), part.length))
    return tuple(found)


def find_leftovers(
    view: memoryview, limits: Limits, earlier: Container[Any] | None = None
) -> tuple[Container[Any], tuple[Finding, ...]]:
    """What a file still carries: parts outside the allow-list, or bytes that a clean rewrite would not have.

    The second test needs no list at all: a clean file is one that a rewrite leaves as it is.
    """
    module, container = open_container(view, limits, earlier)
    found = findings(view, container)
    if not found:
        again = module.rewrite(view, container)
        if not _same(again, view):
            found = (Finding(container.format, Category.UNKNOWN, abs(len(view) - sum(map(len, again)))),)
    return container, found


def inspect(raw: Raw, *, values: bool = False, limits: Limits | None = None) -> Inspection:
    """Say what a file would give away, without changing or decoding it.

    Args:
        raw: the file.
        values: whether findings carry what they say (coordinates, names, dates), as escaped text.
        limits: what one image may cost.

    Raises:
        InputError: the bytes are no image that can be handled.
    """
    view = view_of(raw)
    with error_boundary():
        _, container = open_container(view, limits or Limits())
        return Inspection(
            container.format,
            container.width,
            container.height,
            container.frames,
            container.orientation,
            len(view),
            findings(view, container, values),
            (Residual.PIXELS, *container.residuals),
        )


def rewrite(view: memoryview, limits: Limits) -> tuple[bytes, Container[Any], Container[Any]]:
    """The clean rewrite of a file, proven: nothing gets out that verify() would complain about.

    Returns:
        The clean file, what was parsed, and what the clean file is.

    Raises:
        InputError: the file cannot be parsed.
        VerificationError: the rewrite did not pass its own check.
    """
    module, container = open_container(view, limits)
    pieces = module.rewrite(view, container)
    data = b"".join(pieces)
    if all(part.role in CLEAN for part in container.parts) and _same(pieces, view):
        return (
            data,
            container,
            container,
        )  # a fixed point already: parsing the same bytes again would verify_clean nothing new
    return data, container, verify_clean(data, limits, container)


def verify_clean(data: bytes, limits: Limits, earlier: Container[Any] | None = None) -> Container[Any]:
    """Let nothing out that verify() would complain about.

    Raises:
        VerificationError: the output still carries something, or cannot be read back.
    """
    try:
        container, left = find_leftovers(memoryview(data), limits, earlier)
    except InputError as error:
        raise VerificationError(f"the output cannot be read back: {error}") from error
    if left:
        raise VerificationError(f"the output still carries {len(left)} parts, the first is {left[0].where}")
    return container


def summary(found: Iterable[Finding]) -> list[dict[str, Any]]:
    """Kinds, counts and sizes of findings, never a value: one row per place and category."""
    rows: dict[tuple[str, str], dict[str, Any]] = {}
    for finding in found:
        key = (finding.where, finding.category.value)
        row = rows.setdefault(key, {"where": key[0], "category": key[1], "count": 0, "bytes": 0})
        row["count"] += 1
        row["bytes"] += finding.length
    return list(rows.values())


def _same(pieces: Sequence[bytes | memoryview], view: memoryview) -> bool:
    """Whether the pieces make up ``view``; compared as memory, not byte by byte as memoryviews are."""
    if sum(map(len, pieces)) != len(view):
        return False
    whole = view.obj if isinstance(view.obj, bytes) and len(view.obj) == len(view) and view.contiguous else bytes(view)
    at = 0
    for piece in pieces:
        if not whole.startswith(piece, at):
            return False
        at += len(piece)
    return True


def residuals(codes: Iterable[Residual]) -> list[dict[str, str]]:
    """What stays in a file, as code and sentence; the picture itself always does."""
    return [{"code": code.value, "text": code.text} for code in (Residual.PIXELS, *codes)]

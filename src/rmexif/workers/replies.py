"""What an honest worker can answer: its report and its image are proven here, before anything believes them.

The image passes the same gate as any output, in this process; hashes, sizes and formats are computed again; numbers
and texts are what the report's fields allow. What cannot be proven from outside is a claim: which faces were covered,
and what the input held.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, NotRequired, TypedDict

from rmexif import containers, credit, inspection, lossless
from rmexif.errors import RmexifError, VerificationError
from rmexif.native import sha256
from rmexif.residuals import Residual
from rmexif.stats import FaceStats, ResidualStats, Stats
from rmexif.types import Category, Limits
from rmexif.workers.channel import Bounds, Reply
from rmexif.workers.schema import mismatch

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from rmexif.credit import Selection
    from rmexif.policy import Policy
    from rmexif.types import Finding

__all__ = ["Expected", "error_of", "error_values", "proven"]

Mode = Literal["scrub", "strip", "preview", "dry run", "inspect", "verify"]
IMAGES = frozenset({"scrub", "strip", "preview"})
MAX_MESSAGE = 2000  # characters of an error
BASE_TEXT, TEXT_PER_BYTE, MAX_TEXT = 1 << 20, 64, 64 << 20  # byte of a report: so much, for each byte of input, at most
RESIDUALS = {residual.value: residual for residual in Residual}
CATEGORIES = frozenset(category.value for category in Category)


class FoundStats(TypedDict):
    """A finding of ``inspect`` or ``verify``."""

    where: str
    category: str
    length: int
    value: NotRequired[str]


class InspectionStats(TypedDict):
    """The report of ``inspect``."""

    format: str
    width: int
    height: int
    frames: int
    orientation: int
    bytes: int
    findings: list[FoundStats]
    residuals: list[ResidualStats]


class VerificationStats(TypedDict):
    """The report of ``verify``."""

    clean: bool
    findings: list[FoundStats]


@dataclass(frozen=True, slots=True, kw_only=True)
class Expected:
    """What the answer to one job must be.

    Args:
        mode: of the report.
        limits: what an image may cost, an output too.
        output: format of the image; None: that of the input.
        is_changed: the image must not be the input again.
        selection: what may be in an image beside the picture, from the input or set.
        repair: as in the policy.
        canonical: what a clean file must be, of ``verify``: to the byte what ``strip`` would write.
    """

    mode: Mode
    limits: Limits
    output: str | None = None
    is_changed: bool = False
    selection: Selection | None = None
    repair: str = "refuse"
    canonical: bool = False

    @classmethod
    def of_policy(cls, mode: Mode, policy: Policy) -> Expected:
        """What a policy asks for."""
        return cls(
            mode=mode,
            limits=policy.limits,
            output=policy.output,
            is_changed=policy.stealth and mode == "scrub",
            selection=policy.selection if mode == "scrub" else None,
            repair=policy.repair,
        )

    def bounds(self, size: int, until: float | None) -> Bounds:
        """How large the answer for an input of ``size`` bytes may be, and until when it may come."""
        text = min(MAX_TEXT, BASE_TEXT + TEXT_PER_BYTE * size)
        return Bounds(text, self.limits.max_bytes if self.mode in IMAGES else 0, until)


def proven(reply: Reply, raw: memoryview, expected: Expected) -> tuple[bytes | None, dict[str, Any]] | RmexifError:
    """The image and the report of a reply, once everything in them that can be proven holds; or its error.

    Args:
        reply: what came.
        raw: the input.
        expected: what was asked for.

    Raises:
        VerificationError: something does not hold; nothing of the reply may be used.
    """
    if "error" in reply.values:
        return error_of(reply.values["error"])
    report = reply.values.get("report")
    if (wrong := mismatch(report, _report_type(expected.mode))) is not None:
        raise _refusal(wrong)
    assert isinstance(report, dict)
    if (reply.data is not None) != (expected.mode in IMAGES):
        raise _refusal("image")
    for name, holds in _facts(reply.data, report, raw, expected):
        if not holds:
            raise _refusal(name)
    return reply.data, report


def error_values(error: RmexifError) -> dict[str, Any]:
    """An error as plain JSON: its code, its message and those of its fields that are plain values."""
    fields = {name: value for name, value in error.facts().items() if _is_field(error, name, value)}
    message = "".join(sign if sign.isprintable() else "?" for sign in str(error)[:MAX_MESSAGE])
    return {"code": error.code, "message": message, "fields": fields}


def error_of(values: Any) -> RmexifError:
    """The error that a worker sent, as an object of the class that has its code here.

    A class of somebody's own needs a code of its own to arrive as itself; else it arrives as the class above it.

    Raises:
        VerificationError: it is no such error.
    """
    if not isinstance(values, dict) or values.keys() != {"code", "message", "fields"}:
        raise _refusal("error")
    code, message, fields = values["code"], values["message"], values["fields"]
    kind = dict(_kinds(RmexifError)).get(code) if isinstance(code, str) else None
    if kind is None or not isinstance(message, str) or not isinstance(fields, dict) or not _is_text(message):
        raise _refusal("error")
    error = kind.from_facts(message, {})
    if not all(_is_field(error, name, value) for name, value in fields.items()):
        raise _refusal("error")
    return kind.from_facts(message, fields)


def _facts(
    data: bytes | None, report: Mapping[str, Any], raw: memoryview, expected: Expected
) -> Iterator[tuple[str, bool]]:
    """What must hold beside types, cheapest first: the name of a field, and whether it does."""
    width, height, frames = (report.get(name, 1) for name in ("width", "height", "frames"))
    yield "width", min(width, height) > 0 and width * height <= expected.limits.max_pixels
    yield "frames", 0 < frames <= expected.limits.max_frames
    yield "findings", all(found["category"] in CATEGORIES for found in report["findings"])
    yield "residuals", all(_is_residual(residual) for residual in report.get("residuals", ()))
    if expected.mode == "verify":
        yield "clean", report["clean"] == (not report["findings"])
        yield "clean", not report["clean"] or not _leftovers(raw, expected)
        return
    yield "format", report["format"] == _format_of(raw)
    if expected.mode == "inspect":
        yield "bytes", report["bytes"] == len(raw)
        return
    yield "mode", report["mode"] == expected.mode
    yield "faces", all(_is_inside(face, width, height, expected.limits) for face in report.get("faces", ()))
    yield "original_size", report["original_size"] == len(raw)
    original, new = sha256.hexdigests(raw, data or b"")
    yield "original_hash", report["original_hash"] == original
    yield "metadata_removed", report["metadata_removed"] == (data is not None)
    if data is not None:
        yield from _facts_of_image(data, report, (original, new), expected)
        yield "credit", not expected.selection or _has_credit_of(raw, data, expected)


def _leftovers(raw: memoryview, expected: Expected) -> Sequence[Finding]:
    limits, selection, canonical = expected.limits, expected.selection, expected.canonical
    return lossless.leftovers(raw, limits=limits, selection=selection, canonical=canonical)


def _facts_of_image(
    data: bytes, report: Mapping[str, Any], hashes: tuple[str, str], expected: Expected
) -> Iterator[tuple[str, bool]]:
    original, new = hashes
    yield "new_hash", report.get("new_hash", new) == new
    yield "new_size", report.get("new_size", len(data)) == len(data)
    yield "file_hash_changed", report.get("file_hash_changed", new != original) == (new != original)
    yield "image", not expected.is_changed or new != original
    try:
        container = lossless.prove(data, limits=expected.limits, selection=expected.selection)
    except RmexifError:
        yield "image", False
        return
    kept = report["format"] if expected.mode == "strip" else containers.output_for(report["format"], report["frames"])
    asked = expected.output or kept
    yield "output_format", report.get("output_format") == container.format == asked
    for name, length in (("output_width", container.width), ("output_height", container.height)):
        yield name, report.get(name, length) == length


def _format_of(raw: memoryview) -> str | None:
    try:
        row = containers.sniff_source(raw)
    except RmexifError:
        return None
    return row.name if isinstance(row, containers.DecodeOnlyRow) else row.format.name


def _has_credit_of(raw: memoryview, data: bytes, expected: Expected) -> bool:
    """Whether an image, which is proven, says of the fields that were asked for what its input says of them."""
    assert expected.selection is not None
    source = inspection.completed(raw, expected.limits, expected.repair)[0]
    wanted = credit.choose(source, inspection.open_source(source, expected.limits), expected.selection)
    view = memoryview(data)
    _, container = inspection.open_container(view, expected.limits)
    return credit.says(view, container, credit.for_output(wanted, container.format))


def _report_type(mode: Mode) -> Any:
    return {"inspect": InspectionStats, "verify": VerificationStats}.get(mode, Stats)


def _is_inside(face: FaceStats, width: int, height: int, limits: Limits) -> bool:
    """Whether a detection lies in its picture; pages after the first have sizes of their own."""
    if len(face["box"]) != 4 or len(face["region"]) != 4 or not 0 <= face["confidence"] <= 1:
        return False
    if face.get("frame", 0):
        width = height = limits.max_pixels
    left, top, right, bottom = face["box"]
    return 0 <= left < right <= width and 0 <= top < bottom <= height


def _is_residual(residual: ResidualStats) -> bool:
    known = RESIDUALS.get(residual["code"])
    return known is not None and residual["text"].startswith(known.text) and residual["bounded"] == known.bounded


def _kinds(kind: type[RmexifError]) -> Iterator[tuple[str, type[RmexifError]]]:
    """Codes and their classes, those above last, so that they win where a code comes twice."""
    for below in kind.__subclasses__():
        yield from _kinds(below)
    yield kind.code, kind


def _is_field(error: RmexifError, name: Any, value: Any) -> bool:
    """Whether an error may carry it: a plain value under a name that no class has a meaning for."""
    plain = value is None or isinstance(value, bool | int | float) or (isinstance(value, str) and _is_text(value))
    return plain and isinstance(name, str) and name.isidentifier() and name[0] != "_" and not hasattr(type(error), name)


def _is_text(text: str) -> bool:
    return len(text) <= MAX_MESSAGE and text.isprintable()


def _refusal(name: str) -> VerificationError:
    return VerificationError(f"the answer of a worker process does not hold: {name}")

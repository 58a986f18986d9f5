"""Inspect, verify and clean without touching a pixel: the container's rewrite, and what takes a codec to see."""

from __future__ import annotations

import hashlib
import time
from itertools import chain
from typing import TYPE_CHECKING, Any, Literal

from rmexif import inspection, lowest_bits, native, verification
from rmexif.errors import VerificationError, error_boundary
from rmexif.native import sha256
from rmexif.residuals import Residual
from rmexif.stats import VERSION, CreditStats, Stats
from rmexif.types import Finding, Limits

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from rmexif.credit import Selection
    from rmexif.types import Container

__all__ = ["inspect", "leftovers", "prove", "strip", "verify"]


def strip(
    raw: inspection.Raw,
    *,
    limits: Limits | None = None,
    thorough: bool = False,
    repair: Literal["refuse", "complete"] = "refuse",
    keep: str | Iterable[str] = (),
    set: Mapping[str, str] | Iterable[str] = (),  # noqa: A002 - as Policy calls it
) -> tuple[bytes, Stats]:
    """Remove everything that is not picture, without touching a pixel.

    The same input gives the same output, and a second strip changes nothing. The colour of fully transparent pixels
    is cleared: nobody sees it, everybody can read it.

    Args:
        raw: the file.
        limits: what one image may cost.
        thorough: prove by decoding that JPEG XL, AVIF and HEIC hold no bytes behind their last codes; this costs two
            decodes of an honest picture, or of each section of a JPEG XL file.
        repair: "complete" fills rows that are missing with grey, where at least half are there; ``stats["repaired"]``
            says how many.
        keep: names of what stays, written anew from judged values: ``credit.KEEP_NAMES``.
        set: values that are written whatever the file says, by names of fields.

    Returns:
        The clean file and a JSON-ready report: kinds, counts and sizes of what was removed, never values.

    Raises:
        TypeError: ``raw`` is not bytes-like.
        InputError: the bytes are no image that can be handled.
        InvalidPolicy: ``keep`` or ``set`` has an unknown name, or a value that may not be written.
        VerificationError: the clean file did not pass its own check.
    """
    view = inspection.view_of(raw, limits or Limits())
    selection = _selection(keep, set)
    with error_boundary():
        source, done = inspection.completed(view, limits or Limits(), repair)
        data, stats = _strip(source, limits or Limits(), thorough, selection)
        if done is not None:
            stats["original_size"], stats["original_hash"] = len(view), hashlib.sha256(view).hexdigest()
            stats |= inspection.repair_stats(done)  # type: ignore[typeddict-item]
        return data, stats


def inspect(raw: inspection.Raw, *, values: bool = False, limits: Limits | None = None) -> inspection.Inspection:
    """Say what a file would give away, without changing it.

    It finds what ``verify`` finds. Nothing is decoded, unless the compiled core is missing and the file is WebP.

    Args:
        raw: the file.
        values: whether findings carry what they say (coordinates, names, dates), as escaped text.
        limits: what one image may cost.

    Raises:
        TypeError: ``raw`` is not bytes-like.
        InputError: the bytes are no image that can be handled.
    """
    view = inspection.view_of(raw, limits or Limits())
    with error_boundary():
        container, found = _identifying(view, limits or Limits(), values)
        return inspection.describe(view, container, found)


def verify(
    raw: inspection.Raw,
    *,
    limits: Limits | None = None,
    thorough: bool = False,
    canonical: bool = False,
    keep: str | Iterable[str] = (),
) -> list[Finding]:
    """What in a file could identify somebody; an empty list means nothing.

    What no reader of rmexif understands is a finding, too. How a common encoder wrote the picture is none: the level
    of compression, the order of chunks, a density of 96 dpi.

    Args:
        raw: the file.
        limits: what one image may cost.
        thorough: look for bytes behind the last codes of JPEG XL, AVIF and HEIC too, by decoding.
        canonical: ask for more: whether the file is, to the byte, what ``strip`` would write.
        keep: names of what may be in it, in the form in which ``strip`` writes it and in no other.

    Raises:
        TypeError: ``raw`` is not bytes-like.
        InputError: the bytes are no image that can be handled.
        InvalidPolicy: ``keep`` has an unknown name.
    """
    limits = limits or Limits()
    view = inspection.view_of(raw, limits)
    selection = _selection(keep)
    with error_boundary():
        found = leftovers(view, limits=limits, selection=selection, canonical=canonical)
        if not found and thorough:
            from rmexif import coded_tail

            data, _, clean = verification.rewrite(view, limits)
            found = coded_tail.find_tails(data, clean, limits)
        return list(found)


def leftovers(
    view: memoryview, *, limits: Limits, selection: Selection | None, canonical: bool = False
) -> Sequence[Finding]:
    """What ``verify`` finds, where the names in ``keep`` were looked up before."""
    with error_boundary():
        rest, found = _split_credit(view, limits, selection)
        if found is not None:
            return found
        return (_leftovers if canonical else _identifying)(rest, limits)[1]


def prove(data: bytes, *, limits: Limits, selection: Selection | None = None) -> Container[Any]:
    """What a clean file is; one that is not, to the byte, what ``strip`` would write is refused.

    Args:
        data: the file.
        limits: what it may cost.
        selection: what may be in it beside the picture.

    Raises:
        VerificationError: something is left in it.
        InputError: the bytes are no image that can be handled.
    """
    with error_boundary():
        rest, beyond = _split_credit(memoryview(data), limits, selection)
        container, found = _leftovers(rest, limits)
    found = found if beyond is None else beyond
    if found:
        raise VerificationError(f"the file still carries {len(found)} parts, the first is {found[0].where}")
    return container


def _selection(keep: str | Iterable[str], own: Mapping[str, str] | Iterable[str] = ()) -> Selection | None:
    """What is asked for; None where that is nothing, which needs no table."""
    if not keep and not own:
        return None
    from rmexif import credit

    return credit.selection(keep, own)


def _split_credit(
    view: memoryview, limits: Limits, selection: Selection | None
) -> tuple[memoryview, Sequence[Finding] | None]:
    """The file without a credit that may be in it; of one in another form, the file and all that goes beyond it."""
    if not selection:
        return view, None
    from rmexif import credit

    rest, allowed = credit.without_credit(view, limits, selection)
    if not allowed:
        return rest, None
    container, found = verification.find_leftovers(rest, limits)
    return rest, credit.beyond(found, allowed, container.format)


def _leftovers(view: memoryview, limits: Limits) -> tuple[Container[Any], Sequence[Finding]]:
    """What is not, to the byte, as ``strip`` would write it."""
    container, found = verification.find_leftovers(view, limits)
    return container, found or _behind_codes(view, container)


def _identifying(view: memoryview, limits: Limits, values: bool = False) -> tuple[Container[Any], tuple[Finding, ...]]:
    """What ``inspect`` and ``verify`` find."""
    row, container = inspection.open_container(view, limits)
    found = verification.find_identifying(view, limits, row, container, values=values)
    if container.format == "webp":
        data, clean = verification.rewrite_parsed(view, limits, row, container)
        found += _behind_codes(memoryview(data), clean, canonical=False)
    return container, found


def _behind_codes(view: memoryview, clean: Container[Any], *, canonical: bool = True) -> tuple[Finding, ...]:
    """What only a codec takes out of the pictures of a clean WebP file."""
    if clean.format != "webp":
        return ()
    from rmexif import webp_recode

    return webp_recode.leftovers(view, clean, canonical=canonical)


def _strip(view: memoryview, limits: Limits, thorough: bool, selection: Selection | None) -> tuple[bytes, Stats]:
    started = time.perf_counter()
    data, container, clean = verification.rewrite(view, limits)
    removed = list(inspection.findings(view, container, limits))
    if thorough:
        from rmexif import coded_tail

        shortened = coded_tail.shorten(data, clean, limits)
        data, clean = shortened.data, shortened.container
        removed += shortened.findings
    data, clean, residuals, hidden = _recoded(data, clean, limits)
    removed += hidden
    kept: CreditStats | None = None
    if selection:
        data, kept = _with_credit(view, container, (data, clean), limits, selection)
    old_hash, new_hash = _hashes(view, data)
    stats: Stats = {
        "stats_version": VERSION,
        "mode": "strip",
        "engine": native.engine(),
        "thorough": thorough,
        "format": container.format,
        "output_format": clean.format,
        "width": container.width,
        "height": container.height,
        "frames": clean.frames,
        "orientation": clean.orientation,
        "metadata_removed": True,  # verification.rewrite() has proved it, or no bytes would be here
        "findings": inspection.summary(removed),
        "findings_count": len(removed),
        "residuals": inspection.residuals(sorted(residuals), clean),
        "original_size": len(view),
        "new_size": len(data),
        "original_hash": old_hash,
        "new_hash": new_hash,
        "processing_time_ms": 0.0,
    }
    if kept is not None:
        stats |= _credit_stats(kept, clean, residuals)  # type: ignore[typeddict-item]
    stats["processing_time_ms"] = round((time.perf_counter() - started) * 1e3, 3)
    return data, stats


def _hashes(view: memoryview, data: bytes) -> tuple[str, str]:
    """The SHA-256 of a file and of its clean copy."""
    if len(data) == len(view) and data.startswith(view):
        both = hashlib.sha256(view).hexdigest()
        return both, both
    return sha256.hexdigests(view, data)


def _with_credit(
    view: memoryview, container: Container[Any], clean: tuple[bytes, Container[Any]], limits: Limits, wanted: Selection
) -> tuple[bytes, CreditStats]:
    """A clean file with what is wanted of its source, and what a report says of that."""
    from rmexif import credit

    return credit.add_credit(*clean, credit.choose(view, container, wanted), limits)


def _credit_stats(kept: CreditStats, clean: Container[Any], residuals: set[Residual]) -> dict[str, Any]:
    """What a report says of a credit, and of what stays in the file where it has one."""
    left = residuals | ({Residual.KEPT_CREDIT} if kept["kept"] else set())
    return {"credit": kept, "residuals": inspection.residuals(sorted(left), clean)}


def _recoded(
    data: bytes, clean: Container[Any], limits: Limits
) -> tuple[bytes, Container[Any], set[Residual], Sequence[Finding]]:
    """A clean file without what takes a codec to remove; what it is, what stays in it, and what went."""
    found: Sequence[Finding] = ()
    cleared: frozenset[Residual] = frozenset()
    pictures = lowest_bits.of_file(clean)
    if clean.format == "webp":
        from rmexif import webp_recode

        if webp_recode.needs_recoding(clean, len(data)):
            data, found, cleared = webp_recode.recode(data, clean)
            clean = verification.verify_clean(data, limits)
        pictures = chain(lowest_bits.of_file(clean), webp_recode.low_bits(clean))
    residuals = set(clean.residuals) - cleared
    if lowest_bits.has_text(pictures):
        residuals.add(Residual.LOWEST_BITS)
    return data, clean, residuals, found

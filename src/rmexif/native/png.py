"""Picture data of PNG (W3C PNG, third edition): looked into in one pass, cleared and coded again in another.

Neither keeps the picture: rows are unfiltered, checked, cleared and filtered while they are in the cache.
"""

from __future__ import annotations

import ctypes
from typing import TYPE_CHECKING, NamedTuple

from rmexif.native import deflate
from rmexif.native.buffers import scratch
from rmexif.native.deflate import Report
from rmexif.native.library import twin
from rmexif.native.png_layout import KINDS, Layout
from rmexif.native.status import Status

if TYPE_CHECKING:
    from types import ModuleType

__all__ = [
    "Layout",
    "Rewritten",
    "Scanlines",
    "Survey",
    "filter_rows",
    "packed_table",
    "rewrite",
    "specification",
    "survey",
    "unfilter",
]

Buffer = bytes | bytearray | memoryview

SAME = bytes(range(256))  # a palette whose entries stay where they are
FINDINGS = 5  # numbers of png_findings in c/png.h
FACTS = len(Report._fields)


class Survey(NamedTuple):
    """What a picture holds that no decoder shows.

    Attributes:
        status: OK: the stream is complete; OUTPUT_FULL: it has more bytes than the picture; ENDS_EARLY, BAD_CODE,
            BAD_VALUE: it is broken behind ``report.size`` bytes, or a filter does not exist; LIMIT: a hasty survey
            found an invisible colour and went no further; BAD_ARGUMENT: a layout that does not exist.
        rows: whole rows seen, those of all passes.
        unknown_kind: whether a row has a filter that does not exist; nothing behind it was looked at.
        invisible: whether a pixel of alpha 0 has colour.
        padding: rows with bits behind the last pixel.
        keyed: whether a pixel has the colour asked for.
        used: 256 bytes, 1 for a sample that occurs (palettes, and grey of less than 8 bits).
        report: what the stream turned out to be.
    """

    status: Status
    rows: int
    unknown_kind: bool
    invisible: bool
    padding: int
    keyed: bool
    used: bytes
    report: Report


class Rewritten(NamedTuple):
    """A picture coded again.

    Attributes:
        status: OK; else as in Survey, for a picture that is not complete.
        stream: zlib; empty where the status is not OK.
        report: what the stream before turned out to be.
    """

    status: Status
    stream: memoryview
    report: Report


class Scanlines(NamedTuple):
    """The rows of all passes, one behind the other.

    Attributes:
        status: OK; ENDS_EARLY: rows are missing; BAD_VALUE: a filter does not exist; BAD_ARGUMENT: no such layout.
        pixels: rows without filters (``unfilter``), or each behind its filter byte (``filter_rows``).
        kinds: the filter of every row (9.2).
    """

    status: Status
    pixels: memoryview
    kinds: bytes


def specification() -> ModuleType:
    """The twin of these functions; it takes numpy, which nothing else here does."""
    from rmexif.native import png_twin

    return png_twin


def _numbers(layout: Layout) -> ctypes.Array[ctypes.c_uint32]:
    return (ctypes.c_uint32 * 5)(*layout)


def packed_table(indices: bytes, depth: int) -> bytes:
    """A table for samples of ``depth`` bits (1, 2, 4 or 8) as a table for bytes that hold several of them."""
    shifts, mask = range(0, 8, depth), (1 << depth) - 1
    return bytes(sum((indices[byte >> shift & mask] & mask) << shift for shift in shifts) for byte in range(256))


_NO_SURVEY = Survey(Status.BAD_ARGUMENT, 0, False, False, 0, False, bytes(256), Report())


def _survey(
    core: ctypes.CDLL, data: Buffer, layout: Layout, key: bytes | None = None, *, hasty: bool = False
) -> Survey:
    if not layout.exists or (key is not None and len(key) != layout.step):
        return _NO_SURVEY
    shape, room, used = _numbers(layout), core.rmexif_png_scratch(_numbers(layout)), bytearray(256)
    findings, report = (ctypes.c_uint64 * FINDINGS)(), (ctypes.c_uint64 * FACTS)()
    status = core.rmexif_png_survey(*(data, len(data), shape, key, hasty, scratch(room), room, used, findings, report))
    rows, unknown_kind, invisible, padding, keyed = findings
    found = bool(unknown_kind), bool(invisible), padding, bool(keyed)
    return Survey(Status(status), rows, *found, bytes(used), Report(*report))


@twin(_survey)
def survey(data: Buffer, layout: Layout, key: bytes | None = None, *, hasty: bool = False) -> Survey:
    """Inflate a picture, audit its stream and look into its pixels.

    Args:
        data: the zlib stream, and what lies behind it.
        layout: of the picture.
        key: samples of a colour to look for, as they stand in a row; one byte for grey of less than 8 bits.
        hasty: stop where a pixel of alpha 0 has colour.
    """
    if not layout.exists or (key is not None and len(key) != layout.step):
        return _NO_SURVEY
    stream = deflate.inflate.python(data, layout.size)
    found = specification().look(stream.data, layout, key)
    status, report, used = stream.status, stream.report, found.used
    if hasty and found.invisible:
        return Survey(Status.LIMIT, 0, False, True, 0, False, bytes(256), Report())
    if found.unknown_kind:
        status, report, used = Status.BAD_VALUE, Report(), bytes(256)
    counts = found.rows, found.unknown_kind, found.invisible, found.padding, found.keyed
    return Survey(status, *counts, used, report)


def _rewrite(core: ctypes.CDLL, data: Buffer, layout: Layout, indices: bytes = SAME) -> Rewritten:
    if not layout.exists:
        return Rewritten(Status.BAD_ARGUMENT, memoryview(b""), Report())
    shape, room = _numbers(layout), core.rmexif_png_scratch(_numbers(layout))
    table, written = packed_table(indices, min(layout.depth, 8)), ctypes.c_size_t()
    report = (ctypes.c_uint64 * FACTS)()
    most = layout.size + layout.size // 128 + 64
    size = min(most, len(data) + len(data) // 8 + 4096)
    while True:
        out = scratch(size)
        status = core.rmexif_png_rewrite(
            *(data, len(data), shape, table, scratch(room), room, out, size, ctypes.byref(written), report)
        )
        if status != Status.OUTPUT_FULL or size == most:
            break
        size = most
    return Rewritten(Status(status), out[: 0 if status else written.value], Report(*report))


@twin(_rewrite)
def rewrite(data: Buffer, layout: Layout, indices: bytes = SAME) -> Rewritten:
    """Code a picture again without what no decoder shows: colour under alpha 0, bits behind the last pixel of a row.

    Filters and symbols stay as they were where they can, see ``deflate.recode``. What follows a complete picture in
    the stream, and how the stream ends, does not matter.

    Args:
        data: the zlib stream, and what lies behind it.
        layout: of the picture.
        indices: a palette's new index for every old one, 256 bytes.
    """
    if not layout.exists:
        return Rewritten(Status.BAD_ARGUMENT, memoryview(b""), Report())
    stream = deflate.inflate.python(data, layout.size, symbols=True)
    if specification().has_unknown_kind(stream.data, layout):
        return Rewritten(Status.BAD_VALUE, memoryview(b""), Report())
    if stream.report.size < layout.size:
        status = Status.ENDS_EARLY if stream.status is Status.OK else stream.status
        return Rewritten(status, memoryview(b""), stream.report)
    table = packed_table(indices, min(layout.depth, 8))
    fresh = specification().cleared(stream.data, layout, table)
    return Rewritten(Status.OK, deflate.recode.python(stream.symbols, fresh), stream.report)


def _unfilter(core: ctypes.CDLL, filtered: Buffer, layout: Layout) -> Scanlines:
    if not layout.exists:
        return Scanlines(Status.BAD_ARGUMENT, memoryview(b""), b"")
    shape, room, rows = _numbers(layout), core.rmexif_png_scratch(_numbers(layout)), ctypes.c_size_t()
    pixels, kinds = scratch(min(layout.pixels_size, len(filtered))), bytearray(min(layout.rows, len(filtered)))
    status = core.rmexif_png_unfilter(
        *(filtered, len(filtered), shape, scratch(room), room, pixels, len(pixels), kinds, len(kinds)),
        ctypes.byref(rows),
    )
    return Scanlines(Status(status), pixels[: layout.pixels_before(rows.value)], bytes(kinds[: rows.value]))


@twin(_unfilter)
def unfilter(filtered: Buffer, layout: Layout) -> Scanlines:
    """Undo the filters (9.2) of an inflated picture; rows before a fault are there."""
    if not layout.exists:
        return Scanlines(Status.BAD_ARGUMENT, memoryview(b""), b"")
    return Scanlines(*specification().unfiltered(filtered, layout))


def _filter_fault(pixels: Buffer, layout: Layout, kinds: bytes | None) -> Scanlines | None:
    """The answer where rows cannot be filtered."""
    status = Status.OK
    if not layout.exists or (kinds is not None and len(kinds) != layout.rows):
        status = Status.BAD_ARGUMENT
    elif len(pixels) < layout.pixels_size:
        status = Status.ENDS_EARLY
    elif kinds is not None and max(kinds) >= KINDS:
        status = Status.BAD_VALUE
    return None if status is Status.OK else Scanlines(status, memoryview(b""), b"")


def _filter_rows(core: ctypes.CDLL, pixels: Buffer, layout: Layout, kinds: bytes | None = None) -> Scanlines:
    fault = _filter_fault(pixels, layout, kinds)
    if fault:
        return fault
    shape, room = _numbers(layout), core.rmexif_png_scratch(_numbers(layout))
    its, filtered = bytearray(kinds or layout.rows), scratch(layout.size)
    status = core.rmexif_png_filter(
        *(pixels, len(pixels), shape, kinds is not None, scratch(room), room, its, len(its), filtered, len(filtered))
    )
    return Scanlines(Status(status), filtered, bytes(its))


@twin(_filter_rows)
def filter_rows(pixels: Buffer, layout: Layout, kinds: bytes | None = None) -> Scanlines:
    """Filter rows as ``unfilter`` gives them.

    Args:
        pixels: the rows.
        layout: of the picture.
        kinds: the filter of every row; by default the ones whose bytes weigh least (12.8), and none for palettes and
            samples of less than 8 bits.
    """
    return _filter_fault(pixels, layout, kinds) or Scanlines(
        Status.OK, *specification().filtered(pixels, layout, kinds)
    )

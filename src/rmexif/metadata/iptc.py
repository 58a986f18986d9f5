"""Photoshop image resources (Photoshop File Formats) and the data sets of IPTC-NAA IIM 4.2 in them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.metadata import tags
from rmexif.metadata.findings import text_of
from rmexif.types import Category, PayloadKind

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.metadata.findings import FindingsBuilder

__all__ = ["IIM_MARKER", "PREFIX", "data_sets", "read", "resources"]

PREFIX = b"Photoshop 3.0\0"  # of an APP13 segment
MAX_ITEMS = 5_000  # resource blocks, or data sets, of one payload
SIGNATURES = frozenset({b"8BIM", b"AgHg", b"PHUT", b"MeSa", b"DCSR"})  # of a resource block
LEAST_DATA_SET = 5  # byte: marker, record, number, size
LEAST_BLOCK = 12  # byte: signature, number, empty name, size
IIM_MARKER = 0x1C  # IIM 4.2, 1.5
EXTENDED = 0x8000  # IIM 4.2, 1.5 c: the size is the length of the length that follows
NESTED_RESOURCES = {
    0x0404: PayloadKind.IPTC,
    0x040F: PayloadKind.ICC,
    0x0422: PayloadKind.EXIF,
    0x0423: PayloadKind.EXIF,
    0x0424: PayloadKind.XMP,
}


def read(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Add what image resource blocks say, or the data sets of IIM alone.

    Raises:
        MalformedImage: a block or a data set is broken.
    """
    body = payload.removeprefix(PREFIX)
    if body[:1] == bytes([IIM_MARKER]):
        _read_iim(findings, body, where)
        return
    cursor = Cursor(memoryview(body), "photoshop resource block")
    for number, name, data in resources(cursor):
        _add_resource(findings, number, name, data, where)
    _add_surplus(findings, cursor, where)


def resources(cursor: Cursor) -> Iterator[tuple[int, bytes, memoryview]]:
    """Number, name and data of image resource blocks; the cursor stops behind the last one.

    Raises:
        MalformedImage: a block is broken.
    """
    for _ in range(MAX_ITEMS):
        if cursor.remaining < LEAST_BLOCK:
            return
        if cursor.bytes(4) not in SIGNATURES:
            raise MalformedImage("expected 8BIM", structure=cursor.structure, offset=cursor.offset - 4)
        number, length = cursor.u16(), cursor.u8()
        name = cursor.bytes(length)
        cursor.skip(min(cursor.remaining, 1 - length % 2))
        size = cursor.u32()
        data = cursor.take(size)
        cursor.skip(min(cursor.remaining, size % 2))
        yield number, name, data


def data_sets(cursor: Cursor) -> Iterator[tuple[int, int, memoryview]]:
    """Record, number and data of data sets (IIM 4.2, 1.6); the cursor stops behind the last one.

    Raises:
        MalformedImage: a data set is broken.
    """
    for _ in range(MAX_ITEMS):
        if cursor.remaining < LEAST_DATA_SET or cursor.view[cursor.offset] != IIM_MARKER:
            return
        cursor.skip(1)
        record, number, size = cursor.u8(), cursor.u8(), cursor.u16()
        if size & EXTENDED:
            size = cursor.uint(min(size & ~EXTENDED, 8))
        yield record, number, cursor.take(size)


def _add_resource(findings: FindingsBuilder, number: int, name: bytes, data: memoryview, where: str) -> None:
    """One image resource block."""
    if name.strip(b"\0"):
        findings.add(f"{where}/resource name", Category.TEXT, len(name), text_of(name))
    if number in NESTED_RESOURCES:
        kind = NESTED_RESOURCES[number]
        findings.nest(kind, data, where if kind is PayloadKind.IPTC else f"{where}/{tags.TITLES[kind]}")
        return
    row = tags.RESOURCES.get(number, (f"resource 0x{number:04X}", Category.UNKNOWN))
    if row is not None:
        _add_row(findings, row, data, where)


def _read_iim(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """The data sets of IIM."""
    cursor = Cursor(memoryview(payload), "iptc data set")
    for record, number, data in data_sets(cursor):
        row = tags.IIM.get((record, number), (f"data set {record}:{number}", Category.UNKNOWN))
        if row:
            _add_row(findings, row, data, where)
    _add_surplus(findings, cursor, where)


def _add_row(findings: FindingsBuilder, row: tags.Row, data: memoryview, where: str) -> None:
    label, category = row
    value = None if category is Category.EMBEDDED_IMAGE else text_of(data)
    findings.add(f"{where}/{label}", category, len(data), value)


def _add_surplus(findings: FindingsBuilder, cursor: Cursor, where: str) -> None:
    """What follows the last item, unless it is padding."""
    rest = cursor.take(cursor.remaining)
    if any(rest):
        findings.add(f"{where}/surplus", Category.UNKNOWN, len(rest))

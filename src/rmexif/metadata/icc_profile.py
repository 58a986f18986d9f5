"""What a colour profile says of its makers (ICC.1:2022): header fields, texts and private tags."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.cursor import Cursor
from rmexif.metadata import tags
from rmexif.metadata.findings import MAX_TEXT, text_of
from rmexif.types import Category

if TYPE_CHECKING:
    from rmexif.metadata.findings import FindingsBuilder

__all__ = ["read"]

SEGMENT_PREFIX, SEGMENT_HEAD = b"ICC_PROFILE\0", 14  # of an APP2 segment, with the numbers of the chunk (B.4), byte
# What profiles of colour spaces have in the fields for a device: no camera and no display is meant.
SPACE_SIGNATURES = frozenset((b"IEC ", b"sRGB", b"none", b"ADBE", b"AdRG", b"GOOG", b"lcms", b"saws", b"ROMM"))
SPACE_NAMES = ("IEC http", "IEC 61966", "sRGB", "Adobe RGB", "Display P3", "http://www.iec.ch")
HEADER = 128  # byte (7.2)
DATE = "ProfileDateTime"
FIELDS = (  # 7.2: name, category, first byte, first byte after
    ("ProfileCMMType", Category.SOFTWARE, 4, 8),
    (DATE, Category.TIME, 24, 36),
    ("PrimaryPlatform", Category.SOFTWARE, 40, 44),
    ("DeviceManufacturer", Category.DEVICE, 48, 52),
    ("DeviceModel", Category.DEVICE, 52, 56),
    ("ProfileCreator", Category.SOFTWARE, 80, 84),
    ("ProfileID", Category.SOFTWARE, 84, 100),  # a digest of the profile itself (7.2.18)
    ("reserved", Category.UNKNOWN, 100, 128),
)


def read(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Add the header fields that are set, and the tags that are no colour.

    Raises:
        MalformedImage: the header or the tag table is cut short.
    """
    body = payload[SEGMENT_HEAD:] if payload.startswith(SEGMENT_PREFIX) else payload
    cursor = Cursor(memoryview(body), "icc tag table", HEADER)
    for label, category, start, end in FIELDS:
        data = body[start:end]
        if any(data):
            category = Category.SOFTWARE if data in SPACE_SIGNATURES else category
            findings.add(f"{where}/{label}", category, len(data), _date(data) if label == DATE else text_of(data))
    for _ in range(min(cursor.u32(), icc.MAX_TAGS)):
        tag, offset, size = cursor.bytes(4), cursor.u32(), cursor.u32()
        row = tags.PROFILE.get(tag, ("private tag", Category.UNKNOWN))
        if row:
            text = _text(body[offset : offset + size])
            is_space = row[1] is Category.DEVICE and text.startswith(SPACE_NAMES)
            findings.add(f"{where}/{row[0]}", Category.SOFTWARE if is_space else row[1], size, text)


def _date(data: bytes) -> str:
    """A dateTimeNumber (4.2)."""
    return "{}:{:02}:{:02} {:02}:{:02}:{:02}".format(*struct.unpack(">6H", data))


def _text(tag: bytes) -> str:
    """The text of a ``desc``, ``text`` or ``mluc`` tag (10.15, 10.24), else its bytes."""
    if tag[:4] == b"mluc" and len(tag) >= 28:
        size, offset = struct.unpack(">II", tag[20:28])
        return tag[offset : offset + min(size, MAX_TEXT)].decode("utf-16-be", "replace")
    if tag[:4] == b"desc":
        return text_of(tag[12 : 12 + int.from_bytes(tag[8:12], "big")].partition(b"\0")[0])
    return text_of(tag[8:])

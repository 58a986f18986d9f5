"""What the headers of formats that are only decoded say of a picture's size, in px."""

from __future__ import annotations

from typing import NamedTuple

from rmexif.cursor import Cursor
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import MAX_CHANNELS

__all__ = [
    "IconEntry",
    "PictureSize",
    "camera_raw",
    "icon",
    "icon_entries",
    "is_camera_raw",
    "is_icon",
    "is_jpeg2000",
    "is_targa",
    "jpeg2000",
    "photoshop",
    "qoi",
    "targa",
]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ICON_HEADS = (b"\0\0\1\0", b"\0\0\2\0")  # ICO, CUR
MAX_ICONS = 64
SSIZ = 42  # byte of a codestream: of the first component, behind SOC and the fields of SIZ for all of them
JP2 = b"\0\0\0\x0cjP  \r\n\x87\n"
CODESTREAM = b"\xff\x4f\xff\x51"  # SOC, SIZ (ISO/IEC 15444-1, A.4.1 and A.5.1)
MAX_BOXES = 64
PALETTE, TRUE_COLOUR, GREY = (1, 9), (2, 10), (3, 11)  # TGA image types, plain and run-length coded
MAX_SENSOR = 160_000_000  # px: the decoder at hand takes 14 bytes for each of them
MAX_QOI = 1 << 25  # px: the decoder at hand takes about 2 s for so many


def _checked(width: int, height: int, structure: str, offset: int) -> PictureSize:
    if width < 1 or height < 1:
        problem = f"{width} x {height} px, at least one each expected"
        raise MalformedImage(problem, structure=structure, offset=offset)
    return PictureSize(width, height)


def qoi(view: memoryview) -> PictureSize:
    """QOI 1.0: width and height behind the signature."""
    cursor = Cursor(view, "qoi header", 4)
    size = _checked(cursor.u32(), cursor.u32(), "qoi header", 4)
    if size.width * size.height > MAX_QOI:
        problem = f"{size.width * size.height} px, the decoder takes {MAX_QOI}"
        raise LimitExceeded(problem, structure="qoi header", offset=4)
    return size


class PictureSize(NamedTuple):
    """What a picture measures, and what its decoder makes of it."""

    width: int  # px
    height: int  # px
    channels: int = MAX_CHANNELS  # at most
    sample_bytes: int = 1


class IconEntry(NamedTuple):
    """One picture of an icon."""

    offset: int  # byte
    length: int  # byte
    width: int  # px
    height: int  # px
    bits: int  # of a pixel; of a PNG 32


def is_icon(head: bytes) -> bool:
    """The four bytes of ICO or CUR, and at least one entry whose reserved byte is 0."""
    return head[:4] in ICON_HEADS and head[4:6] != b"\0\0" and head[9:10] == b"\0"


def icon_entries(view: memoryview) -> list[IconEntry]:
    """The pictures of an ICO or CUR file, sized by their own headers: those of the directory may lie."""
    cursor = Cursor(view, "ico directory", 4, order="little")
    count = cursor.u16()
    if not 1 <= count <= MAX_ICONS:
        raise MalformedImage(f"{count} pictures, 1 to {MAX_ICONS} expected", structure="ico directory", offset=4)
    entries = []
    for _ in range(count):
        cursor.skip(8)
        length, offset = cursor.u32(), cursor.u32()
        entries.append(_entry(view, offset, length))
    return entries


def _entry(view: memoryview, offset: int, length: int) -> IconEntry:
    """A picture is a PNG file, or a bitmap whose rows and mask stand one above the other."""
    body = Cursor(view, "ico picture", offset, min(len(view), offset + length), order="little")
    head = body.bytes(24)
    if head.startswith(PNG_SIGNATURE):
        size, bits = (int.from_bytes(head[16:20], "big"), int.from_bytes(head[20:24], "big")), 32
    else:
        size = int.from_bytes(head[4:8], "little"), int.from_bytes(head[8:12], "little") // 2
        bits = int.from_bytes(head[14:16], "little")
    checked = _checked(*size, "ico picture", offset)
    return IconEntry(offset, length, checked.width, checked.height, bits)


def icon(view: memoryview) -> PictureSize:
    """The largest picture."""
    largest = max(icon_entries(view), key=lambda entry: entry.width * entry.height)
    return PictureSize(largest.width, largest.height)


def is_jpeg2000(head: bytes) -> bool:
    """A JP2 file or a codestream."""
    return head.startswith((JP2, CODESTREAM))


def jpeg2000(view: memoryview) -> PictureSize:
    """The reference grid less its offset (SIZ, A.5.1) of the first codestream, and its components.

    OpenJPEG holds samples in 32 bits; its peak is that of other decoders for 16 (6 bytes a sample, measured).
    """
    cursor = Cursor(view, "jpeg2000 SIZ", _codestream(view))
    if cursor.bytes(4) != CODESTREAM:
        raise MalformedImage("SOC and SIZ expected", structure="jpeg2000 codestream", offset=cursor.offset - 4)
    cursor.skip(4)
    right, bottom, left, top = (cursor.u32() for _ in range(4))
    size = _checked(right - left, bottom - top, "jpeg2000 SIZ", cursor.offset - 16)
    cursor.skip(16)  # of the tiles
    return size._replace(channels=cursor.u16(), sample_bytes=2)


def jpeg2000_depth(view: memoryview) -> int:
    """Bits of a sample, of the first component (Ssiz, A.5.1)."""
    return (Cursor(view, "jpeg2000 SIZ", _codestream(view) + SSIZ).u8() & 0x7F) + 1


def _codestream(view: memoryview) -> int:
    """Byte where the codestream starts: in a JP2 file the body of the box jp2c (I.5.4)."""
    at = 0
    if bytes(view[:4]) == CODESTREAM[:4]:
        return at
    for _ in range(MAX_BOXES):
        cursor = Cursor(view, "jpeg2000 box", at)
        size, kind = cursor.u32(), cursor.bytes(4)
        if size == 1:
            size = cursor.u64()
        if kind == b"jp2c":
            return cursor.offset
        if size < cursor.offset - at:
            break
        at += size
    raise MalformedImage("no box jp2c", structure="jpeg2000", offset=at)


def is_camera_raw(view: memoryview) -> bool:
    """Whether a TIFF is a camera RAW."""
    from rmexif.containers.tiff import camera_raw

    return camera_raw.is_camera_raw(view)


def camera_raw(view: memoryview) -> PictureSize:
    """The JPEG of full size, or the sensor."""
    from rmexif.containers.tiff.camera_raw import read_camera_raw

    found = read_camera_raw(view)
    if found.preview is None and found.sensor[0] * found.sensor[1] > MAX_SENSOR:
        problem = f"{found.sensor[0]} x {found.sensor[1]} px, the decoder takes {MAX_SENSOR}"
        raise LimitExceeded(problem, structure="raw IFD", offset=0)
    return _checked(*found.size, "raw IFD", 0)


def photoshop(view: memoryview) -> PictureSize:
    """The header of a PSD of version 1 (Adobe Photoshop File Formats Specification)."""
    cursor = Cursor(view, "psd header", 12)
    cursor.skip(2)
    height, width, depth = cursor.u32(), cursor.u32(), cursor.u16()
    if depth not in (1, 8):
        raise UnsupportedFeature(f"{depth} bits a sample, 1 or 8 are handled", structure="psd header", offset=22)
    return _checked(width, height, "psd header", 14)


def is_targa(head: bytes) -> bool:
    """TGA has no signature: a header whose every field agrees (Truevision TGA 2.0, C.3 to C.5)."""
    if len(head) < 18 or head[17] & 0xC0:
        return False
    kind, bits = head[2], head[16]
    if kind in PALETTE:
        return head[1] == 1 and head[7] in (15, 16, 24, 32) and bits == 8 and head[5:7] != b"\0\0"
    if head[1] or any(head[3:8]) or not any(head[12:14]) or not any(head[14:16]):
        return False
    return bits in (16, 24, 32) if kind in TRUE_COLOUR else kind in GREY and bits in (8, 16)


def targa(view: memoryview) -> PictureSize:
    """Fields 5.3 and 5.4."""
    cursor = Cursor(view, "tga header", 12, order="little")
    return _checked(cursor.u16(), cursor.u16(), "tga header", 12)

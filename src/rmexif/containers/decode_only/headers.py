"""What the headers of formats that are only decoded say of a picture's size, in px."""

from __future__ import annotations

import re
from typing import NamedTuple

from rmexif.containers.bmp import signature as bmp_signature
from rmexif.containers.decode_only.jpeg2000 import CODESTREAM, JP2, read_grid
from rmexif.cursor import Cursor
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import MAX_CHANNELS

__all__ = [
    "IconEntry",
    "PictureSize",
    "camera_raw",
    "dib",
    "icon",
    "icon_entries",
    "is_camera_raw",
    "is_dib",
    "is_icon",
    "is_jpeg2000",
    "is_pfm",
    "is_targa",
    "jpeg2000",
    "pfm",
    "photoshop",
    "qoi",
    "targa",
    "with_file_header",
]

PNG_SIGNATURE = b"\x89PNG\r\n\x1a\n"
ICON_HEADS = (b"\0\0\1\0", b"\0\0\2\0")  # ICO, CUR
MAX_ICONS = 64
PALETTE, TRUE_COLOUR, GREY = (1, 9), (2, 10), (3, 11)  # TGA image types, plain and run-length coded
MAX_SENSOR = 160_000_000  # px: the decoder at hand takes 14 bytes for each of them
DIB_SIZES = frozenset(
    {bmp_signature.CORE, *range(bmp_signature.INFO, 57, 4), 64, 108, 124}
)  # as Windows and OS/2 write
DIB_DEPTHS = frozenset({1, 2, 4, 8, 16, 24, 32})
LONGEST_DIB = 4096  # byte: headers and masks
# Netpbm's PFM: colours or grey, width and height, a scale whose sign says the byte order.
PFM = re.compile(rb"P([Ff])\s+(\d{1,9})\s+(\d{1,9})\s+[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?\s")
PFM_HEADER, FLOAT = 128, 4  # byte
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


def is_dib(head: bytes) -> bool:
    """The header of a BMP ([MS-WMF] 2.2.2) without a file header before it: a known size, one plane, a known depth."""
    size = int.from_bytes(head[:4], "little")
    at = 8 if size == bmp_signature.CORE else 12
    planes, bits = (int.from_bytes(head[place : place + 2], "little") for place in (at, at + 2))
    return size in DIB_SIZES and planes == 1 and bits in DIB_DEPTHS


def with_file_header(view: memoryview) -> bytes:
    """The BMP file of a DIB; its rows begin behind the palette."""
    return b"".join((b"BM", bytes(12), view))


def dib(view: memoryview) -> PictureSize:
    """As the header of a BMP says it."""
    from rmexif.containers.bmp.header import read_header

    header = read_header(memoryview(with_file_header(view[:LONGEST_DIB])))
    return PictureSize(header.width, header.rows)


def is_pfm(head: bytes) -> bool:
    """``PF`` or ``Pf``, and numbers."""
    return PFM.match(head[:PFM_HEADER]) is not None


def pfm(view: memoryview) -> PictureSize:
    """The first two numbers; the samples have to be there."""
    match = PFM.match(bytes(view[:PFM_HEADER]))
    if match is None:
        raise MalformedImage("width, height and scale expected", structure="pfm header", offset=0)
    width, height, channels = int(match[2]), int(match[3]), 3 if match[1] == b"F" else 1
    size = _checked(width, height, "pfm header", 3)._replace(channels=channels, sample_bytes=FLOAT)
    needed = width * height * channels * FLOAT
    if len(view) - match.end() < needed:
        problem = f"{needed} bytes of samples expected, {len(view) - match.end()} remain"
        raise MalformedImage(problem, structure="pfm", offset=match.end())
    return size


def is_jpeg2000(head: bytes) -> bool:
    """A JP2 file or a codestream."""
    return head.startswith((JP2, CODESTREAM))


def jpeg2000(view: memoryview) -> PictureSize:
    """The reference grid less its offset (SIZ, A.5.1) of the first codestream, and its components.

    OpenJPEG holds samples in 32 bits; its peak is that of other decoders for 16 (6 bytes a sample, measured).
    """
    grid = read_grid(view)
    size = _checked(grid.width, grid.height, "jpeg2000 SIZ", grid.offset)
    return size._replace(channels=grid.components, sample_bytes=2)


def is_camera_raw(view: memoryview) -> bool:
    """Whether a TIFF is a camera RAW."""
    from rmexif.containers.tiff import camera_raw

    return camera_raw.is_camera_raw(view)


def camera_raw(view: memoryview) -> PictureSize:
    """The JPEG of full size, or the sensor."""
    from rmexif.containers.decode_only.camera_raw import read_camera_raw

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

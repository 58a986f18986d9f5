"""BMP (Windows BITMAPCOREHEADER to BITMAPV5HEADER, OS/2 2.x): one header, a palette, rows, perhaps a profile.

Written afresh: a 40-byte header where that says everything, V4 for calibrated colours, V5 where the picture has an
alpha channel or a profile. No density, no reserved bytes, no gap, no linked profile (it is the path of a file).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rmexif import icc
from rmexif.containers.bmp.rle import Painted, read_rle, write_rle
from rmexif.containers.common.palette import SAME, packed_table, twins, used_values
from rmexif.containers.common.parts import PartBuilder
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.types import Colour, Container, Limits, PayloadKind, Role

__all__ = ["matches", "parse", "rewrite"]

FILE_HEADER = 14  # byte, BITMAPFILEHEADER
CORE, INFO, OS2, V4, V5 = 12, 40, 64, 108, 124  # byte, by which a header is known
SIZES = frozenset({CORE, INFO, 52, 56, OS2, V4, V5})
RGB, RLE8, RLE4, BITFIELDS, JPEG, PNG, ALPHABITFIELDS = range(7)  # biCompression, [MS-WMF] 2.1.1.7
DEPTHS = {
    RGB: (1, 2, 4, 8, 16, 24, 32),
    RLE8: (8,),
    RLE4: (4,),
    BITFIELDS: (16, 24, 32),
    ALPHABITFIELDS: (16, 32),
}
STANDARD_MASKS = (0xFF0000, 0xFF00, 0xFF, 0)
CALIBRATED, EMBEDDED, SRGB = b"\0\0\0\0", b"DEBM", b"BGRs"  # bV5CSType, [MS-WMF] 2.1.1.14, as stored
INTENTS = (1, 2, 4, 8)  # bV5Intent, [MS-WMF] 2.1.1.20
PERCEPTUAL = 4


@dataclass(slots=True)
class _Bitmap:
    width: int = 0
    height: int = 0  # rows; negative: first row on top
    bits: int = 0  # of a pixel
    compression: int = RGB
    masks: tuple[int, ...] = ()  # red, green, blue, alpha
    palette: bytes = b""  # canonical, 4 bytes an entry
    start: int = 0  # first byte of the rows
    end: int = 0
    painted: Painted | None = None  # what run-length codes paint
    rle: bytes | None = None  # canonical codes
    indices: bytes = SAME  # a palette's new index for every old one
    space: bytes = SRGB
    calibration: bytes = bytes(48)  # end points and gamma, canonical
    intent: int = PERCEPTUAL
    profile: bytes | None = None  # clean
    colour: Colour = field(default_factory=Colour)

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return (self.width * self.bits + 31) // 32 * 4


def matches(head: bytes) -> bool:
    """``BM`` and a known header size, or the start of them."""
    return head[:2] == b"BM" and (len(head) < 18 or int.from_bytes(head[14:18], "little") in SIZES)


def parse(view: memoryview, limits: Limits) -> Container[Any]:
    """Read the headers, the palette and the rows, and say what every byte is.

    Raises:
        MalformedImage: a header that contradicts itself, or rows that are not all there.
        UnsupportedFeature: an embedded JPEG or PNG file, or an OS/2 coding.
        LimitExceeded: more pixels than allowed.
    """
    claims = PartBuilder(len(view), limits)
    bitmap = _Bitmap()
    offset, palette_at, entry, colours = _header(view, bitmap, claims)
    limits.check("max_pixels", bitmap.width * abs(bitmap.height))
    bitmap.start = offset or palette_at + entry * colours
    if bitmap.start < palette_at or bitmap.start > len(view):
        raise MalformedImage(f"bmp: the pixels cannot start at byte {bitmap.start}")
    colours = min(colours, (bitmap.start - palette_at) // entry)
    used = _pixels(view, bitmap)
    _palette(view, bitmap, claims, (palette_at, entry, colours), used)
    _claim_pixels(view, bitmap, claims)
    return Container(
        format="bmp",
        width=bitmap.width,
        height=abs(bitmap.height),
        parts=claims.tile(),
        colour=bitmap.colour,
        tree=bitmap,
    )


def _header(view: memoryview, bitmap: _Bitmap, claims: PartBuilder) -> tuple[int, int, int, int]:
    """Fill ``bitmap``; where the pixels and the palette start, bytes of a palette entry, and entries."""
    cursor = Cursor(view, "bmp: header", order="little")
    if cursor.bytes(2) != b"BM":
        raise MalformedImage("bmp: no BM at byte 0")
    cursor.skip(8)
    offset = cursor.u32()
    size = cursor.u32()
    if size not in SIZES:
        raise MalformedImage(f"bmp: no header is {size} bytes long")
    head = size.to_bytes(4, "little") + cursor.bytes(size - 4)
    if size == CORE:
        bitmap.width, bitmap.height, _, bitmap.bits = struct.unpack_from("<HHHH", head, 4)
        compression = colours = 0
    else:
        bitmap.width, bitmap.height, _, bitmap.bits, compression = struct.unpack_from("<iiHHI", head, 4)
        colours = int.from_bytes(head[32:36], "little")
    _check(bitmap, compression, size)
    if compression in (BITFIELDS, ALPHABITFIELDS):
        extra = 4 if compression == ALPHABITFIELDS else 3
        _masks(bitmap, head[40:56] if size >= 52 else cursor.bytes(4 * extra))
    elif bitmap.bits == 16:
        bitmap.masks = (0x7C00, 0x3E0, 0x1F, 0)
    if size >= V4:
        _colour_space(view, bitmap, head, claims)
    _claim_header(view, size, cursor.offset, bitmap, claims)
    if bitmap.bits > 8:
        return offset, cursor.offset, 4, 0
    return offset, cursor.offset, 3 if size == CORE else 4, min(colours or 1 << bitmap.bits, 1 << bitmap.bits)


def _check(bitmap: _Bitmap, compression: int, size: int) -> None:
    """Refuse what is not a bitmap of rows."""
    if compression in (JPEG, PNG) or (size == OS2 and compression > RLE4):
        raise UnsupportedFeature(
            f"bmp: compression {compression} (an embedded JPEG or PNG, or an OS/2 code) is refused"
        )
    if bitmap.bits not in DEPTHS.get(compression, ()):
        raise MalformedImage(f"bmp: {bitmap.bits} bits a pixel do not go with compression {compression}")
    if bitmap.width <= 0 or bitmap.height == 0:
        raise MalformedImage(f"bmp: a picture of {bitmap.width} x {bitmap.height} px")
    if compression in (RLE8, RLE4) and bitmap.height < 0:
        raise MalformedImage("bmp: run-length codes go with rows from the bottom only")
    bitmap.compression = compression


def _masks(bitmap: _Bitmap, raw: bytes) -> None:
    """Take the channel masks; the standard ones need no header field."""
    masks = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
    masks = (*masks, 0)[:4]
    if masks == (0, 0, 0, 0) and bitmap.bits == 32:
        masks = (0xFF0000, 0xFF00, 0xFF, 0xFF000000)
    whole = 0
    for number, mask in enumerate(masks):
        low = mask & -mask
        if (not mask and number < 3) or mask & whole or mask >> bitmap.bits or (mask + low) & mask:
            raise MalformedImage("bmp: the channel masks overlap, are empty or have holes")
        whole |= mask
    bitmap.masks, bitmap.compression = masks, BITFIELDS
    if bitmap.bits == 24:
        if masks[:3] != STANDARD_MASKS[:3]:
            raise UnsupportedFeature("bmp: 24-bit pixels with unusual masks")
        bitmap.masks, bitmap.compression = (), RGB


def _colour_space(view: memoryview, bitmap: _Bitmap, head: bytes, claims: PartBuilder) -> None:
    """V4 and V5: an embedded profile, or end points and gamma where they are plausible; anything else is sRGB."""
    space = head[56:60]
    if space == CALIBRATED:
        _calibration(bitmap, struct.unpack_from("<12I", head, 60))
    if len(head) < V5:
        return
    intent = int.from_bytes(head[108:112], "little")
    start, size = struct.unpack_from("<II", head, 112)
    start += FILE_HEADER
    if not size or start + size > len(view):
        return
    if space == EMBEDDED:
        raw = bytes(view[start : start + size])
        bitmap.profile = icc.clean(raw)
        claims.add(
            "profile", Role.COLOUR if bitmap.profile == raw else Role.METADATA, start, start + size, PayloadKind.ICC
        )
        if bitmap.profile is not None:
            bitmap.space, bitmap.colour = EMBEDDED, Colour(icc=bitmap.profile)
            bitmap.intent = intent if intent in INTENTS else PERCEPTUAL
    elif space == b"KNIL":
        claims.add("profile/path", Role.METADATA, start, start + size, PayloadKind.TEXT)


def _calibration(bitmap: _Bitmap, numbers: tuple[int, ...]) -> None:
    """End points (2.30 fixed point XYZ) and gamma (16.16), rounded to 1/1000, where they describe a display."""
    xyz = [round(number / (1 << 30) * 1000) / 1000 for number in numbers[:9]]
    gamma = [round(number / (1 << 16) * 1000) / 1000 for number in numbers[9:]]
    rows = [xyz[0:3], xyz[3:6], xyz[6:9]]
    sums = [sum(row) for row in rows]
    if len(set(gamma)) != 1 or not 1 <= gamma[0] <= 3 or min(sums) <= 0.05 or max(sums) > 3:
        return
    if min(row[axis] for axis, row in enumerate(rows[:2])) <= 0:
        return
    points = [value for row, total in zip(rows, sums, strict=True) for value in (row[0] / total, row[1] / total)]
    white = [sum(row[axis] for row in rows) / sum(sums) for axis in (0, 1)]
    stored = [round(value * (1 << 30)) for value in xyz] + [round(value * (1 << 16)) for value in gamma]
    bitmap.space, bitmap.calibration = CALIBRATED, struct.pack("<12I", *stored)
    bitmap.colour = Colour(gamma=1 / gamma[0], primaries=(*white, *points))


def _claim_header(view: memoryview, size: int, end: int, bitmap: _Bitmap, claims: PartBuilder) -> None:
    """Structure, but for fields that say more than the picture needs."""
    free = [("reserved", 6, 10)]
    if size >= INFO:
        free.append(("density", 38, 46))
    if size == OS2:
        free.append(("os2", 54, 78))
    if size >= V4 and bitmap.space != CALIBRATED:
        free.append(("calibration", 74, 122))
    if size >= V5:
        free.append(("reserved", 134, 138))
    dirty = [(name, first, last, None) for name, first, last in free if any(view[first:last])]
    claims.fields("header", 0, end, dirty)


def _pixels(view: memoryview, bitmap: _Bitmap) -> frozenset[int]:
    """Find the end of the rows; the palette entries that they use."""
    if bitmap.compression in (RLE8, RLE4):
        data, size = bytes(view[bitmap.start :]), (bitmap.width, bitmap.height)
        bitmap.painted = read_rle(data, *size, nibbles=bitmap.compression == RLE4)
        bitmap.end = bitmap.start + bitmap.painted.length
        return bitmap.painted.used
    row = (bitmap.width * bitmap.bits + 7) // 8
    need = bitmap.stride * (abs(bitmap.height) - 1) + row
    if need > len(view) - bitmap.start:
        raise MalformedImage(f"bmp: {need} bytes of pixels at byte {bitmap.start} run past the end at {len(view)}")
    bitmap.end = min(len(view), bitmap.start + bitmap.stride * abs(bitmap.height))
    return used_values(_rows(view, bitmap), bitmap.width, bitmap.bits) if bitmap.bits <= 8 else frozenset()


def _claim_pixels(view: memoryview, bitmap: _Bitmap, claims: PartBuilder) -> None:
    """Pixels, where they are written as they stand."""
    if bitmap.painted is not None:
        bitmap.rle = write_rle(bitmap.painted, bitmap.indices, nibbles=bitmap.compression == RLE4)
        bitmap.painted = None
    rows = bitmap.rle if bitmap.rle is not None else _rows(view, bitmap).tobytes()
    if rows == view[bitmap.start : bitmap.end]:
        claims.add("pixels", Role.PIXELS, bitmap.start, bitmap.end)
    else:
        why = "codes" if bitmap.rle is not None else "twins" if bitmap.indices != SAME else "padding"
        claims.add(f"pixels/{why}", Role.UNKNOWN, bitmap.start, bitmap.end)


def _rows(view: memoryview, bitmap: _Bitmap) -> np.ndarray:
    """The rows with every bit cleared that belongs to no pixel and no channel."""
    height, stride = abs(bitmap.height), bitmap.stride
    data = bytes(view[bitmap.start : bitmap.end]).ljust(stride * height, b"\0")
    rows = np.frombuffer(data, np.uint8).reshape(height, stride).copy()
    whole, rest = divmod(bitmap.width * bitmap.bits, 8)
    if rest:
        rows[:, whole] &= 0xFF << (8 - rest) & 0xFF
        whole += 1
    rows[:, whole:] = 0
    if bitmap.indices != SAME:
        rows = packed_table(bitmap.indices, bitmap.bits)[rows]
    if bitmap.bits in (16, 32):
        words = rows.view("<u2" if bitmap.bits == 16 else "<u4")
        masks = bitmap.masks or STANDARD_MASKS
        words &= words.dtype.type(sum(masks))
        if masks[3]:
            words[(words & words.dtype.type(masks[3])) == 0] = 0  # colour under full transparency
    return rows


def _palette(
    view: memoryview, bitmap: _Bitmap, claims: PartBuilder, place: tuple[int, int, int], used: frozenset[int]
) -> None:
    """Take the entries that a pixel uses, of equal ones the first; the others and the fourth bytes are zero."""
    start, entry, count = place
    if bitmap.bits > 8:
        return
    source = [bytes(view[at : at + 3]) for at in range(start, start + entry * count, entry)]
    # A grey ramp tells nothing, and decoders show such a picture in another mode: it stays whole.
    ramp = all(colour == bytes([255 * n if count == 2 else n] * 3) for n, colour in enumerate(source))
    bitmap.indices = twins(source, used)
    used = frozenset(bitmap.indices[n] for n in used)
    clean = [colour if ramp or n in used else bytes(3) for n, colour in enumerate(source)]
    bitmap.palette = b"".join(colour + b"\0" for colour in clean)
    for number in range(count):
        at = start + entry * number
        same = source[number] == clean[number] and not any(view[at + 3 : at + entry])
        claims.add("palette" if same else "palette/unused", Role.STRUCTURE if same else Role.UNKNOWN, at, at + entry)


def rewrite(view: memoryview, container: Container[Any]) -> list[bytes | memoryview]:
    """The clean file: header, palette, rows, profile."""
    bitmap: _Bitmap = container.tree
    rows = bitmap.rle if bitmap.rle is not None else _rows(view, bitmap).tobytes()
    alpha = len(bitmap.masks) == 4 and bitmap.masks[3]
    size = V5 if bitmap.profile or alpha else V4 if bitmap.space == CALIBRATED else INFO
    masks = bitmap.masks if bitmap.compression == BITFIELDS else ()
    behind = struct.pack("<3I", *masks[:3]) if size == INFO and masks else b""
    start = FILE_HEADER + size + len(behind) + len(bitmap.palette)
    colours = len(bitmap.palette) // 4
    head = struct.pack(
        "<IiiHHIIIIII",
        *(size, bitmap.width, bitmap.height, 1, bitmap.bits, bitmap.compression, len(rows), 0, 0, colours, 0),
    )
    if size >= V4:
        head += struct.pack("<4I", *(masks or bytes(4))) + bitmap.space + bitmap.calibration
    profile = bitmap.profile or b""
    if size == V5:
        place = (start - FILE_HEADER + len(rows), len(profile)) if profile else (0, 0)
        head += struct.pack("<IIII", bitmap.intent, *place, 0)
    total = start + len(rows) + len(profile)
    return [b"BM", struct.pack("<IHHI", total, 0, 0, start), head, behind, bitmap.palette, rows, profile]

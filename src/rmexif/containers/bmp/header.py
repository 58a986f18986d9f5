"""The headers of a BMP: BITMAPFILEHEADER, then BITMAPCOREHEADER to BITMAPV5HEADER or OS/2 2.x ([MS-WMF] 2.2.2)."""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace

from rmexif import icc
from rmexif.containers.bmp.signature import CORE, INFO, MASKED_INFO, OS2, SIZES, V4, V5
from rmexif.containers.common.aspect import SQUARE, aspect
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature
from rmexif.types import Colour

__all__ = ["BmpColour", "BmpHeader", "read_header"]

FILE_HEADER = 14  # byte, BITMAPFILEHEADER
RGB, RLE8, RLE4, BITFIELDS, JPEG, PNG, ALPHABITFIELDS = range(7)  # biCompression, [MS-WMF] 2.1.1.7
RUN_LENGTHS = (RLE8, RLE4)
DEPTHS = {
    RGB: (1, 2, 4, 8, 16, 24, 32),
    RLE8: (8,),
    RLE4: (4,),
    BITFIELDS: (16, 24, 32),
    ALPHABITFIELDS: (16, 32),
}
STANDARD_MASKS = (0xFF0000, 0xFF00, 0xFF, 0)
STANDARD_ALPHA = 0xFF000000
MASKS_555 = (0x7C00, 0x3E0, 0x1F, 0)  # of 16 bits where the header names none
CALIBRATED, EMBEDDED, LINKED, SRGB = b"\0\0\0\0", b"DEBM", b"KNIL", b"BGRs"  # bV5CSType, 2.1.1.14, as stored
INTENTS = (1, 2, 4, 8)  # bV5Intent, 2.1.1.20
PERCEPTUAL = 4
GAMMAS = (1, 3)  # of a display
NO_COLOUR = Colour()
SUMS = (0.05, 3)  # X + Y + Z of a primary: below and above, the numbers describe no display


@dataclass(frozen=True, slots=True)
class BmpColour:
    """The colour space of V4 and V5."""

    space: bytes = SRGB
    calibration: bytes = bytes(48)  # end points and gamma, canonical
    intent: int = PERCEPTUAL
    profile: bytes | None = None  # clean
    colour: Colour = NO_COLOUR


STANDARD = BmpColour()


@dataclass(frozen=True, slots=True)
class BmpHeader:
    """The fields of the headers, in canonical form."""

    length: int  # byte, of the second header
    end: int  # byte: of the headers and the masks behind them
    width: int  # px
    height: int  # rows; negative: first row on top
    bits: int  # of a pixel
    compression: int
    masks: tuple[int, ...]  # red, green, blue, alpha; empty: the standard ones
    start: int  # byte: first one of the rows, as in the file header; 0: behind the palette
    colours: int  # entries of the palette
    aspect: tuple[int, int]  # horizontal to vertical density where pixels are not square, else zeros
    linked: tuple[int, int]  # first byte of a profile, embedded or linked, and the one after; (0, 0): none
    colour: BmpColour = STANDARD

    @property
    def os2_fields(self) -> tuple[int, int]:
        """First byte of the fields that OS/2 2.x adds, and the one after; (0, 0) where there are none."""
        return (
            (FILE_HEADER + INFO, FILE_HEADER + self.length) if _is_os2(self.length) and self.length > INFO else (0, 0)
        )

    @property
    def rows(self) -> int:
        """Rows of the picture."""
        return abs(self.height)

    @property
    def stride(self) -> int:
        """Bytes of a row."""
        return (self.width * self.bits + 31) // 32 * 4

    @property
    def entry(self) -> int:
        """Bytes of an entry of the palette."""
        return 3 if self.length == CORE else 4


def read_header(view: memoryview) -> BmpHeader:
    """Read both headers, the masks and the profile.

    Raises:
        MalformedImage: a field has a value that the format does not know, or that contradicts another one.
        UnsupportedFeature: an embedded JPEG or PNG file, or an OS/2 coding.
    """
    cursor = Cursor(view, "bmp header", order="little")
    if cursor.bytes(2) != b"BM":
        raise MalformedImage("no signature BM", structure="bmp", offset=0)
    cursor.skip(8)
    start, size = cursor.u32(), cursor.u32()
    if size not in SIZES:
        problem = f"{size} bytes, one of {sorted(SIZES)} expected"
        raise MalformedImage(problem, structure="bmp header", offset=FILE_HEADER)
    head = (size.to_bytes(4, "little") + cursor.bytes(size - 4)).ljust(INFO, b"\0")
    if size == CORE:
        width, height, _, bits = struct.unpack_from("<HHHH", head, 4)
        compression = colours = 0
        shape = SQUARE
    else:
        width, height, _, bits, compression = struct.unpack_from("<iiHHI", head, 4)
        colours = int.from_bytes(head[32:36], "little")
        shape = aspect(*struct.unpack_from("<ii", head, 24))
    _check(width, height, bits, compression, size)
    masks: tuple[int, ...] = MASKS_555 if bits == 16 else ()
    if compression in (BITFIELDS, ALPHABITFIELDS):
        count = 4 if compression == ALPHABITFIELDS else 3
        compression, masks = _masks(head[40:56] if size in (*MASKED_INFO, V4, V5) else cursor.bytes(4 * count), bits)
    elif bits == 32 and size in (V4, V5) and any(head[52:56]):
        masks = (*STANDARD_MASKS[:3], STANDARD_ALPHA)  # other masks of BI_RGB mean nothing; Chromium looks at this one
    colours = min(colours or 1 << bits, 1 << bits) if bits <= 8 else 0
    header = BmpHeader(
        size,
        cursor.offset,
        width,
        height,
        bits,
        compression,
        masks,
        start,
        colours,
        (0, 0) if shape == SQUARE else shape,
        (0, 0),
    )
    return _with_colour(view, header, head) if size >= V4 else header


def _is_os2(size: int) -> bool:
    """Whether a header of so many bytes is OS/2 2.x, cut short or not."""
    return INFO != size <= OS2 and size not in (CORE, *MASKED_INFO)


def _check(width: int, height: int, bits: int, compression: int, size: int) -> None:
    """Refuse what is not a bitmap of rows."""
    if compression in (JPEG, PNG) or (_is_os2(size) and compression > RLE4):
        problem = f"compression {compression} (an embedded JPEG or PNG, or an OS/2 code) is refused"
        raise UnsupportedFeature(problem, structure="bmp header", offset=FILE_HEADER)
    if bits not in DEPTHS.get(compression, ()):
        problem = f"compression {compression} with {bits} bits a pixel is not defined"
        raise MalformedImage(problem, structure="bmp header", offset=FILE_HEADER)
    if width <= 0 or height == 0:
        problem = f"{width} x {height} px, at least one each expected"
        raise MalformedImage(problem, structure="bmp header", offset=FILE_HEADER)
    if compression in RUN_LENGTHS and height < 0:
        problem = "run-length codes with the first row on top; they go from the bottom only"
        raise MalformedImage(problem, structure="bmp header", offset=FILE_HEADER)


def _masks(raw: bytes, bits: int) -> tuple[int, tuple[int, ...]]:
    """Compression and channel masks in canonical form; the standard masks of 24 bits need no field."""
    masks = struct.unpack(f"<{len(raw) // 4}I", raw[: len(raw) // 4 * 4])
    masks = (*masks, 0)[:4]
    if not any(masks) and bits == 32:
        masks = (*STANDARD_MASKS[:3], STANDARD_ALPHA)
    taken = 0
    for number, mask in enumerate(masks):
        low = mask & -mask
        if mask & taken or mask >> bits or (mask + low) & mask:
            problem = f"channel mask {number + 1} overlaps another, has a hole, or more than {bits} bits"
            raise MalformedImage(problem, structure="bmp header", offset=FILE_HEADER + INFO)
        taken |= mask
    if bits != 24:
        return BITFIELDS, masks
    if masks[:3] != STANDARD_MASKS[:3]:
        problem = "24-bit pixels with masks of their own are refused"
        raise UnsupportedFeature(problem, structure="bmp header", offset=FILE_HEADER + INFO)
    return RGB, ()


def _with_colour(view: memoryview, header: BmpHeader, head: bytes) -> BmpHeader:
    """V4 and V5: an embedded profile, or end points and gamma where they are plausible; anything else is sRGB."""
    space = head[56:60]
    if space == CALIBRATED:
        header = replace(header, colour=_calibration(struct.unpack_from("<12I", head, 60)))
    if len(head) < V5:
        return header
    intent = int.from_bytes(head[108:112], "little")
    start, size = struct.unpack_from("<II", head, 112)
    start += FILE_HEADER
    if not size or start + size > len(view) or space not in (EMBEDDED, LINKED):
        return header
    header = replace(header, linked=(start, start + size))
    profile = icc.clean(bytes(view[start : start + size])) if space == EMBEDDED else None
    if profile is None:
        return header
    intent = intent if intent in INTENTS else PERCEPTUAL
    return replace(header, colour=BmpColour(EMBEDDED, bytes(48), intent, profile, Colour(icc=profile)))


def _calibration(numbers: tuple[int, ...]) -> BmpColour:
    """End points (2.30 fixed point XYZ) and gamma (16.16), rounded to 1/1000, where they describe a display."""
    xyz = [round(number / (1 << 30) * 1000) / 1000 for number in numbers[:9]]
    gamma = [round(number / (1 << 16) * 1000) / 1000 for number in numbers[9:]]
    rows = [xyz[0:3], xyz[3:6], xyz[6:9]]
    sums = [sum(row) for row in rows]
    if len(set(gamma)) != 1 or not GAMMAS[0] <= gamma[0] <= GAMMAS[1] or min(sums) <= SUMS[0] or max(sums) > SUMS[1]:
        return STANDARD
    if min(row[axis] for axis, row in enumerate(rows[:2])) <= 0:
        return STANDARD
    points = [value for row, total in zip(rows, sums, strict=True) for value in (row[0] / total, row[1] / total)]
    white = [sum(row[axis] for row in rows) / sum(sums) for axis in (0, 1)]
    stored = [round(value * (1 << 30)) for value in xyz] + [round(value * (1 << 16)) for value in gamma]
    colour = Colour(gamma=1 / gamma[0], primaries=(*white, *points))
    return BmpColour(CALIBRATED, struct.pack("<12I", *stored), colour=colour)

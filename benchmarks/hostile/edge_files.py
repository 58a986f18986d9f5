"""Files below 1 MB that ask for just as much as the limits allow: samples, frames, pages, profiles."""

from __future__ import annotations

import io
import math
import struct
import zlib
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pillow_heif
from benchmarks.hostile.deflated_files import flat_png
from benchmarks.hostile.paged_files import page_fields, tiff_of
from PIL import Image

from rmexif import icc
from rmexif.icc.profile import read_tags
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

__all__ = ["animations", "shared_pages", "wide_files"]

LIMITS = Limits()
NEAR = 0.98  # of a limit, so that a file passes it
DEFLATE, LZW, PACKBITS = 8, 5, 32_773
UNSIGNED, SIGNED, FLOAT = 1, 2, 3  # SampleFormat
FRAME_COST = 3 / 8  # of four channels: what a pixel of a frame counts, turned over
MAX_QOI = 5_792  # px of a side that the decoder takes
Entries = list[tuple[int, int, int, bytes]]


def _side(pixel_bytes: float) -> int:
    """Px of a square picture of so many bytes a pixel that may just be decoded."""
    return math.isqrt(int(NEAR * LIMITS.max_flat_bytes / pixel_bytes))


def _saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def _encoded(extension: str, channels: int, pixel_bytes: int, full: int, *settings: int) -> bytes:
    """A flat picture of 16-bit samples, half of it transparent where there is alpha, by OpenCV."""
    side = _side(pixel_bytes)
    pixels: NDArray[Any] = np.full((side, side, channels), full // 3, np.uint16)
    return bytes(cv2.imencode(extension, pixels, settings)[1])


def wide_files() -> Iterator[tuple[str, bytes]]:
    """Stills of every format that holds more than 8 bits, or many pixels in few bytes."""
    for colour, depth, size in (
        (0, 16, 2),
        (2, 16, 6),
        (4, 16, 4),
        (6, 16, 8),
        (6, 8, 4),
        (4, 8, 2),
        (3, 8, 3),
        (0, 8, 1),
    ):
        yield f"PNG, colour {colour}, {depth} bit", flat_png(_side(size), _side(size), colour, depth)
    yield from _wide_tiffs()
    for channels in (1, 3, 4):
        yield f"JPEG 2000, {channels} channels", _encoded(".jp2", channels, 2 * channels, 65535)
    for depth in (10, 12):
        for channels in (3, 4):
            settings = (cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_SPEED, 10, cv2.IMWRITE_AVIF_QUALITY, 20)
            yield (
                f"AVIF, {channels} channels, {depth} bit",
                _encoded(".avif", channels, 2 * channels, (1 << depth) - 1, *settings),
            )
    for mode, channels in (("RGB;16", 3), ("RGBA;16", 4)):
        side, out = _side(2 * channels), io.BytesIO()
        pixels = np.full((side, side, channels), 20_000, np.uint16)
        pillow_heif.encode(
            mode, (side, side), pixels.data.cast("B"), out, quality=20, enc_params={"preset": "ultrafast"}
        )
        yield f"HEIC, {mode}", out.getvalue()
    yield from _wide_jxls()
    side = _side(4)
    yield (
        "TGA",
        b"\0\0\x0a" + bytes(9) + struct.pack("<HHBB", side, side, 32, 8) + (b"\xff\1\2\3\4") * (side * side // 128),
    )
    yield (
        "QOI",
        b"qoif" + struct.pack(">IIBB", MAX_QOI, MAX_QOI, 4, 0) + b"\xfd" * (MAX_QOI**2 // 62 + 1) + bytes(7) + b"\1",
    )
    for channels in (3, 4, 56):
        head = b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", channels, side, side, 8, 3) + bytes(12)
        row = b"\x81\0" * -(-side // 128)
        yield (
            f"PSD, {channels} channels",
            (head + b"\0\1" + struct.pack(">H", len(row)) * side * channels + row * side * channels),
        )
    inner = flat_png(side, side, 6, 8)
    yield "ICO", struct.pack("<HHHBBBBHHII", 0, 1, 1, 0, 0, 0, 0, 1, 32, len(inner), 22) + inner
    for channels, name in ((3, "RGB"), (4, "RGBA")):
        for lossless in (True, False):
            size = (min(16_383, _side(channels)),) * 2
            yield (
                f"WebP, {name}, lossless {lossless}",
                _saved(Image.new(name, size, (9,) * channels), "WEBP", lossless=lossless, method=0),
            )
    yield "JPEG", _saved(Image.new("RGB", (_side(3),) * 2), "JPEG", quality=20)
    yield "JPEG, CMYK", _saved(Image.new("CMYK", (4_500, 4_500)), "JPEG", quality=20)
    yield "JPEG, grey", _saved(Image.new("L", (9_000, 9_000)), "JPEG", quality=20)


def _wide_tiffs() -> Iterator[tuple[str, bytes]]:
    for bits, kind in (
        (3, UNSIGNED),
        (14, UNSIGNED),
        (16, UNSIGNED),
        (16, SIGNED),
        (24, UNSIGNED),
        (32, UNSIGNED),
        (32, FLOAT),
        (64, FLOAT),
    ):
        for samples in (1, 3, 4):
            side = _side(samples * -(-bits // 8))
            data = zlib.compress(bytes(side * -(-side * bits * samples // 8)), 9)
            extra: Entries = [(339, 3, samples, struct.pack(f"<{samples}H", *[kind] * samples))]
            extra += [(338, 3, 1, struct.pack("<H", 2))] if samples == 4 else []
            fields = page_fields(
                side, side, bits, DEFLATE, [0], [len(data)], side, 1 if samples == 1 else 2, samples, extra
            )
            yield f"TIFF, {samples} x {bits} bit, format {kind}", _with_data(fields, data)
    side = _side(3)
    data = zlib.compress(bytes(side * side * 3), 9)
    yield "TIFF, CIELAB", _with_data(page_fields(side, side, 8, DEFLATE, [0], [len(data)], side, 8, 3), data)
    side = _side(64)
    data = zlib.compress(bytes(side * side * 64), 9)
    yield "TIFF, 64 samples", _with_data(page_fields(side, side, 8, DEFLATE, [0], [len(data)], side, 1, 64), data)


def _with_data(fields: Entries, data: bytes) -> bytes:
    """A file of one page and one strip behind its directory."""
    start = len(tiff_of(fields))
    return tiff_of(
        [(tag, kind, count, struct.pack("<I", start) if tag == 273 else value) for tag, kind, count, value in fields],
        data,
    )


def _wide_jxls() -> Iterator[tuple[str, bytes]]:
    try:
        import imagecodecs  # of no extra: it alone writes floating point
    except ImportError:
        return
    for kind, size in ((np.uint16, 2), (np.float32, 4)):
        for channels in (1, 3, 4):
            side = _side(size * channels)
            pixels = np.zeros((side, side, channels), kind)
            yield (
                f"JPEG XL, {channels} x {np.dtype(kind).name}",
                imagecodecs.jpegxl_encode(pixels, lossless=True, effort=1),
            )


def animations() -> Iterator[tuple[str, bytes]]:
    """As many frames as may be searched, few large ones and many small ones, each a little different; with faces, too."""
    widest = _side(4 * 3)  # three frames are held
    for count in (2, 20, 180, 500):
        side = min(widest, math.isqrt(int(NEAR * LIMITS.max_flat_pixels / count * FRAME_COST)))
        for kind in ("GIF", "PNG", "WEBP", "AVIF", "TIFF"):
            if kind != "AVIF" or count <= 200:
                yield f"{kind}, {count} frames", _animated(Image.new("RGB", (side, side)), count, kind)
    with Image.open(Path(__file__).parents[2] / "examples" / "astronaut.jpg") as photo:
        face = photo.convert("RGB").crop((150, 30, 300, 210))
    for name, size, side, counts in (
        ("a face", 340, 340, (120, 400)),
        ("9 faces", 340, 110, (40, 200)),
        ("a crowd", 1196, 32, (2, 20)),
    ):
        tile, frame = face.resize((side, side)), Image.new("RGB", (size, size))
        for at in range((-(-size // side)) ** 2):
            frame.paste(tile, (at % -(-size // side) * side, at // -(-size // side) * side))
        for count in counts:
            for kind in ("GIF", "WEBP"):
                yield f"{kind}, {count} frames of {name}", _animated(frame, count, kind)


def _animated(frame: Image.Image, count: int, kind: str) -> bytes:
    """So many frames that differ in a pixel, in few bytes."""
    frames = [frame.copy() for _ in range(count)]
    for number, one in enumerate(frames):
        one.putpixel((number % one.width, number // one.width % one.height), (255, 99, number % 256))
    options: dict[str, dict[str, Any]] = {
        "AVIF": {"quality": 10, "speed": 10},
        "WEBP": {"method": 0},
        "TIFF": {"compression": "tiff_adobe_deflate"},
    }
    return _saved(frames[0], kind, save_all=True, append_images=frames[1:], **options.get(kind, {}))


def shared_pages() -> Iterator[tuple[str, bytes]]:
    """TIFF pages that point at the same bytes: pixels, colour maps, profiles; and a profile that is long to judge."""
    for side, compression in ((4_000, DEFLATE), (4_000, PACKBITS), (1_000, LZW), (1_000, 4), (1_000, 7), (300, 1)):
        data = _flat_data(side, compression)
        bits = 1 if compression == 4 else 8
        yield (
            f"pixels of {side} px, compression {compression}",
            _pages(2_000, page_fields(side, side, bits, compression, [0], [len(data)], side), data),
        )
    for bits in (8, 16):
        colours = struct.pack(f"<{3 << bits}H", *(257 * (number % 256) for number in range(3 << bits)))
        fields = page_fields(1, 1, bits, 1, [0], [1], 1, 3, extra=[(320, 3, 3 << bits, colours)])
        yield f"a colour map of {bits} bits", _pages(2_000, fields, bytes(2))
    profile = dear_profile(0)
    fields = page_fields(1, 1, 8, 1, [0], [1], 1, extra=[(34_675, 7, len(profile), profile)])
    yield "a profile", _pages(2_000, fields, bytes(2))
    yield (
        "8 profiles",
        _chained([[*fields[:-1], (34_675, 7, len(profile), dear_profile(number))] for number in range(8)]),
    )
    yield (
        "650 profiles",
        _chained([[*fields[:-1], (34_675, 7, len(profile), dear_profile(number))] for number in range(650)]),
    )


def _flat_data(side: int, compression: int) -> bytes:
    if compression == DEFLATE:
        return zlib.compress(bytes(side * side), 9)
    if compression == PACKBITS:
        return b"\x81\0" * (side * -(-side // 128))
    if compression == 1:
        return bytes(side * side)
    name = {LZW: "tiff_lzw", 4: "group4", 7: "jpeg"}[compression]
    raw = _saved(
        Image.new("1" if compression == 4 else "L", (side, side)), "TIFF", compression=name, strip_size=1 << 30
    )
    with Image.open(io.BytesIO(raw)) as image:
        start, size = image.tag_v2[273][0], image.tag_v2[279][0]  # type: ignore[attr-defined]
    return raw[start : start + size]


def _pages(count: int, fields: Entries, data: bytes) -> bytes:
    """So many directories of the same fields, whose values and strip are in the file once."""
    out = bytearray(b"II*\0\0\0\0\0" + data)
    rows = b""
    for tag, kind, number, value in sorted(fields):
        value = struct.pack("<I", 8) if tag == 273 else value
        if len(value) > 4:
            out += bytes(len(out) % 2)
            place, out = struct.pack("<I", len(out)), out + value
            value = place
        rows += struct.pack("<HHI", tag, kind, number) + value.ljust(4, b"\0")
    pointer = 4
    for _ in range(count):
        out += bytes(len(out) % 2)
        struct.pack_into("<I", out, pointer, len(out))
        out += struct.pack("<H", len(fields)) + rows + bytes(4)
        pointer = len(out) - 4
    return bytes(out)


def _chained(pages: list[Entries]) -> bytes:
    """Pages of their own fields, one behind the other."""
    out, pointer = bytearray(b"II*\0\0\0\0\0\1\0"), 4
    for fields in pages:
        places = {}
        for tag, _, _, value in fields:
            if len(value) > 4:
                out += bytes(len(out) % 2)
                places[tag] = len(out)
                out += value
        out += bytes(len(out) % 2)
        struct.pack_into("<I", out, pointer, len(out))
        out += struct.pack("<H", len(fields))
        for tag, kind, number, value in sorted(fields):
            cell = struct.pack("<I", 8) if tag == 273 else value
            out += struct.pack("<HHI", tag, kind, number) + (
                struct.pack("<I", places[tag]) if tag in places else cell.ljust(4, b"\0")
            )
        pointer = len(out)
        out += bytes(4)
    return bytes(out)


def dear_profile(number: int) -> bytes:
    """A profile whose three tables show what its matrix and curves show, so that each is compared to the end.

    Args:
        number: makes it another one.
    """
    model = {name: tag for name, tag in read_tags(icc.canonical("srgb")).items() if name[1:] in (b"XYZ", b"TRC")}
    tables = {name: _table(model, step) for step, name in enumerate((b"A2B0", b"A2B1", b"A2B2"))}
    rows, body, start = b"", b"", 132 + 12 * (len(model) + len(tables))
    for name, tag in (tables | model).items():
        rows += struct.pack(">4sII", name, start + len(body), len(tag))
        body += tag + bytes(-len(tag) % 4)
    head = struct.pack(
        ">I4xI4s4s4sI8x4s24xI", start + len(body), 0x2400000, b"mntr", b"RGB ", b"XYZ ", number, b"acsp", 2
    )
    return head.ljust(128, b"\0") + struct.pack(">I", len(model) + len(tables)) + rows + body


def _table(model: dict[bytes, bytes], step: int) -> bytes:
    """lutAToBType of the model's curves and matrix, behind a grid that changes nothing; ``step`` changes its last bit."""
    columns = [struct.unpack(">3i", model[name][8:]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    numbers = [round(column[row] * 32768 / 65535) for row in range(3) for column in columns]
    numbers[0] += step
    curve = model[b"rTRC"] + bytes(-len(model[b"rTRC"]) % 4)
    straight = struct.pack(">4sII", b"curv", 0, 0) * 3
    corners = b"".join(struct.pack(">3H", *(65535 * (at >> shift & 1) for shift in (2, 1, 0))) for at in range(8))
    parts = (
        straight,
        struct.pack(">12i", *numbers, 0, 0, 0),
        curve * 3,
        b"\2\2\2" + bytes(13) + b"\2\0\0\0" + corners,
        straight,
    )
    places = [32 + sum(map(len, parts[:at])) for at in range(len(parts))]
    return struct.pack(">4sIBBxx5I", b"mAB ", 0, 3, 3, *places) + b"".join(parts)

"""JPEG, GIF, WebP and BMP files below 1 MB that ask for more than they are."""

from __future__ import annotations

import io
import struct
from typing import TYPE_CHECKING

import numpy as np
from benchmarks.hostile.deflated_files import XMP_HEAD, XMP_SHAPES
from PIL import Image
from tests.containers import builders_webp as webp

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["bmp_files", "gif_files", "jpeg_files", "webp_files"]

LIMIT = 950_000


def saved(kind: str, size: tuple[int, int] = (64, 48), mode: str = "RGB", **options: object) -> bytes:
    out = io.BytesIO()
    pixels = np.random.default_rng(2).integers(0, 255, (min(size[1], 256), min(size[0], 256), 4), np.uint8)
    Image.fromarray(pixels).convert(mode).resize(size, Image.Resampling.NEAREST).save(out, kind, **options)
    return out.getvalue()


def _segment(marker: int, body: bytes) -> bytes:
    return struct.pack(">BBH", 0xFF, marker, len(body) + 2) + body


def _resized(raw: bytes, width: int, height: int) -> bytes:
    at = max(raw.find(b"\xff\xc0"), raw.find(b"\xff\xc2"))
    return raw[: at + 5] + struct.pack(">HH", height, width) + raw[at + 9 :]


def jpeg_files() -> Iterator[tuple[str, bytes]]:
    """Sizes without data, scans and segments without number, tables again and again."""
    plain, progressive = saved("JPEG"), saved("JPEG", progressive=True)
    flat = saved("JPEG", (8_000, 8_000), "L", quality=1)
    for name, raw in (
        ("baseline", plain),
        ("progressive", progressive),
        ("grey", saved("JPEG", mode="L")),
        ("CMYK", saved("JPEG", mode="CMYK")),
    ):
        for width, height in ((14_000, 14_000), (65_500, 3_000), (3_000, 65_500), (65_535, 65_535)):
            yield f"{name} declares {width} x {height}", _resized(raw, width, height)
    yield "flat", flat
    for count, body in ((200_000, b""), (30_000, b"a" * 20)):
        for marker in (0xFE, 0xE1, 0xEF, 0xDB, 0xC4):
            segments = (_segment(marker, body) * count)[: LIMIT // (len(body) + 4) * (len(body) + 4)]
            yield f"segments {marker:02x} of {len(body)} B", plain[:2] + segments + plain[2:]
    scans = progressive.find(b"\xff\xda")
    yield (
        "scans again",
        progressive[:scans] + (progressive[scans:-2] * (LIMIT // (len(progressive) - scans)))[:LIMIT] + b"\xff\xd9",
    )
    for width in (8_000, 14_000):
        large = _resized(progressive, width, width)
        one = _segment(0xDA, b"\1\1\0\0\0\0") + b"\xff\0" * 4
        yield f"scans of {width} px that end at once", large[:scans] + one * 50_000 + b"\xff\xd9"
    zeros = np.zeros((6_000, 6_000), np.uint8)
    for progressive_ in (False, True):
        out = io.BytesIO()
        Image.fromarray(zeros).convert("RGB").save(out, "JPEG", quality=30, progressive=progressive_, optimize=True)
        yield f"black, progressive {progressive_}", out.getvalue()
    head, tail = (
        out.getvalue()[: out.getvalue().find(b"\xff\xda")],
        out.getvalue()[out.getvalue().find(b"\xff\xda") : -2],
    )
    yield "black scans again", head + (tail * 30)[:LIMIT] + b"\xff\xd9"
    restart = plain.find(b"\xff\xda")
    yield (
        "restart markers",
        plain[:restart]
        + _segment(0xDD, b"\0\1")
        + plain[restart:-2]
        + bytes(x for n in range(400_000) for x in (0xFF, 0xD0 + n % 8))
        + b"\xff\xd9",
    )
    yield "fill bytes", plain[:2] + b"\xff" * LIMIT + plain[2:]
    yield "tail", plain + b"\0" * LIMIT
    yield "pictures behind", (plain * (LIMIT // len(plain)))
    for shape, unit in XMP_SHAPES.items():
        one = b"http://ns.adobe.com/xap/1.0/\0" + XMP_HEAD + unit * (64_000 // len(unit))
        yield f"XMP of {shape}", plain[:2] + _segment(0xE1, one[:65_000]) * 14 + plain[2:]
    extended = b"http://ns.adobe.com/xmp/extension/\0" + b"A" * 32
    yield (
        "extended XMP",
        plain[:2]
        + b"".join(_segment(0xE1, extended + struct.pack(">II", 0xFFFFFFF0, n * 40) + b"<" * 40) for n in range(8_000))
        + plain[2:],
    )
    yield (
        "ICC in pieces",
        plain[:2]
        + b"".join(_segment(0xE2, b"ICC_PROFILE\0" + bytes([n % 255 + 1, 255]) + b"a") for n in range(45_000))
        + plain[2:],
    )
    yield "IPTC", plain[:2] + _segment(0xED, b"Photoshop 3.0\0" + b"8BIM\x04\x04\0\0\0\0\0\0" * 5_000) * 14 + plain[2:]
    entries = b"Exif\0\0II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + b"\x86\x92\2\0\4\0\0\0abc\0" * 5_000
    yield "Exif", plain[:2] + _segment(0xE1, entries) * 14 + plain[2:]
    yield (
        "MPF",
        plain[:2]
        + _segment(0xE2, b"MPF\0II*\0\x08\0\0\0" + struct.pack("<H", 5_000) + b"\1\xb0\7\0\xff\0\0\0\0\0\0\0" * 5_000)
        * 14
        + plain[2:],
    )
    boxes = b"".join(struct.pack(">I4s", 8, b"free") for _ in range(7_000))
    yield (
        "JUMBF",
        plain[:2]
        + b"".join(_segment(0xEB, b"JP\0\1" + struct.pack(">II4s", n, 60_000, b"jumb") + boxes) for n in range(14))
        + plain[2:],
    )


def _gif(width: int, height: int, *blocks: bytes, flags: int = 0x91) -> bytes:
    return b"GIF89a" + struct.pack("<HHBBB", width, height, flags, 0, 0) + bytes(range(12)) + b"".join(blocks) + b";"


def _gif_frame(width: int, height: int, data: bytes = b"\x02\x02\x44\x01\x00", flags: int = 0) -> bytes:
    return b"!\xf9\4\5\2\0\0\0" + b"," + struct.pack("<HHHHB", 0, 0, width, height, flags) + data


def gif_files() -> Iterator[tuple[str, bytes]]:
    """Frames on large canvases, codes that say much, blocks without number."""
    for side in (500, 4_000, 14_000, 65_535):
        for count in (1, 1_999, 30_000):
            yield f"{count} frames of 1 px on {side}", _gif(side, side, *[_gif_frame(1, 1)] * count)
            yield f"{count} empty frames of {side}", _gif(side, side, *[_gif_frame(side, side)] * count)
    flat = saved("GIF", (9_000, 9_000), "1")
    black = io.BytesIO()
    Image.new("P", (12_000, 12_000)).save(black, "GIF")
    yield "flat", black.getvalue()[:LIMIT]
    yield "noise", flat[:LIMIT]
    start = black.getvalue().find(b",")
    few = io.BytesIO()
    Image.new("P", (3_000, 3_000)).save(few, "GIF")
    one = few.getvalue()[few.getvalue().find(b",") : -1]
    yield "flat frames", few.getvalue()[: few.getvalue().find(b",")] + one * (LIMIT // len(one)) + b";"
    del start
    yield (
        "clear codes",
        _gif(2_000, 2_000, _gif_frame(2_000, 2_000, b"\2" + (b"\xff" + b"\x24\x49\x92" * 85) * 3_600 + b"\0")),
    )
    yield "short blocks", _gif(2_000, 2_000, _gif_frame(2_000, 2_000, b"\2" + b"\1\x44" * 400_000 + b"\0"))
    for kind in (0xFE, 0xFF, 0x01, 0xF9, 0x55):
        yield f"extensions {kind:02x}", _gif(9, 9, *[bytes([0x21, kind]) + b"\1a\0"] * 180_000, _gif_frame(9, 9))
        yield f"long extension {kind:02x}", _gif(9, 9, bytes([0x21, kind]) + b"\1a" * 450_000 + b"\0", _gif_frame(9, 9))
    for shape, unit in XMP_SHAPES.items():
        body = XMP_HEAD + unit * (LIMIT // len(unit))
        packed = b"".join(bytes([len(body[at : at + 255])]) + body[at : at + 255] for at in range(0, len(body), 255))
        yield f"XMP of {shape}", _gif(9, 9, b"!\xff\x0bXMP DataXMP" + packed + b"\0", _gif_frame(9, 9))
    yield "palettes", _gif(99, 99, *[_gif_frame(9, 9, bytes(768) + b"\2\2\x44\1\0", 0x87)] * 1_200)
    yield "tail", _gif(9, 9, _gif_frame(9, 9)) + bytes(LIMIT)


def webp_files() -> Iterator[tuple[str, bytes]]:
    """Sizes without data, alpha, frames and chunks without number."""
    lossless, lossy = saved("WEBP", lossless=True), saved("WEBP")
    tiny = struct.pack("<BI", 0x2F, 0x3FFF | 0x3FFF << 14) + b"\x88\x88\x08\0" + bytes(4)
    for width, height in ((16_384, 16_384), (16_384, 8_000), (11_500, 11_500), (8_000, 8_000), (16_384, 1)):
        bits = width - 1 | height - 1 << 14
        for body in (bytes(4), b"\x88\x88\x08\0\0\0\0\0", b"\x07\x01\x01\x01\0\0\0\0", b"\xff" * 200):
            yield (
                f"VP8L {width} x {height} {body[:3].hex()}",
                webp.riff(webp.chunk(b"VP8L", struct.pack("<BI", 0x2F, bits) + body)),
            )
        key = lossy.find(b"\x9d\x01\x2a")
        yield (
            f"VP8 {width} x {height}",
            lossy[: key + 3] + struct.pack("<HH", min(width, 16_383), min(height, 16_383)) + lossy[key + 7 :],
        )
    del tiny
    flat = io.BytesIO()
    Image.new("RGBA", (12_000, 12_000), (9, 9, 9, 9)).save(flat, "WEBP", lossless=True, method=0)
    yield "flat lossless", flat.getvalue()
    flat = io.BytesIO()
    Image.new("RGB", (10_000, 10_000)).save(flat, "WEBP", method=0, quality=0)
    yield "flat lossy", flat.getvalue()[: 2 * LIMIT]
    coded = webp.chunk(b"VP8L", lossless[20:])
    for side, count in ((500, 9_000), (4_000, 1_999), (14_000, 1_500)):
        pixel = io.BytesIO()
        Image.new("RGBA", (1, 1), (9, 9, 9, 99)).save(pixel, "WEBP", lossless=True)
        frame = webp.anmf(1, 1, webp.chunk(b"VP8L", pixel.getvalue()[20:]))
        yield (
            f"{count} frames of 1 px on {side}",
            webp.riff(webp.vp8x(side, side, 0x12), webp.chunk(b"ANIM", bytes(6)), *[frame] * count),
        )
    large = io.BytesIO()
    Image.new("RGBA", (4_000, 4_000), (1, 2, 3, 4)).save(large, "WEBP", lossless=True, method=0)
    one = webp.chunk(b"VP8L", large.getvalue()[20:])
    for count in (100, 1_000):
        yield (
            f"{count} flat frames",
            webp.riff(
                webp.vp8x(4_000, 4_000, 0x12), webp.chunk(b"ANIM", bytes(6)), *[webp.anmf(4_000, 4_000, one)] * count
            )[:LIMIT],
        )
    for alpha in (b"\0", b"\1", b"\5", b"\x0d"):
        body = lossy[12:]
        yield (
            f"ALPH {alpha.hex()}",
            webp.riff(webp.vp8x(64, 48, 0x10), webp.chunk(b"ALPH", alpha + bytes(900_000)), body),
        )
    yield "unknown chunks", webp.riff(webp.vp8x(64, 48, 0), coded, *[webp.chunk(b"abcd")] * 110_000)
    for name in (b"XMP ", b"EXIF", b"ICCP"):
        yield f"chunks {name.decode()}", webp.riff(webp.vp8x(64, 48, 0x2C), coded, *[webp.chunk(name, b"ab")] * 90_000)
    for shape, unit in XMP_SHAPES.items():
        yield (
            f"XMP of {shape}",
            webp.riff(webp.vp8x(64, 48, 4), coded, webp.chunk(b"XMP ", XMP_HEAD + unit * (LIMIT // len(unit)))),
        )


def _bmp(width: int, height: int, bits: int, compression: int, data: bytes, colours: int = 0) -> bytes:
    palette = bytes(4 * (colours or (1 << bits if bits <= 8 else 0)))
    head = struct.pack("<IiiHHIIiiII", 40, width, height, 1, bits, compression, len(data), 0, 0, colours, 0)
    return b"BM" + struct.pack("<IHHI", 54 + len(palette) + len(data), 0, 0, 54 + len(palette)) + head + palette + data


def bmp_files() -> Iterator[tuple[str, bytes]]:
    """Run lengths that fill little and much, sizes without data."""
    for side in (2_000, 14_000, 40_000):
        for bits, compression in ((8, 1), (4, 2)):
            for name, unit in (
                ("runs", b"\xff\1"),
                ("short runs", b"\1\1"),
                ("ends of line", b"\0\0"),
                ("jumps", b"\0\2\xff\xff"),
                ("jumps of nothing", b"\0\2\0\0"),
                ("literals", b"\0\3\1\2\3\0"),
                ("nothing", b""),
            ):
                yield (
                    f"{bits} bit, {side} px, {name}",
                    _bmp(side, side, bits, compression, unit * (LIMIT // len(unit)) if unit else b"\0\1"),
                )
        for bits in (1, 4, 8, 16, 24, 32):
            yield f"{bits} bit, {side} px, nothing there", _bmp(side, side, bits, 0, b"\0" * 99)
    for bits in (1, 4, 8, 24, 32):
        width = int((LIMIT * 8 / bits) ** 0.5) // 32 * 32
        yield f"{bits} bit, full", _bmp(width, width, bits, 0, b"\x55" * (width * width * bits // 8))
    yield "wide", _bmp(7_000_000, 1, 1, 0, bytes(875_000))
    yield "tall", _bmp(1, 230_000, 1, 0, bytes(920_000))
    yield "tall upside down", _bmp(1, -230_000, 1, 0, bytes(920_000))
    yield "palette of 2^32", _bmp(9, 9, 8, 0, bytes(200), 0)[:46] + b"\xff\xff\xff\xff" + bytes(5_000)

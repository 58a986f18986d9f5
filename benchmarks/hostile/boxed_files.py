"""AVIF, HEIC and JPEG XL files below 1 MB that ask for more than they are."""

from __future__ import annotations

import io
import struct
import zlib
from typing import TYPE_CHECKING

import pillow_jxl  # noqa: F401 - registers the encoder
from benchmarks.hostile.deflated_files import XMP_HEAD, XMP_SHAPES
from PIL import Image
from tests import samples
from tests.containers import heif_builder as heif
from tests.containers import jxl_files as jxl

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["heif_files", "jxl_files"]

LIMIT = 900_000


def _items(
    kind: bytes,
    brands: bytes,
    items: int,
    extents: int,
    size: int,
    *,
    data: bytes = b"",
    refs: bytes = b"",
    properties: bytes = b"",
    links: bytes = b"",
) -> bytes:
    """A file of so many items, each of so many extents that all lie at the same place."""
    infe = b"".join(heif.full(b"infe", 2, 0, struct.pack(">HH", n, 0) + kind + b"\0") for n in range(1, items + 1))
    iinf = heif.full(b"iinf", 0, 0, struct.pack(">H", items & 0xFFFF) + infe)
    where = struct.pack(">II", 60, size) * extents
    iloc = heif.full(
        b"iloc",
        0,
        0,
        b"\x44\0"
        + struct.pack(">H", items & 0xFFFF)
        + b"".join(struct.pack(">HHH", n, 0, extents) + where for n in range(1, items + 1)),
    )
    ipco = heif.box(b"ipco", properties or heif.ispe(14_000, 14_000))
    ipma = heif.full(
        b"ipma",
        0,
        0,
        links or struct.pack(">I", items) + b"".join(struct.pack(">HBB", n, 1, 1) for n in range(1, items + 1)),
    )
    hdlr = heif.full(b"hdlr", 0, 0, struct.pack(">I4s12xx", 0, b"pict"))
    meta = heif.full(
        b"meta", 0, 0, hdlr, heif.full(b"pitm", 0, 0, b"\0\1"), iinf, iloc, heif.box(b"iprp", ipco, ipma), refs
    )
    return heif.box(b"ftyp", brands) + meta + heif.box(b"mdat", data)


def _edited(raw: bytes, old: bytes, at: int, new: bytes) -> bytes:
    place = raw.find(old) + at
    return raw[:place] + new + raw[place + len(new) :]


def heif_files(name: str) -> Iterator[tuple[str, bytes]]:
    """Items, extents, boxes, properties, references and tiles without number; sizes without data.

    Args:
        name: "avif" or "heic".
    """
    coded, brands = (b"av01", b"avif\0\0\0\0avifmif1") if name == "avif" else (b"hvc1", b"heic\0\0\0\0heicmif1")
    plain = next(iter(samples.of(name).values()))
    for items, extents in ((1, 60_000), (100, 900), (4_000, 20), (10_000, 1), (16_000, 1)):
        for size in (1, 100_000):
            for kind in (coded, b"mime", b"Exif", b"grid"):
                yield (
                    f"{items} items of {extents} extents, {kind.decode()}, {size} B",
                    _items(kind, brands, items, extents, size, data=bytes(100_000))[:1_000_000],
                )
    for kind in (b"free", b"skip", b"uuid", b"abcd", b"mdat"):
        yield f"boxes {kind.decode()}", plain + struct.pack(">I4s", 8, kind) * (LIMIT // 8)
    for depth in (100, 60_000):
        nested = b""
        for _ in range(depth):
            nested = struct.pack(">I4s", len(nested) + 8, b"dinf") + nested if len(nested) < 4_000 else nested
        yield (
            f"{depth} boxes deep",
            plain[: plain.find(b"meta") - 4] + struct.pack(">I4sI", 12 + len(nested), b"meta", 0) + nested,
        )
    grid = heif.grid(256, 256, 14_000, 14_000)
    references = heif.full(
        b"iref", 0, 0, heif.box(b"dimg", struct.pack(">HH", 1, 60_000), struct.pack(">H", 1) * 60_000)
    )
    yield "a grid of itself", _items(b"grid", brands, 1, 1, len(grid), data=grid, refs=references)
    circle = b"".join(
        heif.box(b"dimg", struct.pack(">HHHH", n, 2, n % 9_000 + 1, (n + 1) % 9_000 + 1)) for n in range(1, 9_001)
    )
    yield (
        "grids in a circle",
        _items(b"grid", brands, 9_000, 1, 8, data=heif.grid(1, 2, 9, 9), refs=heif.full(b"iref", 0, 0, circle)),
    )
    cdsc = b"".join(heif.box(b"cdsc", struct.pack(">HHH", 2, 1, 1)) for _ in range(60_000))
    yield "references", _items(coded, brands, 2, 1, 9, refs=heif.full(b"iref", 0, 0, cdsc))
    yield "properties", _items(coded, brands, 2, 1, 9, properties=heif.ispe(9, 9) * 40_000)
    links = struct.pack(">I", 60_000) + struct.pack(">HBB", 1, 1, 1) * 200_000
    yield "associations", _items(coded, brands, 2, 1, 9, links=links)
    for width in (14_000, 60_000, 2**31):
        yield f"ispe {width}", _edited(plain, b"ispe", 8, struct.pack(">II", width, width))
    for shape, unit in XMP_SHAPES.items():
        text = XMP_HEAD + unit * (LIMIT // len(unit))
        yield (
            f"uuid XMP of {shape}",
            plain + heif.box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + text),
        )
    for side in (4_000, 8_000):
        out = io.BytesIO()
        Image.new("RGB", (side, side)).save(out, "AVIF" if name == "avif" else "HEIF", quality=20)
        yield f"flat {side} px", out.getvalue()
    if name == "avif":
        out = io.BytesIO()
        frames = [Image.new("RGB", (1_500, 1_500), (n, n, n)) for n in range(60)]
        frames[0].save(out, "AVIF", save_all=True, append_images=frames[1:], quality=10, speed=10)
        yield "60 flat frames", out.getvalue()
        obus = plain + heif.box(b"mdat", b"\x12\0" * 400_000)
        yield "delimiters", obus


def jxl_files() -> Iterator[tuple[str, bytes]]:
    """Boxes, frames and profiles without number; sizes without data."""
    plain = jxl.encoded(jxl.picture())
    for kind in (b"free", b"abcd", b"xml ", b"Exif", b"jumb", b"brob", b"jxlp"):
        yield (
            f"boxes {kind.decode()}",
            jxl.BOXED + jxl.box(b"jxlc", plain) + struct.pack(">I4s", 8, kind) * (LIMIT // 8),
        )
        yield (
            f"long boxes {kind.decode()}",
            jxl.BOXED + jxl.box(b"jxlc", plain) + jxl.box(kind, b"a" * 16) * (LIMIT // 24),
        )
    parts = b"".join(jxl.box(b"jxlp", struct.pack(">I", n) + b"") for n in range(70_000))
    yield "parts", jxl.BOXED + parts + jxl.box(b"jxlp", struct.pack(">I", 70_000 | 1 << 31) + plain)
    import brotli

    for shape, unit in XMP_SHAPES.items():
        packed = brotli.compress(XMP_HEAD + unit * ((40 << 20) // len(unit)), quality=5)
        yield (
            f"brob XMP of {shape}",
            jxl.BOXED
            + jxl.box(b"jxlc", plain)
            + jxl.box(b"brob", b"xml " + packed) * max(1, min(200, LIMIT // (len(packed) + 20))),
        )
        yield (
            f"XMP of {shape}",
            jxl.BOXED + jxl.box(b"jxlc", plain) + jxl.box(b"xml ", XMP_HEAD + unit * (LIMIT // len(unit))),
        )
    for side in (4_000, 9_000, 12_000):
        for lossless in (True, False):
            out = io.BytesIO()
            Image.new("RGB", (side, side), (9, 9, 9)).save(out, "JXL", lossless=lossless, effort=1)
            yield f"flat {side} px, lossless {lossless}", out.getvalue()
    header = b"\xff\x0a"
    for seed in range(20):
        body = zlib.crc32(bytes([seed])).to_bytes(4, "big") * 200
        yield f"noise {seed}", header + body
    yield "zeros", header + bytes(LIMIT)
    yield "ones", header + b"\xff" * LIMIT
    yield "cut", plain[: len(plain) // 2]
    for shift in range(8):
        yield (
            f"repeated codestream {shift}",
            jxl.BOXED + jxl.box(b"jxlc", plain + bytes(shift) + plain * (LIMIT // len(plain))),
        )
    animated = jxl.ANIMATED
    for size in (100, 10_000, LIMIT):
        yield f"animated and {size} zeros", animated + bytes(size)

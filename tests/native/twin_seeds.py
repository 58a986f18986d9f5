"""Calls of the native core seeded by real files, for the comparison with its twins.

Each starts with the first bytes of a stream, mostly few of them so that a twin takes little time, and damaged.
"""

from __future__ import annotations

import io
import struct
import warnings
from array import array
from collections import defaultdict
from dataclasses import replace
from random import Random
from typing import TYPE_CHECKING, Any

from PIL import Image

from rmexif.native import ccitt, deflate, jpeg, jpeg_markers, lzw, png, rle, samples, vp8l
from rmexif.native.png_layout import Layout
from tests.native import jpeg_files, pngs, webps
from tests.native.twin_calls import CODINGS, MAKERS, MOST, Call, bmp_picture, damaged, length, png_call, recoding

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

__all__ = ["SEEDED", "Seeds", "read_seeds"]

Seeds = dict[str, list[tuple[Any, ...]]]  # kind of stream -> streams, each with what is needed to read it
UNREADABLE = (
    AssertionError,
    IndexError,
    KeyError,
    NameError,
    OSError,
    StopIteration,
    SyntaxError,
    TypeError,
    ValueError,
    struct.error,
)


def read_seeds(folder: Path) -> Seeds:
    """Streams of the files below ``folder``, by what holds them; a file that cannot be read gives none."""
    seeds: Seeds = defaultdict(list)
    for path in sorted(folder.rglob("*")):
        if not path.is_file():
            continue
        raw = path.read_bytes()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                _read(raw, seeds)
            except UNREADABLE:
                continue
    return seeds


def _read(raw: bytes, seeds: Seeds) -> None:
    if raw.startswith(b"\xff\xd8"):
        seeds["jpeg"] += [
            (raw[one.begin : one.end][:MOST], one.scan, one.blocks, one.tables()) for one in jpeg_files.parse(raw)
        ]
    elif raw.startswith(b"\x89PNG"):
        width, height, depth, colour, _, _, interlaced = struct.unpack(">IIBBBBB", raw[16:29])
        stream = pngs.image_data(raw)[: 8 * MOST]
        shape = Layout(width, height, depth, colour, bool(interlaced))
        if shape.exists:
            seeds["png"].append((stream, shape))
        seeds["zlib"].append((stream,))
    elif raw.startswith(b"RIFF"):
        seeds["vp8l"].append((webps.content(raw, b"VP8L")[:MOST],))
    elif raw.startswith(b"GIF8"):
        seeds["gif"] += _gif_streams(raw)
    elif raw.startswith(b"BM"):
        _read_bmp(raw, seeds)
    elif raw[:2] in (b"II", b"MM"):
        _read_tiff(raw, seeds)


def _gif_streams(raw: bytes) -> list[tuple[bytes, int]]:
    """The codes of each frame, and their minimum size."""
    at, found = 13 + (3 << (raw[10] & 7) + 1 if raw[10] & 0x80 else 0), []
    while raw[at] != 0x3B:
        is_image = raw[at] == 0x2C
        if is_image:
            at += 10 + (3 << (raw[at + 9] & 7) + 1 if raw[at + 9] & 0x80 else 0)
        else:
            at += 2
        bits, at = (raw[at], at + 1) if is_image else (0, at)
        data = b""
        while size := raw[at]:
            data += raw[at + 1 : at + 1 + size]
            at += 1 + size
        at += 1
        if is_image:
            found.append((data[:MOST], bits))
    return found


def _read_bmp(raw: bytes, seeds: Seeds) -> None:
    start, _, width, height = struct.unpack_from("<IIii", raw, 10)
    bits, compression = struct.unpack_from("<HI", raw, 28)
    if compression in (1, 2):
        seeds["bmp"].append((raw[start : start + MOST], min(width, 300), min(abs(height), 9), compression == 2))
    seeds["rows"].append((raw[start : start + MOST], bits))


def _read_tiff(raw: bytes, seeds: Seeds) -> None:
    image = Image.open(io.BytesIO(raw))
    for number in range(getattr(image, "n_frames", 1)):
        image.seek(number)
        tags = image.tag_v2  # type: ignore[attr-defined]
        kind = {1: "rows", 5: "tiff", 8: "zlib", 32946: "zlib"}.get(tags.get(259, 1))
        coding = {2: ccitt.Coding.HUFFMAN, 3: ccitt.Coding.GROUP3, 4: ccitt.Coding.GROUP4}.get(tags.get(259))
        for start in tags.get(273, ())[:20]:
            data = raw[start : start + MOST]
            if coding is not None:
                seeds["fax"].append((data, tags[256], coding))
            elif kind is not None:
                seeds[kind].append((data, 8) if kind == "rows" else (data,))


def excerpt(draw: Random, data: bytes, most: int = MOST) -> bytes:
    """The first bytes, one in four times up to ``most``, with damage."""
    return damaged(draw, data, draw.choice([30, 90, 160, most]))


def _seeded_lzw(draw: Random, seeds: Seeds) -> tuple[bytes, int, bool]:
    if draw.random() < 0.5 and seeds["tiff"]:
        return draw.choice(seeds["tiff"])[0], 8, True
    return *draw.choice(seeds["gif"]), False


def _samples_of(draw: Random, seeds: Seeds) -> bytes:
    """Samples of a real picture: rows as they stand, or decoded."""
    if draw.random() < 0.5 and seeds["rows"]:
        return excerpt(draw, draw.choice(seeds["rows"])[0])
    return bytes(
        lzw.decode.native(draw.choice(seeds["gif"])[0], length(draw, MOST), draw.choice(seeds["gif"])[1]).samples
    )


def lzw_decode(draw: Random, seeds: Seeds) -> Call:
    data, bits, tiff = _seeded_lzw(draw, seeds)
    return Call(lzw.decode, (excerpt(draw, data), length(draw, 3000), bits), {"tiff": tiff})


def lzw_walk(draw: Random, seeds: Seeds) -> Call:
    data = lzw.decode.native(draw.choice(seeds["tiff"])[0], length(draw, 3000), tiff=True).samples
    return Call(lzw.walk, (damaged(draw, lzw.encode.native(data, tiff=True), 4000), len(data)), {})


def lzw_encode(draw: Random, seeds: Seeds) -> Call:
    data, bits, tiff = _seeded_lzw(draw, seeds)
    found = lzw.decode.native(data, length(draw, 3000), bits, tiff=tiff)
    return Call(lzw.encode, (bytes(found.samples), bits), {"tiff": tiff})


def inflate(draw: Random, seeds: Seeds) -> Call:
    data = excerpt(draw, draw.choice(seeds["zlib"])[0])
    return Call(deflate.inflate, (data, length(draw, 3000)), {"symbols": draw.random() < 0.5})


def audit(draw: Random, seeds: Seeds) -> Call:
    return Call(deflate.audit, (excerpt(draw, draw.choice(seeds["zlib"])[0]), length(draw, 3000)), {})


def recode(draw: Random, seeds: Seeds) -> Call:
    return recoding(draw, draw.choice(seeds["zlib"])[0][: draw.choice([90, 120, 160, MOST])])


def _seeded_png(draw: Random, seeds: Seeds) -> tuple[bytes, Layout]:
    """A stream and its layout, cut to some pixels, so that every row of a wide picture begins somewhere else."""
    stream, shape = draw.choice(seeds["png"])
    return stream, shape._replace(width=min(shape.width, length(draw, 200)), height=draw.randrange(1, 6))


def png_survey(draw: Random, seeds: Seeds) -> Call:
    stream, shape = _seeded_png(draw, seeds)
    return png_call(draw, png.survey, excerpt(draw, stream, 8 * MOST), shape)


def png_rewrite(draw: Random, seeds: Seeds) -> Call:
    stream, shape = _seeded_png(draw, seeds)
    return png_call(draw, png.rewrite, excerpt(draw, stream, 8 * MOST), shape)


def unfilter(draw: Random, seeds: Seeds) -> Call:
    stream, shape = _seeded_png(draw, seeds)
    return Call(png.unfilter, (bytes(deflate.inflate.native(stream, shape.size).data), shape), {})


def filter_rows(draw: Random, seeds: Seeds) -> Call:
    stream, shape = _seeded_png(draw, seeds)
    found = deflate.inflate.native(stream, shape.pixels_size).data
    return Call(png.filter_rows, (bytes(found).ljust(shape.pixels_size, b"\0"), shape), {})


def jpeg_scan(draw: Random, seeds: Seeds) -> Call:
    data, scan, blocks, tables = draw.choice(seeds["jpeg"])
    scan = scan._replace(mcus=min(scan.mcus, length(draw, 60)))
    count = min(blocks, scan.mcus) if scan.start else 0
    history = array("Q", (draw.getrandbits(64) & draw.getrandbits(64) for _ in range(count)))
    return Call(jpeg.walk, (scan, excerpt(draw, data), history, draw.choice(list(jpeg.Output)), tables), {})


def markers(draw: Random, seeds: Seeds) -> Call:
    data = damaged(draw, draw.choice(seeds["jpeg"])[0])
    return Call(jpeg_markers.find, (data, draw.randrange(len(data) + 1)), {})


def vp8l_stream(draw: Random, seeds: Seeds) -> Call:
    data = excerpt(draw, draw.choice(seeds["vp8l"])[0])
    return Call(vp8l.walk, (data,), {"decode": draw.random() < 0.5, "rows": draw.randrange(9), "most_pixels": 1 << 14})


def packbits(draw: Random, seeds: Seeds) -> Call:
    coded = rle.encode_packbits.native(_samples_of(draw, seeds), draw.randrange(1, 300))
    return Call(rle.decode_packbits, (damaged(draw, coded), draw.randrange(1000)), {})


def bmp(draw: Random, seeds: Seeds) -> Call:
    data, width, height, nibbles = draw.choice(seeds["bmp"])
    return Call(rle.decode_bmp, (excerpt(draw, data, 200), width, height), {"nibbles": nibbles})


def encode_bmp(draw: Random, seeds: Seeds) -> Call:
    data, width, height, nibbles = draw.choice(seeds["bmp"])
    return bmp_picture(draw, excerpt(draw, data, 200), width, height, nibbles)


def fax(draw: Random, seeds: Seeds) -> Call:
    data, width, coding = draw.choice(seeds["fax"])
    return Call(ccitt.decode, (excerpt(draw, data, 200), width, draw.randrange(12), coding), {})


def fax_encode(draw: Random, seeds: Seeds) -> Call:
    data, width, coding = draw.choice(seeds["fax"])
    found = ccitt.decode.native(data, width, draw.randrange(12), coding)
    return Call(ccitt.encode, (bytes(found.bitmap), width, found.rows, draw.choice(CODINGS)), {})


def _with_samples(make: Callable[[Random], Call]) -> Callable[[Random, Seeds], Call]:
    """The maker of a random call, with the samples of a real picture in the place of its own."""

    def seeded(draw: Random, seeds: Seeds) -> Call:
        call = make(draw)
        data = _samples_of(draw, seeds)[: draw.randrange(1, 200)]
        if call.twin is samples.clear_where:
            opacity = _samples_of(draw, seeds)[: len(data)]
            return replace(call, arguments=(bytearray(data[: len(opacity)]), opacity, *call.arguments[2:]))
        return replace(call, arguments=(type(call.arguments[0])(data), *call.arguments[1:]))

    return seeded


def digests(draw: Random, seeds: Seeds) -> Call:
    call = MAKERS["sha256.hexdigests"](draw)
    return replace(call, arguments=(_samples_of(draw, seeds), call.arguments[1]))


def shrink(draw: Random, seeds: Seeds) -> Call:
    call = MAKERS["resample.shrink"](draw)
    data, *others = call.arguments
    return replace(call, arguments=((_samples_of(draw, seeds) * 300)[: len(data)].ljust(len(data), b"\0"), *others))


SEEDED: dict[str, Callable[[Random, Seeds], Call]] = {
    **{
        name: _with_samples(make)
        for name, make in MAKERS.items()
        if name.startswith("samples.") or name in ("rle.encode_packbits", "low_bits.pack")
    },
    "resample.shrink": shrink,
    "sha256.hexdigests": digests,
    "lzw.decode": lzw_decode,
    "lzw.walk": lzw_walk,
    "lzw.encode": lzw_encode,
    "deflate.inflate": inflate,
    "deflate.audit": audit,
    "deflate.recode": recode,
    "png.survey": png_survey,
    "png.rewrite": png_rewrite,
    "png.unfilter": unfilter,
    "png.filter_rows": filter_rows,
    "rle.decode_packbits": packbits,
    "rle.decode_bmp": bmp,
    "rle.encode_bmp": encode_bmp,
    "ccitt.decode": fax,
    "ccitt.encode": fax_encode,
    "jpeg.walk": jpeg_scan,
    "jpeg_markers.find": markers,
    "vp8l.walk": vp8l_stream,
}

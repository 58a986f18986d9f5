"""Random calls of the native core, for the comparison with its twins.

Every maker draws the arguments of one call. Streams are noise, or what an encoder makes of random samples, with damage.
Most are tiny, which is where the edges of a bounded reader are, and cheap for the twin; a few are as large as it takes
to fill tables and windows.
"""

from __future__ import annotations

import zlib
from array import array
from dataclasses import dataclass
from random import Random
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from rmexif.native import ccitt, deflate, jpeg, jpeg_markers, low_bits, lzw, png, resample, rle, samples, sha256, vp8l
from rmexif.native.library import Twin
from rmexif.native.png_layout import Layout
from tests.native import vp8l_streams, webps

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["MAKERS", "Call", "differs"]

MOST = 700  # byte of a stream: a twin takes microseconds for each
CODINGS = list(ccitt.Coding)
LAYOUTS = [(1, 0), (2, 0), (4, 0), (8, 0), (16, 0), (8, 2), (16, 2), (1, 3), (4, 3), (8, 3), (8, 4), (16, 4), (8, 6)]


@dataclass(frozen=True)
class Call:
    """A function with two implementations, and arguments for both."""

    twin: Twin[..., Any]
    arguments: tuple[Any, ...]
    named: dict[str, Any]


def differs(call: Call) -> str:
    """How the two answers differ; an empty text where they do not."""
    native, python = (_answer(one, call) for one in (call.twin.native, call.twin.python))
    return "" if native == python else f"native {str(native)[:300]}, python {str(python)[:300]}"


def _answer(function: Any, call: Call) -> Any:
    """What a function gives, or the name of its error, and what it leaves in the buffers that it was given."""
    arguments = [one[:] if isinstance(one, bytearray | array) else one for one in call.arguments]
    try:
        found = _plain(function(*arguments, **call.named))
    except ValueError:
        found = "ValueError"
    return found, [one for one in arguments if isinstance(one, bytearray | array)]


def _plain(found: Any) -> Any:
    """The answer with its views as bytes."""
    if isinstance(found, memoryview):
        return bytes(found)
    return tuple(map(_plain, found)) if isinstance(found, tuple) else found


# -- streams -----------------------------------------------------------------------------------------------------------


def length(draw: Random, most: int) -> int:
    """From 1 to ``most``: half of them below 17, one in ten any."""
    return draw.randrange(1, 1 + min(most, draw.choice([8, 8, 16, 16, 16, 16, 40, 40, 100, most])))


def rarely(draw: Random, calls: int = 300) -> bool:
    """Once in so many calls."""
    return draw.random() < 1 / calls


def noise(draw: Random, most: int = 60) -> bytes:
    """Bytes that are independent."""
    return draw.randbytes(draw.randrange(most))


def picture(draw: Random, values: int = 256, most: int = 300) -> bytes:
    """Samples below ``values``: runs, noise and repeats."""
    return _samples(draw, values, length(draw, most))


def _samples(draw: Random, values: int, size: int) -> bytes:
    out = bytearray()
    while len(out) < size:
        kind, start = draw.randrange(3), draw.randrange(len(out) + 1)
        if kind == 0:
            out += bytes([draw.randrange(values)]) * draw.randrange(1, 60)
        else:
            out += out[start : start + 30] if kind == 1 else draw.randbytes(draw.randrange(1, 20))
    return bytes(value % values for value in out[:size])


def long_picture(draw: Random, values: int = 256) -> bytes:
    """Rarely so many samples that tables fill, or code no better than before."""
    return _samples(draw, values, draw.randrange(5_000, 40_000)) if rarely(draw) else picture(draw, values)


def damaged(draw: Random, data: bytes, most: int = MOST) -> bytes:
    """A stream, now and then cut, and with up to three changes."""
    out = bytearray(data[:most])
    for _ in range(draw.choice([0, 1, 1, 2, 3])):
        at = draw.randrange(len(out) + 1)
        kind = draw.randrange(4)
        if kind == 0 and at < len(out):
            out[at] ^= 1 << draw.randrange(8)
        elif kind == 1:
            del out[at : at + draw.randrange(1, 6)]
        elif kind == 2:
            out[at:at] = draw.randbytes(2)
        else:
            del out[at:]
    return bytes(out)


def layout(draw: Random) -> Layout:
    """A small PNG; rarely one that takes more than the window of a stream."""
    if rarely(draw, 2_000):
        return Layout(draw.randrange(1000, 1200), draw.randrange(70, 250), *draw.choice([(8, 0), (8, 3)]), False)
    return Layout(length(draw, 40), draw.randrange(1, 9), *draw.choice(LAYOUTS), draw.random() < 0.3)


def rows(draw: Random, shape: Layout) -> bytes:
    """Filtered rows, a few of them with a filter that PNG does not have; transparent pixels are frequent."""
    out = bytearray(picture(draw, draw.choice([2, 256]), 200))
    out = (out * (shape.size // len(out) + 1))[: shape.size]
    step = max(1, shape.size // max(1, shape.rows))
    for at in range(0, len(out), step):
        out[at] = draw.randrange(5) if draw.random() < 0.97 else draw.randrange(256)
    return bytes(out)


def compressed(draw: Random, data: bytes, *, bare: bool = False) -> bytes:
    """Data as an ordinary or an unusual writer deflates it."""
    window = draw.choice([9, 15, 15])
    writer = zlib.compressobj(draw.randrange(10), zlib.DEFLATED, -window if bare else window, 8, draw.randrange(5))
    out, half = b"", draw.randrange(len(data) + 1)
    for piece in (data[:half], data[half:]):
        out += writer.compress(piece) + (writer.flush(draw.choice([1, 2, 3, 5])) if draw.random() < 0.3 else b"")
    return out + writer.flush()


def zlib_stream(draw: Random) -> tuple[bytes, bool]:
    """Deflated samples with damage, or noise; and whether it lacks the envelope."""
    bare = draw.random() < 0.3
    return damaged(draw, compressed(draw, picture(draw), bare=bare) if draw.random() < 0.8 else noise(draw)), bare


# -- one maker per function, for random calls --------------------------------------------------------------------------


def _lzw_stream(draw: Random) -> tuple[bytes, int, int, bool]:
    tiff = draw.random() < 0.5
    bits = 8 if tiff else draw.randrange(1, 9)
    data = long_picture(draw, 1 << bits)
    coded = lzw.encode.native(data, bits, tiff=tiff) if bits > 1 and draw.random() < 0.8 else noise(draw)
    return damaged(draw, coded, 1 << 14), max(0, len(data) + draw.choice([0, 0, 0, -1, 5])), bits, tiff


def lzw_decode(draw: Random) -> Call:
    data, size, bits, tiff = _lzw_stream(draw)
    return Call(lzw.decode, (data, size, bits), {"tiff": tiff})


def lzw_walk(draw: Random) -> Call:
    data = long_picture(draw)
    coded = lzw.encode.native(data, tiff=True)
    return Call(lzw.walk, (damaged(draw, coded, 1 << 14), len(data) + draw.choice([0, 0, 1])), {})


def lzw_encode(draw: Random) -> Call:
    bits, tiff = draw.randrange(2, 9), draw.random() < 0.5
    data = long_picture(draw, 1 << bits)
    resets = sorted(draw.sample(range(1, len(data) + 1), min(len(data), draw.randrange(4)))) or None
    return Call(lzw.encode, (data, 8 if tiff else bits), {"tiff": tiff, "resets": resets})


def deflate_inflate(draw: Random) -> Call:
    data, bare = zlib_stream(draw)
    size = draw.randrange(1 + len(data) * draw.randrange(5))
    if rarely(draw):  # longer runs of literals than a symbol counts
        size = draw.randrange(15_000, 40_000)
        data, bare = damaged(draw, zlib.compress(draw.randbytes(size), draw.randrange(2)), 1 << 16), False
    return Call(deflate.inflate, (data, size), {"bare": bare, "symbols": draw.random() < 0.5})


def deflate_audit(draw: Random) -> Call:
    data, bare = zlib_stream(draw)
    return Call(deflate.audit, (data, draw.randrange(1 + len(data) * draw.randrange(5))), {"bare": bare})


def recoding(draw: Random, stream: bytes) -> Call:
    found = deflate.inflate.native(stream, 4000, symbols=True)
    fresh = damaged(draw, bytes(found.data), 4000)
    if draw.random() < 0.2:  # as where invisible pixels are cleared
        at = draw.randrange(1 + len(fresh))
        fresh = fresh[:at] + bytes(draw.randrange(70)) + fresh[at + draw.randrange(70) :]
    return Call(deflate.recode, (found.symbols, fresh), {})


def deflate_recode(draw: Random) -> Call:
    return recoding(draw, compressed(draw, picture(draw)))


def png_call(draw: Random, twin: Twin[..., Any], stream: bytes, shape: Layout) -> Call:
    if twin is png.rewrite:
        table = list(range(256)) if draw.random() < 0.5 else draw.choices(range(1 << min(8, shape.depth)), k=256)
        return Call(twin, (stream, shape, bytes(table)), {})
    key = draw.choice([None, draw.randbytes(shape.step), bytes(shape.step), b"\xff"])
    return Call(twin, (stream, shape, key), {"hasty": draw.random() < 0.3})


def _png_stream(draw: Random) -> tuple[bytes, Layout]:
    shape = layout(draw)
    stream = compressed(draw, rows(draw, shape))
    return stream if shape.width > 100 and draw.random() < 0.8 else damaged(draw, stream, 1 << 16), shape


def png_survey(draw: Random) -> Call:
    return png_call(draw, png.survey, *_png_stream(draw))


def png_rewrite(draw: Random) -> Call:
    return png_call(draw, png.rewrite, *_png_stream(draw))


def png_unfilter(draw: Random) -> Call:
    shape = layout(draw)
    return Call(png.unfilter, (damaged(draw, rows(draw, shape), 1 << 16), shape), {})


def png_filter_rows(draw: Random) -> Call:
    shape = layout(draw)
    kinds = bytes(draw.randrange(6) for _ in range(shape.rows + draw.choice([0, 0, 0, 1]))) or None
    size = max(0, shape.pixels_size + draw.choice([0, 0, 0, -1, 3]))
    return Call(png.filter_rows, (draw.randbytes(size), shape, draw.choice([None, kinds])), {})


def low_bits_pack(draw: Random) -> Call:
    pixel, width = draw.randrange(1, 9), draw.randrange(30)
    channels = [
        low_bits.Channel(draw.randrange(pixel), draw.randbytes(256)) for _ in range(draw.choice([1, 2, 3, 3, 4]))
    ]
    data = (picture(draw) * 20)[: draw.randrange(1500)]
    return Call(low_bits.pack, (data, pixel, channels, width), {"columns": draw.choice([0, 0, 1, 5, 40])})


def _grid(draw: Random) -> dict[str, int]:
    return {"stride": draw.randrange(10), "rows": draw.randrange(10)}


def samples_used(draw: Random) -> Call:
    return Call(samples.used, (noise(draw), draw.randrange(41), draw.choice([1, 2, 4, 8, 3])), _grid(draw))


def samples_remap(draw: Random) -> Call:
    table = draw.randbytes(256)
    return Call(
        samples.remap, (bytearray(noise(draw)), table, draw.randrange(41), draw.choice([1, 2, 4, 8])), _grid(draw)
    )


def samples_clear_padding(draw: Random) -> Call:
    return Call(samples.clear_padding, (bytearray(noise(draw)), draw.randrange(81)), _grid(draw))


def _sparse(draw: Random) -> bytearray:
    return bytearray(value * draw.randrange(2) for value in noise(draw))


def samples_clear_hidden(draw: Random) -> Call:
    return Call(samples.clear_hidden, (_sparse(draw), *(draw.randrange(6) for _ in range(2)), draw.randrange(4)), {})


def samples_clear_where(draw: Random) -> Call:
    data = _sparse(draw)
    opacity = bytes(draw.randrange(2) for _ in range(len(data) + draw.choice([0, 0, 0, 1])))
    return Call(samples.clear_where, (data, opacity, draw.randrange(4)), {})


def samples_mask(draw: Random) -> Call:
    keep, alpha = draw.getrandbits(32), draw.choice([0, 0xFF, 0xFF000000, draw.getrandbits(32)])
    return Call(samples.mask, (_sparse(draw), draw.choice([2, 4, 3]), keep, alpha), {})


def _predictor(draw: Random, twin: Twin[..., Any]) -> Call:
    arguments = (bytearray(noise(draw)), draw.randrange(21), draw.randrange(6), draw.randrange(5))
    return Call(twin, arguments, {"big": draw.random() < 0.5})


def samples_undo_predictor(draw: Random) -> Call:
    return _predictor(draw, samples.undo_predictor)


def samples_apply_predictor(draw: Random) -> Call:
    return _predictor(draw, samples.apply_predictor)


def _axis(draw: Random, size: int) -> resample.Axis:
    """Mostly one that is offered."""
    output = max(1, size - draw.randrange(4))
    start, stop = draw.random() * 0.3, size - draw.random() * 0.3
    axis = resample.Axis.between(start, stop, size, output)
    return axis if draw.random() < 0.9 else axis._replace(step=draw.getrandbits(34), first=draw.getrandbits(40))


def resample_shrink(draw: Random) -> Call:
    channels = draw.choice([1, 2, 3, 4, 3, 5])
    across, down = _axis(draw, length(draw, 60)), _axis(draw, draw.randrange(1, 12))
    data = picture(draw, draw.choice([2, 256]))
    data = (data * (across.size * down.size * channels // len(data) + 1))[: across.size * down.size * channels]
    return Call(
        resample.shrink, (data, channels, across, down, bytearray(max(0, len(data) - draw.choice([0, 0, 0, 40])))), {}
    )


def rle_decode_packbits(draw: Random) -> Call:
    data = picture(draw)
    coded = rle.encode_packbits.native(data, draw.randrange(1, 99)) if draw.random() < 0.7 else noise(draw)
    return Call(rle.decode_packbits, (damaged(draw, coded), len(data)), {})


def rle_encode_packbits(draw: Random) -> Call:
    return Call(rle.encode_packbits, (picture(draw, draw.choice([2, 256])), draw.randrange(0, 300)), {})


def _bmp_codes(draw: Random) -> bytes:
    codes = []
    for _ in range(draw.randrange(30)):
        count = draw.randrange(3, 9)
        literal = bytes((0, count)) + draw.randbytes(count + count % 2)
        jump = bytes((0, 2, draw.randrange(9), draw.randrange(3)))
        codes.append(draw.choice([draw.randbytes(2), bytes((0, draw.randrange(3))), jump, literal]))
    return b"".join(codes)


def rle_decode_bmp(draw: Random) -> Call:
    size = (draw.randrange(41), draw.randrange(10))
    return Call(rle.decode_bmp, (_bmp_codes(draw), *size), {"nibbles": draw.random() < 0.5})


def bmp_picture(draw: Random, codes: bytes, width: int, height: int, nibbles: bool) -> Call:
    painted = rle.decode_bmp.native(codes, width, height, nibbles=nibbles)
    pixels, spans = bytes(painted.pixels), painted.spans
    if rarely(draw):  # a picture of another size, spans out of order
        pixels, spans = pixels + b"\0" * draw.randrange(2), array("I", sorted(spans, reverse=True))
    arguments = (pixels, width, height, spans)
    return Call(rle.encode_bmp, arguments, {"nibbles": nibbles, "complete": draw.random() < 0.5})


def rle_encode_bmp(draw: Random) -> Call:
    return bmp_picture(draw, _bmp_codes(draw), draw.randrange(1, 41), draw.randrange(1, 10), draw.random() < 0.5)


def sha256_hexdigests(draw: Random) -> Call:
    return Call(sha256.hexdigests, (noise(draw, 300), noise(draw, 300)), {})


def _bitmap(draw: Random, width: int, height: int) -> bytes:
    size, data = (width + 7) // 8 * height, picture(draw, draw.choice([2, 256]), 100)
    return (data * (size // len(data) + 1))[:size]


def ccitt_encode(draw: Random) -> Call:
    width, height = length(draw, 91) - 1, draw.randrange(0, 12)
    named = {"aligned": draw.random() < 0.3}
    return Call(ccitt.encode, (_bitmap(draw, width, height), width, height, draw.choice(CODINGS)), named)


def ccitt_decode(draw: Random) -> Call:
    width, height, coding = length(draw, 5_500 if rarely(draw) else 90), draw.randrange(0, 12), draw.choice(CODINGS)
    coded = ccitt.encode.native(_bitmap(draw, width, height), width, height, coding)
    return Call(ccitt.decode, (damaged(draw, coded if draw.random() < 0.8 else noise(draw)), width, height, coding), {})


def _huffman(draw: Random, symbols: list[int]) -> bytes:
    """A table for some of the symbols, now and then with too many codes."""
    counts, room = [], 1.0
    most = draw.choice([1, 3, 3, 6])
    for size in range(1, 17):
        count = max(0, min(draw.randrange(1 + most), int(room * (1 << size)), 256 - sum(counts)))
        counts.append(count)
        room -= count / (1 << size)
    if draw.random() < 0.01:
        counts[draw.randrange(16)] += draw.randrange(1, 256)
    count = sum(counts)
    return bytes(min(255, count) for count in counts) + bytes(draw.choices(symbols, k=min(count, 256)))


AC = [[0x00, 0x01, 0x02, 0x11, 0xF0, 0x10, 0x20, 0x31, 0xE0, 0xF1, 0x0A, 0x51, 0x0F], [0x00, 0x01], [0xE0, 0xD0, 0x01]]
AC += [[0xF0, 0x01, 0x11, 0x31], [0x10, 0x00, 0x01]]
DC = list(range(18))
SPECIAL = [b"\xff\x00", b"\xff\xd0", b"\xff\xd1", b"\xff\xff", b"\0"]
BOUNDS = [(0, 1, 5), (2, 4, 20), (0, 0, 63), (15, 15, 1)]
WRONG = [  # scans that T.81 does not know
    *({"sof": sof} for sof in (0xC3, 0xC8)),
    *({"precision": bits} for bits in (1, 17)),
    *({"components": ()}, {"mcus": 1 << 32}, {"interval": 1 << 32}, {"low": 14}, {"high": 14}, {"high": 1}),
    *({"start": 1, "stop": 0}, {"stop": 64}, {"start": 0, "stop": 1}),
]
WRONG_COMPONENT = [
    *({"units": units} for units in (0, 2, 17)),
    *({"dc_slot": 4}, {"ac_slot": 4}),
    *({"conditioning": bounds} for bounds in ((1, 0, 5), (0, 16, 5), (0, 1, 0), (0, 1, 64))),
]


def _scan(draw: Random) -> jpeg.Scan:
    """A scan of any process, with tables of its own."""
    sof = draw.choice([0xC0, 0xC1, 0xC2, 0xC2, 0xC2, 0xC3, 0xC9, 0xCA, 0xCA])
    start, stop, high, low = 0, 63, 0, 0
    if sof in (0xC2, 0xCA):
        start, high, low = draw.choice([0, 1, 1, 6]), draw.randrange(2), draw.randrange(3)
        stop = draw.randrange(start, 64) if start else 0
    count = 1 if start else draw.choice([1, 1, 1, 2, 3, 4])
    tables = [(_huffman(draw, DC), _huffman(draw, draw.choice(AC))) for _ in range(draw.choice([1, 1, count]))]
    components = tuple(
        jpeg.Component(
            *(1 if count == 1 else draw.randrange(1, 5), *tables[number % len(tables)]),
            *(draw.randrange(4), draw.randrange(4), draw.choice(BOUNDS)),
        )
        for number in range(count)
    )
    mcus = length(draw, 41) - 1
    return jpeg.Scan(sof, draw.choice([8, 12]), components, mcus, draw.randrange(10), start, stop, high, low)


def _band(draw: Random) -> Call:
    """A progressive scan with long runs of blocks that end (T.81, G.1.2.2), rarely with as many as a run can have."""
    symbols = draw.choice([[0xE0, 0xD0, 0x00, 0x01], [0x40, 0x50, 0x60, 0x01], [0xF0, 0x01, 0x11, 0x31, 0x10]])
    table, high = _huffman(draw, symbols), draw.randrange(2)
    mcus = draw.choice([32_766, 32_767, 32_768, 70_000]) if rarely(draw) else draw.randrange(1, 80)
    scan = jpeg.Scan(0xC2, 8, (jpeg.Component(1, b"", table),), mcus, 0, 1, 63, high, 0)
    known = [
        draw.getrandbits(64) & draw.getrandbits(64) | draw.getrandbits(64) * (mcus > 60) for _ in range(min(mcus, 80))
    ]
    history = array("Q", known)
    history.frombytes(bytes(8 * (mcus - len(known))))
    data = draw.randbytes(draw.randrange(400)).replace(b"\xff", b"\xff\0")
    return Call(jpeg.walk, (scan, data, history, draw.choice(list(jpeg.Output)), (b"", table)), {})


def jpeg_walk(draw: Random) -> Call:
    if draw.random() < 0.1:
        return _band(draw)
    scan = _scan(draw)
    count = len(scan.components)
    data = b"".join(draw.choice([draw.choice(SPECIAL), noise(draw, 12)]) for _ in range(draw.randrange(12)))
    if rarely(draw, 20):
        data = draw.choice([*SPECIAL, draw.randbytes(9)]) * draw.randrange(60) + data
    history = array("Q", (draw.getrandbits(64) for _ in range(scan.mcus if scan.start else 0)))
    if draw.random() < 0.5:
        tables = tuple(table for one in scan.components for table in (one.dc, one.ac))
    else:
        tables = tuple(_huffman(draw, list(range(256))) for _ in range(2 * count))
    if draw.random() < 0.02:
        scan = scan._replace(**draw.choice(WRONG))
    elif draw.random() < 0.02:
        wrong = scan.components[0]._replace(**draw.choice(WRONG_COMPONENT))
        scan = scan._replace(components=(wrong, *scan.components[1:]))
    return Call(jpeg.walk, (scan, data, history, draw.choice(list(jpeg.Output)), tables), {})


def jpeg_markers_find(draw: Random) -> Call:
    special = [b"\xff\x00", b"\xff\xd0", b"\xff\xd7", b"\xff\xff", b"\xff\x01", b"\xff\xd9"]
    kinds = special[: draw.choice([1, 2, 4, 5, 6, 6])]
    data = b"".join(draw.choice([draw.choice(kinds), noise(draw, 12)]) for _ in range(draw.choice([12, 12, 900])))
    return Call(jpeg_markers.find, (data, draw.randrange(min(30, len(data)) + 1)), {})


def _encoded_vp8l(draw: Random) -> bytes:
    """What libwebp makes of a small picture."""
    width, height = draw.randrange(1, 12), draw.randrange(1, 9)
    mode = draw.choice(["L", "RGB", "RGBA"])
    pixels = (picture(draw, draw.choice([2, 6, 256])) * 500)[: width * height * len(mode)]
    image = Image.frombytes(mode, (width, height), pixels).convert("RGBA")
    return webps.content(
        webps.encode(np.asarray(image), lossless=True, quality=draw.randrange(101), method=draw.randrange(3)), b"VP8L"
    )


def vp8l_walk(draw: Random) -> Call:
    named = {
        "decode": draw.random() < 0.5,
        "rows": draw.choice([0, 0, 1, 3, 9]),
        "most_pixels": 1 << draw.choice([6, 17, 17, 17]),
    }
    if draw.random() < 0.7:
        data, width, height = vp8l_streams.drawn(draw)
        return Call(vp8l.walk, (damaged(draw, data) if draw.random() < 0.3 else data, width, height), named)
    return Call(vp8l.walk, (damaged(draw, _encoded_vp8l(draw) if draw.random() < 0.7 else noise(draw)),), named)


MAKERS: dict[str, Callable[[Random], Call]] = {
    "lzw.decode": lzw_decode,
    "lzw.walk": lzw_walk,
    "lzw.encode": lzw_encode,
    "deflate.inflate": deflate_inflate,
    "deflate.audit": deflate_audit,
    "deflate.recode": deflate_recode,
    "png.survey": png_survey,
    "png.rewrite": png_rewrite,
    "png.unfilter": png_unfilter,
    "png.filter_rows": png_filter_rows,
    "rle.decode_packbits": rle_decode_packbits,
    "rle.encode_packbits": rle_encode_packbits,
    "rle.decode_bmp": rle_decode_bmp,
    "rle.encode_bmp": rle_encode_bmp,
    "ccitt.decode": ccitt_decode,
    "ccitt.encode": ccitt_encode,
    "jpeg.walk": jpeg_walk,
    "jpeg_markers.find": jpeg_markers_find,
    "vp8l.walk": vp8l_walk,
    "resample.shrink": resample_shrink,
    "sha256.hexdigests": sha256_hexdigests,
    "low_bits.pack": low_bits_pack,
    "samples.used": samples_used,
    "samples.remap": samples_remap,
    "samples.clear_padding": samples_clear_padding,
    "samples.clear_hidden": samples_clear_hidden,
    "samples.clear_where": samples_clear_where,
    "samples.mask": samples_mask,
    "samples.undo_predictor": samples_undo_predictor,
    "samples.apply_predictor": samples_apply_predictor,
}

"""Choices of an encoder that repeat: a common file makes them alike, and one that spells a text with them is found."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image
from PIL.TiffImagePlugin import AppendingTiffWriter as TiffAppender

from rmexif import Policy, scrub, strip, verify
from rmexif.errors import MalformedImage
from tests import samples
from tests.containers.tiff_directories import append_directory

RNG = np.random.default_rng(1)
SECRET = bytes(RNG.integers(32, 127, 1024, dtype=np.uint8))
HALVES = [half for byte in SECRET for half in (byte >> 4, byte & 15)]


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def _png(cuts: list[int]) -> bytes:
    """A grey picture whose stream is cut into chunks of these sizes and a last one."""
    rows = np.random.default_rng(2).integers(0, 256, (400, 601), dtype=np.uint8)
    rows[:, 0] = 0
    stream, at, chunks = zlib.compress(rows.tobytes(), 6), 0, b""
    for cut in cuts:
        chunks += _chunk(b"IDAT", stream[at : at + cut])
        at += cut
    head = _chunk(b"IHDR", struct.pack(">IIBBBBB", 600, 400, 8, 0, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunks + _chunk(b"IDAT", stream[at:]) + _chunk(b"IEND", b"")


def test_chunks_of_a_png() -> None:
    """The sizes of 1024 IDAT chunks are a text."""
    assert verify(_png([])) == []
    assert verify(_png([8192] * 20)) == []
    assert verify(_png(list(SECRET)))


def test_segments_of_a_jpeg() -> None:
    """One JFIF segment is common, 2048 with densities of a list are a text."""
    raw = samples.of("jpeg")["plain"]
    densities = (72, 75, 90, 96, 100, 110, 120, 144, 150, 180, 192, 200, 220, 240, 300, 350)
    heads = b"".join(
        b"\xff\xe0\0\x10JFIF\0\1\1\1" + struct.pack(">HH", densities[half], densities[half]) + b"\0\0"
        for half in HALVES
    )

    assert verify(raw) == []
    assert verify(raw[:2] + heads + raw[raw.index(b"\xff\xdb") :])


def test_sub_blocks_of_a_gif() -> None:
    """The size of each frame's sub-blocks is a letter."""
    frames = [Image.fromarray(RNG.integers(0, 255, (40, 40), dtype=np.uint8)) for _ in range(40)]
    raw = samples.saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, disposal=1)

    assert verify(raw) == []
    assert verify(_other_sub_blocks(raw))


def _other_sub_blocks(raw: bytes) -> bytes:
    """The codes of each picture in sub-blocks of another size."""
    at = 13 + (3 << (raw[10] & 7) + 1 if raw[10] & 0x80 else 0)
    out, number = bytearray(raw[:at]), 0
    while raw[at] != 0x3B:
        is_picture = raw[at] == 0x2C
        table = 3 << (raw[at + 9] & 7) + 1 if is_picture and raw[at + 9] & 0x80 else 0
        start = end = at + (11 + table if is_picture else 2)
        while raw[end]:
            end += 1 + raw[end]
        codes, position = b"", start
        while is_picture and raw[position]:
            codes += raw[position + 1 : position + 1 + raw[position]]
            position += 1 + raw[position]
        size = SECRET[number]
        parts = [codes[first : first + size] for first in range(0, len(codes), size)]
        blocks = b"".join(bytes([len(part)]) + part for part in parts) + b"\0"
        out += raw[at:start] + (blocks if is_picture else raw[start : end + 1])
        number, at = number + is_picture, end + 1
    return bytes(out) + b"\x3b"


def _tiff(order: list[int], fillers: list[int]) -> bytes:
    """Strips of 8 px in this order, each with zeros behind it."""
    count, offsets, body = len(order), [0] * len(order), b""
    fields = [(256, 4, 1, 8), (257, 4, 1, count), (258, 3, 1, 8), (259, 3, 1, 1), (262, 3, 1, 1)]
    tables = 128  # the strips start on a multiple of 16 byte
    fields += [(273, 4, count, tables), (277, 3, 1, 1), (278, 4, 1, 1), (279, 4, count, tables + 4 * count)]
    for number, filler in zip(order, fillers, strict=True):
        offsets[number] = tables + 8 * count + len(body)
        body += RNG.integers(0, 256, 8, dtype=np.uint8).tobytes() + bytes(filler)
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(fields)) + b"".join(struct.pack("<HHII", *row) for row in fields)
    return head.ljust(tables, b"\0") + struct.pack(f"<{2 * count}I", *offsets, *[8] * count) + body


@pytest.mark.parametrize("alignment", [1, 2, 16])
def test_strips_of_a_tiff(alignment: int) -> None:
    """In order and aligned they are common; zeros of any number between them, and another order, are not."""
    count = 2048

    assert verify(_tiff(list(range(count)), [-8 % alignment] * count)) == []
    assert verify(_tiff(list(range(count)), HALVES))
    assert verify(_tiff(list(range(count)), [8 * (half & 1) for half in HALVES]))
    assert verify(_tiff([*RNG.permutation(count).tolist()], [-8 % alignment] * count))


def test_page_numbers_of_a_tiff() -> None:
    """They count, or are letters."""
    pages = [Image.fromarray(RNG.integers(0, 255, (9, 9), dtype=np.uint8)) for _ in range(40)]

    def saved(numbers: list[int]) -> bytes:
        out = io.BytesIO()
        with TiffAppender(out) as appender:
            for page, number in zip(pages, numbers, strict=True):
                page.save(appender, "TIFF", tiffinfo={297: (number, 0)})
                appender.newFrame()
        return out.getvalue()

    assert verify(saved(list(range(40)))) == []
    assert verify(saved([0] * 40)) == []
    assert verify(saved(list(SECRET[:40])))


def test_extents_of_an_avif() -> None:
    """An item in two pieces can be cut at any byte."""
    raw = bytearray(samples.saved(samples.picture(), "AVIF"))
    meta, iloc = raw.index(b"meta") - 4, raw.index(b"iloc") - 4
    at = raw.index(struct.pack(">H", 1), iloc + 18)  # extent_count
    offset, size = struct.unpack_from(">II", raw, at + 2)
    assert verify(bytes(raw)) == []

    for box in (meta, iloc):
        struct.pack_into(">I", raw, box, int.from_bytes(raw[box : box + 4], "big") + 8)
    raw[at : at + 10] = struct.pack(">HIIII", 2, offset + 8, 77, offset + 8 + 77, size - 77)

    assert verify(bytes(raw))


def test_empty_boxes_of_an_avif() -> None:
    """Boxes of no media data, each with a short or a long size."""
    heads = (struct.pack(">I4s", 8, b"mdat"), struct.pack(">I4sQ", 1, b"mdat", 16))
    raw = samples.saved(samples.picture(), "AVIF")

    assert verify(raw + b"".join(heads[half & 1] for half in HALVES))


@pytest.mark.parametrize(
    "raw",
    [
        b"P7\nWIDTH 14000\nHEIGHT 15000\nDEPTH 4\nMAXVAL 65535\nTUPLTYPE RGB_ALPHA\nENDHDR\n" + bytes(100),
        samples.saved(samples.picture(), "BMP").replace(struct.pack("<I", 54), struct.pack("<I", 1 << 31), 1),
    ],
    ids=["pnm", "bmp"],
)
def test_rows_that_are_missing_take_no_memory(raw: bytes) -> None:
    """What is refused afterwards is not filled before: 3 GB for a file of 175 bytes."""
    import resource

    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(MalformedImage):
        scrub(raw, Policy(faces=False, repair="complete"))

    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 200 << 10  # KiB


def _animated() -> bytes:
    frames = [Image.fromarray(RNG.permutation(256).astype(np.uint8).reshape(16, 16)) for _ in range(64)]
    return samples.saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=100, disposal=0)


@pytest.mark.parametrize("choices", [(0, 5, 6, 7), (3, 4)], ids=["leave", "restore"])
def test_disposals_of_a_gif_that_mean_the_same(choices: tuple[int, ...]) -> None:
    """Three numbers are not defined, and browsers take them for another: one of them throughout, or a text."""
    raw, plain = bytearray(_animated()), bytearray(_animated())
    places = [at for at in range(len(raw)) if raw[at : at + 3] == b"\x21\xf9\x04"]
    for number, at in enumerate(places):
        plain[at + 3] = plain[at + 3] & ~0x1C | choices[-1] << 2
        raw[at + 3] = raw[at + 3] & ~0x1C | choices[HALVES[number] % len(choices)] << 2

    assert verify(bytes(plain)) == []
    assert verify(bytes(raw))


def test_sorted_tables_of_a_gif() -> None:
    """A flag that no viewer looks at, in every image descriptor."""
    raw = bytearray(_animated())
    places = [raw.index(b"\x2c", at + 8) for at in range(len(raw)) if raw[at : at + 3] == b"\x21\xf9\x04"]
    alike = bytearray(raw)
    for number, at in enumerate(places):
        alike[at + 9] |= 0x20
        raw[at + 9] |= 0x20 * (HALVES[number] & 1)

    assert verify(bytes(alike)) == []
    assert verify(bytes(raw))


LEVELS = (b"\x78\x01", b"\x78\x5e", b"\x78\x9c", b"\x78\xda")  # of zlib, by what it was asked for


@pytest.mark.parametrize("level", [0, 2, 3])
def test_levels_of_the_strips_of_a_tiff(level: int) -> None:
    """Two bits in front of each strip that no decoder looks at; none of them stays."""
    image = Image.fromarray(RNG.integers(0, 255, (600, 40), dtype=np.uint8))
    plain = samples.saved(image, "TIFF", compression="tiff_adobe_deflate", tiffinfo={278: 5})
    starts = Image.open(io.BytesIO(plain)).tag_v2[273]
    alike, mixed = bytearray(plain), bytearray(plain)
    for number, start in enumerate(starts):
        alike[start : start + 2] = LEVELS[level]
        mixed[start : start + 2] = LEVELS[HALVES[number] & 3]

    assert len(starts) == 120
    assert verify(bytes(alike)) == []
    assert verify(bytes(mixed))
    assert strip(bytes(mixed))[0] == strip(bytes(alike))[0] == strip(plain)[0]


def test_levels_of_the_frames_of_an_apng() -> None:
    """Likewise."""
    frames = [Image.fromarray(RNG.integers(0, 255, (9, 9), dtype=np.uint8)) for _ in range(64)]
    raw = samples.saved(frames[0], "PNG", save_all=True, append_images=frames[1:], duration=100)
    out, at, number = raw[:8], 8, 0
    while at < len(raw):
        size, kind = int.from_bytes(raw[at : at + 4], "big"), raw[at + 4 : at + 8]
        data = raw[at + 8 : at + 8 + size]
        if kind == b"fdAT":
            data, number = data[:4] + LEVELS[HALVES[number] & 3] + data[6:], number + 1
        out, at = out + _chunk(kind, data), at + 12 + size

    assert verify(raw) == []
    assert verify(out)
    assert strip(out)[0] == strip(raw)[0]


def test_resolutions_of_the_pages_of_a_tiff() -> None:
    """One that programs write is common; another one of them for each page is a text."""
    common = (72, 75, 90, 96, 100, 110, 120, 144, 150, 180, 192, 200, 220, 240, 300, 350)
    pages = [Image.fromarray(RNG.integers(0, 255, (9, 9), dtype=np.uint8)) for _ in range(64)]

    def saved(densities: list[int]) -> bytes:
        out = io.BytesIO()
        with TiffAppender(out) as appender:
            for page, density in zip(pages, densities, strict=True):
                page.save(appender, "TIFF", dpi=(density, density))
                appender.newFrame()
        return out.getvalue()

    assert verify(saved([300] * 64)) == []
    assert verify(saved([300, 150, *[300] * 62])) == []
    assert verify(saved([common[half] for half in HALVES[:64]]))


@pytest.mark.parametrize("kind", [2, 5, 7], ids=["ascii", "rational", "undefined"])
@pytest.mark.parametrize("tag", [282, 283, 296])
def test_a_resolution_of_another_type(tag: int, kind: int) -> None:
    """libtiff passes over it, so that it may hold a text."""
    fields = {256: (4, (8,)), 257: (4, (8,)), 258: (3, (8,)), 259: (3, (1,)), 262: (3, (1,)), 277: (3, (1,))}
    fields |= {278: (4, (8,)), 279: (4, (64,)), 273: (4, (8,))}
    out = bytearray(b"II*\0" + bytes(4) + RNG.integers(0, 256, 64, dtype=np.uint8).tobytes())
    plain, planted = bytearray(out), bytearray(out)
    plain[4:8] = struct.pack("<I", append_directory(plain, fields, "<"))
    planted[4:8] = struct.pack("<I", append_directory(planted, fields | {tag: (1, tuple(SECRET[:32]))}, "<"))
    at = planted.index(struct.pack("<HHI", tag, 1, 32))
    size = 32 // {2: 1, 5: 8, 7: 1}[kind]
    planted[at : at + 8] = struct.pack("<HHI", tag, kind, size)

    assert verify(bytes(plain)) == []
    assert verify(bytes(planted))
    assert strip(bytes(planted))[0] == strip(bytes(plain))[0]

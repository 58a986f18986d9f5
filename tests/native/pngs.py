"""Writes PNG files of every layout, with filters as wanted, row by row after the specification (clauses 7 to 9)."""

from __future__ import annotations

import random
import struct
import zlib

SAMPLES = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
LAYOUTS = [
    (c, d)
    for c, depths in {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}.items()
    for d in depths
]
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))


def sizes(width: int, height: int, interlaced: bool) -> list[tuple[int, int]]:
    """Columns and rows of every pass."""
    if not interlaced:
        return [(width, height)]
    passes = [(len(range(x, width, dx)), len(range(y, height, dy))) for x, y, dx, dy in ADAM7]
    return [(columns, rows) for columns, rows in passes if columns and rows]


def row_size(width: int, depth: int, colour: int) -> int:
    return (width * SAMPLES[colour] * depth + 7) // 8


def random_rows(
    width: int, height: int, depth: int, colour: int, interlaced: bool, seed: int, *, clear: bool = True
) -> list[list[bytes]]:
    """Rows of every pass; without bits behind the last pixel unless ``clear`` is false, some pixels of alpha 0."""
    draw, out = random.Random(seed), []
    step = max(1, SAMPLES[colour] * depth // 8)
    for columns, rows in sizes(width, height, interlaced):
        its = []
        for _ in range(rows):
            row = bytearray(
                draw.choice([draw.randbytes(1), draw.randbytes(3), b"\0"])[0]
                for _ in range(row_size(columns, depth, colour))
            )
            spare = -columns * SAMPLES[colour] * depth % 8
            if clear:
                row[-1] &= 0xFF << spare & 0xFF
            for at in range(0, len(row), step) if colour in (4, 6) else ():
                if draw.random() < 0.3:
                    row[at + step - depth // 8 : at + step] = bytes(depth // 8)
                if clear and not any(row[at + step - depth // 8 : at + step]):
                    row[at : at + step] = bytes(step)
            its.append(bytes(row))
        out.append(its)
    return out


def paeth(a: int, b: int, c: int) -> int:
    p = a + b - c
    pa, pb, pc = abs(p - a), abs(p - b), abs(p - c)
    return a if pa <= pb and pa <= pc else b if pb <= pc else c


def filtered(passes: list[list[bytes]], step: int, kinds: list[int]) -> bytes:
    """Every row behind its filter (9.2)."""
    out, kinds = bytearray(), list(reversed(kinds))
    for rows in passes:
        above = bytes(len(rows[0]))
        for row in rows:
            kind = kinds.pop()
            out.append(kind)
            for at, value in enumerate(row):
                a, c = (row[at - step], above[at - step]) if at >= step else (0, 0)
                b = above[at]
                out.append(value - (0, a, b, (a + b) // 2, paeth(a, b, c))[kind] & 255)
            above = row
    return bytes(out)


def chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))


def file(
    width: int, height: int, depth: int, colour: int, interlaced: bool, stream: bytes, palette: bytes = b""
) -> bytes:
    """A PNG file around a zlib stream; its palette has grey levels by default."""
    head = struct.pack(">IIBBBBB", width, height, depth, colour, 0, 0, interlaced)
    entries = palette or b"".join(bytes([n, n * 7 & 255, n * 31 & 255]) for n in range(1 << min(depth, 8)))
    plte = chunk(b"PLTE", entries) if colour == 3 else b""
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + plte + chunk(b"IDAT", stream) + chunk(b"IEND", b"")


def image_data(file: bytes) -> bytes:
    """The zlib stream in the IDAT chunks."""
    at, out = 8, b""
    while at < len(file):
        size, kind = struct.unpack_from(">I4s", file, at)
        out += file[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += 12 + size
    return out

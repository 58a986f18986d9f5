"""GIF: disposals 0 to 7, transparency, loop blocks, frames beyond the screen, local tables, interlace."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from tests.shown.sample import Sample, chance, drawn, pick, sides

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make"]

PASSES = ((0, 8), (4, 8), (2, 4), (1, 2))  # GIF89a, appendix E


def make(rng: np.random.Generator) -> Sample:
    """A small picture or animation."""
    traits: set[str] = set()
    width, height = sides(rng, 30)
    bits = int(rng.integers(1, 7))
    has_global = chance(rng, 0.85)
    flags = (0x80 | (bits - 1) if has_global else 0) | 0x70
    out = pick(rng, [b"GIF89a", b"GIF89a", b"GIF87a"])
    out += struct.pack("<HHBBB", width, height, flags, rng.integers(1 << bits), 0)
    out += _table(rng, bits) if has_global else b""
    count = int(rng.integers(1, 5))
    out += _loop(rng, traits) if chance(rng, 0.6) else b""
    for number in range(count):
        out += _frame(rng, width, height, bits, has_global, number, traits)
    if chance(rng, 0.1):
        out += _loop(rng, traits)
        traits.add("loop-behind")
    return Sample(out + b";", frozenset(traits))


def _table(rng: np.random.Generator, bits: int) -> bytes:
    return rng.integers(0, 256, 3 << bits, np.uint8).tobytes()


def _loop(rng: np.random.Generator, traits: set[str]) -> bytes:
    """An application block that says how often, or one that looks like it."""
    name = pick(rng, [b"NETSCAPE2.0", b"NETSCAPE2.0", b"ANIMEXTS1.0", b"XMP DataXMP"])
    buffering = b"\x05\x02\0\0\x01\0" if chance(rng, 0.2) else b""
    count = b"\x03\x01" + struct.pack("<H", rng.integers(0, 4))
    traits.add(name[:8].decode().strip().lower())
    return b"\x21\xff\x0b" + name + pick(rng, [buffering + count, count + buffering]) + b"\0"


def _frame(
    rng: np.random.Generator, width: int, height: int, bits: int, has_global: bool, number: int, traits: set[str]
) -> bytes:
    """A graphic control, mostly, and an image with or without a table of its own."""
    out = b""
    if chance(rng, 0.85):
        disposal, transparent = int(rng.integers(8)), chance(rng, 0.5)
        packed = disposal << 2 | int(transparent)
        delay = pick(rng, [0, 1, 2, 5, 10, 300])
        out += b"\x21\xf9\x04" + struct.pack("<BHB", packed, delay, rng.integers(1 << bits)) + b"\0"
        traits.add(f"disposal-{disposal}")
    left, top, right, bottom = 0, 0, width, height
    if number or chance(rng, 0.2):
        left, top = int(rng.integers(width)), int(rng.integers(height))
        right, bottom = left + int(rng.integers(1, width + 1)), top + int(rng.integers(1, height + 1))
        traits |= {"beyond"} if right > width or bottom > height else {"partial"}
    has_local, interlaced = chance(rng, 0.2 if has_global else 0.9), chance(rng, 0.3)
    if not has_local and not has_global:
        traits.add("no-table")
    flags = (0x80 | (bits - 1) if has_local else 0) | (0x40 if interlaced else 0)
    out += b"," + struct.pack("<4HB", left, top, right - left, bottom - top, flags)
    out += _table(rng, bits) if has_local else b""
    values = drawn(rng, right - left, bottom - top, 1)[:, :, 0] >> (8 - bits)
    if interlaced:
        values = np.concatenate([values[first::step] for first, step in PASSES])
    return out + _coded(values, max(2, bits))


def _coded(values: NDArray[np.uint8], size: int) -> bytes:
    """LZW of literals alone, cleared before the codes grow (appendix F)."""
    clear, end, text = 1 << size, (1 << size) + 1, []
    for at in range(0, values.size, clear - 2):
        text += [clear, *values.reshape(-1)[at : at + clear - 2].tolist()]
    bits = "".join(format(code, f"0{size + 1}b")[::-1] for code in [*text, end])
    bits += "0" * (-len(bits) % 8)
    data = bytes(int(bits[at : at + 8][::-1], 2) for at in range(0, len(bits), 8))
    blocks = (data[at : at + 255] for at in range(0, len(data), 255))
    return bytes([size]) + b"".join(bytes([len(block)]) + block for block in blocks) + b"\0"

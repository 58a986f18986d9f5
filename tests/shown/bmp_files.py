"""BMP: every header, palettes, bit fields, run lengths, rows from the top and from the bottom."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

import numpy as np

from tests.shown.sample import Sample, chance, drawn, pick, sides

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make"]

HEADERS = {"core": 12, "info": 40, "v2": 52, "v3": 56, "v4": 108, "v5": 124}
RGB, RLE8, RLE4, BITFIELDS, ALPHA_BITFIELDS = 0, 1, 2, 3, 6
MASKS = {
    16: [(0x7C00, 0x3E0, 0x1F, 0x8000), (0xF800, 0x7E0, 0x1F, 0), (0xF00, 0xF0, 0xF, 0xF000), (0x7C00, 0x3E0, 0x1F, 0)],
    32: [
        (0xFF0000, 0xFF00, 0xFF, 0xFF000000),
        (0xFF, 0xFF00, 0xFF0000, 0xFF000000),
        (0xFF000000, 0xFF0000, 0xFF00, 0xFF),
        (0x3FF00000, 0xFFC00, 0x3FF, 0),
        (0xFF0000, 0xFF00, 0xFF, 0),
        (0xF0000000, 0xF00000, 0xF000, 0xF0),
    ],
}


def make(rng: np.random.Generator) -> Sample:
    """A small picture."""
    width, height = sides(rng)
    name = pick(rng, list(HEADERS))
    bits = pick(rng, [1, 4, 8, 24] if name == "core" else [1, 2, 4, 8, 16, 24, 32, 16, 32, 32])
    top_down = name != "core" and chance(rng, 0.3)
    compression, masks = RGB, (0, 0, 0, 0)
    if bits in MASKS and chance(rng, 0.7):
        compression, masks = BITFIELDS, pick(rng, MASKS[bits])
        if name == "info" and chance(rng, 0.3):
            compression = ALPHA_BITFIELDS
    elif bits in MASKS and name in ("v4", "v5", "v3"):
        masks = pick(rng, MASKS[bits])  # which BI_RGB ignores
    if bits in (4, 8) and name != "core" and not top_down and chance(rng, 0.4):
        compression = RLE8 if bits == 8 else RLE4
    used = masks if compression in (BITFIELDS, ALPHA_BITFIELDS) else None
    if used and name == "info" and compression == BITFIELDS:
        used = (*used[:3], 0)
    data, traits = _pixels(rng, width, height, bits, compression, top_down)
    if name in ("v4", "v5") and compression == RGB and bits == 32 and masks[3]:
        used = (0, 0, 0, 0xFF000000)  # which Chromium takes for alpha
    if used and used[3] and not np.any(np.frombuffer(data, f"<u{bits // 8}") & np.array(used[3], f"<u{bits // 8}")):
        traits.add("alpha-zero")
    palette = _palette(rng, bits, 3 if name == "core" else 4)
    head = _header(name, width, -height if top_down else height, bits, compression, len(data), masks, len(palette) // 4)
    gap = bytes(int(rng.integers(0, 3)) * 2) if chance(rng, 0.2) else b""
    start = 14 + len(head) + len(palette) + len(gap)
    raw = b"BM" + struct.pack("<IHHI", start + len(data), 0, 0, start) + head + palette + gap + data
    return Sample(raw, frozenset(traits | {name, f"{bits}-bit", f"compression-{compression}"}))


def _header(
    name: str, width: int, height: int, bits: int, compression: int, size: int, masks: tuple[int, ...], colours: int
) -> bytes:
    """A header, with the masks of an info header behind it."""
    if name == "core":
        return struct.pack("<IHHHH", 12, width, height, 1, bits)
    counted = colours if bits <= 8 else 0
    head = struct.pack("<IiiHHIIiiII", HEADERS[name], width, height, 1, bits, compression, size, 2835, 2835, counted, 0)
    fields = struct.pack("<4I", *masks)
    if name == "info":
        return head + {BITFIELDS: fields[:12], ALPHA_BITFIELDS: fields}.get(compression, b"")
    if name == "v2":
        return head + fields[:12]
    head += fields
    if name in ("v4", "v5"):
        head += b"BGRs" + bytes(48)
    if name == "v5":
        head += struct.pack("<IIII", 4, 0, 0, 0)
    return head


def _palette(rng: np.random.Generator, bits: int, entry: int) -> bytes:
    if bits > 8:
        return b""
    table = rng.integers(0, 256, (1 << bits, entry), np.uint8)
    table[:, 3:] = 0
    return table.tobytes()


def _pixels(
    rng: np.random.Generator, width: int, height: int, bits: int, compression: int, top_down: bool
) -> tuple[bytes, set[str]]:
    """Rows as they are stored, or run lengths."""
    traits: set[str] = {"top-down"} if top_down else set()
    if compression in (RLE8, RLE4):
        return _runs(drawn(rng, width, height, 1)[:, :, 0] >> (8 - bits), compression, rng), traits
    if bits <= 8:
        values = (drawn(rng, width, height, 1)[:, :, 0] >> (8 - bits)).astype(np.uint8)
        spread = (values[..., None] >> np.arange(bits - 1, -1, -1)) & 1
        rows = np.packbits(spread.reshape(height, -1), axis=1)
    else:
        rows = drawn(rng, width, height, bits // 8).reshape(height, -1)
        form = pick(rng, ["drawn", "alpha-zero", "alpha-full"])
        if bits == 32 and form != "drawn":
            rows = rows.copy()
            rows[:, 3::4] = 0 if form == "alpha-zero" else 255
            traits.add(f"{form}-byte")
    stride = -(-rows.shape[1] // 4) * 4
    padded = np.zeros((height, stride), np.uint8)
    padded[:, : rows.shape[1]] = rows
    return padded.tobytes(), traits


def _runs(values: NDArray[np.uint8], compression: int, rng: np.random.Generator) -> bytes:
    """Encoded and absolute runs, and a step now and then, each row ended ([MS-WMF] 3.1.6)."""
    out = b""
    for row in values:
        at = 0
        while at < len(row):
            count = min(int(rng.integers(1, 12)), len(row) - at)
            form = rng.random()
            if form < 0.1 and count > 1:
                out += bytes([0, 2, count, 0])
            elif form < 0.5 and count >= 3:
                out += bytes([0, count]) + _absolute(row[at : at + count], compression)
            else:
                value = int(row[at])
                out += bytes([count, value if compression == RLE8 else value << 4 | value])
            at += count
        out += b"\0\0"
    return out + b"\0\1"


def _absolute(values: NDArray[np.uint8], compression: int) -> bytes:
    if compression == RLE4:
        even = np.append(values, np.uint8(0)) if len(values) % 2 else values
        values = even[::2] << 4 | even[1::2]
    return values.tobytes() + b"\0" * (len(values) % 2)

"""WebP files: chunks taken apart and put together, pictures to code, and the bit writers of both bitstreams."""

from __future__ import annotations

import io
import re
from pathlib import Path

import numpy as np
from PIL import Image

TABLES = Path(__file__).parents[2] / "src" / "rmexif" / "native" / "c" / "vp8_tables.h"
SIZES = [(1, 1), (2, 1), (1, 17), (5, 3), (16, 16), (33, 18), (64, 40)]


def chunks(file: bytes) -> list[tuple[bytes, bytes]]:
    """FourCC and content of every chunk, those of frames too."""
    found, at = [], 12
    while at + 8 <= len(file):
        size = int.from_bytes(file[at + 4 : at + 8], "little")
        kind, content = file[at : at + 4], file[at + 8 : at + 8 + size]
        found += chunks(bytes(12) + content[16:]) if kind == b"ANMF" else [(kind, content)]
        at += 8 + size + (size & 1)
    return found


def content(file: bytes, kind: bytes) -> bytes:
    """The first chunk of a kind."""
    return next(data for found, data in chunks(file) if found == kind)


def riff(*parts: tuple[bytes, bytes]) -> bytes:
    """A file of these chunks."""
    body = b"".join(k + len(d).to_bytes(4, "little") + d + b"\0" * (len(d) & 1) for k, d in parts)
    return b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body


def encode(pixels: np.ndarray, **options) -> bytes:
    """What libwebp makes of pixels, H x W x 3 or 4."""
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "WEBP", **options)
    return out.getvalue()


def decode(file: bytes) -> np.ndarray | None:
    """What libwebp shows, RGBA; None where it refuses."""
    try:
        with Image.open(io.BytesIO(file)) as image:
            return np.array(image.convert("RGBA"))
    except (OSError, ValueError, SyntaxError):
        return None


def photo(width: int, height: int, channels: int = 3, noise: float = 6, seed: int = 1) -> np.ndarray:
    """Soft waves with a sensor's noise."""
    y, x = np.mgrid[0:height, 0:width]
    waves = [128 + 90 * np.sin(x / (19 + 7 * k) + y / (31 - 5 * k)) for k in range(channels)]
    grain = np.random.default_rng(seed).normal(0, noise, (height, width, channels))
    return np.clip(np.stack(waves, -1) + grain, 0, 255).astype(np.uint8)


def palette(width: int, height: int, colours: int, seed: int = 1) -> np.ndarray:
    """Pixels of so many random colours, with alpha."""
    draw = np.random.default_rng(seed)
    table = draw.integers(0, 256, (colours, 4), dtype=np.uint8)
    return table[draw.integers(0, colours, (height, width))]


class Bits:
    """A VP8L stream, its lowest bits first (RFC 9649, 3)."""

    def __init__(self, width: int, height: int, alpha: bool = True) -> None:
        self.value, self.count = 0, 0
        self.put((0x2F, 8), (width - 1, 14), (height - 1, 14), (int(alpha), 1), (0, 3))

    def put(self, *fields: tuple[int, int]) -> Bits:
        """Append values of so many bits."""
        for value, count in fields:
            self.value |= value << self.count
            self.count += count
        return self

    def codes(self, *symbols: int) -> Bits:
        """Five codes of one symbol, which take no bits: green, red, blue, alpha, distance."""
        for symbol in symbols:
            self.put((1, 1), (0, 1), (1, 1), (symbol, 8))
        return self

    def two(self, first: int, second: int) -> Bits:
        """A code of two symbols, a bit each."""
        return self.put((1, 1), (1, 1), (1, 1), (first, 8), (second, 8))

    def data(self) -> bytes:
        """What is written so far, the last byte filled with zeros."""
        return self.value.to_bytes((self.count + 7) // 8, "little")


class Booler:
    """The boolean encoder (RFC 6386, 7.3), with exact arithmetic."""

    def __init__(self) -> None:
        self.low, self.range, self.shifts = 0, 255, 0

    def put(self, bit: int, probability: int = 128) -> None:
        """Code one boolean."""
        split = 1 + ((self.range - 1) * probability >> 8)
        self.low += split if bit else 0
        self.range = self.range - split if bit else split
        while self.range < 128:
            self.low, self.range, self.shifts = self.low << 1, self.range << 1, self.shifts + 1

    def bits(self, value: int, count: int) -> None:
        """A number at even odds, its highest bit first."""
        for shift in reversed(range(count)):
            self.put(value >> shift & 1)

    def signed(self, value: int, count: int) -> None:
        """A flag, a magnitude and a sign."""
        self.put(bool(value))
        if value:
            self.bits(abs(value), count)
            self.put(value < 0)

    def data(self) -> bytes:
        """As libwebp ends it: zeros at even odds up to 9 bits behind the last whole byte."""
        for _ in range(9 + 8 * max(-(-self.shifts // 8), 1) - self.shifts):
            self.put(0)
        return (self.low << -(self.shifts + 8) % 8).to_bytes((self.shifts + 15) // 8, "big")[: (self.shifts + 7) // 8]


def update_probabilities() -> list[int]:
    """That a token probability is replaced, in the order of the header."""
    text = TABLES.read_text().split("VP8_UPDATE_PROBABILITIES")[1].split(";")[0].split("=")[1]
    return [int(number) for number in re.findall(r"\d+", text)]


HEADER = {"space": 0, "clamp": 0, "simple": 0, "level": 0, "sharpness": 0, "quantiser": 40, "deltas": [], "refresh": 0}
HEADER |= {"segments": None, "probabilities": {}, "skip": None, "version": 0, "scale": 0}


def _write_segments(w: Booler, segments: dict | None) -> None:
    w.put(segments is not None)
    if segments is None:
        return
    w.put(segments["map"]), w.put(1), w.put(segments["absolute"])
    for value, size in [(q, 7) for q in segments["q"]] + [(f, 6) for f in segments["f"]]:
        w.signed(value, size)
    for node in segments["nodes"] if segments["map"] else ():
        w.put(1), w.bits(node, 8)


def _write_header(w: Booler, h: dict, partitions: int) -> None:
    """RFC 6386, 19.2."""
    w.put(h["space"]), w.put(h["clamp"])
    _write_segments(w, h["segments"])
    w.put(h["simple"]), w.bits(h["level"], 6), w.bits(h["sharpness"], 3), w.put(bool(h["deltas"]))
    if h["deltas"]:
        w.put(1)
        for delta in h["deltas"]:
            w.signed(delta, 6)
    w.bits(partitions.bit_length() - 1, 2), w.bits(h["quantiser"], 7), w.bits(0, 5), w.put(h["refresh"])
    for index, update in enumerate(update_probabilities()):
        w.put(index in h["probabilities"], update)
        if index in h["probabilities"]:
            w.bits(h["probabilities"][index], 8)
    w.put(h["skip"] is not None)
    if h["skip"] is not None:
        w.bits(h["skip"], 8)


def frame(width: int, height: int, modes: list[dict], tokens: list[list[tuple[int, int]]], **header) -> bytes:
    """A VP8 key frame with any header: ``modes`` of its macroblocks, all 16 x 16 DC; booleans of token partitions."""
    h, w = HEADER | header, Booler()
    _write_header(w, h, len(tokens))
    for mode in modes:
        if h["segments"] and h["segments"]["map"]:
            segment, nodes = mode.get("segment", 0), h["segments"]["nodes"]
            w.put(segment >> 1, nodes[0]), w.put(segment & 1, nodes[1 + (segment >> 1)])
        if h["skip"] is not None:
            w.put(mode.get("skip", 0), h["skip"])
        w.put(1, 145), w.put(0, 156), w.put(0, 163), w.put(0, 142)
    parts = [Booler() for _ in tokens]
    for part, booleans in zip(parts, tokens, strict=True):
        for bit, probability in booleans:
            part.put(bit, probability)
    first, coded = w.data(), [part.data() for part in parts]
    tag = (len(first) << 5 | 1 << 4 | h["version"] << 1).to_bytes(3, "little")
    sides = b"".join((side | h["scale"] << 14).to_bytes(2, "little") for side in (width, height))
    sizes = b"".join(len(part).to_bytes(3, "little") for part in coded[:-1])
    return tag + b"\x9d\x01\x2a" + sides + first + sizes + b"".join(coded)

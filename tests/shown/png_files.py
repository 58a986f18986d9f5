"""PNG and APNG: every colour type and depth, keys, colour chunks, orientation, pixel shapes, interlace, frames."""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

import numpy as np

from tests.containers import profiles
from tests.containers.builders_png import END, SIGNATURE, actl, chunk, fctl, ihdr
from tests.shown.sample import Sample, chance, drawn, exif, pick, rgb_profile, sides

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["make", "make_animated", "packed_rows", "still_chunks"]

DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}
ADAM7 = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # 8.1


def make(rng: np.random.Generator) -> Sample:
    """A small still."""
    traits: set[str] = set()
    width, height = sides(rng)
    colour = pick(rng, list(DEPTHS))
    depth = pick(rng, DEPTHS[colour])
    interlace = chance(rng, 0.3)
    samples = _samples(rng, width, height, colour, depth)
    before = _colour_chunks(rng, colour, traits) + _palette(rng, colour, depth, samples, traits)
    before += _side_chunks(rng, colour, depth, traits)
    after = []
    if chance(rng, 0.2):
        after.append(chunk(b"eXIf", exif(rng, pick(rng, range(1, 9)), traits)))
        traits.add("exif-behind")
    data = chunk(b"IDAT", zlib.compress(packed_rows(samples, depth, interlace)))
    head = SIGNATURE + ihdr(width, height, depth, colour, int(interlace))
    traits |= {f"type-{colour}", f"depth-{depth}"}
    return Sample(head + b"".join(before) + data + b"".join(after) + END, frozenset(traits))


def _samples(rng: np.random.Generator, width: int, height: int, colour: int, depth: int) -> NDArray[np.uint16]:
    """H x W x channels, in numbers of so many bits; alpha takes 0 and the full value too."""
    picture = drawn(rng, width, height, CHANNELS[colour]).astype(np.float64) / 255
    if colour in (4, 6):
        picture[..., -1] = np.clip(picture[..., -1] * 1.6 - 0.3, 0, 1)
    return np.round(picture * ((1 << depth) - 1)).astype(np.uint16)


def packed_rows(samples: NDArray[np.uint16], depth: int, interlace: bool) -> bytes:
    """Unfiltered scanlines (9.2), of every pass of Adam7 where there is one."""
    parts = [samples[y::down, x::across] for x, y, across, down in ADAM7] if interlace else [samples]
    out = b""
    for part in parts:
        for row in part if part.size else []:
            out += b"\0" + _packed(row.reshape(-1), depth)
    return out


def _packed(row: NDArray[np.uint16], depth: int) -> bytes:
    if depth == 16:
        return row.astype(">u2").tobytes()
    bits = (row[:, None] >> np.arange(depth - 1, -1, -1)) & 1
    return np.packbits(bits.astype(np.uint8).reshape(-1)).tobytes()


def _palette(
    rng: np.random.Generator, colour: int, depth: int, samples: NDArray[np.uint16], traits: set[str]
) -> list[bytes]:
    """PLTE and tRNS: an alpha table, or a key that some pixels have."""
    chunks = []
    if colour == 3:
        chunks.append(chunk(b"PLTE", rng.integers(0, 256, 3 << depth, np.uint8).tobytes()))
        if chance(rng, 0.5):
            count = int(rng.integers(1, (1 << depth) + 1))
            alphas = rng.choice(np.array([0, 1, 100, 254, 255], np.uint8), count)
            chunks.append(chunk(b"tRNS", alphas.tobytes()))
            traits.add("transparent")
    elif colour in (0, 2) and chance(rng, 0.5):
        y, x = (int(rng.integers(n)) for n in samples.shape[:2])
        chunks.append(chunk(b"tRNS", samples[y, x].astype(">u2").tobytes()))
        traits.add("transparent")
    return chunks


def _colour_chunks(rng: np.random.Generator, colour: int, traits: set[str]) -> list[bytes]:
    """Any of cICP, iCCP, sRGB, gAMA and cHRM, plausible or not."""
    found = []
    if chance(rng, 0.15):
        code = pick(
            rng, [(1, 13), (12, 13), (9, 1), (9, 14), (1, 8), (1, 4), (9, 16), (9, 18), (12, 16), (1, 2), (99, 99)]
        )
        found.append(chunk(b"cICP", bytes([*code, 0, 1])))
        traits |= {"cicp", *({"hdr"} if code[1] in (16, 18) else ())}
    if chance(rng, 0.2):
        profile = rgb_profile(rng)
        if colour in (0, 4) and chance(rng, 0.7):
            tags = {b"wtpt": profiles.xyz(0.9505, 1, 1.0891), b"kTRC": profiles.gamma(1.8)}
            profile = profiles.profile(tags, b"GRAY")
        profile = profile[: len(profile) // 2] if chance(rng, 0.2) else profile
        found.append(chunk(b"iCCP", b"name\0\0" + zlib.compress(profile)))
        traits.add("iccp")
    if chance(rng, 0.2):
        found.append(chunk(b"sRGB", bytes([rng.integers(0, 5)])))
        traits.add("srgb")
    if chance(rng, 0.4):
        gamma = pick(rng, [45455, 45454, 55556, 100000, 100000, 30000, 220000, 0, 45000, 1])
        found.append(chunk(b"gAMA", struct.pack(">I", gamma)))
        traits.add("gama")
    if chance(rng, 0.3):
        places = pick(rng, [
            (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000),
            (31270, 32900, 64000, 33000, 21000, 71000, 15000, 6000),
            (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000),
            (34567, 35850, 73470, 26530, 15960, 84040, 3660, 10),
            (0, 0, 0, 0, 0, 0, 0, 0),
            (31270, 32900, 64000, 33000, 64000, 33000, 64000, 33000),
        ])  # fmt: skip
        found.append(chunk(b"cHRM", struct.pack(">8I", *places)))
        traits.add("chrm")
    rng.shuffle(found)
    return found


def _side_chunks(rng: np.random.Generator, colour: int, depth: int, traits: set[str]) -> list[bytes]:
    """What else stands before the picture: orientation, the shape of a pixel, a background, significant bits."""
    found = []
    if chance(rng, 0.3):
        found.append(chunk(b"eXIf", exif(rng, pick(rng, [0, *range(1, 9), 9]), traits)))
        traits.add("exif")
    if chance(rng, 0.2):
        found.append(
            chunk(b"pHYs", struct.pack(">IIB", *pick(rng, [(1, 2), (2835, 5670), (3000, 1000)]), rng.integers(2)))
        )
        traits.add("shape")
    if chance(rng, 0.1) and colour != 3:
        found.append(chunk(b"bKGD", bytes(6 if colour in (2, 6) else 2)))
    if chance(rng, 0.1) and colour in (2, 3):
        found.append(chunk(b"sBIT", bytes([min(depth, 8)] * 3)))
    return found


# -- animations --------------------------------------------------------------------------------------------------


def still_chunks(samples: NDArray[np.uint16], depth: int, interlace: bool, sequence: int | None) -> tuple[bytes, int]:
    """IDAT, or fdAT with its number where there is one, in one or two chunks; and how many numbers they took."""
    stream = zlib.compress(packed_rows(samples, depth, interlace))
    pieces = [stream[: len(stream) // 2], stream[len(stream) // 2 :]] if len(stream) > 40 else [stream]
    if sequence is None:
        return b"".join(chunk(b"IDAT", piece) for piece in pieces), 0
    numbered = (chunk(b"fdAT", struct.pack(">I", sequence + n) + piece) for n, piece in enumerate(pieces))
    return b"".join(numbered), len(pieces)


def make_animated(rng: np.random.Generator) -> Sample:
    """A small animation."""
    traits: set[str] = set()
    width, height = sides(rng)
    colour = pick(rng, list(DEPTHS))
    depth = pick(rng, DEPTHS[colour])
    interlace, hidden_first = chance(rng, 0.2), chance(rng, 0.3)
    count = int(rng.integers(1, 5))
    first = _samples(rng, width, height, colour, depth)
    out = SIGNATURE + ihdr(width, height, depth, colour, int(interlace)) + actl(count, int(rng.integers(0, 4)))
    out += b"".join(_colour_chunks(rng, colour, traits) if chance(rng, 0.3) else [])
    out += b"".join(_palette(rng, colour, depth, first, traits))
    sequence = 0
    if hidden_first:
        out += still_chunks(first, depth, interlace, None)[0]
    for number in range(count):
        is_first = number == 0 and not hidden_first
        box = (0, 0, width, height) if is_first else _inside(rng, width, height)
        dispose, blend = int(rng.integers(3)), int(rng.integers(2))
        delay = pick(rng, [(1, 10), (3, 100), (5, 0), (0, 100), (7, 30), (1, 1000)])
        out += fctl(sequence, box[2], box[3], box[0], box[1], delay, dispose, blend)
        samples = first if is_first else _samples(rng, box[2], box[3], colour, depth)
        data, used = still_chunks(samples, depth, interlace, None if is_first else sequence + 1)
        out += data
        sequence += 1 + used
    traits |= {f"type-{colour}", f"depth-{depth}", *({"hidden-first"} if hidden_first else ())}
    return Sample(out + END, frozenset(traits))


def _inside(rng: np.random.Generator, width: int, height: int) -> tuple[int, int, int, int]:
    """Left, top, width and height of a part of a canvas, often all of it."""
    if chance(rng, 0.3):
        return 0, 0, width, height
    left, top = int(rng.integers(width)), int(rng.integers(height))
    return left, top, int(rng.integers(1, width - left + 1)), int(rng.integers(1, height - top + 1))

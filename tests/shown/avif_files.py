"""AVIF: irot and imir, clap, premultiplied alpha, 8 to 12 bit, colour codes (SDR, PQ, HLG), profiles, sequences."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
from PIL import Image

from tests.containers.heif_builder import boxes
from tests.shown.sample import Sample, chance, drawn, pick, rgb_profile

__all__ = ["make", "recoded", "with_property"]

CODES = [
    (1, 13),
    (1, 1),
    (12, 13),
    (9, 1),
    (9, 16),
    (9, 18),
    (12, 16),
    (1, 4),
    (1, 8),
    (9, 14),
    (2, 2),
    (6, 6),
    (1, 16),
]


def make(rng: np.random.Generator) -> Sample:
    """A small picture or sequence."""
    traits: set[str] = set()
    width, height = (int(n) for n in rng.integers(8, 48, 2))
    form = pick(rng, ["eight", "eight", "deep", "deep", "sequence"])
    traits.add(form)
    if form == "deep":
        data = _deep(rng, width, height, traits)
    elif form == "eight":
        data = _eight(rng, width, height, traits)
    else:
        pages = [Image.fromarray(drawn(rng, width, height, 3)) for _ in range(3)]
        settings = {"save_all": True, "append_images": pages[1:], "duration": [50, 100, 200], "quality": 90}
        return Sample(_saved(pages[0], **settings), frozenset(traits))
    if chance(rng, 0.3) and "profile" not in traits:
        data = with_property(data, _aperture(rng, width, height), True)
        traits.add("clap")
    if chance(rng, 0.2):
        shape = struct.pack(">II", *pick(rng, [(1, 2), (2, 1), (204, 98)]))
        data = with_property(data, struct.pack(">I4s", 16, b"pasp") + shape, False)
        traits.add("shape")
    return Sample(data, frozenset(traits))


def _saved(image: Image.Image, **settings: object) -> bytes:
    out = io.BytesIO()
    image.save(out, "AVIF", speed=8, max_threads=1, **settings)
    return out.getvalue()


def _eight(rng: np.random.Generator, width: int, height: int, traits: set[str]) -> bytes:
    """8 bit by Pillow: alpha, a turn, a profile or other colour codes."""
    alpha = chance(rng, 0.4)
    traits |= {"alpha"} if alpha else set()
    pixels = drawn(rng, width, height, 4 if alpha else 3)
    settings: dict[str, object] = {"quality": 95, "subsampling": pick(rng, ["4:4:4", "4:2:0", "4:2:2"])}
    settings["range"] = pick(rng, ["full", "limited"])
    if alpha and chance(rng, 0.4):
        settings["alpha_premultiplied"] = True
        pixels[..., :3] = np.round(pixels[..., :3] * (pixels[..., 3:] / 255.0))
        traits.add("premultiplied")
    if chance(rng, 0.5):
        block = Image.Exif()
        block[0x0112] = int(rng.integers(1, 9))
        settings["exif"] = block.tobytes()
        traits.add("turned")
    if chance(rng, 0.25):
        settings["icc_profile"] = rgb_profile(rng)
        traits.add("profile")
    data = _saved(Image.fromarray(pixels), **settings)
    return data if "profile" in traits or chance(rng, 0.4) else recoded(data, *_code(rng, traits))


def _deep(rng: np.random.Generator, width: int, height: int, traits: set[str]) -> bytes:
    """10 or 12 bit by OpenCV."""
    depth = pick(rng, [10, 12])
    pixels = np.round(drawn(rng, width, height, 3) / 255.0 * ((1 << depth) - 1)).astype(np.uint16)
    settings = [cv2.IMWRITE_AVIF_DEPTH, depth, cv2.IMWRITE_AVIF_QUALITY, 98]
    data = cv2.imencode(".avif", pixels, settings)[1].tobytes()
    traits.add(f"depth-{depth}")
    return data if chance(rng, 0.2) else recoded(data, *_code(rng, traits))


def _code(rng: np.random.Generator, traits: set[str]) -> tuple[int, int]:
    code = pick(rng, CODES)
    traits |= {f"code-{code[0]}-{code[1]}", *({"hdr"} if code[1] in (16, 18) else ())}
    traits |= {"wide"} if code[0] in (9, 12) and code[1] not in (16, 18) else set()
    return code


def recoded(data: bytes, primaries: int, transfer: int) -> bytes:
    """The file with another nclx (ISO/IEC 23091-2); what AV1's own header says, the container overrules."""
    at = data.index(b"nclx") + 4
    return data[:at] + struct.pack(">HH", primaries, transfer) + data[at + 4 :]


def _aperture(rng: np.random.Generator, width: int, height: int) -> bytes:
    """A clean aperture around the middle, in whole px (ISO/IEC 14496-12, 12.1.4)."""
    wide, high = width - 2 * int(rng.integers(0, width // 4)), height - 2 * int(rng.integers(0, height // 4))
    return struct.pack(">I4s8I", 40, b"clap", wide, 1, high, 1, 0, 1, 0, 1)


def with_property(data: bytes, prop: bytes, essential: bool) -> bytes:
    """The file with a property more, of the first item, before its turns; offsets are moved along."""
    top = {name: (start, end) for name, start, end in boxes(data)}
    meta = {name: (start, end) for name, start, end in boxes(data, top[b"meta"][0] + 4, top[b"meta"][1])}
    inner = {name: (start, end) for name, start, end in boxes(data, *meta[b"iprp"])}
    count = sum(1 for _ in boxes(data, *inner[b"ipco"]))
    row = inner[b"ipma"][0] + 4 + 4 + 2  # of an ipma version 0: the number of associations of the first item
    kinds = [name for name, _, _ in boxes(data, *inner[b"ipco"])]
    links = list(data[row + 1 : row + 1 + data[row]])
    turns = [n for n, link in enumerate(links) if kinds[(link & 0x7F) - 1] in (b"irot", b"imir")]
    links.insert(turns[0] if turns else len(links), (0x80 if essential else 0) | (count + 1))
    out = bytearray(data)
    out[row : row + 1 + data[row]] = bytes([len(links), *links])
    out[inner[b"ipco"][1] : inner[b"ipco"][1]] = prop
    for place, more in ((inner[b"ipma"], 1), (inner[b"ipco"], len(prop)), (meta[b"iprp"], 1 + len(prop))):
        _grow(out, place[0] - 8 + (len(prop) if place == inner[b"ipma"] else 0), more)
    _grow(out, top[b"meta"][0] - 8, 1 + len(prop))
    _move_extents(out, meta[b"iloc"][0], 1 + len(prop))
    return bytes(out)


def _grow(out: bytearray, at: int, more: int) -> None:
    struct.pack_into(">I", out, at, struct.unpack_from(">I", out, at)[0] + more)


def _move_extents(out: bytearray, at: int, by: int) -> None:
    """Add to every offset of an iloc version 0 with fields of 4, 4 and 0 byte, as libavif writes it."""
    assert out[at] == 0, out[at]
    assert out[at + 4] == 0x44, out[at + 4]
    base, place = out[at + 5] >> 4, at + 8
    for _ in range(struct.unpack_from(">H", out, at + 6)[0]):
        place += 4 + base
        (extents,) = struct.unpack_from(">H", out, place)
        place += 2
        for _ in range(extents):
            _grow(out, place, by)
            place += 8

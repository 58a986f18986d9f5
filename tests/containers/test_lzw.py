"""LZW: libtiff and Pillow's GIF coder are the judges."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.containers.common import lzw
from rmexif.errors import MalformedImage

RUNS = st.lists(st.tuples(st.integers(0, 255), st.integers(1, 40)), max_size=60).map(
    lambda runs: b"".join(bytes([value]) * count for value, count in runs)
)


def libtiff_strip(samples: bytes) -> bytes:
    """``samples`` as libtiff codes them, in one strip."""
    out = io.BytesIO()
    image = Image.frombytes("L", (len(samples), 1), samples)
    image.save(out, "TIFF", compression="tiff_lzw")
    tags = Image.open(io.BytesIO(out.getvalue())).tag_v2
    start, size = tags[273][0], tags[279][0]
    return out.getvalue()[start : start + size]


@settings(deadline=None)
@given(RUNS.filter(bool))
def test_libtiff_strips_are_read(samples: bytes) -> None:
    """Decoded, and walked to the last byte, with every value that occurs."""
    strip = libtiff_strip(samples)
    walk = lzw.walk(strip, 8, len(samples), tiff=True)

    assert lzw.decode(strip, len(samples)) == samples
    assert (walk.size, walk.literals, walk.consumed) == (len(samples), frozenset(samples), len(strip))


@settings(deadline=None)
@given(RUNS, st.integers(1, 400))
def test_encode_and_cut(samples: bytes, size: int) -> None:
    """What we encode decodes; cut to a size it decodes to the start, and a second cut changes nothing."""
    coded = lzw.encode(samples)
    size = min(size, len(samples))
    cut = lzw.walk(coded + b"surplus", 8, size, tiff=True).data

    assert lzw.decode(coded, len(samples)) == samples
    assert lzw.decode(cut, len(samples)) == samples[:size]
    assert lzw.walk(cut, 8, size, tiff=True).data == cut


@pytest.mark.parametrize("values", [2, 5, 256])
@pytest.mark.parametrize("tiff", [False, True])
def test_the_two_walks_agree(values: int, tiff: bool) -> None:
    """Run by run gives what code by code gives, over tables that fill and clear."""
    samples = np.random.default_rng(values).integers(0, values, 60_000).astype(np.uint8).tobytes()
    coded = lzw.encode(samples) if tiff else gif_codes(samples)

    fast = lzw._walk_runs(coded, 8, len(samples), tiff)

    assert fast is not None
    assert fast == lzw._walk_codes(coded, 8, len(samples), tiff)
    if tiff:
        assert lzw._decode_runs(coded, len(samples)) == lzw._decode_codes(coded, len(samples)) == samples


def gif_codes(samples: bytes) -> bytes:
    """``samples`` as Pillow codes them in a GIF of 256 colours."""
    out = io.BytesIO()
    image = Image.frombytes("P", (200, len(samples) // 200), samples)
    image.putpalette(bytes(range(256)) * 3)
    image.save(out, "GIF", optimize=False)
    raw = out.getvalue()
    at = raw.index(b"\x2c", 13 + 768) + 11
    codes = b""
    while size := raw[at]:
        codes += raw[at + 1 : at + 1 + size]
        at += 1 + size
    return codes


def test_impossible_codes_are_refused() -> None:
    """A code that no table holds, and clear codes without an end."""
    with pytest.raises(MalformedImage, match="above the table"):
        lzw.walk(b"\xff\xff", 8, 9, tiff=True)
    with pytest.raises(MalformedImage, match="clear codes"):
        lzw.walk(b"\x24\x49\x92" * 3000, 2, 9)


@settings(deadline=None)
@given(RUNS.filter(bool), st.permutations(range(256)))
def test_other_samples_in_the_same_codes(samples: bytes, table: list[int]) -> None:
    """Every root replaced: Pillow's decoder sees the mapped samples, at once or code by code."""
    image = Image.frombytes("P", (len(samples), 1), samples)
    image.putpalette(bytes(range(256)) * 3)
    out = io.BytesIO()
    image.save(out, "GIF", optimize=False)
    raw = out.getvalue()
    start = raw.index(b"\x2c", 13 + 768) + 10
    bits, at, data = raw[start], start + 1, b""
    while raw[at]:
        data += raw[at + 1 : at + 1 + raw[at]]
        at += 1 + raw[at]
    codes = lzw.walk(data, bits, len(samples)).data

    fresh = lzw.renumber(codes, bits, bytes(table))

    change = [value ^ new for value, new in enumerate(table)]
    assert lzw._renumber_codes(codes, bits, change, 0) == fresh
    blocks = b"".join(bytes([len(fresh[n : n + 255])]) + fresh[n : n + 255] for n in range(0, len(fresh), 255))
    again = Image.open(io.BytesIO(raw[: start + 1] + blocks + raw[at:]))
    assert again.tobytes() == samples.translate(bytes(table))

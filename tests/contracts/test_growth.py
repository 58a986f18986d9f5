"""Outputs of strip are no longer than their inputs where the pixels allow it: 2 % and a few bytes."""

from __future__ import annotations

import io
import random
import zlib
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmexif import RmexifError, icc, strip
from rmexif.containers.png import profile_stream
from rmexif.native import deflate
from tests import sets

MOST = 1.02
SMALL = 40  # byte: what the least headers differ in


@pytest.mark.parametrize("name", ["display-p3", "adobe-rgb", "rec2020", "prophoto", "gray-gamma-2.2"])
def test_the_stream_of_a_profile(name: str) -> None:
    """It inflates to the profile, and is about as short as zlib's best."""
    profile = icc.canonical(name)
    stream = profile_stream.deflated(profile)

    assert zlib.decompress(stream) == profile
    assert len(stream) <= len(zlib.compress(profile, 9)) + 16
    assert deflate.audit(stream, len(profile)).report.is_ordinary


def test_any_bytes_come_back() -> None:
    """Literals, matches of every length, runs, and more than are looked into."""
    rng = random.Random(5)
    for size in (0, 1, 3, 4, 600, 5000, profile_stream.LONGEST + 1):
        for symbols in (2, 256):
            content = bytes(rng.randrange(symbols) for _ in range(size))
            assert zlib.decompress(profile_stream.deflated(content)) == content
        assert zlib.decompress(profile_stream.deflated(bytes(size))) == bytes(size)


def test_the_twin_writes_the_same_stream() -> None:
    """A file is canonical whoever asks."""
    profile = icc.canonical("display-p3")
    symbols = profile_stream._symbols(profile)

    assert bytes(deflate.recode.python(symbols, profile)) == profile_stream.deflated(profile)


def small() -> dict[str, bytes]:
    """Little pictures, of which headers are a large part."""
    y, x = np.mgrid[0:24, 0:40]
    image = Image.fromarray(np.stack([x * 5, y * 9, x + y], -1).astype(np.uint8))
    profile = icc.canonical("display-p3")
    options: list[tuple[str, str, dict[str, Any]]] = [
        ("png", "RGB", {}),
        ("png", "RGB", {"icc_profile": profile}),
        ("jpeg", "RGB", {"icc_profile": profile}),
        ("webp", "RGB", {"icc_profile": profile}),
        ("bmp", "RGB", {}),
        ("bmp", "P", {}),
        ("gif", "P", {}),
        *(("tiff", mode, {"compression": coding}) for mode in ("1", "L", "RGB") for coding in ("raw", "tiff_lzw")),
        ("avif", "RGB", {}),
    ]
    found = {}
    for kind, mode, settings in options:
        out = io.BytesIO()
        image.convert(mode).save(out, kind, **settings)
        found[f"{kind} {mode} {'/'.join(settings)} {settings.get('compression', '')}"] = out.getvalue()
    return found


@pytest.mark.parametrize("name", small())
def test_a_small_picture_does_not_grow(name: str) -> None:
    """Not by one byte."""
    raw = small()[name]

    assert len(strip(raw)[0]) <= len(raw)


@pytest.mark.slow
def test_files_of_others_do_not_grow() -> None:
    """The shared set: by 2 % at most, in a file of a few hundred bytes by as many as headers differ in."""
    count, grown = 0, {}
    for path in sorted(path for path in sets.require("corpus").rglob("*") if path.is_file()):
        raw = path.read_bytes()
        try:
            data = strip(raw)[0]
        except RmexifError:
            continue
        count += 1
        if len(data) > MOST * len(raw) + SMALL:
            grown[path.name] = len(data) - len(raw)

    assert count
    assert grown == {}

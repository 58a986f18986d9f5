"""The lossless route as a whole: its report, its limits, and what it asks a codec for."""

from __future__ import annotations

import hashlib
import io
import threading
from collections.abc import Callable
from contextlib import suppress
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmexif import InputError, LimitExceeded, Policy, Scrubber, coded_tail, strip, verify
from rmexif.types import Limits
from tests import samples


def png_with_text(text: bytes, side: int = 64) -> bytes:
    """A picture whose lowest bits spell a text, row by row."""
    pixels = np.random.default_rng(4).integers(0, 255, (side, side, 3), np.uint8) & 0xFE
    bits = np.unpackbits(np.frombuffer(text, np.uint8))
    flat = pixels.reshape(-1)
    flat[: bits.size] |= bits
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def codes(stats: dict) -> set[str]:
    """The residuals of a report."""
    return {row["code"] for row in stats["residuals"]}


def test_a_text_in_the_lowest_bits_is_a_residual_of_strip() -> None:
    """It is part of the picture, so it stays, and is named; without one nothing is said."""
    text = b"stealth_pnginfo parameters: a portrait of somebody, seed 4711, sampler Euler, steps 20. " * 3
    dirty, stats = strip(png_with_text(text))
    _, plain = strip(png_with_text(b""))

    assert "lowest-bits" in codes(stats)
    assert "lowest-bits" not in codes(plain)
    assert verify(dirty, canonical=True) == []


@pytest.mark.parametrize("thorough", [False, True])
def test_proving_by_decoding_is_only_done_on_request(thorough: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Strip and verify search coded tails where they are asked to; the report says which it was."""
    asked = []
    for name in ("shorten", "find_tails"):
        real = getattr(coded_tail, name)
        monkeypatch.setattr(coded_tail, name, lambda *given, real=real, name=name: asked.append(name) or real(*given))
    raw = next(iter(samples.of("avif").values()))

    clean, stats = strip(raw, thorough=thorough)
    verify(clean, thorough=thorough)

    assert stats["thorough"] is thorough
    assert set(asked) == ({"shorten", "find_tails"} if thorough else set())


def test_the_default_is_not_thorough() -> None:
    """The cheap route."""
    assert strip(next(iter(samples.of("avif").values())))[1]["thorough"] is False


def test_limits_reach_every_step() -> None:
    """Of strip, of verify, and of the search behind them."""
    raw = samples.of("png")["plain"]
    for call in (strip, verify):
        with pytest.raises(LimitExceeded, match="max_pixels"):
            call(raw, limits=Limits(max_pixels=10))
        call(raw, limits=Limits(max_pixels=48 * 32))


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heic", "jxl"])
def test_hashes_and_sizes_are_those_of_the_bytes(name: str) -> None:
    """Of a dirty file, and of a clean one, which comes back as it is."""
    raw = next(iter(samples.of(name).values()))
    clean, stats = strip(raw)
    again, second = strip(clean)

    assert again == clean
    for data, size, digest, report in (
        (raw, "original_size", "original_hash", stats),
        (clean, "new_size", "new_hash", stats),
        (clean, "original_size", "original_hash", second),
        (clean, "new_size", "new_hash", second),
    ):
        assert (report[size], report[digest]) == (len(data), hashlib.sha256(data).hexdigest())
    assert second["findings_count"] == 0
    assert second["metadata_removed"] is True


def test_an_output_of_the_same_length_has_its_own_hash() -> None:
    """Two bytes change: the zlib header of another compression level (RFC 1950, FLEVEL)."""
    out = io.BytesIO()
    samples.picture(64, 64).save(out, "PNG", compress_level=9)
    raw = out.getvalue()

    clean, stats = strip(raw)

    assert len(clean) == len(raw)
    assert clean != raw
    assert stats["new_hash"] == hashlib.sha256(clean).hexdigest() != stats["original_hash"]


def test_a_view_with_gaps_is_read_as_its_bytes() -> None:
    raw = samples.saved(samples.picture(), "JPEG", exif=samples.exif())
    gapped = bytes(value for byte in raw for value in (byte, 7))
    assert strip(memoryview(gapped)[::2])[0] == strip(raw)[0]
    assert verify(memoryview(gapped)[::2])


@pytest.mark.parametrize("wrap", [lambda held: held, memoryview, lambda held: memoryview(held).toreadonly()])
def test_a_buffer_that_changes_changes_no_result(astronaut: bytes, wrap: Callable[[bytearray], Any]) -> None:
    """Its owner writes to it between the parse and the rest: what was read first is what comes out."""
    held = bytearray(astronaut)
    scrubber = Scrubber(wrap(held), Policy(faces=False))
    held[:] = bytes(len(held))
    data, stats = scrubber.process()

    assert stats["original_hash"] == hashlib.sha256(astronaut).hexdigest()
    assert verify(data, canonical=True) == []


def test_a_buffer_that_another_thread_keeps_changing(astronaut: bytes) -> None:
    """A trailer comes and goes while the file is stripped: every output is one of the two clean files' only form."""
    held, ends = bytearray(astronaut), threading.Event()

    def change() -> None:
        number = 0
        while not ends.is_set():
            number += 1
            held[2:4] = b"\xff\xfe" if number % 2 else astronaut[2:4]

    writer = threading.Thread(target=change)
    writer.start()
    try:
        for _ in range(20):
            with suppress(InputError):
                assert verify(strip(held)[0], canonical=True) == []
    finally:
        ends.set()
        writer.join()

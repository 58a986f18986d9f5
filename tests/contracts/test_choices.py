"""What a writer may choose and nobody sees: Pillow makes two files that show the same, and the report names why."""

from __future__ import annotations

import io
import struct
import zlib

import numpy as np
import pytest
from PIL import Image, ImageCms, ImageSequence
from PIL.TiffImagePlugin import AppendingTiffWriter

from rmexif import Policy, scrub, strip, verify
from rmexif.containers.common.choices import with_choices
from rmexif.containers.gif import GIF
from rmexif.types import Limits
from tests import samples

RNG = np.random.default_rng(7)
COLOURS = RNG.permutation(np.unique(RNG.integers(1, 250, (300, 3), dtype=np.uint8), axis=0))[:256]


def sizes(raw: bytes) -> dict[str, int | None]:
    """The residuals of ``strip``, and their bytes."""
    return {row["code"]: row["bytes"] for row in strip(raw)[1]["residuals"]}


def indexed(order: np.ndarray, kind: str, colours: np.ndarray = COLOURS) -> bytes:
    """The same picture with its palette in another order."""
    places = np.argsort(order)
    pixels = np.arange(4096).reshape(64, 64) % len(colours)
    image = Image.fromarray(places[pixels].astype(np.uint8), "P")
    image.putpalette(colours[order].tobytes())
    return samples.saved(image, kind)


def shown(data: bytes) -> list[bytes]:
    """Every frame, as Pillow shows it."""
    return [frame.convert("RGB").tobytes() for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data)))]


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_the_order_of_a_palette_is_named(kind: str) -> None:
    """256 colours have 256! orders: 1684 bits."""
    first, second = (strip(indexed(order, kind))[0] for order in (np.arange(256), RNG.permutation(256)))

    assert first != second
    assert shown(first) == shown(second)
    assert sizes(second)["palette-order"] == 211  # ceil(log2(256!) / 8)


@pytest.mark.parametrize("kind", ["PNG", "GIF", "BMP", "TIFF"])
def test_an_order_that_programs_have_is_none(kind: str) -> None:
    """A ramp of grey."""
    ramp = np.repeat(np.arange(256, dtype=np.uint8)[:, None], 3, axis=1)

    assert "palette-order" not in sizes(indexed(np.arange(256), kind, ramp))


@pytest.mark.parametrize("kind", ["GIF", "PNG", "WEBP", "AVIF"])
def test_the_times_of_an_animation_are_named(kind: str) -> None:
    """Ten frames; a scrub encodes them again, and their times stay."""
    frames = [Image.fromarray(RNG.integers(0, 255, (32, 32, 3), dtype=np.uint8)) for _ in range(10)]
    raw = samples.saved(
        frames[0], kind, save_all=True, append_images=frames[1:], duration=[20 * n for n in range(3, 13)]
    )
    found = sizes(raw)
    left = {row["code"]: row["bytes"] for row in scrub(raw, Policy(faces=False))[1]["residuals"]}

    assert found["frame-times"] == left["frame-times"] == 44
    assert "frame-choice" in found
    assert "frame-choice" not in left
    assert not {"frame-times", "frame-choice"} & sizes(samples.saved(frames[0], kind)).keys()


def _with_chunks(*chunks: tuple[bytes, bytes]) -> bytes:
    raw = samples.saved(samples.picture(), "PNG")
    packed = [
        struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data)) for kind, data in chunks
    ]
    return raw[:33] + b"".join(packed) + raw[33:]


SRGB = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
OTHER = (31230, 32910, 64120, 33540, 30080, 60900, 15130, 6410)  # a place on earth fits twice


@pytest.mark.parametrize(
    ("raw", "bound"),
    [
        (_with_chunks((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *SRGB))), None),
        (_with_chunks((b"gAMA", struct.pack(">I", 45455)), (b"cHRM", struct.pack(">8I", *OTHER))), 14),
        (_with_chunks((b"gAMA", struct.pack(">I", 52100)), (b"cHRM", struct.pack(">8I", *OTHER))), 16),
        (_with_chunks((b"pHYs", struct.pack(">IIB", 3000, 2900, 1))), 2),
        (samples.saved(samples.picture(), "JPEG", dpi=(97, 89)), 2),
        (b"P5\n2 2\n777\n" + bytes(8), 2),
        (b"P5\n2 2\n1023\n" + bytes(8), None),
        (samples.saved(samples.picture(), "JPEG", dpi=(97, 97)), None),
        (
            samples.saved(
                samples.picture(),
                "JPEG",
                icc_profile=ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes(),
            ),
            None,
        ),
    ],
)
def test_numbers_that_say_how_a_picture_is_shown_are_named(raw: bytes, bound: int | None) -> None:
    """Those of usual displays and square pixels say nothing."""
    assert sizes(raw).get("display-numbers") == bound
    assert verify(strip(raw)[0], canonical=True) == []


@pytest.mark.parametrize("kind", ["AVIF", "JPEG", "GIF", "WEBP"])
def test_codings_that_are_passed_through_are_named(kind: str) -> None:
    """Where the encoder's modes stay; JPEG and GIF have no two codings of the same samples that pass."""
    assert ("coding-choice" in sizes(samples.saved(samples.picture(), kind))) == (kind in ("AVIF", "WEBP"))


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "BMP", "AVIF"])
@pytest.mark.parametrize("mode", ["RGB", "RGBA", "P"])
def test_a_scrub_takes_over_nothing_but_the_picture(kind: str, mode: str) -> None:
    """Tables, codes and edges are its encoder's: the report names no place where a source could have left something."""
    image = samples.picture(90, 70).convert("RGBA" if mode == "RGBA" else "RGB")
    image = image.quantize(16) if mode == "P" else image
    raw = samples.saved(image.convert("RGB") if kind in ("JPEG", "AVIF") else image, kind)

    assert [row["code"] for row in scrub(raw, Policy(faces=False))[1]["residuals"]] == ["pixels"]


def test_nothing_is_added_where_nothing_is_free() -> None:
    """The container comes back as it is."""
    container = GIF.parse(memoryview(samples.of("gif")["plain"]), Limits())

    assert with_choices(container) is container


def test_the_form_of_each_page_is_named() -> None:
    """Forty pages that show the same, each with or without compression."""
    image = Image.fromarray(RNG.integers(0, 255, (9, 9), dtype=np.uint8))

    def saved(compressions: list[str | None]) -> bytes:
        out = io.BytesIO()
        with AppendingTiffWriter(out) as appender:
            for compression in compressions:
                image.save(appender, "TIFF", compression=compression)
                appender.newFrame()
        return out.getvalue()

    alike, mixed = saved([None] * 40), saved([("packbits", None)[bit] for bit in RNG.integers(0, 2, 40)])

    assert shown(strip(alike)[0]) == shown(strip(mixed)[0])
    assert strip(alike)[0] != strip(mixed)[0]
    assert sizes(mixed)["tiff-strip-choice"] == 2 * 39
    assert "tiff-strip-choice" not in sizes(saved([None]))


@pytest.mark.parametrize(("first", "expected"), [(0, [None, 1]), (1, [3 * 3, 1 + 3 * 6])], ids=["painted", "unpainted"])
def test_the_background_of_a_gif_is_named(first: int, expected: list[int | None]) -> None:
    """Where frames are taken away to it: its number, and colours in three tables that no pixel has; browsers show none."""
    frames = [Image.fromarray(RNG.integers(first, 9 if first else 16, (16, 16), dtype=np.uint8), "P") for _ in range(3)]
    for frame in frames:
        frame.putpalette(COLOURS[:16].tobytes())
    raw = bytearray(
        samples.saved(
            frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, disposal=2, optimize=False
        )
    )
    found = []
    for background in (0, 9):
        raw[11] = background
        assert strip(bytes(raw))[0][11] == background
        found.append(sizes(bytes(raw)).get("display-numbers"))

    assert found == expected

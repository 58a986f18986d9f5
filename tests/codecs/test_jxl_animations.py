"""Animated JPEG XL, frame by frame; the judge is FFmpeg's libjxl, which composes frames by itself."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageSequence

from rmexif import Policy, UnsupportedFeature, codecs, scrub, strip, verify
from rmexif.codecs import frames as frame_streams
from rmexif.codecs import jxl as jxl_frames
from rmexif.containers.jxl import JXL
from rmexif.containers.jxl.frame_header import PATCHES
from rmexif.errors import LimitExceeded
from rmexif.types import FrameStream, Limits, Raster
from tests import sets
from tests.cli.running import run
from tests.containers import jxl_animations as animations
from tests.containers import jxl_files
from tests.containers.jxl_animations import ADD, BLEND, MULTIPLY, MULTIPLY_ADD, REPLACE, Layer

SIZE = (48, 32)
PLAIN = Policy(faces=False, stealth=False)


def decoded(raw: bytes) -> Raster:
    """As our decoder gives it."""
    return codecs.decode(raw, JXL.parse(memoryview(raw), Limits()))


def on_backgrounds(frames: np.ndarray) -> np.ndarray:
    """RGBA frames on black and on white: what is seen of them."""
    alpha, colours = frames[..., 3:] / 255, frames[..., :3].astype(float)
    return np.stack([colours * alpha, colours * alpha + 255 * (1 - alpha)])


def rgba(raster: Raster) -> np.ndarray:
    """The frames of a raster of any kind, in 8 bit."""
    wide = []
    for frame in raster.frames:
        pixels = frame.pixels if frame.pixels.dtype == np.uint8 else (frame.pixels / 257).round().astype(np.uint8)
        colours = pixels[:, :, :1].repeat(3, 2) if pixels.shape[2] < 3 else pixels[:, :, :3]
        alpha = pixels[:, :, -1:] if pixels.shape[2] in (2, 4) else np.full_like(colours[:, :, :1], 255)
        wide.append(np.concatenate((colours, alpha), 2))
    return np.stack(wide)


def check(raw: bytes, size: tuple[int, int] = SIZE, most: int = 2) -> Raster:
    """Compare all frames, within ``most`` of 255, and times with FFmpeg's."""
    raster = decoded(raw)
    shown, durations = animations.shown_by_ffmpeg(raw, size)
    assert len(raster.frames) == len(shown)
    difference = np.abs(on_backgrounds(rgba(raster)) - on_backgrounds(shown))
    assert difference.max() <= most
    assert difference.mean() <= 0.6
    assert [frame.duration for frame in raster.frames] == durations
    return raster


@pytest.mark.parametrize("lossless", [True, False], ids=["lossless", "lossy"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize(
    "modes",
    [(REPLACE,), (REPLACE, BLEND), (REPLACE, ADD, BLEND, MULTIPLY_ADD, MULTIPLY)],
    ids=["replace", "blend", "all"],
)
def test_layers_anywhere(modes: tuple[int, ...], channels: int, lossless: bool) -> None:
    """Layers beyond the canvas, saved and not, hidden and shown, laid over each other in every way."""
    if channels in (1, 3):
        modes = tuple(mode for mode in modes if mode not in (BLEND, MULTIPLY_ADD))
    most = 2 if lossless or BLEND not in modes else 8  # a lossy layer overshoots what is seen of it
    for seed in range(3):
        rng = np.random.default_rng([seed, channels])
        layers = animations.random_layers(rng, SIZE, channels, 8, modes)
        check(animations.animation(layers, SIZE, lossless=lossless), most=most)


def page_of_text(number: int, channels: int = 3) -> np.ndarray:
    """Letters that come again and again, which libjxl draws as patches."""
    image = Image.new("RGBA", (200, 120), (250, 250, 250, 255))
    for row in range(7):
        ImageDraw.Draw(image).text((4, 4 + 16 * row), f"lorem ipsum {number + row} dolor sit amet", (9, 9, 9))
    return np.asarray(image)[:, :, :channels]


@pytest.mark.parametrize("lossless", [True, False], ids=["lossless", "lossy"])
@pytest.mark.parametrize("channels", [3, 4])
def test_frames_with_patches_are_decoded_with_what_they_take_them_from(channels: int, lossless: bool) -> None:
    """And frames over them too, though they are not decoded alone."""
    over = np.full((40, 60, channels), 128, np.uint8)
    mode = BLEND if channels == 4 else ADD
    layers = [
        Layer(page_of_text(0, channels), save_as=1, duration=2),
        Layer(over, 20, 30, mode, 1, 1, 3),
        Layer(page_of_text(3, channels)[:80], 0, 20, source=1, save_as=2, duration=0),
        Layer(over, 100, 90, mode, 2, 0, 4),
    ]
    raw = animations.animation(layers, (200, 120), lossless=lossless, effort=7)
    frames = JXL.parse(memoryview(raw), Limits()).tree.codestream.placed
    assert any(frame.header.flags & PATCHES for frame in frames)
    check(raw, (200, 120))


def test_alpha_may_be_laid_over_in_its_own_way() -> None:
    """Colours and alpha have a mode each."""
    rng = np.random.default_rng(5)
    first, second = animations.random_layers(rng, SIZE, 4, 2, (BLEND,))
    layers = [first, Layer(second.pixels, 3, 4, BLEND, first.save_as, 1, 2, alpha_mode=REPLACE), second]
    check(animations.animation(layers, SIZE, lossless=True))


def test_what_nothing_was_saved_under_is_transparent() -> None:
    """A frame that is shown and not saved is not drawn over."""
    first, second = (np.full((8, 8, 4), value, np.uint8) for value in (255, 200))
    raw = animations.animation([Layer(first), Layer(second[:4], 0, 2, source=1)], (8, 8), lossless=True)

    pixels = check(raw, (8, 8)).frames[1].pixels

    assert not pixels[:2].any()
    assert (pixels[2:6] == 200).all()


def test_an_opaque_animation_has_no_alpha_channel_and_plays_as_often() -> None:
    raw = animations.animation([Layer(np.full((4, 4, 4), 255, np.uint8))] * 2, (4, 4), loops=3, lossless=True)

    raster = check(raw, (4, 4))

    assert raster.frames[0].pixels.shape == (4, 4, 3)
    assert raster.loop == 3


def test_frames_are_turned_as_the_codestream_says() -> None:
    """The decoder leaves the turn to be made, layers lie on the canvas as it is coded."""
    rng = np.random.default_rng(2)
    layers = animations.random_layers(rng, SIZE, 3, 4, (REPLACE,))
    upright, turned = (decoded(animations.animation(layers, SIZE, orientation=way, lossless=True)) for way in (1, 6))

    assert (upright.orientation, turned.orientation) == (1, 6)
    assert np.array_equal(rgba(upright), rgba(turned))
    data, _ = scrub(animations.animation(layers, SIZE, orientation=6, lossless=True), PLAIN)
    with Image.open(io.BytesIO(data)) as image:
        got = np.asarray(image.convert("RGB")).astype(int)
    assert np.abs(got - np.rot90(rgba(upright)[0][:, :, :3], -1)).mean() < 12  # 6 is a quarter clockwise; lossy


def test_a_file_of_a_browser_test() -> None:
    """Of libjxl's own tests, with frames that reach beyond the canvas."""
    raw = (sets.require("corpus") / "animated" / "libjxl-testdata__cropped_traffic_light.jxl").read_bytes()
    assert [frame.duration for frame in check(raw, (50, 80)).frames] == [3000, 1000, 3000, 1000]


def test_scrub_writes_every_frame_as_webp_with_its_time_and_the_plays() -> None:
    rng = np.random.default_rng(3)
    raw = animations.animation(animations.random_layers(rng, SIZE, 4, 6, (REPLACE, BLEND)), SIZE, loops=2)
    shown, _ = animations.shown_by_ffmpeg(raw, SIZE)

    data, stats = scrub(raw, PLAIN)

    assert (stats["format"], stats["output_format"], stats["frames"]) == ("jxl", "webp", len(shown))
    assert verify(data, canonical=True) == []
    with Image.open(io.BytesIO(data)) as image:
        durations, frames = [], []
        for frame in ImageSequence.Iterator(image):
            frames.append(np.asarray(frame.convert("RGBA")))
            durations.append(frame.info["duration"])
        assert image.info["loop"] == 2
    assert durations == [frame.duration for frame in decoded(raw).frames]
    assert np.abs(on_backgrounds(np.stack(frames)) - on_backgrounds(shown)).mean() < 8


@pytest.mark.parametrize("output", ["png", "gif", "webp", "avif", "tiff"])
def test_every_format_that_holds_frames_may_be_asked_for(output: str) -> None:
    layers = [Layer(np.full((16, 16, 3), value, np.uint8), duration=7) for value in (10, 120, 240)]
    raw = animations.animation(layers, (16, 16))
    data, stats = scrub(raw, Policy(faces=False, stealth=False, output=output))
    assert (stats["output_format"], stats["frames"]) == (output, 3)
    with Image.open(io.BytesIO(data)) as image:
        assert image.n_frames == 3


def test_jpeg_xl_is_written_as_a_still() -> None:
    """An animation is refused there; its first frame is not."""
    raw = animations.animation([Layer(np.full((16, 16, 3), value, np.uint8)) for value in (10, 200)], (16, 16))

    with pytest.raises(UnsupportedFeature, match="one picture is written"):
        scrub(raw, Policy(faces=False, output="jxl"))
    assert scrub(raw, Policy(faces=False, frames="first"))[1]["output_format"] == "jxl"


def test_what_frames_are_drawn_from_has_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sums of all frames before are decoded anew for each frame: refused where that is too much, not endured."""
    layers = [Layer(np.full((16, 16, 3), 3, np.uint8), mode=ADD, source=1, save_as=1) for _ in range(12)]
    raw = animations.animation(layers, (16, 16), lossless=True)
    check(raw, (16, 16))
    monkeypatch.setattr(jxl_frames, "MOST_LAYERS", 16 * 16 * 40)

    with pytest.raises(LimitExceeded, match="drawn from"):
        decoded(raw)


def test_many_frames_are_made_one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    """And anew in each pass."""
    raw = animations.animation(
        animations.random_layers(np.random.default_rng(1), SIZE, 4, 6, (REPLACE, BLEND)), SIZE, lossless=True
    )
    held = rgba(decoded(raw))
    monkeypatch.setattr(frame_streams, "MOST_HELD", 1)

    raster = decoded(raw)

    assert isinstance(raster.frames, FrameStream)
    assert np.array_equal(rgba(raster), held)
    assert np.array_equal(rgba(raster), held)
    assert scrub(raw, PLAIN)[1]["frames"] == len(held)


def test_a_folder_gets_the_extension_of_what_comes_out(tmp_path: Path) -> None:
    """An animation becomes .webp; a still, and what is stripped, stays .jxl; nothing is replaced by another format."""
    (tmp_path / "in").mkdir()
    layers = [Layer(np.full((16, 16, 3), value, np.uint8)) for value in (10, 200)]
    raw = animations.animation(layers, (16, 16))
    (tmp_path / "in" / "a.jxl").write_bytes(raw)
    (tmp_path / "in" / "b.jxl").write_bytes(animations.animation(layers[:1], (16, 16)))

    for command, names in ((("scrub", "--no-faces"), ["a.webp", "b.jxl"]), (("strip",), ["a.jxl", "b.jxl"])):
        done = run(command[0], "in", *command[1:], "-o", command[0], cwd=tmp_path)
        assert done.returncode == 0, done.stderr
        assert sorted(path.name for path in (tmp_path / command[0]).iterdir()) == names
    assert run("scrub", "in", "--no-faces", "--in-place", cwd=tmp_path).returncode != 0
    assert (tmp_path / "in" / "a.jxl").read_bytes() == raw


def test_strip_keeps_the_frames() -> None:
    raw = animations.animation(
        animations.random_layers(np.random.default_rng(7), SIZE, 4, 6, (REPLACE, BLEND)), SIZE, lossless=True
    )
    shown, stripped = (animations.shown_by_ffmpeg(data, SIZE) for data in (raw, strip(raw, thorough=True)[0]))
    assert np.array_equal(shown[0], stripped[0])
    assert shown[1] == stripped[1]


def test_times_of_one_picture_go() -> None:
    """Ticks, their divisor, repetitions and a duration are 13 byte that nobody is shown; layers stay what they are."""
    rng = np.random.default_rng(3)
    layers = [replace(layer, duration=0, save_as=0) for layer in animations.random_layers(rng, (40, 30), 4, 4, (0, 2))]
    raws = [
        animations.animation([*layers[:-1], replace(layers[-1], duration=ticks)], (40, 30), loops=ticks, lossless=True)
        for ticks in (1, 0x4A616E65)
    ]

    first, second = (strip(raw)[0] for raw in raws)

    assert first == second
    assert verify(first, canonical=True) == []
    for raw in raws:
        assert verify(raw)
        assert np.array_equal(jxl_files.decoded(first), jxl_files.decoded(raw))


def test_the_unit_of_times_counts() -> None:
    """Ticks of a second may be any number, beside the duration of each frame and how often all are shown."""
    rng = np.random.default_rng(4)
    raw = animations.animation(animations.random_layers(rng, (40, 30), 3, 3, (0,)), (40, 30), lossless=True)
    frames = strip(raw)[1]["frames"]

    left = {row["code"]: row["bytes"] for row in strip(raw)[1]["residuals"]}

    assert frames > 1
    assert left["frame-times"] == 4 * frames + 4 + 5

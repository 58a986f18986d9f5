"""A preview that is covered is what a scrub makes; regions of one frame count in that frame."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rmexif import InvalidPolicy, Policy, Scrubber, verify
from tests import samples


def pixels(data: bytes, frame: int = 0) -> np.ndarray:
    """RGB as Pillow reads it."""
    image = Image.open(io.BytesIO(data))
    image.seek(frame)
    return np.asarray(image.convert("RGB")).astype(int)


def inner(box: list[int]) -> tuple[slice, slice]:
    """The middle half of a box."""
    left, top, right, bottom = box
    dx, dy = (right - left) // 4, (bottom - top) // 4
    return slice(top + dy, bottom - dy), slice(left + dx, right - dx)


@pytest.fixture(scope="module")
def loop(astronaut: bytes) -> bytes:
    """Four frames of 0.1 s, the same face in each, as APNG."""
    photo = Image.open(io.BytesIO(astronaut)).convert("RGB").resize((320, 320))
    more = [photo.point(lambda value, less=10 * number: value - less) for number in range(1, 4)]
    return samples.saved(photo, "PNG", save_all=True, append_images=more, duration=100)


@pytest.mark.parametrize("style", ["blur", "fill", "solid"])
def test_what_is_shown_is_what_a_scrub_makes(astronaut: bytes, style: str) -> None:
    """The same file from the same seed, without stealth; another style is another picture."""
    policy = Policy(style=style, stealth=False, seed=7, output="png")

    shown, stats = Scrubber(astronaut, policy).preview(covered=True)

    assert shown == Scrubber(astronaut, policy).process()[0]
    assert stats["mode"] == "preview"
    face = inner(stats["faces"][0]["box"])
    assert np.abs(pixels(shown) - pixels(astronaut))[face].mean() > 15


def test_stealth_changes_no_grid_of_a_preview(astronaut: bytes) -> None:
    """Boxes and masks of the report are those of the picture that is shown; it is clean."""
    shown, stats = Scrubber(astronaut).preview(covered=True)

    assert Image.open(io.BytesIO(shown)).size == (stats["width"], stats["height"])
    assert verify(shown, canonical=True) == []


def test_a_frame_is_covered_as_in_the_animation(loop: bytes) -> None:
    """By the masks of the frames beside it, too; pixel by pixel."""
    policy = Policy(style="solid", stealth=False, seed=7)
    whole = Scrubber(loop, policy).process()[0]

    shown, stats = Scrubber(loop, policy).preview(2, covered=True)

    assert stats["is_animation"] is True
    assert Image.open(io.BytesIO(shown)).n_frames == 1
    assert np.abs(pixels(shown) - pixels(whole, 2)).max() <= 1


def test_a_face_stays_in_the_frames_that_are_named(loop: bytes) -> None:
    """Kept in three frames it is seen in the middle one: those beside a covered frame are covered, too."""
    box = Scrubber(loop).dry_run()["faces"][0]["box"]
    policy = Policy(stealth=False, keep_regions=tuple((*box, frame) for frame in (0, 1, 2)))

    data, stats = Scrubber(loop, policy).process()

    assert [face["frame"] for face in stats["faces"]] == [3]
    changed = [np.abs(pixels(data, n) - pixels(loop, n))[inner(box)].mean() for n in range(4)]
    assert max(changed[:2]) < 8
    assert min(changed[2:]) > 15


def test_a_place_is_covered_in_the_frames_that_are_named() -> None:
    """Of pages that do not follow each other in time, in that one alone."""
    pages = [Image.effect_noise((120, 100), 60).convert("RGB") for _ in range(3)]
    raw = samples.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:])
    policy = Policy(faces=False, stealth=False, style="solid", regions=((20, 20, 80, 70, 1), (2, 80, 12, 95)))

    data, stats = Scrubber(raw, policy).process()

    assert stats["is_animation"] is False
    assert [face["frame"] for face in stats["faces"]] == [0, 1, 1, 2]
    changed = [np.abs(pixels(data, n) - pixels(raw, n))[40:50, 40:60].mean() for n in range(3)]
    assert changed[1] > 15
    assert max(changed[0], changed[2]) <= 1


@pytest.mark.parametrize("name", ["regions", "keep_regions"])
@pytest.mark.parametrize("frame", [-1, 4])
def test_a_frame_that_is_not_there(loop: bytes, name: str, frame: int) -> None:
    """Nothing that was to be covered is left out in silence."""
    with pytest.raises(InvalidPolicy, match=f"the frame of {name} must be from 0 to 3, got {frame}"):
        Scrubber(loop, Policy(**{name: ((0, 0, 9, 9, frame),)})).process()
    with pytest.raises(InvalidPolicy, match=r"frame must be from 0 to 3, got 9"):
        Scrubber(loop).preview(9, covered=True)

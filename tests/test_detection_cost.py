"""What searching costs is bounded by the frames that differ, by a limit for small files, and by second looks."""

from __future__ import annotations

import io

import numpy as np
import pytest
from PIL import Image

from rmexif import LimitExceeded, Limits, Policy, Scrubber, scrub
from rmexif.detectors import pyramid, search
from rmexif.types import SMALL_FILE, Box, Detection
from tests import samples


class _White:
    """Finds the white square of a page, and counts what it is asked."""

    def __init__(self) -> None:
        self.asked = 0

    def detect(self, rgb: np.ndarray) -> list[Detection]:
        self.asked += 1
        rows, columns = np.nonzero((rgb == 255).all(axis=2))
        if not rows.size:
            return []
        box = Box(int(columns.min()), int(rows.min()), int(columns.max()) + 1, int(rows.max()) + 1)
        return [Detection(box, 0.9)]


def _pages(*lefts: int | None, side: int = 96) -> bytes:
    """Pages with a white square at each of these places, px from the left; none where None."""
    pages = []
    for left in lefts:
        page = Image.new("RGB", (side, side), (40, 60, 90))
        if left is not None:
            page.paste((255, 255, 255), (left, 20, left + 16, 36))
        pages.append(page)
    return samples.saved(pages[0], "TIFF", save_all=True, append_images=pages[1:], compression="tiff_deflate")


def test_a_frame_like_the_one_before_is_not_searched_again() -> None:
    """What was found in the frame before counts for it; a frame that differs is searched."""
    finder = _White()
    raw = _pages(8, 8, 8, None, None, 60, 8)

    _, stats = scrub(raw, Policy(detectors=(finder,), stealth=False, allow_weak=True))

    assert finder.asked == 4
    assert [face["frame"] for face in stats["faces"]] == [0, 1, 2, 5, 6]
    assert [face["box"][0] for face in stats["faces"]] == [8, 8, 8, 60, 8]


def test_the_frames_of_a_small_file_are_searched_up_to_a_limit(portrait_frames: list[Image.Image]) -> None:
    """Every frame that differs, and every face that is to be covered, counts; a larger file holds what it costs."""
    first, *rest = portrait_frames
    small = samples.saved(first, "PNG", save_all=True, append_images=rest)
    assert len(small) < SMALL_FILE
    limits = Limits(max_network_pixels=1_000_000)

    with pytest.raises(LimitExceeded, match="max_network_pixels"):
        Scrubber(small, Policy(limits=limits)).dry_run()
    assert len(Scrubber(small, Policy()).dry_run()["faces"]) == 3
    assert Scrubber(small + bytes(SMALL_FILE - len(small)), Policy(limits=limits)).dry_run()
    alone = samples.saved(first, "PNG")
    assert Scrubber(alone, Policy(limits=Limits(max_network_pixels=1))).dry_run()


@pytest.fixture
def portrait_frames(astronaut: bytes) -> list[Image.Image]:
    """Three frames with a face, each another one."""
    frames = [Image.open(io.BytesIO(astronaut)).convert("RGB").resize((160, 160)) for _ in range(3)]
    for number, frame in enumerate(frames):
        frame.putpixel((0, 0), (number, 0, 0))
    return frames


@pytest.mark.parametrize(("count", "kept"), [(search.MOST_LOOKS, 0), (search.MOST_LOOKS + 1, search.MOST_LOOKS + 1)])
def test_more_doubts_than_second_looks_all_count(count: int, kept: int) -> None:
    """A second look throws a weak candidate out of an empty picture; where too many ask for one, they are all covered."""
    picture = np.full((900, 900, 3), 90, np.uint8)
    places = np.stack(np.meshgrid(np.arange(30), np.arange(30)), -1).reshape(-1, 2)[:count] * 30.0
    found = np.zeros((count, 16), np.float32)
    found[:, :2], found[:, 2:4], found[:, 4] = places, places + 20, 0.4

    best, rejected, spent = search.choose(picture, found, pyramid.PLANS["balanced"])

    assert len(best) == kept
    assert rejected == count - kept
    assert (spent > 0) == (kept == 0)

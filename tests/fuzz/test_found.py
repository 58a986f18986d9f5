"""What fuzzing found once, and a short run of mutations for every format in the table."""

from __future__ import annotations

import contextlib
import random
from pathlib import Path

import pytest

from rmexif import InputError, Limits, ProcessingError, Scrubber, strip, verify
from rmexif.containers import FORMATS
from rmexif.policy import Policy
from tests import samples

FOUND = sorted(path for path in (Path(__file__).parent / "found").iterdir() if path.suffix == ".bin")
LIMITS = Limits(max_bytes=1 << 20, max_pixels=1 << 20, max_frames=64, max_parts=5000)


def test_there_are_found_cases() -> None:
    """An empty folder would pass everything below."""
    assert len(FOUND) >= 7


@pytest.mark.parametrize("path", FOUND, ids=lambda path: path.name)
def test_found_cases_stay_fixed(path: Path) -> None:
    """Each of them broke the law once."""
    law(path.read_bytes())


@pytest.mark.parametrize("name", [module.format.name for module in FORMATS])
def test_spliced_files(name: str) -> None:
    """Pieces of files of one format in the wrong order: what single mutations do not reach."""
    files = list(samples.of(name).values())
    rng = random.Random(name)
    for _ in range(60):
        one, two = rng.choice(files), rng.choice(files)
        cut, start, end = rng.randrange(len(one)), rng.randrange(len(two)), rng.randrange(len(two))
        law(one[:cut] + two[min(start, end) : max(start, end)] + one[rng.randrange(len(one)) :])


def law(data: bytes) -> None:
    """A clean result or a typed error, from strip and from scrub."""
    with contextlib.suppress(InputError):
        assert verify(strip(data, limits=LIMITS)[0], canonical=True) == []
    try:
        Scrubber(data, Policy(faces=False, limits=LIMITS)).process()
    except ProcessingError as error:
        assert "internal step" not in str(error)

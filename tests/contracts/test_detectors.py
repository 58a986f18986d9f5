"""What every detector has to hold, run over the table."""

from __future__ import annotations

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from rmexif.detectors import DETECTORS, CenterFace, Codes, Documents, Fixed, Text
from rmexif.types import Box

# How to make one of each; a new row without a line here fails. YuNet needs a model file that users bring; own models
# have tests of their own, with files that these build; Fixed is an object only: by its name nobody could say where.
MADE = {
    "centerface": CenterFace(),
    "codes": Codes(),
    "documents": Documents(),
    "fixed": Fixed((Box(1, 2, 30, 40),)),
    "text": Text(),
}
NEEDS_A_FILE = {"onnx", "yunet"}


def test_every_row_is_tested() -> None:
    """The table and this contract name the same detectors."""
    assert set(DETECTORS) | {"fixed"} == set(MADE) | NEEDS_A_FILE


@pytest.fixture(scope="module")
def picture(astronaut: bytes) -> np.ndarray:
    """The portrait that the project ships, as RGB."""
    import io

    from PIL import Image

    return np.asarray(Image.open(io.BytesIO(astronaut)).convert("RGB"))


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("size", [(512, 512), (37, 512), (512, 9), (1, 1), (200, 333)])
def test_boxes_lie_inside_the_picture(name: str, size: tuple[int, int], picture: np.ndarray) -> None:
    """Whatever the picture's shape."""
    crop = np.ascontiguousarray(picture[: size[0], : size[1]])

    for detection in MADE[name].detect(crop):
        assert 0 <= detection.box.left < detection.box.right <= size[1]
        assert 0 <= detection.box.top < detection.box.bottom <= size[0]
        assert 0 <= detection.confidence <= 1


@pytest.mark.parametrize("name", MADE)
def test_one_instance_serves_many_threads(name: str, picture: np.ndarray) -> None:
    """The same answer from all of them."""
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(MADE[name].detect, [picture] * 8))

    assert all(answer == answers[0] for answer in answers)


@pytest.mark.parametrize("name", MADE)
def test_it_pickles_as_its_settings(name: str) -> None:
    """So that it travels to a worker process."""
    data = pickle.dumps(MADE[name])

    assert pickle.loads(data) == MADE[name]
    assert len(data) < 1000

"""The face search: sizes, turns, light, and what it says about itself."""

from __future__ import annotations

import io
import json
import sys
from dataclasses import replace

import cv2
import numpy as np
import onnxruntime
import pytest
from PIL import Image, ImageOps

from rmexif import DetectionError, LimitExceeded, SetupError
from rmexif.detectors import CenterFace, YuNet, distortion, network, pyramid, search
from rmexif.styles import mask_for
from rmexif.types import Box, Detection
from tests import sets


@pytest.fixture(scope="module")
def portrait(astronaut: bytes) -> np.ndarray:
    """512 x 512 px; the face lies at about (176, 61) to (274, 178)."""
    return np.asarray(Image.open(io.BytesIO(astronaut)).convert("RGB"))


def centre_is_found(rgb: np.ndarray, x: float, y: float, recall: str = "balanced") -> bool:
    """Whether a detection covers a point."""
    found = CenterFace(recall).detect(rgb)  # type: ignore[arg-type]
    return any(d.box.left <= x < d.box.right and d.box.top <= y < d.box.bottom for d in found)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_turned_pictures(portrait: np.ndarray, turns: int) -> None:
    """A face is found whichever side is up."""
    turned = np.ascontiguousarray(np.rot90(portrait, turns))
    x, y = [(225, 120), (120, 511 - 225), (511 - 225, 511 - 120), (511 - 120, 225)][turns]

    assert centre_is_found(turned, x, y)


@pytest.mark.parametrize("angle", [20, 45, 110, 200])
def test_any_angle(portrait: np.ndarray, angle: int) -> None:
    """Between the quarter turns as well."""
    turn = cv2.getRotationMatrix2D((225, 120), angle, 1.0)

    assert centre_is_found(cv2.warpAffine(portrait, turn, (512, 512)), 225, 120)


@pytest.mark.parametrize("size", [(1040, 350), (350, 1040), (300, 1100)])
def test_squeezed_pictures(portrait: np.ndarray, size: tuple[int, int]) -> None:
    """About three to one, either way: the picture is searched in proportion, and the box is that of the squeezed face."""
    squeezed = cv2.resize(portrait, size, interpolation=cv2.INTER_AREA)
    factor = np.array([size[0] / 512, size[1] / 512] * 2)

    (found,) = CenterFace().detect(squeezed)

    truth = np.array([176, 61, 274, 178]) * factor
    assert search.overlap(truth, np.array([found.box.as_list()]))[0] > 0.7


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_an_unsharp_close_up_on_its_side_or_head(portrait: np.ndarray, turns: int) -> None:
    """Which is seen as it is when it stands upright."""
    close = cv2.GaussianBlur(np.ascontiguousarray(np.rot90(portrait[50:200, 150:300], turns)), (0, 0), 4)

    assert centre_is_found(close, 75, 75)


@pytest.mark.parametrize("matrix", distortion.CORRECTIONS)
def test_boxes_of_a_corrected_picture_are_those_of_the_picture(matrix: np.ndarray) -> None:
    """A bright place is found in the corrected picture, and its box comes back to where it is."""
    scene = np.zeros((300, 500, 3), np.uint8)
    scene[40:100, 320:440] = 255
    corrected = distortion.through(scene, matrix)
    left, top, width, height = cv2.boundingRect((corrected[:, :, 0] > 127).astype(np.uint8))
    row = np.zeros((1, 16), np.float32)
    row[0, :4] = (left, top, left + width, top + height)

    back = distortion.mapped_back(row, matrix, 300, 500)

    assert np.abs(back[0, :4] - (320, 40, 440, 100)).max() <= 1
    assert corrected.shape[0] * corrected.shape[1] == pytest.approx(300 * 500, rel=0.01)


def test_certain_faces_are_not_searched_in_other_forms(portrait: np.ndarray) -> None:
    """An upright portrait costs what it did."""
    found, _, spent = pyramid.candidates(portrait, pyramid.PLANS["balanced"])
    chosen, *_ = search.choose(portrait, found, pyramid.PLANS["balanced"])

    assert distortion.correction(portrait, found, chosen) == (None, 0)
    assert CenterFace().search(portrait).network_px == spent


def test_a_face_that_fills_the_frame(portrait: np.ndarray) -> None:
    """3,000 px wide: invisible at the picture's own size."""
    close = cv2.resize(np.ascontiguousarray(portrait[40:200, 150:300]), (3000, 3200), interpolation=cv2.INTER_CUBIC)

    assert centre_is_found(close, 1500, 1600)


@pytest.mark.parametrize("width", [24, 48, 400])
def test_faces_of_all_sizes_in_a_large_picture(portrait: np.ndarray, width: int) -> None:
    """In a flat 2 MP picture."""
    face = np.ascontiguousarray(portrait[30:210, 140:310])
    small = cv2.resize(face, (width * 170 // 98, width * 180 // 98), interpolation=cv2.INTER_AREA)
    scene = np.full((1200, 1600, 3), 120, np.uint8)
    scene[300 : 300 + small.shape[0], 700 : 700 + small.shape[1]] = small

    assert centre_is_found(scene, 700 + small.shape[1] / 2, 300 + small.shape[0] / 2)


@pytest.mark.parametrize("recall", ["balanced", "high"])
@pytest.mark.parametrize("side", [256, 1024])
@pytest.mark.parametrize("cut", [(40, 200, 150, 300), (55, 185, 165, 285), (62, 176, 178, 272)])
def test_a_close_up_is_one_face(portrait: np.ndarray, cut: tuple[int, int, int, int], side: int, recall: str) -> None:
    """Not its middle, nor halves and quarters of it; and the box is that of the face in the photograph."""
    top, bottom, left, right = cut
    factor = side / (right - left)
    close = cv2.resize(np.ascontiguousarray(portrait[top:bottom, left:right]), None, fx=factor, fy=factor)

    found = CenterFace(recall).detect(close)  # type: ignore[arg-type]

    assert len(found) == 1
    truth = np.array([(176 - left), (61 - top), (274 - left), (178 - top)]) * factor
    assert search.overlap(truth, np.array([found[0].box.as_list()]))[0] > 0.8


@pytest.mark.parametrize("share", [0.2, 0.25, 0.33])
@pytest.mark.parametrize("at", [(0.1, 0.1), (0.55, 0.55), (0.6, 0.1)])
def test_a_small_face_before_a_large_one_is_a_second_one(
    portrait: np.ndarray, share: float, at: tuple[float, float]
) -> None:
    """A child held close, a photograph held up: both are found."""
    face = np.ascontiguousarray(portrait[30:210, 140:310])
    picture = cv2.resize(face, (1020, 1080), interpolation=cv2.INTER_CUBIC)
    second = cv2.resize(face, (round(1020 * share), round(1080 * share)), interpolation=cv2.INTER_AREA)
    top, left = round(1080 * at[0]), round(1020 * at[1])
    picture[top : top + second.shape[0], left : left + second.shape[1]] = second

    assert len(CenterFace().detect(picture)) == 2
    assert centre_is_found(picture, left + second.shape[1] / 2, top + second.shape[0] / 2)


def test_what_is_written_stays_beside_a_face() -> None:
    """Detections of one label become one per place; a line of text over a face is covered by its own style."""
    face, again = Detection(Box(0, 0, 100, 100), 0.9), Detection(Box(5, 5, 105, 105), 0.8)
    text = Detection(Box(0, 0, 100, 90), 0.5, "text")

    assert search.merge([again, text, face]) == [face, text]


def test_the_finest_level_is_searched_where_there_is_a_trace(portrait: np.ndarray) -> None:
    """The same faces as from a search of everything, and less than half of the network's pixels for a flat scene."""
    scene = np.full((2400, 3200, 3), 120, np.uint8)
    for left in (300, 1500, 2700):
        scene[1000:1180, left : left + 170] = portrait[30:210, 140:310]
    everything, _, most = pyramid.candidates(scene, replace(pyramid.PLANS["balanced"], trace=0))
    traced, _, least = pyramid.candidates(scene, pyramid.PLANS["balanced"])
    both = [search.choose(scene, found, pyramid.PLANS["balanced"])[0] for found in (everything, traced)]

    assert [len(found) for found in both] == [3, 3]
    assert least < most / 2


def test_a_lone_weak_candidate_needs_a_second_look(portrait: np.ndarray) -> None:
    """The same score is thrown out over a wall and kept over a face; beside a sure face it is kept unseen."""
    wall = np.full((400, 400, 3), 120, np.uint8)
    row = np.zeros((1, 16), np.float32)
    row[0, :5], row[0, 15] = (176, 61, 274, 178, 0.4), 100
    sure = row.copy()
    sure[0, :5] = (10, 250, 100, 350, 0.9)
    plan = pyramid.PLANS["balanced"]

    assert [len(part) if not isinstance(part, int) else part for part in search.choose(wall, row, plan)[:2]] == [0, 1]
    assert len(search.choose(np.ascontiguousarray(portrait), row, plan)[0]) == 1
    assert len(search.choose(wall, np.concatenate([row, sure]), plan)[0]) == 2


@pytest.mark.parametrize(
    ("recall", "score", "counted"), [("balanced", 0.45, 0), ("balanced", 0.62, 1), ("high", 0.62, 1)]
)
def test_a_lone_speck_must_be_sure(recall: str, score: float, counted: int) -> None:
    """A face of 8 px shows nobody: where it stands alone and is not sure, it is more often none."""
    row = np.zeros((1, 16), np.float32)
    row[0, :5], row[0, 15] = (100, 100, 107, 108, score), 14
    wall = np.full((200, 200, 3), 120, np.uint8)

    assert len(search.choose(wall, row, pyramid.PLANS[recall])[0]) == counted


@pytest.mark.parametrize(("company", "counted"), [(1, 1), (2, 2), (3, 4), (4, 5)])
def test_a_crowd_vouches_for_weaker_faces(company: int, counted: int) -> None:
    """What one sure face does not carry, three of its size do."""
    wall = np.full((200, 600, 3), 120, np.uint8)
    rows = np.zeros((company + 1, 16), np.float32)
    rows[:, 0] = np.arange(company + 1) * 100
    rows[:, 1:3] = np.stack([np.full(company + 1, 20), rows[:, 0] + 50], axis=1)
    rows[:, 3:5], rows[:, 15] = (80, 0.9), 50
    rows[-1, 4] = 0.11

    assert len(search.choose(wall, rows, pyramid.PLANS["balanced"])[0]) == counted


@pytest.mark.parametrize("how", ["grey", "dark", "noisy", "masked"])
def test_hard_light_and_cover(portrait: np.ndarray, how: str) -> None:
    """Grey, an eighth of the light, noise, the mouth and nose covered."""
    picture = portrait.copy()
    if how == "grey":
        picture = np.repeat(picture.mean(axis=2, keepdims=True).astype(np.uint8), 3, axis=2)
    elif how == "dark":
        picture = (picture * 0.12).astype(np.uint8)
    elif how == "noisy":
        noise = np.random.default_rng(0).normal(0, 30, picture.shape)
        picture = (picture + noise).clip(0, 255).astype(np.uint8)
    else:
        picture[120:178, 176:274] = (90, 150, 200)

    assert centre_is_found(picture, 225, 120)


def test_nothing_in_nothing() -> None:
    """Flat, noise, stripes: no face."""
    noise = np.random.default_rng(0).integers(0, 255, (600, 800, 3)).astype(np.uint8)
    stripes = np.tile(np.array([[[0] * 3], [[255] * 3]], np.uint8).repeat(8, axis=0), (40, 640, 1))
    for picture in (np.full((600, 800, 3), 128, np.uint8), noise, stripes):
        assert CenterFace().detect(picture) == []


@pytest.mark.parametrize("recall", ["balanced", "high", "max"])
def test_the_search_says_what_it_looked_at(portrait: np.ndarray, recall: str) -> None:
    """Levels, smallest and largest face; more is searched with more recall."""
    result = CenterFace(recall).search(portrait)  # type: ignore[arg-type]

    assert result.min_face_px <= 5
    assert result.max_face_px == 512
    assert result.network_px > 500_000
    assert len(result.detections) >= 1


def test_max_refuses_what_it_cannot_search_in_full(portrait: np.ndarray, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than searching less without a word."""
    monkeypatch.setattr(pyramid, "MOST", 1_000_000)
    large = cv2.resize(portrait, (3000, 3000))

    with pytest.raises(LimitExceeded, match="max"):
        CenterFace("max").search(large)


def test_tiles_find_what_the_whole_picture_hides(portrait: np.ndarray) -> None:
    """A face of 14 px in a 12 MP picture is seen by the plan that looks at tiles."""
    face = cv2.resize(np.ascontiguousarray(portrait[30:210, 140:310]), (28, 30), interpolation=cv2.INTER_AREA)
    scene = np.full((3000, 4000, 3), 120, np.uint8)
    scene[2000:2030, 3000:3028] = face

    assert centre_is_found(scene, 3014, 2014, "max")


class _Session:
    """A session that answers as told."""

    def __init__(self, answer: object) -> None:
        self.answer = answer

    def run(self, names: object, feeds: object) -> object:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer


@pytest.mark.parametrize(
    "answer", [RuntimeError("device"), [np.full((1, 16, 16, 15), np.nan, np.float32)], MemoryError()]
)
def test_a_failing_network_is_an_error(monkeypatch: pytest.MonkeyPatch, answer: object) -> None:
    """Never "no faces"."""
    monkeypatch.setattr(network, "session", lambda: _Session(answer))

    with pytest.raises(DetectionError):
        CenterFace().detect(np.zeros((64, 64, 3), np.uint8))


def test_a_damaged_model_is_a_setup_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """The installation is at fault, not the picture."""
    network._build.cache_clear()
    monkeypatch.setattr(network, "MODEL", "LICENSE-CenterFace")
    try:
        with pytest.raises(SetupError, match="damaged"):
            network.session()
        monkeypatch.setattr(network, "MODEL", "missing.onnx")
        network._build.cache_clear()
        with pytest.raises(SetupError, match="missing"):
            network.session()
    finally:
        network._build.cache_clear()


def test_a_wrong_yunet_file_is_a_setup_error() -> None:
    """It says what was expected."""
    with pytest.raises(SetupError, match=r"YuNet|ONNX"):
        YuNet(b"not a model")


def test_recheck_sees_the_face_and_not_its_neighbour(portrait: np.ndarray) -> None:
    """A face counts where its centre lies in the box."""
    watch = CenterFace()

    inside, beside = watch.found_in(portrait, [Box(150, 40, 300, 200), Box(300, 40, 450, 200)])

    assert inside > 0.5
    assert beside < 0.3


def test_the_session_is_one(portrait: np.ndarray) -> None:
    """Loaded once for all detectors and threads."""
    assert isinstance(network.session(), onnxruntime.InferenceSession)
    assert network.session() is network.session()


def test_the_shared_faces(portrait: np.ndarray) -> None:
    """The figures of the face benchmark: coverage by size, and face-free pictures left alone."""
    folder = sets.require("faces")
    sys.path.insert(0, str(folder))
    import evaluate

    rows, regions = json.loads((folder / "annotations.json").read_text()), {}
    for row in rows:
        picture = np.asarray(ImageOps.exif_transpose(Image.open(folder / "images" / row["file"])).convert("RGB"))
        covers = [mask_for(d.box, 0.25, *picture.shape[:2]).region for d in CenterFace().detect(picture)]
        regions[row["file"]] = [[c.left, c.top, c.width, c.height, 1.0] for c in covers]

    result, _ = evaluate.evaluate(rows, regions)
    levels = result["levels"]
    assert levels["all"]["coverage_recall"] >= 0.96
    assert levels["easy"]["coverage_recall"] == 1.0
    assert levels["medium"]["coverage_recall"] >= 0.98
    assert levels["hard"]["coverage_recall"] >= 0.90
    assert result["no_face_images_with_stray_region"] <= 1
    assert result["excess_area"] <= 0.03

"""Own models: every form, layout and type of sample, sizes and tiles, and what is refused."""

from __future__ import annotations

import io
import json
import pickle
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
from PIL import Image

from rmexif import DetectionError, InvalidPolicy, LimitExceeded, Policy, Scrubber, SetupError
from rmexif.detectors import DETECTORS, PROVIDERS, CenterFace, Onnx, build, model_file, tiling
from rmexif.detectors.search import merge
from rmexif.types import Box, Detection
from tests import samples
from tests.detectors import models

RED, GREEN = (255, 0, 0), (0, 255, 0)
FORMS = {
    "end-to-end, N x 7": (models.end_to_end(7), "end-to-end YOLO"),
    "end-to-end, 1 x N x 6": (models.end_to_end(6), "end-to-end YOLO"),
    "end-to-end, fixed": (models.end_to_end(7, shape=(1, 3, 192, 320)), "end-to-end YOLO"),
    "YOLOv8": (models.raw_yolo(), "raw YOLO"),
    "YOLOv8, NHWC": (models.raw_yolo(last=True), "raw YOLO"),
    "YOLOv8, float16": (models.raw_yolo(dtype=models.HALF), "raw YOLO"),
    "YOLOv8, uint8, NHWC": (models.raw_yolo(dtype=models.BYTE, last=True), "raw YOLO"),
    "YOLOv8, transposed": (models.raw_yolo(transposed=True, names="{0: 'red', 1: 'green'}"), "raw YOLO"),
    "YOLOv5": (models.yolov5(), "raw YOLO"),
    "YOLOX": (models.yolox(), "YOLOX"),
    "YOLOX, decoded": (models.yolox(decoded=True), "YOLOX"),
    "RetinaFace": (models.retinaface(), "RetinaFace"),
    "RetinaFace, logits": (models.retinaface(logits=True), "RetinaFace"),
    "heat map": (models.heat_map(), "heat map"),
    "heat map, logits": (models.heat_map(logits=True), "heat map"),
    "heat map, fixed": (models.heat_map(shape=(1, 3, 320, 480)), "heat map"),
}


def saved(folder: Path, data: bytes) -> str:
    """The path of a model file."""
    path = folder / "model.onnx"
    path.write_bytes(data)
    return str(path)


def scene(height: int, width: int, *squares: tuple[int, int, int, tuple[int, int, int]]) -> np.ndarray:
    """A grey picture with squares: left, top, side (px), colour."""
    picture = np.full((height, width, 3), 120, np.uint8)
    for left, top, side, colour in squares:
        picture[top : top + side, left : left + side] = colour
    return picture


def covered(found: list[Detection], left: int, top: int, side: int) -> float:
    """The share of a square that lies in detections."""
    hit = np.zeros((side, side), bool)
    for box in (d.box for d in found):
        hit[max(0, box.top - top) : max(0, box.bottom - top), max(0, box.left - left) : max(0, box.right - left)] = True
    return float(hit.mean())


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("size", [(300, 400), (900, 500), (90, 130)])
def test_every_form_finds_what_it_was_made_for(form: str, size: tuple[int, int], tmp_path: Path) -> None:
    """At its place in the picture, whatever the picture's size; nothing elsewhere."""
    data, name = FORMS[form]
    side = size[0] // 5
    left, top = size[1] // 2, size[0] // 3
    found = Onnx(saved(tmp_path, data), "thing")

    seen = found.detect(scene(*size, (left, top, side, RED)))

    assert found.describe()["form"] == name
    assert covered(seen, left, top, side) > 0.8
    assert {d.label for d in seen} == {"thing"}
    for d in seen:
        assert 0 <= d.box.left < d.box.right <= size[1]
        assert 0 <= d.box.top < d.box.bottom <= size[0]
        x, y = (d.box.left + d.box.right) / 2, (d.box.top + d.box.bottom) / 2
        assert left - side / 2 <= x <= left + 1.5 * side
        assert top - side / 2 <= y <= top + 1.5 * side
    assert found.detect(scene(*size)) == []


@pytest.mark.parametrize("data", [models.raw_yolo(), models.end_to_end(7), models.heat_map()])
@pytest.mark.parametrize("size", [(1, 1), (9, 512), (2_000, 3)])
def test_odd_shapes(data: bytes, size: tuple[int, int], tmp_path: Path) -> None:
    """A pixel, a line: boxes inside, and as red as it is found."""
    found = Onnx(saved(tmp_path, data), recall="max").detect(np.full((*size, 3), RED, np.uint8))

    assert all(0 <= d.box.left < d.box.right <= size[1] and 0 <= d.box.top < d.box.bottom <= size[0] for d in found)


def test_a_picture_that_would_take_too_many_views_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rather than searched less than was asked for; one px high, it still fills every view in width alone."""
    found = Onnx(saved(tmp_path, models.raw_yolo()), recall="max")
    monkeypatch.setattr(tiling, "MOST", 8_000_000)

    with pytest.raises(LimitExceeded, match="recall 'max'"):
        found.detect(np.zeros((1, 40_000, 3), np.uint8))


@pytest.mark.parametrize("data", [models.raw_yolo(), models.end_to_end(7), models.heat_map()])
def test_tiles_find_what_is_small(data: bytes, tmp_path: Path) -> None:
    """A square of 24 px in a picture of 3,000 x 2,400 is below a pixel at the network's own size."""
    where = (2_713, 1_999, 24)
    picture = scene(2400, 3000, (*where, RED))
    found = Onnx(saved(tmp_path, data), "thing", recall="max")

    assert covered(found.detect(picture), *where) > 0.5


def test_a_class_is_chosen_by_its_number(tmp_path: Path) -> None:
    """The others are left, and do not hide it."""
    picture = scene(256, 256, (32, 32, 64, RED), (160, 160, 64, GREEN))
    for data in (models.raw_yolo(), models.yolox(), models.end_to_end(6)):
        model_file._load.cache_clear()
        found = Onnx.from_argument(f"{saved(tmp_path, data)}:leaf=1").detect(picture)

        assert covered(found, 160, 160, 64) > 0.8
        assert covered(found, 32, 32, 64) == 0
        assert {d.label for d in found} == {"leaf"}


def test_names_of_classes_come_from_the_file(tmp_path: Path) -> None:
    """Where no label is given; a class that the model does not have is refused."""
    path = saved(tmp_path, models.raw_yolo(names="{0: 'poppy', 1: 'leaf'}"))

    assert {d.label for d in Onnx(path).detect(scene(256, 256, (32, 32, 64, RED), (160, 160, 64, GREEN)))} == {
        "poppy",
        "leaf",
    }
    with pytest.raises(InvalidPolicy, match="classes 0 to 1, got 7"):
        Onnx(path, classes=(1, 7))


@pytest.mark.parametrize(
    ("argument", "path", "label", "classes"),
    [
        ("plates.onnx", "plates.onnx", "", ()),
        ("a/b.onnx:plate", "a/b.onnx", "plate", ()),
        (r"C:\models\plates.onnx", r"C:\models\plates.onnx", "", ()),
        (r"C:\models\plates.onnx:plate", r"C:\models\plates.onnx", "plate", ()),
        ("coco.onnx:screen=62,63", "coco.onnx", "screen", (62, 63)),
        ("odd:name/x.onnx", "odd:name/x.onnx", "", ()),
    ],
)
def test_the_text_of_a_model(
    argument: str, path: str, label: str, classes: tuple[int, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """FILE, a label behind the last colon, classes behind an equals sign."""
    monkeypatch.setattr(Onnx, "__post_init__", lambda self: None)
    found = Onnx.from_argument(argument)

    assert (found.path, found.label, found.classes) == (path, label, classes)


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"not a model", "cannot load"),
        (models.classifier(), r"pictures.*1 x 3 x 64 x 64.*answering 1 x 2; understood are end-to-end YOLO.*heat map"),
        (models.classifier(6), "answering 1 x 6; understood"),
        (models.classifier(7), "answering 1 x 7; understood"),
        (models.reader(), "answering 40 x 6625; understood"),
        (models.end_to_end(7, shape=(4, 3, 64, 64)), "4 x 3 x 64 x 64.*understood is one input"),
        (models.raw_yolo(names="{0: 'a', 1: 'b', 2: 'c'}"), "understood are"),
    ],
)
def test_what_fits_no_form_is_a_setup_error(data: bytes, message: str, tmp_path: Path) -> None:
    """It says what the file has and what is understood, and not where the file lies."""
    with pytest.raises(SetupError, match=message) as caught:
        Onnx(saved(tmp_path, data))

    assert str(tmp_path) not in str(caught.value)


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    """A SetupError, whoever names it."""
    with pytest.raises(SetupError, match="cannot be read: No such file"):
        Onnx(str(tmp_path / "nothing.onnx"))
    with pytest.raises(InvalidPolicy, match="needs an argument"):
        build("onnx", Policy())


@pytest.mark.parametrize("fault", ["nan", "error"])
def test_a_model_that_fails_on_one_view_fails_the_picture(fault: str, tmp_path: Path) -> None:
    """The red square of another tile is not handed out as "all that was found"."""
    path = saved(tmp_path, models.heat_map(fault=fault, shape=(1, 3, 256, 256)))
    found = Onnx(path, "thing", recall="max")
    picture = scene(1000, 1000, (64, 64, 64, RED))
    assert covered(found.detect(picture), 64, 64, 64) > 0.2
    picture[900:916, 900:916] = GREEN  # less than half green at the first scale, where it is averaged away

    with pytest.raises(DetectionError):
        found.detect(picture)
    with pytest.raises(DetectionError):
        Scrubber(samples.saved(Image.fromarray(picture), "PNG"), Policy(models=(path,), recall="max")).process()


def test_many_more_than_can_be_are_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Not a list that is cut short."""
    from rmexif.detectors import onnx

    monkeypatch.setattr(onnx, "MAX_CANDIDATES", 10)
    with pytest.raises(DetectionError, match="more than 10"):
        Onnx(saved(tmp_path, models.end_to_end(7))).detect(scene(256, 256, (0, 0, 256, RED)))


def test_a_policy_with_models_covers_what_they_find(tmp_path: Path, astronaut: bytes) -> None:
    """Beside the faces; the report says what ran and on what, and no path."""
    picture = np.array(Image.open(io.BytesIO(astronaut)).convert("RGB"))
    picture[400:464, 30:94] = RED
    path = saved(tmp_path, models.raw_yolo())
    policy = Policy(models=(f"{path}:lamp=0",), stealth=False)

    clean, stats = Scrubber(samples.saved(Image.fromarray(picture), "PNG"), policy).process()

    assert {face["label"] for face in stats["faces"]} == {"face", "lamp"}
    assert stats["faces_detected"] == 1
    assert stats["search"]["models"] == [{"label": "lamp", "form": "raw YOLO", "providers": ["cpu"]}]
    assert str(tmp_path) not in json.dumps(stats)
    after = np.asarray(Image.open(io.BytesIO(clean)).convert("RGB")).astype(int)
    assert np.abs(after[410:454, 40:84] - RED).max(axis=2).min() > 20

    _, stats = Scrubber(samples.saved(Image.fromarray(picture), "PNG"), replace(policy, faces=False)).process()
    assert {face["label"] for face in stats["faces"]} == {"lamp"}


def test_one_thing_on_another_keeps_both() -> None:
    """A face and the body that it belongs to: neither takes the other's place."""
    face, body = Detection(Box(10, 10, 90, 90), 0.9), Detection(Box(0, 0, 100, 100), 0.8, "body")

    assert set(merge([face, body])) == {face, body}
    assert merge([face, replace(body, label="face")]) == [face]


def test_settings_travel_and_the_file_has_to_be_the_same(tmp_path: Path) -> None:
    """A worker that finds another file under the name refuses, and a fingerprint knows the file by its bytes."""
    path = saved(tmp_path, models.heat_map())
    found = Onnx(path, "thing")
    sent = pickle.dumps(found)
    assert pickle.loads(sent) == found
    assert len(sent) < 1000
    before = Policy(models=(f"{path}:thing",)).fingerprint()
    assert before != Policy(models=(f"{path}:other",)).fingerprint() != Policy().fingerprint()

    saved(tmp_path, models.heat_map(logits=True))
    model_file._load.cache_clear()

    with pytest.raises(SetupError, match="another one"):
        pickle.loads(sent).detect(scene(64, 64))
    assert Policy(models=(f"{path}:thing",)).fingerprint() != before


def test_providers(tmp_path: Path) -> None:
    """What the installation has, by the names of options; what it has not is a SetupError that says what there is."""
    path = saved(tmp_path, models.heat_map())
    here = {name for name, theirs in PROVIDERS.items() if theirs in onnxruntime.get_available_providers()}
    picture = scene(128, 128, (32, 32, 32, RED))

    assert set(Onnx(path).describe()["providers"]) <= here
    assert Onnx(path, providers=("cpu",)).detect(picture) == Onnx(path, providers=("cpu",)).detect(picture) != []
    assert build(f"onnx:{path}", Policy(providers="cpu")).providers == ("cpu",)
    for name in set(PROVIDERS) - here:
        with pytest.raises(SetupError, match=f"not {name}"):
            Onnx(path, providers=(name,))
    with pytest.raises(InvalidPolicy, match="providers must be one of auto, cuda"):
        Policy(providers=("abacus",))
    with pytest.raises(InvalidPolicy, match="at least one"):
        Policy(providers=())


@pytest.mark.filterwarnings("ignore:Specified provider")
def test_a_provider_that_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By name a SetupError, not a slower run without a word; "auto" goes on with the processor, and says so."""
    path = saved(tmp_path, models.heat_map())
    monkeypatch.setattr(model_file.onnxruntime, "get_available_providers", lambda: list(PROVIDERS.values()))
    missing = next(
        n for n, theirs in PROVIDERS.items() if theirs not in onnxruntime.capi._pybind_state.get_available_providers()
    )

    with pytest.raises(SetupError, match=f"{missing} could not be started"):
        Onnx(path, providers=(missing,))
    assert Onnx(path).describe()["providers"][-1] == "cpu"
    assert missing not in Onnx(path).describe()["providers"]


def test_the_policy_fills_what_the_argument_leaves(tmp_path: Path) -> None:
    """Recall and lowest score."""
    made = build(f"onnx:{saved(tmp_path, models.heat_map())}:thing", Policy(recall="max", min_confidence=0.4))

    assert (made.recall, made.min_confidence, made.label) == ("max", 0.4, "thing")
    assert isinstance(build("centerface", Policy()), CenterFace)
    assert "onnx" in DETECTORS

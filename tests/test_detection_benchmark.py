"""The measure of the detection benchmark: what it counts, beside another implementation where that is there."""

from __future__ import annotations

import json
import random
import sys

import numpy as np
import pytest
from benchmarks.detection import open_images
from benchmarks.detection.coverage import Tally, changed, painted

from tests import sets

FACE = {"x": 100, "y": 60, "w": 40, "h": 90}


def row(*faces: dict, ignore: tuple[dict, ...] = ()) -> dict:
    return {"file": "a.jpg", "width": 400, "height": 300, "faces": list(faces), "ignore": list(ignore)}


def test_a_face_is_covered_from_four_fifths_on() -> None:
    """And its level is that of its height."""
    tally = Tally()
    tally.add(row(FACE), painted((300, 400), [[100, 60, 40, 73]]))
    tally.add(row(FACE), painted((300, 400), [[100, 60, 40, 71]]))

    assert tally.recall("easy") == tally.recall() == 0.5
    assert np.isnan(tally.recall("hard"))


def test_what_is_stray_and_what_is_beside() -> None:
    """An area that touches a face is not stray, however far it reaches; one in an ignored place is not either."""
    tally = Tally()
    far, near = [300, 200, 40, 30], [90, 50, 120, 100]

    tally.add(row(FACE), painted((300, 400), [far, near]))
    tally.add(row(ignore=({"x": 290, "y": 190, "w": 60, "h": 50},)), painted((300, 400), [far]))
    tally.add(row(), painted((300, 400), []))
    tally.add(row(), painted((300, 400), [far]))

    assert tally.stray == 2
    assert (tally.free, tally.touched) == (2, 1)
    assert tally.beside[3] == pytest.approx(40 * 30 / (300 * 400))
    assert tally.beside[2] == 0


def test_pixels_that_change_count_and_the_lowest_bits_do_not() -> None:
    """A blurred place where one pixel keeps its value is covered in full."""
    before = np.full((60, 60, 3), 100, np.uint8)
    after = before.copy()
    after[10:30, 10:30] = 140
    after[20, 20] = 100
    after[40:50, 40:50] = 101

    mask = changed(before, after)

    assert mask[10:30, 10:30].all()
    assert not mask[38:, 38:].any()
    assert mask.sum() == 24 * 24


def test_ellipses_leave_the_corners() -> None:
    """As deface covers."""
    mask = painted((100, 100), [[10, 10, 80, 60, "ellipse"]])

    assert mask[40, 50]
    assert not mask[12, 12]
    assert mask.mean() == pytest.approx(np.pi / 4 * 0.48, rel=0.03)


def test_it_agrees_with_another_measure() -> None:
    """The shared set's own script, on the same regions."""
    folder = sets.require("faces")
    sys.path.insert(0, str(folder))
    import evaluate

    rng = random.Random(5)
    tally, regions = Tally(), {}
    rows = json.loads((folder / "annotations.json").read_text())
    for each in rows:
        boxes = [[f["x"], f["y"], f["w"] * rng.choice((0.5, 1.0, 1.3)), f["h"], 1.0] for f in each["faces"]]
        regions[each["file"]] = boxes
        tally.add(each, painted((each["height"], each["width"]), [box[:4] for box in boxes]))

    other = evaluate.evaluate(rows, regions)[0]["levels"]

    for name in ("easy", "medium", "hard"):
        assert tally.recall(name) == pytest.approx(other[name]["coverage_recall"], abs=0.03)


def test_the_free_set_is_made_of_what_its_lists_say() -> None:
    """Verified faces, verified absence, groups and drawings ignored; a picture to be rotated is left out."""
    labels = [
        {"ImageID": name, "LabelName": label, "Confidence": sure}
        for name, label, sure in (
            ("face", "/m/0dzct", "1"),
            ("turned", "/m/0dzct", "1"),
            ("free", "/m/0dzct", "0"),
            ("back", "/m/0dzct", "0"),
            ("back", "/m/01g317", "1"),
            ("other", "/m/0k4j", "1"),
        )
    ]
    pictures = [
        {"ImageID": n, "Rotation": "90.0" if n == "turned" else "0.0"} for n in ("face", "turned", "free", "back")
    ]
    box = {"XMin": "0.25", "XMax": "0.5", "YMin": "0.1", "YMax": "0.6", "IsGroupOf": "0", "IsDepiction": "0"}

    with_faces, free = open_images.choose(labels, pictures, 9, 9, random.Random(1))
    made = open_images.annotation("face", (200, 100), [box, box | {"IsGroupOf": "1"}, box | {"XMax": "0.26"}], {})

    assert (with_faces, free) == (["face"], ["free"])
    assert made["faces"] == [{"x": 50.0, "y": 10.0, "w": 50.0, "h": 50.0}]
    assert len(made["ignore"]) == 2

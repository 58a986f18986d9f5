"""Codes and text: found, covered by one colour, and never quoted."""

from __future__ import annotations

import io
import json
import sys

import cv2
import numpy as np
import pytest
import zxingcpp
from PIL import Image, ImageDraw, ImageFont

from rmexif import InvalidPolicy, MissingDependency, Policy, Scrubber
from rmexif.detectors import Codes, Documents, Text
from rmexif.detectors import text as text_module
from tests import samples

SECRET = "https://example.org/p/0012345678"


@pytest.fixture(scope="module")
def poster() -> np.ndarray:
    """A white sheet with a QR code at the right, a phone number and an address."""
    sheet = np.full((400, 900, 3), 255, np.uint8)
    cv2.putText(sheet, "Call +44 20 7946 0958", (20, 80), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3, cv2.LINE_AA)
    cv2.putText(sheet, "garden party", (20, 250), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (0, 0, 0), 3, cv2.LINE_AA)
    made = zxingcpp.create_barcode(SECRET, zxingcpp.BarcodeFormat.QRCode)
    code = np.array(zxingcpp.write_barcode_to_image(made, scale=4))
    code = cv2.resize(code, (200, 200), interpolation=cv2.INTER_NEAREST)
    sheet[180:380, 660:860] = code[:, :, None]
    return sheet


def as_png(pixels: np.ndarray) -> bytes:
    """A file of it."""
    return samples.saved(Image.fromarray(pixels), "PNG")


def shown(data: bytes) -> np.ndarray:
    """Its pixels."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_code_cannot_be_read_any_more(poster: np.ndarray, turns: int) -> None:
    """An independent reader finds it before and not after; the report does not quote it."""
    raw = as_png(np.ascontiguousarray(np.rot90(poster, turns)))
    assert [code.text for code in zxingcpp.read_barcodes(shown(raw))] == [SECRET]

    clean, stats = Scrubber(raw, Policy(detectors=("codes",))).process()

    assert zxingcpp.read_barcodes(shown(clean)) == []
    assert [face["label"] for face in stats["faces"]] == ["code"]
    assert stats["faces_detected"] == 0
    assert SECRET not in json.dumps(stats)


def test_codes_work_without_a_face_search(poster: np.ndarray) -> None:
    """``faces=False`` switches off faces, not codes."""
    clean, _ = Scrubber(as_png(poster), Policy(faces=False, detectors=("centerface", "codes"))).process()

    assert zxingcpp.read_barcodes(shown(clean)) == []


def test_text_is_covered_by_one_colour(poster: np.ndarray) -> None:
    """Every line, or only what matches."""
    every, some = Text().detect(poster), Text(("phone",)).detect(poster)

    assert any(d.box.left < 60 and d.box.top < 60 < d.box.bottom for d in every)
    assert any(d.box.top < 230 < d.box.bottom and d.box.left < 60 for d in every)
    assert len(some) == 1
    assert some[0].box.top < 60 < some[0].box.bottom

    clean, _ = Scrubber(as_png(poster), Policy(detectors=(Text(("phone",)),), stealth=False)).process()
    covered = shown(clean)[some[0].box.top : some[0].box.bottom, some[0].box.left : some[0].box.right]
    assert covered.std(axis=(0, 1)).max() < 3


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_what_identifies_is_found_whichever_side_is_up(turns: int) -> None:
    """A passport's zone, an IBAN, an address; not the line that says nothing."""
    sheet = Image.new("RGB", (1000, 520), "white")
    pen, font = ImageDraw.Draw(sheet), ImageFont.load_default(28)
    lines = [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "GB29 NWBK 6016 1331 9268 19",
        "anna@example.org",
        "garden party at noon",
    ]
    for number, line in enumerate(lines):
        pen.text((40, 60 + 90 * number), line, fill="black", font=font)
    turned = np.ascontiguousarray(np.rot90(np.asarray(sheet), turns))

    found = Documents().detect(turned)

    hit = np.zeros(turned.shape[:2], np.uint8)
    for box in (d.box for d in found):
        hit[box.top : box.bottom, box.left : box.right] = 1
    upright = np.rot90(hit, -turns)
    covered = [upright[70 + 90 * n : 90 + 90 * n, 60:200].mean() > 0.8 for n in range(len(lines))]
    assert covered == [True, True, True, True, False]
    assert {d.label for d in found} == {"text"}


def test_a_wrong_pattern_is_refused() -> None:
    """When the detector is made."""
    with pytest.raises(InvalidPolicy):
        Text(("(",))


@pytest.mark.parametrize(("name", "finder"), [("zxingcpp", Codes()), ("rapidocr", Text())])
def test_a_missing_part_names_its_extra(monkeypatch: pytest.MonkeyPatch, name: str, finder: Codes | Text) -> None:
    """With the command that brings it."""
    text_module._reader.cache_clear()
    monkeypatch.setitem(sys.modules, name, None)

    with pytest.raises(MissingDependency, match="pip install"):
        finder.detect(np.zeros((32, 32, 3), np.uint8))

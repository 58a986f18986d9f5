"""The page in a real Chromium: how it will look, frames of an animation, and what stays of the hidden data."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from urllib.parse import parse_qs, urlparse

import numpy as np
import pytest
from PIL import Image

from rmexif import verify
from tests.service.browsing import boxes, change, downloaded, give, ready, shot

pytestmark = pytest.mark.slow  # starts servers

LOOKED = "#stage.looked #looked:not([hidden])"


def shown(page, selector: str) -> bytes:
    """What an image of the page shows, as PNG, at its own size."""
    values = page.evaluate(
        """async (selector) => { const image = document.querySelector(selector), canvas = document.createElement("canvas");
        [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
        canvas.getContext("2d").drawImage(image, 0, 0);
        const blob = await new Promise((done) => canvas.toBlob(done, "image/png"));
        return [...new Uint8Array(await blob.arrayBuffer())]; }""",
        selector,
    )
    return bytes(values)


def loop(astronaut: bytes, offsets: tuple[int | None, ...]) -> bytes:
    """An animated WebP: the face moved to the right by so many px in each frame; None: no face."""
    photo, out = Image.open(io.BytesIO(astronaut)).convert("RGB").crop((100, 0, 400, 300)), io.BytesIO()
    frames = []
    for offset in offsets:
        frame = Image.new("RGB", (420, 300), (20, 90, 120))
        if offset is not None:
            frame.paste(photo, (offset, 0))
        frames.append(frame)
    frames[0].save(out, "WEBP", save_all=True, append_images=frames[1:], duration=90, quality=95)
    return out.getvalue()


def test_the_look_is_the_one_of_the_service(page, astronaut: bytes) -> None:
    """On demand the masks hold the real style, before anything is cleaned; it changes with the style and the marks."""
    give(page, astronaut)
    ready(page)
    face = boxes(page)[0]
    assert page.locator(LOOKED).count() == 0
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "covered=true" in request.url else None)
    page.click("#look")
    page.wait_for_selector(LOOKED)
    blurred = shown(page, "#looked")
    shot(page, "look-blur")
    assert change(astronaut, blurred, face) > 15
    assert change(astronaut, blurred, [0.05, 0.6, 0.3, 0.9]) < 5, "nothing else is covered"
    assert page.inner_text("#status") == "This is how it will look."

    page.click("#more summary")
    page.select_option("[name=style]", "solid")
    page.wait_for_selector(LOOKED)
    page.wait_for_function("document.querySelector('#status').textContent.includes('how it will look')")
    solid = shown(page, "#looked")
    shot(page, "look-solid")
    left, top, right, bottom = (round(512 * at) for at in face)
    centre = np.asarray(Image.open(io.BytesIO(solid)).convert("RGB"))[top + 20 : bottom - 20, left + 20 : right - 20]
    assert centre.std(axis=(0, 1)).max() < 6, "one colour"
    assert change(blurred, solid, face) > 5

    page.click(".box")
    assert page.locator(LOOKED).count() == 0, "an old look is never shown"
    page.wait_for_selector(LOOKED)
    assert change(astronaut, shown(page, "#looked"), face) < 5, "the face stays as it is"
    assert len(asked) == 3, "one question for one look"

    page.click(".box")
    page.uncheck("[name=stealth]")
    page.wait_for_selector(LOOKED)
    looked = shown(page, "#looked")
    page.click("#clean-all")
    clean = downloaded(page)
    assert change(looked, clean, face) < 3, "what was shown is what comes out"


def test_a_look_costs_one_question_however_much_is_changed(page, astronaut: bytes) -> None:
    """A burst of steps is one question; switched off there is none."""
    give(page, astronaut)
    ready(page)
    asked = []
    page.on("request", lambda request: asked.append(request.url) if "covered=true" in request.url else None)
    page.click("#look")
    page.wait_for_selector(LOOKED)
    page.focus(".box")
    for _ in range(12):
        page.keyboard.press("ArrowRight")
    page.wait_for_selector(LOOKED)
    page.wait_for_timeout(800)
    assert len(asked) <= 3
    page.click("#look")
    assert page.get_attribute("#look", "aria-pressed") == "false"
    assert page.locator(LOOKED).count() == 0
    before = len(asked)
    page.keyboard.press("Tab")
    page.click(".box")
    page.wait_for_timeout(800)
    assert len(asked) == before


def test_a_face_is_kept_in_its_own_frame_alone(page, astronaut: bytes) -> None:
    """Switched off in one frame it stays covered in the others, and there too while those beside it are covered."""
    data = loop(astronaut, (0, 4, 8, None, 0))
    give(page, data, name="loop.webp")
    ready(page)
    page.click("#frame-on")
    page.wait_for_function("document.querySelector('#frame').textContent.startsWith('Frame 2')")
    page.locator(".box").first.wait_for()
    page.click(".box")
    assert page.locator(".masks .beside").count() == 2, "as it is covered in the frames beside it"
    page.click("#look")
    page.wait_for_selector(LOOKED)
    face = boxes(page)[0]
    assert change(shown(page, "#before"), shown(page, "#looked"), face) > 15
    shot(page, "frame-kept")
    page.click("#frame-on")
    page.locator(".box[aria-pressed=true]").first.wait_for()
    with page.expect_request("**/v1/scrub**") as sent:
        page.click("#clean-all")
    kept = parse_qs(urlparse(sent.value.url).query)["keep_regions"]
    assert [text.rpartition("@")[2] for text in kept] == ["1"]
    after = Image.open(io.BytesIO(downloaded(page)))
    assert after.n_frames == 5


def test_a_face_is_followed_through_the_frames(page, astronaut: bytes) -> None:
    """One click keeps the same face in every frame that it can be followed to, and no other; one step back undoes it."""
    data = loop(astronaut, (0, 15, 30, 45, None, 100))
    give(page, data, name="loop.webp")
    ready(page)
    page.click("#more summary")
    page.uncheck("[name=stealth]")
    page.click(".box")
    page.click("#follow")
    assert page.inner_text("#status").startswith("The same in 4 of 6 frames")
    with page.expect_request("**/v1/scrub**") as sent:
        page.click("#clean-all")
    kept = parse_qs(urlparse(sent.value.url).query)["keep_regions"]
    assert sorted(text.rpartition("@")[2] for text in kept) == ["0", "1", "2", "3"]
    raw, after = Image.open(io.BytesIO(data)), Image.open(io.BytesIO(downloaded(page)))
    differences = []
    for number in range(6):
        raw.seek(number)
        after.seek(number)
        differences.append(np.abs(np.asarray(raw.convert("RGB"), int) - np.asarray(after.convert("RGB"), int)).mean())
    assert max(differences[:4]) < 3
    assert differences[5] > 4, "who comes later is covered"
    page.click("label:has([value=mark])")
    page.click("#undo")
    page.click("#undo")
    assert page.locator(".box[aria-pressed=false]").count() == 0
    assert page.is_disabled("#undo")


def test_what_stays_is_shown_before_and_after(page, astronaut: bytes) -> None:
    """Chosen groups and own texts: as they will stand in the copy, and as they stand in it; ExifTool reads the same."""
    give(page, astronaut)
    ready(page)
    assert page.is_hidden("#stays")
    page.click("#credit summary")
    page.check("[name=keep-copyright]")
    page.select_option("[name=keep-date]", "year")
    page.fill("[name=set-credit-line]", "Doe/Agency")
    page.keyboard.press("Tab")
    page.locator("#stays dd", has_text="Doe/Agency").wait_for()
    before = page.locator("#stays dd").all_inner_texts()
    assert page.inner_text("#stays strong") == "Will stay in the copy"
    assert {"A. Photographer", "2026", "Doe/Agency"} <= set(before)
    shot(page, "credit-before")
    page.click("#clean-all")
    page.locator("#stays strong", has_text="Stands in the cleaned copy").wait_for()
    assert page.locator("#stays dd").all_inner_texts() == before
    assert "stay" in page.inner_text("#outcome")
    assert page.inner_text("#reveals strong") == "Removed, except for what stands above"
    shot(page, "credit-after")
    clean = downloaded(page)
    assert verify(clean, keep=("copyright", "date=year")) == []
    if shutil.which("exiftool"):
        said = subprocess.run(["exiftool", "-j", "-"], input=clean, capture_output=True, check=True).stdout
        tags = json.loads(said)[0]
        assert (tags["Creator"], tags["Credit"], tags["DateCreated"]) == ("A. Photographer", "Doe/Agency", 2026)
        assert "GPSLatitude" not in tags


def test_a_text_that_may_not_be_written_says_why(page, astronaut: bytes) -> None:
    """An e-mail is no credit: the field says so, and the copy is cleaned without it."""
    give(page, astronaut)
    ready(page)
    page.click("#credit summary")
    page.fill("[name=set-creator]", "jane@example.org")
    page.keyboard.press("Tab")
    page.locator("#note-creator", has_text="e-mail").wait_for()
    assert page.get_attribute("[name=set-creator]", "aria-invalid") == "true"
    with page.expect_request("**/v1/scrub**") as sent:
        page.click("#clean-all")
    assert "set=" not in sent.value.url
    assert verify(downloaded(page), canonical=True) == []
    assert "jane" not in page.evaluate("JSON.stringify(localStorage)")


def test_credit_stays_without_touching_a_pixel(page, astronaut: bytes) -> None:
    """In the mode of hidden data alone, too."""
    give(page, astronaut)
    ready(page)
    page.check("[name=mode][value=metadata]")
    page.click("#credit summary")
    page.check("[name=keep-camera]")
    page.locator("#stays dd", has_text="Example Camera").wait_for()
    page.click("#clean-all")
    clean = downloaded(page)
    assert verify(clean, keep="camera") == []
    assert Image.open(io.BytesIO(clean)).getexif()[272] == "EX-1"
    assert Image.open(io.BytesIO(clean)).tobytes() == Image.open(io.BytesIO(astronaut)).tobytes()

"""The page in a real Chromium, one picture: drop, look, switch a face off, add a place, clean, download, verify."""

from __future__ import annotations

import io
import json
import shutil
import subprocess
from pathlib import Path

import pytest
from PIL import Image

from rmexif import verify
from tests.service.browsing import boxes, change, downloaded, give, ready, shot
from tests.service.serving import service

pytestmark = pytest.mark.slow  # starts servers


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_person_cleans_a_picture(
    visit, served: str, astronaut: bytes, tmp_path: Path, scheme: str, width: int
) -> None:
    """Findings are shown, one face is switched off, one place added; the download is clean, nothing foreign was asked."""
    page, asked = visit(color_scheme=scheme, viewport={"width": width, "height": 900}), []
    page.on("request", lambda request: asked.append(request.url))
    page.reload()
    shot(page, f"empty-{scheme}")

    give(page, astronaut)
    ready(page)
    shown = page.inner_text("#reveals")
    assert "28.572900, -80.649000" in shown
    assert "A. Photographer" in shown
    assert "APP1" not in shown, "structure names are details"
    assert page.get_attribute(".map svg", "aria-label") == "World map with a dot at 28.5729° N, 80.649° W"
    shot(page, f"found-{scheme}")

    face = boxes(page)[0]
    page.click(".box >> nth=0")
    assert page.get_attribute(".box >> nth=0", "aria-pressed") == "false"
    page.click("#add")
    page.keyboard.press("ArrowRight")
    added = boxes(page)[-1]
    with page.expect_request("**/v1/scrub**") as sent:
        page.click("#clean-all")
    assert "regions=" in sent.value.url
    page.wait_for_selector("#save-all:not([hidden])")
    shot(page, f"cleaned-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as coming:
        page.click("#save-all")
    data = Path(coming.value.path()).read_bytes()

    assert coming.value.suggested_filename == "image.jpg"
    assert verify(data, canonical=True) == []
    assert change(astronaut, data, face) < 8, "the face that was switched off stays as it is"
    assert change(astronaut, data, added) > 20, "the place that was added is covered"
    if shutil.which("exiftool"):
        (tmp_path / "x.jpg").write_bytes(data)
        said = json.loads(subprocess.check_output(["exiftool", "-j", "-G", str(tmp_path / "x.jpg")]))[0]
        assert {key.split(":")[0] for key in said if ":" in key} <= {"File", "ExifTool", "Composite", "JFIF"}
    assert all(url.startswith((served, "blob:")) for url in asked)


def test_boxes_by_keyboard(page, astronaut: bytes) -> None:
    """Tab reaches a box; Space, arrows, Shift with arrows and Delete do what a mouse does; each is said aloud."""
    give(page, astronaut)
    ready(page)
    page.focus(".box")
    face = boxes(page)[0]

    page.keyboard.press("Space")
    assert page.get_attribute(".box", "aria-pressed") == "false"
    assert "stays visible" in page.inner_text("#status")
    page.keyboard.press("Space")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+ArrowDown")
    moved = boxes(page)[0]
    assert moved[0] < face[0]
    assert moved[3] - moved[1] > face[3] - face[1]
    page.locator("#status", has_text=" px, at ").wait_for()

    page.focus("#add")
    page.keyboard.press("Enter")
    assert page.locator(".box").count() == 2
    page.keyboard.press("Delete")
    assert page.locator(".box").count() == 1
    assert page.evaluate("document.activeElement.id") == "add"

    page.click("#clean-all")
    assert change(astronaut, downloaded(page), moved) > 20, "the face moved: it is covered where the box is now"


def test_every_step_is_undone_and_done_again(page, astronaut: bytes) -> None:
    """By the buttons and by Ctrl+Z; a run of keys is one step."""
    give(page, astronaut)
    ready(page)
    start = boxes(page)
    page.focus(".box")
    for _ in range(3):
        page.keyboard.press("ArrowLeft")
    page.locator("#status", has_text=" px, at ").wait_for()
    page.keyboard.press("Space")
    moved = boxes(page)
    page.keyboard.press("Control+z")
    assert page.get_attribute(".box", "aria-pressed") == "true"
    assert boxes(page) == moved
    page.click("#undo")
    assert boxes(page) == start
    assert page.is_disabled("#undo")
    page.click("#redo")
    page.keyboard.press("Control+Shift+z")
    assert boxes(page) == moved
    assert page.get_attribute(".box", "aria-pressed") == "false"


def test_boxes_by_mouse(page, astronaut: bytes) -> None:
    """Boxes are dragged, sized by a corner and drawn; the result is covered there."""
    give(page, astronaut)
    ready(page)
    page.locator("#room").scroll_into_view_if_needed()

    def pull(start: tuple[float, float], end: tuple[float, float]) -> None:
        """From one place of the picture to another, in parts of it."""
        frame = page.locator("#stage").bounding_box()
        places = [(frame["x"] + x * frame["width"], frame["y"] + y * frame["height"]) for x, y in (start, end)]
        page.mouse.move(*places[0])
        page.mouse.down()
        page.mouse.move(*places[1], steps=6)
        page.mouse.up()

    left, top, right, bottom = boxes(page)[0]
    pull(((left + right) / 2, (top + bottom) / 2), ((left + right) / 2, (top + bottom) / 2 + 0.1))
    assert boxes(page)[0] == pytest.approx([left, top + 0.1, right, bottom + 0.1], abs=0.01)
    assert page.get_attribute(".box", "aria-pressed") == "true", "a drag is no click"
    pull((right, bottom + 0.1), (right + 0.05, bottom + 0.15))
    assert boxes(page)[0] == pytest.approx([left, top + 0.1, right + 0.05, bottom + 0.15], abs=0.02)

    pull((0.05, 0.7), (0.25, 0.9))
    drawn = boxes(page)[-1]
    assert drawn == pytest.approx([0.05, 0.7, 0.25, 0.9], abs=0.02)
    page.click("#clean-all")
    assert change(astronaut, downloaded(page), drawn) > 12

    page.click("label:has([value=mark])")
    page.locator(".box").last.locator("s").click()
    assert page.locator(".box").count() == 1
    page.wait_for_selector("#save-all[hidden]", state="attached")  # what was cleaned is no longer what the boxes say


def test_what_is_shaded_is_what_is_covered(page, astronaut: bytes) -> None:
    """The outline of a drawn place is the one of the service: everything in it changes, and nothing well outside."""
    give(page, astronaut)
    ready(page)
    page.click("#keep-all")
    page.click("#more summary")
    page.select_option("[name=style]", "solid")
    page.uncheck("[name=stealth]")
    page.click("#add")
    page.wait_for_selector('.masks .on[d*="L"]', state="attached")  # the service has answered: no box any more
    area = page.evaluate(
        "(({x, y, width, height}) => [x, y, x + width, y + height])(document.querySelector('.masks .on').getBBox())"
    )
    page.click("#clean-all")
    after = Image.open(io.BytesIO(downloaded(page))).convert("RGB")
    before = Image.open(io.BytesIO(astronaut)).convert("RGB")
    left, top, right, bottom = area
    middle, centre = (left + right) / 2, (top + bottom) / 2
    inside = [(middle, centre), (left + 3, centre), (right - 3, centre), (middle, top + 3), (middle, bottom - 3)]
    for x, y in inside:  # one colour to the edge of what was shaded
        assert after.getpixel((round(x), round(y))) == pytest.approx(
            after.getpixel((round(middle), round(centre))), abs=30
        )
    reach = 0.3 * (right - left)
    for x, y in ((left - reach, centre), (right + reach, centre), (middle, bottom + reach)):
        assert after.getpixel((round(x), round(y))) == pytest.approx(before.getpixel((round(x), round(y))), abs=12)


def test_only_metadata_leaves_the_pixels_alone(page, astronaut: bytes) -> None:
    """The mode strips without encoding anew: every pixel is the one that came in."""
    give(page, astronaut)
    ready(page)
    page.check("[name=mode][value=metadata]")
    with page.expect_request("**/v1/strip**"):
        page.click("#clean-all")
    data = downloaded(page)
    assert verify(data, canonical=True) == []
    assert Image.open(io.BytesIO(data)).tobytes() == Image.open(io.BytesIO(astronaut)).tobytes()
    page.reload()
    assert page.is_checked("[name=mode][value=metadata]"), "kept for the next visit"


def test_only_marked_places_are_covered(page, astronaut: bytes) -> None:
    """The mode searches for no face; what is drawn is covered."""
    give(page, astronaut)
    ready(page)
    face = boxes(page)[0]
    page.check("[name=mode][value=places]")
    assert page.locator(".box").count() == 0
    page.click("#add")
    with page.expect_request("**/v1/scrub**") as sent:
        page.click("#clean-all")
    assert "faces=false" in sent.value.url
    data = downloaded(page)
    assert change(astronaut, data, face) < 8
    assert change(astronaut, data, [0.4, 0.4, 0.6, 0.6]) > 20


def test_leaving_with_unsaved_work_asks(page, astronaut: bytes) -> None:
    """Not once it is taken home."""
    asked = []
    page.on("dialog", lambda dialog: (asked.append(dialog.type), dialog.accept()))
    give(page, astronaut)
    ready(page)
    page.click("#add")
    page.reload()
    assert asked == ["beforeunload"]
    give(page, astronaut)
    ready(page)
    page.click("#clean-all")
    downloaded(page)
    page.reload()
    assert asked == ["beforeunload"]


def test_nothing_but_chosen_settings_stays(page, astronaut: bytes) -> None:
    """No cookie, no database, no cache; in storage only what was chosen in the form."""
    held = """async () => [
        document.cookie, JSON.stringify(localStorage), sessionStorage.length, (await indexedDB.databases()).length,
        (await caches?.keys?.() ?? []).length, (await navigator.serviceWorker?.getRegistrations?.() ?? []).length]"""
    give(page, astronaut)
    ready(page)
    page.click("#clean-all")
    downloaded(page)
    assert page.evaluate(held) == ["", "{}", 0, 0, 0, 0]
    page.click("#more summary")
    page.select_option("[name=style]", "solid")
    assert page.evaluate(held) == ["", json.dumps({"rmexif": '{"style":"solid"}'}, separators=(",", ":")), 0, 0, 0, 0]


def test_a_token_is_asked_for(browser, astronaut: bytes) -> None:
    """A service behind a token says so; a wrong one is asked for again, the right one opens, also in the address."""
    secret = "open-sesame-0123456789"
    with service(tokens=secret) as (address, _):
        page = browser.new_page()
        page.goto(address)
        give(page, astronaut)
        page.wait_for_selector("#door:not([hidden])")
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#door:not([hidden])")
        page.fill("#token", secret)
        page.keyboard.press("Enter")
        page.wait_for_selector(".box")
        page.close()
        page = browser.new_page()
        page.goto(f"{address}/#token={secret}")
        give(page, astronaut)
        page.wait_for_selector(".box")
        assert secret not in page.url
        page.close()


def test_a_service_that_is_gone(browser, astronaut: bytes) -> None:
    """The page says so in plain words, and tries again when asked."""
    with service() as (address, process):
        page = browser.new_context(locale="en-US").new_page()
        page.goto(address)
        process.terminate()
        process.wait(20)
        give(page, astronaut)
        page.wait_for_selector("#refusal:not([hidden])")
        assert "did not answer" in page.inner_text("#refusal")
        assert page.is_visible("#refusal button")
        page.close()

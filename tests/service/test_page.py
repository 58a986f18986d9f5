"""The page in a real Chromium: drop, look, switch a face off, add a place, clean, download, verify.

With RMEXIF_TEST_SHOTS=FOLDER every state is kept as a picture, for a person to look at.
"""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rmexif import inspect, verify
from tests.service.serving import service

pytestmark = pytest.mark.slow  # starts servers

FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
SHOTS = os.environ.get("RMEXIF_TEST_SHOTS")  # a folder: keep the screenshots for a person


@pytest.fixture(scope="module")
def browser():
    """Chromium, if this system has one."""
    program = shutil.which("chromium") or shutil.which("google-chrome")
    if program is None:
        pytest.skip("no Chromium is installed")
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    with api.sync_playwright() as play:
        found = play.chromium.launch(executable_path=program, args=FLAGS)
        yield found
        found.close()


@pytest.fixture(scope="module")
def base():
    with service(workers=2) as (address, _):
        yield address


@pytest.fixture
def page(browser, base: str):
    """The page, and what it said to nobody: it must be nothing."""
    context = browser.new_context(viewport={"width": 1280, "height": 900}, accept_downloads=True)
    opened = context.new_page()
    complaints = []
    opened.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    opened.on("pageerror", lambda error: complaints.append(str(error)))
    opened.goto(base)
    yield opened
    assert [text for text in complaints if "Failed to load resource" not in text] == []
    context.close()


def give(page, *files: bytes, name: str = "holiday.jpg") -> None:
    """Choose files."""
    page.set_input_files("#files", [{"name": name, "mimeType": "image/jpeg", "buffer": data} for data in files])


def boxes(page) -> list[list[float]]:
    """Left, top, right, bottom of each box, in parts of the picture."""
    return page.evaluate("""[...document.querySelectorAll(".box")].map((box) => {
        const whole = box.parentNode.getBoundingClientRect(), at = box.getBoundingClientRect();
        return [(at.left - whole.left) / whole.width, (at.top - whole.top) / whole.height,
                (at.right - whole.left) / whole.width, (at.bottom - whole.top) / whole.height];
    })""")


def downloaded(page) -> bytes:
    """What the person takes home."""
    page.wait_for_selector("#save-all:not([hidden])", timeout=60_000)
    with page.expect_download() as coming:
        page.click("#save-all")
    return Path(coming.value.path()).read_bytes()


def change(before: bytes, after: bytes, box: list[float]) -> float:
    """How much the middle of a box differs between two pictures, mean of 0-255; coarse, as stealth moves a pixel."""
    first, second = (Image.open(io.BytesIO(data)).convert("RGB").resize((128, 128)) for data in (before, after))
    left, top, right, bottom = box
    inner = [
        left * 0.75 + right * 0.25,
        top * 0.75 + bottom * 0.25,
        left * 0.25 + right * 0.75,
        top * 0.25 + bottom * 0.75,
    ]
    area = [round(at * first.size[i % 2]) for i, at in enumerate(inner)]
    pair = [np.asarray(picture.crop(area), np.int16) for picture in (first, second)]
    return float(np.abs(pair[0] - pair[1]).mean())


def shot(page, name: str) -> None:
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


@pytest.mark.parametrize(("scheme", "width"), [("light", 1280), ("dark", 390)])
def test_a_person_cleans_a_picture(
    browser, base: str, astronaut: bytes, tmp_path: Path, scheme: str, width: int
) -> None:
    """Findings are shown, one face is switched off, one place added; the download is clean, nothing foreign was asked."""
    context = browser.new_context(color_scheme=scheme, viewport={"width": width, "height": 900}, accept_downloads=True)
    page = context.new_page()
    asked, complaints = [], []
    page.on("request", lambda request: asked.append(request.url))
    page.on("console", lambda message: complaints.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.goto(base)
    shot(page, f"empty-{scheme}")

    page.set_input_files("#files", {"name": "holiday.jpg", "mimeType": "image/jpeg", "buffer": astronaut})
    page.wait_for_selector(".box")
    shown = page.inner_text(".reveals")
    assert "28.572900, -80.649000" in shown
    assert "A. Photographer" in shown
    assert page.get_attribute(".map svg", "aria-label") == "World map with a dot at 28.5729° N, 80.6490° W"
    shot(page, f"found-{scheme}")

    face = boxes(page)[0]
    page.click(".box >> nth=0")
    assert page.get_attribute(".box >> nth=0", "aria-pressed") == "false"
    page.click(".add")
    page.keyboard.press("ArrowRight")
    added = boxes(page)[-1]
    with page.expect_request("**/v1/scrub**") as sent:
        page.click("#clean-all")
    assert "keep_regions=" in sent.value.url
    assert "regions=" in sent.value.url
    page.wait_for_selector("#save-all:not([hidden])")
    shot(page, f"cleaned-{scheme}")
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    with page.expect_download() as coming:
        page.click("#save-all")
    data = Path(coming.value.path()).read_bytes()

    assert coming.value.suggested_filename == "image.jpg"
    assert verify(data) == []
    assert change(astronaut, data, face) < 8, "the face that was switched off stays as it is"
    assert change(astronaut, data, added) > 20, "the place that was added is covered"
    if shutil.which("exiftool"):
        (tmp_path / "x.jpg").write_bytes(data)
        said = json.loads(subprocess.check_output(["exiftool", "-j", "-G", str(tmp_path / "x.jpg")]))[0]
        assert {key.split(":")[0] for key in said if ":" in key} <= {"File", "ExifTool", "Composite", "JFIF"}
    assert complaints == []
    assert all(url.startswith((base, "blob:")) for url in asked)
    context.close()


def test_many_pictures_come_as_one_zip(browser, base: str, astronaut: bytes) -> None:
    """The zip is whole, holds neutral names and no dates, and every picture in it is clean; a refused one is said so."""
    page = browser.new_page()
    page.goto(base)
    files = [{"name": f"{i}.jpg", "mimeType": "image/jpeg", "buffer": astronaut} for i in range(2)]
    page.set_input_files("#files", [*files, {"name": "x.jpg", "mimeType": "image/jpeg", "buffer": astronaut[:500]}])
    page.locator(".box").nth(1).wait_for()
    page.locator(".refusal:not([hidden])").wait_for()
    page.click("#clean-all")
    page.locator(".save:not([hidden])").nth(1).wait_for(timeout=60_000)
    with page.expect_download() as coming:
        page.click("#save-all")
    archive = zipfile.ZipFile(io.BytesIO(Path(coming.value.path()).read_bytes()))

    assert archive.testzip() is None
    assert archive.namelist() == ["image-001.jpg", "image-002.jpg"]
    assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert all(not inspect(archive.read(name)).findings for name in archive.namelist())
    page.close()


def test_boxes_by_keyboard(page, astronaut: bytes) -> None:
    """Tab reaches a box; Space, arrows, Shift with arrows and Delete do what a mouse does; each is said aloud."""
    give(page, astronaut)
    page.wait_for_selector(".add:not([disabled])")
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

    page.focus(".add")
    page.keyboard.press("Enter")
    assert page.locator(".box").count() == 2
    page.keyboard.press("Delete")
    assert page.locator(".box").count() == 1
    assert page.evaluate("document.activeElement.className") == "add"

    with page.expect_request("**/v1/scrub**") as sent:
        page.click("#clean-all")
    assert "keep_regions=" in sent.value.url, "the face moved: it is covered where the box is now, and nowhere else"
    assert change(astronaut, downloaded(page), moved) > 20


def test_boxes_by_mouse(page, astronaut: bytes) -> None:
    """Boxes are dragged, sized by a corner and drawn; the result is covered there."""
    give(page, astronaut)
    page.wait_for_selector(".add:not([disabled])")
    page.locator(".pair .stage").first.scroll_into_view_if_needed()

    def pull(start: tuple[float, float], end: tuple[float, float]) -> None:
        """From one place of the picture to another, in parts of it."""
        frame = page.locator(".pair .stage").first.bounding_box()
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

    page.locator(".box").last.locator("s").click()
    assert page.locator(".box").count() == 1
    assert page.is_hidden("#save-all"), "what was cleaned is no longer what the boxes say"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_for_axe_to_find(browser, base: str, astronaut: bytes, scheme: str) -> None:
    """axe-core (WCAG 2.2 A and AA: names, roles, contrast, targets) in every state of the page, wide and narrow."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed").Axe()
    context = browser.new_context(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    page = context.new_page()
    page.goto(base)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

    def found() -> list[tuple[str, list[str]]]:
        rows = []
        for width in (1280, 390):
            page.set_viewport_size({"width": width, "height": 900})
            violations = axe.run(page, options=rules).response["violations"]
            rows += [(row["id"], [node["html"][:120] for node in row["nodes"]]) for row in violations]
        return rows

    assert found() == []
    give(page, astronaut, astronaut[:500])
    page.wait_for_selector(".add:not([disabled])")
    page.wait_for_selector(".refusal:not([hidden])")
    page.click(".add >> nth=0")
    page.click(".box >> nth=0")
    shot(page, f"refused-{scheme}")
    assert found() == []
    page.click("#clean-all")
    page.wait_for_selector("#save-all:not([hidden])", timeout=60_000)
    assert found() == []
    context.close()


def test_nothing_stays_in_the_browser(page, astronaut: bytes) -> None:
    """No cookie, no storage, no database, no cache: nothing to find on the laptop afterwards."""
    give(page, astronaut)
    page.wait_for_selector(".add:not([disabled])")
    page.click("#clean-all")
    downloaded(page)

    kept = page.evaluate("""async () => [
        document.cookie, localStorage.length, sessionStorage.length, (await indexedDB.databases()).length,
        (await caches?.keys?.() ?? []).length, (await navigator.serviceWorker?.getRegistrations?.() ?? []).length]""")
    assert kept == ["", 0, 0, 0, 0, 0]


def test_formats_that_the_browser_cannot_show(page, astronaut: bytes) -> None:
    """The service draws them; what is downloaded keeps its format."""
    image, out = Image.open(io.BytesIO(astronaut)), io.BytesIO()
    image.save(out, "TIFF", exif=image.getexif())
    give(page, out.getvalue(), name="scan.tif")
    page.wait_for_selector(".add:not([disabled])")
    assert page.evaluate("document.querySelector('.pair img').naturalWidth") > 100
    page.click("#clean-all")
    data = downloaded(page)

    assert Image.open(io.BytesIO(data)).format == "TIFF"
    assert verify(data) == []


def test_a_token_is_asked_for(browser, astronaut: bytes) -> None:
    """A service behind a token says so; a wrong one is asked for again, the right one opens."""
    with service(tokens="open-sesame-0123456789") as (address, _):
        page = browser.new_page()
        page.goto(address)
        give(page, astronaut)
        page.wait_for_selector("#door:not([hidden])")
        page.fill("#token", "wrong")
        page.keyboard.press("Enter")
        page.wait_for_selector("#door:not([hidden])")
        page.fill("#token", "open-sesame-0123456789")
        page.keyboard.press("Enter")
        page.wait_for_selector(".box")
        assert page.locator("article").count() == 1
        page.close()


def test_a_service_that_is_gone(browser, astronaut: bytes) -> None:
    """The page says so in plain words, and tries again when asked."""
    with service() as (address, process):
        page = browser.new_page()
        page.goto(address)
        process.terminate()
        process.wait(20)
        give(page, astronaut)
        page.wait_for_selector(".refusal:not([hidden])")
        assert "did not answer" in page.inner_text(".refusal")
        assert page.is_visible(".refusal button")
        page.close()

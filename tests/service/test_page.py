"""The page in a real Chromium: drop, look, switch a face off, add a place, clean, download, verify."""

from __future__ import annotations

import io
import json
import os
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest

from rmexif import inspect, verify
from tests.service.serving import service

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
    shot(page, f"found-{scheme}")

    page.click(".box >> nth=0")
    assert page.get_attribute(".box >> nth=0", "aria-pressed") == "false"
    page.click(".add")
    page.keyboard.press("ArrowRight")
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

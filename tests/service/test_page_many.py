"""The page in a real Chromium with many pictures, many formats, other languages and fingers."""

from __future__ import annotations

import io
import shutil
import subprocess
import zipfile
from pathlib import Path

import pytest
from PIL import Image

from rmexif import inspect, verify
from tests import sets
from tests.service.browsing import boxes, downloaded, give, looked, main_thread, ready, shot

pytestmark = pytest.mark.slow  # starts servers

PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}


def encoded(astronaut: bytes, form: str, **options: object) -> bytes:
    """The photograph in another format, with its metadata."""
    image, out = Image.open(io.BytesIO(astronaut)), io.BytesIO()
    image.save(out, form, exif=image.getexif(), **options)
    return out.getvalue()


def touch(session, kind: str, *points: tuple[float, float]) -> None:
    """One event of so many fingers."""
    session.send("Input.dispatchTouchEvent", {"type": kind, "touchPoints": [{"x": x, "y": y} for x, y in points]})


def test_many_pictures_come_as_one_zip(page, astronaut: bytes, tmp_path: Path) -> None:
    """The zip is complete, holds neutral names and no dates, and every picture in it is clean; a refused one is first."""
    give(page, astronaut, astronaut, astronaut[:500])
    looked(page, 3)
    first = page.locator("#tiles li").first
    assert first.get_attribute("data-state") == "refused"
    assert "save it anew" in first.inner_text()
    shot(page, "grid")
    page.click("#clean-all")
    page.locator("[data-state=cleaned]").nth(1).wait_for(timeout=60_000)
    archive = zipfile.ZipFile(io.BytesIO(downloaded(page)))

    assert archive.testzip() is None
    assert archive.namelist() == ["image-001.jpg", "image-002.jpg"]
    assert {item.date_time for item in archive.infolist()} == {(1980, 1, 1, 0, 0, 0)}
    assert all(not inspect(archive.read(name)).findings for name in archive.namelist())
    if shutil.which("exiftool"):
        archive.extractall(tmp_path)
        said = subprocess.check_output(["exiftool", "-EXIF:all", "-XMP:all", "-IPTC:all", "-s", str(tmp_path)])
        assert b"GPS" not in said
        assert b"Artist" not in said


def test_names_are_kept_where_chosen(page, astronaut: bytes) -> None:
    """With a suffix, never two alike, and with a table of old names only where asked for."""
    give(page, astronaut, astronaut)
    looked(page, 2)
    page.set_input_files("#files", [{"name": "0-holiday.png", "mimeType": "image/png", "buffer": astronaut}])
    looked(page, 3)
    page.click("#more summary")
    page.select_option("[name=names]", "suffix")
    page.check("[name=table]")
    page.click("#clean-all")
    page.locator("[data-state=cleaned]").nth(2).wait_for(timeout=60_000)
    archive = zipfile.ZipFile(io.BytesIO(downloaded(page)))
    expected = ["0-holiday-clean.jpg", "1-holiday-clean.jpg", "0-holiday-clean-2.jpg", "names.csv"]
    assert archive.namelist() == expected
    assert archive.read("names.csv").decode().splitlines()[2] == '"0-holiday-clean-2.jpg","0-holiday.png"'


def test_a_folder_one_click_keeps_all_faces(page, astronaut: bytes, tmp_path: Path) -> None:
    """Five formats out of a folder; the faces of all are kept by one click, and those of the next drop too."""
    folder = tmp_path / "day"
    (folder / "inner").mkdir(parents=True)
    (folder / "a.jpg").write_bytes(astronaut)
    for place, form in (("b.png", "PNG"), ("c.webp", "WEBP"), ("inner/d.tif", "TIFF"), ("inner/e.avif", "AVIF")):
        (folder / place).write_bytes(encoded(astronaut, form))
    (folder / ".hidden").write_bytes(b"no picture")
    page.set_input_files("#folder", str(folder))
    looked(page, 5)
    page.click("#all-keep")
    page.locator(".tile").first.click()
    ready(page)
    assert page.get_attribute(".box", "aria-pressed") == "false"
    page.keyboard.press("Alt+n")
    ready(page)
    assert page.get_attribute(".box", "aria-pressed") == "false"
    page.keyboard.press("Escape")
    give(page, astronaut)
    looked(page, 6)
    page.locator(".tile").last.click()
    ready(page)
    assert page.get_attribute(".box", "aria-pressed") == "false", "kept for the next drop"
    page.keyboard.press("Escape")
    page.click("#clean-all")
    page.locator("[data-state=cleaned]").nth(5).wait_for(timeout=60_000)
    archive = zipfile.ZipFile(io.BytesIO(downloaded(page)))
    assert len(archive.namelist()) == 6
    assert all(verify(archive.read(name), canonical=True) == [] for name in archive.namelist())


def test_a_folder_is_dropped(page, astronaut: bytes, tmp_path: Path) -> None:
    """By the browser's own drag and drop: all below it comes in, but what is hidden."""
    folder = tmp_path / "day"
    (folder / "inner").mkdir(parents=True)
    for place in ("a.jpg", "inner/b.jpg", ".hidden.jpg", "Thumbs.db"):
        (folder / place).write_bytes(astronaut)
    drag = page.context.new_cdp_session(page)
    for kind in ("dragEnter", "dragOver", "drop"):
        if kind == "drop":
            page.wait_for_selector("#drop.over")
        data = {"items": [], "files": [str(folder), str(folder / "a.jpg")], "dragOperationsMask": 1}
        drag.send("Input.dispatchDragEvent", {"type": kind, "x": 400, "y": 400, "data": data})
    looked(page, 3)
    assert page.locator(".name").all_inner_texts() == ["a.jpg", "b.jpg", "a.jpg"]
    assert page.locator("#drop.over").count() == 0


def test_the_grid_is_walked_by_keys(page, astronaut: bytes) -> None:
    """Arrows, Home and End move; Enter opens; Escape leads back to the same tile; Alt+R finds the refused one."""
    give(page, astronaut, astronaut, astronaut[:500], astronaut)
    looked(page, 4)
    focused = "document.activeElement.querySelector('.name')?.textContent"
    page.locator(".tile").first.focus()
    page.keyboard.press("End")
    assert page.evaluate(focused) == "3-holiday.jpg"
    page.keyboard.press("ArrowLeft")
    assert page.evaluate(focused) == "1-holiday.jpg"
    page.keyboard.press("Enter")
    ready(page)
    assert page.inner_text("#name") == "1-holiday.jpg"
    page.keyboard.press("Alt+r")
    page.wait_for_selector("#refusal:not([hidden])")
    assert page.inner_text("#name") == "2-holiday.jpg"
    page.keyboard.press("Escape")
    assert page.evaluate(focused) == "2-holiday.jpg"


def test_a_finger_draws_scrolls_and_pinches(visit, astronaut: bytes) -> None:
    """On a phone a finger draws once drawing is on; two fingers zoom; a step back takes the place away."""
    page = visit(**PHONE)
    give(page, astronaut)
    ready(page)
    before = len(boxes(page))
    page.tap("#draw")
    page.locator("#stage").scroll_into_view_if_needed()
    page.evaluate("document.querySelector('#stage').scrollIntoView({ block: 'start' })")
    area = page.locator("#stage").bounding_box()
    at = lambda x, y: (area["x"] + x * area["width"], area["y"] + y * area["height"])  # noqa: E731
    fingers = page.context.new_cdp_session(page)
    touch(fingers, "touchStart", at(0.1, 0.6))
    for share in (0.65, 0.7, 0.75, 0.8):
        touch(fingers, "touchMove", at(share - 0.5, share))
    touch(fingers, "touchEnd")
    drawn = boxes(page)
    assert len(drawn) == before + 1
    assert drawn[-1] == pytest.approx([0.1, 0.6, 0.3, 0.8], abs=0.03)
    page.click("#undo")
    page.locator(".box").nth(before).wait_for(state="detached", timeout=10_000)
    page.click("#draw")
    width = page.locator("#stage").bounding_box()["width"]
    touch(fingers, "touchStart", at(0.45, 0.2), at(0.55, 0.2))
    for share in (0.1, 0.15, 0.2, 0.25):
        touch(fingers, "touchMove", at(0.5 - share, 0.2), at(0.5 + share, 0.2))
    touch(fingers, "touchEnd")
    assert page.locator("#stage").bounding_box()["width"] > 1.5 * width
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")


def test_targets_in_a_crowd_are_large_enough(page) -> None:
    """Nineteen small faces: each box, and each button that stands for one, has at least 24 px on a side."""
    crowd = sets.require("faces") / "images" / "d004.jpg"
    page.set_input_files("#files", str(crowd))
    ready(page)
    least = """(what) => Math.min(...[...document.querySelectorAll(what)].map((node) => {
        const { width, height } = node.getBoundingClientRect(); return Math.min(width, height); }))"""
    assert page.locator(".box").count() >= 15
    assert page.evaluate(least, ".box") >= 23.9
    assert page.evaluate(least, "#chips button") >= 24
    width = page.locator("#stage").bounding_box()["width"]
    page.click(".near >> nth=3")
    assert page.locator("#stage").bounding_box()["width"] > 2 * width, "zoomed to the face"
    page.click("#keep-all")
    assert page.locator(".box[aria-pressed=true]").count() == 0
    page.click("#undo")
    assert page.locator(".box[aria-pressed=false]").count() == 0


@pytest.mark.parametrize("form", ["TIFF", "HEIC"])
def test_formats_that_the_browser_cannot_show(page, astronaut: bytes, form: str) -> None:
    """The service draws them, before and after; what is downloaded keeps its format."""
    if form == "HEIC":
        data = (sets.require("corpus") / "metadata" / "ianare-exif-samples__IMG_5195.HEIC").read_bytes()
    else:
        data = encoded(astronaut, form)
    give(page, data, name=f"scan.{form.lower()}")
    ready(page)
    assert page.evaluate("document.querySelector('#before').naturalWidth") > 100
    page.click("#clean-all")
    page.wait_for_selector("#after:not([hidden])", timeout=60_000)
    assert page.evaluate("document.querySelector('#after').naturalWidth") > 100
    shot(page, f"compared-{form.lower()}")
    clean = downloaded(page)
    assert verify(clean, canonical=True) == []
    assert clean[4:8] == data[4:8] if form == "HEIC" else Image.open(io.BytesIO(clean)).format == form


def test_frames_of_an_animation_are_stepped_through(page, astronaut: bytes) -> None:
    """Each frame is shown, with its own faces, before and after."""
    photo = Image.open(io.BytesIO(astronaut)).convert("RGB").resize((384, 384))
    blanks, out = [Image.new("RGB", photo.size, (20, 90, blue)) for blue in (120, 160, 200)], io.BytesIO()
    photo.save(out, "WEBP", save_all=True, append_images=blanks, duration=90, lossless=True)
    give(page, out.getvalue(), name="loop.webp")
    ready(page)
    colour = """() => { const image = document.querySelector('#before'), canvas = document.createElement('canvas');
        canvas.getContext('2d').drawImage(image, 0, 0); return [...canvas.getContext('2d').getImageData(9, 9, 1, 1).data]; }"""
    assert page.locator(".box").count() == 1
    old = page.get_attribute("#before", "src")
    for _ in range(2):
        page.click("#frame-on")
    assert page.inner_text("#frame") == "Frame 3 of 4"
    assert page.locator(".box").count() == 0
    page.wait_for_selector(f"#before:not([hidden]):not([src='{old}'])")
    page.wait_for_timeout(1500)
    assert page.evaluate(colour)[:3] == pytest.approx([20, 90, 160], abs=6)
    page.click("#clean-all")
    page.wait_for_selector("#after:not([hidden])", timeout=60_000)
    assert Image.open(io.BytesIO(downloaded(page))).n_frames == 4


@pytest.mark.parametrize(
    ("locale", "title"),
    [("de-AT", "Bilder säubern"), ("es-MX", "Limpia tus fotos"), ("fr-CA", "Nettoyez vos photos"), ("ja-JP", "Clean")],
)
@pytest.mark.parametrize("width", [320, 1280])
def test_it_speaks_the_readers_language(visit, astronaut: bytes, locale: str, title: str, width: int) -> None:
    """By the browser's language, changed by the list, without text that is cut off or a page that scrolls sideways."""
    page = visit(locale=locale, viewport={"width": width, "height": 900})
    code = locale[:2] if locale[:2] in ("de", "es", "fr") else "en"
    assert page.get_attribute("html", "lang") == code
    assert title in page.inner_text("h1")
    give(page, astronaut)
    ready(page)
    page.click("#more summary")
    shot(page, f"{code}-{width}")
    cut = """[...document.querySelectorAll('button, label, summary, legend, dt, b, small')].filter((node) =>
        node.offsetParent && node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).display !== 'inline'
        && !node.closest('.box, .chip, .unseen')).map((node) => node.textContent)"""
    assert page.evaluate(cut) == []
    assert page.evaluate("document.documentElement.scrollWidth <= innerWidth")
    page.select_option("#language", "fr")
    assert "Ce qui est" in page.inner_text("#options")
    assert page.get_attribute("html", "lang") == "fr"


def test_every_text_is_there_in_every_language(page) -> None:
    """One row has as many texts as there are languages, with the same values to fill in; every text asked for exists."""
    faults = page.evaluate("""async () => {
        const { LANGUAGES, WORDS } = await import("/page/words.js"), names = (text) => [...text.matchAll(/\\{(\\w+)\\}/g)].map((m) => m[1]);
        const same = (a, b) => [...new Set(a)].sort().join() === [...new Set(b)].sort().join();
        const bad = Object.entries(WORDS).filter(([, row]) => row.length !== Object.keys(LANGUAGES).length
            || row.some((text) => !text || !same(names(text), names(row[0])) || text.split("|").length !== row[0].split("|").length));
        const asked = [...document.querySelectorAll("[data-word], [data-label], [data-alt]")].flatMap((node) => Object.values(node.dataset));
        return [bad.map(([key]) => key), asked.filter((key) => !(key in WORDS) && !["mark", "slider", "side"].includes(key))];
    }""")
    assert faults == [[], []]


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_for_axe_to_find(visit, astronaut: bytes, scheme: str) -> None:
    """axe-core (WCAG 2.2 A and AA: names, roles, contrast, targets) in every state of the page, wide and narrow."""
    axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe-core is not installed").Axe()
    page = visit(color_scheme=scheme, reduced_motion="reduce", bypass_csp=True)
    rules = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}

    def found() -> list[tuple[str, list[str]]]:
        rows = []
        for width in (3840, 1280, 390, 320):
            page.set_viewport_size({"width": width, "height": 900})
            page.evaluate("scrollTo(0, document.body.scrollHeight)")  # the bar lies over nothing there
            violations = axe.run(page, options=rules).response["violations"]
            rows += [(width, row["id"], [node["html"][:120] for node in row["nodes"]]) for row in violations]
        return rows

    assert found() == []
    give(page, astronaut)
    ready(page)
    page.click("#more summary")
    page.click("#credit summary")
    page.check("[name=keep-copyright]")
    page.fill("[name=set-creator]", "jane@example.org")
    page.click("#add")
    page.wait_for_selector("[name=set-creator][aria-invalid=true]")
    page.locator("#stays dd").first.wait_for()
    page.click(".box >> nth=0")
    assert found() == []
    page.click("#look")
    page.wait_for_selector("#stage.looked #looked:not([hidden])")
    assert found() == []
    give(page, astronaut, astronaut[:500])
    looked(page, 3)
    assert found() == []
    page.locator("[data-state=refused] .tile").click()
    shot(page, f"refused-{scheme}")
    assert found() == []
    page.click("#next")
    ready(page)
    page.click("#clean-one")
    page.wait_for_selector("#after:not([hidden])", timeout=60_000)
    assert found() == []
    page.check("[name=view][value=side]")
    assert found() == []


def test_two_hundred_pictures_without_a_stutter(visit, tmp_path: Path) -> None:
    """No task of more than 200 ms while they are looked at and cleaned; requests stay few at a time."""
    page = visit()
    out = io.BytesIO()
    Image.effect_noise((320, 240), 40).convert("RGB").save(out, "JPEG", quality=80)
    open_now, most = set(), 0

    def began(request) -> None:
        nonlocal most
        if "/v1/" in request.url:
            open_now.add(request)
            most = max(most, len(open_now))

    page.on("request", began)
    page.on("requestfinished", lambda request: open_now.discard(request))
    for number in range(200):
        (tmp_path / f"wire-{number}.jpg").write_bytes(out.getvalue())
    with main_thread(page) as tasks:
        page.set_input_files("#files", sorted(tmp_path.iterdir()))
        looked(page, 200)
        page.check("[name=mode][value=metadata]")
        page.click("#clean-all")
        page.locator("[data-state=cleaned]").nth(199).wait_for(state="attached", timeout=180_000)
    assert len(tasks) > 1000
    assert max(tasks) < 200
    assert most <= 8  # three at a time; the events of one that ends come a little after the next has begun
    assert zipfile.ZipFile(io.BytesIO(downloaded(page))).testzip() is None


def test_a_run_is_stopped(page, astronaut: bytes) -> None:
    """What was cleaned stays; the rest can be cleaned later."""
    give(page, *([astronaut] * 12))
    looked(page, 12)
    page.click("#clean-all")
    page.locator("[data-state=cleaned]").first.wait_for(timeout=60_000)
    assert " of 12" in page.inner_text("#pace")
    page.click("#stop")
    page.wait_for_selector("#progress[hidden]", state="attached")
    done = page.locator("[data-state=cleaned]").count()
    assert 1 <= done < 12
    assert page.locator("[data-state=cleaning]").count() == 0
    assert page.is_enabled("#clean-all")

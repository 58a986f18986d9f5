"""The page in a real Chromium stays awake and small, however many pictures pass through it."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest
from PIL import Image

from rmexif import verify
from tests.service.browsing import downloaded, looked, main_thread

pytestmark = pytest.mark.slow  # cleans 600 pictures


COUNT = 200
MOST_TASK = 200  # ms of processor time, the longest that the page may not answer
WATCH = """
    window.live = new Set();
    const make = URL.createObjectURL, end = URL.revokeObjectURL;
    URL.createObjectURL = (blob) => { const url = make.call(URL, blob); live.add(url); return url; };
    URL.revokeObjectURL = (url) => { live.delete(url); end.call(URL, url); };
    window.bitmaps = new Set();
    const draw = window.createImageBitmap;
    window.createImageBitmap = async (...all) => { const one = await draw(...all); bitmaps.add(new WeakRef(one)); return one; };
"""


class Memory:
    """What the page holds, once everything that can be collected is."""

    def __init__(self, page) -> None:
        self._page, self._session = page, page.context.new_cdp_session(page)
        self._session.send("Performance.enable")

    def collected(self) -> dict[str, float]:
        """JSHeapUsedSize in byte, Nodes and JSEventListeners in numbers."""
        for _ in range(3):
            self._session.send("HeapProfiler.collectGarbage")
            time.sleep(0.2)
        return {row["name"]: row["value"] for row in self._session.send("Performance.getMetrics")["metrics"]}

    def pictures(self) -> int:
        """How many objects of the class of pictures are alive."""
        self.collected()
        question = {
            "expression": "import('/page/picture.js').then((one) => one.Picture.prototype)",
            "awaitPromise": True,
        }
        prototype = self._session.send("Runtime.evaluate", question)["result"]["objectId"]
        found = self._session.send("Runtime.queryObjects", {"prototypeObjectId": prototype})["objects"]
        count = {"functionDeclaration": "function () { return this.length; }", "objectId": found["objectId"]}
        alive = self._session.send("Runtime.callFunctionOn", count | {"returnByValue": True})["result"]["value"]
        self._session.send("Runtime.releaseObject", {"objectId": found["objectId"]})  # which holds them itself
        return alive


@pytest.fixture(scope="module")
def folder(astronaut: bytes, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many different photographs of one face."""
    place = tmp_path_factory.mktemp("many")
    photo = Image.open(io.BytesIO(astronaut)).convert("RGB")
    for number in range(COUNT):
        moved = photo.rotate(0, translate=(number % 20, number // 20)).resize((256, 256))
        moved.save(place / f"wire-{number:03}.jpg", quality=85)
    return place


def test_two_hundred_pictures_leave_nothing_behind(visit, folder: Path) -> None:
    """Searched, cleaned, looked at and cleaned again: memory is flat, no task is long, and all goes with them."""
    page = visit()
    page.add_init_script(WATCH)
    page.reload()
    page.on("dialog", lambda dialog: dialog.accept())
    memory = Memory(page)
    with main_thread(page) as tasks:
        page.set_input_files("#files", sorted(folder.iterdir()))
        looked(page, COUNT)
    assert max(tasks) < MOST_TASK
    assert memory.pictures() == COUNT
    rounds = []
    for style in ("solid", "fill", "blur"):
        page.evaluate("document.querySelector('#more').open = true")
        page.select_option("[name=style]", style)
        page.click("#clean-all")
        page.locator("[data-state=cleaned]").nth(COUNT - 1).wait_for(state="attached", timeout=400_000)
        page.locator(".tile").first.click()
        for _ in range(20):
            page.keyboard.press("Alt+n")
            page.wait_for_selector("#before:not([hidden])")
        page.click("label:has([value=slider])")
        page.wait_for_selector("#after:not([hidden])")
        page.keyboard.press("Escape")
        rounds.append(memory.collected())

    first, last = rounds[0], rounds[-1]
    assert last["JSHeapUsedSize"] - first["JSHeapUsedSize"] < 1e6, "5 kB a picture, for two more rounds over 200"
    assert last["JSHeapUsedSize"] < 8e6
    assert last["Nodes"] - first["Nodes"] < 50
    assert last["JSEventListeners"] - first["JSEventListeners"] < 20
    assert page.evaluate("live.size") == 0, "an address of a blob for each picture that is shown, and no other"
    assert page.evaluate("[...bitmaps].filter((one) => one.deref()?.width).length") == 0

    with main_thread(page) as tasks:
        page.click("#save-all")
        page.locator("[data-state=saved]").nth(COUNT - 1).wait_for(state="attached", timeout=60_000)
        page.click("#clear")
    assert page.locator(".tile").count() == 0
    assert memory.pictures() == 0, "nothing holds a picture that was removed"
    assert max(tasks) < MOST_TASK


def test_what_is_removed_is_gone(page, astronaut: bytes, folder: Path) -> None:
    """All at once, after a question while something is unsaved; what comes next starts anew."""
    asked = []
    page.on(
        "dialog",
        lambda dialog: (asked.append(dialog.message), dialog.dismiss() if len(asked) == 1 else dialog.accept()),
    )
    files = sorted(folder.iterdir())[:3]
    page.set_input_files("#files", files)
    looked(page, 3)
    page.click("#clear")
    assert page.locator(".tile").count() == 3
    page.click("#clean-all")
    page.click("#clear")
    assert len(asked) == 2
    assert page.locator(".tile").count() == 0
    assert page.evaluate("document.activeElement.id") == "files"
    page.set_input_files("#files", files[:1])
    page.wait_for_selector("#add:not([disabled])")
    page.click("#clean-all")
    assert verify(downloaded(page), canonical=True) == []

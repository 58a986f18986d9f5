"""A real Chromium and what a person does with the page in it.

With RMEXIF_TEST_SHOTS=FOLDER every state is kept as a picture, for a person to look at.
"""

from __future__ import annotations

import io
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

SHOTS = os.environ.get("RMEXIF_TEST_SHOTS")  # a folder: keep the screenshots for a person


def give(page: Any, *files: bytes, name: str = "holiday.jpg") -> None:
    """Choose files; several are numbered."""
    names = [name] if len(files) == 1 else [f"{i}-{name}" for i in range(len(files))]
    rows = [{"name": one, "mimeType": "image/jpeg", "buffer": data} for one, data in zip(names, files, strict=True)]
    page.set_input_files("#files", rows)


def ready(page: Any) -> None:
    """Wait until the open picture is shown and can be marked."""
    page.wait_for_selector("#add:not([disabled])", timeout=60_000)


def looked(page: Any, count: int) -> None:
    """Wait until so many tiles are looked at, or refused."""
    page.locator("#tiles li").nth(count - 1).wait_for(state="attached", timeout=60_000)
    page.locator("#tiles li[data-state=looking]").first.wait_for(state="detached", timeout=180_000)
    assert page.locator("#tiles li:not([data-state=looking])").count() == count


def boxes(page: Any) -> list[list[float]]:
    """Left, top, right, bottom of each box, in parts of the picture."""
    return page.evaluate("""[...document.querySelectorAll(".box")].map((box) => {
        const whole = box.parentNode.getBoundingClientRect(), at = box.getBoundingClientRect();
        return [(at.left - whole.left) / whole.width, (at.top - whole.top) / whole.height,
                (at.right - whole.left) / whole.width, (at.bottom - whole.top) / whole.height];
    })""")


def downloaded(page: Any) -> bytes:
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


def shot(page: Any, name: str) -> None:
    """Keep a picture of the page, where wanted."""
    if SHOTS:
        page.screenshot(path=str(Path(SHOTS) / f"{name}.png"), full_page=True)


LAYOUT_FAULTS = """() => {
    const seen = (node) => node.checkVisibility({ visibilityProperty: true, opacityProperty: true }) && !node.closest(".unseen, .busy #intro, body:not(.busy) #bar");
    const name = (node) => `${node.tagName}#${node.id}.${node.className} "${(node.textContent || node.getAttribute("aria-label") || "").trim().slice(0, 40)}"`;
    const texts = [...document.querySelectorAll("button, label, summary, legend, dt, dd, b, small, p, h1, h2, span, figcaption, option, li")].filter((node) =>
        seen(node) && getComputedStyle(node).display !== "inline" && !node.closest(".box, .chip, .shown, template") && !node.matches(".name"));
    const faults = texts.filter((node) => node.scrollWidth > node.clientWidth + 1 && getComputedStyle(node).overflowX !== "auto")
        .map((node) => `wide ${name(node)}`);
    faults.push(...texts.filter((node) => node.scrollHeight > node.clientHeight + 2 && getComputedStyle(node).overflowY === "hidden")
        .map((node) => `high ${name(node)}`));
    const pen = document.createElement("canvas").getContext("2d");
    for (const node of [...document.querySelectorAll("select")].filter(seen)) {
        const style = getComputedStyle(node), text = node.selectedOptions[0]?.text ?? "";
        pen.font = `${style.fontWeight} ${style.fontSize} ${style.fontFamily}`;
        const room = node.clientWidth - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight) - 18;
        if (pen.measureText(text).width > room + 1) faults.push(`list "${text}" ${Math.round(pen.measureText(text).width)} > ${Math.round(room)}`);
    }
    const controls = [...document.querySelectorAll("button, select, input, summary, a, label.button")].filter((node) =>
        seen(node) && !node.matches("#files, #folder, .segments input, .box") && !node.closest("#bar, .box, .tile, #chips"));
    const places = controls.map((node) => node.getBoundingClientRect());
    controls.forEach((one, i) => controls.slice(i + 1).forEach((other, j) => {
        const a = places[i], b = places[i + 1 + j];
        const across = Math.min(a.right, b.right) - Math.max(a.left, b.left), down = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (across > 1 && down > 1 && !one.contains(other) && !other.contains(one)) faults.push(`overlap ${name(one)} / ${name(other)}`);
    }));
    for (const node of controls) {
        const { left, right } = node.getBoundingClientRect();
        if ((left < -1 || right > innerWidth + 1) && !node.closest("#room, #chips")) faults.push(`outside ${name(node)}`);
    }
    if (document.documentElement.scrollWidth > innerWidth) faults.push("the page scrolls sideways");
    return [...new Set(faults)];
}"""


def layout_faults(page: Any) -> list[str]:
    """Texts that are cut off, controls that overlap or lie outside, lists whose chosen text does not fit."""
    return page.evaluate(LAYOUT_FAULTS)


@contextmanager
def main_thread(page: Any) -> Iterator[list[float]]:
    """Fills a list with the processor time of each task of the page's main thread, ms.

    What PerformanceObserver calls a long task is measured by the wall clock, and depends on who else uses the machine;
    Chromium's trace has the time of the thread itself.
    """
    tasks: list[float] = []
    browser = page.context.browser
    browser.start_tracing(page=page, categories=["toplevel"])
    try:
        yield tasks
    finally:
        events = json.loads(browser.stop_tracing())["traceEvents"]
        mains = {
            (event["pid"], event["tid"])
            for event in events
            if event["name"] == "thread_name" and event["args"]["name"] == "CrRendererMain"
        }
        tasks += [
            event["tdur"] / 1e3
            for event in events
            if event["name"].endswith("::RunTask") and "tdur" in event and (event["pid"], event["tid"]) in mains
        ]


class Reader:
    """What a screen reader is given: roles, names and states out of Chromium's accessibility tree."""

    def __init__(self, page: Any) -> None:
        self._session = page.context.new_cdp_session(page)
        self._session.send("Accessibility.enable")

    def all(self) -> list[dict[str, Any]]:
        """Every node that is not ignored."""
        nodes = self._session.send("Accessibility.getFullAXTree")["nodes"]
        return [self._plain(node) for node in nodes if not node["ignored"]]

    def focused(self) -> dict[str, Any]:
        """The node that has the focus."""
        found = self._session.send("Runtime.evaluate", {"expression": "document.activeElement"})["result"]
        options = {"objectId": found["objectId"], "fetchRelatives": False}
        return self._plain(self._session.send("Accessibility.getPartialAXTree", options)["nodes"][0])

    @staticmethod
    def _plain(node: dict[str, Any]) -> dict[str, Any]:
        states = {row["name"]: row["value"].get("value") for row in node.get("properties", [])}
        name = node.get("name", {}).get("value", "")
        return {"role": node.get("role", {}).get("value", ""), "name": " ".join(name.split()), **states}

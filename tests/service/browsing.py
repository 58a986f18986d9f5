"""A real Chromium and what a person does with the page in it.

With RMEXIF_TEST_SHOTS=FOLDER every state is kept as a picture, for a person to look at.
"""

from __future__ import annotations

import io
import os
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

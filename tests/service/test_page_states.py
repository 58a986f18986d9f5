"""Every state of the page in a real Chromium, light and dark, on a desk and on a phone, without a fault of layout.

With RMEXIF_TEST_SHOTS=FOLDER each is kept as a picture, for a person to look at.
"""

from __future__ import annotations

import io
from collections.abc import Callable

import pytest
from PIL import Image

from tests import sets
from tests.service.browsing import give, layout_faults, looked, ready, shot

pytestmark = pytest.mark.slow  # starts servers

DESK = {"viewport": {"width": 1280, "height": 900}}
PHONE = {"viewport": {"width": 390, "height": 844}, "has_touch": True, "is_mobile": True, "device_scale_factor": 2}
PLACES = [(scheme, place) for scheme in ("light", "dark") for place in ("desk", "phone")]


@pytest.fixture(params=PLACES, ids="-".join)
def seen(request: pytest.FixtureRequest, visit):
    """A page, and what looks at it: every state is shot, and has no fault of layout."""
    scheme, place = request.param
    page = visit(color_scheme=scheme, reduced_motion="reduce", **(DESK if place == "desk" else PHONE))

    def look(name: str) -> None:
        page.evaluate("scrollTo(0, 0)")
        shot(page, f"{name}-{scheme}-{place}")
        assert (name, layout_faults(page)) == (name, [])

    return page, look


def wire(astronaut: bytes, count: int) -> list[tuple[str, bytes]]:
    """So many pictures of five formats, some of them refused."""
    photo, found = Image.open(io.BytesIO(astronaut)).convert("RGB"), []
    forms = [("JPEG", "jpg"), ("PNG", "png"), ("WEBP", "webp"), ("TIFF", "tif"), ("AVIF", "avif")]
    for number in range(count):
        form, extension = forms[number % len(forms)]
        left, top, side = 7 * number % 120, 5 * number % 60, 360 - 4 * number
        out = io.BytesIO()
        photo.crop((left, top, left + side, top + int(side * (0.7 + number % 4 / 8)))).save(out, form)
        data = out.getvalue() if number not in (4, 11) else out.getvalue()[:900]
        found.append((f"DSC_{8204 + 3 * number}.{extension}", data))
    return found


def test_every_state_of_one_picture(seen: tuple, astronaut: bytes) -> None:
    """Empty, found, settings, drawn, shown as it will look, cleaned, compared, and changed since."""
    page, look = seen
    look("1-empty")
    give(page, astronaut, name="IMG_2031.jpg")
    ready(page)
    look("2-found")
    page.click("#look")
    page.wait_for_selector("#stage.looked #looked:not([hidden])")
    look("3-look")
    page.click("#look")
    page.click("#add")
    page.click("#more summary")
    page.click("#credit summary")
    page.check("[name=keep-copyright]")
    page.fill("[name=set-credit-line]", "Doe/Agency")
    page.fill("[name=set-source]", "https://example.org/me")
    page.keyboard.press("Tab")
    page.locator("#note-source", has_text="address").wait_for()
    page.locator("#stays dd", has_text="Doe/Agency").wait_for()
    look("4-settings")
    page.click("#more summary")
    page.click("#credit summary")
    page.click("#clean-all")
    page.wait_for_selector("#after:not([hidden])")
    page.locator("#stays strong", has_text="Stands in").wait_for()
    look("5-cleaned")
    page.click("label:has([value=side])")
    look("6-side")
    page.click("label:has([value=mark])")
    page.click("#undo")
    look("7-changed")


def test_every_state_of_many_pictures(seen: tuple, astronaut: bytes) -> None:
    """Twenty of five formats: found, one refused, one open, cleaning, cleaned, saved."""
    page, look = seen
    rows = [{"name": name, "mimeType": "", "buffer": data} for name, data in wire(astronaut, 20)]
    page.set_input_files("#files", rows)
    looked(page, 20)
    page.wait_for_timeout(1500)  # thumbnails that the service draws
    look("8-twenty")
    page.locator("[data-state=refused] .tile").first.click()
    look("9-refused")
    page.click("#next")
    page.click("#next")
    ready(page)
    look("10-one-of-many")
    page.keyboard.press("Escape")
    page.click("#clean-all")
    page.locator("[data-state=cleaned]").nth(4).wait_for(timeout=60_000)
    look("11-cleaning")
    page.locator("[data-state=cleaned]").nth(17).wait_for(timeout=120_000)
    look("12-cleaned")
    with page.expect_download():
        page.click("#save-all")
    page.locator("[data-state=saved]").nth(17).wait_for()
    look("13-saved")


def of_set(name: str, path: str) -> Callable[[], str]:
    """The path of a file of a set, when it is asked for."""
    return lambda: str(sets.require(name) / path)


@pytest.mark.parametrize(
    ("name", "file"),
    [
        ("14-crowd", of_set("faces", "images/d004.jpg")),
        ("15-heic", of_set("corpus", "metadata/ianare-exif-samples__IMG_5195.HEIC")),
    ],
)
def test_pictures_of_the_sets(seen: tuple, name: str, file: Callable[[], str]) -> None:
    """A crowd, and a format that no browser shows: found and compared."""
    page, look = seen
    page.set_input_files("#files", file())
    ready(page)
    look(f"{name}-found")
    page.click("#clean-all")
    page.wait_for_selector("#after:not([hidden])", timeout=60_000)
    look(f"{name}-cleaned")


def test_every_state_of_an_animation(seen: tuple, astronaut: bytes) -> None:
    """Stepped to a frame, a face kept in it, followed, as it will look, and compared."""
    page, look = seen
    photo, frames = Image.open(io.BytesIO(astronaut)).convert("RGB").crop((60, 0, 420, 300)), []
    for number in range(5):
        frame = Image.new("RGB", (480, 300), (24, 60, 92))
        frame.paste(photo, (24 * number, 0))
        frames.append(frame)
    out = io.BytesIO()
    frames[0].save(out, "GIF", save_all=True, append_images=frames[1:], duration=120, loop=0)
    give(page, out.getvalue(), name="walk.gif")
    ready(page)
    page.click("#frame-on")
    page.click("#frame-on")
    page.click(".box")
    page.wait_for_timeout(500)
    look("16-animation-kept")
    page.click("#follow")
    page.click("#look")
    page.wait_for_selector("#stage.looked #looked:not([hidden])")
    look("17-animation-look")
    page.click("#clean-all")
    page.wait_for_selector("#after:not([hidden])", timeout=60_000)
    look("18-animation-cleaned")

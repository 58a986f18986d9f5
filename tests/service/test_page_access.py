"""The page without eyes, without a mouse, from right to left, and at every width: in a real Chromium."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
from PIL import Image

from rmexif import verify
from tests.service.browsing import Reader, give, layout_faults, looked, ready, shot

pytestmark = pytest.mark.slow  # starts servers

WIDTHS = (320, 390, 768, 1280, 3840)
CONTROLS = {"button", "checkbox", "combobox", "DisclosureTriangle", "link", "radio", "slider", "textbox", "progressbar"}
EMPTY = [
    ("combobox", "Language"),
    ("button", "Choose pictures"),
    ("button", "Choose a folder"),
    ("link", "HTTP API"),
]
FOUND = [
    ("combobox", "Language"),
    ("button", "Choose pictures"),
    ("button", "Choose a folder"),
    ("radio", "Hidden data and faces"),
    ("DisclosureTriangle", "More settings"),
    ("combobox", "Cover with"),
    ("combobox", "Search for faces"),
    ("combobox", "Save as"),
    ("combobox", "File names"),
    ("checkbox", "Stealth: a slightly new size and crop, so copies cannot be matched"),
    ("checkbox", "Put a table of old and new names into the zip"),
    ("DisclosureTriangle", "Keep or set credit"),
    ("checkbox", "Copyright, creator and licence"),
    ("checkbox", "Title and description"),
    ("checkbox", "Make and model of the camera"),
    ("checkbox", "Resolution for print"),
    ("checkbox", "Whether a machine made it"),
    ("combobox", "Date"),
    ("textbox", "Creator"),
    ("textbox", "Copyright"),
    ("textbox", "Credit line"),
    ("textbox", "Source"),
    ("textbox", "Terms of use"),
    ("textbox", "Address of the licence"),
    ("textbox", "Headline"),
    ("textbox", "Description"),
    ("textbox", "Text for those who do not see"),
    ("button", "Remove holiday.jpg"),
    ("radio", "Mark"),
    ("button", "Show how it will look"),
    ("button", "Zoom out"),
    ("button", "Fit"),
    ("button", "Zoom in"),
    ("button", "Undo"),
    ("button", "Redo"),
    ("group", "The picture"),
    ("button", "Face 1: cover it"),
    ("button", "Face 1: cover it"),
    ("button", "Zoom to Face 1"),
    ("button", "Draw a place"),
    ("button", "Add a place"),
    ("button", "Cover all faces"),
    ("button", "Keep all faces"),
    ("DisclosureTriangle", "How marks work"),
    ("DisclosureTriangle", "Details"),
    ("button", "Clean picture"),
    ("link", "HTTP API"),
]
# Every text of the page in letters that are written from right to left, a third longer than the English ones.
PSEUDO = """async () => {
    const { WORDS } = await import("/page/words.js"), { speak } = await import("/page/speech.js"), letters = "ابتثجحخدذرزسشصضطظعغفقكلمنه";
    const turned = (text) => text.split(/(\\{\\w+\\}|\\|)/).map((part) => /^(\\{|\\|)/.test(part) ? part
        : part.replace(/[A-Za-z]/g, (sign) => letters[sign.toLowerCase().charCodeAt(0) - 97])
            + part.split(" ").filter((_, i) => i % 3 === 0).map((one) => one.replace(/[A-Za-z]/g, "ا")).join(" ").slice(0, part.length / 3)).join("");
    for (const row of Object.values(WORDS)) row[0] = turned(row[0]);
    speak("en");
    document.documentElement.dir = "rtl";
}"""


def stops(page, reader: Reader, most: int = 80) -> list[tuple[str, str]]:
    """Roles and names of everything that Tab leads to, from the top to the end of the page."""
    page.evaluate("document.activeElement.blur()")
    page.mouse.click(3, 3)
    found = []
    for _ in range(most):
        page.keyboard.press("Tab")
        node = reader.focused()
        if node["role"] in ("none", "generic", "RootWebArea"):
            break
        found.append((node["role"], node["name"]))
    return found


def tab_to(page, reader: Reader, role: str, name: str) -> dict:
    """Press Tab until a control of that role and name has the focus."""
    for _ in range(80):
        page.keyboard.press("Tab")
        node = reader.focused()
        if (node["role"], node["name"]) == (role, name):
            return node
    raise AssertionError(f"Tab never leads to {role} {name!r}")


def told(page, text: str) -> None:
    """Wait until the live region says so."""
    page.locator("#status", has_text=text).wait_for(timeout=60_000)


def test_every_stop_of_the_keyboard_has_its_name(page, astronaut: bytes) -> None:
    """Role and name of each, in the order of the page, before and after a picture came in."""
    reader = Reader(page)
    assert stops(page, reader) == EMPTY
    give(page, astronaut)
    ready(page)
    page.evaluate("document.querySelectorAll('#options details').forEach((one) => { one.open = true; })")
    assert stops(page, reader) == FOUND


def test_what_has_the_focus_is_never_under_the_bar(visit, astronaut: bytes) -> None:
    """WCAG 2.2, 2.4.11: on a phone, stop by stop down the page and up again."""
    page = visit(viewport={"width": 390, "height": 700})
    give(page, astronaut)
    ready(page)
    page.evaluate("document.querySelectorAll('#options details').forEach((one) => { one.open = true; })")
    hidden = """() => { const node = document.activeElement, bar = document.querySelector("#bar").getBoundingClientRect();
        const { top, bottom } = (node.labels?.[0] ?? node).getBoundingClientRect();
        return node !== document.body && !node.closest("#bar, footer, #room, #files, #folder") && top >= bar.top - 4 && bottom > bar.top ? node.outerHTML.slice(0, 90) : ""; }"""
    found = []
    for key in ["Tab"] * 46 + ["Shift+Tab"] * 40:
        page.keyboard.press(key)
        found.append(page.evaluate(hidden))
    assert [text for text in found if text] == []


def test_a_picture_is_cleaned_by_keys_and_ears(page, astronaut: bytes, tmp_path: Path) -> None:
    """From choosing to downloading without a mouse; what happens is said by one polite live region."""
    (tmp_path / "holiday.jpg").write_bytes(astronaut)
    reader = Reader(page)
    live = next(node for node in reader.all() if node["role"] == "status")
    assert (live["live"], live["atomic"]) == ("polite", True)

    page.on("filechooser", lambda chooser: chooser.set_files(str(tmp_path / "holiday.jpg")))
    tab_to(page, reader, "button", "Choose pictures")
    page.keyboard.press("Enter")
    told(page, "1 face in 1 picture. Check the marks, then clean.")
    ready(page)

    assert tab_to(page, reader, "button", "Face 1: cover it")["pressed"] == "true"
    page.keyboard.press("Space")
    assert reader.focused()["pressed"] == "false"
    told(page, "Face 1 stays visible")
    page.keyboard.press("Space")
    told(page, "Face 1 will be covered")
    page.keyboard.press("Shift+Tab")
    page.keyboard.press("Shift+Tab")

    tab_to(page, reader, "button", "Add a place")
    page.keyboard.press("Enter")
    told(page, "Place 1 is in the middle")
    assert reader.focused()["name"] == "Place 1: cover it"
    page.keyboard.press("ArrowDown")
    told(page, "Place 1: 102 by 102 px, at 205, 210")

    tab_to(page, reader, "button", "Clean picture")
    page.keyboard.press("Enter")
    told(page, "1 of 1 picture cleaned. Look at the result before you share it.")
    assert reader.focused()["name"] == "Download"
    names = {node["name"] for node in reader.all() if node["role"] == "image"}
    page.locator("#after:not([hidden])").wait_for()
    names |= {node["name"] for node in reader.all() if node["role"] == "image"}
    assert {"The picture as it came", "The cleaned picture"} <= names
    with page.expect_download() as taken:
        page.keyboard.press("Enter")
    assert verify(Path(taken.value.path()).read_bytes(), canonical=True) == []

    line = tab_to(page, reader, "slider", "Line between before and after")
    assert line["focusable"]
    page.keyboard.press("Home")
    assert page.evaluate("document.querySelector('#after').style.clipPath") in ("inset(0px 0px 0px 0%)", "inset(0px)")


def test_many_pictures_are_heard_of(page, astronaut: bytes) -> None:
    """A tile says its name and its state; refused ones say what to do; headings and landmarks have names."""
    give(page, astronaut, astronaut[:500])
    looked(page, 2)
    nodes = Reader(page).all()
    tiles = [node["name"] for node in nodes if node["role"] == "button" and "holiday.jpg" in node["name"]]
    assert tiles[0].startswith("1-holiday.jpg This file is damaged")
    assert tiles[1] == "0-holiday.jpg 1 face · 18 hidden details"
    assert [node["name"] for node in nodes if node["role"] == "heading"][-1] == "2 pictures"
    assert {"Drop pictures or a folder here", "2 pictures"} <= {n["name"] for n in nodes if n["role"] == "region"}
    page.click("#clean-all")
    page.locator("[data-state=cleaned]").wait_for()
    assert any(node["name"] == "0-holiday.jpg Cleaned" for node in Reader(page).all())
    page.locator("[data-state=refused] .tile").click()
    assert {"Previous", "Next", "All pictures"} <= {node["name"] for node in Reader(page).all()}


@pytest.mark.parametrize("locale", ["en-US", "de-DE", "es-ES", "fr-FR"])
def test_no_text_is_cut_off_and_nothing_is_nameless(visit, astronaut: bytes, locale: str) -> None:
    """At every width, in every state: texts and chosen entries fit, controls do not overlap, each has a name."""
    page = visit(locale=locale)
    nameless = []

    def check() -> list[tuple[int, str]]:
        nameless.extend(node for node in Reader(page).all() if node["role"] in CONTROLS and len(node["name"]) < 2)
        found = []
        for width in WIDTHS:
            page.set_viewport_size({"width": width, "height": 900})
            found += [(width, fault) for fault in layout_faults(page)]
        return found

    faults = check()
    give(page, astronaut)
    ready(page)
    page.evaluate("document.querySelectorAll('main details').forEach((one) => { one.open = true; })")
    page.check("[name=keep-copyright]")
    page.fill("[name=set-creator]", "jane@example.org")
    page.keyboard.press("Tab")
    page.wait_for_selector("[name=set-creator][aria-invalid=true]")
    faults += check()
    page.click("#clean-all")
    page.wait_for_selector("#after:not([hidden])", timeout=60_000)
    faults += check()
    give(page, astronaut, astronaut[:500])
    looked(page, 3)
    faults += check()
    page.locator("[data-state=refused] .tile").click()
    faults += check()
    assert faults == []
    assert nameless == []


@pytest.mark.parametrize("width", [320, 768, 1280])
def test_it_can_be_read_from_right_to_left(visit, astronaut: bytes, width: int) -> None:
    """A pseudo-locale, a third longer: nothing is cut off or overlaps, sides are mirrored, the picture is not."""
    page = visit(viewport={"width": width, "height": 900})
    page.evaluate(PSEUDO)
    assert layout_faults(page) == []
    left = "(what) => document.querySelector(what).getBoundingClientRect().left"
    assert page.evaluate(left, ".logo") > page.evaluate(left, "#language")
    give(page, astronaut)
    ready(page)
    page.evaluate("document.querySelectorAll('#options details').forEach((one) => { one.open = true; })")
    shot(page, f"rtl-{width}")
    assert layout_faults(page) == []
    box = page.evaluate("""() => { const a = document.querySelector(".box").getBoundingClientRect(),
        b = document.querySelector("#before").getBoundingClientRect(); return (a.left - b.left) / b.width; }""")
    face = Image.open(io.BytesIO(astronaut)).width
    assert box == pytest.approx(180 / face, abs=0.05), "the face is where it is"
    page.click("#clean-all")
    page.wait_for_selector("#after:not([hidden])", timeout=60_000)
    page.focus("#divide")
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    assert page.evaluate("document.querySelector('#line').style.left") == "1%"
    assert layout_faults(page) == []
    give(page, astronaut, astronaut[:500], astronaut)
    looked(page, 4)
    shot(page, f"rtl-grid-{width}")
    assert layout_faults(page) == []
    page.locator(".tile").first.focus()
    page.keyboard.press("ArrowLeft")
    second = "document.activeElement === document.querySelectorAll('.tile')[1]"
    assert page.evaluate(second), "the next one is to the left"

"""SVG files: what stays, what goes, and the same drawing in resvg and Chromium's words."""

from __future__ import annotations

import base64
import io
import time
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from rmexif import Policy, inspect, scrub, strip, verify
from rmexif.errors import InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import Limits
from tests import samples

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="120" height="90">'
EDITOR = "http://www.inkscape.org/namespaces/inkscape"
PICTURE = base64.b64encode(samples.of("png")["rgb"]).decode()
DRAWING = f"""<?xml version="1.0"?><!-- Jane --><?xml-stylesheet href="http://jane/a.css"?>
<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" xmlns:ink="{EDITOR}"
 width="120" height="90" viewBox="0 0 120 90" ink:version="Jane" onload="jane()">
<title>Jane</title><desc>Jane</desc><metadata><x:a xmlns:x="jane">Jane</x:a></metadata>
<style>/* Jane */ @import url(http://jane/); .jane{{fill:#f00;stroke:url(#jane-g)}} #jane-box{{opacity:.5}}
.bad{{fill:url(http://jane/)}} .jane-other{{fill:blue}}</style><script>jane()</script>
<defs><linearGradient id="jane-g"><stop offset="0" stop-color="#00f"/><stop offset="1"
 style="stop-color:#0f0;-ink-jane:none"/></linearGradient></defs>
<g ink:label="Jane" style="display:none"><path id="jane-p" d="M60 10h20v20z"/><text>Jane</text></g>
<rect id="jane-box" class="jane" x="10" y="10" width="40" height="30" onclick="jane()"/>
<use xlink:href="#jane-p" fill="green"/><a xlink:href="http://jane/"><circle cx="90" cy="60" r="12" fill="url(#jane-g)"/></a>
<image x="10" y="50" width="48" height="32" href="data:image/png;base64,{PICTURE}"/>
<image href="http://jane/x.png" width="5" height="5"/><image href="file:///jane" width="5" height="5"/>
<jane xmlns="http://www.w3.org/2000/svg"/><foreignObject><p xmlns="http://www.w3.org/1999/xhtml">Jane</p></foreignObject>
</svg>""".encode()


def drawn(data: bytes) -> np.ndarray:
    """What resvg draws."""
    resvg = pytest.importorskip("resvg_py", reason="the extra svg is not installed")
    png = bytes(resvg.svg_to_bytes(svg_string=data.decode()))
    return np.asarray(Image.open(io.BytesIO(png)).convert("RGBA")).astype(int)


def test_what_draws_nothing_is_gone() -> None:
    """Scripts, handlers, links, texts about the file, hidden layers, names; the picture inside is clean."""
    data, stats = strip(DRAWING)

    assert b"jane" not in data.lower()
    assert samples.CANARY not in base64.b64decode(data.partition(b"base64,")[2].partition(b'"')[0])
    assert verify(data, canonical=True) == []
    assert strip(data)[0] == data
    names = {element.tag.partition("}")[2] for element in ET.fromstring(data).iter()}
    assert names == {"svg", "style", "defs", "linearGradient", "stop", "path", "rect", "use", "g", "circle", "image"}
    where = {finding["where"] for finding in stats["findings"]}
    assert {"svg/script", "svg/metadata", "svg/title", "svg/hidden layer", "svg/foreignObject"} <= where
    assert not any("jane" in finding.where for finding in inspect(DRAWING).findings)


def test_the_drawing_stays() -> None:
    """Pixel for pixel."""
    before = drawn(DRAWING)

    assert before[:, :, 3].any()
    assert np.array_equal(drawn(strip(DRAWING)[0]), before)


def test_scrub_draws_it() -> None:
    """A PNG of the drawing's size, or another format."""
    before = drawn(DRAWING)

    data, stats = scrub(DRAWING, Policy(faces=False, stealth=False))

    assert (stats["format"], stats["output_format"]) == ("svg", "png")
    after = np.asarray(Image.open(io.BytesIO(data)).convert("RGBA")).astype(int)
    assert np.abs(after - before)[before[:, :, 3] == 255].max() <= 1  # the lowest bits are replaced
    assert scrub(DRAWING, Policy(faces=False, output="webp"))[1]["output_format"] == "webp"


@pytest.mark.parametrize(
    ("sides", "size"),
    [
        ('width="72pt" height="36pt"', (96, 48)),
        ('width="1in" height="12.7mm"', (96, 48)),
        ('width="2.54cm" height="3pc"', (96, 48)),
        ('width="460.8pt" height="345.6pt" viewBox="0 0 460.8 345.6"', (615, 461)),
        ('width="396.4pt" height="178.6pt" viewBox="0 0 396.4 178.6"', (529, 239)),
    ],
)
def test_lengths_in_units(sides: str, size: tuple[int, int]) -> None:
    """An inch has 96 px (CSS Values 4, 6.2), and a size that is no whole number of px is rounded up."""
    pytest.importorskip("resvg_py", reason="the extra svg is not installed")
    raw = f'<svg xmlns="http://www.w3.org/2000/svg" {sides}><rect width="100%" height="100%"/></svg>'.encode()

    data, stats = scrub(raw, Policy(faces=False, stealth=False))

    picture = Image.open(io.BytesIO(data)).convert("RGBA")
    assert (stats["width"], stats["height"]) == picture.size == size
    assert picture.getpixel((size[0] - 3, size[1] - 3))[3] == 255


@pytest.mark.parametrize(
    "inside",
    [
        '<set attributeName="href" to="javascript:jane()"/>',
        '<rect style="fill:url(https://jane/a)"/>',
        '<rect fill="url(https://jane/a)"/>',
        '<rect style="background:\\75 rl(jane)"/>',
        '<use href="https://jane/a.svg#a"/>',
        '<image href="data:text/html;base64,amFuZQ=="/>',
        '<animate attributeName="onclick" begin="jane.click" to="jane()"/>',
        "<style>@font-face{font-family:x;src:url(jane)}</style>",
    ],
)
def test_nothing_leads_out_of_the_file(inside: str) -> None:
    """Wherever a reference stands."""
    data = strip(f"{HEAD}{inside}</svg>".encode())[0].lower()

    assert b"jane" not in data
    assert b"url(" not in data
    assert b"base64" not in data


@pytest.mark.parametrize(
    ("raw", "error"),
    [
        (b'<!DOCTYPE svg [<!ENTITY a "b">]>' + HEAD.encode() + b"&a;</svg>", UnsupportedFeature),
        (HEAD.encode(), MalformedImage),
        (b"<svg></svg>", MalformedImage),
        (HEAD.encode() + b"<g>" * 300 + b"</g>" * 300 + b"</svg>", LimitExceeded),
        (HEAD.replace("120", "1e9").encode() + b"</svg>", InputError),
        (HEAD.encode() + b"<style>@media (min-width: 9px){a{fill:red}}</style></svg>", UnsupportedFeature),
        (HEAD.encode() + b'<image href="data:image/png;base64,AAAA"/></svg>', UnsupportedFeature),
        (HEAD.encode() + b'<image href="data:image/png;base64,A!"/></svg>', MalformedImage),
    ],
)
def test_what_is_not_understood_is_refused(raw: bytes, error: type[Exception]) -> None:
    """Entities, broken XML, depth, size, pictures inside."""
    with pytest.raises(error):
        strip(raw)


def test_limits() -> None:
    """Nodes and pixels."""
    with pytest.raises(LimitExceeded, match="max_parts"):
        strip(HEAD.encode() + b"<g/>" * 50 + b"</svg>", limits=Limits(max_parts=20))
    with pytest.raises(LimitExceeded, match="max_pixels"):
        strip(HEAD.encode() + b"</svg>", limits=Limits(max_pixels=100))


CANARY = "Secrettext"


@pytest.mark.parametrize(
    "inside",
    [
        f'<rect fill="{CANARY}" width="3" height="3"/>',
        f'<rect style="fill:red;stroke:{CANARY} 1" width="3" height="3"/>',
        f'<rect transform="{CANARY}(1)" width="3" height="3"/>',
        f'<path d="M0 0 {CANARY}"/>',
        f"<style>{CANARY}{{fill:red}} rect:not({CANARY}){{fill:red}}</style>",
        f'<style type="{CANARY}">rect{{fill:red}}</style>',
        f"<defs><text>{CANARY}</text></defs>",
        f"<symbol><text>{CANARY}</text></symbol>",
        f"<defs><g id='a'><use href='#b'/></g><text id='b'>{CANARY}</text></defs>",
        f"<switch><g/><text>{CANARY}</text></switch>",
        f'<filter id="a"><feFlood result="{CANARY}"/><feOffset in="{CANARY}"/></filter><rect filter="url(#a)"/>',
        f'<rect width="1.00000000001{int(CANARY.encode().hex(), 16)}" height="3"/>',
    ],
)
def test_values_say_nothing_of_their_own(inside: str) -> None:
    """Texts in the place of numbers and keywords, and what no drawn element refers to."""
    data = strip(f"{HEAD}{inside}</svg>".encode())[0]

    assert CANARY.encode() not in data
    assert str(int(CANARY.encode().hex(), 16)).encode() not in data
    assert verify(data, canonical=True) == []


PLACE = "52.51627"  # a latitude


@pytest.mark.parametrize(
    "inside",
    [
        f'<g values="{PLACE}"><rect width="3" height="3" tableValues="{PLACE} 13.4" k1="{PLACE}" d="M{PLACE} 1"/></g>',
        f'<path d="M0 0h9v9z" points="{PLACE},13.4" r="{PLACE}" viewBox="0 0 {PLACE} 1" keyTimes="{PLACE}"/>',
        f'<rect width="3" height="3" style="opacity:{PLACE};opacity:.5"/>',
        f"<style>rect{{stroke-width:{PLACE};stroke-width:1}}</style><rect width='3' height='3'/>",
        f"<style>stop,text{{stroke-width:{PLACE}}}</style><rect width='3' height='3'/>",
        f"<style>rect{{fill:red!important;fill:rgb(1,{PLACE},2)}}</style><rect width='3' height='3'/>",
        f"<rect width='3' height='3' style='fill:rgb(1,{PLACE},2);{'fill:color(srgb 1 0 0);' * 9}fill:red'/>",
    ],
)
def test_numbers_that_draw_nothing_go(inside: str) -> None:
    """Attributes that an element does not have, declarations that later ones replace, rules that select nothing."""
    raw = f"{HEAD}{inside}</svg>".encode()
    data = strip(raw)[0]

    assert PLACE.encode() not in data
    assert data.count(b"color(") <= 1
    assert np.array_equal(drawn(data), drawn(raw))
    assert verify(data, canonical=True) == []


def test_the_ground_of_the_drawing_stays() -> None:
    """As draw.io writes it."""
    raw = HEAD.replace("<svg", "<svg style='background-color: rgb(255, 9, 9);'").encode() + b"</svg>"

    assert tuple(drawn(raw)[5, 5]) == (255, 9, 9, 255)
    assert np.array_equal(drawn(strip(raw)[0]), drawn(raw))


@pytest.mark.parametrize(
    ("sheet", "plain"),
    [
        ("rect{fill:red}@media (prefers-color-scheme: dark){rect{fill:url(#g)}}", "rect{fill:red}"),
        ("@media screen{rect{fill:red}}@media print { rect { fill:#fff } g { fill:#fff } }", "rect{fill:red}"),
        ("@media (prefers-color-scheme:light) { rect { fill:red } } g{fill:blue}", "rect{fill:red}g{fill:blue}"),
    ],
)
def test_media_queries_that_viewers_answer_alike(sheet: str, plain: str) -> None:
    """Icons of pages have a sheet for dark screens: what a light one shows stays."""
    inside = "<linearGradient id='g'/><rect width='60' height='40'/><g/></svg>"
    raw, without = (f"{HEAD}<style>{one}</style>{inside}".encode() for one in (sheet, plain))
    printed = f"{HEAD}<style>{plain}</style><style media='print'>rect{{fill:#fff}}</style>{inside}".encode()

    assert strip(raw)[0] == strip(without)[0] == strip(printed)[0]
    assert tuple(drawn(strip(raw)[0])[5, 5]) == (255, 0, 0, 255)
    assert verify(strip(raw)[0], canonical=True) == []


def test_the_order_of_classes_says_nothing() -> None:
    """Nor that one is named twice."""
    head = f"{HEAD}<style>.a{{fill:red}}.b{{stroke:red}}</style><rect width='9' height='9' class="
    first, second = (strip(f"{head}'{names}'/></svg>".encode())[0] for names in ("b a a b a", "b a"))

    assert first == second


def test_a_colour_for_older_viewers_stays() -> None:
    """As drawing programs write it beside one of a wider gamut, which resvg does not know."""
    raw = f"{HEAD}<rect width='9' height='9' style='fill:#f00;fill:red;fill:color(display-p3 1 0 0)'/></svg>".encode()
    data = strip(raw)[0]

    assert b"fill:red;fill:color(display-p3 1 0 0)" in data
    assert np.array_equal(drawn(data), drawn(raw))


@pytest.mark.parametrize(
    "inside",
    [
        '<filter id="a"><feFlood flood-color="Red" result="x"/><feComposite in="x" in2="SourceGraphic" operator="in"/>'
        '</filter><rect width="50" height="40" filter="url(#a)" transform="rotate(20 3,4)scale(.5)"/>',
        '<defs><g><linearGradient id="b" x1="0%"><stop stop-color="rgb(1,2,200)"/><stop offset="1" stop-color="#0f08"/>'
        '</linearGradient></g><linearGradient id="c" href="#b"/></defs><path d="M1 1h50a9 9 0 0130 9l-3-.5z" fill="url(#c)"/>',
        '<symbol id="s" viewBox="0 0 10 10"><circle r="5" cx="5" cy="5"/></symbol><use href="#s" width="60" height="60"/>',
        '<g transform="matrix(6.1e-17,-1,1,6.1E-17,10,80)"><rect width="50" height="40"/></g>',
        '<rect width="60" height="40" transform="translate(1e1 2.5e+0)" fill="#0a0"/>',
        '<switch><rect systemLanguage="xx" width="9" height="9"/><rect width="60" height="60" fill="teal"/></switch>',
        '<path d="M5 5H90V70" style="fill:none;stroke:#123;stroke-linejoin:round;stroke-dasharray:3, 1;opacity:.5"/>',
        "<style>.st2024{fill:#07c}#a1234{stroke:red}rect:not(.cls-10001){opacity:.8}</style>"
        '<rect class="st2024" id="a1234" width="60" height="40"/><rect class="cls-10001" y="50" width="9" height="9"/>',
    ],
)
def test_what_the_specifications_name_stays(inside: str) -> None:
    """The same drawing, in resvg."""
    raw = f"{HEAD}{inside}</svg>".encode()

    assert drawn(raw)[:, :, 3].any()
    assert np.array_equal(drawn(strip(raw)[0]), drawn(raw))


@pytest.mark.parametrize(
    "raw",
    [
        HEAD.replace('"120"', '"1.2.3"') + "</svg>",
        HEAD.replace('height="90"', 'viewBox="0 0 .. .."') + "</svg>",
        HEAD + '<image href="data:image/png;base64,é"/></svg>',
        *(f'<?xml version="1.0" encoding="{name}"?>{HEAD}</svg>' for name in (CANARY, "utf-7", "idna", "shift_jis")),
    ],
)
def test_no_internal_step_fails(raw: str) -> None:
    """Numbers that are none, and encodings that expat cannot read: understood or refused, and never repeated."""
    try:
        strip(raw.encode())
    except (MalformedImage, UnsupportedFeature) as error:
        assert CANARY not in str(error)


@pytest.mark.parametrize(
    "inside", ['<rect fill="' + "url(#" * 190_000 + '"/>', "<style>" + "@import" * 130_000 + "</style>"]
)
def test_patterns_take_linear_time(inside: str) -> None:
    """A value of 1 MB takes no longer than its text: minutes, where each opening bracket is read to the end."""
    start = time.process_time()
    strip(f"{HEAD}{inside}</svg>".encode())

    assert time.process_time() - start < 5


@pytest.mark.parametrize(
    "inside",
    [
        '<filter id="a"><feMorphology radius="10000"/></filter><rect filter="url(#a)" width="9" height="9"/>',
        '<filter id="a"><feTurbulence numOctaves="1000000"/></filter><rect filter="url(#a)" width="9" height="9"/>',
        '<filter id="a"><feConvolveMatrix order="300"/></filter><rect filter="url(#a)" width="9" height="9"/>',
    ],
)
def test_filters_without_a_bound_are_not_drawn(inside: str) -> None:
    """By scrub; strip draws nothing."""
    raw = f"{HEAD}{inside}</svg>".encode()

    assert strip(raw)
    with pytest.raises(UnsupportedFeature, match="no bound"):
        scrub(raw, Policy(faces=False))


def test_layers_have_a_limit() -> None:
    """200 layers of 5000 x 5000 px would take 20 GB, and resvg ends the process where there is no memory."""
    head, group = HEAD.replace("120", "5000").replace("90", "5000"), "<g opacity='.5'>"
    raw = f"{head}{group * 200}<rect/>{'</g>' * 200}</svg>".encode()

    with pytest.raises(LimitExceeded, match="layers"):
        scrub(raw, Policy(faces=False))


HOSTILE = {
    "elements used again and again": "<defs><g id='a0'><rect width='9' height='9'/></g>"
    + "".join(f"<g id='a{n}'><use href='#a{n - 1}'/><use href='#a{n - 1}'/></g>" for n in range(1, 24))
    + "</defs><use href='#a23'/>",
    "references behind references": "".join(f"<linearGradient id='g{n}' href='#g{n - 1}'/>" for n in range(1, 20_000))
    + "<linearGradient id='g0'/><rect fill='url(#g19999)' width='9' height='9'/>",
    "arcs": "<path d='M0 0" + "A1e3 1e3 0 0 1 9 9" * 40_000 + "'/>",
    "selectors": "<style>"
    + "g " * 2_000
    + "{fill:red}</style>"
    + "<g>" * 200
    + "<rect width='9' height='9'/>"
    + "</g>" * 200,
    "octaves": "<filter id='f'>"
    + "<feTurbulence numOctaves='1000' baseFrequency='.5'/>" * 50
    + "</filter><rect width='100' height='100' filter='url(#f)'/>",
    "results of a filter": "<filter id='f'>"
    + "<feFlood/>" * 50
    + "</filter><rect width='9' height='9' filter='url(#f)'/>",
    "a large pattern": "<pattern id='p' width='1e6' height='1e6' patternUnits='userSpaceOnUse'>"
    "<rect width='1e6' height='1e6'/></pattern><rect width='100' height='100' fill='url(#p)'/>",
}


@pytest.mark.parametrize("kind", list(HOSTILE))
def test_a_drawing_that_costs_too_much_is_not_begun(kind: str) -> None:
    """The renderer cannot be stopped, and some of these end its process; strip needs no renderer."""
    pytest.importorskip("resvg_py")
    raw = f'<svg xmlns="http://www.w3.org/2000/svg" width="2000" height="2000">{HOSTILE[kind]}</svg>'.encode()
    started = time.process_time()

    with pytest.raises((LimitExceeded, UnsupportedFeature)):
        scrub(raw)

    assert time.process_time() - started < 5
    assert verify(strip(raw)[0], canonical=True) == []


def test_a_shadow_is_drawn() -> None:
    """A filter as drawing programs write it is far from what one may hold."""
    pytest.importorskip("resvg_py")
    shadow = (
        "<filter id='f'><feFlood flood-opacity='.5'/><feComposite in2='SourceGraphic' operator='in'/>"
        "<feGaussianBlur stdDeviation='2'/><feOffset dx='3'/><feComposite in='SourceGraphic'/></filter>"
    )
    raw = f"{HEAD.replace('120', '1500').replace('90', '1500')}{shadow}<rect width='9' height='9' filter='url(#f)'/></svg>"

    assert scrub(raw.encode(), Policy(faces=False))

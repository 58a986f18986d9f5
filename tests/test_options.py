"""Options are derived from the fields of Policy and the tables: a new row is a choice everywhere, at once."""

from __future__ import annotations

import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from rmexif import Box, Detection, InvalidPolicy, Policy, scrub
from rmexif.detectors import DETECTORS
from rmexif.options import policy_options
from rmexif.service.settings import Settings
from rmexif.styles import STYLES
from rmexif.table import Row
from tests import samples
from tests.cli.running import run

options = pytest.importorskip("rmexif.service.options", reason="the extra rmexif[serve] is not installed")
PLACE = (8, 8, 40, 40)  # left, top, right, bottom


@dataclass(frozen=True)
class Red:
    """A style of this test's own."""

    name = "red"
    leak_bits = 0.0

    def redact(self, pixels: Any, masks: Sequence[Any], rng: Any) -> None:
        """Paint every mask's region red."""
        for mask in masks:
            box = mask.region
            pixels[box.top : box.bottom, box.left : box.right, :3] = (255, 0, 0)


@dataclass(frozen=True)
class Corner:
    """A detector of this test's own."""

    def detect(self, rgb: Any) -> list[Detection]:
        """Always the same place."""
        return [Detection(Box(*PLACE), 1.0, "corner")]


def centre_of(data: bytes) -> tuple[int, ...]:
    """The colour in the middle of PLACE."""
    return tuple(np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))[24, 24])


def http_values(**texts: str) -> dict[str, Any]:
    """What the service makes of options as text."""
    reader = options.OptionReader(options.request_options("scrub"))
    reader.add(texts.items())
    return reader.values()


def test_a_new_style_is_a_choice_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One row of STYLES: library, command line and HTTP know it."""
    monkeypatch.setitem(STYLES, "red", Row(f"{__name__}:Red", "red all over"))
    raw = samples.saved(samples.picture(96, 96), "PNG")
    (tmp_path / "in.png").write_bytes(raw)

    library, _ = scrub(raw, Policy(style="red", faces=False, stealth=False, regions=(Box(*PLACE),)))
    args = ("in.png", "--style", "red", "--no-faces", "--no-stealth", "--region", "8,8,32,32", "-o", "out.png")
    done = run(*args, cwd=tmp_path)
    values = http_values(style="red", faces="false", stealth="0", regions="8,8,40,40")

    assert centre_of(library) == (255, 0, 0)
    assert (done.returncode, done.stderr) == (0, b"")
    assert centre_of((tmp_path / "out.png").read_bytes()) == (255, 0, 0)
    assert Policy(**values) == Policy(style="red", faces=False, stealth=False, regions=(Box(*PLACE),))
    assert b"red" in run("scrub", "--help", cwd=tmp_path).stdout


def test_a_new_detector_is_a_choice_everywhere(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """One row of DETECTORS: library, command line and HTTP know it."""
    monkeypatch.setitem(DETECTORS, "corner", Row(f"{__name__}:Corner", "a corner", finds="corner"))
    raw = samples.saved(samples.picture(96, 96), "PNG")
    (tmp_path / "in.png").write_bytes(raw)

    _, stats = scrub(raw, Policy(detectors=("corner",)))
    done = run("in.png", "--detector", "corner", "-o", "out.png", "--json", cwd=tmp_path)
    values = http_values(detectors="corner; centerface")

    assert [face["label"] for face in stats["faces"]] == ["corner"]
    assert done.returncode == 0, done.stderr
    assert [face["box"] for face in json.loads(done.stdout)["faces"]] == [list(PLACE)]
    assert values == {"detectors": ("corner", "centerface")}


def test_a_region_may_name_its_frame(tmp_path: Path) -> None:
    """Over HTTP and at the command line in the same words; what is no frame is refused."""
    values = http_values(keep_regions="1,2,30,40@3; 5,6,7,8")
    assert Policy(**values) == Policy(keep_regions=((1, 2, 30, 40, 3), (5, 6, 7, 8)))
    with pytest.raises(InvalidPolicy, match="@frame"):
        http_values(regions="1,2,3,4@x")

    (tmp_path / "in.png").write_bytes(samples.saved(samples.picture(96, 96), "PNG"))
    args = ("in.png", "--no-faces", "--dry-run", "--region")
    assert run(*args, "8,8,32,32@0", cwd=tmp_path).returncode == 0
    assert b"must be from 0 to 0, got 1" in run(*args, "8,8,32,32@1", cwd=tmp_path).stderr
    assert run(*args, "8,8,32,32@", cwd=tmp_path).returncode == 64


def test_every_field_is_an_option(tmp_path: Path) -> None:
    """With its help; the command line lists each, under its own spelling."""
    known = policy_options()
    help_text = run("scrub", "--help", cwd=tmp_path).stdout.decode()

    assert list(known) == [item.name for item in fields(Policy) if item.name != "limits"]
    assert all(option.help for option in known.values())
    spelt = {"output": "--format", "regions": "--region", "keep_regions": "--keep-region", "detectors": "--detector"}
    spelt |= {"models": "--model", "providers": "--provider"}
    for name in known:
        assert spelt.get(name, "--" + name.replace("_", "-")) in help_text


def test_kinds_and_defaults() -> None:
    """As Policy has them."""
    known = policy_options()

    assert {name: option.kind for name, option in known.items()} == {
        "faces": "boolean",
        "detectors": "names",
        "models": "names",
        "providers": "names",
        "recall": "string",
        "min_confidence": "number",
        "margin": "number",
        "style": "string",
        "allow_weak": "boolean",
        "regions": "regions",
        "keep_regions": "regions",
        "keep": "names",
        "set": "texts",
        "stealth": "boolean",
        "quality": "integer",
        "output": "string",
        "frames": "string",
        "repair": "string",
        "seed": "integer",
    }
    assert all(option.default == getattr(Policy(), name) for name, option in known.items())


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("margin", "9", "margin must be between 0 and 4, got '9'"),
        ("margin", "nan", "margin must be between 0 and 4, got 'nan'"),
        ("quality", "best", "quality must be a whole number, got 'best'"),
        ("quality", "101", "quality must be between 1 and 100, got '101'"),
        ("recall", "most", "recall must be one of balanced, high, max, got 'most'"),
        ("faces", "maybe", "faces must be true or false, got 'maybe'"),
        ("regions", "1,2,3", "regions must be left,top,right,bottom[@frame] in px, got '1,2,3'"),
        ("regions", "5,5,5,9", "regions must be left,top,right,bottom in px, with left < right and top < bottom"),
        ("detectors", "yunet:/etc/hostname", "detectors must be one of"),
        ("min_confidence", "x" * 500, "min_confidence must be a number, got 'xxxx"),
    ],
)
def test_wrong_values(name: str, text: str, message: str) -> None:
    """What was expected, and what was given, as far as it is short."""
    with pytest.raises(InvalidPolicy) as caught:
        policy_options()[name].parse(text)

    assert str(caught.value).startswith(message)
    assert len(str(caught.value)) < 200


def test_values_are_read_once_and_add_up() -> None:
    """Query and form together: regions add up, everything else is given once, empty values are left out."""
    reader = options.OptionReader(options.request_options("scrub"))

    reader.add([("regions", "1,2,3,4;5,6,7,8"), ("seed", " "), ("quality", "9")])
    reader.add([("regions", "9,9,10,10")])

    assert reader.values() == {"regions": ((1, 2, 3, 4), (5, 6, 7, 8), (9, 9, 10, 10)), "quality": 9}
    with pytest.raises(InvalidPolicy, match="quality must be given once"):
        reader.add([("quality", "9")])
    with pytest.raises(InvalidPolicy, match="an option must be one of"):
        reader.add([("limits", "1")])
    with pytest.raises(InvalidPolicy, match="at most 500"):
        reader.add([("regions", ";".join(["1,1,2,2"] * 500))])


def test_a_detector_that_opens_a_file_is_no_option_over_http() -> None:
    """The service offers those that work by their name alone."""
    assert set(options.request_options("scrub")["detectors"].choices) == {
        "centerface",
        "codes",
        "documents",
        "text",
    }
    assert {"onnx", "yunet"} < set(policy_options()["detectors"].choices)


def test_what_names_files_or_hardware_is_the_operators() -> None:
    """No option of a client, in no route; the operator's own go into every policy."""
    assert {name for name, option in policy_options().items() if option.is_operators} == {"models", "providers"}
    for route in ("scrub", "preview"):
        assert not {"models", "providers"} & set(options.request_options(route))
    reader = options.OptionReader(options.request_options("scrub"))
    for name, text in (("models", "/etc/hostname"), ("providers", "cuda"), ("detectors", "onnx:/etc/hostname")):
        with pytest.raises(InvalidPolicy):
            reader.add([(name, text)])
    settings = Settings(models="/a/b.onnx:plate; /c.onnx", providers="cpu")
    assert settings.operator_options == {"models": ("/a/b.onnx:plate", "/c.onnx"), "providers": ("cpu",)}

"""Policies: what is refused, and what two of them have in common."""

from __future__ import annotations

import subprocess
import sys
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path

import numpy as np
import pytest

from rmexif.detectors import CenterFace, Fixed
from rmexif.errors import InvalidPolicy
from rmexif.policy import Policy
from rmexif.styles import Blur, Pixelate
from rmexif.types import Box, Limits
from tests.detectors import models

OTHER = {  # a value of each field that is not its default
    "faces": False,
    "detectors": ("codes",),
    "providers": ("cpu",),
    "recall": "high",
    "min_confidence": 0.5,
    "margin": 0.5,
    "style": "fill",
    "allow_weak": True,
    "regions": ((0, 0, 4, 4),),
    "keep_regions": ((0, 0, 4, 4),),
    "stealth": False,
    "quality": 80,
    "output": "png",
    "frames": "first",
    "limits": Limits(max_pixels=5),
    "seed": 7,
    "repair": "complete",
    "keep": ("copyright",),
    "set": {"creator": "Jane Doe"},
}


class Plain:
    """A detector as documentation shows it: any object with ``detect``."""

    def __init__(self, threshold: float = 0.5, weights: bytes = b"model") -> None:
        self.threshold, self.weights = threshold, weights

    def detect(self, rgb: np.ndarray) -> list:
        """Nothing."""
        return []


class Opaque:
    """A detector that holds something without a canonical form."""

    def __init__(self) -> None:
        self.session = object.__new__(type("Session", (), {"__slots__": ()}))

    def detect(self, rgb: np.ndarray) -> list:
        """Nothing."""
        return []


class Named(Opaque):
    """The same, which says what it is."""

    def __init__(self, release: str) -> None:
        super().__init__()
        self.release = release

    def fingerprint(self) -> str:
        """Its own words."""
        return self.release


def test_every_field_counts(tmp_path: Path) -> None:
    """Two policies that differ in one field do not do the same."""
    model = tmp_path / "squares.onnx"
    model.write_bytes(models.heat_map())
    other = OTHER | {"models": (str(model),)}
    assert set(other) == {item.name for item in fields(Policy)}
    found = [Policy(**{name: value}).fingerprint() for name, value in other.items()]

    assert len({Policy().fingerprint(), *found}) == len(other) + 1


def test_spelling_out_a_default_changes_nothing() -> None:
    """A field that a later release adds, with its default, leaves the fingerprints of today as they are."""
    spelled = {item.name: item.default for item in fields(Policy) if item.default is not MISSING}

    assert Policy(**spelled).fingerprint() == Policy().fingerprint()
    assert Policy(limits=Limits()).fingerprint() == Policy().fingerprint()


def test_objects_of_the_caller_have_the_same_fingerprint_in_every_process() -> None:
    """No address, no hash seed: another process comes to the same digits."""
    code = (
        "from rmexif.policy import Policy; from tests.test_policy import Plain;"
        "print(Policy(detectors=('centerface', Plain(0.25)), style='fill').fingerprint())"
    )
    answers = {
        subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
        for _ in range(2)
    }

    assert answers == {Policy(detectors=("centerface", Plain(0.25)), style="fill").fingerprint()}


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (Plain(0.5), Plain(0.6)),
        (Plain(weights=b"model"), Plain(weights=b"another")),
        (Fixed((Box(0, 0, 1, 1),)), Fixed((Box(0, 0, 2, 1),))),
        (Named("2026-01"), Named("2026-02")),
        (CenterFace(), CenterFace("max")),
    ],
)
def test_settings_of_detectors_count(one: object, other: object) -> None:
    """Of dataclasses, of plain objects, of those that speak for themselves."""
    policies = [Policy(detectors=(item,)) for item in (one, other)]  # type: ignore[arg-type]

    assert policies[0].fingerprint() != policies[1].fingerprint()
    assert policies[0].fingerprint() == replace(policies[0]).fingerprint()


def test_a_name_and_its_object_are_the_same() -> None:
    """``"centerface"`` takes its settings from the policy; the object that it stands for has the same fingerprint."""
    assert Policy().fingerprint() == Policy(detectors=(CenterFace(),)).fingerprint()
    assert Policy(style=Blur()).fingerprint() != Policy(style=Pixelate()).fingerprint()


def test_another_model_file_is_another_policy(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hash of the installed model is part of what a run does."""
    before = Policy().fingerprint()
    monkeypatch.setattr("rmexif.detectors.centerface.model_hash", lambda: "0" * 64)

    assert Policy().fingerprint() != before


def test_what_has_no_canonical_form_is_refused_with_what_to_do() -> None:
    """Rather than resumed with another detector."""
    with pytest.raises(InvalidPolicy, match=r"fingerprint\(\) -> str"):
        Policy(detectors=(Opaque(),)).fingerprint()


@dataclass(frozen=True)
class Wrong:
    """A field, a value that it does not take, and what the message has to name."""

    name: str
    value: object
    says: str


@pytest.mark.parametrize(
    "wrong",
    [
        Wrong("margin", 9, "margin must be between 0 and 4, got 9"),
        Wrong("quality", 0, "quality must be between 1 and 100, got 0"),
        Wrong("quality", 50.5, "quality must be a whole number, got 50.5"),
        Wrong("quality", True, "quality must be a whole number, got True"),
        Wrong("min_confidence", 1.5, "min_confidence must be between 0 and 1, got 1.5"),
        Wrong("min_confidence", float("nan"), "min_confidence must be between 0 and 1, got nan"),
        Wrong("recall", "some", "recall must be one of balanced, high, max, got 'some'"),
        Wrong("frames", "last", "frames must be one of all, first, refuse, got 'last'"),
        Wrong("style", "smudge", "style must be one of blur,"),
        Wrong("output", "pdf", "output must be one of jpeg,"),
        Wrong("detectors", ("cars",), "detectors must be one of centerface,"),
        Wrong("detectors", "centerface", "detectors must be a sequence"),
        Wrong("seed", -1, "seed must be between 0 and"),
        Wrong("style", None, "style must be a name or an object with redact(), got NoneType"),
        Wrong("limits", 5, "limits must be Limits, got int"),
        Wrong("set", b"copyright=Jane", "set must be a mapping, or a sequence of texts"),
        Wrong("regions", ((0, 0, 0, 4),), "regions must hold boxes of at least 1 x 1 px, got 0 x 4"),
        Wrong("keep_regions", ((1, 2),), "keep_regions must hold boxes, or left, top, right, bottom in px"),
    ],
    ids=lambda wrong: f"{wrong.name}={wrong.value!r:.20}",
)
def test_a_refusal_says_what_was_expected_and_what_came(wrong: Wrong) -> None:
    """Values of options may be named."""
    with pytest.raises(InvalidPolicy) as caught:
        Policy(**{wrong.name: wrong.value})

    assert str(caught.value).startswith(wrong.says)


def test_a_refusal_is_short() -> None:
    """Whatever came."""
    with pytest.raises(InvalidPolicy) as caught:
        Policy(recall="a" * 1_000_000)  # type: ignore[arg-type]

    assert len(str(caught.value)) < 200


@pytest.mark.parametrize("value", [1.5, float("nan"), "9", None])
@pytest.mark.parametrize("name", ["max_bytes", "max_parts"])
def test_a_limit_is_a_whole_number(name: str, value: object) -> None:
    """Else it would be found out in the middle, or never: nothing is above NaN."""
    with pytest.raises(InvalidPolicy, match=f"{name} must be a whole number"):
        Limits(**{name: value})  # type: ignore[arg-type]


def test_every_field_says_what_it_is_for() -> None:
    """Lists of options are made of this."""
    assert all(item.metadata["help"] for item in fields(Policy))

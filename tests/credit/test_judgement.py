"""Which values may leave: what smuggles is refused by its reason, what a person would write is not."""

from __future__ import annotations

import base64
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rmexif import InvalidPolicy, Policy
from rmexif.credit import judgement
from rmexif.credit.judgement import Reason, Unfit
from rmexif.credit.table import FIELDS, selection

HONEST = (
    "© 2019-2024, 2025 Zoë Müller. All rights reserved.",
    "CC BY 4.0 https://creativecommons.org/licenses/by/4.0/",
    "Photo: Jean-Luc d'Été/AFP via Getty Images",
    "© 東京写真社 二〇二四",
    "حقوق النشر ٢٠٢٤ محمد",
    "Donaudampfschifffahrtsgesellschaft, 20°C, f/2.8, 1/250 s",
    "HO CHI MINH CITY, VIETNAM – 12/05/2021: a street (no. 42).",
    "Née à Reykjavík 🎻 e\u0301",
    "IMG_20210517_183011",
    "Weather data: NOAA. The old bridge.In 1999 2000 2001 it was closed @ night",
    "17/05/2021 18:30, 2021-05-17 18:30",
    "@janedoe / Agence",
)
SMUGGLED = (
    ("a\x00b", Reason.CONTROL),
    ("a\x1b[31mb", Reason.CONTROL),
    ("abc\u202edcba", Reason.HIDDEN),
    ("a\u2066b\u2069", Reason.HIDDEN),
    ("a\u200bb\u200cc\u200d", Reason.HIDDEN),
    ("a\ufeffb", Reason.HIDDEN),
    ("a" + "".join(chr(0xE0000 + ord(sign)) for sign in "secret"), Reason.HIDDEN),
    ("a" + "".join(chr(0xE0100 + number) for number in range(20)), Reason.HIDDEN),
    ("a\ufe0f", Reason.HIDDEN),
    ("a\u3164b\u2800c", Reason.HIDDEN),
    ("\ue000 private", Reason.HIDDEN),
    ("z\u0335\u0336\u0337\u0338\u0339", Reason.HIDDEN),
    ("see https://example.org/u/42", Reason.ADDRESS),
    ("see www.example.org", Reason.ADDRESS),
    ("see example.com", Reason.ADDRESS),
    ("https://creativecommons.org/licenses/by/4.0/?u=42", Reason.ADDRESS),
    ("https://creativecommons.org.example.net/licenses/", Reason.ADDRESS),
    ("jane@doe.example", Reason.ADDRESS),
    ("jane (at) doe", Reason.ADDRESS),
    ("+49 30 1234567", Reason.ADDRESS),
    ("call (555) 123-4567 0", Reason.ADDRESS),
    ("48.85837, 2.29448", Reason.COORDINATES),
    ("48°51'30\" N 2°17'40\" E", Reason.COORDINATES),
    (base64.b64encode(bytes(range(100, 160))).decode(), Reason.OPAQUE),
    (base64.b64encode(b"a secret message!!").decode(), Reason.OPAQUE),
    ("id d41d8cd98f00b204e9800998ecf8427e", Reason.OPAQUE),
    ("x" * 41, Reason.OPAQUE),
    ("word " * 13_000, Reason.LENGTH),
    ("  ", Reason.FORM),
)


@pytest.mark.parametrize("text", HONEST)
def test_what_people_write_stays(text: str) -> None:
    """In NFC, with single spaces."""
    assert judgement.plain_text(f"  {text}\n", 500) == unicodedata.normalize("NFC", text)


@pytest.mark.parametrize(("text", "reason"), SMUGGLED)
def test_what_smuggles_is_refused(text: str, reason: Reason) -> None:
    """By its reason; ``set`` refuses it too."""
    with pytest.raises(Unfit) as caught:
        judgement.plain_text(text, 500)
    assert caught.value.reason is reason
    with pytest.raises(InvalidPolicy):
        Policy(set={"description": text})


@pytest.mark.parametrize(
    ("url", "is_licence"),
    [
        ("https://creativecommons.org/licenses/by-sa/4.0/", True),
        ("https://www.example.org/licence", True),
        ("http://rightsstatements.org/vocab/InC/1.0/", True),
        ("https://example.org/licence?user=42", False),
        ("https://example.org/licence#42", False),
        ("https://jane@example.org/", False),
        ("https://example.org:8080/", False),
        ("https://example.org/photo/123456789", False),
        ("https://example.org/d41d8cd98f00b204e9800998ecf8427e", False),
        ("javascript:alert(1)", False),
        ("https://example.org/%00", False),
    ],
)
def test_licences_are_a_host_and_a_path(url: str, is_licence: bool) -> None:
    """No query, fragment, port, user or identifier."""
    if is_licence:
        assert judgement.licence_url(url, 200) == url
    else:
        with pytest.raises(Unfit):
            judgement.licence_url(url, 200)


@pytest.mark.parametrize(
    "model", ["NIKON D850", "ILCE-7RM4", "iPhone 15 Pro Max", "21081111RG", "SM-G998B", "DMC-FZ1000"]
)
def test_models_stay(model: str) -> None:
    """With the digits that they have."""
    assert judgement.device(model, 64) == model


@pytest.mark.parametrize("serial", ["D850 6012345678", "XK1-12345678-9", "SN 123456789012"])
def test_serial_numbers_are_no_models(serial: str) -> None:
    """Of a body or of a lens."""
    with pytest.raises(Unfit):
        judgement.device(serial, 64)


@pytest.mark.parametrize(
    ("text", "date"),
    [
        ("2021:05:17 18:30:11.123+02:00", "2021-05-17"),
        ("2021-05-17T18:30Z", "2021-05-17"),
        ("20210517", "2021-05-17"),
        ("2021-05", "2021-05"),
        ("2021", "2021"),
        ("20210500", "2021-05"),
        ("2021:02:30 00:00:00", None),
        ("0000:00:00 00:00:00", None),
        ("17 May 2021", None),
        ("20210517123", None),
    ],
)
def test_dates(text: str, date: str | None) -> None:
    """Days of the calendar, as far as they are known."""
    if date is None:
        with pytest.raises(Unfit):
            judgement.plain_date(text, 40)
    else:
        assert judgement.plain_date(text, 40) == date


@given(st.text(max_size=300))
def test_a_value_that_passes_is_canonical(text: str) -> None:
    """Every judge gives what it gives again, or refuses; nothing else is raised."""
    for item in FIELDS:
        try:
            value = item.judge(text, item.most)
        except Unfit:
            continue
        assert item.judge(value, item.most) == value
        assert len(value) <= item.most
        assert value.isprintable()
        assert selection((), {item.name: text}).own == ((item.name, value),)

"""Kinds of identifiers: the specimens of their own specifications, and what only looks like one."""

from __future__ import annotations

import pytest

from rmexif.detectors.identifiers import IDENTIFIERS

# ICAO 9303, parts 4 to 7 (specimens of Utopia); SWIFT's IBAN registry; the schemes' published test numbers.
SPECIMENS = {
    "mrz": [
        "P<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B<<<<<10",
        "I<UTOD231458907<<<<<<<<<<<<<<<",
        "7408122F1204159UTO<<<<<<<<<<<6",
        "ERIKSSON<<ANNA<MARIA<<<<<<<<<<",
        "I<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<",
        "D231458907UTO7408122F1204159<<<<<<<6",
        "V<UTOERIKSSON<<ANNA<MARIA<<<<<<<<<<<<<<<<<<<",
        "L8988901C4XXX4009078F96121096ZE184226B<<<<<<",
        "L898902C36UT07408122F1204159ZE184226B<<<<<10",  # O read as 0
        "|<UT0D231458907<<<<<<<<<<<<<<<",
        "L898902C36UTO7408122F1204159ZE184226B1234510",  # nothing to fill, only check digits
    ],
    "iban": [
        "GB29 NWBK 6016 1331 9268 19",
        "IBAN: DE89370400440532013000",
        "DE89 3704 0044 0532 0130 00 BIC COBADEFFXXX",
        "FR14 2004 1010 0505 0001 3M02 606",
        "NO93 8601 1117 947",
        "MT84MALT011000012345MTLCAST001S",
        "CH93 0076 2011 6238 5295 7",
        "DE89 37O4 0044 0532 O130 00",  # 0 read as O
    ],
    "card": [
        "4111 1111 1111 1111",
        "5555555555554444",
        "Card: 5500-0055-5555-5559",
        "3782 822463 10005",
        "6011 1111 1111 1117 12/27",
        "4222222222222",
        "4111 1111 1111 111I",
    ],
    "email": ["anna.maria@example.org", "write to a+b@mail.example.co.uk.", "mailto:x_y@example.org"],
    "phone": [
        "+44 20 7946 0958",
        "Tel. (030) 901820",
        "Tel.0892/4674576",
        "01 23 45 67 89",
        "555-123-4567",
        "call 0049/30/1234567",
        "5551234567",
    ],
    "plate": [
        "B-MW 1234",
        "AB12 CDE",
        "AA-229-AA",
        "1234 BCD",
        "12-ABC-3",
        "7ABC123",
        "BRA2E19",
        "MH 12 AB 1234",
        "M:AB 123E",
    ],
}
LOOKALIKES = {
    "mrz": [
        "THE QUICK BROWN FOX JUMPS OVER",
        "L898902C37UTO7408123F1204158ZE184226B1234517",
        "0123456789ABCDEFGHIJ0123456789",
        "GB91 JLWI 6459 0836 7638 06",
        "Card 5627 1315 0107 1068",
    ],
    "iban": ["GB29 NWBK 6016 1331 9268 18", "DE00 3704 0044 0532 0130 00", "ZZ89 3704 0044 0532 0130 00", "DE89 3704"],
    "card": ["4111 1111 1111 1112", "1234 5678 9012 3456", "ISBN 978-3-16-148410-0", "411111111111"],
    "email": ["@home", "price @ 3.50", "example.org"],
    "phone": [
        "12.03.2024",
        "2024-11-29",
        "2019-2024",
        "1.234.567",
        "Total 1,234.56 EUR",
        "12345",
        "10:30 - 11:45",
        "No. 1234567",
        "GB18 YRQH 7413 3722 7994 92",
    ],
    "plate": ["garden party", "Page 3 of 12", "1,234.56 EUR", "open 9-17", "Chapter IV", "A4"],
}


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in SPECIMENS.items() for text in texts])
def test_specimens(kind: str, text: str) -> None:
    """Each is seen as what it is."""
    assert IDENTIFIERS[kind](text)


@pytest.mark.parametrize(("kind", "text"), [(kind, text) for kind, texts in LOOKALIKES.items() for text in texts])
def test_what_only_looks_like_one(kind: str, text: str) -> None:
    """A wrong check digit, a date, an amount."""
    assert not IDENTIFIERS[kind](text)


def test_every_kind_is_tested() -> None:
    """The table and the specimens name the same kinds."""
    assert set(IDENTIFIERS) == set(SPECIMENS) == set(LOOKALIKES)


def test_a_changed_digit_of_a_zone_is_noticed() -> None:
    """Where nothing but check digits speaks for the line: any one date digit changed, and it is no zone any more."""
    line = "L898902C36UTO7408122F1204159ZE184226B1234510"
    for place in (13, 15, 18, 19, 21, 24, 26, 27):
        changed = line[:place] + str((int(line[place]) + 1) % 10) + line[place + 1 :]
        assert not IDENTIFIERS["mrz"](changed)

"""What a line of text may identify somebody by: one function per kind, text in, yes or no out.

What a check digit can confirm is only believed with it, also where the reader took a letter for the digit that it looks
like. Nothing of the text is kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["IDENTIFIERS"]

EMAIL = re.compile(r"[\w.+-]+ ?@ ?[\w-]+(?:\.[\w-]+)*\.[^\W\d_][\w-]+", re.IGNORECASE)
NUMBER = re.compile(r"(?<![\w,])(?<!\d\.)\+?\(?\d[\d ()/.–-]{4,}\d(?![\w,])")
DATE = re.compile(r"\d{1,2}([./ -])\d{1,2}\1(?:\d{2}|\d{4})|(?:19|20)\d\d([./ -])\d{1,2}\2\d{1,2}")
YEARS = re.compile(r"(?:19|20)\d\d ?[/–-] ?(?:19|20)\d\d")
FOURS = re.compile(r"(?:\d{4}[ -]){2,}\d{1,4}")  # as cards and accounts are grouped; no telephone's 12 digits are
THOUSANDS = re.compile(r"[1-9]\d{0,2}(?:[. ]\d{3})+")
PHONE_DIGITS = range(7, 16)  # ITU-T E.164: at most 15; shorter ones are short codes
CARD = re.compile(r"(?<!\w)[2-6](?:[ -]?[\dOQIlSBZ]){12,18}(?!\w)")
CARD_DIGITS = range(13, 20)  # ISO/IEC 7812-1
IBAN = re.compile(r"(?<!\w)[A-Z]{2}[ -]?[\dOI]{2}(?:[ -]?[A-Z\d]){11,30}")
# Characters of an IBAN by country (SWIFT's IBAN registry).
IBAN_LENGTHS = {
    **dict.fromkeys(("NO",), 15),
    **dict.fromkeys(("BE",), 16),
    **dict.fromkeys(("DK", "FI", "FO", "GL", "NL"), 18),
    **dict.fromkeys(("MK", "SI"), 19),
    **dict.fromkeys(("AT", "BA", "EE", "KZ", "LT", "LU", "XK"), 20),
    **dict.fromkeys(("CH", "HR", "LI", "LV"), 21),
    **dict.fromkeys(("BG", "BH", "CR", "DE", "GB", "GE", "IE", "ME", "RS", "VA"), 22),
    **dict.fromkeys(("AE", "GI", "IL", "IQ", "TL"), 23),
    **dict.fromkeys(("AD", "CZ", "ES", "MD", "PK", "RO", "SA", "SE", "SK", "TN", "VG"), 24),
    **dict.fromkeys(("PT", "ST"), 25),
    **dict.fromkeys(("IS", "TR"), 26),
    **dict.fromkeys(("FR", "GR", "IT", "MC", "MR", "SM"), 27),
    **dict.fromkeys(("AL", "AZ", "CY", "DO", "GT", "HU", "LB", "PL"), 28),
    **dict.fromkeys(("BR", "EG", "PS", "QA", "UA"), 29),
    **dict.fromkeys(("JO", "KW", "MU"), 30),
    **dict.fromkeys(("MT", "SC"), 31),
}
LOOKALIKES = str.maketrans("OQDIlZSB|", "000112581")  # letters that a reader takes a digit for
FILLERS = str.maketrans({"«": "<<", "‹": "<", "＜": "<", "|": "I", " ": None})
ZONE = re.compile(r"[A-Z0-9<]{20,48}")
# Lines of a machine-readable zone without fillers: their form, and the fields whose check digit follows, from, to (ICAO
# 9303, part 4 4.2.2, part 5 4.2.2, part 6 4.2.2, part 7 4.2.2). All of one row have to hold.
CHECKED = (
    (r".{10}[A-Z0<]{3}.{7}[MFX<].*", ((13, 19), (21, 27))),  # second of two: nationality, birth, sex, expiry
    (r".{7}[MFX<].{7}[A-Z0<]{3}.*", ((0, 6), (8, 14))),  # second of three
    (r"[ACI][A-Z0-9<][A-Z0<]{3}.{23,27}", ((5, 14),)),  # first of three: the number
)
WEIGHTS = (7, 3, 1)  # ICAO 9303, part 3, 4.9
PLATE = re.compile(
    r"(?<![\w-])(?:"
    r"[A-ZÄÖÜ]{1,3}[ -:·]{1,2}[A-Z]{1,2} ?\d{1,4}[EH]?"  # Germany
    r"|[A-Z]{2}\d{2} ?[A-Z]{3}"  # United Kingdom
    r"|[A-Z]{2}[ -]?\d{3}[ -]?[A-Z]{2}"  # France, Italy
    r"|\d{4}[ -]?[A-Z]{3}"  # Spain
    r"|(?=[A-Z0-9-]*\d)(?=[A-Z0-9-]*[A-Z])[A-Z0-9]{1,3}-[A-Z0-9]{2,3}-[A-Z0-9]{1,3}"  # Netherlands, Portugal
    r"|[A-Z]{2,3} ?\d{4,5}|[A-Z]{2,3} \d{2,3}[A-Z]{1,2}|[A-Z]{2} \d{4}[A-Z]{1,2}"  # Poland, Scandinavia, Switzerland
    r"|\d[A-Z]{3} ?\d{3}|[A-Z]{3}[ -]?\d{3,4}|\d{3}[ -]?[A-Z]{3}"  # United States
    r"|[A-Z]{3}\d[A-Z]\d{2}"  # Mercosur
    r"|[A-Z]{2}[ -]?\d{1,2}[ -]?[A-Z]{1,3}[ -]?\d{4}"  # India
    r")(?![\w-])"
)


def has_email(text: str) -> bool:
    """Whether an e-mail address is in the line."""
    return EMAIL.search(text) is not None


def has_phone(text: str) -> bool:
    """Whether a number is in the line that may be a telephone's: 7 to 15 digits (ITU-T E.164), no date, no amount."""
    return any(_is_phone(found[0].strip()) for found in NUMBER.finditer(text))


def has_iban(text: str) -> bool:
    """Whether an IBAN is in the line: a country's length, and the remainder 1 of 97 (ISO 13616, ISO 7064)."""
    return any(_is_iban(re.sub(r"[ -]", "", found[0])) for found in IBAN.finditer(text.upper()))


def has_card(text: str) -> bool:
    """Whether a card number is in the line: 13 to 19 digits (ISO/IEC 7812-1) whose check digit holds."""
    for found in CARD.finditer(text):
        ends = [at for at in range(1, len(found[0]) + 1) if found[0][at : at + 1] in ("", " ", "-")]
        numbers = (re.sub(r"[ -]", "", found[0][:end]).translate(LOOKALIKES) for end in ends)
        if any(len(number) in CARD_DIGITS and _luhn(number) for number in numbers):
            return True
    return False


def has_zone(text: str) -> bool:
    """Whether the line is one of a machine-readable zone: of names and fillers, or with check digits that hold."""
    line = text.translate(FILLERS).upper()
    if ZONE.fullmatch(line) is None:
        return False
    if "<<" in line and line.count("<") >= 4:
        return True
    return any(re.fullmatch(form, line) and all(_holds(line, *field) for field in row) for form, row in CHECKED)


def has_plate(text: str) -> bool:
    """Whether a group of capitals and digits in the line has the form of a number plate."""
    return PLATE.search(text) is not None


IDENTIFIERS: dict[str, Callable[[str], bool]] = {
    "email": has_email,
    "phone": has_phone,
    "iban": has_iban,
    "card": has_card,
    "mrz": has_zone,
    "plate": has_plate,
}


def _is_phone(text: str) -> bool:
    digits = re.sub(r"\D", "", text)
    if len(digits) not in PHONE_DIGITS or any(form.fullmatch(text) for form in (DATE, YEARS, THOUSANDS)):
        return False
    if text.startswith(("+", "0", "(")):
        return True
    if len(digits) >= 12 and FOURS.fullmatch(text):
        return False
    if digits == text:  # seven to nine digits in one may number anything
        return len(text) in (10, 11)
    return "." not in text or len(re.findall(r"\d+", text)) > 2  # 1234567.89 is an amount


def _is_iban(text: str) -> bool:
    length = IBAN_LENGTHS.get(text[:2], 0)
    if not length or len(text) < length:
        return False
    account = text[4:length]
    for body in (account, account.translate(LOOKALIKES), account[:4] + account[4:].translate(LOOKALIKES)):
        moved = body + text[:2] + text[2:4].translate(LOOKALIKES)
        if moved[-2:].isdigit() and int("".join(str(int(sign, 36)) for sign in moved)) % 97 == 1:
            return True
    return False


def _luhn(digits: str) -> bool:
    """Whether the check digit holds (ISO/IEC 7812-1, annex B)."""
    doubled = (sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])
    return (sum(map(int, digits[-1::-2])) + sum(doubled)) % 10 == 0


def _holds(line: str, start: int, end: int) -> bool:
    """Whether the check digit behind a field holds, as it was read or with digits for letters, or letters for them."""
    field, check = line[start:end], line[end : end + 1].translate(LOOKALIKES)
    if len(field) < end - start or not check.isdigit() or not field.strip("<"):
        return False
    if end - start == 6:  # a date
        field = field.translate(LOOKALIKES)
        plausible = field.isdigit() and int(field[2:4]) <= 12 and int(field[4:]) <= 31
        return plausible and _check_digit(field) == int(check)
    return int(check) in {
        _check_digit(field),
        _check_digit(field.replace("O", "0")),
        _check_digit(field.replace("0", "O")),
    }


def _check_digit(field: str) -> int:
    values = (0 if sign == "<" else int(sign, 36) for sign in field)
    return sum(value * WEIGHTS[place % 3] for place, value in enumerate(values)) % 10

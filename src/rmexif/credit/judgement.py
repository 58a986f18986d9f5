"""Whether a value may be kept: what is no plain text of its kind is dropped, and the reason has a name."""

from __future__ import annotations

import re
import unicodedata
from datetime import date
from enum import StrEnum

__all__ = [
    "NOTICE",
    "Reason",
    "Unfit",
    "digital_source_type",
    "dpi",
    "licence_url",
    "names",
    "plain_date",
    "plain_text",
]

MAX_MARKS = 3  # combining marks in a row: what any script needs
MAX_TOKEN = 40  # characters without a space that Latin letters and digits may form
MAX_NAMES = 20
DPI = (30, 9600)
YEARS = (1800, 2199)
LICENCES = ("creativecommons.org", "rightsstatements.org", "www.gnu.org", "opensource.org", "artlibre.org")
LICENCE_IN_TEXT = re.compile(
    r"\bhttps?://(?:" + "|".join(map(re.escape, LICENCES)) + r")/[A-Za-z0-9./\-]{1,80}+(?![\w?#&=%])"
)
LICENCE_URL = re.compile(r"https?://[a-z0-9\-]{1,63}(?:\.[a-z0-9\-]{1,63}){1,4}(?:/[A-Za-z0-9._\-]{0,80}){0,8}")
ADDRESS = re.compile(
    r"(?i:[a-z][a-z0-9+.\-]{1,20}:(?://|\\\\)|\b(?:www|ftp)\.|\b(?:mailto|javascript):|\bdata:\w+/|\burn:\w+:|\btel:\s?[+\d])"
    r"|[\w.+\-]@\w|(?i:\(at\)|\[at\])|\w\s@\s[\w\-]+\s?\.\s?\w"
    r"|\b[A-Za-z0-9\-]{2,63}\.(?:com|org|net|info|biz|io|app|dev|me|co|eu|de|fr|uk|it|es|nl|pl|se|ch|at|us|ru|cn|jp|br|in"
    r"|photo|photos|photography|studio|agency|art|gallery|camera|xyz|online|site|COM|ORG|NET|INFO|DE|EU)\b(?!\w)"
)
YEAR = r"(?:1[89]|20)\d\d"
DATES = re.compile(  # digits that are no phone number
    rf"\b(?:\d{{4}}[\-/.:]\d{{1,2}}[\-/.:]\d{{1,2}}|\d{{1,2}}[\-/.]\d{{1,2}}[\-/.]\d{{4}}|(?:{YEAR}[ ,/\-–]+)+{YEAR})\b"
)
PHONE = re.compile(r"\+\s?\d[\d ().\-/]{5,}\d|(?<![\d.])\(?\d(?:[ ().\-/]{0,2}\d){8,}")
COORDINATES = re.compile(
    r"\d{1,3}\.\d{3,}[^\d]{1,8}\d{1,3}\.\d{3,}"
    r"|\d{1,3}\s?[°º˚]\s?\d{1,2}"
    r"|\b\d{1,2}(?:\.\d+)?\s?[NS][ ,/]{1,3}\d{1,3}(?:\.\d+)?\s?[EWO]\b"
)
NOTICE = re.compile(r"\s*(?:©|\(c\)|copyright\b)", re.IGNORECASE)  # how a comment begins that is one
TOKEN = re.compile(r"[A-Za-z0-9+/=_\-]+")
HEXADECIMAL = re.compile(r"(?=[0-9a-f\-]*[a-f])(?=[0-9a-f\-]*\d)[0-9a-f]{4}[0-9a-f\-]{12,}", re.IGNORECASE)
OPAQUE = re.compile(r"(?=.*[a-z])(?=.*[A-Z])(?=.*\d)[A-Za-z0-9+/=_]{20,}")
# Models have up to eight digits ("21081111RG"); serial numbers have more.
SERIAL = re.compile(r"\d{9,}|\b(?=(?:[A-Z\-]*\d){7})[A-Z0-9\-]{11,}")
NUMBER_IN_PATH = re.compile(r"\d{7,}")
DATE = re.compile(r"(\d{4})(?:[:\-./]?(\d\d)(?:[:\-./]?(\d\d))?)?(?=$|[ T:])")
SOURCE_TYPES = (  # IPTC NewsCodes digitalsourcetype; of several the first one counts
    "trainedAlgorithmicMedia",
    "compositeWithTrainedAlgorithmicMedia",
    "compositeSynthetic",
    "algorithmicMedia",
    "algorithmicallyEnhanced",
    "virtualRecording",
    "digitalArt",
    "digitalCreation",
    "dataDrivenMedia",
    "compositeCapture",
    "composite",
    "humanEdits",
    "minorHumanEdits",
    "softwareImage",
    "computationalCapture",
    "screenCapture",
    "multiFrameComputationalCapture",
    "digitalCapture",
    "negativeFilm",
    "positiveFilm",
    "print",
)
SOURCE_TYPE_PREFIX = "http://cv.iptc.org/newscodes/digitalsourcetype/"


class Reason(StrEnum):
    """Why a value was dropped; the value is what reports say."""

    LENGTH = "longer than its field may be"
    CONTROL = "control characters"
    HIDDEN = "hidden, private or bidirectional characters"
    ADDRESS = "an address, an e-mail or a phone number"
    COORDINATES = "coordinates"
    OPAQUE = "an opaque code"
    FORM = "not of the form of its field"
    ENCODING = "no text in its encoding"
    FORMAT = "the format of the output holds none"


class Unfit(Exception):
    """A value that is not kept.

    Args:
        reason: why.
    """

    def __init__(self, reason: Reason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def plain_text(text: str, most: int) -> str:
    """A text in NFC with single spaces.

    Args:
        text: as it was read.
        most: characters.

    Raises:
        Unfit: it is longer, or holds what is no plain text: see ``Reason``.
    """
    if len(text) > 4 * most:
        raise Unfit(Reason.LENGTH)
    text = " ".join(unicodedata.normalize("NFC", text).split())
    if not text:
        raise Unfit(Reason.FORM)
    if len(text) > most:
        raise Unfit(Reason.LENGTH)
    _check_characters(text)
    words = LICENCE_IN_TEXT.sub(" ", text)
    if ADDRESS.search(words) or PHONE.search(DATES.sub(",", words)):
        raise Unfit(Reason.ADDRESS)
    if COORDINATES.search(words):
        raise Unfit(Reason.COORDINATES)
    if any(_is_opaque(token) for token in TOKEN.findall(words)):
        raise Unfit(Reason.OPAQUE)
    return text


def names(text: str, most: int) -> str:
    """Names with "; " between them (MWG 2.0, 5.2); as ``plain_text``."""
    found = [" ".join(name.split()) for name in text.split(";")]
    found = [name for name in dict.fromkeys(found) if name]
    if len(found) > MAX_NAMES:
        raise Unfit(Reason.LENGTH)
    return plain_text("; ".join(found), most)


def device(text: str, most: int) -> str:
    """The name of a maker or a model: a text without a serial number."""
    text = plain_text(text, most)
    if SERIAL.search(text):
        raise Unfit(Reason.OPAQUE)
    return text


def licence_url(text: str, most: int) -> str:
    """The URL of a licence: a host and a path, without a query, a fragment, a port or a user.

    Raises:
        Unfit: it is another one, or longer, or a part of the path is an opaque code.
    """
    url = text.strip()
    if len(url) > most:
        raise Unfit(Reason.LENGTH)
    if not LICENCE_URL.fullmatch(url):
        raise Unfit(Reason.FORM)
    if any(_is_opaque(token) or NUMBER_IN_PATH.search(token) for token in url.partition("//")[2].split("/")):
        raise Unfit(Reason.OPAQUE)
    return url


def plain_date(text: str, most: int) -> str:
    """A date as YYYY, YYYY-MM or YYYY-MM-DD, as far as it is known; without a time.

    Raises:
        Unfit: there is none, or it is no day of the calendar.
    """
    found = DATE.match(text.strip()[:most])
    if found is None:
        raise Unfit(Reason.FORM)
    year, month, day = (int(part or 0) for part in found.groups())
    try:
        date(year, month or 1, day or 1)
    except ValueError:
        raise Unfit(Reason.FORM) from None
    if not YEARS[0] <= year <= YEARS[1]:
        raise Unfit(Reason.FORM)
    if not month:
        return f"{year:04}"
    return f"{year:04}-{month:02}-{day:02}" if day else f"{year:04}-{month:02}"


def dpi(text: str, most: int) -> str:
    """Pixels per inch of both directions, a whole number.

    Raises:
        Unfit: it is none between 30 and 9600.
    """
    number = text.strip()[:most]
    if not number.isdecimal() or not number.isascii() or not DPI[0] <= int(number) <= DPI[1]:
        raise Unfit(Reason.FORM)
    return str(int(number))


def digital_source_type(text: str, most: int) -> str:
    """The name of a digital source type of IPTC's, alone or behind the URL of the list.

    Raises:
        Unfit: the list has no such name.
    """
    name = text.strip()[:most].replace("https://", "http://", 1).removeprefix(SOURCE_TYPE_PREFIX)
    if name not in SOURCE_TYPES:
        raise Unfit(Reason.FORM)
    return name


def _check_characters(text: str) -> None:
    """Refuse what nobody sees, and what changes the order of what is seen."""
    marks = 0
    for sign in text:
        category = unicodedata.category(sign)
        if category == "Cc":
            raise Unfit(Reason.CONTROL)
        is_selector = 0xFE00 <= ord(sign) <= 0xFE0F or 0xE0100 <= ord(sign) <= 0xE01EF
        blank = sign in "\u115f\u1160\u3164\uffa0\u2800\u034f\u17b4\u17b5\ufffc\ufffd"
        marks = marks + 1 if category in ("Mn", "Me") else 0
        if category in ("Cf", "Co", "Cn", "Cs") or is_selector or blank or marks > MAX_MARKS:
            raise Unfit(Reason.HIDDEN)


def _is_opaque(token: str) -> bool:
    """Whether a run of letters and digits is a code rather than a word: Base64, hexadecimal, an identifier."""
    return len(token) > MAX_TOKEN or bool(OPAQUE.search(token) or HEXADECIMAL.search(token))

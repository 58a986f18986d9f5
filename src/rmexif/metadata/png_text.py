"""Texts with keywords, as PNG has them (PNG, third edition, 11.3.3), and the profile name beside them (11.3.2.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.metadata import tags
from rmexif.metadata.findings import text_of
from rmexif.metadata.packing import MAX_UNPACKED
from rmexif.types import Category, Packing, PayloadKind

if TYPE_CHECKING:
    from rmexif.metadata.findings import FindingsBuilder

__all__ = ["RAW_PROFILE", "raw_profile", "read_iccp", "read_itxt", "read_text", "read_ztxt"]

MAX_KEYWORD = 79  # byte (11.3.3.2)
RAW_PROFILE = "Raw profile type "  # beginning of ImageMagick's keywords
RAW_PROFILES: dict[str, PayloadKind | None] = {
    "exif": PayloadKind.EXIF,
    "app1": None,  # Exif or XMP
    "iptc": PayloadKind.IPTC,
    "8bim": PayloadKind.IPTC,
    "xmp": PayloadKind.XMP,
    "icc": PayloadKind.ICC,
    "icm": PayloadKind.ICC,
}
NOT_HEX = bytes(set(range(256)) - set(b"0123456789ABCDEFabcdef"))


def read_text(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """TEXt (11.3.3.2), or a text without a keyword."""
    keyword, separator, text = payload.partition(b"\0")
    if separator and len(keyword) <= MAX_KEYWORD:
        _read_keyword(findings, keyword, text, where)
    else:
        findings.add(where, Category.TEXT, len(payload), text_of(payload))


def read_ztxt(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """ZTXt (11.3.3.3): keyword, method, zlib stream."""
    keyword, _, packed = payload.partition(b"\0")
    text = findings.unpack(Packing.ZLIB, packed[1:], where)
    if text is not None:
        _read_keyword(findings, keyword, text, where)


def read_itxt(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """ITXt (11.3.3.4): keyword, flag, method, language, translated keyword, text."""
    keyword, _, rest = payload.partition(b"\0")
    flag, (language, _, rest) = rest[:1], rest[2:].partition(b"\0")
    translated, _, text = rest.partition(b"\0")
    for label, extra in (("language", language), ("translated keyword", translated)):
        if extra:
            findings.add(f"{where}/{label}", Category.TEXT, len(extra), text_of(extra))
    plain = findings.unpack(Packing.ZLIB, text, where) if flag == b"\1" else text
    if plain is not None:
        _read_keyword(findings, keyword, plain, where)


def read_iccp(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """ICCP (11.3.2.3): name, method, zlib stream."""
    name, _, packed = payload.partition(b"\0")
    findings.add(f"{where}/name", Category.TEXT, len(name), text_of(name))
    findings.nest(PayloadKind.ICC, packed[1:], f"{where}/ICC", Packing.ZLIB)


def _read_keyword(findings: FindingsBuilder, keyword: bytes, text: bytes, where: str) -> None:
    """A text with a keyword; some keywords mean that it is another payload."""
    word = text_of(keyword)
    if word == "XML:com.adobe.xmp":
        findings.nest(PayloadKind.XMP, text, f"{where}/XMP")
    elif word.startswith(RAW_PROFILE):
        _read_raw_profile(findings, word.removeprefix(RAW_PROFILE).lower(), text, where)
    elif row := tags.KEYWORDS.get(word.lower()):
        findings.add(f"{where}/{row[0]}", row[1], len(text), text_of(text))
    else:
        findings.add(where, Category.TEXT, len(keyword) + len(text), f"{word}: {text_of(text)}")


def _read_raw_profile(findings: FindingsBuilder, name: str, text: bytes, where: str) -> None:
    """A payload in hexadecimal digits behind its name and length, as ImageMagick writes it into PNG."""
    kind, data = raw_profile(name, text)
    findings.nest(kind, data, f"{where}/{tags.TITLES.get(kind, 'profile')}")


def raw_profile(name: str, text: bytes) -> tuple[PayloadKind, bytes]:
    """What a text with the keyword ``RAW_PROFILE`` + ``name`` holds."""
    kind = RAW_PROFILES.get(name, PayloadKind.UNKNOWN)
    digits = text[:MAX_UNPACKED].lstrip().partition(b"\n")[2].lstrip().partition(b"\n")[2].translate(None, NOT_HEX)
    data = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
    if kind is None:
        kind = PayloadKind.XMP if data.startswith(b"http:") else PayloadKind.EXIF
    return kind, data

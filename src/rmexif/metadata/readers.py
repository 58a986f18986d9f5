"""One reader for each kind of payload; any bytes in, findings out, bounded."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

from rmexif.errors import MalformedImage
from rmexif.metadata import tags
from rmexif.metadata.findings import FindingsBuilder
from rmexif.types import Category, PayloadKind

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.metadata.packing import ReadBudget
    from rmexif.types import Finding, Packing, Part

__all__ = ["READERS", "explain", "read_picture", "reader"]


def explain(part: Part, body: bytes, values: bool = False, budget: ReadBudget | None = None) -> list[Finding]:
    """What a part gives away; at least one finding, never an exception.

    Args:
        part: what the bytes are; findings continue its label: "APP1" gives "APP1/Exif/GPS/GPSPosition".
        body: the payload of the part.
        values: whether findings carry what was found, as printable text of at most 200 characters.
        budget: of the file; by default that of a file with this part alone.
    """
    where, kind = part.label, part.payload or PayloadKind.UNKNOWN
    title = tags.TITLES.get(kind)
    if title and title.lower() not in where.rpartition("/")[2].lower():
        where = f"{where}/{title}"
    findings = FindingsBuilder(where, values, _read, budget)
    if part.entry:
        from rmexif.metadata import exif

        exif.read_value(findings, part.entry, body, where)
    else:
        _read(findings, kind, body, where, part.packing)
    if findings.empty:
        findings.add(where, Category.UNKNOWN, len(body))
    return findings.build()


def _read(findings: FindingsBuilder, kind: PayloadKind, payload: bytes, where: str, packing: Packing | None) -> None:
    """Hand a payload to its reader; one that is broken is a finding behind those that were read before."""
    if packing:
        unpacked = findings.unpack(packing, payload, where)
        if unpacked is not None:
            findings.nest(kind, unpacked, where)
        return
    if kind not in UNREAD and not findings.may_read(payload, where):
        return
    try:
        reader(kind)(findings, payload, where)
    except MalformedImage:
        findings.add(f"{where}/broken", Category.UNKNOWN, len(payload))


def read_picture(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Another picture, or a film, of what the picture shows."""
    findings.add(where, Category.EMBEDDED_IMAGE, len(payload))


# What is counted, or looked at from its head alone.
UNREAD = frozenset({PayloadKind.PICTURE, PayloadKind.VIDEO, PayloadKind.TRAILER, PayloadKind.UNKNOWN})

# Module and function; loaded on first use, because most files hold few kinds.
READERS: dict[PayloadKind, tuple[str, str]] = {
    PayloadKind.EXIF: ("exif", "read"),
    PayloadKind.MPF: ("exif", "read_mpf"),
    PayloadKind.XMP: ("xmp", "read"),
    PayloadKind.IPTC: ("iptc", "read"),
    PayloadKind.JUMBF: ("c2pa", "read"),
    PayloadKind.ICC: ("icc_profile", "read"),
    PayloadKind.TEXT: ("png_text", "read_text"),
    PayloadKind.PNG_ZTXT: ("png_text", "read_ztxt"),
    PayloadKind.PNG_ITXT: ("png_text", "read_itxt"),
    PayloadKind.PNG_ICCP: ("png_text", "read_iccp"),
    PayloadKind.TRAILER: ("trailer", "read_trailer"),
    PayloadKind.PICTURE: ("readers", "read_picture"),
    PayloadKind.VIDEO: ("readers", "read_picture"),
    PayloadKind.UNKNOWN: ("trailer", "read_unknown"),
}


def reader(kind: PayloadKind) -> Callable[[FindingsBuilder, bytes, str], None]:
    """What reads payloads of a kind."""
    module, name = READERS.get(kind, READERS[PayloadKind.UNKNOWN])
    found: Callable[[FindingsBuilder, bytes, str], None] = getattr(import_module(f"rmexif.metadata.{module}"), name)
    return found

"""Bytes behind the end of a picture, and bytes of no stated kind: named by their signatures."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.metadata import tags
from rmexif.metadata.findings import text_of
from rmexif.types import Category, PayloadKind

if TYPE_CHECKING:
    from rmexif.metadata.findings import FindingsBuilder

__all__ = ["read_trailer", "read_unknown"]

WINDOW = 4 << 20  # byte at either end of a trailer that are searched
END = 64  # byte: where a signature of the end may stand
# Beginnings by which a payload of unknown kind is known
SIGNATURES = (
    (b"Exif\0\0", PayloadKind.EXIF),
    (b"II*\0", PayloadKind.EXIF),
    (b"MM\0*", PayloadKind.EXIF),
    (b"http://ns.adobe.com/x", PayloadKind.XMP),
    (b"<?xpacket", PayloadKind.XMP),
    (b"<x:xmpmeta", PayloadKind.XMP),
    (b"Photoshop 3.0\0", PayloadKind.IPTC),
    (b"8BIM", PayloadKind.IPTC),
    (b"JP\0\1", PayloadKind.JUMBF),
    (b"ICC_PROFILE\0", PayloadKind.ICC),
    (b"\xff\xd8\xff", PayloadKind.PICTURE),
    (b"\x89PNG\r\n\x1a\n", PayloadKind.PICTURE),
    (b"\0\0\0\x18ftyp", PayloadKind.TRAILER),
    (b"\0\0\0\x20ftyp", PayloadKind.TRAILER),
    (b"PK\3\4", PayloadKind.TRAILER),
    (b"%PDF-", PayloadKind.TRAILER),
)


def read_trailer(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Add what the signatures in a trailer stand for."""
    searched = payload[:WINDOW] + payload[-WINDOW:] if len(payload) > 2 * WINDOW else payload

    def has(signature: bytes, place: int | str) -> bool:
        """Whether a signature stands at its place."""
        if isinstance(place, int):
            return payload.startswith(signature, place)
        return signature in (payload[-END:] if place == "end" else searched)

    found = {(name, category): None for name, category, signature, place in tags.TRAILERS if has(signature, place)}
    for name, category in found:
        findings.add(f"{where}/{name}", category, len(payload))
    if not found and not any(payload):
        findings.add(f"{where}/zeros", Category.UNKNOWN, len(payload))
    elif not found:
        findings.add(where, Category.UNKNOWN, len(payload), text_of(payload))


def read_unknown(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Read a payload as what it begins with."""
    for signature, kind in SIGNATURES:
        if payload.startswith(signature):
            findings.nest(kind, payload, f"{where}/{tags.TITLES.get(kind, kind.value)}")
            return
    findings.add(where, Category.UNKNOWN, len(payload), text_of(payload))

"""An XMP packet (ISO 16684-1), scanned as text: no XML parser, no entities, no fetches, linear time."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rmexif.metadata.tags import NAMESPACES, XMP, XMP_PREFIXES
from rmexif.types import Category

if TYPE_CHECKING:
    from rmexif.metadata.findings import FindingsBuilder

__all__ = ["read"]

HEADS = (b"http://ns.adobe.com/xap/1.0/\0", b"http://ns.adobe.com/xmp/extension/\0")  # APP1 (part 3, 1.1.3)
EXTENDED = 32 + 4 + 4  # bytes behind the second: digest, full length, offset
MAX_BYTES = 8 << 20
MAX_NESTING = 64

# Possessive quantifiers and the look-behind keep both linear in the length of any text.
TAG = re.compile(r"<(/?)([\w:.\-]{1,200}+)([^<>]*+)>")
ATTRIBUTE = re.compile(r"(?<![\w:.\-])([\w:.\-]{1,200}+)\s{0,20}+=\s{0,20}+(\"[^\"]*\"|'[^']*')")
DEGREES = re.compile(r"(\d{1,3}),(\d{1,2}(?:\.\d{1,12})?)(?:,(\d{1,2}(?:\.\d{1,12})?))?([NSEW])")
SYNTAX = {"rdf:about", "rdf:parseType", "xml:lang", "rdf:datatype", "rdf:resource", "rdf:nodeID", "rdf:ID"}


def read(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Add what every property says, under its usual name, and what lies behind the packet.

    Args:
        findings: takes the findings.
        payload: a packet, with or without the head that it has in a JPEG file.
        where: path of the packet.
    """
    body = payload[: MAX_BYTES + 1]
    for head, skip in zip(HEADS, (0, EXTENDED), strict=True):
        if body.startswith(head):
            body = body[len(head) + skip :]
    text = _decode(body)
    reading = _PacketReading(findings, where)
    reading.run(text)
    if not reading.found:
        findings.add(where, Category.TEXT, len(payload), text)
    if (trailer := text.rpartition("<?xpacket end")) and trailer[1]:
        behind = trailer[2].partition("?>")[2].strip("\0 \r\n\t")
        if behind:
            findings.add(f"{where}/behind the packet", Category.UNKNOWN, len(behind.encode("utf-8", "replace")), behind)
    if len(payload) > MAX_BYTES:
        findings.add(f"{where}/beyond the limit", Category.UNKNOWN, len(payload) - MAX_BYTES)


def _decode(body: bytes) -> str:
    """The packet as text; UTF-16 and UTF-32 are known by their zeros (part 1, 7.3.2)."""
    head = body[:400]
    if head.count(0) * 3 > len(head):
        wide = "utf-32" if head.count(0) * 3 > 2 * len(head) else "utf-16"
        order = "-le" if head[:1] not in (b"\0", b"\xfe") else "-be"
        return body.decode(wide + order, "replace")
    return body.decode("utf-8", "replace")


class _PacketReading:
    """One pass over the tags of a packet."""

    def __init__(self, findings: FindingsBuilder, where: str) -> None:
        self.findings = findings
        self.where = where
        self.found = False
        self.prefixes: dict[str, str] = {}
        self.stack: list[str] = []
        self.place: dict[str, str] = {}

    def run(self, text: str) -> None:
        """Add attributes as they come, and texts at the end tag behind them."""
        last = 0
        for tag in TAG.finditer(text):
            if not self.findings.may_read_tag():
                self.findings.add(f"{self.where}/beyond the limit", Category.UNKNOWN, len(text) - last)
                break
            closing, name, rest = tag.groups()
            inner = text[last : tag.start()].strip() if closing else ""
            last = tag.end()
            if closing:
                if inner:
                    self.add(self.owner(), inner, len(inner.encode("utf-8", "replace")))
                if self.stack:
                    self.stack.pop()
                continue
            self.attributes(rest)
            if not rest.endswith("/") and len(self.stack) < MAX_NESTING:
                self.stack.append(self.usual(name))
        if len(self.place) == 2:
            self.findings.add(f"{self.where}/GPSPosition", Category.LOCATION, 0, self.position())

    def attributes(self, rest: str) -> None:
        """Declarations of namespaces are kept; everything else is a property with its value."""
        for match in ATTRIBUTE.finditer(rest):
            if not self.findings.may_read_tag():
                return
            name, value = match[1], match[2][1:-1]
            if name.startswith("xmlns:"):
                self.prefixes[name[6:]] = NAMESPACES.get(value, "")
            elif name not in SYNTAX and value:
                self.add(self.usual(name), value, len(value.encode("utf-8", "replace")))
            elif name in ("rdf:about", "rdf:resource") and value:
                self.add(self.owner() or name, value, len(value.encode("utf-8", "replace")))

    def usual(self, name: str) -> str:
        """A qualified name with the usual prefix of its namespace; a prefix that is not declared is taken as usual."""
        prefix, colon, local = name.partition(":")
        return f"{self.prefixes.get(prefix, prefix)}:{local}" if colon else name

    def owner(self) -> str:
        """The innermost open element that is a property and not RDF."""
        return next((name for name in reversed(self.stack) if not name.startswith(("rdf:", "x:"))), "")

    def add(self, name: str, value: str, length: int) -> None:
        """Add one value; a property of no known namespace keeps its name among the values."""
        self.found = True
        prefix = name.partition(":")[0]
        label, category = XMP.get(name) or XMP_PREFIXES.get(prefix) or ("property", Category.UNKNOWN)
        if label == "property":
            value = f"{name}: {value}"
        if name in ("exif:GPSLatitude", "exif:GPSLongitude"):
            self.place[name] = value
        self.findings.add(f"{self.where}/{label}", category, length, value)

    def position(self) -> str | None:
        """Latitude and longitude in degrees, from "50,5.2N" (part 2, 1.2.7.4: GPSCoordinate)."""
        out = []
        for name in ("exif:GPSLatitude", "exif:GPSLongitude"):
            match = DEGREES.fullmatch(self.place[name])
            if not match:
                return None
            degrees = int(match[1]) + float(match[2]) / 60 + float(match[3] or 0) / 3600
            out.append(-degrees if match[4] in "SW" else degrees)
        return f"{out[0]:.6f}, {out[1]:.6f}"

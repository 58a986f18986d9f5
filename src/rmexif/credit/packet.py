"""XMP packets (ISO 16684-1): the properties that are wanted, read by expat without entities, and a canonical packet."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.parsers import expat
from xml.sax.saxutils import escape

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence
    from typing import Literal

__all__ = ["NAMESPACES", "read_packet", "write_packet"]

RDF = "http://www.w3.org/1999/02/22-rdf-syntax-ns#"
XML = "http://www.w3.org/XML/1998/namespace"
NAMESPACES = {  # prefix -> namespace (ISO 16684-1; IPTC Photo Metadata Standard 2023.1; ccREL)
    "Iptc4xmpCore": "http://iptc.org/std/Iptc4xmpCore/1.0/xmlns/",
    "Iptc4xmpExt": "http://iptc.org/std/Iptc4xmpExt/2008-02-29/",
    "cc": "http://creativecommons.org/ns#",
    "dc": "http://purl.org/dc/elements/1.1/",
    "exif": "http://ns.adobe.com/exif/1.0/",
    "photoshop": "http://ns.adobe.com/photoshop/1.0/",
    "tiff": "http://ns.adobe.com/tiff/1.0/",
    "xmp": "http://ns.adobe.com/xap/1.0/",
    "xmpRights": "http://ns.adobe.com/xap/1.0/rights/",
}
PREFIXES = {namespace: prefix for prefix, namespace in NAMESPACES.items()}
HEAD = b"http://ns.adobe.com/xap/1.0/\0"  # before a packet in a JPEG segment (ISO 16684-3, 1.1.3)
MAX_BYTES = 4 << 20
MAX_DEPTH = 64
MAX_ELEMENTS = 50_000
MAX_VALUES = 200  # of all properties
MAX_TEXT = 10_000  # characters of one value: more than any field may have
BEGIN = '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?>'
END = '<?xpacket end="r"?>'
DESCRIPTION, RESOURCE = f"{RDF} Description", f"{RDF} resource"
ARRAYS = {f"{RDF} {name}" for name in ("Alt", "Seq", "Bag")}
ITEM = f"{RDF} li"


def read_packet(payload: bytes) -> dict[str, list[str]]:
    """The texts of every known top-level property, by its name with the usual prefix; nothing where it is no packet.

    Of alternatives in languages the default one comes first (ISO 16684-1, 8.2.2.4).
    """
    body = payload.removeprefix(HEAD).strip(b"\0 \r\n\t")
    if not body or len(body) > MAX_BYTES:
        return {}
    reading = _PacketReading()
    try:
        reading.parser.Parse(body, True)
    except (expat.ExpatError, _Refused, ValueError, LookupError):  # the encoding may be made up
        return {}
    return reading.found


class _Refused(Exception):
    """A document type, or elements too deep or too many."""


class _PacketReading:
    """Follows elements by their depth below ``rdf:RDF``: 1 a description, 2 a property, 3 an array, 4 an item."""

    def __init__(self) -> None:
        self.parser = expat.ParserCreate(namespace_separator=" ")
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.StartDoctypeDeclHandler = self.refuse
        self.found: dict[str, list[str]] = {}
        self.count = self.elements = 0
        self.path: list[str] = []
        self.first = 0  # depth of rdf:RDF, 0 outside
        self.current: str | None = None  # the property that texts belong to
        self.is_default = False
        self.pieces: list[str] = []
        self.length = 0

    def refuse(self, *_: object) -> None:
        raise _Refused

    def start(self, name: str, attributes: dict[str, str]) -> None:
        self.path.append(name)
        self.elements += 1
        if len(self.path) > MAX_DEPTH or self.elements > MAX_ELEMENTS:
            raise _Refused
        self.pieces, self.length = [], 0
        if name == f"{RDF} RDF" and not self.first:
            self.first = len(self.path)
            return
        level = len(self.path) - self.first if self.first else 0
        if level == 1 and name == DESCRIPTION:
            for key, value in attributes.items():
                self.add(_usual(key), value)
        elif level == 2 and self.path[self.first] == DESCRIPTION:
            self.current = _usual(name)
            if RESOURCE in attributes:
                self.add(self.current, attributes[RESOURCE])
        elif level == 4:
            self.is_default = attributes.get(f"{XML} lang") == "x-default"

    def text(self, data: str) -> None:
        room = MAX_TEXT - self.length
        if self.current and room > 0:
            self.pieces.append(data[:room])
            self.length += len(data)

    def end(self, name: str) -> None:
        level = len(self.path) - self.first if self.first else 0
        text = "".join(self.pieces)
        is_item = level == 4 and name == ITEM and self.path[-2] in ARRAYS
        if self.current and (is_item or level == 2) and text.strip():
            self.add(self.current, text, first=is_item and self.is_default)
        self.pieces, self.length = [], 0
        if level == 2:
            self.current = None
        elif level == 4:
            self.is_default = False
        self.path.pop()
        if self.first > len(self.path):
            self.first = 0

    def add(self, name: str | None, text: str, *, first: bool = False) -> None:
        if name is None or self.count >= MAX_VALUES:
            return
        self.count += 1
        texts = self.found.setdefault(name, [])
        texts.insert(0 if first else len(texts), text[:MAX_TEXT])


def _usual(name: str) -> str | None:
    """A qualified name with the usual prefix; None for other namespaces."""
    namespace, _, local = name.rpartition(" ")
    prefix = PREFIXES.get(namespace)
    return f"{prefix}:{local}" if prefix else None


def write_packet(
    properties: Iterable[tuple[str, Literal["text", "languages", "list"], Sequence[str]]],
) -> bytes:
    """A read-only packet: elements in the order of their names, namespaces in use alone (ISO 16684-1, 7).

    Args:
        properties: names with the usual prefix, forms, and values, of which only a list has several.
    """
    elements, prefixes = [], set[str]()
    for name, form, values in sorted(properties):
        prefixes.add(name.partition(":")[0])
        if form == "text":
            inner = escape(values[0])
        else:
            array, language = ("rdf:Seq", "") if form == "list" else ("rdf:Alt", ' xml:lang="x-default"')
            items = "".join(f"<rdf:li{language}>{escape(value)}</rdf:li>" for value in values)
            inner = f"<{array}>{items}</{array}>"
        elements.append(f"<{name}>{inner}</{name}>")
    spaces = "".join(f' xmlns:{prefix}="{NAMESPACES[prefix]}"' for prefix in sorted(prefixes))
    packet = (
        f'{BEGIN}<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:RDF xmlns:rdf="{RDF}"><rdf:Description rdf:about=""{spaces}>'
        f"{''.join(elements)}</rdf:Description></rdf:RDF></x:xmpmeta>{END}"
    )
    return packet.encode()

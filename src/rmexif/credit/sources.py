"""What the metadata of a file says about the fields of the table: texts by standard and key, not yet judged."""

from __future__ import annotations

import hashlib
import re
import struct
from collections import Counter
from typing import TYPE_CHECKING, Any

from rmexif.containers.common.exif_block import entries_by_tag, first_ifd
from rmexif.credit import judgement
from rmexif.credit.packet import read_packet
from rmexif.credit.table import FIELDS
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.metadata import iptc, png_text
from rmexif.metadata.packing import ReadBudget, unpack
from rmexif.types import Limits, Packing, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterator

    from rmexif.cursor import ByteOrder
    from rmexif.types import Container, Part

__all__ = ["RESOLUTION", "Sources", "read_sources"]

EXIF_IFD, COPYRIGHT = 34665, 33432
X_RESOLUTION, Y_RESOLUTION, UNIT = 282, 283, 296
RESOLUTION = X_RESOLUTION  # key of what the three say
XMP_RESOLUTION = ("XResolution", "YResolution", "ResolutionUnit")  # CIPA DC-010, table 3
FRACTION = re.compile(r"\d{1,9}(?:/\d{1,9})?")
PER_INCH = {2: 1.0, 3: 2.54}  # ResolutionUnit (TIFF 6.0, section 8)
RATIONAL, SHORT = 5, 3  # field types
IFD0_TAGS = frozenset(item.exif for item in FIELDS if item.exif) | {Y_RESOLUTION, UNIT}
EXIF_TAGS = frozenset(tag for item in FIELDS for tag in (item.read_first, *item.read_too) if isinstance(tag, int))
KEYWORDS = frozenset(keyword for item in FIELDS for keyword in item.png)
IIM_KEYS = {item.iim[0] for item in FIELDS if item.iim}
MAX_VALUE = 1 << 16  # byte: what is longer is too long for every field
MAX_UNPACKED = 4 << 20  # byte of one payload
MAX_PAYLOADS = 16  # of one kind
MAX_ENTRIES = 2_000  # of one IFD
MAX_PARTS = 500  # payloads that are read: what a picture of an honest writer has, a hundred times over
IIM_RESOURCE, DIGEST_RESOURCE = 0x0404, 0x0425
UTF8 = b"\x1b%G"  # IIM 4.2, 1:90
XMP_KEYWORD, MAX_KEYWORD = b"XML:com.adobe.xmp", 79
XMP_IN_GIF = b"XMP Data"  # ISO 16684-3, 1.1.2
GIF_TRAILER = 258  # byte: behind a packet in GIF, and the terminator
SOURCE_TYPE = re.compile(rb"cv\.iptc\.org/newscodes/digitalsourcetype/([A-Za-z]{3,50})")
PNG_UNIT_METRE, INCHES_PER_METRE = 1, 39.3700787


class Sources:
    """Texts by standard and key: tags of Exif, data sets of IPTC, properties of XMP, keywords of PNG texts.

    A text that is none in its encoding is None. The first block of a kind counts.
    """

    def __init__(self) -> None:
        self.texts: dict[tuple[str, Any], list[str | None]] = {}
        self.iim_is_newer = False  # its digest says that somebody changed it without XMP (MWG 2.0, 3.1)
        self._digest: bytes | None = None
        self._data_sets: bytes | None = None
        self._resolution: dict[int, float] = {}
        self._budget = ReadBudget(Limits())
        self._count: Counter[PayloadKind] = Counter()

    def add(self, standard: str, key: Any, texts: list[str | None]) -> None:
        """Take the texts of one key, unless it is known."""
        found = [text for text in texts if text is None or text.strip("\0 ")]
        if found:
            self.texts.setdefault((standard, key), found)

    def finish(self) -> None:
        """Combine what stood in several places."""
        across, down, unit = (self._resolution.get(tag) for tag in (X_RESOLUTION, Y_RESOLUTION, UNIT))
        if across and down:
            self._add_resolution("Exif", across, down, PER_INCH.get(int(unit or 2), 0))
        in_xmp = [self.texts.pop(("XMP", f"tiff:{name}"), [None])[0] for name in XMP_RESOLUTION]
        if in_xmp[0] and in_xmp[1]:
            across, down = _fraction(in_xmp[0]), _fraction(in_xmp[1])
            unit = _fraction(in_xmp[2] or "2")
            self._add_resolution("XMP", across, down, PER_INCH.get(int(unit), 0))
        if self._digest and self._data_sets is not None:
            actual = hashlib.md5(self._data_sets, usedforsecurity=False).digest()
            self.iim_is_newer = self._digest != actual

    def _add_resolution(self, standard: str, across: float, down: float, per_inch: float) -> None:
        numbers = {str(round(number * per_inch)) for number in (across, down)}
        if per_inch and len(numbers) == 1:
            self.add(standard, "tiff:XResolution" if standard == "XMP" else RESOLUTION, [numbers.pop()])

    def payload(self, kind: PayloadKind, body: bytes, packing: Packing | None = None) -> None:
        """Read a payload; one that is broken gives what was read before."""
        unpacked = self._unpacked(body, packing)
        self._count[kind] += 1
        if unpacked is None or self._count[kind] > MAX_PAYLOADS:
            return
        body = unpacked
        try:
            if kind is PayloadKind.EXIF:
                self._exif(body)
            elif kind is PayloadKind.IPTC:
                self._iptc(body)
            elif kind is PayloadKind.XMP:
                for name, texts in read_packet(body).items():
                    self.add("XMP", name, list(texts))
            elif kind is PayloadKind.JUMBF:
                self._c2pa(body)
        except MalformedImage:
            return

    def _unpacked(self, body: bytes, packing: Packing | None, most: int = MAX_UNPACKED) -> bytes | None:
        """A payload, unpacked up to what is left of the file's budget; None where it is none."""
        if packing is None:
            return body
        most = min(self._budget.packed, most)
        found = unpack(packing, body, most) if most > 0 else None
        self._budget.packed -= len(found or b"")
        return found

    def ifd_value(self, tag: int, field_type: int, order: ByteOrder, data: bytes) -> None:
        """Read the value of an entry of the first IFD or the Exif IFD."""
        if tag in (X_RESOLUTION, Y_RESOLUTION) and field_type == RATIONAL and len(data) >= 8:
            above, below = struct.unpack_from("<II" if order == "little" else ">II", data)
            self._resolution.setdefault(tag, above / below if below else 0.0)
        elif tag == UNIT and field_type == SHORT and len(data) >= 2:
            self._resolution.setdefault(tag, float(int.from_bytes(data[:2], order)))
        elif tag not in (X_RESOLUTION, Y_RESOLUTION, UNIT):
            text = data.rstrip(b"\0 ")
            # Exif 2.32, 4.6.4 D: the photographer's notice, NUL, and the editor's
            text = text.replace(b"\0", b"; ") if tag == COPYRIGHT else text.partition(b"\0")[0]
            self.add("Exif", tag, [_decoded(text, "utf-8", "cp1252")])

    def _exif(self, block: bytes) -> None:
        first = first_ifd(block)
        found = entries_by_tag(first, IFD0_TAGS | {EXIF_IFD}, MAX_ENTRIES)
        pointer = found.pop(EXIF_IFD, None)
        for tag, entry in found.items():
            self.ifd_value(tag, entry.field_type, entry.order, entry.data(MAX_VALUE))
        offset = pointer.number() if pointer else None
        if offset is not None and 0 < offset < len(first.view):
            below = Cursor(first.view, "exif IFD", offset, order=first.order)
            for tag, entry in entries_by_tag(below, EXIF_TAGS, MAX_ENTRIES).items():
                self.ifd_value(tag, entry.field_type, entry.order, entry.data(MAX_VALUE))

    def _iptc(self, payload: bytes) -> None:
        body = payload.removeprefix(iptc.PREFIX)
        if body[:1] == bytes([iptc.IIM_MARKER]):
            self._iim(body)
            return
        for number, _, data in iptc.resources(Cursor(memoryview(body), "photoshop resource block")):
            if number == IIM_RESOURCE:
                self._iim(bytes(data))
            elif number == DIGEST_RESOURCE and self._digest is None:
                self._digest = bytes(data)

    def _iim(self, body: bytes) -> None:
        if self._data_sets is not None:
            return
        self._data_sets = body
        encoding, found = "cp1252", dict[int, list[str | None]]()
        for record, number, data in iptc.data_sets(Cursor(memoryview(body), "iptc data set")):
            if (record, number) == (1, 90) and bytes(data[:3]) == UTF8:
                encoding = "utf-8"
            elif record == 2 and number in IIM_KEYS and len(data) <= MAX_VALUE:
                found.setdefault(number, []).append(_decoded(bytes(data), encoding))
        for number, texts in found.items():
            self.add("IPTC", number, texts)

    def _c2pa(self, payload: bytes) -> None:
        names = {name.decode() for name in SOURCE_TYPE.findall(payload)}
        known = [name for name in judgement.SOURCE_TYPES if name in names]
        self.add("C2PA", "digital-source-type", list(known[:1]))

    def png_text(self, part: Part, body: bytes) -> None:
        """Read a tEXt, zTXt or iTXt chunk (PNG, third edition, 11.3.3)."""
        keyword, separator, rest = body.partition(b"\0")
        if not separator or len(keyword) > MAX_KEYWORD:
            return
        packing, encoding = None, "latin-1"
        if part.payload is PayloadKind.PNG_ZTXT:
            packing, rest = Packing.ZLIB, rest[1:]
        elif part.payload is PayloadKind.PNG_ITXT:
            packing, encoding = (Packing.ZLIB if rest[:1] == b"\1" else None), "utf-8"
            rest = rest[2:].partition(b"\0")[2].partition(b"\0")[2]
        name = keyword.decode("latin-1").lower()
        if keyword == XMP_KEYWORD:
            self.payload(PayloadKind.XMP, rest, packing)
        elif name.startswith(png_text.RAW_PROFILE.lower()):
            text = self._unpacked(rest, packing)
            if text is not None:
                self.payload(*png_text.raw_profile(name.removeprefix(png_text.RAW_PROFILE.lower()), text))
        elif name in KEYWORDS:
            text = self._unpacked(rest, packing, MAX_VALUE)
            self.add("PNG text", name, [_decoded(text or b"", encoding)])

    def jfif(self, body: bytes) -> None:
        """Read unit and densities of a JFIF segment (JFIF 1.02)."""
        if len(body) >= 5:
            unit, across, down = struct.unpack_from(">BHH", body)
            self._add_resolution("JFIF", across, down, {1: 1.0, 2: 2.54}.get(unit, 0))

    def phys(self, body: bytes) -> None:
        """Read a pHYs chunk (PNG, third edition, 11.3.4.3)."""
        if len(body) == struct.calcsize(">IIB"):
            across, down, unit = struct.unpack(">IIB", body)
            self._add_resolution("pHYs", across, down, 1 / INCHES_PER_METRE if unit == PNG_UNIT_METRE else 0)

    def comment(self, text: str | None) -> None:
        """A comment of a GIF: a copyright notice where it begins as one, else a description."""
        is_notice = text is not None and judgement.NOTICE.match(text)
        self.add("GIF comment", "copyright" if is_notice else "description", [text])


def read_sources(view: memoryview, container: Container[Any]) -> Sources:
    """Read every payload of a file that holds metadata; bounded, and without an error of its own."""
    sources = Sources()
    parts = list(_wanted(container))[:MAX_PARTS]
    if container.format == "jpeg":  # image resources may go on in the next segment
        resources = [part.body(view) for part in parts if part.payload is PayloadKind.IPTC]
        sources.payload(PayloadKind.IPTC, b"".join(resources))
        parts = [part for part in parts if part.payload is not PayloadKind.IPTC]
    for part in parts:
        body = part.body(view)
        if container.format == "gif":
            _read_gif(sources, bytes(view[part.offset : part.end]))
        elif container.format == "png" and part.payload in (
            PayloadKind.TEXT,
            PayloadKind.PNG_ZTXT,
            PayloadKind.PNG_ITXT,
        ):
            sources.png_text(part, bytes(body))
        elif part.entry is not None:
            if part.entry.pointer in (0, EXIF_IFD) and part.length <= MAX_VALUE:
                order: ByteOrder = "little" if part.entry.order == "<" else "big"
                sources.ifd_value(part.entry.tag, part.entry.field_type, order, bytes(body))
        elif part.payload is PayloadKind.DENSITY:
            sources.jfif(bytes(body))
        elif container.format == "png" and bytes(view[part.offset + 4 : part.offset + 8]) == b"pHYs":
            sources.phys(bytes(body))
        elif part.payload is not None:
            sources.payload(part.payload, bytes(body), part.packing)
    sources.finish()
    return sources


READ = (Role.METADATA, Role.UNKNOWN, Role.ENCODING)  # a common density is no finding, and may be kept


def _wanted(container: Container[Any]) -> Iterator[Part]:
    """Parts that no clean file has, those of second pictures and what lies behind the first one apart."""
    return (part for part in container.parts if part.role in READ)


def _read_gif(sources: Sources, block: bytes) -> None:
    """An extension block: a comment, or XMP, which stands between the name and a trailer of 258 bytes."""
    if block[:2] == b"\x21\xfe":
        text, at = b"", 2
        while at < len(block) and (size := block[at]) and len(text) <= MAX_VALUE:
            text += block[at + 1 : at + 1 + size]
            at += 1 + size
        sources.comment(_decoded(text, "utf-8", "cp1252"))
    elif block[:2] == b"\x21\xff" and block[3:].startswith(XMP_IN_GIF):
        sources.payload(PayloadKind.XMP, block[14:-GIF_TRAILER])


def _decoded(data: bytes, *encodings: str) -> str | None:
    """The text in the first encoding that it is one of."""
    for encoding in encodings:
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    return None


def _fraction(text: str | None) -> float:
    """A number of XMP's, written with or without a denominator; 0 where it is none."""
    if text is None or not FRACTION.fullmatch(text.strip()):
        return 0.0
    above, _, below = text.strip().partition("/")
    return int(above) / int(below or 1) if int(below or 1) else 0.0

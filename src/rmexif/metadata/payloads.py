"""What a metadata payload says, for inspect: read, never obeyed; any bytes in, findings out, bounded."""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.orientation import EXIF_PREFIX
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.metadata import exif, tags, xmp
from rmexif.metadata.findings import FindingsBuilder, text_of
from rmexif.types import Category, Finding, Packing, Part, PayloadKind

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["explain"]

MAX_INFLATED = 8 << 20  # bytes of a compressed payload that are looked at
MAX_ITEMS = 5_000  # blocks, data sets or boxes of one payload
# Beginnings by which a payload of unknown kind is known
SIGNS = (
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
WINDOW = 4 << 20  # bytes at either end of a trailer that are searched
NOT_HEX = bytes(set(range(256)) - set(b"0123456789ABCDEFabcdef"))
IIM_MARKER = 0x1C  # IPTC-NAA IIM 4.2, 1.5
NESTED_RESOURCES = {
    0x0404: PayloadKind.IPTC,
    0x040F: PayloadKind.ICC,
    0x0422: PayloadKind.EXIF,
    0x0423: PayloadKind.EXIF,
    0x0424: PayloadKind.XMP,
}
TITLES = {
    PayloadKind.EXIF: "Exif",
    PayloadKind.XMP: "XMP",
    PayloadKind.IPTC: "IPTC",
    PayloadKind.JUMBF: "JUMBF",
    PayloadKind.ICC: "ICC",
    PayloadKind.MPF: "MPF",
}
RAW_PROFILES: dict[str, PayloadKind | None] = {
    "exif": PayloadKind.EXIF,
    "app1": None,  # Exif or XMP
    "iptc": PayloadKind.IPTC,
    "8bim": PayloadKind.IPTC,
    "xmp": PayloadKind.XMP,
    "icc": PayloadKind.ICC,
    "icm": PayloadKind.ICC,
}


def explain(part: Part, body: bytes, values: bool = False) -> list[Finding]:
    """What a part gives away; at least one finding, never an exception.

    Args:
        part: what the bytes are; findings continue its label: "APP1" gives "APP1/Exif/GPS/GPSPosition".
        body: the payload of the part.
        values: whether findings carry what was found, as printable text of at most 200 characters.
    """
    where, kind = part.label, part.payload or PayloadKind.UNKNOWN
    title = TITLES.get(kind)
    if title and title.lower() not in where.rpartition("/")[2].lower():
        where = f"{where}/{title}"
    notes = FindingsBuilder(where, values, _read)
    if part.entry:
        exif.read_value(notes, part.entry, body, where)
    else:
        _read(notes, kind, body, where, part.packing)
    if notes.empty:
        notes.add(where, Category.UNKNOWN, len(body))
    return notes.findings()


def _read(notes: FindingsBuilder, kind: PayloadKind, payload: bytes, where: str, packing: Packing | None) -> None:
    """Hand a payload to its reader; what is broken in it is noted where the reader stopped."""
    if packing:
        unpacked = UNPACK[packing](payload)
        if unpacked is None:
            notes.add(f"{where}/not readable", Category.UNKNOWN, len(payload))
        else:
            notes.nest(kind, unpacked, where)
        return
    try:
        READERS.get(kind, _unknown)(notes, payload, where)
    except MalformedImage:
        notes.add(f"{where}/broken", Category.UNKNOWN, len(payload))


def _inflate(payload: bytes) -> bytes | None:
    """The first MAX_INFLATED bytes of a zlib stream (RFC 1950); None where it is none."""
    try:
        return zlib.decompressobj().decompress(payload, MAX_INFLATED)
    except zlib.error:
        return None


def _unbrotli(payload: bytes) -> bytes | None:
    """The first bytes of a Brotli stream (RFC 7932); None where it is none."""
    import brotli

    try:
        out = bytes(brotli.Decompressor().process(payload, output_buffer_limit=MAX_INFLATED))
    except brotli.error:
        return None
    return out[:MAX_INFLATED]


def _exif(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """A TIFF block, wherever it starts: behind its prefix, or behind the offset that HEIF and JPEG XL put first."""
    if payload[4:10] == EXIF_PREFIX or payload[4:8] in (b"II*\0", b"MM\0*"):
        payload = payload[4:]
    exif.read(notes, payload, where)


def _mpf(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """A Multi-Picture index (CIPA DC-007)."""
    exif.read(notes, payload.removeprefix(b"MPF\0"), where, first="MPF")


def _iptc(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """Image resource blocks (Photoshop File Formats), or the data sets of IIM alone."""
    body = payload.removeprefix(b"Photoshop 3.0\0")
    if body[:1] == bytes([IIM_MARKER]):
        _iim(notes, body, where)
        return
    cursor = Cursor(memoryview(body), "8bim")
    for _ in range(MAX_ITEMS):
        if cursor.left < 12:
            break
        if cursor.bytes(4) not in (b"8BIM", b"AgHg", b"PHUT", b"MeSa", b"DCSR"):
            raise MalformedImage("8bim: no block starts here")
        number, length = cursor.u16(), cursor.u8()
        name = cursor.bytes(length)
        cursor.skip(min(cursor.left, 1 - length % 2))
        size = cursor.u32()
        data = cursor.take(size)
        cursor.skip(min(cursor.left, size % 2))
        _resource(notes, number, name, data, where)
    if cursor.left and any(cursor.take(cursor.left)):
        notes.add(f"{where}/surplus", Category.UNKNOWN, cursor.end - cursor.offset)


def _resource(notes: FindingsBuilder, number: int, name: bytes, data: memoryview, where: str) -> None:
    """One image resource block."""
    if name.strip(b"\0"):
        notes.add(f"{where}/resource name", Category.TEXT, len(name), text_of(name))
    if number in NESTED_RESOURCES:
        kind = NESTED_RESOURCES[number]
        notes.nest(kind, data, where if kind is PayloadKind.IPTC else f"{where}/{TITLES[kind]}")
        return
    row = tags.RESOURCES.get(number, (f"resource 0x{number:04X}", Category.UNKNOWN))
    if row is None:
        return
    label, category = row
    notes.add(f"{where}/{label}", category, len(data), None if category is Category.EMBEDDED_IMAGE else text_of(data))


def _iim(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """Data sets of IPTC-NAA IIM 4.2, 1.6."""
    cursor = Cursor(memoryview(payload), "iptc")
    for _ in range(MAX_ITEMS):
        if cursor.left < 5 or cursor.view[cursor.offset] != IIM_MARKER:
            break
        cursor.skip(1)
        record, number, size = cursor.u8(), cursor.u8(), cursor.u16()
        if size & 0x8000:  # extended data set: this is the length of the length
            size = cursor.uint(min(size & 0x7FFF, 8))
        data = cursor.take(size)
        row = tags.IIM.get((record, number), (f"data set {record}:{number}", Category.UNKNOWN))
        if row:
            notes.add(f"{where}/{row[0]}", row[1], size, None if row[1] is Category.EMBEDDED_IMAGE else text_of(data))
    rest = cursor.take(cursor.left)
    if any(rest):
        notes.add(f"{where}/surplus", Category.UNKNOWN, len(rest))


def _jumbf(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """JUMBF boxes (ISO 19566-5), as C2PA uses them; from a JPEG segment with or without its ``JP`` head."""
    if payload[:2] == b"JP":
        payload = payload[8:]
    budget = [MAX_ITEMS]
    _boxes(notes, Cursor(memoryview(payload), "jumbf"), where, "", budget)


def _boxes(notes: FindingsBuilder, cursor: Cursor, where: str, label: str, budget: list[int], depth: int = 0) -> None:
    """The boxes of one super box; the description (A.3) names the contents beside it."""
    category = Category.PROVENANCE
    while cursor.left >= 8 and depth < 16:
        budget[0] -= 1
        size, kind = cursor.u32(), cursor.bytes(4)
        size = cursor.left + 8 if size == 0 or size - 8 > cursor.left else size
        if size < 8 or budget[0] < 0:
            raise MalformedImage("jumbf: a box with an impossible size")
        body = cursor.child(size - 8, "jumbf")
        if kind == b"jumb":
            _boxes(notes, body, where, label, budget, depth + 1)
        elif kind == b"jumd":
            text = bytes(body.view[min(body.offset + 17, body.end) : body.end]).partition(b"\0")[0]
            label, category = next(
                ((known, what) for known, what in tags.JUMBF if text.startswith(known.encode())),
                (label, category),
            )
            notes.add(f"{where}/{label}/label" if label else f"{where}/label", Category.PROVENANCE, size, text_of(text))
        else:
            data = body.take(body.left)
            picture = category is Category.EMBEDDED_IMAGE
            place = f"{where}/{label}" if label else where
            notes.add(place, category, size, None if picture else text_of(data))
            if kind == b"cbor":
                _generator(notes, bytes(data), place)


def _generator(notes: FindingsBuilder, cbor: bytes, where: str) -> None:
    """The software that made a C2PA claim: the text behind the key (RFC 8949, major type 3)."""
    for match in re.finditer(
        rb"(?:claim_generator|softwareAgent)([\x60-\x77]|\x78.|\x79..)", cbor[: 1 << 20], re.DOTALL
    ):
        head = match[1]
        size = head[0] - 0x60 if len(head) == 1 else int.from_bytes(head[1:], "big")
        value = cbor[match.end() : match.end() + size]
        notes.add(f"{where}/claim_generator", Category.SOFTWARE, len(value), text_of(value))


def _icc(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """Header fields (ICC.1:2022, 7.2) and tags of a profile that name somebody or something."""
    body = payload[14:] if payload.startswith(b"ICC_PROFILE\0") else payload
    cursor = Cursor(memoryview(body), "icc", 128)
    for label, category, start, end in (
        ("ProfileCMMType", Category.SOFTWARE, 4, 8), ("ProfileDateTime", Category.TIME, 24, 36),
        ("PrimaryPlatform", Category.SOFTWARE, 40, 44), ("DeviceManufacturer", Category.DEVICE, 48, 52),
        ("DeviceModel", Category.DEVICE, 52, 56), ("ProfileCreator", Category.SOFTWARE, 80, 84),
        ("ProfileID", Category.IDENTIFIER, 84, 100), ("reserved", Category.UNKNOWN, 100, 128),
    ):  # fmt: skip
        field = body[start:end]
        if any(field):
            date = (
                "{}:{:02}:{:02} {:02}:{:02}:{:02}".format(*struct.unpack(">6H", field)) if end - start == 12 else None
            )
            notes.add(f"{where}/{label}", category, len(field), date or text_of(field))
    for _ in range(min(cursor.u32(), icc.MAX_TAGS)):
        tag, offset, size = cursor.bytes(4), cursor.u32(), cursor.u32()
        row = tags.PROFILE.get(tag, ("private tag", Category.UNKNOWN))
        if row:
            notes.add(f"{where}/{row[0]}", row[1], size, _icc_text(body[offset : offset + size]))


def _icc_text(tag: bytes) -> str:
    """The text of a ``desc``, ``text`` or ``mluc`` tag (10.15, 10.24), else its bytes."""
    if tag[:4] == b"mluc" and len(tag) >= 28:
        size, offset = struct.unpack(">II", tag[20:28])
        return tag[offset : offset + min(size, 4096)].decode("utf-16-be", "replace")
    if tag[:4] == b"desc":
        return text_of(tag[12 : 12 + int.from_bytes(tag[8:12], "big")].partition(b"\0")[0])
    return text_of(tag[8:])


def _text(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """PNG tEXt (11.3.3.2), or a text without a keyword."""
    keyword, found, text = payload.partition(b"\0")
    if found and len(keyword) <= 79:
        _keyword(notes, keyword, text, where)
    else:
        notes.add(where, Category.TEXT, len(payload), text_of(payload))


def _ztxt(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """PNG zTXt (11.3.3.3): keyword, method, zlib stream."""
    keyword, _, packed = payload.partition(b"\0")
    text = _inflate(packed[1:])
    if text is None:
        notes.add(f"{where}/not readable", Category.UNKNOWN, len(payload))
    else:
        _keyword(notes, keyword, text, where)


def _itxt(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """PNG iTXt (11.3.3.4): keyword, flag, method, language, translated keyword, text."""
    keyword, _, rest = payload.partition(b"\0")
    flag, (language, _, rest) = rest[:1], rest[2:].partition(b"\0")
    translated, _, text = rest.partition(b"\0")
    for label, extra in (("language", language), ("translated keyword", translated)):
        if extra:
            notes.add(f"{where}/{label}", Category.TEXT, len(extra), text_of(extra))
    if flag == b"\1":
        text = _inflate(text) or b""
    _keyword(notes, keyword, text, where)


def _iccp(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """PNG iCCP (11.3.2.3): name, method, zlib stream."""
    name, _, packed = payload.partition(b"\0")
    notes.add(f"{where}/name", Category.TEXT, len(name), text_of(name))
    notes.nest(PayloadKind.ICC, packed[1:], f"{where}/ICC", Packing.ZLIB)


def _keyword(notes: FindingsBuilder, keyword: bytes, text: bytes, where: str) -> None:
    """A text with a keyword; some keywords say that it is another payload."""
    word = text_of(keyword)
    if word == "XML:com.adobe.xmp":
        notes.nest(PayloadKind.XMP, text, f"{where}/XMP")
    elif word.startswith("Raw profile type "):
        _raw_profile(notes, word[17:].lower(), text, where)
    elif row := tags.KEYWORDS.get(word.lower()):
        notes.add(f"{where}/{row[0]}", row[1], len(text), text_of(text))
    else:
        notes.add(where, Category.TEXT, len(keyword) + len(text), f"{word}: {text_of(text)}")


def _raw_profile(notes: FindingsBuilder, name: str, text: bytes, where: str) -> None:
    """A payload in hexadecimal digits behind its name and length, as ImageMagick writes it into PNG."""
    kind = RAW_PROFILES.get(name, PayloadKind.UNKNOWN)
    digits = text[:MAX_INFLATED].lstrip().partition(b"\n")[2].lstrip().partition(b"\n")[2].translate(None, NOT_HEX)
    data = bytes.fromhex(digits[: len(digits) & ~1].decode("ascii"))
    if kind is None:
        kind = PayloadKind.XMP if data.startswith(b"http:") else PayloadKind.EXIF
    notes.nest(kind, data, f"{where}/{TITLES.get(kind, 'profile')}")


def _trailer(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """Bytes behind the picture, by their signatures."""
    ends = payload[:WINDOW] + payload[-WINDOW:] if len(payload) > 2 * WINDOW else payload

    def there(sign: bytes, place: int | str) -> bool:
        """Whether a signature stands where it should."""
        if isinstance(place, int):
            return payload.startswith(sign, place)
        return sign in (payload[-64:] if place == "end" else ends)

    found = {(name, what): None for name, what, sign, place in tags.TRAILERS if there(sign, place)}
    for name, category in found:
        notes.add(f"{where}/{name}", category, len(payload))
    if not found and not any(payload):
        notes.add(f"{where}/zeros", Category.UNKNOWN, len(payload))
    elif not found:
        notes.add(where, Category.UNKNOWN, len(payload), text_of(payload))


def _picture(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """Another picture or a film of what the picture shows."""
    notes.add(where, Category.EMBEDDED_IMAGE, len(payload))


def _unknown(notes: FindingsBuilder, payload: bytes, where: str) -> None:
    """Bytes of no stated vocabulary: what they begin with may tell."""
    for sign, kind in SIGNS:
        if payload.startswith(sign):
            notes.nest(kind, payload, f"{where}/{TITLES.get(kind, kind.value)}")
            return
    notes.add(where, Category.UNKNOWN, len(payload), text_of(payload))


READERS: dict[PayloadKind, Callable[[FindingsBuilder, bytes, str], None]] = {
    PayloadKind.EXIF: _exif,
    PayloadKind.MPF: _mpf,
    PayloadKind.XMP: xmp.read,
    PayloadKind.IPTC: _iptc,
    PayloadKind.JUMBF: _jumbf,
    PayloadKind.ICC: _icc,
    PayloadKind.TEXT: _text,
    PayloadKind.PNG_ZTXT: _ztxt,
    PayloadKind.PNG_ITXT: _itxt,
    PayloadKind.PNG_ICCP: _iccp,
    PayloadKind.TRAILER: _trailer,
    PayloadKind.PICTURE: _picture,
    PayloadKind.VIDEO: _picture,
    PayloadKind.UNKNOWN: _unknown,
}

UNPACK: dict[Packing, Callable[[bytes], bytes | None]] = {Packing.ZLIB: _inflate, Packing.BROTLI: _unbrotli}

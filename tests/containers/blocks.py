"""Metadata payloads built byte by byte from their specifications."""

from __future__ import annotations

import struct

Value = bytes | str | int | list[int] | list[tuple[int, int]]


def ifd_entry(tag: int, value: Value, order: str) -> tuple[int, int, int, bytes]:
    """(tag, type, count, bytes): text is ASCII, int is SHORT, a list of int LONG, of pairs RATIONAL, bytes UNDEFINED."""
    if isinstance(value, str):
        return tag, 2, len(value) + 1, value.encode() + b"\0"
    if isinstance(value, int):
        return tag, 3, 1, struct.pack(order + "H", value)
    if isinstance(value, bytes):
        return tag, 7, len(value), value
    if isinstance(value[0], tuple):
        return tag, 5, len(value), b"".join(struct.pack(order + "II", *pair) for pair in value)  # type: ignore[misc]
    return tag, 4, len(value), struct.pack(f"{order}{len(value)}I", *value)


def ifd(entries: dict[int, Value], at: int, following: int = 0, order: str = ">") -> bytes:
    """One image file directory that stands at ``at``, its values behind it (TIFF 6.0, section 2)."""
    rows = [ifd_entry(tag, value, order) for tag, value in entries.items()]
    place = at + 2 + 12 * len(rows) + 4
    head, values = struct.pack(order + "H", len(rows)), b""
    for tag, kind, count, data in rows:
        inline = len(data) <= 4
        field = data.ljust(4, b"\0") if inline else struct.pack(order + "I", place + len(values))
        head += struct.pack(order + "HHI", tag, kind, count) + field
        values += b"" if inline else data + bytes(len(data) % 2)
    return head + struct.pack(order + "I", following) + values


def tiff(
    entries: dict[int, Value],
    sub: dict[int, dict[int, Value]] | None = None,
    thumbnail: bytes = b"",
    order: str = ">",
) -> bytes:
    """A block with IFD0, IFDs below it by pointer tag, and IFD1 with a thumbnail."""
    pointers = sub or {}
    size = len(ifd({**entries, **{tag: [0] for tag in pointers}}, 8, 0, order))
    at, below, places = 8 + size, b"", {}
    for tag, rows in pointers.items():
        places[tag] = [at + len(below)]
        below += ifd(rows, at + len(below), 0, order)
    end = at + len(below)
    following = end if thumbnail else 0
    head = struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 8)
    block = head + ifd({**entries, **places}, 8, following, order) + below
    if thumbnail:
        rows: dict[int, Value] = {513: [0], 514: [len(thumbnail)]}
        rows[513] = [end + len(ifd(rows, end, 0, order))]
        block += ifd(rows, end, 0, order) + thumbnail
    return block


def resource(number: int, data: bytes, name: bytes = b"", sign: bytes = b"8BIM") -> bytes:
    """One Photoshop image resource block."""
    title = bytes([len(name)]) + name
    title += bytes(len(title) % 2)
    return sign + struct.pack(">H", number) + title + struct.pack(">I", len(data)) + data + bytes(len(data) % 2)


def dataset(record: int, number: int, data: bytes) -> bytes:
    """One IIM data set."""
    return struct.pack(">BBBH", 0x1C, record, number, len(data)) + data


def box(kind: bytes, data: bytes) -> bytes:
    """One ISO box."""
    return struct.pack(">I4s", len(data) + 8, kind) + data


def jumbf(label: bytes, *contents: bytes) -> bytes:
    """A JUMBF super box with its description (ISO 19566-5, A.3)."""
    return box(b"jumb", box(b"jumd", bytes(16) + b"\x03" + label + b"\0") + b"".join(contents))


def xmp(body: str, attributes: str = "") -> bytes:
    """A packet around properties."""
    return (
        '<?xpacket begin="\ufeff" id="W5M0MpCehiHzreSzNTczkc9d"?><x:xmpmeta xmlns:x="adobe:ns:meta/" x:xmptk="Tool 7">'
        '<rdf:RDF xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#"><rdf:Description rdf:about=""'
        f' {attributes}>{body}</rdf:Description></rdf:RDF></x:xmpmeta>\n<?xpacket end="w"?>'
    ).encode()

"""TIFF files with old-style JPEG (TIFF 6.0, section 22), in the three forms that libtiff reads, out of Pillow's JPEG."""

from __future__ import annotations

import io
import struct

from PIL import Image

from tests.containers.tiff_directories import LONG, SHORT, append_directory

__all__ = ["FORMS", "jpeg", "old_jpeg"]

FORMS = ("stream", "stream and strips", "header and strips", "tables")


def jpeg(image: Image.Image, **options: object) -> bytes:
    """A baseline JPEG."""
    out = io.BytesIO()
    image.save(out, "JPEG", quality=90, **options)
    return out.getvalue()


def segments(stream: bytes) -> tuple[list[tuple[int, bytes]], bytes]:
    """Marker and content of every segment up to the scan, and the coded data behind its header, without EOI."""
    found, at = [], 2
    while True:
        marker, length = stream[at + 1], int.from_bytes(stream[at + 2 : at + 4], "big")
        found.append((marker, stream[at + 4 : at + 2 + length]))
        at += 2 + length
        if marker == 0xDA:
            return found, stream[at:-2]


def _tables(content: bytes, is_quantisation: bool) -> list[tuple[int, bytes]]:
    """Class and destination, and content, of each table of a DQT or DHT segment."""
    found = []
    while content:
        size = 64 if is_quantisation else 16 + sum(content[1:17])
        found.append((content[0], content[1 : 1 + size]))
        content = content[1 + size :]
    return found


def restart_intervals(coded: bytes) -> list[bytes]:
    """Coded data cut behind every restart marker, without the markers."""
    pieces, start, at = [], 0, coded.find(b"\xff")
    while at >= 0:
        if coded[at + 1] & 0xF8 == 0xD0:
            pieces.append(coded[start:at])
            start = at + 2
        at = coded.find(b"\xff", at + 2)
    return [*pieces, coded[start:]]


def old_jpeg(
    image: Image.Image,
    form: str,
    order: str = "<",
    rows: int | None = None,
    gap: bytes = b"",
    pages: int = 1,
    shown: tuple[int, int] | None = None,
    **options: object,
) -> bytes:
    """A file.

    Args:
        image: L or RGB.
        form: one of ``FORMS``: tag 513 points at a complete stream, alone or with the strips inside; at its header, with
            strips behind; tags 519 to 521 point at tables, with strips of coded data alone.
        order: of bytes.
        rows: of a strip; it has to be one row of MCUs.
        gap: bytes in front of the strips.
        pages: how often the same picture is listed.
        shown: size of the page in px, where the picture is that of tiles, one below the other, that reach beyond it.
        options: of Pillow's JPEG.
    """
    if rows:
        options |= {"restart_marker_rows": 1}
    stream = jpeg(image, **options)
    found, coded = segments(stream)
    pieces = restart_intervals(coded) if rows else [coded]
    header = stream[: len(stream) - len(coded) - 2]
    out = bytearray(struct.pack(order + "2sHI", b"II" if order == "<" else b"MM", 42, 0))
    frame = next(content for marker, content in found if marker == 0xC0)
    sampling = frame[7]
    grey = image.mode == "L"
    fields: dict[int, tuple[int, list[int]]] = {
        256: (SHORT, [image.width]),
        257: (SHORT, [image.height]),
        258: (SHORT, [8] * (1 if grey else 3)),
        259: (SHORT, [6]),
        262: (SHORT, [1 if grey else 6]),
        277: (SHORT, [1 if grey else 3]),
        284: (SHORT, [1]),
        278: (SHORT, [rows or image.height]),
        512: (SHORT, [1]),
    }
    if not grey:
        fields[530] = (SHORT, [sampling >> 4, sampling & 15])
    starts: list[int] = []
    if form in ("stream", "stream and strips"):
        fields |= {513: (LONG, [len(out)]), 514: (LONG, [len(stream)])}
        if form == "stream":
            starts, pieces = [len(out)], [stream]
            fields[278] = (SHORT, [image.height])
        else:
            at = len(out) + len(header)
            for piece in pieces:
                starts.append(at)
                at += len(piece) + 2
        out += stream
    elif form == "header and strips":
        fields |= {513: (LONG, [len(out)]), 514: (LONG, [len(header)])}
        out += header
    else:
        for tag, marker, mask in ((519, 0xDB, 0), (520, 0xC4, 0x00), (521, 0xC4, 0x10)):
            places = []
            for kind, table in (one for m, c in found if m == marker for one in _tables(c, marker == 0xDB)):
                if marker == 0xDB or kind & 0x10 == mask:
                    places.append(len(out))
                    out += table
            wanted = 1 if grey else 3
            fields[tag] = (LONG, ([*places, places[-1]] if wanted == 3 else places)[:wanted])
        if rows:
            fields[515] = (SHORT, [next(int.from_bytes(c, "big") for m, c in found if m == 0xDD)])
    out += gap
    if not starts:
        for piece in pieces:
            starts.append(len(out))
            out += piece
    fields |= {273: (LONG, starts), 279: (LONG, [len(piece) for piece in pieces])}
    if shown:
        fields |= {256: (SHORT, [shown[0]]), 257: (SHORT, [shown[1]]), 322: (SHORT, [image.width])}
        for tile_tag, tag in ((323, 278), (324, 273), (325, 279)):
            fields[tile_tag] = fields.pop(tag)
    pointer = 4
    for _ in range(pages):
        pointer = _add_directory(out, fields, order, pointer)
    return bytes(out)


def _add_directory(out: bytearray, fields: dict[int, tuple[int, list[int]]], order: str, pointer: int) -> int:
    """Append a directory, and say at ``pointer`` where it is; where the next one has to be named."""
    struct.pack_into(order + "I", out, pointer, append_directory(out, fields, order))
    return len(out) - 4

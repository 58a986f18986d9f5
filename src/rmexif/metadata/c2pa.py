"""JUMBF boxes (ISO 19566-5), as C2PA 2.1 uses them."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.metadata import tags
from rmexif.metadata.findings import text_of
from rmexif.types import Category

if TYPE_CHECKING:
    from rmexif.metadata.findings import FindingsBuilder

__all__ = ["read"]

SEGMENT_PREFIX, SEGMENT_HEAD = b"JP", 8  # of an APP11 segment, byte (ISO 19566-5, D.2)
MAX_BOXES = 5_000  # of one payload
MAX_DEPTH = 16  # super boxes in super boxes
BOX_HEAD = 8  # byte of size and type
MAX_CBOR = 1 << 20  # byte of a claim that are searched
# Keys of a claim whose value names software, and the head of the text behind them (RFC 8949, major type 3).
GENERATOR = re.compile(rb"(?:claim_generator|softwareAgent)([\x60-\x77]|\x78.|\x79..)", re.DOTALL)


def read(findings: FindingsBuilder, payload: bytes, where: str) -> None:
    """Add what the boxes of a payload say; from a JPEG segment with or without its ``JP`` head.

    Raises:
        MalformedImage: a box is broken, or there are too many.
    """
    body = payload[SEGMENT_HEAD:] if payload.startswith(SEGMENT_PREFIX) else payload
    _JumbfReading(findings, where).boxes(Cursor(memoryview(body), "jumbf box"), "", 0)


class _JumbfReading:
    """One pass over the boxes."""

    def __init__(self, findings: FindingsBuilder, where: str) -> None:
        self.findings, self.where = findings, where
        self.count = 0

    def boxes(self, cursor: Cursor, label: str, depth: int) -> None:
        """The boxes of one super box; the description (A.3) names the contents beside it."""
        category = Category.PROVENANCE
        while cursor.remaining >= BOX_HEAD and depth < MAX_DEPTH:
            size, box_type = self.head(cursor)
            body = cursor.child(size - BOX_HEAD, cursor.structure)
            if box_type == b"jumb":
                self.boxes(body, label, depth + 1)
            elif box_type == b"jumd":
                label, category = self.description(body, size, label, category)
            else:
                self.content(body, size, box_type, label, category)

    def head(self, cursor: Cursor) -> tuple[int, bytes]:
        """Size and type of the next box; one without a size, or with too large a one, goes to the end."""
        self.count += 1
        size, box_type = cursor.u32(), cursor.bytes(4)
        if size == 0 or size - BOX_HEAD > cursor.remaining:
            size = cursor.remaining + BOX_HEAD
        place = cursor.offset - BOX_HEAD
        if size < BOX_HEAD:
            raise MalformedImage(f"a box of {size} bytes, its head has 8", structure=cursor.structure, offset=place)
        if self.count > MAX_BOXES:
            raise MalformedImage(f"more than {MAX_BOXES} boxes", structure=cursor.structure, offset=place)
        return size, box_type

    def description(self, body: Cursor, size: int, label: str, category: Category) -> tuple[str, Category]:
        """A description box: its label behind the type and the toggles (17 bytes), if it is known."""
        text = bytes(body.view[min(body.offset + 17, body.end) : body.end]).partition(b"\0")[0]
        for known, meaning in tags.JUMBF:
            if text.startswith(known.encode()):
                label, category = known, meaning
                break
        place = f"{self.where}/{label}/label" if label else f"{self.where}/label"
        self.findings.add(place, Category.PROVENANCE, size, text_of(text))
        return label, category

    def content(self, body: Cursor, size: int, box_type: bytes, label: str, category: Category) -> None:
        """A content box."""
        data = body.take(body.remaining)
        place = f"{self.where}/{label}" if label else self.where
        self.findings.add(place, category, size, None if category is Category.EMBEDDED_IMAGE else text_of(data))
        if box_type == b"cbor":
            self.generator(bytes(data), place)

    def generator(self, cbor: bytes, place: str) -> None:
        """The software that made a claim."""
        for match in GENERATOR.finditer(cbor[:MAX_CBOR]):
            head = match[1]
            size = head[0] - 0x60 if len(head) == 1 else int.from_bytes(head[1:], "big")
            value = cbor[match.end() : match.end() + size]
            self.findings.add(f"{place}/claim_generator", Category.SOFTWARE, len(value), text_of(value))

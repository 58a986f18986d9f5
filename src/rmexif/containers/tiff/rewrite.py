"""The clean file of a TIFF: same byte order and offset size, pages in their order, everything on even bytes."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import TYPE_CHECKING

from rmexif.containers.tiff.ifd import BIG, CLASSIC, LONG, LONG8, TYPES
from rmexif.containers.tiff.parse import parse
from rmexif.containers.tiff.tags import NAMES, ONLY_DECODED
from rmexif.errors import LimitExceeded, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.containers.tiff.ifd import Value
    from rmexif.containers.tiff.page import Page
    from rmexif.containers.tiff.parse import TiffTree
    from rmexif.types import Container, Limits

__all__ = ["as_classic", "for_decoder", "join_pages", "refusal", "rewrite"]


def rewrite(view: memoryview, container: Container[TiffTree]) -> list[bytes | memoryview]:
    """The clean file, as pieces to be joined.

    Raises:
        UnsupportedFeature: strips in a coding that is not decoded.
        LimitExceeded: a classic TIFF file would grow past 4 GiB.
    """
    del view  # the pages hold their clean data
    tree = container.tree
    for page in tree.pages:
        if page.opaque_compression:
            raise refusal(page)
    return _serialised(tree)


def for_decoder(view: memoryview, container: Container[TiffTree]) -> list[bytes | memoryview]:
    """As ``rewrite``, with strips as they are that are only decoded: no more of them is shown than pixels."""
    del view
    for page in container.tree.pages:
        if page.opaque_compression and page.opaque_compression not in ONLY_DECODED:
            raise refusal(page)
    return _serialised(container.tree)


def refusal(page: Page) -> UnsupportedFeature:
    """What to say of a page in a coding that is not written again, or not read at all."""
    number = page.opaque_compression
    name = f" ({NAMES[number]})" if number in NAMES else ""
    way = (
        "is only decoded: use scrub"
        if number in ONLY_DECODED
        else "has no walker and no decoder here: convert the file"
    )
    return UnsupportedFeature(f"compression {number}{name} {way}", structure="tiff IFD", offset=page.directory.offset)


def _serialised(tree: TiffTree) -> list[bytes | memoryview]:
    writer = _Writer(tree.order, tree.big)
    for number, page in enumerate(tree.pages, 1):
        writer.add(page, last=number == len(tree.pages))
    return writer.out


def as_classic(container: Container[TiffTree]) -> bytes:
    """The clean file with 32-bit offsets, for decoders that read no others.

    Raises:
        LimitExceeded: it would grow past 4 GiB.
    """
    return b"".join(_serialised(replace(container.tree, big=False)))


def join_pages(files: Iterable[bytes], limits: Limits) -> bytes:
    """One clean file of the pages of several, all of one byte order.

    Args:
        files: TIFF files of an encoder's; one page of each is held at a time, but for its strips.
        limits: of each.

    Raises:
        InputError: one of them cannot be parsed.
        LimitExceeded: a classic TIFF file would grow past 4 GiB.
    """
    trees = [parse(memoryview(file), limits).tree for file in files]
    tree = replace(trees[0], pages=tuple(page for one in trees for page in one.pages))
    return b"".join(_serialised(tree))


class _Writer:
    """Appends directories, the values outside them, and the data.

    Args:
        order: "<" or ">".
        big: BigTIFF.
    """

    def __init__(self, order: str, big: bool) -> None:
        self.order = order
        self.cell, self.cell_letter = (8, "Q") if big else (4, "I")
        self.count_letter, self.offset_type = ("Q", LONG8) if big else ("H", LONG)
        head = struct.pack(order + "HHHQ", BIG, 8, 0, 16) if big else struct.pack(order + "HI", CLASSIC, 8)
        self.out: list[bytes | memoryview] = [b"II" if order == "<" else b"MM", head]
        self.position = sum(map(len, self.out))

    def add(self, page: Page, last: bool) -> None:
        """Append a page: its directory, its values, its strips or tiles."""
        data = [strip.data for strip in page.strips]
        counts: Value = (self.offset_type, tuple(map(len, data)))
        fields: dict[int, Value] = {
            **page.fields,
            page.grid.offsets_tag: (self.offset_type, (0,) * len(data)),
            page.grid.counts_tag: counts,
        }
        values = {tag: self.pack(fields[tag]) for tag in sorted(fields)}
        at = self.position + struct.calcsize(self.count_letter) + len(fields) * (4 + 2 * self.cell) + self.cell
        places: dict[int, int] = {}
        for tag, (_, raw) in values.items():
            if len(raw) > self.cell:
                places[tag] = at
                at += len(raw) + len(raw) % 2
        offsets = []
        for strip in data:
            offsets.append(at)
            at += len(strip) + len(strip) % 2
        if at >= 1 << 8 * self.cell:
            raise LimitExceeded("max_bytes: a classic TIFF file cannot grow past 4 GiB")
        values[page.grid.offsets_tag] = self.pack((self.offset_type, tuple(offsets)))
        self.out.append(struct.pack(self.order + self.count_letter, len(fields)))
        for tag, (count, raw) in values.items():
            self.out.append(struct.pack(f"{self.order}HH{self.cell_letter}", tag, fields[tag][0], count))
            self.out.append(self.pack_offset(places[tag]) if tag in places else raw.ljust(self.cell, b"\0"))
        self.out.append(self.pack_offset(0 if last else at))
        for piece in (*(values[tag][1] for tag in places), *data):
            self.out += [piece, b"\0"] if len(piece) % 2 else [piece]
        self.position = at

    def pack_offset(self, number: int) -> bytes:
        """An offset."""
        return struct.pack(self.order + self.cell_letter, number)

    def pack(self, value: Value) -> tuple[int, bytes]:
        """Count and bytes of a value."""
        field_type, numbers = value
        size, letter = TYPES[field_type]
        if letter == "B":
            return len(numbers), bytes(numbers)
        raw = struct.pack(f"{self.order}{len(numbers)}{letter[0]}", *numbers)
        return len(raw) // size, raw

"""Boxes of ISO 14496-12: walking them, writing them, and errors that say which one is broken."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.boxes import BoxAt, box_at
from rmexif.containers.common.fourcc import name_of
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.cursor import Cursor
    from rmexif.types import Limits

__all__ = [
    "Boxes",
    "Tally",
    "blank",
    "box",
    "first_of_each",
    "flags_of",
    "full",
    "hdlr",
    "malformed",
    "unsupported",
    "walk",
]

HANDLER = struct.Struct(">I4s12x")  # pre_defined, handler_type, reserved (8.4.3)

Boxes = dict[bytes, BoxAt]  # by type


class Tally:
    """Counts every structure that a file makes us touch, so that a hostile count costs no more than the limit."""

    __slots__ = ("count", "limits", "profiles")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.count = 0
        self.profiles = icc.JudgedProfiles(limits)

    def add(self, number: int = 1) -> None:
        """Count ``number`` more structures.

        Raises:
            LimitExceeded: there are more than ``max_parts``.
        """
        self.count += number
        if self.count > self.limits.max_parts:
            self.limits.check("max_parts", self.count)


def malformed(at: BoxAt, problem: str) -> MalformedImage:
    """The error of a broken box."""
    return MalformedImage(problem, structure=f"isobmff {name_of(at.type)}", offset=at.offset)


def unsupported(at: BoxAt, problem: str) -> UnsupportedFeature:
    """The error of a box that is understood and refused."""
    return UnsupportedFeature(problem, structure=f"isobmff {name_of(at.type)}", offset=at.offset)


def walk(view: memoryview, start: int, end: int, tally: Tally) -> list[BoxAt]:
    """The boxes that tile ``[start, end)``; fewer than 8 bytes left at the end are left out.

    Raises:
        MalformedImage: a box runs past ``end`` or is shorter than its header (4.2.2).
    """
    found: list[BoxAt] = []
    while end - start >= 8:
        tally.add()
        at = box_at(view, start, end)
        if at is None:
            problem = f"a box is shorter than its header or runs past the end of its parent at byte {end}"
            raise MalformedImage(problem, structure="isobmff box header", offset=start)
        found.append(at)
        start = at.end
    return found


def first_of_each(boxes: Iterable[BoxAt]) -> Boxes:
    """The first box of each type."""
    found: Boxes = {}
    for at in boxes:
        found.setdefault(at.type, at)
    return found


def blank(data: memoryview) -> bool:
    """Whether there is nothing but zeros."""
    return data.tobytes().count(0) == len(data)


def flags_of(cursor: Cursor) -> tuple[int, int]:
    """Version and flags of a full box."""
    return cursor.u8(), cursor.uint(3)


def box(kind: bytes, *chunks: bytes) -> bytes:
    """A box with a 32-bit size."""
    body = b"".join(chunks)
    return struct.pack(">I4s", len(body) + 8, kind) + body


def full(kind: bytes, version: int, flags: int, *chunks: bytes) -> bytes:
    """A full box: version and flags before the body."""
    return box(kind, struct.pack(">I", version << 24 | flags), *chunks)


def hdlr(handler: bytes) -> bytes:
    """A handler box without a name."""
    return full(b"hdlr", 0, 0, HANDLER.pack(0, handler), b"\0")

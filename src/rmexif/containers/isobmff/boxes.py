"""Boxes of ISO 14496-12: walking them, writing them, and telling what every byte of the file is."""

from __future__ import annotations

import re
import struct
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.types import CLEAN, Part, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from rmexif.types import Limits

__all__ = ["BoxAt", "Tally", "blank", "box", "flags_of", "full", "hdlr", "hdlr_part", "label", "part", "tile", "walk"]

PLAIN_TYPE = re.compile(rb"[A-Za-z0-9 ]{4}")
HANDLER = struct.Struct(">I4s12x")  # pre_defined, handler_type, reserved (8.4.3)


class Tally:
    """Counts every structure that a file makes us touch, so that a hostile count costs no more than the limit."""

    __slots__ = ("count", "limits")

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.count = 0

    def add(self, number: int = 1) -> None:
        """Count ``number`` more structures; LimitExceeded above ``max_parts``."""
        self.count += number
        if self.count > self.limits.max_parts:
            self.limits.check("max_parts", self.count)


@dataclass(frozen=True, slots=True)
class BoxAt:
    """Where a box lies in the file, in bytes from its start."""

    type: bytes
    offset: int
    body: int  # after the header (8, or 16 with a 64-bit size; ``uuid`` counts its 16 bytes as body)
    end: int

    def cursor(self, view: memoryview) -> Cursor:
        """A reader over the body."""
        return Cursor(view, f"isobmff: box {label(self.type)}", self.body, self.end)

    def bytes(self, view: memoryview) -> memoryview:
        """The whole box with its header."""
        return view[self.offset : self.end]


def label(kind: bytes) -> str:
    """A box or item type as a name that is safe to print."""
    return kind.decode("ascii").strip() if PLAIN_TYPE.fullmatch(kind) else "unknown"


def walk(view: memoryview, start: int, end: int, tally: Tally) -> list[BoxAt]:
    """The boxes that tile ``[start, end)``; fewer than 8 bytes left at the end are left out.

    Raises:
        MalformedImage: a box runs past ``end`` or is shorter than its header (4.2.2).
    """
    found: list[BoxAt] = []
    while end - start >= 8:
        tally.add()
        one = read_header(view, start, end)
        if one is None:
            raise MalformedImage(f"isobmff: box at byte {start} runs past the end of its parent at byte {end}")
        found.append(one)
        start = one.end
    return found


def read_header(view: memoryview, start: int, end: int) -> BoxAt | None:
    """The box at ``start``, or None where its size does not fit before ``end`` (4.2.2: 1 = 64 bit, 0 = to the end)."""
    size, kind = struct.unpack_from(">I4s", view, start)
    body = start + 8
    if size == 1:
        if end - start < 16:
            return None
        size = int.from_bytes(view[start + 8 : start + 16], "big")
        body = start + 16
    elif size == 0:
        size = end - start
    if size < body - start or size > end - start:
        return None
    return BoxAt(kind, start, body, start + size)


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


def part(at: BoxAt, path: str, role: Role, payload: PayloadKind | None = None, body_offset: int = 0) -> Part:
    """The part of a whole box."""
    return Part(path, role, at.offset, at.end - at.offset, payload, body_offset)


def hdlr_part(view: memoryview, at: BoxAt, path: str, handler: bytes) -> Part:
    """The part of a handler box, which often names the program that wrote the file."""
    bare = hdlr(handler)
    # Some writers end the box after the empty name, some before its zero, some two zeros later: all are empty.
    if bytes(at.bytes(view)[8:32]) == bare[8:32] and blank(view[min(at.offset + 32, at.end) : at.end]):
        return part(at, path, Role.STRUCTURE)
    return part(at, path, Role.METADATA, PayloadKind.TEXT, min(32, at.end - at.offset))


def tile(fixed: Sequence[Part], loose: Iterable[Part]) -> tuple[Part, ...]:
    """Paint ``loose`` parts (item extents, samples) over the GAPs of ``fixed``, which tile the file in order.

    Extents may overlap or leave the media data; the first one in file order keeps the bytes.
    """
    flat: list[Part] = []
    for one in sorted(loose, key=lambda p: (p.offset, p.role not in CLEAN)):
        at = flat[-1].end if flat else 0
        if one.end > at:
            flat.append(_from(one, at))
    out: list[Part] = []
    index = 0
    for base in fixed:
        if base.role is not Role.GAP or base.length == 0:
            out.append(base)
            continue
        at = base.offset
        while index < len(flat) and flat[index].offset < base.end:
            one = _from(flat[index], at)
            if one.length > 0:
                out.append(replace(base, offset=at, length=one.offset - at))
                one = replace(one, length=min(one.end, base.end) - one.offset)
                out.append(one)
                at = one.end
            if flat[index].end > base.end:
                break
            index += 1
        out.append(replace(base, offset=at, length=base.end - at))
    return tuple(_merge(out))


def _from(one: Part, at: int) -> Part:
    """``one`` without what lies before byte ``at``; a part that was cut no longer starts with its payload."""
    if one.offset >= at:
        return one
    return replace(one, offset=at, length=max(0, one.end - at), payload=None, body_offset=0, body_length=None)


def _merge(parts: Iterable[Part]) -> Iterable[Part]:
    """Join neighbours of one kind without payload, drop empty ones."""
    last: Part | None = None
    for one in parts:
        if one.length == 0:
            continue
        if last and (one.label, one.role, one.payload, last.payload) == (last.label, last.role, None, None):
            last = replace(last, length=last.length + one.length)
            continue
        if last:
            yield last
        last = one
    if last:
        yield last

"""JPEG XL (ISO 18181-1 and -2): boxes around a codestream.

Only the codestream stays, bare. A file that declares level 10 (boxes ``jxll``, 9.6) stays in boxes, because a bare
codestream means level 5. Orientation and colour live in the codestream. ``jbrd`` goes with everything else: it would
give the original JPEG back, with all that was in it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from rmexif.containers.jxl import codestream
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage
from rmexif.types import Container, Limits, Packing, Part, PayloadKind, Role

if TYPE_CHECKING:
    from rmexif.containers.jxl.codestream import Codestream

__all__ = ["matches", "parse", "rewrite"]

BOXED = b"\x00\x00\x00\x0cJXL \x0d\x0a\x87\x0a"  # 18181-2, 9.1
FTYP = b"\x00\x00\x00\x14ftypjxl \x00\x00\x00\x00jxl "  # 9.2
LEVELS = (5, 10)
LAST_PART = 1 << 31  # of a jxlp index
# What a box holds: (role, payload kind, bytes before the payload).
CONTENTS: dict[bytes, tuple[Role, PayloadKind, int]] = {
    b"Exif": (Role.METADATA, PayloadKind.EXIF, 4),
    b"xml ": (Role.METADATA, PayloadKind.XMP, 0),
    b"jumb": (Role.METADATA, PayloadKind.JUMBF, 0),
    b"jbrd": (Role.METADATA, PayloadKind.UNKNOWN, 0),
    b"jhgm": (Role.AUXILIARY, PayloadKind.PICTURE, 0),
    b"uuid": (Role.METADATA, PayloadKind.UNKNOWN, 0),
    b"free": (Role.GAP, PayloadKind.UNKNOWN, 0),
    b"skip": (Role.GAP, PayloadKind.UNKNOWN, 0),
}
PAYLOADS = {
    Role.AUXILIARY: PayloadKind.PICTURE,
    Role.TRAILER: PayloadKind.UNKNOWN,
}  # of the codestream; the rest is coded bits
COMPRESSED = {b"Exif": PayloadKind.EXIF, b"xml ": PayloadKind.XMP, b"jumb": PayloadKind.JUMBF}  # inside brob


@dataclass(slots=True)
class _Boxes:
    """What the box layer says."""

    parts: list[Part] = field(default_factory=list)
    stretches: list[tuple[int, int]] = field(default_factory=list)  # (first, last + 1) byte of the codestream's pieces
    level: int = 5
    whole: bool = False  # the codestream is in a jxlc box, or the last jxlp was seen


@dataclass(frozen=True, slots=True)
class _Tree:
    level: int
    joined: memoryview
    codestream: Codestream


def matches(head: bytes) -> bool:
    """A bare codestream, or the signature box."""
    return head.startswith((codestream.SIGNATURE, BOXED))


def parse(view: memoryview, limits: Limits) -> Container[Any]:
    """Walk boxes and codestream, headers bit by bit, frames by their tables of contents.

    Raises:
        MalformedImage, UnsupportedFeature, LimitExceeded: at the first thing that is not understood.
    """
    boxes = _Boxes(stretches=[(0, len(view))])
    if view[: len(BOXED)] == BOXED:
        boxes = _boxes(view, limits)
    joined = view[slice(*boxes.stretches[0])]
    if len(boxes.stretches) > 1:
        joined = memoryview(b"".join(view[start:stop] for start, stop in boxes.stretches))
    stream = codestream.read(joined, limits)
    parts = boxes.parts + _placed(stream, boxes.stretches)
    limits.check("max_parts", len(parts))
    return Container(
        format="jxl",
        width=stream.width,
        height=stream.height,
        parts=tuple(sorted(parts, key=lambda part: part.offset)),
        frames=stream.frames,
        colour=stream.colour,
        residuals=tuple(sorted(stream.residuals)),
        tree=_Tree(boxes.level, joined, stream),
    )


def rewrite(view: memoryview, container: Container[Any]) -> list[bytes | memoryview]:
    """The clean codestream; in boxes only for level 10."""
    tree: _Tree = container.tree
    stream = [piece if isinstance(piece, bytes) else tree.joined[slice(*piece)] for piece in tree.codestream.pieces]
    if tree.level == LEVELS[0]:
        return stream
    size = sum(map(len, stream)) + 8
    header = size.to_bytes(4, "big") + b"jxlc"
    if size >> 32:
        header = (1).to_bytes(4, "big") + b"jxlc" + (size + 8).to_bytes(8, "big")
    level = b"\x00\x00\x00\x09jxll" + bytes([tree.level])
    return [BOXED, FTYP, level, header, *stream]


def _boxes(view: memoryview, limits: Limits) -> _Boxes:
    """The box layer: everything but the codestream's own bytes."""
    boxes = _Boxes()
    cursor = Cursor(view, "jxl: boxes")
    while cursor.left:
        limits.check("max_parts", len(boxes.parts))
        start = cursor.offset
        if boxes.whole and not _plausible(view, start):
            boxes.parts.append(Part("trailer", Role.TRAILER, start, cursor.left, PayloadKind.UNKNOWN))
            break
        size, kind = cursor.u32(), cursor.bytes(4)
        size = cursor.u64() if size == 1 else size or len(view) - start
        body = cursor.offset
        cursor.skip(start + size - body)
        _box(boxes, view, kind, start, body, start + size)
    if not boxes.stretches:
        raise MalformedImage("jxl: boxes: there is no codestream")
    return boxes


def _plausible(view: memoryview, start: int) -> bool:
    """Whether a box can start here: a printable type, and a size inside the file."""
    head = bytes(view[start : start + 16])
    size, kind = int.from_bytes(head[:4], "big"), head[4:8]
    if size == 1:
        size = int.from_bytes(head[8:16], "big") if len(head) == 16 else 0
        return 16 <= size <= len(view) - start and kind.isascii() and kind.decode().isprintable()
    shortest = size == 0 or 8 <= size <= len(view) - start
    return len(kind) == 4 and shortest and kind.isascii() and kind.decode().isprintable()


def _box(boxes: _Boxes, view: memoryview, kind: bytes, start: int, body: int, stop: int) -> None:
    """Say what one box is."""
    name = kind.decode("latin-1")
    if kind in (b"jxlc", b"jxlp"):
        _codestream_box(boxes, view, kind, start, body, stop)
    elif kind == b"brob":
        inner = bytes(view[body : body + 4]) if stop - body >= 4 else b""
        found, packing = COMPRESSED.get(inner, PayloadKind.UNKNOWN), Packing.BROTLI if inner in COMPRESSED else None
        skip = min(body + 4, stop) - start
        boxes.parts.append(Part(name, Role.METADATA, start, stop - start, found, skip, packing=packing))
    elif kind in CONTENTS:
        role, payload, skipped = CONTENTS[kind]
        boxes.parts.append(Part(name, role, start, stop - start, payload, min(body + skipped, stop) - start))
    else:
        role = _structure(boxes, view, kind, start, body, stop)
        unknown = None if role is Role.STRUCTURE else PayloadKind.UNKNOWN
        boxes.parts.append(Part(name, role, start, stop - start, unknown, body - start if unknown else 0))


def _structure(boxes: _Boxes, view: memoryview, kind: bytes, start: int, body: int, stop: int) -> Role:
    """STRUCTURE for the boxes that a clean file has, as it has them; UNKNOWN for all others."""
    whole = view[start:stop]
    if not boxes.parts:
        return Role.STRUCTURE if whole == BOXED else Role.UNKNOWN
    if kind == b"ftyp" and whole == FTYP and len(boxes.parts) == 1:
        return Role.STRUCTURE
    if kind == b"jxll" and stop - body == 1 and view[body] in LEVELS:
        if boxes.stretches or any(part.label == "jxll" for part in boxes.parts):
            raise MalformedImage(f"jxl: box jxll at byte {start} is out of place")
        boxes.level = view[body]
        return Role.STRUCTURE
    return Role.UNKNOWN


def _codestream_box(boxes: _Boxes, view: memoryview, kind: bytes, start: int, body: int, stop: int) -> None:
    """The codestream whole (9.7), or a part of it behind its number (9.8)."""
    if boxes.whole or (kind == b"jxlc" and boxes.stretches):
        raise MalformedImage(f"jxl: box {kind.decode()} at byte {start} comes after the codestream")
    if kind == b"jxlp":
        cursor = Cursor(view, "jxl: box jxlp", body, stop)
        number = cursor.u32()
        if number & ~LAST_PART != len(boxes.stretches):
            raise MalformedImage(f"jxl: box jxlp at byte {start} has not the number {len(boxes.stretches)}")
        body = cursor.offset
        boxes.whole = number >= LAST_PART
    else:
        boxes.whole = True
    boxes.parts.append(Part(kind.decode(), Role.STRUCTURE, start, body - start))
    boxes.stretches.append((body, stop))


def _placed(codestream: Codestream, stretches: list[tuple[int, int]]) -> list[Part]:
    """The spans of the codestream as parts of the file: cut where a jxlp box ends."""
    parts: list[Part] = []
    stretch = iter(stretches)
    first, last = next(stretch)
    done = 0  # bytes of the codestream before ``first``
    for span in codestream.spans:
        at = span.start
        while at < span.stop:
            while at - done >= last - first:
                done += last - first
                first, last = next(stretch)
            length = min(span.stop - at, done + last - first - at)
            parts.append(Part(span.kind, span.role, first + at - done, length, PAYLOADS.get(span.role)))
            at += length
    return parts

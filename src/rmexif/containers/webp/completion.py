"""A WebP animation that is cut off, up to its last complete frame."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.row import Completed, require_half
from rmexif.containers.webp.chunks import HEADER, canvas_size
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["complete"]

FRAME = b"ANMF"


def complete(view: memoryview, limits: Limits) -> Completed:
    """The frames that are there; the rows of the one that is cut are missing, of others the file says nothing.

    Raises:
        MalformedImage: no frame is complete.
        UnsupportedFeature: a still picture: nothing can be put behind a cut without encoding all of it again.
        LimitExceeded: more chunks than allowed.
    """
    canvas = canvas_size(view)
    cursor, kept = Cursor(view, "webp chunk", HEADER, order="little"), list[memoryview]()
    frames = cut = 0
    while cursor.remaining >= 8:
        start, kind, length = cursor.offset, cursor.bytes(4), cursor.u32()
        if length > cursor.remaining:
            cut = int(kind == FRAME)
            break
        limits.check("max_parts", len(kept) + 1)
        cursor.skip(min(cursor.remaining, length + (length & 1)))
        kept.append(view[start : cursor.offset])
        frames += kind == FRAME
    if canvas is None or not frames + cut:
        problem = "the rows of a still WebP are not completed: all of it would have to be encoded again"
        raise UnsupportedFeature(problem, structure="webp", offset=len(view))
    if not frames:
        raise MalformedImage("no complete frame", structure="webp", offset=len(view))
    require_half(frames, frames + cut, len(view))
    body = b"".join(kept)
    body += bytes(len(body) % 2)
    return Completed(
        b"RIFF" + (4 + len(body)).to_bytes(4, "little") + b"WEBP" + body, (frames + cut) * canvas[1], frames * canvas[1]
    )

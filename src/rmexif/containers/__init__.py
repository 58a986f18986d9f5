"""Bytes to parts and back: one package per format, one row per format.

A row (``common.row.FormatRow``) has what a format can do, its signature, and loads ``parse`` and ``rewrite``:

``parse(view, limits) -> Container``
    walks the whole file, decodes nothing, and says what every byte is: the parts tile the file. A part has a
    role in ``CLEAN`` only if its bytes are exactly what ``rewrite`` would write; a profile with a text in it,
    or an Exif block with more than an orientation, is ``METADATA`` although a cleaned form of it stays.
    What cannot be understood is refused: MalformedImage, UnsupportedFeature, LimitExceeded; nothing else.
``rewrite(view, container) -> list[bytes | memoryview]``
    the lossless clean file, as pieces to be joined: what the decoder needs, re-serialised; what is passed through is
    a view of the input. It is a fixed point (the rewrite of a rewrite is the same file), deterministic, upright and in
    the same colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif.containers.bmp import BMP
from rmexif.containers.common.row import Completed, FormatRow, require_half
from rmexif.containers.decode_only import DECODE_ONLY, DecodeOnlyRow
from rmexif.containers.gif import GIF
from rmexif.containers.isobmff import AVIF, HEIC
from rmexif.containers.jpeg import JPEG
from rmexif.containers.jxl import JXL
from rmexif.containers.png import PNG
from rmexif.containers.pnm import PNM
from rmexif.containers.svg import SVG
from rmexif.containers.tiff import TIFF
from rmexif.containers.webp import WEBP
from rmexif.errors import UnknownFormat, UnsupportedFeature
from rmexif.native.buffers import join

if TYPE_CHECKING:
    from rmexif.types import Container, Limits

__all__ = [
    "ANIMATED_OUTPUT",
    "DECODE_ONLY",
    "FORMATS",
    "VECTOR",
    "DecodeOnlyRow",
    "FormatRow",
    "by_name",
    "complete",
    "for_decoder",
    "output_for",
    "rebuild",
    "sniff",
    "sniff_source",
]

HEAD = 4096  # bytes that a signature may look at

VECTOR: tuple[FormatRow[Any], ...] = (SVG,)  # stripped, and drawn to be scrubbed; nothing is encoded into them
VECTOR_OUTPUT = "png"
ANIMATED_OUTPUT = {
    "heic": "webp",
    "jxl": "webp",
}  # formats that are encoded as stills: lossy too, with alpha, times and plays

FORMATS: tuple[FormatRow[Any], ...] = (JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, HEIC, JXL, PNM)

# Known, and refused by name, so that the message helps. (offset, bytes, name)
REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"8BPS", "this version of Photoshop PSD or PSB"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"<?xml", "XML"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"BPG\xfb", "BPG"),
    (4, b"ftyp", "ISO media of another brand (video)"),
)


def sniff(view: memoryview) -> FormatRow[Any]:
    """The row of the first format whose signature matches.

    Raises:
        UnsupportedFeature: a known format that rmexif does not handle, or only decodes.
        UnknownFormat: no signature matched.
    """
    row = sniff_source(view)
    if isinstance(row, DecodeOnlyRow):
        problem = f"{row.title} is only decoded: use scrub, which writes {row.output} or another format"
        raise UnsupportedFeature(problem, structure=row.name, offset=0)
    return row


def sniff_source(view: memoryview) -> FormatRow[Any] | DecodeOnlyRow:
    """The row of the first format whose signature matches, those that are only decoded included.

    Raises:
        UnsupportedFeature: a known format that rmexif does not handle.
        UnknownFormat: no signature matched.
    """
    head = bytes(view[:HEAD])
    for source in DECODE_ONLY:
        if source.matches_file and source.matches(head) and source.matches_file(view):
            return source
    for row in (*FORMATS, *VECTOR):
        if row.matches(head):
            return row
    for source in DECODE_ONLY:
        if source.matches(head) and not source.matches_file:
            return source
    for offset, magic, name in REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise UnsupportedFeature(f"{name} is not handled; it is refused rather than passed through")
    if not head:
        raise UnknownFormat("the input is empty")
    raise UnknownFormat("not an image of a known format: no signature matches at byte 0")


def output_for(name: str, frames: int = 1) -> str:
    """The name of the format that a picture leaves in, where nothing else is asked for.

    Args:
        name: of its own format.
        frames: that are wanted of it.
    """
    if frames > 1 and name in ANIMATED_OUTPUT:
        return ANIMATED_OUTPUT[name]
    if any(row.format.name == name for row in VECTOR):
        return VECTOR_OUTPUT
    return next((row.output for row in DECODE_ONLY if row.name == name), name)


def complete(view: memoryview, limits: Limits) -> Completed:
    """A file that is cut off with its missing rows filled with grey.

    Raises:
        MalformedImage: fewer than half of the rows are there, or what is there is no picture.
        UnsupportedFeature: a format, or a form of it, that is not completed.
    """
    row = sniff(view)
    fill = row.load().complete
    if fill is None:
        problem = "rows that are missing are not completed in this format"
        raise UnsupportedFeature(problem, structure=row.format.name, offset=0)
    found = fill(view, limits)
    require_half(found.kept, found.rows, len(view))
    return found


def by_name(name: str) -> FormatRow[Any]:
    """The row of the format called ``name``; KeyError where there is none."""
    for row in (*FORMATS, *VECTOR):
        if name == row.format.name:
            return row
    raise KeyError(name)


def rebuild(view: memoryview, container: Container[Any]) -> bytes:
    """The lossless clean file of what ``parse`` said about ``view``."""
    return join(by_name(container.format).rewrite(view, container))


def for_decoder(view: memoryview, container: Container[Any]) -> bytes:
    """The clean file, also of coded data that a rewrite refuses; the file itself where it is only decoded."""
    if any(row.name == container.format for row in DECODE_ONLY):
        return bytes(view)
    walker = by_name(container.format).load()
    return join((walker.for_decoder or walker.rewrite)(view, container))

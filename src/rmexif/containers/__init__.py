"""Bytes to parts and back: one package per format, one row per format.

A row (``common.row.FormatRow``) has what a format can do, its signature, ``parse`` and ``rewrite``:

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
from rmexif.containers.common.row import FormatRow
from rmexif.containers.gif import GIF
from rmexif.containers.isobmff import AVIF, HEIC
from rmexif.containers.jpeg import JPEG
from rmexif.containers.jxl import JXL
from rmexif.containers.png import PNG
from rmexif.containers.tiff import TIFF
from rmexif.containers.webp import WEBP
from rmexif.errors import UnknownFormat, UnsupportedFeature
from rmexif.native.buffers import join

if TYPE_CHECKING:
    from rmexif.types import Container

__all__ = ["FORMATS", "FormatRow", "by_name", "rebuild", "sniff"]

HEAD = 4096  # bytes that a signature may look at

FORMATS: tuple[FormatRow[Any], ...] = (JPEG, PNG, WEBP, GIF, TIFF, BMP, AVIF, HEIC, JXL)

# Known, and refused by name, so that the message helps. (offset, bytes, name)
REFUSED: tuple[tuple[int, bytes, str], ...] = (
    (0, b"8BPS", "Photoshop PSD"),
    (0, b"%PDF", "PDF"),
    (0, b"%!PS", "PostScript"),
    (0, b"\x00\x00\x00\x0cjP  \r\n\x87\n", "JPEG 2000"),
    (0, b"\xff\x4f\xff\x51", "JPEG 2000 codestream"),
    (0, b"<svg", "SVG"),
    (0, b"<?xml", "XML"),
    (0, b"\x00\x00\x01\x00", "ICO"),
    (0, b"\x00\x00\x02\x00", "CUR"),
    (0, b"qoif", "QOI"),
    (0, b"v/1\x01", "OpenEXR"),
    (0, b"II\xbc\x01", "JPEG XR"),
    (0, b"BPG\xfb", "BPG"),
    (0, b"IIRO", "Olympus RAW"),
    (0, b"IIU\x00", "Panasonic RAW"),
    (0, b"FUJIFILMCCD-RAW", "Fujifilm RAW"),
    (4, b"ftyp", "ISO media of another brand (video or RAW)"),
)


def sniff(view: memoryview) -> FormatRow[Any]:
    """The row of the first format whose signature matches.

    Raises:
        UnsupportedFeature: a known format that rmexif does not handle.
        UnknownFormat: no signature matched.
    """
    head = bytes(view[:HEAD])
    for row in FORMATS:
        if row.matches(head):
            return row
    for offset, magic, name in REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise UnsupportedFeature(f"{name} is not handled; it is refused rather than passed through")
    if not head:
        raise UnknownFormat("the input is empty")
    raise UnknownFormat("no image signature matched at byte 0")


def by_name(name: str) -> FormatRow[Any]:
    """The row of the format called ``name``; KeyError where there is none."""
    for row in FORMATS:
        if name == row.format.name:
            return row
    raise KeyError(name)


def rebuild(view: memoryview, container: Container[Any]) -> bytes:
    """The lossless clean file of what ``parse`` said about ``view``."""
    return join(by_name(container.format).rewrite(view, container))

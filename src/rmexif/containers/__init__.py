"""Bytes to parts and back: one module per format, one row per module.

A format module has:

``FORMAT``
    its ``Format`` row.
``matches(head) -> bool``
    whether the first 64 bytes are its signature.
``parse(view, limits) -> Container``
    walks the whole file, decodes nothing, and says what every byte is: the parts tile the file. A part has a
    role in ``CLEAN`` only if its bytes are exactly what ``pieces`` would write; a profile with a text in it,
    or an Exif block with more than an orientation, is ``METADATA`` although a cleaned form of it stays.
    What cannot be understood is refused: MalformedImage, UnsupportedFeature, LimitExceeded; nothing else.
``pieces(view, container) -> list[bytes | memoryview]``
    the lossless clean file, as pieces to be joined: what the decoder needs, written afresh; what is copied is a view
    of the input. It is a fixed point (the rewrite of a rewrite is the same file), deterministic, upright and in the
    same colours.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from rmexif.containers import avif, bmp, gif, heic, jpeg, jxl, png, tiff, webp
from rmexif.errors import UnknownFormat, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.types import Container, Format, Limits

__all__ = ["FORMATS", "FormatModule", "by_name", "rebuild", "sniff"]

HEAD = 64  # bytes that a signature may look at


class FormatModule(Protocol):
    """What a format module offers."""

    FORMAT: Format

    def matches(self, head: bytes) -> bool:
        """Whether ``head`` (at most 64 bytes) starts a file of this format."""

    def parse(self, view: memoryview, limits: Limits) -> Container:
        """Say what every byte of the file is."""

    def pieces(self, view: memoryview, container: Container) -> list[bytes | memoryview]:
        """The lossless clean file, as pieces to be joined."""


FORMATS: tuple[FormatModule, ...] = (jpeg, png, webp, gif, tiff, bmp, avif, heic, jxl)

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


def sniff(view: memoryview) -> FormatModule:
    """The module of the first format whose signature matches.

    Raises:
        UnsupportedFeature: a known format that rmexif does not handle.
        UnknownFormat: no signature matched.
    """
    head = bytes(view[:HEAD])
    for module in FORMATS:
        if module.matches(head):
            return module
    for offset, magic, name in REFUSED:
        if head[offset : offset + len(magic)] == magic:
            raise UnsupportedFeature(f"{name} is not handled; it is refused rather than passed through")
    if not head:
        raise UnknownFormat("the input is empty")
    raise UnknownFormat("no image signature matched at byte 0")


def by_name(name: str) -> FormatModule:
    """The module of the format called ``name``; KeyError where there is none."""
    for module in FORMATS:
        if name == module.FORMAT.name:
            return module
    raise KeyError(name)


def rebuild(view: memoryview, container: Container) -> bytes:
    """The lossless clean file of what ``parse`` said about ``view``."""
    return b"".join(by_name(container.format).pieces(view, container))

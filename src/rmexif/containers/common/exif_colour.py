"""The colour space that stands in an Exif block alone: Adobe RGB, as cameras state it (DCF 2.0; Exif 2.32, 4.6.5)."""

from __future__ import annotations

from rmexif.containers.common.exif_block import entries, first_ifd
from rmexif.cursor import Cursor
from rmexif.errors import MalformedImage

__all__ = ["is_adobe_rgb"]

EXIF_IFD, INTEROP_IFD = 34665, 40965  # tags that point at an IFD
COLOR_SPACE, INTEROP_INDEX = 40961, 1  # of the Exif IFD, and of the interoperability IFD
UNCALIBRATED = 0xFFFF  # neither sRGB (Exif 2.32, 4.6.5 B)
ADOBE_RGB = b"R03"  # DCF 2.0: a DCF optional file, of Adobe RGB (1998)


def is_adobe_rgb(tiff_block: bytes) -> bool:
    r"""Whether a block says "uncalibrated" and "DCF optional file": Canon, Nikon and Sony write no profile beside it.

    Args:
        tiff_block: a TIFF block, with or without ``Exif\0\0`` before it.
    """
    try:
        exif = _ifd_at(first_ifd(tiff_block), EXIF_IFD)
        if exif is None or _number(exif, COLOR_SPACE) != UNCALIBRATED:
            return False
        interop = _ifd_at(exif, INTEROP_IFD)
        return interop is not None and any(entry.text() == ADOBE_RGB for entry in entries(interop, INTEROP_INDEX))
    except MalformedImage:  # viewers show a picture with a broken Exif block in sRGB
        return False


def _number(ifd: Cursor, tag: int) -> int | None:
    """The number of the first entry with a tag; None where there is none."""
    entry = next(entries(ifd, tag), None)
    return entry.number() if entry else None


def _ifd_at(ifd: Cursor, tag: int) -> Cursor | None:
    """The IFD that the first entry with a tag points at."""
    at = _number(ifd, tag)
    return None if at is None else Cursor(ifd.view, "exif IFD", at, order=ifd.order)

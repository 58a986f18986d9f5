"""Formats that are read and never written: their picture is decoded, and leaves in another format.

A row says how a file is known, what its picture measures before a decoder runs, and the format that holds it best.
Nothing else of such a file is looked at, and nothing else leaves.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from rmexif.containers.decode_only import headers, raw_signatures
from rmexif.containers.tiff import signature as tiff_signature
from rmexif.types import Container, Part, Role

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.types import Limits

__all__ = ["DECODE_ONLY", "DecodeOnlyRow"]


class DecodeOnlyRow(NamedTuple):
    """One format."""

    name: str
    title: str  # for people
    output: str  # the format that its picture leaves in, where the policy names none
    matches: Callable[[bytes], bool]
    size: Callable[[memoryview], headers.PictureSize]  # from the headers
    # Of a format with the signature of another one: whether the whole file is of it; asked before the other one.
    matches_file: Callable[[memoryview], bool] | None = None

    def parse(self, view: memoryview, limits: Limits) -> Container[None]:
        """The size of the picture, checked; every byte counts as unknown.

        Raises:
            MalformedImage: a header that ends early, or says no size.
            UnsupportedFeature: a form that is refused.
            LimitExceeded: more pixels than allowed.
        """
        size = self.size(view)
        pixels = size.width * size.height
        limits.check("max_pixels", pixels)
        return Container(
            self.name,
            size.width,
            size.height,
            (Part(self.name, Role.UNKNOWN, 0, len(view)),),
            samples=size.channels * pixels,
            sample_bytes=size.sample_bytes,
            tree=None,
        )


RAW_TITLE = "a camera RAW (DNG, CR2, NEF, ARW and others with directories of TIFF)"
MAKERS_TITLE = "a camera RAW (CR3, RAF, ORF, RW2, MRW, X3F)"

DECODE_ONLY: tuple[DecodeOnlyRow, ...] = (
    DecodeOnlyRow("qoi", "QOI", "png", lambda head: head.startswith(b"qoif"), headers.qoi),
    DecodeOnlyRow("ico", "ICO or CUR", "png", headers.is_icon, headers.icon),
    DecodeOnlyRow("jpeg2000", "JPEG 2000", "jpeg", headers.is_jpeg2000, headers.jpeg2000),
    DecodeOnlyRow("psd", "Photoshop PSD", "png", lambda head: head.startswith(b"8BPS\0\1"), headers.photoshop),
    DecodeOnlyRow("raw", RAW_TITLE, "jpeg", tiff_signature.matches, headers.camera_raw, headers.is_camera_raw),
    DecodeOnlyRow("raw", MAKERS_TITLE, "jpeg", raw_signatures.matches, headers.camera_raw),
    DecodeOnlyRow("pfm", "PFM", "png", headers.is_pfm, headers.pfm),
    DecodeOnlyRow("dib", "DIB, a BMP without its file header,", "png", headers.is_dib, headers.dib),  # as weakly known
    DecodeOnlyRow("tga", "TGA", "png", headers.is_targa, headers.targa),  # no signature: behind all that have one
)

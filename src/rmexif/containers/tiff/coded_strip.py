"""A strip or tile as it lies in the file, and as it is written."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.errors import MalformedImage

if TYPE_CHECKING:
    from rmexif.containers.tiff.geometry import StripCoding, StripGeometry
    from rmexif.residuals import Residual

__all__ = ["STRUCTURE", "CleanStrip", "StripSource", "check_size"]

STRUCTURE = "tiff strip or tile"


@dataclass(frozen=True, slots=True)
class StripSource:
    """A strip in the file, as long as its byte count says."""

    data: bytes | memoryview
    offset: int  # byte of the file


@dataclass(frozen=True, slots=True)
class CleanStrip:
    """A clean strip.

    Attributes:
        data: its bytes; a view where they are those of the file.
        consumed: bytes of the source that a decoder reads.
        samples: decoded bytes, where they were needed.
        residuals: what could not be decoded.
        is_ordinary: whether the codes of the source say no more than these.
        fill: of ordinary codes: the one colour of all pixels of opacity 0 that were cleared; None: several, or none.
        is_padded: of ordinary codes: whether all that was cleared lies beside the picture, in a tile.
    """

    data: bytes | memoryview
    consumed: int
    samples: bytearray | None = None
    residuals: frozenset[Residual] = frozenset()
    is_ordinary: bool = False
    fill: bytes | None = None
    is_padded: bool = False


def check_size(
    name: str, size: tuple[int, int], coding: StripCoding, geometry: StripGeometry, offset: int | None = None
) -> None:
    """Refuse a picture of another size than its strip: of a larger one, decoders cut it without a word.

    Args:
        name: of the format of the picture, for the message.
        size: its width and height, px.
        coding: of the page.
        geometry: of the strip.
        offset: byte of the strip in the file, where that is known.

    Raises:
        MalformedImage: the size is another one.
    """
    width, height = size
    across, down = coding.block
    least = down if coding.tiled else geometry.rows
    if width != across or not least <= height <= down:
        problem = f"a {name} of {width} x {height} px, expected {across} x {least}"
        raise MalformedImage(problem, structure=STRUCTURE, offset=offset)

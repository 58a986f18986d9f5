"""The codec for what only a decoder sees in a WebP file: see ``containers.webp.rewrite``.

Colour under fully transparent pixels is no picture, but in VP8L (lossless WebP) only a decoder sees it, and only an
encoder can clear it. Behind a coded picture may lie bytes that no decoder reads. The codec is loaded only here.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.containers.webp import parse as webp
from rmexif.containers.webp import rewrite
from rmexif.errors import InputError
from rmexif.lowest_bits import reads_as_text
from rmexif.types import Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from rmexif.types import Container

__all__ = ["Recoded", "needs_recoding", "recode", "slack_bytes"]


@dataclass(frozen=True, slots=True)
class Recoded:
    """A WebP file without what only a codec can see in it."""

    data: bytes
    hidden_colour: int  # byte: colour under alpha 0 that was cleared
    has_text: bool  # in the lowest bits of a lossless picture


def needs_recoding(container: Container[Any], size: int) -> bool:
    """Whether a clean file of ``size`` bytes has to be recoded: a WebP that is small, or may have such colour."""
    return container.format == "webp" and rewrite.needs_rewrite(container, size)


def recode(data: bytes, container: Container[Any]) -> Recoded:
    """A clean WebP file without colour under alpha 0 and without bytes that no decoder reads.

    Small files are recoded altogether: VP8L coded again, VP8 and ALPH cut behind the last byte that a decoder reads.
    In large ones, where that would cost a multiple of the rewrite, VP8L is coded again if colour hides in it.
    """
    view = memoryview(data)
    pictures = rewrite.pictures(view, container)
    lossless = [_decode(picture.file) for picture in pictures if picture.is_lossless]
    hidden = sum(_hidden_colour(pixels) for pixels in lossless)
    has_text = any(reads_as_text(pixels) for pixels in lossless)
    if len(data) <= rewrite.SMALL:
        return Recoded(rewrite.recode(view, container, _pixels, _encode), hidden, has_text)
    if hidden:
        fresh = [_encode(picture.file) if picture.is_lossless else picture.file for picture in pictures]
        data = b"".join(rewrite.with_pictures(view, container, fresh))
    return Recoded(data, hidden, has_text)


def slack_bytes(view: memoryview, container: Container[Any]) -> int:
    """How many bytes of a clean WebP file recode() would change or take away.

    Any encoder's VP8L is as good as ours, as long as nothing hides under its alpha.
    """
    return rewrite.slack_bytes(view, container, _pixels, _encode_where_needed)


def _decode(file: bytes) -> NDArray[Any]:
    """One coded picture, H x W x 3 or 4."""
    from rmexif import codecs

    return codecs.decode(file, webp.parse(memoryview(file), Limits())).frames[0].pixels


def _pixels(file: bytes) -> bytes | None:
    try:
        return _decode(file).tobytes()
    except InputError:
        return None


def _encode(file: bytes) -> bytes:
    """The same picture as VP8L, without colour under alpha 0."""
    from rmexif import codecs

    pixels = _decode(file)
    if pixels.shape[2] == 4:
        pixels[pixels[:, :, 3] == 0] = 0
    return codecs.encode_lossless_webp(pixels)


def _encode_where_needed(file: bytes) -> bytes:
    return _encode(file) if _hidden_colour(_decode(file)) else file


def _hidden_colour(pixels: NDArray[Any]) -> int:
    """Bytes of colour in fully transparent pixels."""
    if pixels.shape[2] != 4:
        return 0
    return int(np.count_nonzero(pixels[:, :, :3][pixels[:, :, 3] == 0]))

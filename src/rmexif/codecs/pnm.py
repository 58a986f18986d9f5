"""Netpbm pixels: samples of any largest value, scaled to 8 or 16 bit (ppm(5), pam(5))."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.codecs.gif import UNLIMITED
from rmexif.containers.pnm.header import BITMAP, COLOUR, GREY, PAM, PnmHeader, serialise
from rmexif.containers.pnm.parse import parse

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["read_pixels", "write_pixels"]

KINDS = {1: GREY, 2: PAM, 3: COLOUR, 4: PAM}  # by the channels


def read_pixels(raw: bytes | memoryview) -> NDArray[Any]:
    """The picture as H x W x C.

    Raises:
        MalformedImage: the header says no size, or samples are missing.
    """
    tree = parse(memoryview(raw), UNLIMITED).tree
    header = tree.header
    if header.kind == BITMAP:
        rows = np.frombuffer(tree.samples, np.uint8).reshape(header.height, header.stride)
        return (1 - np.unpackbits(rows, axis=1, count=header.width))[:, :, None] * np.uint8(255)
    stored = np.frombuffer(tree.samples, np.uint8 if header.depth == 1 else ">u2")
    pixels: NDArray[Any] = stored.reshape(header.height, header.width, header.channels)
    kind, full = (np.uint8, 255) if header.depth == 1 else (np.uint16, 65535)
    if header.most == full:
        return pixels.astype(kind)
    table = (np.arange(header.most + 1, dtype=np.uint64) * full * 2 + header.most) // (2 * header.most)
    scaled: NDArray[Any] = table.astype(kind)[pixels]
    return scaled


def write_pixels(pixels: NDArray[Any]) -> bytes:
    """A file of H x W x C samples: PGM, PPM, or PAM where there is alpha."""
    height, width, channels = pixels.shape
    header = PnmHeader(KINDS[channels], width, height, channels, int(np.iinfo(pixels.dtype).max))
    stored = pixels if header.depth == 1 else pixels.astype(">u2")
    return serialise(header) + stored.tobytes()

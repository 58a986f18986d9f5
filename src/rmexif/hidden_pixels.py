"""What hides in the pixels of a clean container, and takes a codec to see or to clear.

Colour under fully transparent pixels is no picture, but in VP8L (lossless WebP) only a decoder sees it, and only an
encoder can clear it. Behind a coded picture may lie bytes that no decoder reads. A text in the lowest bits of the
pixels is part of the picture: it is found, not removed. The codec is loaded only where one of these is looked for:
most files need none, and the command line starts sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.containers.png import parse as png
from rmexif.containers.png import rewrite as png_rewrite
from rmexif.containers.webp import parse as webp
from rmexif.containers.webp import rewrite
from rmexif.errors import InputError
from rmexif.residuals import Residual
from rmexif.types import Container, Limits

if TYPE_CHECKING:
    from numpy.typing import NDArray

__all__ = ["bytes_beyond", "has_text", "in_question", "settled"]

SMALL = 128 << 10  # byte: WebP files up to here are settled altogether
LOSSLESS = frozenset({"png", "bmp"})  # formats that carry lowest bits; in a WebP they are looked at where it is decoded
SAMPLE_ROWS = 256  # px: enough rows for the head of a hidden text, column by column or row by row
MARKS = tuple(b"stealth_" + kind for kind in (b"pnginfo", b"pngcomp", b"rgbinfo", b"rgbcomp"))  # SD WebUI, NovelAI
PRINTABLE = bytes(1 if 0x20 <= code <= 0x7E else 0 for code in range(256))
MOST_RUNS = 1000
RUN = b"\1" * 24  # printable bytes in a row; random bits give such a run once in 10^10 bytes


def in_question(container: Container[Any], size: int) -> bool:
    """Whether a clean file of ``size`` bytes has to be settled: a WebP that is small, or may have such colour."""
    return container.format == "webp" and (Residual.COLOUR_UNDER_ALPHA in container.residuals or size <= SMALL)


def settled(data: bytes, container: Container[Any]) -> tuple[bytes, int, bool]:
    """A WebP file without what only a codec can see in it, the bytes of colour under alpha 0, and suspicious bits.

    Small files are settled altogether: VP8L coded again, VP8 and ALPH cut behind the last byte that a decoder reads.
    In large ones, where that would cost a multiple of the rewrite, VP8L is coded again if something hides in it.
    """
    view = memoryview(data)
    seen = [(file, _pixels(file)) for file in webp.pictures(view, container)]
    hidden = sum(_hidden(pixels) for file, pixels in seen if webp.is_lossless(memoryview(file)))
    suspicious = any(_has_text(pixels) for file, pixels in seen if webp.is_lossless(memoryview(file)))
    if len(data) <= SMALL:
        return rewrite.settle(view, container, _decoded, _coded_again), hidden, suspicious
    if hidden:
        fresh = [_coded_again(file) if webp.is_lossless(memoryview(file)) else file for file, _ in seen]
        return b"".join(webp.rewrite(view, container, fresh)), hidden, suspicious
    return data, 0, suspicious


def bytes_beyond(view: memoryview, container: Container[Any]) -> int:
    """How many bytes of a clean WebP file settled() would change or take away."""
    clean = rewrite.settle(view, container, _decoded, _kept)
    return 0 if clean == view else max(1, len(view) - len(clean))


def has_text(data: bytes, container: Container[Any]) -> bool:
    """Whether the lowest bits of a clean PNG or BMP file read as a text; other formats: False."""
    return container.format in LOSSLESS and _has_text(_first_rows(data, container))


def _decoded(file: bytes) -> bytes | None:
    try:
        return _pixels(file).tobytes()
    except InputError:
        return None


def _coded_again(file: bytes) -> bytes:
    from rmexif import codecs

    pixels = _pixels(file)
    if pixels.shape[2] == 4:
        pixels[pixels[:, :, 3] == 0] = 0
    return codecs.encode_lossless_webp(pixels)


def _first_rows(data: bytes, container: Container[Any]) -> NDArray[Any]:
    """At least SAMPLE_ROWS rows of the first frame, or all that there are."""
    from rmexif import codecs

    if container.format == "png":
        data = png_rewrite.crop_rows(memoryview(data), container, SAMPLE_ROWS)
        container = png.parse(memoryview(data), Limits())
    return codecs.decode(data, container).frames[0].pixels


def _kept(file: bytes) -> bytes:
    """For verify: any encoder's VP8L is as good as ours, as long as nothing hides under its alpha."""
    return _coded_again(file) if _hidden(_pixels(file)) else file


def _pixels(file: bytes) -> NDArray[Any]:
    """One coded picture, H x W x 3 or 4."""
    from rmexif import codecs

    return codecs.decode(file, webp.parse(memoryview(file), Limits())).frames[0].pixels


def _hidden(pixels: NDArray[Any]) -> int:
    """Bytes of colour in fully transparent pixels."""
    if pixels.shape[2] != 4:
        return 0
    return int(np.count_nonzero(pixels[:, :, :3][pixels[:, :, 3] == 0]))


def _has_text(pixels: NDArray[Any]) -> bool:
    """Whether the lowest bits of the first rows read as a text, row by row or column by column."""
    rows = pixels[:SAMPLE_ROWS]
    colours = rows[:, :, : 3 if rows.shape[2] >= 3 else 1]
    planes = [colours, *([rows[:, :, -1:]] if rows.shape[2] in (2, 4) else [])]
    for plane in planes:
        if plane.min() == plane.max():
            continue
        bits = (plane & 1).astype(np.uint8)
        for order in (bits.reshape(-1), bits.swapaxes(0, 1).reshape(-1)):
            if any(_reads(np.packbits(order[shift:]).tobytes()) for shift in range(8)):
                return True
    return False


def _reads(data: bytes) -> bool:
    if any(mark in data for mark in MARKS):
        return True
    printable = data.translate(PRINTABLE)
    at = printable.find(RUN)
    for _ in range(MOST_RUNS):
        if at < 0:
            break
        # A flat or dithered picture repeats a few bytes for ever; a text does not.
        if len(set(data[at : at + len(RUN)])) > 8:
            return True
        at = printable.find(RUN, at + len(RUN))
    return False

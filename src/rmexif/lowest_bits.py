"""Whether the lowest bits of the pixels read as a text: part of the picture, so it is found, not removed.

The codec is loaded only where a format carries such bits: most files need none, and the command line starts sooner.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.containers.png import parse as png
from rmexif.containers.png import rewrite as png_rewrite
from rmexif.containers.webp import parse as webp
from rmexif.containers.webp import rewrite as webp_rewrite
from rmexif.types import Limits

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rmexif.types import Container

__all__ = ["has_text", "reads_as_text"]

SAMPLE_ROWS = 256  # px: enough rows for the head of a hidden text, column by column or row by row
MARK = b"stealth_"  # of SD WebUI and NovelAI
MARKS = tuple(MARK + kind for kind in (b"pnginfo", b"pngcomp", b"rgbinfo", b"rgbcomp"))
PRINTABLE = bytes(1 if 0x20 <= code <= 0x7E else 0 for code in range(256))
MAX_RUNS = 1000  # candidates that are looked at: bounds the time for a picture made of runs
RUN = b"\1" * 24  # printable bytes in a row; random bits give such a run once in 10^10 bytes
MIN_LETTERS = 8  # different bytes in a run: a flat or dithered picture repeats a few for ever, a text does not


def has_text(data: bytes, container: Container[Any]) -> bool:
    """Whether the lowest bits of a clean PNG, BMP or lossless WebP file read as a text; other files: False."""
    if container.format == "webp":
        return any(reads_as_text(pixels) for pixels in _webp_rows(container))
    return container.format in ("png", "bmp") and reads_as_text(_first_rows(data, container))


def reads_as_text(pixels: NDArray[Any]) -> bool:
    """Whether the lowest bits of the first rows read as a text, row by row or column by column.

    Args:
        pixels: H x W x C.
    """
    rows = pixels[:SAMPLE_ROWS]
    colours = rows[:, :, : 3 if rows.shape[2] >= 3 else 1]
    planes = [colours, *([rows[:, :, -1:]] if rows.shape[2] in (2, 4) else [])]
    for plane in planes:
        if plane.min() == plane.max():
            continue
        bits = (plane & 1).astype(np.uint8)
        for order in (bits.reshape(-1), bits.swapaxes(0, 1).reshape(-1)):
            packed = np.packbits(order)
            if _may_be_text(packed) and any(map(_is_text, _shifted(packed))):
                return True
    return False


def _may_be_text(packed: NDArray[np.uint8]) -> bool:
    """Whether the shortest mark or a run could stand in packed bits, from any bit on.

    Letters start with the bits 01, printable bytes with 01 or 001: in noise no such row of bytes is as long. The
    answer is no where a search could find nothing, in a tenth of its time.
    """
    following = np.append(packed[1:], np.uint8(0))
    second, third = packed << 1 | following >> 7, packed << 2 | following >> 6
    letters: NDArray[np.uint8] = np.bitwise_and(~packed, second, dtype=np.uint8)
    printable: NDArray[np.uint8] = np.bitwise_and(~packed, second | third, dtype=np.uint8)
    return _has_row(letters, min(map(len, MARKS))) or _has_row(printable, len(RUN))


def _has_row(flags: NDArray[np.uint8], length: int) -> bool:
    """Whether one of the eight bits is set in ``length`` neighbouring bytes."""
    done = 1
    while done < length:
        step = min(done, length - done)
        flags = flags[:-step] & flags[step:]
        done += step
    return bool(flags.any())


def _shifted(packed: NDArray[np.uint8]) -> Iterator[bytes]:
    """Packed bits from each bit of the first byte on, zeros behind them."""
    following = np.append(packed[1:], np.uint8(0))
    for shift in range(8):
        yield (packed << shift | following >> (8 - shift)).astype(np.uint8, copy=False).tobytes()


def _first_rows(data: bytes, container: Container[Any]) -> NDArray[Any]:
    """At least SAMPLE_ROWS rows of the first frame, or all that there are."""
    from rmexif import codecs

    if container.format == "bmp":
        return codecs.bmp.read_pixels(data, SAMPLE_ROWS)
    if container.format == "png":
        data = png_rewrite.crop_rows(memoryview(data), container, SAMPLE_ROWS)
        container = png.parse(memoryview(data), Limits())
    return codecs.decode(data, container).frames[0].pixels


def _webp_rows(container: Container[Any]) -> Iterator[NDArray[Any]]:
    """The first rows of lossless pictures: kept where they were walked, decoded where not."""
    from rmexif import codecs

    for picture, still in zip(container.tree.pictures, webp_rewrite.pictures(container), strict=True):
        if picture.rows:
            yield np.frombuffer(picture.rows, np.uint8).reshape(-1, picture.width, 4)
        elif picture.is_lossless and not picture.is_walked:
            yield codecs.decode(still.file, webp.parse(memoryview(still.file), Limits())).frames[0].pixels


def _is_text(data: bytes) -> bool:
    """Whether a known mark, or a run of many different printable bytes, stands in ``data``."""
    if MARK in data and any(mark in data for mark in MARKS):  # one search where there is none
        return True
    printable = data.translate(PRINTABLE)
    at = printable.find(RUN)
    for _ in range(MAX_RUNS):
        if at < 0:
            break
        if len(set(data[at : at + len(RUN)])) > MIN_LETTERS:
            return True
        at = printable.find(RUN, at + len(RUN))
    return False

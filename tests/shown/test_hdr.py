"""HDR in formats that Chromium does not show: the numbers are those of the same codes in an AVIF, which it shows."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from rmexif import Policy, Scrubber
from tests.shown.avif_files import recoded

# RGB codes of 255, and what Chromium 156 shows of them in BT.2020 with PQ (9, 16) and with HLG (9, 18).
CODES = [[180, 120, 140], [120, 160, 200], [200, 210, 160], [128, 128, 128], [160, 160, 160], [192, 192, 192]]
SHOWN = {
    16: [[255, 0, 124], [0, 138, 255], [197, 255, 75], [133, 133, 133], [213, 213, 213], [255, 255, 255]],
    18: [[184, 84, 113], [42, 138, 197], [186, 216, 125], [100, 100, 100], [135, 135, 135], [189, 189, 189]],
}


def blocks(depth: int) -> np.ndarray:
    """A block of 16 x 16 px for each colour, in samples of so many bits."""
    colours = np.round(np.array(CODES) / 255 * ((1 << depth) - 1)).astype(np.uint16)
    return colours[None].repeat(16, axis=0).repeat(16, axis=1)


def heic(transfer: int) -> bytes:
    """10 bit by libheif."""
    out = io.BytesIO()
    pixels, numbers = blocks(16), {"color_primaries": 9, "transfer_characteristics": transfer, "matrix_coefficients": 9}
    size = (pixels.shape[1], pixels.shape[0])
    pillow_heif.encode("RGB;16", size, pixels.tobytes(), out, quality=100, chroma=444, full_range_flag=1, **numbers)
    return out.getvalue()


def avif(transfer: int) -> bytes:
    """10 bit by libavif."""
    settings = [cv2.IMWRITE_AVIF_DEPTH, 10, cv2.IMWRITE_AVIF_QUALITY, 100]
    pixels = np.ascontiguousarray(blocks(10)[:, :, ::-1])
    return recoded(cv2.imencode(".avif", pixels, settings)[1].tobytes(), 9, transfer)


@pytest.mark.parametrize("transfer", SHOWN)
@pytest.mark.parametrize("make", [heic, avif])
def test_hdr_leaves_as_chromium_shows_it(make, transfer: int) -> None:
    """In the middle of each block."""
    data, _ = Scrubber(make(transfer), Policy(faces=False, stealth=False, output="png")).process()

    pixels = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)[:, :, ::-1]

    assert Image.open(io.BytesIO(data)).size == (96, 16)
    assert np.abs(pixels[8, 8::16].astype(int) - SHOWN[transfer]).max() <= 4

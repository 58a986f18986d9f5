"""HDR in formats that Chromium does not show: the numbers are those of the same codes in an AVIF, which it shows."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - for Image.open
import pytest
from PIL import Image

from rmexif import Policy, Scrubber, strip
from tests import sets
from tests.containers.builders_png import chunk
from tests.shown.avif_files import recoded
from tests.shown.chromium import viewer

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


def bare_codes(raw: bytes) -> bytes:
    """A JPEG XL as libjxl decodes it, in a PNG that says by cICP what it says: BT.709 with PQ."""
    with Image.open(io.BytesIO(raw)) as image:
        data = cv2.imencode(".png", np.asarray(image, np.uint16))[1].tobytes()
    return data[:33] + chunk(b"cICP", bytes((1, 16, 0, 1))) + data[33:]


@pytest.mark.parametrize("name", ["libjxl-testdata__hdr_room.png", "libjxl-testdata__pq_gradient.jxl"])
def test_hdr_of_others_leaves_as_chromium_shows_it(browser, name: str) -> None:
    """A profile with a cicp tag, and PQ in JPEG XL, of which Chromium shows the same codes in a PNG."""
    raw = (sets.require("corpus") / "colour" / name).read_bytes()
    source = raw if name.endswith("png") else bare_codes(raw)
    scrubbed = Scrubber(raw, Policy(faces=False, stealth=False, output="png")).process()[0]
    with viewer(browser) as page:
        before, stripped, after = page.show([(source, "png"), (strip(source)[0], "png"), (scrubbed, "png")])

    assert np.array_equal(before.still, stripped.still)
    assert np.abs(before.still.astype(int) - after.still).max() <= 3

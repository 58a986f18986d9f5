"""Peak memory of scrubbing the largest ordinary files: a child process each, its largest resident set.

    python benchmarks/memory/scrub.py [NAME...]

Files: a 200 MP JPEG and HEIC (16320 x 12240, a phone's tiles in the HEIC), 50 pages of A4 at 300 dpi as TIFF, grey and
RGB, and 60 s of 720p at 30 frames a second as GIF and WebP. They are made here, of smooth colours and noise.
"""

from __future__ import annotations

import io
import multiprocessing
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from numpy.typing import NDArray

PHONE = (12240, 16320)  # rows, px
PAGE = (3508, 2480)
PAGES = 50
VIDEO = (720, 1280)
FRAMES = 1800


def photo(rows: int, columns: int) -> NDArray[np.uint8]:
    """Colours that change slowly, with a little noise."""
    rng = np.random.default_rng(1)
    coarse = rng.integers(0, 255, (rows // 512 + 2, columns // 512 + 2, 3), np.uint8)
    smooth = cv2.resize(coarse, (columns, rows), interpolation=cv2.INTER_CUBIC)
    for start in range(0, rows, 512):
        band = smooth[start : start + 512]
        cv2.add(band, rng.integers(0, 6, band.shape, np.uint8), dst=band)
    return smooth


def phone_jpeg() -> bytes:
    """200 MP."""
    return bytes(cv2.imencode(".jpg", photo(*PHONE), [cv2.IMWRITE_JPEG_QUALITY, 90])[1])


def phone_heic() -> bytes:
    """200 MP."""
    import pillow_heif

    out = io.BytesIO()
    pixels = photo(*PHONE)
    settings = {"quality": 60, "chroma": 420, "enc_params": {"preset": "ultrafast"}, "tile_size": 2040}
    pillow_heif.encode("BGR", PHONE[::-1], pixels.data.cast("B"), out, **settings)
    return out.getvalue()


def pages(mode: str) -> bytes:
    """50 pages of A4 with lines of noise for text."""
    rng = np.random.default_rng(2)

    def page() -> Image.Image:
        paper = np.full(PAGE, 255, np.uint8)
        for row in range(200, PAGE[0] - 200, 60):
            paper[row : row + 30, 200:-200] = rng.integers(0, 2, (30, PAGE[1] - 400), np.uint8) * 255
        return Image.fromarray(paper).convert(mode)

    out = io.BytesIO()
    page().save(out, "TIFF", save_all=True, append_images=[page() for _ in range(PAGES - 1)], compression="tiff_lzw")
    return out.getvalue()


def moving(plugin: str) -> bytes:
    """60 s of a square that moves over a still ground."""
    ground = photo(*VIDEO)

    def frames() -> Iterator[Image.Image]:
        for number in range(FRAMES):
            pixels = ground.copy()
            left = number % (VIDEO[1] - 64)
            pixels[300:364, left : left + 64] = (number % 256, 0, 0)
            yield Image.fromarray(pixels).quantize(64) if plugin == "GIF" else Image.fromarray(pixels)

    made, out = frames(), io.BytesIO()
    next(made).save(out, plugin, save_all=True, append_images=made, duration=33, loop=0, quality=50, method=0)
    return out.getvalue()


MAKERS: dict[str, tuple[Callable[[], bytes], float]] = {  # maker, and the bound in GiB
    "jpeg 200 MP": (phone_jpeg, 3),
    "heic 200 MP": (phone_heic, 3),
    "tiff 50 A4 grey": (lambda: pages("L"), 1),
    "tiff 50 A4 RGB": (lambda: pages("RGB"), 1),
    "gif 60 s 720p": (lambda: moving("GIF"), 1),
    "webp 60 s 720p": (lambda: moving("WEBP"), 1),
}


def measure(raw: bytes, answer: multiprocessing.Queue[tuple[str, float, float]]) -> None:
    """Scrub once; the largest resident set in GiB, and the seconds."""
    from rmexif import RmexifError, scrub

    start = time.perf_counter()
    try:
        data, _ = scrub(raw)
        said = f"{len(data) / 1e6:.1f} MB"
    except RmexifError as error:
        said = str(error)
    status = Path("/proc/self/status").read_text()  # ru_maxrss is that of the parent, where it had more
    peak = int(status.partition("VmHWM:")[2].split()[0]) / (1 << 20)
    answer.put((said, peak, time.perf_counter() - start))


def main(names: list[str]) -> int:
    """Print a line for each file; 1 where one is above its bound."""
    fell = 0
    context = multiprocessing.get_context("spawn")
    for name in names or list(MAKERS):
        maker, bound = MAKERS[name]
        raw = maker()
        answer: multiprocessing.Queue[tuple[str, float, float]] = context.Queue()
        child = context.Process(target=measure, args=(raw, answer))
        child.start()
        said, peak, seconds = answer.get()
        child.join()
        fell |= peak > bound
        print(
            f"{name}: {len(raw) / 1e6:.1f} MB in, {said}, peak {peak:.2f} GiB (bound {bound}), {seconds:.0f} s",
            flush=True,
        )
    return fell


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

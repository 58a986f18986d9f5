"""What tests/fuzz/found holds, byte by byte: files that broke the law once, built again from what is known of them.

    python -m tests.fuzz.rebuild_found

writes those that are missing. A find of the harness goes into the folder as it is; it needs no builder.
"""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from PIL import Image

from tests.containers import builders_png as png
from tests.containers import builders_webp as webp
from tests.containers.test_gif import build as gif
from tests.containers.test_gif import pack

FOLDER = Path(__file__).parent / "found"


def png_without_idat() -> bytes:
    """OpenCV spun for up to 20 s on a PNG whose picture is missing."""
    return png.with_crcs(png.png().replace(b"IDAT", b"idAT"))


def png_frame_of_many_chunks() -> bytes:
    """A frame of many empty fdAT chunks took time that grew with the square of their number."""
    many = [png.chunk(b"fdAT", number.to_bytes(4, "big")) for number in range(2, 1500)]
    return png.png(png.actl(2), png.fctl(0, 2, 2), pixels=bytes(12), after=[png.fctl(1, 1, 1), *many])


def png_deep_ifds() -> bytes:
    """Each SubIFD points to the next: the reader of Exif ran out of stack."""
    links = [struct.pack(">HHHIII", 1, 330, 4, 1, 8 + 18 * (number + 1), 0) for number in range(1200)]
    return png.png(png.chunk(b"eXIf", b"MM\0*\0\0\0\x08" + b"".join(links)))


def gif_twin_of_an_unused_transparent_sample() -> bytes:
    """Entries 1 and 2 are alike; the second frame calls 1 transparent, and has no such pixel: no fixed point."""
    table = bytes((0, 0, 0, 9, 9, 9, 9, 9, 9, 0, 0, 255))
    first = gif(pack((4, 3), (1, 3), (2, 3), (3, 3), (1, 4), (5, 4)), tail=b"")
    second = b",\0\0\0\0\1\0\1\0\0\x02" + b"\x02" + pack((4, 3), (2, 3), (5, 3)) + b"\0"
    return first[:13] + table + first[25:] + b"!\xf9\x04\x05\x0a\0\x01\0" + second + b";"


def gif_clear_codes_without_end() -> bytes:
    """Thousands of clear codes that paint nothing."""
    codes = pack(*[(4, 3)] * 5000)
    blocks = b"".join(bytes([len(codes[at : at + 255])]) + codes[at : at + 255] for at in range(0, len(codes), 255))
    raw = gif()
    at = raw.index(b"\x2c", 25) + 11
    return raw[:at] + blocks + b"\0;"


def _noise(alpha: bool) -> list[bytes]:
    """The VP8L chunk of a small picture, half of it transparent."""
    pixels = np.random.default_rng(3).integers(0, 256, (10, 16, 4), np.uint8)
    pixels[:, :, 3] = 255
    if alpha:
        pixels[:, :8, 3] = 0
    image = Image.fromarray(pixels if alpha else pixels[:, :, :3])
    return [webp.chunk(*pair) for pair in webp.encoded(image, lossless=True, exact=True)]


def _animation(*pictures: list[bytes]) -> bytes:
    frames = [webp.anmf(16, 10, *coded, flags=2) for coded in pictures]
    return webp.riff(webp.vp8x(16, 10, 0x12), webp.chunk(b"ANIM", bytes(6)), *frames)


def webp_opaque_frame_between_others() -> bytes:
    """The output of strip failed its own check by the alpha hint of a frame."""
    return _animation(_noise(True), _noise(False))


def webp_animation_with_colour_under_alpha() -> bytes:
    """scrub gave animations with colour under alpha 0."""
    return _animation(_noise(True), _noise(True))


CASES = (
    png_without_idat,
    png_frame_of_many_chunks,
    png_deep_ifds,
    gif_twin_of_an_unused_transparent_sample,
    gif_clear_codes_without_end,
    webp_opaque_frame_between_others,
    webp_animation_with_colour_under_alpha,
)


def main() -> None:
    for case in CASES:
        path = FOLDER / f"{case.__name__.replace('_', '-')}.bin"
        if not path.exists():
            path.write_bytes(case())


if __name__ == "__main__":
    main()

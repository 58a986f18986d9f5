"""Small mixed batches: photographs with metadata, other formats, and what has to come out as a code."""

from __future__ import annotations

import hashlib
from collections import Counter
from functools import cache

from tests import samples

FORMATS = ("jpeg", "png", "webp", "gif", "bmp", "tiff")


@cache
def jpeg(number: int, width: int = 160) -> bytes:
    """A picture that no other number has."""
    picture = samples.picture(width + number % 7, 96 + number % 5)
    picture.putpixel((0, 0), (number % 256, number // 256 % 256, 7))
    return samples.saved(picture, "JPEG", quality=90, exif=samples.exif(1), comment=samples.CANARY)


def mixed(count: int) -> dict[str, bytes]:
    """``count`` objects by name; one in eight has no result, and the extension of one in sixteen is not true."""
    made: dict[str, bytes] = {}
    for number in range(count):
        folder = f"day {number % 3}/" if number % 4 else ""
        kind = FORMATS[number % len(FORMATS)] if number % 3 == 2 else "jpeg"
        raw = next(iter(samples.of(kind).values())) if kind != "jpeg" else jpeg(number)
        name = f"{folder}{number:05d}.{kind}"
        match number % 16:
            case 3:
                raw = b""
            case 9:
                raw = raw[: len(raw) // 2]
            case 12:
                name = f"{folder}{number:05d}.tif"
        made[name] = raw
    return made


def hashes(objects: dict[str, bytes]) -> Counter[str]:
    """SHA-256 of every object."""
    return Counter(hashlib.sha256(raw).hexdigest() for raw in objects.values())

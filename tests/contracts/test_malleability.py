"""How much of a clean file could carry a message: bytes that change, and neither verify() nor a viewer takes notice.

Every byte of ``strip``'s output outside coded pictures is changed in three ways (in the short lane every 11th one).
Where verify(canonical=True) still calls the file clean and decoders still show the same, the byte is free. What may be free stands
in a table, with the reason.
"""

from __future__ import annotations

import io
from collections import Counter

import pytest
from PIL import Image, ImageSequence

from rmexif import RmexifError, strip, verify
from rmexif.containers import FORMATS, by_name
from rmexif.types import Limits, Role
from tests import samples

CASES = [(module.format.name, kind) for module in FORMATS for kind in samples.of(module.format.name)]
FLIPS = (0x01, 0x10, 0x80)
LARGEST = 12_000  # byte

FREE = {  # at the most, in one sample
    ("jpeg", "APP0/JFIF"): 2,  # the shape of a pixel, in numbers of one byte
    ("jpeg", "SOS"): 3,  # progressive: ends of bands, beyond what the picture has
    ("webp", "ANMF"): 2,  # what becomes of a frame's area where the next one covers it all
    ("avif", "meta/iprp/ipco/colr"): 1,  # twins among the transfer curves
    ("heic", "meta/iprp/ipco/colr"): 1,
    ("heic", "meta/iprp/ipco/hvcC"): 9,  # levels, compatibility and buffers, which no decoder here checks
    ("jxl", "codestream/frame/header"): 1,  # how a channel is blended that has nothing below it
}


def shown(data: bytes) -> object:
    """All that a viewer gets to know of a file."""
    try:
        image = Image.open(io.BytesIO(data))
        keys = ("icc_profile", "loop", "gamma", "srgb", "chromaticity")
        header = [image.format, image.size, image.mode, image.getexif().get(0x112), [image.info.get(k) for k in keys]]
        frames = [
            (frame.tobytes(), frame.mode, frame.info.get("duration"), bytes(frame.getpalette() or ()))
            for frame in ImageSequence.Iterator(image)  # what a frame says is known once it is decoded
        ]
    except Exception as error:  # decoders have errors of many kinds; that they have one is an answer
        return type(error)
    return header, frames


def free_bytes(data: bytes, name: str, stride: int) -> Counter[str]:
    """How many bytes of each kind of part are free."""
    found: Counter[str] = Counter()
    before = shown(data)
    parts = by_name(name).parse(memoryview(data), Limits()).parts
    places = [(part.label, at) for part in parts if part.role != Role.PIXELS for at in range(part.offset, part.end)]
    assert places
    for label, at in places[::stride]:
        for flip in FLIPS:
            changed = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            try:
                passes = not verify(changed, canonical=True)
            except RmexifError:
                continue
            if passes and shown(changed) == before:
                found[label] += 1
                break
    return found


@pytest.mark.parametrize(
    "stride", [pytest.param(1, id="every-byte", marks=pytest.mark.slow), pytest.param(11, id="every-11th-byte")]
)
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_no_byte_is_free(name: str, kind: str, stride: int) -> None:
    """But for those in the table."""
    clean, _ = strip(samples.of(name)[kind])
    if len(clean) > LARGEST:
        pytest.skip("too large to change every byte of it")

    over = {part: count for part, count in free_bytes(clean, name, stride).items() if count > FREE.get((name, part), 0)}

    assert over == {}


def test_a_free_byte_is_found() -> None:
    """The measure sees one: where the last band of a progressive picture ends."""
    clean, _ = strip(samples.of("jpeg")["progressive"])

    assert free_bytes(clean, "jpeg", 1)["SOS"] > 0

"""Chunks that a rewrite drops or changes, and in which common encoders write nothing of their own.

W3C PNG (third edition): 11.2.2 PLTE, 11.3.1.1 tRNS, 11.3.2 colour, 11.3.4.1 bKGD, 11.3.2.4 sBIT, 11.3.4.3 pHYs.
"""

from __future__ import annotations

import re
import struct
import zlib
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.choices import LIGHT, PRIMARIES
from rmexif.containers.common.common_exif import is_common_exif
from rmexif.containers.common.density import is_common_per_metre
from rmexif.containers.common.palette import is_padding
from rmexif.containers.png.colour import GAMMAS, MAX_PROFILE
from rmexif.native import Status, deflate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping

    from rmexif.native.png import Layout

__all__ = ["is_common", "is_common_palette", "number_bytes"]

SRGB_PLACES = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)  # of sRGB (11.3.2.1), white first
NUMBERS = {
    b"gAMA": 2,
    b"cHRM": PRIMARIES,
    b"mDCV": LIGHT,
    b"cLLI": LIGHT,
    b"pHYs": 2,
}  # bytes, as ``colour`` rounds them
INTENTS = 4  # of sRGB (11.3.2.5)
PALETTE = 3  # colour type
# Of a profile: by libpng's users, libvips, ImageMagick, Photoshop, Apple, Chromium (an underscore), ExifTool, OpenCV.
PROFILE_NAMES = re.compile(
    rb"(?i:icc|icc profile|iccprofile|photoshop icc profile|adobe rgb \(1998\)|srgb|srgb iec61966-2\.1|display p3"
    rb"|kcgcolorspace(?:srgb|displayp3|adobergb1998|genericrgb)|_|skia|profile|embedded|color profile)"
)
TWICE = 2  # as often pngquant has its one of them
MAX_CLEAR = 1  # fully transparent entries of any colour: programs have one


def is_common(kind: bytes, data: bytes, layout: Layout) -> bool:
    """Whether a chunk says nothing that is not in every other file of its encoder.

    Args:
        kind: type of the chunk.
        data: its content.
        layout: of the picture.
    """
    check = CHECKS.get(kind)
    return check is not None and check(data, layout)


def is_common_palette(colours: bytes, alphas: bytes, used: Collection[int]) -> bool:
    """Whether PLTE and tRNS hold nothing beside the colours in use but what palettes are filled up with.

    Args:
        colours: content of PLTE.
        alphas: content of tRNS.
        used: indices that pixels have.
    """
    entries = [colours[at : at + 3] for at in range(0, len(colours), 3)]
    shown = {0, 255, *(alphas[at] for at in used if at < len(alphas))}
    if len(alphas) > len(entries) or not shown.issuperset(alphas):
        return False
    clear = [at for at, alpha in enumerate(alphas) if not alpha]
    is_one = len(clear) <= MAX_CLEAR or (len(clear) <= TWICE and len({entries[at] for at in clear}) == 1)
    return is_one and is_padding(entries, {*used, *clear})


def _density(data: bytes, layout: Layout) -> bool:
    del layout
    if len(data) != 9:
        return False
    across, down, unit = struct.unpack(">IIB", data)
    is_unknown = (across, down, unit) in ((0, 0, 0), (0, 0, 1), (0, 1, 0), (1, 1, 0), (1, 1, 1))  # FFmpeg: 0 to 1
    return is_unknown or (unit == 1 and is_common_per_metre(across, down))


def _background(data: bytes, layout: Layout) -> bool:
    """One colour of at most eight bits a sample, or black or white: ImageMagick and GIMP state which one there was."""
    if layout.colour == PALETTE:
        return len(data) == 1
    samples = 1 + 2 * bool(layout.colour & 2)
    white = ((1 << layout.depth) - 1).to_bytes(2, "big") * samples
    is_colour = layout.depth <= 8 and len(data) == len(white) and all(sample <= white[1] for sample in data[1::2])
    return data in (white, bytes(len(white))) or (is_colour and not any(data[::2]))


def _significant_bits(data: bytes, layout: Layout) -> bool:
    """As many as a sample has, or fewer: those of the samples before they were widened, as of 5, 6 and 5 bits."""
    samples = 3 if layout.colour == PALETTE else {0: 1, 2: 3, 4: 2, 6: 4}[layout.colour]
    depth = 8 if layout.colour == PALETTE else layout.depth
    return len(data) == samples and all(0 < bits <= depth for bits in data)


def _gamma(data: bytes, layout: Layout) -> bool:
    del layout
    return len(data) == 4 and any(abs(int.from_bytes(data, "big") - known) <= 1 for known in GAMMAS)


def _primaries(data: bytes, layout: Layout) -> bool:
    del layout
    return len(data) == 32 and all(
        abs(a - b) <= 1 for a, b in zip(struct.unpack(">8I", data), SRGB_PLACES, strict=True)
    )


def _intent(data: bytes, layout: Layout) -> bool:
    del layout
    return len(data) == 1 and data[0] < INTENTS


def _profile(data: bytes, layout: Layout) -> bool:
    """A published one, under a name of a program, in a stream as zlib has it or as short."""
    del layout
    name, _, packed = data.partition(b"\0")
    audit = deflate.audit(packed[1:], MAX_PROFILE)
    report = audit.report
    if packed[:1] != b"\0" or audit.status is not Status.OK or not (report.intact and report.is_ordinary):
        return False
    if report.used != len(packed) - 1 or not PROFILE_NAMES.fullmatch(name):
        return False
    profile = zlib.decompress(packed[1:])
    return icc.is_published(profile) and _is_deflated(packed[1:], profile)


def _exif(data: bytes, layout: Layout) -> bool:
    return is_common_exif(data, (layout.width, layout.height))


def _is_deflated(stream: bytes, content: bytes) -> bool:
    """Whether a stream has no more bytes than zlib needs, or is one of zlib's: else its matches could spell."""
    levels = (zlib.compress(content, level) for level in range(zlib.Z_BEST_COMPRESSION, -1, -1))
    best = next(levels)
    return len(stream) <= len(best) or any(stream[2:] == coded[2:] for coded in levels)


def number_bytes(head: Iterable[tuple[bytes, bytes]]) -> int:
    """Bytes of the numbers in the chunks that stay, where they are not those of every other file.

    Args:
        head: type and content of each chunk.
    """
    return sum(NUMBERS[kind] for kind, data in head if kind in NUMBERS and not _is_usual(kind, data))


def _is_usual(kind: bytes, data: bytes) -> bool:
    places = b"".join(round(place, -1).to_bytes(4, "big") for place in SRGB_PLACES)
    return data in {b"gAMA": [known.to_bytes(4, "big") for known in GAMMAS], b"cHRM": [places]}.get(kind, [])


CHECKS: Mapping[bytes, Callable[[bytes, Layout], bool]] = {
    b"iCCP": _profile,
    b"eXIf": _exif,
    b"pHYs": _density,
    b"bKGD": _background,
    b"sBIT": _significant_bits,
    b"gAMA": _gamma,
    b"cHRM": _primaries,
    b"sRGB": _intent,
}

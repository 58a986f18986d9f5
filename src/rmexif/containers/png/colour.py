"""Which colour chunks of a PNG stay, in the form in which they stay.

W3C PNG (third edition): 4.3 precedence (cICP, iCCP, sRGB, then gAMA and cHRM), 11.3.2 the chunks. Numbers that
mean nothing are not kept, others are rounded: a free field of four bytes is a hiding place. Where the clauses leave it
open, what Chromium 156 shows decides: a chunk of another length is none, a profile of RGB counts for grey, one of grey
does not for RGB and overrules gAMA all the same, and so does a cHRM that describes no gamut.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.h273 import BRIGHTEST, NIT, PRIMARIES, TRANSFERS, UNSPECIFIED, mastering
from rmexif.containers.png.profile_stream import deflated
from rmexif.types import Colour

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "colour_chunks"]

KINDS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
HDR_TRANSFERS = frozenset({16, 18})  # PQ, HLG
SRGB = frozenset({"srgb", "gray-srgb"})  # spaces that a chunk of its own stands for (11.3.2.5)
GREYS = frozenset({0, 4})  # colour types
MAX_PROFILE = 8 << 20  # byte, inflated: bounds what a small chunk can cost
FULL_RANGE_RGB = (0, 1)  # matrix and range: Chromium looks away from another range, and shows nothing of another matrix
MAX_GAMMA = 10_000_000  # of 100 000
GAMMAS = (45_455, 55_556, 100_000)  # sRGB-like, Adobe RGB-like, linear; of 100 000


def colour_chunks(found: Mapping[bytes, bytes], colour_type: int) -> tuple[list[tuple[bytes, bytes]], Colour]:
    """The colour chunks that stay, in order, and the colour that they describe.

    Args:
        found: content of the first chunk of each kind before the picture.
        colour_type: of IHDR.
    """
    chunks, cicp, profile = list[tuple[bytes, bytes]](), None, _profile(found.get(b"iCCP", b""))
    code = found.get(b"cICP", b"")
    is_known = len(code) == 4 and code[0] in PRIMARIES and code[1] in TRANSFERS and UNSPECIFIED not in code[:2]
    if is_known and tuple(code[2:]) == FULL_RANGE_RGB:
        cicp = (code[0], code[1], *FULL_RANGE_RGB)
        chunks.append((b"cICP", code))
    if profile and profile[16:20] == b"GRAY" and colour_type not in GREYS:
        return chunks, Colour(cicp=cicp)
    if profile and not cicp and icc.identify(profile) in SRGB:
        return [(b"sRGB", b"\0")], Colour()  # the same colours, and no profile with a name
    if profile:  # also beside cICP: for viewers that do not know that one
        chunks.append((b"iCCP", b"icc\0\0" + deflated(profile)))
    if cicp and cicp[1] in HDR_TRANSFERS:
        light = {b"mDCV": _mastering(found.get(b"mDCV", b"")), b"cLLI": _light_level(found.get(b"cLLI", b""))}
        chunks += [(kind, data) for kind, data in light.items() if data]
    if chunks:
        return chunks, Colour(icc=profile, cicp=cicp)
    intent = found.get(b"sRGB", b"")
    if len(intent) == 1 and intent[0] <= 3:
        return [(b"sRGB", intent)], Colour()
    return _measured(found, colour_type)


def _profile(data: bytes) -> bytes | None:
    """The cleaned profile of iCCP (11.3.2.3), of RGB or of grey; None where there is none."""
    _, _, packed = data.partition(b"\0")
    if packed[:1] != b"\0":
        return None
    try:  # without the envelope: a checksum that is wrong or missing does not cost the colours
        profile = zlib.decompressobj(-15).decompress(packed[3:], MAX_PROFILE)
    except zlib.error:
        return None
    cleaned = icc.clean(profile)
    return cleaned if cleaned is not None and cleaned[16:20] in (b"GRAY", b"RGB ") else None


def _measured(found: Mapping[bytes, bytes], colour_type: int) -> tuple[list[tuple[bytes, bytes]], Colour]:
    """GAMA and cHRM (11.3.2.1, 11.3.2.2), where they are plausible."""
    chunks, gamma, primaries = list[tuple[bytes, bytes]](), None, None
    data = found.get(b"gAMA", b"")
    number = int.from_bytes(data, "big") if len(data) == 4 else 0
    data = found.get(b"cHRM", b"")
    places = [round(place, -1) for place in struct.unpack(">8I", data)] if len(data) == 32 else []  # four decimals
    if places and not _is_gamut(places):
        return [], Colour()
    if 1 <= number <= MAX_GAMMA:
        near = [known for known in GAMMAS if abs(number - known) <= known // 200]  # within 0.5 %: rounded by a writer
        number = near[0] if near else round(number, 3 - len(str(number)))  # three digits
        gamma = number / 100_000
        chunks.append((b"gAMA", number.to_bytes(4, "big")))
    if places and (chunks or colour_type not in GREYS):  # of grey it tells sRGB from a power curve, beside gAMA alone
        primaries = tuple(place / 100_000 for place in places)
        chunks.append((b"cHRM", struct.pack(">8I", *places)))
    return chunks, Colour(gamma=gamma, primaries=primaries)


def _is_gamut(places: list[int]) -> bool:
    """Whether white, red, green and blue are colours, and the last three span some area."""
    points = list(zip(places[::2], places[1::2], strict=True))
    if any(y == 0 or x + y > 100_000 for x, y in points):
        return False
    (rx, ry), (gx, gy), (bx, by) = points[1:]
    return abs((gx - rx) * (by - ry) - (bx - rx) * (gy - ry)) > 10**8


def _mastering(data: bytes) -> bytes:
    """The mDCV (11.3.2.7) of a known display, its lights rounded; empty where it is none."""
    if len(data) < 24:
        return b""
    *places, brightest, darkest = struct.unpack_from(">8HII", data)
    display = mastering(tuple(places), brightest, darkest)
    return struct.pack(">8HII", *display[0], display[1], darkest) if display else b""


def _light_level(data: bytes) -> bytes:
    """A plausible cLLI (11.3.2.8) in whole cd/m2; empty where it is not."""
    if len(data) < 8:
        return b""
    most, average = (round(number / NIT) for number in struct.unpack_from(">II", data))
    return struct.pack(">II", most * NIT, average * NIT) if average <= most <= BRIGHTEST else b""

"""Which colour chunks of a PNG stay, in the form in which they stay.

W3C PNG (third edition): 4.3 precedence (cICP, iCCP, sRGB, then gAMA and cHRM), 11.3.2 the chunks. Numbers that
describe no display or camera are not kept: a free field of four bytes is a hiding place. A chunk that is too long is
read up to its due length, without the surplus.
"""

from __future__ import annotations

import struct
import zlib
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.h273 import BRIGHTEST, NIT, PRIMARIES, TRANSFERS, UNSPECIFIED, mastering
from rmexif.types import Colour

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["KINDS", "colour_chunks"]

KINDS = (b"cICP", b"iCCP", b"sRGB", b"gAMA", b"cHRM", b"mDCV", b"cLLI")
HDR_TRANSFERS = frozenset({16, 18})  # PQ, HLG
SRGB = frozenset({"srgb", "gray-srgb"})  # spaces that a chunk of its own stands for (11.3.2.5)
GREYS = frozenset({0, 4})  # colour types
MAX_PROFILE = 8 << 20  # byte, inflated: bounds what a small chunk can cost
GAMMAS = (45_455, 55_556, 100_000)  # sRGB-like, Adobe RGB-like, linear; of 100 000


def colour_chunks(found: Mapping[bytes, bytes], colour_type: int) -> tuple[list[tuple[bytes, bytes]], Colour]:
    """The colour chunks that stay, in order, and the colour that they describe.

    Args:
        found: content of the first chunk of each kind before the picture.
        colour_type: of IHDR.
    """
    chunks, cicp, profile = list[tuple[bytes, bytes]](), None, _profile(found.get(b"iCCP", b""), colour_type)
    code = found.get(b"cICP", b"")[:4]
    is_known = len(code) == 4 and code[0] in PRIMARIES and code[1] in TRANSFERS and UNSPECIFIED not in code[:2]
    if is_known and code[2] == 0 and code[3] <= 1:
        cicp = (code[0], code[1], code[2], code[3])
        chunks.append((b"cICP", code))
    if profile and not cicp and icc.identify(profile) in SRGB:
        return [(b"sRGB", b"\0")], Colour()  # the same colours, and no profile with a name
    if profile:  # also beside cICP: for viewers that do not know that one
        chunks.append((b"iCCP", b"icc\0\0" + zlib.compress(profile, 0)))  # stored: the same with every zlib
    if cicp and cicp[1] in HDR_TRANSFERS:
        light = {b"mDCV": _mastering(found.get(b"mDCV", b"")), b"cLLI": _light_level(found.get(b"cLLI", b""))}
        chunks += [(kind, data) for kind, data in light.items() if data]
    if chunks:
        return chunks, Colour(icc=profile, cicp=cicp)
    intent = found.get(b"sRGB", b"")[:1]
    if intent and intent[0] <= 3:
        return [(b"sRGB", intent)], Colour()
    return _measured(found, colour_type)


def _profile(data: bytes, colour_type: int) -> bytes | None:
    """The cleaned profile of iCCP (11.3.2.3); None where there is none that fits the picture."""
    _, _, packed = data.partition(b"\0")
    if packed[:1] != b"\0":
        return None
    try:  # without the envelope: a checksum that is wrong or missing does not cost the colours
        profile = zlib.decompressobj(-15).decompress(packed[3:], MAX_PROFILE)
    except zlib.error:
        return None
    cleaned = icc.clean(profile)
    fits = cleaned is not None and cleaned[16:20] == (b"GRAY" if colour_type in GREYS else b"RGB ")
    return cleaned if fits else None


def _measured(found: Mapping[bytes, bytes], colour_type: int) -> tuple[list[tuple[bytes, bytes]], Colour]:
    """GAMA and cHRM (11.3.2.1, 11.3.2.2), where they are plausible."""
    chunks, gamma, primaries = list[tuple[bytes, bytes]](), None, None
    data = found.get(b"gAMA", b"")[:4]
    if len(data) == 4 and 10_000 <= (number := int.from_bytes(data, "big")) <= 1_000_000:
        near = [known for known in GAMMAS if abs(number - known) <= known // 200]  # within 0.5 %: rounded by a writer
        number = near[0] if near else round(number, -2)
        gamma = number / 100_000
        chunks.append((b"gAMA", number.to_bytes(4, "big")))
    data = found.get(b"cHRM", b"")[:32]
    if len(data) == 32 and (chunks or colour_type not in GREYS):  # Chromium follows gAMA only beside cHRM, also of grey
        places = [round(place, -1) for place in struct.unpack(">8I", data)]  # four decimals: nobody publishes more
        if _is_gamut(places):
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

"""Chunks that a rewrite drops or changes, and in which common encoders write nothing of their own.

W3C PNG (third edition): 11.2.2 PLTE, 11.3.1.1 tRNS, 11.3.2 colour, 11.3.4.1 bKGD, 11.3.2.4 sBIT, 11.3.4.3 pHYs.
"""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.common.choices import LIGHT, PRIMARIES
from rmexif.containers.common.density import is_common_per_metre
from rmexif.containers.common.palette import is_padding
from rmexif.containers.png.colour import GAMMAS

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
    if len(alphas) > len(entries) or any(alphas[at] not in (0, 255) for at in range(len(alphas)) if at not in used):
        return False
    clear = [at for at, alpha in enumerate(alphas) if not alpha]
    return len(clear) <= MAX_CLEAR and is_padding(entries, {*used, *clear})


def _density(data: bytes, layout: Layout) -> bool:
    del layout
    if len(data) != 9:
        return False
    across, down, unit = struct.unpack(">IIB", data)
    return (unit == 1 and is_common_per_metre(across, down)) or (unit == 0 and across == down == 1)


def _background(data: bytes, layout: Layout) -> bool:
    """Black or white."""
    if layout.colour == PALETTE:
        return len(data) == 1
    white = ((1 << layout.depth) - 1).to_bytes(2, "big") * (1 + 2 * bool(layout.colour & 2))
    return data in (white, bytes(len(white)))


def _significant_bits(data: bytes, layout: Layout) -> bool:
    """All of them."""
    samples = 3 if layout.colour == PALETTE else {0: 1, 2: 3, 4: 2, 6: 4}[layout.colour]
    return data == bytes([8 if layout.colour == PALETTE else layout.depth]) * samples


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
    b"pHYs": _density,
    b"bKGD": _background,
    b"sBIT": _significant_bits,
    b"gAMA": _gamma,
    b"cHRM": _primaries,
    b"sRGB": _intent,
}

"""Code points of ITU-T H.273, and the light of a display that is said beside them; PNG, AVIF and HEIC alike."""

from __future__ import annotations

__all__ = ["BRIGHTEST", "NIT", "PRIMARIES", "TABLES", "TRANSFERS", "UNSPECIFIED", "existing", "mastering"]

UNSPECIFIED = 2  # of each of the following
PRIMARIES = frozenset((1, 2, *range(4, 13), 22))  # table 2
TRANSFERS = frozenset((1, 2, *range(4, 19)))  # table 3
MATRICES = frozenset((0, 1, 2, *range(4, 18)))  # table 4
TABLES = (PRIMARIES, TRANSFERS, MATRICES)
NIT = 10_000  # units of 1 cd/m2
BRIGHTEST = 10_000  # cd/m2; no display is brighter
DISPLAYS = (  # x and y of red, green, blue, white in 1 / 50 000: BT.709, P3-D65, BT.2020
    (32_000, 16_500, 15_000, 30_000, 7_500, 3_000, 15_635, 16_450),
    (34_000, 16_000, 13_250, 34_500, 7_500, 3_000, 15_635, 16_450),
    (35_400, 14_600, 8_500, 39_850, 6_550, 2_300, 15_635, 16_450),
)


def existing(codes: tuple[int, int, int]) -> tuple[int, ...]:
    """Primaries, transfer and matrix; "unspecified" for those that do not exist."""
    known = zip(codes, TABLES, strict=True)
    return tuple(code if code in table else UNSPECIFIED for code, table in known)


def mastering(places: tuple[int, ...], brightest: int, darkest: int) -> tuple[tuple[int, ...], int] | None:
    """The known display that is meant, and its brightest light in whole units; None where there is none.

    Args:
        places: x and y of red, green, blue, white in 1 / 50 000.
        brightest: in 1 / 10 000 cd/m2.
        darkest: likewise.
    """
    near = (row for row in DISPLAYS if all(abs(a - b) <= 50 for a, b in zip(row, places, strict=True)))
    display, nits = next(near, None), round(brightest / NIT)
    if display is None or not 1 <= nits <= BRIGHTEST or darkest > NIT:
        return None
    return display, nits * NIT

"""The brands of a file (ISO 14496-12, 4.3): which of the two formats it is, and which ones a clean file needs."""

from __future__ import annotations

import re

__all__ = ["AVIF_BRANDS", "HEIC_BRANDS", "PLAIN_BRANDS", "SEQUENCE_BRANDS", "brands_of", "coding_of", "required_brands"]

AVIF_BRANDS = frozenset((b"avif", b"avis"))  # AV1 in AVIF, 6
HEIC_BRANDS = frozenset((b"heic", b"heix", b"hevc", b"hevx", b"mif1", b"msf1"))  # ISO 23008-12, 10 and annex B
SEQUENCE_BRANDS = frozenset((b"avis", b"hevc", b"hevx", b"msf1"))
# Brands that say how a file is coded, not who made it: the registered ones of MIAF, HEIF and AVIF.
PLAIN_BRANDS = (
    AVIF_BRANDS | HEIC_BRANDS | {b"miaf", b"MA1A", b"MA1B", b"avio", b"mif2", b"iso8", b"iso4", b"av01", b"tmap"}
)
CODINGS = re.compile(rb"av01|hvc1|hev1")  # item and sample types


def brands_of(data: bytes) -> tuple[bytes, ...]:
    """Major and compatible brands of the ``ftyp`` box that ``data`` starts with, as far as ``data`` goes."""
    if data[4:8] != b"ftyp" or len(data) < 12:
        return ()
    end = min(int.from_bytes(data[:4], "big"), len(data))
    return (data[8:12], *(data[at : at + 4] for at in range(16, end - 3, 4)))


def coding_of(head: bytes) -> str | None:
    """Name the row, "avif" or "heic", by the first sample or item type behind the brands, else by the brands.

    Some writers name only the brands of HEIF (ISO 23008-12), so that the coding has to be looked for.
    """
    brands = brands_of(head)
    if AVIF_BRANDS.isdisjoint(brands) and HEIC_BRANDS.isdisjoint(brands):
        return None
    coding = CODINGS.search(head, int.from_bytes(head[:4], "big"))
    if coding:
        return "avif" if coding[0] == b"av01" else "heic"
    return "heic" if AVIF_BRANDS.isdisjoint(brands) else "avif"


def required_brands(name: str, *, main: bool, still: bool, sequence: bool) -> tuple[bytes, ...]:
    """The brands of a clean file, major first.

    Args:
        name: of the format, "avif" or "heic".
        main: of HEVC: whether all of it is of the Main or Main Still Picture profile.
        still: whether there is a still picture.
        sequence: whether there is an image sequence.
    """
    if name == "avif":
        stills, moving = (b"avif", b"mif1", b"miaf"), (b"avis", b"msf1", b"iso8")
    else:
        stills = (b"heic" if main else b"heix", b"mif1", b"miaf")
        moving = (b"hevc" if main else b"hevx", b"msf1", b"iso8")
    return tuple(dict.fromkeys((*(moving if sequence else ()), *(stills if still else ()))))

"""HEIF and AVIF (ISO 14496-12, ISO 23008-12, AV1 in AVIF): two rows of the format table over one reader and writer."""

from __future__ import annotations

from functools import partial
from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.isobmff import brands
from rmexif.types import Format

__all__ = ["AVIF", "HEIC"]


def _is_avif(head: bytes) -> bool:
    """Whether ``head`` is that of an AVIF file: the coding decides where ``head`` reaches so far, else the brands."""
    return brands.coding_of(head) == "avif"


def _is_heic(head: bytes) -> bool:
    """Whether ``head`` is that of a HEIC file, or of HEIF without saying which coding."""
    return brands.coding_of(head) == "heic"


def _load(name: str) -> Walker[Any]:
    from rmexif.containers.isobmff import credit, parse, rewrite
    from rmexif.containers.isobmff.coded_units import IsobmffUnits

    walk = parse.parse_avif if name == "avif" else parse.parse_heic
    return Walker(walk, rewrite.rewrite, coded_units=IsobmffUnits, with_credit=credit.with_credit)


AVIF = FormatRow(
    Format(
        name="avif",
        mime="image/avif",
        extensions=(".avif", ".avifs"),
        has_alpha=True,
        has_frames=True,
        has_icc=True,
        has_quality=True,
        has_16bit=False,
    ),
    _is_avif,
    partial(_load, "avif"),
)

HEIC = FormatRow(
    Format(
        name="heic",
        mime="image/heic",
        extensions=(".heic", ".heif", ".hif", ".heics", ".heifs"),
        has_alpha=True,
        has_frames=True,
        has_icc=True,
        has_quality=True,
        has_16bit=False,
    ),
    _is_heic,
    partial(_load, "heic"),
)

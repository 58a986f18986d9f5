"""PBM, PGM, PPM and PAM (Netpbm): the row of the format table."""

from __future__ import annotations

from typing import Any

from rmexif.containers.common.row import FormatRow, Walker
from rmexif.containers.pnm.signature import matches
from rmexif.types import Format

__all__ = ["PNM"]


def _load() -> Walker[Any]:
    from rmexif.containers.pnm import completion, parse, rewrite

    return Walker(parse.parse, rewrite.rewrite, complete=completion.complete)


PNM = FormatRow(
    Format(
        name="pnm",
        mime="image/x-portable-anymap",
        extensions=(".ppm", ".pgm", ".pbm", ".pnm", ".pam"),
        has_alpha=True,
        has_frames=False,
        has_icc=False,
        has_quality=False,
        has_16bit=True,
    ),
    matches,
    _load,
)

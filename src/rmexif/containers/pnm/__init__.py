"""PBM, PGM, PPM and PAM (Netpbm): the row of the format table."""

from __future__ import annotations

from rmexif.containers.common.row import FormatRow
from rmexif.containers.pnm import completion, parse, rewrite
from rmexif.types import Format

__all__ = ["PNM"]

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
    parse.matches,
    parse.parse,
    rewrite.rewrite,
    complete=completion.complete,
)

"""Directories of TIFF files that tests put together tag by tag (TIFF 6.0, section 2)."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

__all__ = ["ASCII", "BYTE", "LONG", "RATIONAL", "SHORT", "SRATIONAL", "append_directory"]

BYTE, ASCII, SHORT, LONG, RATIONAL, SRATIONAL = 1, 2, 3, 4, 5, 10
LETTERS = {BYTE: "B", ASCII: "B", SHORT: "H", LONG: "I", RATIONAL: "I", SRATIONAL: "i"}


def append_directory(out: bytearray, fields: Mapping[int, tuple[int, Sequence[int]]], order: str) -> int:
    """Append a directory behind the values that do not fit into it, and say where it is (byte).

    Args:
        out: the file so far.
        fields: type and numbers by tag; of rationals two numbers each.
        order: "<" or ">".
    """
    cells = b""
    for tag, (kind, values) in sorted(fields.items()):
        raw = struct.pack(f"{order}{len(values)}{LETTERS[kind]}", *values)
        count = len(values) // (2 if kind in (RATIONAL, SRATIONAL) else 1)
        if len(raw) > 4:
            out += bytes(len(out) % 2)
            cell = struct.pack(order + "I", len(out))
            out += raw
        else:
            cell = raw.ljust(4, b"\0")
        cells += struct.pack(order + "HHI", tag, kind, count) + cell
    out += bytes(len(out) % 2)
    at = len(out)
    out += struct.pack(order + "H", len(fields)) + cells + bytes(4)
    return at

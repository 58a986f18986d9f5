"""PackBits (TIFF 6.0, section 9)."""

from __future__ import annotations

import numpy as np

__all__ = ["decode", "encode_row"]

LONGEST = 128  # byte of a run
NO_OPERATION = 128  # the code without a meaning


def decode(source: bytes, size: int) -> tuple[bytearray, int]:
    """Decode until ``size`` bytes are there, or the end of ``source``.

    Returns:
        The bytes, which may be more or fewer, and the bytes of ``source`` that were read.
    """
    out = bytearray()
    at = 0
    while len(out) < size and at < len(source):
        code = source[at]
        if code < NO_OPERATION:
            out += source[at + 1 : at + 2 + code]
            at += 2 + code
        elif code > NO_OPERATION:
            out += source[at + 1 : at + 2] * (257 - code)
            at += 2
        else:
            at += 1
    return out, min(at, len(source))


def encode_row(row: bytes) -> bytes:
    """One row, packed; a run of two stays in the literal run that goes on behind it.

    That is what libtiff writes, so its files are clean as they are.
    """
    out, literal, at = bytearray(), bytearray(), 0
    samples = np.frombuffer(row, np.uint8)
    edges = np.concatenate(([0], np.flatnonzero(samples[1:] != samples[:-1]) + 1, [len(row)]))
    sizes = np.diff(edges)
    runs = np.flatnonzero(sizes > 1)
    singles = np.append(sizes[1:] == 1, False)[runs]  # whether one byte follows that differs from its neighbours
    places = (edges[runs].tolist(), sizes[runs].tolist(), singles.tolist())
    for start, size, single in zip(*places, strict=True):
        literal += row[at:start]
        _flush(out, literal, LONGEST)
        at = start + size
        if size == 2 and single and 0 < len(literal) < LONGEST - 1:
            literal += row[start:at]
            _flush(out, literal, LONGEST)
            continue
        _flush(out, literal, 1)
        full, rest = divmod(size, LONGEST)
        out += bytes((257 - LONGEST, row[start])) * full
        if rest > 1:
            out += bytes((257 - rest, row[start]))
        else:
            literal += row[start : start + rest]
    literal += row[at:]
    _flush(out, literal, 1)
    return bytes(out)


def _flush(out: bytearray, literal: bytearray, least: int) -> None:
    """Write literal runs while there are ``least`` bytes."""
    while len(literal) >= least:
        out.append(min(len(literal), LONGEST) - 1)
        out += literal[:LONGEST]
        del literal[:LONGEST]

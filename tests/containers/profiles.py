"""ICC profiles built tag by tag, as ICC.1 lays them out, with room for what should not be in them."""

from __future__ import annotations

import struct
from collections.abc import Callable

import numpy as np

D50 = (0.9642, 1.0, 0.8249)
CANARY = b"CANARY-7QX2-PLANTED"
# Colorants under D50 as published: sRGB by the ICC (sRGB.xalter), Adobe RGB (1998) 4.3.1.1
SRGB = ((0.4360, 0.2225, 0.0139), (0.3851, 0.7169, 0.0971), (0.1431, 0.0606, 0.7141))
ADOBE = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
# A display measured by nobody else
DISPLAY = ((0.5, 0.26, 0.02), (0.32, 0.66, 0.09), (0.1442, 0.08, 0.7149))


def fixed(*values: float) -> bytes:
    """Numbers as s15Fixed16Number."""
    return struct.pack(f">{len(values)}i", *(round(v * 65536) for v in values))


def xyz(*values: float) -> bytes:
    """XYZType."""
    return b"XYZ \0\0\0\0" + fixed(*values)


def table(values: np.ndarray) -> bytes:
    """CurveType with a table of values 0-1."""
    return b"curv\0\0\0\0" + struct.pack(">I", len(values)) + (values * 65535).round().astype(">u2").tobytes()


def gamma(value: float) -> bytes:
    """CurveType with one exponent."""
    return b"curv\0\0\0\0\0\0\0\1" + struct.pack(">H", round(value * 256))


def para(kind: int, *values: float) -> bytes:
    """ParametricCurveType with dirt in its reserved field."""
    return b"para" + b"DIRT" + struct.pack(">HH", kind, 0xD1D1) + fixed(*values)


def srgb_light(code: np.ndarray) -> np.ndarray:
    """Linear light of sRGB code values 0-1 (IEC 61966-2-1)."""
    return np.where(code <= 0.04045, code / 12.92, ((code + 0.055) / 1.055) ** 2.4)


def profile(
    tags: dict[bytes, bytes],
    space: bytes = b"RGB ",
    pcs: bytes = b"XYZ ",
    kind: bytes = b"mntr",
    version: int = 0x02100000,
    dirty: bool = True,
) -> bytes:
    """A profile; a dirty one names its makers, its day, and has a canary in texts, a private tag, gaps and tail."""
    if dirty:
        extra = {b"desc": b"desc\0\0\0\0" + struct.pack(">I", len(CANARY) + 1) + CANARY + bytes(79)}
        tags = {b"cprt": b"text\0\0\0\0" + CANARY, **extra, **tags, b"prvT": CANARY, b"mmod": b"mmod\0\0\0\0" + CANARY}
    gap = CANARY if dirty else b""
    at, directory, body = 132 + 12 * len(tags), b"", b""
    for name, data in tags.items():
        body += gap + bytes(-(at + len(body) + len(gap)) % 4)
        directory += struct.pack(">4sII", name, at + len(body), len(data))
        body += data
    who = CANARY[:4] if dirty else bytes(4)
    date = struct.pack(">6H", 2024, 5, 17, 9, 30, 1) if dirty else bytes(12)
    header = struct.pack(">I4sI4s4s4s", at + len(body), who, version, kind, space, pcs) + date + b"acsp" + who
    header += bytes(4) + who * 2 + bytes(8) + struct.pack(">I", 1) + fixed(*D50) + who + (CANARY * 3)[: 44 * dirty]
    return header.ljust(128, b"\0") + struct.pack(">I", len(tags)) + directory + body + gap


def matrix(colorants: tuple[tuple[float, ...], ...], curve: bytes, **more: object) -> bytes:
    """A matrix profile."""
    tags = {b"wtpt": xyz(0.9505, 1.0, 1.0891)}
    for name, column in zip((b"r", b"g", b"b"), colorants, strict=True):
        tags |= {name + b"XYZ": xyz(*column), name + b"TRC": curve}
    return profile(tags, **more)  # type: ignore[arg-type]


def inks(c: np.ndarray) -> np.ndarray:
    """A toy CMYK to Lab: 0-1 inks to 0-1 encoded Lab."""
    light = np.clip(1 - 0.7 * c[..., 3] - 0.1 * c[..., :3].sum(axis=-1), 0, 1)
    return np.stack([light, 0.5 + 0.2 * (c[..., 1] - c[..., 0]), 0.5 + 0.2 * (c[..., 2] - c[..., 1])], axis=-1)


def mft(width: int, function: Callable[[np.ndarray], np.ndarray], inputs: int, outputs: int, points: int = 5) -> bytes:
    """A lut8Type (width 1) or lut16Type (width 2) of a function, with dirt in its padding byte."""
    axis = np.linspace(0, 1, points)
    grid = np.stack(np.meshgrid(*[axis] * inputs, indexing="ij"), axis=-1)
    top, kind = (255, b"mft1") if width == 1 else (65280, b"mft2")
    entries = 256 if width == 1 else 2
    ramp = np.linspace(0, 255 if width == 1 else 65535, entries).astype(f">u{width}").tobytes()
    head = kind + b"DIRT" + bytes([inputs, outputs, points, 0xD1]) + fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    head += struct.pack(">HH", entries, entries) if width == 2 else b""
    clut = (function(grid) * top).round().astype(f">u{width}").tobytes()
    return head + ramp * inputs + clut + ramp * outputs


def mab(points: int = 5) -> bytes:
    """A lutAToBType CMYK to Lab with all five elements, in an unusual order, with dirt between them."""
    axis = np.linspace(0, 1, points)
    grid = np.stack(np.meshgrid(*[axis] * 4, indexing="ij"), axis=-1)
    clut = (inks(grid) * 65535).round().astype(">u2").tobytes()
    clut = bytes([points] * 4) + b"DIRTDIRTDIRT" + b"\2" + b"DRT" + clut
    elements = {
        "a": (b"curv\0\0\0\0\0\0\0\0" * 4),
        "clut": clut + bytes(-len(clut) % 4),
        "m": b"".join(para(0, 1.0) for _ in range(3)),
        "matrix": fixed(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0),
        "b": (gamma(1.0) + b"\xd1\xd1") * 3,
    }
    offsets, body = {}, b""
    for name, data in elements.items():
        body += b"DIRT"
        offsets[name] = 32 + len(body)
        body += data
    order = [offsets[name] for name in ("b", "matrix", "m", "clut", "a")]
    return b"mAB DIRT" + bytes([4, 3, 0xD1, 0xD1]) + struct.pack(">5I", *order) + body

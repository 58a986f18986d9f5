"""Colour tables as profiling software writes them, and what LittleCMS shows by a profile."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable, Iterable

import numpy as np
from PIL import Image, ImageCms

from tests.containers import profiles
from tests.containers.profiles import D50, SRGB

NO_OPTIMISATION = 0x0100  # cmsFLAGS_NOOPTIMIZE: every colour through every stage, no grid in between
POINTS = {1: 256, 3: 17, 4: 9}
Model = Callable[[np.ndarray], np.ndarray]


def tag_table(data: bytes) -> dict[bytes, tuple[int, int]]:
    """Offset and size of every tag (7.3)."""
    count = int.from_bytes(data[128:132], "big")
    entries = (struct.unpack_from(">4sII", data, 132 + 12 * number) for number in range(count))
    return {name: (offset, size) for name, offset, size in entries}


def with_intent(data: bytes, intent: int) -> bytes:
    """The profile with another rendering intent in its header (7.2.15)."""
    return data[:64] + struct.pack(">I", intent) + data[68:]


def shown(data: bytes, intent: int = 0, flags: int = 0) -> np.ndarray:
    """A grid of the profile's own colours in sRGB, by LittleCMS."""
    space = data[16:20].decode().strip()
    channels = {"GRAY": 1, "RGB": 3, "Lab": 3, "CMYK": 4}[space]
    axis = np.linspace(0, 255, POINTS[channels]).round().astype(np.uint8)
    colours = np.stack(np.meshgrid(*[axis] * channels), -1).reshape(-1, channels)
    mode = {"GRAY": "L", "Lab": "LAB"}.get(space, space)
    image = Image.frombytes(mode, (len(colours), 1), colours.tobytes())
    source, target = ImageCms.ImageCmsProfile(io.BytesIO(data)), ImageCms.createProfile("sRGB")
    return np.asarray(ImageCms.profileToProfile(image, source, target, intent, "RGB", flags=flags)).astype(int)


def srgb(device: np.ndarray) -> np.ndarray:
    """XYZ under D50 of sRGB code values 0-1."""
    return profiles.srgb_light(device) @ np.array(SRGB)


def bgr(device: np.ndarray) -> np.ndarray:
    """XYZ of sRGB with red and blue exchanged: what no viewer takes for the right colours."""
    return srgb(device[..., ::-1])


def lab(xyz: np.ndarray) -> np.ndarray:
    """CIELAB under D50 (CIE 15, 8.2.1)."""
    ratio = np.maximum(xyz, 0) / D50
    root = np.where(ratio > (6 / 29) ** 3, np.cbrt(ratio), ratio / (3 * (6 / 29) ** 2) + 4 / 29)
    x, y, z = np.moveaxis(root, -1, 0)
    return np.stack([116 * y - 16, 500 * (x - y), 200 * (y - z)], axis=-1)


def encoded(model: Model, device: np.ndarray, pcs: bytes, kind: bytes) -> np.ndarray:
    """16-bit PCS numbers (6.3.4.2; of lut16Type 10.10) of a model that gives XYZ."""
    if pcs == b"XYZ ":
        numbers = model(device) * 32768
    else:
        scale = (65280 if kind == b"mft2" else 65535) / np.array([100, 255, 255])
        numbers = (lab(model(device)) + np.array([0, 128, 128])) * scale
    return numbers.round().clip(0, 65535).astype(int)


def lut16(model: Model, pcs: bytes, points: int = 33, change: Callable[[np.ndarray], None] | None = None) -> bytes:
    """A lut16Type whose grid is even in linear light (PCSXYZ) or in code values (PCSLAB).

    Args:
        model: device 0-1 to XYZ.
        pcs: of the profile.
        points: per channel.
        change: what is done to the 16-bit entries of the grid.
    """
    entries = _grid(model, pcs, b"mft2", points)
    if change:
        change(entries)
    curve = (shaper(pcs) * 65535).round().astype(">u2")
    head = b"mft2\0\0\0\0" + bytes([3, 3, points, 0]) + profiles.fixed(1, 0, 0, 0, 1, 0, 0, 0, 1)
    head += struct.pack(">HH", len(curve), 2)
    return head + curve.tobytes() * 3 + entries.astype(">u2").tobytes() + bytes([0, 0, 255, 255]) * 3


def shaper(pcs: bytes) -> np.ndarray:
    """The curve before a grid that makes it even in what the PCS is even in."""
    return profiles.srgb_light(np.linspace(0, 1, 4096)) if pcs == b"XYZ " else np.linspace(0, 1, 2)


def _grid(model: Model, pcs: bytes, kind: bytes, points: int) -> np.ndarray:
    """Entries of a grid behind the shaper."""
    curve = shaper(pcs)
    axis = np.interp(np.linspace(0, 1, points), curve, np.linspace(0, 1, len(curve)))
    return encoded(model, np.stack(np.meshgrid(*[axis] * 3, indexing="ij"), axis=-1), pcs, kind)


def elements(
    b: bytes, matrix: bytes = b"", m: bytes = b"", grid: bytes = b"", a: bytes = b"", *, gap: bytes = b""
) -> bytes:
    """A lutAToBType (10.12) with three inputs; ``gap`` lies before every element, and where two are one, they share."""
    body, places = b"", {b"": 0}
    for part in (a, grid, m, matrix, b):  # not the order that rmexif has
        if part not in places:
            body += gap
            places[part] = 32 + len(body)
            body += part
    return b"mAB \0\0\0\0\3\3\0\0" + struct.pack(">5I", *(places[part] for part in (b, matrix, m, grid, a))) + body


def curves(curve: bytes) -> bytes:
    """Three curves, each on a border of four bytes."""
    return (curve + bytes(-len(curve) % 4)) * 3


def lut_a_to_b(model: Model, pcs: bytes, points: int = 33) -> bytes:
    """A lutAToBType like lut16: A curves, grid, straight B curves."""
    grid = (
        bytes([points] * 3).ljust(16, b"\0") + b"\2\0\0\0" + _grid(model, pcs, b"mAB ", points).astype(">u2").tobytes()
    )
    return elements(
        curves(profiles.gamma(1.0)), grid=grid + bytes(-len(grid) % 4), a=curves(profiles.table(shaper(pcs)))
    )


def with_model(tables: dict[bytes, bytes], **options: object) -> bytes:
    """A dirty RGB profile with tables beside the matrix and curves of sRGB."""
    curve = profiles.table(profiles.srgb_light(np.linspace(0, 1, 1024)))
    tags = {b"wtpt": profiles.xyz(0.9505, 1.0, 1.0891)}
    for name, column in zip((b"r", b"g", b"b"), SRGB, strict=True):
        tags |= {name + b"XYZ": profiles.xyz(*column), name + b"TRC": curve}
    return profiles.profile(tags | tables, **options)  # type: ignore[arg-type]


def largest(differences: Iterable[np.ndarray]) -> int:
    """The largest of all differences, in steps of 8 bits."""
    return max(int(np.abs(difference).max()) for difference in differences)

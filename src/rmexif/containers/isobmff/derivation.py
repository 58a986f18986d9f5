"""Derived items: grids, overlays and identities (ISO 23008-12, 6.6.2), and what makes one refused."""

from __future__ import annotations

import struct
from typing import TYPE_CHECKING

from rmexif.containers.common.fourcc import name_of
from rmexif.containers.isobmff.coded_data import area
from rmexif.containers.isobmff.properties import TRANSFORMS, value_of

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.common.gathered import Gathered
    from rmexif.containers.isobmff.items import Item, Meta
    from rmexif.containers.isobmff.still import KeptItem
    from rmexif.types import Limits

__all__ = [
    "DERIVED",
    "check_cost",
    "check_derivation",
    "check_grid",
    "check_size",
    "check_transforms",
    "grid_shape",
    "inputs_of",
    "write_derivation",
]

DERIVED = (b"grid", b"iovl", b"iden")
LARGEST_BLOCK = 64  # px: HEVC codes whole blocks, and hides the rest in its conformance window (H.265 7.4.3.2.1)


def grid_shape(description: bytes) -> tuple[int, int]:
    """Rows and columns of an ImageGrid (6.6.2.3.2)."""
    return description[2] + 1, description[3] + 1


def inputs_of(meta: Meta, item: Item) -> list[int]:
    """Numbers of the items that a derived item is made of, as many as it really uses (a grid shows rows x columns).

    Raises:
        MalformedImage: it has fewer inputs than it uses, or no description.
    """
    inputs = meta.to(b"dimg", item.id)
    if item.type == b"grid":
        start, end = next(iter(meta.ranges(item)), (0, 0))
        if end - start < 4:
            raise item.malformed(f"a description of {end - start} bytes, 8 or more are required")
        rows, columns = grid_shape(bytes(meta.view[start : start + 4]))
        if len(inputs) < rows * columns:
            raise item.malformed(f"{rows} x {columns} tiles are required, dimg names {len(inputs)}")
        return inputs[: rows * columns]
    if not inputs or (item.type == b"iden" and len(inputs) != 1):
        raise item.malformed(f"dimg names {len(inputs)} inputs, at least one is required, exactly one of an identity")
    return inputs


def write_derivation(item: Item, coded: Gathered, inputs: int) -> bytes:
    """The description of a grid or overlay, re-serialised (6.6.2).

    Args:
        item: the derived item.
        coded: its description.
        inputs: how many items it is made of.

    Raises:
        MalformedImage: the description is too short.
        UnsupportedFeature: its version is not 0.
    """
    data = coded.data
    if len(data) < 2:
        raise item.malformed(f"a description of {len(data)} bytes, version and flags take 2")
    if data[0]:
        raise item.unsupported(f"version {data[0]} of the description, 0 is required")
    size = 4 if data[1] & 1 else 2
    start = 4 if item.type == b"grid" else 10  # behind rows and columns, or the colour of the canvas
    count = 2 if item.type == b"grid" else 2 + 2 * inputs  # output size, then offsets of the inputs
    head, fields = bytes(data[2:start]), bytes(data[start : start + count * size])
    if len(fields) < count * size:
        raise item.malformed(f"a description of {len(data)} bytes, {start + count * size} are required")
    values = [int.from_bytes(fields[at : at + size], "big") for at in range(0, len(fields), size)]
    if size == 4 and all(value < 0x8000 or value >= 0xFFFF8000 for value in values[2:]) and max(values[:2]) < 0x10000:
        fields = struct.pack(f">{count}H", *(value & 0xFFFF for value in values))
        size = 2
    return bytes((0, size == 4)) + head + fields


def check_derivation(kept: KeptItem) -> None:
    """Check that a derived item's output is of the size that ``ispe`` announces.

    Raises:
        MalformedImage: it is not, or an overlay has other inputs than another item with the same description.
    """
    item = kept.item
    if item.type not in (b"grid", b"iovl"):
        return
    description = kept.data.bytes()
    at, size = (4 if item.type == b"grid" else 10), 4 if description[1] else 2
    width = int.from_bytes(description[at : at + size], "big")
    height = int.from_bytes(description[at + size : at + 2 * size], "big")
    if (width, height) != kept.size:
        announced = f"{kept.size[0]} x {kept.size[1]}"
        raise item.malformed(f"an output of {width} x {height} px, ispe announces {announced} px")
    if item.type == b"iovl" and len(description) != at + 2 * size * (1 + len(kept.inputs)):
        raise item.malformed("overlays that share one description must have equally many inputs")


def check_grid(grid: KeptItem, tiles: Sequence[KeptItem]) -> None:
    """Check that all of every tile is shown: what is not would be a picture of its own (6.6.2.3.1).

    Raises:
        MalformedImage: tiles of unequal sizes or colours, or beyond the picture.
    """
    item, first = grid.item, tiles[0]
    rows, columns = grid_shape(grid.data.bytes())
    sides = zip(grid.size, first.size, (columns, rows), strict=True)
    if not all(side * (count - 1) < length <= side * count for length, side, count in sides):
        raise item.malformed(
            f"a grid of {columns} x {rows} tiles of {first.size[0]} x {first.size[1]} px "
            f"does not fit a picture of {grid.size[0]} x {grid.size[1]} px"
        )
    if any(
        (tile.size, tile.data.size, _colours(tile)) != (first.size, first.data.size, _colours(first)) for tile in tiles
    ):
        raise item.malformed("the tiles of a grid must have one size and one colour description")
    for coded, side in zip(first.data.size, first.size, strict=True):
        if first.is_coded and not 0 <= coded - side < (1 if first.data.sequence else LARGEST_BLOCK):
            raise item.malformed(f"the tiles of a grid are coded with {coded} px on a side of {side} px")


def _colours(tile: KeptItem) -> list[bytes]:
    return [prop.box for prop in tile.properties if prop.kind in ("nclx", "prof")]


def check_size(kept: KeptItem, pictures: Sequence[KeptItem]) -> None:
    """Check that ``ispe`` announces what is coded, where decoders refuse another size, so that it could say anything.

    Args:
        kept: an item; an HEVC picture is of the size that its conformance window shows, but for half a chroma sample.
        pictures: those whose alpha it is; in AV1 they must be as large.

    Raises:
        MalformedImage: it announces another size.
    """
    config = value_of(kept.properties, "hvcC") if kept.item.type == b"hvc1" else None
    sizes = [sequence.shown for sequence in config.sequences] if config else []
    if sizes and not any(all(0 <= a - b <= 1 for a, b in zip(size, kept.size, strict=True)) for size in sizes):
        announced = f"{kept.size[0]} x {kept.size[1]}"
        raise kept.item.malformed(f"a picture of {sizes[0][0]} x {sizes[0][1]} px, ispe announces {announced} px")
    if kept.item.type == b"av01" and any(picture.size != kept.size for picture in pictures):
        raise kept.item.malformed("alpha must be of the size of its picture")


def check_transforms(alpha: KeptItem, pictures: Sequence[KeptItem]) -> None:
    """Check that alpha is rotated, mirrored and cropped as its pictures are, or not at all.

    Raises:
        UnsupportedFeature: it is not; decoders do not agree on what that means.
    """
    own = _transforms(alpha)
    if own and any(own != _transforms(picture) for picture in pictures):
        raise alpha.item.unsupported("alpha with another clap, irot or imir than its picture is refused")


def _transforms(kept: KeptItem) -> list[bytes]:
    return [prop.box for prop in kept.properties if prop.kind in TRANSFORMS]


def check_cost(items: Sequence[KeptItem], limits: Limits) -> None:
    """Bound what a decoder has to decode: an input counts each time it is used.

    The sum may be twice ``max_pixels``, for tiles that reach over the edge and for alpha.

    Raises:
        MalformedImage: an item is derived from itself.
        LimitExceeded: more pixels, or deeper derivations, than allowed.
    """
    costs: dict[int, int] = {}
    for number in range(1, len(items) + 1):
        _cost(items, number, limits, costs, ())


def _cost(items: Sequence[KeptItem], number: int, limits: Limits, costs: dict[int, int], above: tuple[int, ...]) -> int:
    """Px to be decoded for an item, ``above`` being the items that are derived from it."""
    limits.check("max_depth", len(above))
    kept = items[number - 1]
    if number in above:
        raise kept.item.malformed(f"an item of type {name_of(kept.item.type)} is derived from itself")
    if number not in costs:
        inputs = (_cost(items, number_of_input, limits, costs, (*above, number)) for number_of_input in kept.inputs)
        costs[number] = sum(inputs) if kept.inputs else area(kept.data.size)
        limits.check("max_pixels", costs[number] // 2)
    return costs[number]

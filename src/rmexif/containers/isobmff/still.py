"""The still picture of a file: the items that its primary item is made of, and a ``meta`` box for just those.

Kept is what can be reached from the primary item by derivation (``dimg``) and as alpha (``auxl``); thumbnails,
gain maps, depth, mattes, other pictures and all that is no picture are not reached, and so are left out.
"""

from __future__ import annotations

import struct
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rmexif.containers.isobmff.av1 import filter_av1
from rmexif.containers.isobmff.boxes import box, full, hdlr, label
from rmexif.containers.isobmff.filtered_units import Filtered, area
from rmexif.containers.isobmff.hevc import filter_hevc
from rmexif.containers.isobmff.properties import LAYERS, TRANSFORMS, VIEWING, choose, pixi, settled, value_of
from rmexif.cursor import Cursor
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rmexif.containers.isobmff.items import Item, Meta, Ranges
    from rmexif.containers.isobmff.properties import Property
    from rmexif.types import Limits

__all__ = ["Kept", "Still", "gather", "read_still", "write_meta"]

CODED = {b"av01": "av1C", b"hvc1": "hvcC"}
DERIVED = (b"grid", b"iovl", b"iden")
FOREIGN = LAYERS | {"av1C", "hvcC", "ccst", "auxi"}
LARGEST_BLOCK = 64  # px: HEVC codes whole blocks, and hides the rest in its conformance window
MAX_ITEMS = 0xFFFF  # 16-bit item numbers are all that we write


@dataclass(slots=True)
class Kept:
    """An item that stays; its new number is its place in ``Still.kept`` plus one."""

    item: Item
    alpha: bool = False
    hidden: bool = False  # shown only as a part of another item
    properties: list[Property] = field(default_factory=list)
    parts: list[int] = field(default_factory=list)  # numbers of the items that it is derived from
    masters: list[int] = field(default_factory=list)  # numbers of the items whose alpha it is
    ranges: Ranges = ()
    data: Filtered = field(default_factory=Filtered)

    @property
    def size(self) -> tuple[int, int]:
        """Px, as ``ispe`` says."""
        found: tuple[int, int] | None = value_of(self.properties, "ispe")
        if found is None or not all(found):
            raise MalformedImage("isobmff: a picture item without a size (ispe)")
        return found


@dataclass(slots=True)
class Still:
    """The picture that the primary item shows."""

    kept: list[Kept]
    premultiplied: list[tuple[int, int]]  # picture, alpha


def gather(view: memoryview, ranges: Ranges) -> memoryview:
    """The bytes of an item in one piece; no copy where it has one extent."""
    if len(ranges) == 1:
        return view[ranges[0][0] : ranges[0][1]]
    return memoryview(b"".join(view[start:end] for start, end in ranges))


def read_still(meta: Meta) -> Still:
    """Follow the primary item to all that it is made of.

    Raises:
        MalformedImage, UnsupportedFeature, LimitExceeded: see the errors' own words.
    """
    still = _reach(meta)
    limits = meta.tally.limits
    done: dict[tuple[bytes, Ranges, object], Filtered] = {}
    room = 2 * len(meta.view)
    for kept in still.kept:
        limits.check("max_pixels", area(kept.size))
        _check_crop(kept)
        kept.ranges = meta.ranges(kept.item)
        key = (kept.item.type, kept.ranges, _mode(kept))
        if key not in done:
            room -= sum(end - start for start, end in kept.ranges)
            if room < 0:
                raise LimitExceeded("max_bytes: items name the same bytes over and over")
            done[key] = _filter(meta, kept, gather(meta.view, kept.ranges))
        kept.data = done[key]
        if kept.data.sequence:
            kept.properties = settled(kept.properties, kept.data.sequence)
        limits.check("max_pixels", area(kept.data.size))
        _check_derivation(kept, len(kept.parts))
    _check_cost(still, limits)
    for kept in still.kept:
        if kept.item.type == b"grid":
            _check_grid(kept, [still.kept[number - 1] for number in kept.parts])
        _check_turn(kept, [still.kept[number - 1] for number in kept.masters])
        kept.properties = [_depths(still, kept, one) for one in kept.properties]
    return still


def _reach(meta: Meta) -> Still:
    """Breadth first from the primary item, so that a rewritten file is walked in the same order."""
    primary = meta.items.get(meta.primary)
    if primary and primary.type == b"tmap":  # a tone map: the base picture comes first, then the gain map
        primary = meta.items.get(next(iter(meta.to(b"dimg", primary.id)), 0))
    if primary is None or primary.at is None:
        raise MalformedImage("isobmff: no primary item")
    alphas: dict[int, int] = {}  # picture -> its first alpha
    for source, targets in meta.references.get(b"auxl", {}).items():
        item = meta.items.get(source)
        if item and item.at and meta.is_alpha(item):
            for target in targets:
                alphas.setdefault(target, source)
    kept: list[Kept] = []
    numbers: dict[int, int] = {}
    queue: deque[Kept] = deque()

    def reach(number: int, *, alpha: bool, hidden: bool, tile: bool = False) -> int:
        if number not in numbers:
            item = meta.items.get(number)
            if item is None or item.at is None:
                raise MalformedImage("isobmff: a reference to an item that is not there")
            kept.append(Kept(item, alpha, hidden, _properties(meta, item, alpha=alpha, tile=tile)))
            numbers[number] = len(kept)
            queue.append(kept[-1])
            if len(kept) > MAX_ITEMS:
                raise LimitExceeded(f"max_parts: more than {MAX_ITEMS} items make up one picture")
        return numbers[number]

    reach(primary.id, alpha=False, hidden=False)
    while queue:
        one = queue.popleft()
        if one.item.type in DERIVED:
            tile = one.item.type == b"grid"
            one.parts = [reach(n, alpha=one.alpha, hidden=True, tile=tile) for n in _inputs(meta, one.item)]
        elif one.item.type not in CODED:
            raise UnsupportedFeature(f"isobmff: a picture of type {label(one.item.type)} is not handled")
        if not one.alpha and one.item.id in alphas:
            number = reach(alphas[one.item.id], alpha=True, hidden=False)
            kept[number - 1].masters.append(numbers[one.item.id])
    premultiplied = [
        (number, numbers[alpha])
        for source, number in numbers.items()
        for alpha in meta.to(b"prem", source)[:1]
        if alpha in numbers and number in kept[numbers[alpha] - 1].masters
    ]
    return Still(kept, premultiplied)


def _inputs(meta: Meta, item: Item) -> list[int]:
    """Items that a derived item is made of, as many as it really uses (a grid shows rows x columns)."""
    inputs = meta.to(b"dimg", item.id)
    if item.type == b"grid":
        rows, columns = _grid(gather(meta.view, meta.ranges(item)[:1])[:4])
        if len(inputs) < rows * columns:
            raise MalformedImage(f"isobmff: a grid of {rows} x {columns} with {len(inputs)} tiles")
        return inputs[: rows * columns]
    if not inputs or (item.type == b"iden" and len(inputs) != 1):
        raise MalformedImage("isobmff: a derived item without its inputs")
    return inputs


def _grid(head: memoryview) -> tuple[int, int]:
    """Rows and columns of an ImageGrid (ISO 23008-12 6.6.2.3.2)."""
    if len(head) < 4:
        raise MalformedImage("isobmff: a grid without its description")
    return head[2] + 1, head[3] + 1


def _mode(kept: Kept) -> object:
    """What besides the bytes decides how an item is filtered."""
    return value_of(kept.properties, "hvcC")


def _properties(meta: Meta, item: Item, *, alpha: bool, tile: bool) -> list[Property]:
    """An item's properties, without those of another type of item, and without what only the whole can have.

    Raises:
        UnsupportedFeature: a tile of a grid is turned or cropped; decoders do not agree on what that means.
    """
    config = CODED.get(item.type, "")
    found = [
        one
        for one in choose(meta.properties_of(item))
        if one.kind not in FOREIGN or one.kind == config or (one.kind in LAYERS and config == "av1C")
    ]
    if tile and any(one.kind in TRANSFORMS for one in found):
        raise UnsupportedFeature("isobmff: a grid of tiles that are turned or cropped is refused")
    gone = (VIEWING if alpha or tile else frozenset()) | (frozenset(("prof",)) if alpha else frozenset())
    return [one for one in found if one.kind not in gone]


def _check_grid(whole: Kept, tiles: Sequence[Kept]) -> None:
    """Raise where a tile, or much of it, is not shown: it would be a picture of its own (ISO 23008-12 6.6.2.3.1).

    Raises:
        MalformedImage: tiles of unequal sizes or colours, or beyond the picture.
    """
    data = whole.data.bytes()
    first, sides = tiles[0], zip(whole.size, tiles[0].size, (data[3] + 1, data[2] + 1), strict=True)
    if not all(side * (count - 1) < length <= side * count for length, side, count in sides):
        raise MalformedImage("isobmff: a grid whose tiles do not fit its picture")
    if any((one.size, one.data.size, _colours(one)) != (first.size, first.data.size, _colours(first)) for one in tiles):
        raise MalformedImage("isobmff: a grid of unequal tiles")
    for coded, side in zip(first.data.size, first.size, strict=True):
        if not 0 <= coded - side < (1 if first.data.sequence else LARGEST_BLOCK) and first.item.type in CODED:
            raise MalformedImage("isobmff: tiles of a grid that are larger than they say")


def _colours(one: Kept) -> list[bytes]:
    return [found.box for found in one.properties if found.kind in ("nclx", "prof")]


def _check_turn(alpha: Kept, masters: Sequence[Kept]) -> None:
    """Raise where alpha is turned or cropped in another way than its picture."""
    turns = [one.box for one in alpha.properties if one.kind in TRANSFORMS]
    if turns and any(turns != [one.box for one in master.properties if one.kind in TRANSFORMS] for master in masters):
        raise UnsupportedFeature("isobmff: alpha that is turned in another way than its picture is refused")


def _depths(still: Still, kept: Kept, found: Property) -> Property:
    """Bits of each channel as they are coded, where a ``pixi`` says something else."""
    if found.kind != "pixi":
        return found
    while kept.parts:
        kept = still.kept[kept.parts[0] - 1]
    sequence, config = kept.data.sequence, value_of(kept.properties, "hvcC")
    if sequence:
        luma = chroma = sequence.depth
    elif config:  # ISO 14496-15, 8.3.3.1.2: bitDepthLumaMinus8, bitDepthChromaMinus8
        luma, chroma = ((config.box[at] & 7) + 8 for at in (17, 18))
    else:
        return found
    return pixi((luma, *[chroma] * (len(found.value) - 1)))


def _filter(meta: Meta, kept: Kept, data: memoryview) -> Filtered:
    """An item's data as it is written again."""
    kind = kept.item.type
    if kind in CODED and value_of(kept.properties, CODED[kind]) is None:
        raise MalformedImage(f"isobmff: an item of type {label(kind)} without {CODED[kind]}")
    if kind == b"av01":
        return filter_av1(data, meta.tally, still=True)
    if kind == b"hvc1":
        return filter_hevc(data, value_of(kept.properties, "hvcC"), meta.tally, still=True)
    out = Filtered(size=kept.size)
    fresh = _derivation(kind, data, len(kept.parts)) if kind != b"iden" else b""
    if fresh == data:
        out.keep(data, 0, len(data))
    else:
        out.replace(0, len(data), fresh, "derivation")
    return out


def _derivation(kind: bytes, data: memoryview, inputs: int) -> bytes:
    """The description of a grid or overlay, written afresh (ISO 23008-12 6.6.2)."""
    cursor = Cursor(data, f"isobmff: item of type {label(kind)}")
    if cursor.u8():
        raise UnsupportedFeature(f"isobmff: a {label(kind)} item of unknown version")
    size = 4 if cursor.u8() & 1 else 2
    head = cursor.bytes(2 if kind == b"grid" else 8)  # rows, columns; canvas colour
    count = 2 if kind == b"grid" else 2 + 2 * inputs  # output size, then offsets of the inputs
    fields = cursor.bytes(count * size)
    values = [int.from_bytes(fields[at : at + size], "big") for at in range(0, len(fields), size)]
    if size == 4 and all(value < 0x8000 or value >= 0xFFFF8000 for value in values[2:]) and max(values[:2]) < 0x10000:
        fields = struct.pack(f">{count}H", *(value & 0xFFFF for value in values))
        size = 2
    return bytes((0, size == 4)) + head + fields


def _check_crop(kept: Kept) -> None:
    """Raise where a clean aperture is larger than the picture, or lies beside it."""
    crop = value_of(kept.properties, "clap")
    for length, shift, whole in zip(crop[:2], crop[2:], kept.size, strict=True) if crop else ():
        if not 0 < length <= whole or abs(shift) > whole:
            raise MalformedImage("isobmff: a clean aperture outside its picture")


def _check_derivation(kept: Kept, inputs: int) -> None:
    """Raise where a derived item's output is not the size that ``ispe`` announces."""
    kind = kept.item.type
    if kind in (b"grid", b"iovl"):
        fresh = kept.data.bytes()
        at, size = (4 if kind == b"grid" else 10), 4 if fresh[1] else 2
        found = int.from_bytes(fresh[at : at + size], "big"), int.from_bytes(fresh[at + size : at + 2 * size], "big")
        if found != kept.size:
            raise MalformedImage(f"isobmff: a {label(kind)} item of another size than its ispe")
        if kind == b"iovl" and len(fresh) != at + 2 * size * (1 + inputs):
            raise MalformedImage("isobmff: an iovl item shared by pictures with different inputs")


def _check_cost(still: Still, limits: Limits) -> None:
    """Bound what a decoder has to decode: an input counts each time it is used.

    The sum may be twice ``max_pixels``, for tiles that reach over the edge and for alpha.
    """
    costs: dict[int, int] = {}
    for number in range(1, len(still.kept) + 1):
        _cost(still, number, limits, costs, ())


def _cost(still: Still, number: int, limits: Limits, costs: dict[int, int], above: tuple[int, ...]) -> int:
    """Px to be decoded for an item, ``above`` being the items that are derived from it."""
    limits.check("max_depth", len(above))
    if number in above:
        raise MalformedImage("isobmff: an item is derived from itself")
    if number not in costs:
        one = still.kept[number - 1]
        parts = (_cost(still, part, limits, costs, (*above, number)) for part in one.parts)
        costs[number] = sum(parts) if one.parts else area(one.data.size)
        limits.check("max_pixels", costs[number] // 2)
    return costs[number]


def write_meta(still: Still, offsets: Mapping[int, int]) -> bytes:
    """A ``meta`` box for the kept items.

    Args:
        still: the picture.
        offsets: byte in the file of each item's data, by item number; items without data have none.
    """
    located = [(n, offsets[n], one.data.length) for n, one in enumerate(still.kept, 1) if n in offsets]
    iloc = b"".join(struct.pack(">HHHII", n, 0, 1, offset, length) for n, offset, length in located)
    infe = [
        full(b"infe", 2, int(one.hidden), struct.pack(">HH", number, 0), one.item.type, b"\0")
        for number, one in enumerate(still.kept, 1)
    ]
    chunks = [
        hdlr(b"pict"),
        full(b"pitm", 0, 0, b"\0\1"),
        full(b"iloc", 0, 0, b"\x44\0", struct.pack(">H", len(located)), iloc),
        full(b"iinf", 0, 0, struct.pack(">H", len(infe)), *infe),
    ]
    references = [_reference(b"dimg", n, one.parts) for n, one in enumerate(still.kept, 1) if one.parts]
    references += [_reference(b"auxl", n, one.masters) for n, one in enumerate(still.kept, 1) if one.masters]
    references += [_reference(b"prem", source, [alpha]) for source, alpha in still.premultiplied]
    if references:
        chunks.append(full(b"iref", 0, 0, *references))
    return full(b"meta", 0, 0, *chunks, _iprp(still.kept))


def _reference(kind: bytes, source: int, targets: Sequence[int]) -> bytes:
    if len(targets) > 0xFFFF:
        raise LimitExceeded("max_parts: more than 65535 references of one item")
    return box(kind, struct.pack(f">{2 + len(targets)}H", source, len(targets), *targets))


def _iprp(kept: Sequence[Kept]) -> bytes:
    """Properties without repetitions, and which item has which."""
    index: dict[bytes, int] = {}
    for one in kept:
        for found in one.properties:
            index.setdefault(found.box, len(index) + 1)
    wide = len(index) > 0x7F
    rows = []
    for number, one in enumerate(kept, 1):
        links = [index[found.box] | found.essential << (15 if wide else 7) for found in one.properties]
        rows.append(
            struct.pack(">HB", number, len(links)) + struct.pack(f">{len(links)}{'H' if wide else 'B'}", *links)
        )
    if len(index) > 0x7FFF:
        raise LimitExceeded("max_parts: more than 32767 properties")
    ipma = full(b"ipma", 0, int(wide), struct.pack(">I", len(rows)), *rows)
    return box(b"iprp", box(b"ipco", *index), ipma)

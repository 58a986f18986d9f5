"""The still picture of a file: the items that its primary item is made of.

Kept is what can be reached from the primary item by derivation (``dimg``) and as alpha (``auxl``); thumbnails,
gain maps, depth, mattes, other pictures and all that is no picture are not reached, and so are left out.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from rmexif.containers.common.fourcc import name_of
from rmexif.containers.common.gathered import Gathered
from rmexif.containers.isobmff import derivation
from rmexif.containers.isobmff.av1 import filter_av1
from rmexif.containers.isobmff.boxes import malformed
from rmexif.containers.isobmff.coded_data import FilteredData, area
from rmexif.containers.isobmff.hevc import filter_hevc
from rmexif.containers.isobmff.properties import (
    LAYERS,
    TRANSFORMS,
    VIEWING,
    choose,
    pixi,
    value_of,
    with_sequence_header,
    with_size,
    with_used_hevc_sets,
)
from rmexif.errors import LimitExceeded

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers.isobmff.items import Item, Meta
    from rmexif.containers.isobmff.properties import Property

__all__ = ["KeptItem", "Still", "read_still"]

CODED = {b"av01": "av1C", b"hvc1": "hvcC"}  # item types, and the property that configures their decoder
FOREIGN = LAYERS | {"av1C", "hvcC", "ccst", "auxi"}  # properties of other types of item, or of tracks
MAX_ITEMS = 0xFFFF  # 16-bit item numbers are all that we write


@dataclass(frozen=True, slots=True)
class KeptItem:
    """An item that stays; its new number is its place in ``Still.items`` plus one."""

    item: Item
    alpha: bool
    hidden: bool  # shown only as a part of another item
    properties: tuple[Property, ...]
    inputs: tuple[int, ...]  # numbers of the items that it is derived from
    alpha_of: tuple[int, ...]  # numbers of the items whose alpha it is
    coded: Gathered = field(default_factory=lambda: Gathered.of(memoryview(b"")))  # as it lies in the file
    data: FilteredData = field(default_factory=FilteredData)

    @property
    def size(self) -> tuple[int, int]:
        """Px, by ``ispe``.

        Raises:
            MalformedImage: there is none, or a side is 0.
        """
        found: tuple[int, int] | None = value_of(self.properties, "ispe")
        if found is None or not all(found):
            raise self.item.malformed("an ispe property with a width and a height is required")
        return found

    @property
    def is_coded(self) -> bool:
        """Whether its data is a bitstream, not a derivation."""
        return self.item.type in CODED


@dataclass(frozen=True, slots=True)
class Still:
    """The picture that the primary item shows."""

    items: tuple[KeptItem, ...]
    premultiplied: tuple[tuple[int, int], ...]  # picture, alpha

    @property
    def depth(self) -> int:
        """Bits of a sample of the primary picture; 0 where its coding does not say."""
        return max(_coded_depths(_coded_base(self.items, self.items[0])), default=0)

    def with_sizes(self, sizes: Sequence[tuple[int, int]]) -> Still:
        """The same picture, its first items of the given sizes in px."""
        first = [
            replace(kept, properties=with_size(kept.properties, size))
            for kept, size in zip(self.items, sizes, strict=False)
        ]
        return replace(self, items=(*first, *self.items[len(first) :]))


def read_still(meta: Meta) -> Still:
    """Follow the primary item to all that it is made of.

    Raises:
        MalformedImage: an item, a reference or coded data is broken, or a part of a picture would not be shown.
        UnsupportedFeature: a coding or a derivation that is refused.
        LimitExceeded: more pixels, bytes or items than allowed.
    """
    reached = _Reached(meta)
    reached.follow()
    items = _filtered(meta, reached.items())
    derivation.check_cost(items, meta.tally.limits)
    for kept in items:
        if kept.item.type == b"grid":
            derivation.check_grid(kept, [items[number - 1] for number in kept.inputs])
        pictures = [items[number - 1] for number in kept.alpha_of]
        derivation.check_size(kept, pictures)
        derivation.check_transforms(kept, pictures)
    return Still(
        tuple(replace(kept, properties=_with_coded_depths(items, kept)) for kept in items), reached.premultiplied()
    )


@dataclass(slots=True)
class _Node:
    """An item that was reached, while its references are followed."""

    item: Item
    alpha: bool
    hidden: bool
    properties: tuple[Property, ...]
    inputs: list[int] = field(default_factory=list)
    alpha_of: list[int] = field(default_factory=list)


class _Reached:
    """Breadth first from the primary item, so that a rewritten file is walked in the same order."""

    def __init__(self, meta: Meta) -> None:
        self.meta = meta
        self.nodes: list[_Node] = []
        self.numbers: dict[int, int] = {}  # new number, by the item's own
        self.queue: deque[_Node] = deque()
        self.alphas: dict[int, int] = {}  # picture -> its first alpha

    def follow(self) -> None:
        """Reach all items.

        Raises:
            MalformedImage: there is no primary item, or a reference names an item that is not there.
            UnsupportedFeature: an item is of a type that is not handled.
            LimitExceeded: more items than ``MAX_ITEMS``.
        """
        meta = self.meta
        primary = meta.items.get(meta.primary)
        if primary and primary.type == b"tmap":  # a tone map: the base picture comes first, then the gain map
            primary = meta.items.get(next(iter(meta.to(b"dimg", primary.id)), 0))
        if primary is None or primary.at is None:
            raise malformed(meta.at, f"pitm names item {meta.primary}, iinf does not list it or its base picture")
        self._find_alphas()
        self._reach(primary.id, alpha=False, hidden=False)
        while self.queue:
            node = self.queue.popleft()
            item = node.item
            if item.type in derivation.DERIVED:
                tile = item.type == b"grid"
                inputs = derivation.inputs_of(meta, item)
                node.inputs += [self._reach(number, alpha=node.alpha, hidden=True, tile=tile) for number in inputs]
            elif item.type not in CODED:
                raise item.unsupported(f"a picture of type {name_of(item.type)} is not handled")
            if not node.alpha and item.id in self.alphas:
                number = self._reach(self.alphas[item.id], alpha=True, hidden=False)
                self.nodes[number - 1].alpha_of.append(self.numbers[item.id])

    def _find_alphas(self) -> None:
        for source, targets in self.meta.references.get(b"auxl", {}).items():
            item = self.meta.items.get(source)
            if item and item.at and self.meta.is_alpha(item):
                for target in targets:
                    self.alphas.setdefault(target, source)

    def _reach(self, number: int, *, alpha: bool, hidden: bool, tile: bool = False) -> int:
        """The new number of item ``number``."""
        if number not in self.numbers:
            item = self.meta.items.get(number)
            if item is None or item.at is None:
                raise malformed(self.meta.at, f"a reference names item {number}, iinf does not list it")
            node = _Node(item, alpha, hidden, _properties(self.meta, item, alpha=alpha, tile=tile))
            self.nodes.append(node)
            self.numbers[number] = len(self.nodes)
            self.queue.append(node)
            if len(self.nodes) > MAX_ITEMS:
                raise LimitExceeded(f"max_parts: more than {MAX_ITEMS} items make up one picture")
        return self.numbers[number]

    def items(self) -> list[KeptItem]:
        """All items that were reached, without their data."""
        return [
            KeptItem(node.item, node.alpha, node.hidden, node.properties, tuple(node.inputs), tuple(node.alpha_of))
            for node in self.nodes
        ]

    def premultiplied(self) -> tuple[tuple[int, int], ...]:
        """Pictures whose colours are multiplied with their alpha."""
        return tuple(
            (number, self.numbers[alpha])
            for source, number in self.numbers.items()
            for alpha in self.meta.to(b"prem", source)[:1]
            if alpha in self.numbers and number in self.nodes[self.numbers[alpha] - 1].alpha_of
        )


def _filtered(meta: Meta, items: list[KeptItem]) -> list[KeptItem]:
    """The items with their data; those that name the same bytes share it."""
    limits, done = meta.tally.limits, dict[tuple[bytes, object, object], tuple[Gathered, FilteredData]]()
    room, out = 2 * len(meta.view), list[KeptItem]()
    for kept in items:
        limits.check("max_pixels", area(kept.size))
        _check_crop(kept)
        ranges = meta.ranges(kept.item)
        key = (kept.item.type, ranges, value_of(kept.properties, "hvcC"))
        if key not in done:
            room -= sum(end - start for start, end in ranges)
            if room < 0:
                raise LimitExceeded("max_bytes: items name the same bytes over and over")
            coded = Gathered.of(meta.view, ranges)
            done[key] = coded, _filter(meta, kept, coded)
        coded, data = done[key]
        properties = with_used_hevc_sets(kept.properties, frozenset(data.pps_ids))
        properties = with_sequence_header(properties, data.sequence) if data.sequence else properties
        out.append(replace(kept, properties=properties, coded=coded, data=data))
        limits.check("max_pixels", area(data.size))
        derivation.check_derivation(out[-1])
    return out


def _properties(meta: Meta, item: Item, *, alpha: bool, tile: bool) -> tuple[Property, ...]:
    """An item's properties, without those of another type of item, and without what only the whole picture can have.

    Raises:
        UnsupportedFeature: a tile of a grid is rotated or cropped; decoders do not agree on what that means.
    """
    config = CODED.get(item.type, "")
    found = [
        prop
        for prop in choose(meta.properties_of(item))
        if prop.kind not in FOREIGN or prop.kind == config or (prop.kind in LAYERS and config == "av1C")
    ]
    if tile and any(prop.kind in TRANSFORMS for prop in found):
        raise item.unsupported("a tile of a grid with clap, irot or imir is refused")
    gone = (VIEWING if alpha or tile else frozenset()) | (frozenset(("prof",)) if alpha else frozenset())
    return tuple(prop for prop in found if prop.kind not in gone)


def _coded_base(items: Sequence[KeptItem], kept: KeptItem) -> KeptItem:
    """The first coded item that an item is made of; itself where it is coded."""
    while kept.inputs:
        kept = items[kept.inputs[0] - 1]
    return kept


def _coded_depths(base: KeptItem) -> tuple[int, ...]:
    """Bits of a sample of luma and chroma of a coded item; nothing where its coding does not say."""
    if base.data.sequence:
        return base.data.sequence.depth, base.data.sequence.depth
    config = value_of(base.properties, "hvcC")  # ISO 14496-15, 8.3.3.1.2: bitDepthLumaMinus8, bitDepthChromaMinus8
    return tuple((config.box[at] & 7) + 8 for at in (17, 18)) if config else ()


def _with_coded_depths(items: Sequence[KeptItem], kept: KeptItem) -> tuple[Property, ...]:
    """The item's properties, with the bits of each channel as they are coded where a ``pixi`` differs."""
    depths = _coded_depths(_coded_base(items, kept))
    if not depths:
        return kept.properties
    luma, chroma = depths
    return tuple(
        pixi((luma, *[chroma] * (len(prop.value) - 1))) if prop.kind == "pixi" else prop for prop in kept.properties
    )


def _filter(meta: Meta, kept: KeptItem, coded: Gathered) -> FilteredData:
    """An item's data as it is written again."""
    item, kind = kept.item, kept.item.type
    if kind in CODED and value_of(kept.properties, CODED[kind]) is None:
        raise item.malformed(f"an {CODED[kind]} property is required")
    if kind == b"av01":
        return filter_av1(coded, meta.tally, still=True)
    if kind == b"hvc1":
        return filter_hevc(coded, value_of(kept.properties, "hvcC"), meta.tally, still=True)
    out = FilteredData(size=kept.size)
    new = derivation.write_derivation(item, coded, len(kept.inputs)) if kind != b"iden" else b""
    if new == coded.data:
        out.keep(coded.data, 0, len(coded.data))
    else:
        out.replace(0, len(coded.data), new, "derivation")
    return out


def _check_crop(kept: KeptItem) -> None:
    """Raise where a clean aperture is larger than the picture, or lies beside it."""
    crop = value_of(kept.properties, "clap")
    for length, shift, side in zip(crop[:2], crop[2:], kept.size, strict=True) if crop else ():
        if not 0 < length <= side or abs(shift) > side:
            raise kept.item.malformed(f"a clean aperture of {length} px, {shift} px off, on a side of {side} px")

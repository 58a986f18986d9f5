"""Boxes that a rewrite changes, and in which common encoders write nothing of their own.

x265 and libheif state a rate and an order of layers in HEVC's parameter sets (H.265, annex E, 7.3.2.1), libheif where
chroma samples lie that are not reduced (AV1 ISOBMFF, 2.3.3), libavif and FFmpeg a name in the handler (ISO 14496-12,
8.4.3).
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.common.boxes import tiff_offset
from rmexif.containers.common.common_exif import is_common_exif
from rmexif.containers.isobmff.boxes import box, flags_of
from rmexif.containers.isobmff.hevc import ARRAYS, read_hvcc
from rmexif.containers.isobmff.hevc_parameter_sets import PPS, SPS, VPS, read_sps, write_vps
from rmexif.containers.isobmff.properties import read_property
from rmexif.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator, Mapping

    from rmexif.containers.common.boxes import BoxAt
    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.containers.isobmff.hevc import HevcConfig
    from rmexif.containers.isobmff.items import Item, Meta
    from rmexif.containers.isobmff.still import Still

__all__ = ["HANDLERS", "CommonLayout", "associates_kept", "names_kept"]

HANDLERS = frozenset((b"libavif", b"PictureHandler", b"VideoHandler"))  # names: of libavif, and of FFmpeg
CONSTRAINTS = slice(6, 12)  # byte of hvcC: general constraints, which some leave zero (ISO 14496-15, 8.3.3.1.2)
COMMON_NAMES = frozenset((b"Color", b"Alpha", b"Exif"))  # of items, as libavif writes them
WIDE_IDS = 2  # version of iloc with item ids of four bytes (8.11.3)
EXIF_OFFSETS = (b"\0\0\0\0", b"\0\0\0\6Exif\0\0")  # before the block of an Exif item (ISO 23008-12, A.2.1)
BOX_HEAD, PROFILE = 8, 12  # byte of a colr box at which its kind begins, and its profile
SPARE_NUMBERS = 4  # of items, which an encoder leaves out
LEAST_NUMBERS = 2  # of a reference: from, how many
REFERENCES = frozenset((b"dimg", b"auxl", b"prem"))  # within a picture
ONE = b"\0\1"  # NAL unit in an array
SITING, SITING_BITS = 10, 3  # byte of an av1C box, and chroma_sample_position in it


@dataclass(frozen=True, slots=True)
class CommonLayout:
    """What of the boxes of a picture says no more than those that are written for it.

    Attributes:
        exif: the Exif item, if every program writes one like it; or nothing.
        forms: byte at which a property lies -> the box that is written for it.
        is_plain: items are counted from 1 on, sources of a picture stand in their order, and no property is there more
            often than items use it: which numbers they have says nothing.
        items: numbers of all of them.
        hidden: numbers of those that may say so of themselves (ISO 23008-12, 6.4.2).
    """

    exif: frozenset[int] = frozenset()
    forms: Mapping[int, bytes] = field(default_factory=dict)
    is_plain: bool = False
    items: frozenset[int] = frozenset()
    hidden: frozenset[int] = frozenset()

    @classmethod
    def read(cls, view: memoryview, meta: Meta, still: Still, tally: Tally) -> CommonLayout:
        """That of a ``meta`` box."""
        used = frozenset(prop.box for kept in still.items for prop in kept.properties)
        found = {at.offset: _written_form(view, at, used, tally) for at in meta.property_boxes}
        forms = {offset: form for offset, form in found.items() if form is not None}
        exif = _common_exif(view, meta, still)
        hidden = exif.union(kept.item.id for kept in still.items if kept.hidden)
        return cls(exif, forms, _is_plain(meta, still, exif), frozenset(meta.items), hidden)

    @property
    def primary(self) -> frozenset[bytes]:
        """The pitm boxes (ISO 14496-12, 8.11.4) that name one of the items."""
        return frozenset(b"\0\0\0\x0epitm\0\0\0\0" + number.to_bytes(2, "big") for number in self.items)

    def refers(self, view: memoryview, at: BoxAt, still: Still, seen: set[tuple[bytes, int]]) -> bool:
        """Whether a reference (ISO 14496-12, 8.11.12) says no more than those that are written.

        Args:
            view: the file.
            at: its box.
            still: the picture.
            seen: kind and item of those before it; a second one of both would be free bytes.
        """
        numbers = [int.from_bytes(view[place : place + 2], "big") for place in range(at.body, at.end, 2)]
        if len(numbers) <= LEAST_NUMBERS:
            return False
        start, count, *to = numbers
        if (at.type, start) in seen or count != len(to):
            return False
        seen.add((at.type, start))
        if at.type == b"cdsc":
            return start in self.exif and to == [still.items[0].item.id]
        kept = {item.item.id for item in still.items}
        return self.is_plain and at.type in REFERENCES and start in kept and kept.issuperset(to)

    def names(self, view: memoryview, entry: BoxAt, item: Item) -> bool:
        """Whether the entry of an item (ISO 14496-12, 8.11.6) has no name, or the one of its kind in libavif."""
        flags = (0, 1) if item.id in self.hidden else (0,)
        head = bytes(view[entry.body : item.name_at])
        plain = (
            head[3] in flags and head[:3] + head[4:] == b"\x02\0\0" + item.id.to_bytes(2, "big") + b"\0\0" + item.type
        )
        return plain and (item.name in COMMON_NAMES or not item.name) and item.name_at + len(item.name) + 1 == entry.end


def _written_form(view: memoryview, at: BoxAt, used: Collection[bytes], tally: Tally) -> bytes | None:
    """The box of a clean file that a property stands for."""
    found = bytes(at.bytes(view))
    if found in used:
        return found
    if at.type == b"av1C":
        return next((written for written in used if _is_common_av1c(found, written)), None)
    if at.type == b"hvcC":
        config = read_hvcc(at.cursor(view), tally)
        canonical = box(b"hvcC", config.box)
        return canonical if canonical in used and _is_common_hvcc(found[BOX_HEAD:], config) else None
    if at.type == b"colr" and found[BOX_HEAD:PROFILE] in (b"prof", b"rICC") and icc.is_published(found[PROFILE:]):
        prop = read_property(view, at, tally)
        return prop.box if prop and prop.box in used else None
    return None


def _is_plain(meta: Meta, still: Still, exif: frozenset[int]) -> bool:
    """Whether numbers of items and properties say nothing."""
    kept = [item.item.id for item in still.items]
    sources = [[kept[number - 1] for number in item.inputs] for item in still.items]
    return (
        max((*kept, *exif)) <= len(meta.items) + SPARE_NUMBERS
        and len(meta.property_boxes) <= sum(len(item.properties) for item in still.items)
        and all(numbers == list(range(numbers[0], numbers[0] + len(numbers))) for numbers in sources if numbers)
    )


def _is_common_av1c(found: bytes, written: bytes) -> bool:
    """Whether an av1C box is the one that is written, but for where chroma samples lie."""
    return (
        len(written) == len(found) > SITING
        and written[:SITING] + written[SITING + 1 :] == found[:SITING] + found[SITING + 1 :]
        and not (written[SITING] ^ found[SITING]) & ~SITING_BITS
    )


def _is_common_hvcc(content: bytes, config: HevcConfig) -> bool:
    """Whether the content of an hvcC box differs from its canonical form as those of common encoders do.

    Args:
        content: of the box.
        config: what was read of it.
    """
    if not len(config.sequences) == len(config.pictures) == 1 or config.sequences[0].sub_layers != 1:
        return False
    sequence, picture = config.sequences[0], config.pictures[0]
    if content[CONSTRAINTS] not in (config.box[CONSTRAINTS], bytes(CONSTRAINTS.stop - CONSTRAINTS.start)):
        return False
    if _without_constraints(content) != _without_constraints(config.box):
        return False
    try:
        arrays = list(_arrays(content))
        kinds, nals, flags = zip(*arrays, strict=True)
        timed = read_sps(nals[1], keeps_timing=True).nal
    except (InputError, IndexError, ValueError):
        return False
    return (
        kinds == (VPS, SPS, PPS)
        and len(set(flags)) == 1
        and nals[0] in (write_vps([sequence]), write_vps([sequence], ordered=True))
        and nals[1] in (sequence.nal, timed)
        and nals[2] == picture.nal
    )


def _common_exif(view: memoryview, meta: Meta, still: Still) -> frozenset[int]:
    """The Exif item, if it is the only one and holds what every program writes."""
    items = [item for item in meta.items.values() if item.type == b"Exif"]
    if len(items) != 1 or len(items[0].extents) != 1 or items[0].properties:
        return frozenset()
    try:
        content = b"".join(bytes(view[start:end]) for start, end in meta.ranges(items[0]))
    except InputError:  # it is not kept, and nothing is known of it
        return frozenset()
    start = tiff_offset(memoryview(content))
    is_common = content[:start] in EXIF_OFFSETS and is_common_exif(content[start:], still.items[0].size)
    return frozenset((items[0].id,)) if is_common else frozenset()


def names_kept(view: memoryview, at: BoxAt, meta: Meta, still: Still, others: frozenset[int]) -> bool:
    """Whether an iloc box places the kept items, ``others`` and nothing else, each once, without spare bytes."""
    cursor = at.cursor(view)
    version, flags = flags_of(cursor)
    sizes, more = cursor.u8(), cursor.u8()
    index, rest = more & 15 if version else 0, sizes & 15
    numbers, bases, is_split = [], set[int](), False
    for _ in range(cursor.u32() if version == WIDE_IDS else cursor.u16()):
        numbers.append(cursor.u32() if version == WIDE_IDS else cursor.u16())
        spare = cursor.u16() & 0xFFF0 if version else 0
        spare |= cursor.u16()  # data_reference_index
        base = cursor.uint(more >> 4)
        bases.add(base)
        if spare or cursor.u16() != 1:  # more extents could be cut anywhere
            return False
        cursor.skip(index)
        offset = cursor.uint(sizes >> 4)
        is_split |= base > 0 and offset > 0
        cursor.skip(rest)
    kept = sorted((*(kept.item.id for kept in still.items), *others))
    return (
        not flags
        and (len(bases) == 1 or not is_split)
        and not cursor.remaining
        and sorted(numbers) == kept
        and all(item.extents for item in meta.items.values() if item.id in numbers)
    )


def associates_kept(view: memoryview, at: BoxAt, meta: Meta, still: Still, forms: Mapping[int, bytes]) -> bool:
    """Whether an ipma box gives every kept item the properties that are written, and says nothing else."""
    cursor = at.cursor(view)
    version, flags = flags_of(cursor)
    size = 2 if flags & 1 else 1
    essential = 0x80 << 8 * (size - 1)
    written = {kept.item.id: sorted(prop.box for prop in kept.properties) for kept in still.items}
    numbers = []
    for _ in range(cursor.u32()):
        numbers.append(cursor.u32() if version else cursor.u16())
        found = [cursor.uint(size) for _ in range(cursor.u8())]
        if not all(0 < index & ~essential <= len(meta.property_boxes) for index in found):
            return False
        named = sorted(forms.get(meta.property_boxes[(index & ~essential) - 1].offset, b"") for index in found)
        if named != written.get(numbers[-1]):
            return False
    return not cursor.remaining and flags <= 1 and numbers == sorted(written)


def _without_constraints(content: bytes) -> bytes:
    """The fields before the arrays, and how many of these there are."""
    return content[: CONSTRAINTS.start] + content[CONSTRAINTS.stop : ARRAYS]


def _arrays(content: bytes) -> Iterator[tuple[int, bytes, int]]:
    """Kind, NAL unit and flags of each array of one parameter set.

    Raises:
        ValueError: an array of none or of several, or one that ends early.
    """
    at = ARRAYS
    while at < len(content):
        size = int.from_bytes(content[at + 3 : at + 5], "big")
        nal = content[at + 5 : at + 5 + size]
        if content[at + 1 : at + 3] != ONE or len(nal) != size:
            raise ValueError("one NAL unit expected")
        yield content[at] & 0x3F, nal, content[at] & 0xC0
        at += 5 + size

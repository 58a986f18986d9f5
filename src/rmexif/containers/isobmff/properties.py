"""Item properties and sample entry boxes that a decoder needs, re-serialised; every other one is dropped.

Clauses: ISO 23008-12 6.5 (ispe, pixi, colr, pasp, clap, irot, imir, auxC, lsel), AV1 in AVIF 2.3.2 (a1op).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from fractions import Fraction
from math import gcd
from typing import TYPE_CHECKING, Any

from rmexif.containers.common import h273
from rmexif.containers.isobmff.av1 import read_av1c
from rmexif.containers.isobmff.boxes import box, flags_of, full
from rmexif.containers.isobmff.hevc import read_hvcc, with_used_sets
from rmexif.errors import MalformedImage
from rmexif.types import Colour, Role

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from rmexif.containers.common.boxes import BoxAt
    from rmexif.containers.isobmff.av1_sequence import Av1SequenceHeader
    from rmexif.containers.isobmff.boxes import Tally
    from rmexif.cursor import Cursor

__all__ = [
    "LAYERS",
    "TRANSFORMS",
    "VIEWING",
    "Property",
    "choose",
    "colour_of",
    "pixi",
    "read_property",
    "value_of",
    "with_sequence_header",
    "with_size",
    "with_used_hevc_sets",
]

ALPHA = (b"urn:mpeg:mpegB:cicp:systems:auxiliary:alpha", b"urn:mpeg:hevc:2015:auxid:1")
MAX_ASPECT = 1000  # to one: bounds what the two numbers can carry; H.265 table E.1 goes up to 2
TRANSFORMS = ("clap", "irot", "imir")  # applied in the order in which an item lists them
VIEWING = frozenset(("clli", "mdcv", "pasp"))  # how the whole picture is shown
UNCONSTRAINED = 0x7C  # pictures may refer to any number of others, and be predicted; as libavif writes it
CONSTRAINTS = frozenset({UNCONSTRAINED, 0x84})  # Nokia and phones, in HEIC: each to one that is coded alone
ORDER = ("ispe", "pixi", "av1C", "hvcC", "nclx", "prof", "clli", "mdcv", "pasp", "auxC", "a1op", "lsel", "ccst", "auxi")
LAYERS = frozenset(("a1op", "lsel"))  # of AV1 pictures only
ESSENTIAL = frozenset(("av1C", "hvcC", "a1op", "lsel", *TRANSFORMS))


@dataclass(frozen=True, slots=True)
class Property:
    """One property in its canonical form."""

    kind: str  # box type; a colr says "nclx" or "prof"
    box: bytes  # canonical
    role: Role
    value: Any = None  # what the rest of the parser needs of it

    @property
    def essential(self) -> bool:
        """Whether a reader must understand it."""
        return self.kind in ESSENTIAL


def choose(found: Iterable[Property]) -> tuple[Property, ...]:
    """The first of each kind, descriptions in canonical order, then transformations in the order given."""
    first: dict[str, Property] = {}
    for prop in found:
        if prop.box:
            first.setdefault(prop.kind, prop)
    transforms = [prop for kind, prop in first.items() if kind in TRANSFORMS]
    return (*(first[kind] for kind in ORDER if kind in first), *transforms)


def value_of(found: Iterable[Property], *kinds: str) -> Any:
    """The value of the first property of one of these kinds, or None."""
    return next((prop.value for prop in found if prop.kind in kinds), None)


def with_sequence_header(found: Iterable[Property], sequence: Av1SequenceHeader) -> tuple[Property, ...]:
    """Properties of an AV1 picture as its sequence header has them; layers are chosen only where there are some."""
    config = Property("av1C", box(b"av1C", sequence.config), Role.STRUCTURE)
    kept = (prop for prop in found if sequence.layered or prop.kind not in LAYERS)
    return tuple(config if prop.kind == "av1C" else prop for prop in kept)


def with_used_hevc_sets(found: Iterable[Property], used: frozenset[int]) -> tuple[Property, ...]:
    """Properties of an HEVC picture without the parameter sets that none of its slices asks for."""
    return tuple(_with_used_hevc_sets(prop, used) if prop.kind == "hvcC" else prop for prop in found)


def _with_used_hevc_sets(prop: Property, used: frozenset[int]) -> Property:
    config = with_used_sets(prop.value, used)
    return prop if config is prop.value else Property("hvcC", box(b"hvcC", config.box), Role.STRUCTURE, config)


def colour_of(found: tuple[Property, ...]) -> Colour:
    """How the properties describe colours."""
    return Colour(icc=value_of(found, "prof"), cicp=value_of(found, "nclx"))


def read_property(view: memoryview, at: BoxAt, tally: Tally) -> Property | None:
    """The canonical form of a property box, or None where it is not one that a decoder needs.

    Raises:
        MalformedImage: it is shorter than its fields.
        UnsupportedFeature: a decoder configuration of an unknown version.
    """
    cursor = at.cursor(view)
    if at.type == b"hvcC":
        hevc = read_hvcc(cursor, tally)
        return Property("hvcC", box(b"hvcC", hevc.box), Role.STRUCTURE, hevc)
    if at.type == b"colr":
        return _colr(cursor, tally)
    reader = READERS.get(at.type)
    return reader(cursor) if reader else None


def _av1c(cursor: Cursor) -> Property:
    config = read_av1c(cursor)
    return Property("av1C", box(b"av1C", config.box), Role.STRUCTURE, config)


def _ispe(cursor: Cursor) -> Property:
    cursor.skip(4)
    width, height = cursor.u32(), cursor.u32()
    return ispe((width, height))


def ispe(size: tuple[int, int]) -> Property:
    """Width and height in px."""
    return Property("ispe", full(b"ispe", 0, 0, struct.pack(">II", *size)), Role.STRUCTURE, size)


def with_size(found: Iterable[Property], size: tuple[int, int]) -> tuple[Property, ...]:
    """Properties of a picture with another size in px."""
    return tuple(ispe(size) if prop.kind == "ispe" else prop for prop in found)


def _pixi(cursor: Cursor) -> Property | None:
    """Bits per channel; a list that cannot be that of a picture is dropped."""
    cursor.skip(4)
    count = cursor.u8()
    depths = cursor.bytes(count)
    if not 1 <= count <= 4 or not all(1 <= depth <= 16 for depth in depths):
        return None
    return pixi(tuple(depths))


def pixi(depths: tuple[int, ...]) -> Property:
    """Bits of each channel."""
    return Property("pixi", full(b"pixi", 0, 0, bytes((len(depths), *depths))), Role.STRUCTURE, depths)


def _pasp(cursor: Cursor) -> Property | None:
    """Pixel aspect ratio in lowest terms."""
    across, down = cursor.u32(), cursor.u32()
    common = gcd(across, down)
    if not across or not down or max(across, down) // common > MAX_ASPECT:
        return None
    shape = across // common, down // common
    return Property("pasp", box(b"pasp", struct.pack(">II", *shape)), Role.STRUCTURE, shape)


def _clap(cursor: Cursor) -> Property:
    """Clean aperture: width, height and the two offsets of its centre, as fractions in lowest terms."""
    offset = cursor.offset
    fields = struct.unpack(">IIIIiIiI", cursor.take(32))
    if not all(fields[1::2]):
        raise MalformedImage("a denominator is 0, 1 or more is required", structure="isobmff clap", offset=offset)
    values = tuple(Fraction(fields[at], fields[at + 1]) for at in range(0, 8, 2))
    numbers = (number for value in values for number in (value.numerator, value.denominator))
    return Property("clap", box(b"clap", struct.pack(">IIIIiIiI", *numbers)), Role.STRUCTURE, values)


def _colr(cursor: Cursor, tally: Tally) -> Property | None:
    """``nclx`` with its reserved bits cleared, or a cleaned profile."""
    kind = cursor.bytes(4)
    if kind == b"nclx":
        numbers = (*h273.existing((cursor.u16(), cursor.u16(), cursor.u16())), cursor.u8() >> 7)
        fields = b"".join(n.to_bytes(2, "big") for n in numbers[:3]) + bytes((numbers[3] << 7,))
        return Property("nclx", box(b"colr", kind, fields), Role.COLOUR, numbers)
    if kind not in (b"prof", b"rICC"):
        return None
    profile = tally.profiles.clean(cursor.bytes(cursor.remaining))
    return Property("prof", box(b"colr", b"prof", profile), Role.COLOUR, profile) if profile else None


def _clli(cursor: Cursor) -> Property | None:
    """Content light level in cd/m2: the brightest pixel, and the brightest picture on average."""
    most, average = cursor.u16(), cursor.u16()
    if not average <= most <= h273.BRIGHTEST:
        return None
    return Property("clli", box(b"clli", struct.pack(">HH", most, average)), Role.COLOUR)


def _mdcv(cursor: Cursor) -> Property | None:
    """The light of a known mastering display, in whole cd/m2; primaries come as green, blue, red."""
    found = struct.unpack(">8HII", cursor.take(24))
    places = (*found[4:6], *found[:4], *found[6:8])
    known = h273.mastering(places, found[8], found[9])
    if known is None:
        return None
    display, brightest = known
    fields = struct.pack(">8HII", *display[2:6], *display[:2], *display[6:], brightest, found[9])
    return Property("mdcv", box(b"mdcv", fields), Role.COLOUR)


def _plain(kind: bytes, size: int, role: Role, mask: int = -1) -> Callable[[Cursor], Property]:
    """A reader of a property that is ``size`` bytes of numbers; ``mask`` clears reserved bits."""

    def read(cursor: Cursor) -> Property:
        value = cursor.uint(size) & mask
        return Property(kind.decode(), box(kind, value.to_bytes(size, "big")), role, value)

    return read


def _auxiliary(kind: bytes) -> Callable[[Cursor], Property | None]:
    """A reader of ``auxC`` or ``auxi``: only alpha is kept, without the subtype bytes."""

    def read(cursor: Cursor) -> Property | None:
        cursor.skip(4)
        urn = cursor.bytes(min(cursor.remaining, 64)).partition(b"\0")[0]
        if urn not in ALPHA:
            return Property(kind.decode(), b"", Role.UNKNOWN, False)
        return Property(kind.decode(), full(kind, 0, 0, urn, b"\0"), Role.STRUCTURE, True)

    return read


def _ccst(cursor: Cursor) -> Property:
    """Coding constraints of a sequence (ISO 23008-12 7.2.3): those of the common encoders, else none."""
    flags_of(cursor)
    first = cursor.u32() >> 24
    fields = bytes((first if first in CONSTRAINTS else UNCONSTRAINED, 0, 0, 0))
    return Property("ccst", full(b"ccst", 0, 0, fields), Role.STRUCTURE)


READERS: dict[bytes, Callable[[Cursor], Property | None]] = {
    b"av1C": _av1c,
    b"ispe": _ispe,
    b"pixi": _pixi,
    b"clli": _clli,
    b"mdcv": _mdcv,
    b"irot": _plain(b"irot", 1, Role.ORIENTATION, 3),
    b"imir": _plain(b"imir", 1, Role.ORIENTATION, 1),
    b"clap": _clap,
    b"pasp": _pasp,
    b"a1op": _plain(b"a1op", 1, Role.STRUCTURE, 31),
    b"lsel": _plain(b"lsel", 2, Role.STRUCTURE),
    b"auxC": _auxiliary(b"auxC"),
    b"auxi": _auxiliary(b"auxi"),
    b"ccst": _ccst,
}

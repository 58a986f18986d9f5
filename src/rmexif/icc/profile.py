"""ICC profiles with nothing in them but colour (ICC.1:2022; version 2 profiles: ICC.1:2001-04).

A profile whose primaries and curves are those of a known space becomes the canonical bytes of that space,
built here from the numbers in the specifications. Any other keeps its colorimetric tags, re-serialised;
texts, dates, makers, models, identifiers and private tags go, and so does every table that showing a picture never
reads: the way back (B2A), gamut and preview. A table that shows what matrix and curves show goes as well.
Matrix and grey profiles come out as version 4; table profiles keep their major version, because readers compensate
the black point by it, and become input profiles, which need no way back (8.3.2).
"""

from __future__ import annotations

import struct
from dataclasses import dataclass, replace
from functools import cache
from itertools import pairwise
from math import log
from typing import TYPE_CHECKING

from rmexif.errors import MalformedImage
from rmexif.icc import agreement, elements, matrix, tables
from rmexif.icc.colorimetry import D50, PRIMARIES, adaptation, encoded
from rmexif.icc.elements import fixed, gamma_tag
from rmexif.icc.spaces import CURVES, NATIVE, TITLES, WHITES, known_inverse, known_matrix

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.icc.matrix import Matrix

__all__ = ["MAX_TAGS", "TABLES", "Profile", "canonical", "clean", "describe", "identify", "is_clean", "read_tags"]

MAX_BYTES = 16 << 20  # of a profile; the largest printer profiles have about 4 MB
MAX_TAGS = 200  # of a profile; ICC.1 defines about 50
TOLERANCE = 0.5 / 255  # of a curve, in sRGB-encoded light
MATRIX_TOLERANCE = 2e-3  # of linear device RGB: the spread of the profiles that call themselves sRGB
WHITE_TOLERANCE = 2e-3  # of a white point, in x and y

CHANNELS = {b"RGB ": 3, b"GRAY": 1, b"CMYK": 4, b"Lab ": 3}
CLASSES = (b"mntr", b"scnr", b"prtr", b"spac")
TABLES = (b"A2B0", b"A2B1", b"A2B2")  # perceptual, relative colorimetric, saturation (9.1, table 25)
VERSION_2_CURVE = [place / 1023 for place in range(1024)]  # entries of a formula as a table: version 2 has no formulas
HDR = {16: "pq", 18: "hlg"}  # ITU-T H.273 transfer characteristics that no ICC curve has


@dataclass(frozen=True, slots=True)
class Profile:
    """What a profile says about colour."""

    space: str  # "RGB", "GRAY", "CMYK" or "Lab": what the numbers of the picture are
    name: str | None = None  # of a known space, for canonical()
    primaries: tuple[float, ...] | None = None  # xy of white, red, green, blue, not adapted (8 numbers)
    transfer: str | float | None = None  # a name of CURVES, "pq", "hlg", or the exponent of a power curve


@dataclass(frozen=True, slots=True)
class _RawProfile:
    """A profile as it stands: header fields and tags, not yet trusted."""

    space: bytes
    pcs: bytes
    kind: bytes
    major: int
    intent: int
    tags: dict[bytes, bytes]


def clean(profile: bytes) -> bytes | None:
    """The profile with nothing in it but colour; None where it is broken, implausible or of no use to a picture."""
    try:
        raw = _read(profile)
        cleaned = _table_profile(raw) if raw.tags.keys() & _shown_tables(raw.intent) else _model_profile(raw)
    except MalformedImage:
        return None
    return cleaned if len(cleaned) <= MAX_BYTES else None


def is_clean(profile: bytes) -> bool:
    """Whether the profile is exactly what clean() would write."""
    return clean(profile) == bytes(profile)


def read_tags(profile: bytes) -> dict[bytes, bytes]:
    """The tags of a profile, as they stand.

    Raises:
        MalformedImage: the bytes are no profile of a picture.
    """
    return _read(profile).tags


def identify(profile: bytes) -> str | None:
    """The name of the known space that a profile describes: "srgb", "rec2020-linear", "gray-gamma-2.2"."""
    found = describe(profile)
    return found.name if found else None


def describe(profile: bytes) -> Profile | None:
    """What a profile says about colour; None where clean() gives None."""
    cleaned = clean(profile)
    if cleaned is None:
        return None
    raw = _read(cleaned)
    space = raw.space.decode().strip()
    if raw.tags.keys() & set(TABLES):
        return Profile(space)
    if space == "GRAY":
        transfer = _transfer([raw.tags[b"kTRC"]])
        name = f"gray-{_curve_name(transfer)}" if raw.pcs == b"XYZ " and _curve_name(transfer) else None
        return Profile(space, name, None, transfer)
    hdr = HDR.get(raw.tags[b"cicp"][9]) if b"cicp" in raw.tags else None
    transfer = hdr or _transfer([raw.tags[tag] for tag in (b"rTRC", b"gTRC", b"bTRC")])
    colorants, known = _matrix(raw)
    curve = _curve_name(transfer)
    name = (known if NATIVE[known] == curve else f"{known}-{curve}") if known and curve else None
    return Profile(space, name, PRIMARIES[known] if known else _primaries(colorants, _white(raw)), transfer)


@cache
def canonical(name: str) -> bytes:
    """The canonical bytes of a known space; KeyError where the name is not one that identify() gives."""
    if name.startswith("gray-"):
        return _write(b"GRAY", b"mntr", name, {b"kTRC": CURVES[name[5:]]})
    for space, native in NATIVE.items():
        curve = native if name == space else name.removeprefix(f"{space}-")
        if curve in CURVES and name in (space, f"{space}-{curve}"):
            title = TITLES.get(name, name)
            return _write(
                b"RGB ", b"mntr", title, _colorants(known_matrix(space), PRIMARIES[space][:2], [CURVES[curve]] * 3)
            )
    raise KeyError(name)


def _read(profile: bytes) -> _RawProfile:
    """Header (7.2) and tag table (7.3), checked."""
    data = bytes(profile[: MAX_BYTES + 1])
    if not 132 <= len(data) <= MAX_BYTES or data[36:40] != b"acsp":
        raise MalformedImage("no signature acsp, or too long", structure="icc header", offset=36)
    data = data[: max(132, int.from_bytes(data[:4], "big"))]
    space, pcs, kind, major = data[16:20], data[20:24], data[12:16], data[8]
    intent, count = int.from_bytes(data[64:68], "big"), int.from_bytes(data[128:132], "big")
    if space not in CHANNELS or pcs not in (b"XYZ ", b"Lab ") or kind not in CLASSES or major not in (2, 4):
        problem = "a space, connection space, class or version that describes no picture"
        raise MalformedImage(problem, structure="icc header", offset=8)
    if count > MAX_TAGS or 132 + 12 * count > len(data):
        raise MalformedImage(f"{count} tags run past the end", structure="icc tag table", offset=128)
    tags: dict[bytes, bytes] = {}
    for entry in range(132, 132 + 12 * count, 12):
        name, offset, size = struct.unpack_from(">4sII", data, entry)
        if offset + size <= len(data):
            tags.setdefault(name, data[offset : offset + size])
    return _RawProfile(space, pcs, kind, major, intent if intent <= 3 else 0, tags)


def _shown_tables(intent: int) -> set[bytes]:
    """The tables that viewers read: perceptual or relative colorimetric, or as the header's intent says (7.2.15).

    Skia reads A2B0, or else A2B1; LittleCMS the table of the intent that it is asked for, or else A2B0.
    """
    return {b"A2B0", b"A2B1", *TABLES[intent : intent + 1]}


def _table_profile(raw: _RawProfile) -> bytes:
    """A profile that works by tables; where a matrix and curves show the same, a profile that works by these."""
    found = dict[bytes, tables.ColourTable]()
    for name in TABLES:
        if name in raw.tags and name in _shown_tables(raw.intent):
            try:
                found[name] = tables.parse(raw.tags[name], CHANNELS[raw.space])
            except MalformedImage:
                if not found:  # the one that every viewer reads; they go on without any other
                    raise
    model = _model_beside(raw)
    if model and raw.space == b"RGB " and _shows_the_same(list(found.values()), raw.pcs, model):
        return model
    tags = {name: tables.serialise(table) for name, table in found.items()}
    tags |= _cicp(raw) if raw.space == b"RGB " else {}
    kind = b"scnr"
    if model:  # it stays for viewers that know no tables, and for LittleCMS, which asks for it to find the black point
        kind = b"mntr"
        kept = {name: tag for name, tag in _read(model).tags.items() if name[1:] in (b"XYZ", b"TRC")}
        tags |= kept if raw.major == 4 else {name: _version_2(tag) for name, tag in kept.items()}
    return _write(raw.space, kind, raw.space.decode().strip(), tags, raw)


def _model_beside(raw: _RawProfile) -> bytes | None:
    """The clean profile without tables: what its matrix and curves, or its grey curve, say by themselves."""
    try:
        return _model_profile(raw if raw.space == b"GRAY" else replace(raw, pcs=b"XYZ "))
    except MalformedImage:
        return None


def _shows_the_same(found: list[tables.ColourTable], pcs: bytes, model: bytes) -> bool:
    """Whether all tables give the colours of a clean matrix profile."""
    raw = _read(model)
    curves = [raw.tags[tag] for tag in (b"rTRC", b"gTRC", b"bTRC")]
    return agreement.shows_the_same(found, pcs, _matrix(raw)[0], curves)


def _version_2(tag: bytes) -> bytes:
    """A tag of a model as version 2 has it: a parametric curve as a table (ICC.1:2001-04, 6.5.2)."""
    if tag[:4] != b"para":
        return tag
    values = [round(value * 65535) for value in elements.sample(tag, VERSION_2_CURVE)]
    return struct.pack(f">4sII{len(values)}H", b"curv", 0, len(values), *values)


def _model_profile(raw: _RawProfile) -> bytes:
    """A profile that works without tables."""
    return _grey_profile(raw) if raw.space == b"GRAY" else _matrix_profile(raw)


def _grey_profile(raw: _RawProfile) -> bytes:
    """A profile with one curve (8.3.4, 8.4.4)."""
    curve = _tone(raw, b"kTRC")
    name = _curve_name(_transfer([curve]))
    if name and raw.pcs == b"XYZ ":
        return canonical(f"gray-{name}")
    return _write(b"GRAY", b"mntr", "Gray", {b"kTRC": curve}, raw, major=4)


def _matrix_profile(raw: _RawProfile) -> bytes:
    """A profile with three curves and a matrix (8.3.3, 8.4.3; computed as in F.3)."""
    if raw.space != b"RGB " or raw.pcs != b"XYZ ":
        problem = "neither tables nor a matrix from RGB to XYZ"
        raise MalformedImage(problem, structure="icc header", offset=16)
    colorants, known = _matrix(raw)
    curves = _tones(raw)
    cicp = _cicp(raw)
    curve = _curve_name(_transfer(curves))
    if known and curve and not cicp:
        return canonical(known if NATIVE[known] == curve else f"{known}-{curve}")
    white = PRIMARIES[known][:2] if known else _white(raw)
    tags = _colorants(known_matrix(known) if known else colorants, white, curves) | cicp
    return _write(b"RGB ", b"mntr", "RGB", tags, raw, major=4)


def _matrix(raw: _RawProfile) -> tuple[Matrix, str | None]:
    """Linear RGB to XYZ, and the name of the known primaries that it fits."""
    columns = [elements.numbers(_tag(raw, tag), b"XYZ ", 3) for tag in (b"rXYZ", b"gXYZ", b"bXYZ")]
    colorants = matrix.from_columns(columns)
    values = [value for column in columns for value in column]
    if min(values) < -0.5 or max(values) > 2 or abs(matrix.determinant(colorants)) < 1e-4:
        problem = "colorants outside -0.5 to 2, or on one line"
        raise MalformedImage(problem, structure="icc tag table", offset=128)
    off = {name: _distance(matrix.multiply(known_inverse(name), colorants)) for name in PRIMARIES}
    best = min(off, key=off.__getitem__)
    return colorants, best if off[best] <= MATRIX_TOLERANCE else None


def _distance(device: Matrix) -> float:
    """The largest difference from the matrix that changes nothing."""
    return max(abs(device[row][column] - (row == column)) for row in range(3) for column in range(3))


def _cicp(raw: _RawProfile) -> dict[bytes, bytes]:
    """The cicp tag (9.2.17) where it says what curves cannot: PQ or HLG. Elsewhere the curves say it."""
    tag = raw.tags.get(b"cicp", b"")
    if len(tag) < 12 or tag[:4] != b"cicp" or tag[9] not in HDR or tag[8] not in (1, 9, 11, 12):
        return {}
    return {b"cicp": struct.pack(">4sI4B", b"cicp", 0, tag[8], tag[9], 0, 1)}


def _tag(raw: _RawProfile, name: bytes) -> bytes:
    """A tag that the model needs."""
    if name not in raw.tags:
        problem = f"no tag {name.decode()}, which the model needs"
        raise MalformedImage(problem, structure="icc tag table", offset=128)
    return raw.tags[name]


def _tone(raw: _RawProfile, name: bytes) -> bytes:
    """A tone curve: the known one or the power that it fits, else itself, which then must not fall."""
    tag = elements.rising(elements.curve(_tag(raw, name)))
    values = elements.sample(tag)
    if any(after < before for before, after in pairwise(values)) or values[-1] - values[0] < 0.1:
        problem = "it falls, or rises by less than 0.1"
        raise MalformedImage(problem, structure="icc curve", offset=0)
    light = [encoded(value) for value in values]
    off = {name: _largest_difference(light, shape) for name, shape in _shapes().items()}
    best = min(off, key=off.__getitem__)
    if off[best] <= TOLERANCE:
        return CURVES[best]
    middle = values[len(values) // 2]
    gamma = gamma_tag(min(max(log(middle) / log(0.5), 0.1), 10.0)) if middle > 0 else tag
    if gamma != tag and _largest_difference(map(encoded, elements.sample(gamma)), light) <= TOLERANCE:
        return _tone(_RawProfile(raw.space, raw.pcs, raw.kind, raw.major, raw.intent, {name: gamma}), name)
    return tag


def _tones(raw: _RawProfile) -> list[bytes]:
    """The three tone curves of RGB; channels that share a curve cost one."""
    tones = {_tag(raw, name): name for name in (b"rTRC", b"gTRC", b"bTRC")}
    clean_tones = {tag: _tone(raw, name) for tag, name in tones.items()}
    return [clean_tones[_tag(raw, name)] for name in (b"rTRC", b"gTRC", b"bTRC")]


def _largest_difference(left: Iterable[float], right: Iterable[float]) -> float:
    return max(abs(one - other) for one, other in zip(left, right, strict=True))


@cache
def _shapes() -> dict[str, list[float]]:
    """The known curves, for comparison."""
    return {name: [encoded(value) for value in elements.sample(tag)] for name, tag in CURVES.items()}


def _transfer(curves: list[bytes]) -> str | float | None:
    """What canonical curves stand for: a name, an exponent, or None where they differ or are tables."""
    if any(curve != curves[0] for curve in curves):
        return None
    for name, tag in CURVES.items():
        if tag == curves[0]:
            return float(name[6:]) if name.startswith("gamma-") else name
    return int.from_bytes(curves[0][12:], "big") / 256 if len(curves[0]) == 14 else None


def _curve_name(transfer: str | float | None) -> str | None:
    """The key in CURVES of what _transfer() gave."""
    key = f"gamma-{transfer}" if isinstance(transfer, float) else transfer
    return key if key in CURVES else None


def _white(raw: _RawProfile) -> tuple[float, ...]:
    """The white (xy) that the colours were adapted from: by chad, by a version 2 white point, else D50."""
    try:
        if b"chad" in raw.tags:
            adapted = matrix.from_rows(elements.numbers(raw.tags[b"chad"], b"sf32", 9))
            x, y, z = matrix.apply(matrix.inverse(adapted), D50)
        else:
            x, y, z = elements.numbers(_tag(raw, b"wtpt"), b"XYZ ", 3)
    except (MalformedImage, ZeroDivisionError):
        x, y, z = D50
    total = x + y + z
    # Three digits are all that a white needs, and the rounding makes a second pass find the same.
    xy = (round(x / total, 3), round(y / total, 3)) if total > 0.5 else WHITES[0]
    if not (0.2 < xy[0] < 0.5 and 0.2 < xy[1] < 0.5):
        xy = WHITES[0]
    near = min(WHITES, key=lambda known: abs(known[0] - xy[0]) + abs(known[1] - xy[1]))
    return near if max(abs(near[0] - xy[0]), abs(near[1] - xy[1])) <= WHITE_TOLERANCE else xy


def _primaries(colorants: Matrix, white: tuple[float, ...]) -> tuple[float, ...] | None:
    """Chromaticities of white and corners, the adaptation taken back; None where a corner is no chromaticity."""
    corners = matrix.transpose(matrix.multiply(matrix.inverse(adaptation(white, D50)), colorants))
    if any(abs(sum(corner)) < 1e-6 for corner in corners):
        return None
    return (*white, *(round(corner[axis] / sum(corner), 5) for corner in corners for axis in (0, 1)))


def _colorants(colorants: Matrix, white: tuple[float, ...], curves: list[bytes]) -> dict[bytes, bytes]:
    """The tags of the matrix model."""
    tags = (
        {}
        if white == WHITES[0]
        else {b"chad": b"sf32\0\0\0\0" + fixed([number for row in adaptation(white, D50) for number in row])}
    )
    for name, column, curve in zip((b"r", b"g", b"b"), matrix.transpose(colorants), curves, strict=True):
        tags |= {name + b"XYZ": b"XYZ \0\0\0\0" + fixed(column), name + b"TRC": curve}
    return tags


def _write(
    space: bytes,
    kind: bytes,
    title: str,
    tags: dict[bytes, bytes],
    raw: _RawProfile | None = None,
    major: int | None = None,
) -> bytes:
    """The profile: header fields that name nobody, constant texts, tags in one order, equal ones shared."""
    version = major or (raw.major if raw else 4)
    every = {b"desc": _text(title, version, b"desc"), b"cprt": _text("CC0", version, b"text")}
    every |= {b"wtpt": b"XYZ \0\0\0\0" + fixed(D50), **dict(sorted(tags.items()))}
    table, body, seen = b"", b"", dict[bytes, int]()
    start = 132 + 12 * len(every)
    for name, data in every.items():
        if data not in seen:
            seen[data] = start + len(body)
            body += data + bytes(-len(data) % 4)
        table += struct.pack(">4sII", name, seen[data], len(data))
    pcs, intent = (raw.pcs, raw.intent) if raw else (b"XYZ ", 0)
    header = struct.pack(
        ">I4xI4s4s4s12x4s24xI", start + len(body), version << 24 | 0x400000, kind, space, pcs, b"acsp", intent
    )
    return (header + fixed(D50)).ljust(128, b"\0") + struct.pack(">I", len(every)) + table + body


def _text(text: str, major: int, old_type: bytes) -> bytes:
    """A text tag: multiLocalizedUnicodeType (10.15), or what version 2 has in its place (6.5.17, 6.5.18)."""
    if major == 4:
        data = text.encode("utf-16-be")
        return struct.pack(">4sIII4sII", b"mluc", 0, 1, 12, b"enUS", len(data), 28) + data
    data = text.encode("ascii") + b"\0"
    if old_type == b"text":
        return b"text\0\0\0\0" + data
    return struct.pack(">4sII", b"desc", 0, len(data)) + data + bytes(4 + 4 + 2 + 1 + 67)

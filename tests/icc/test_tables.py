"""Colour tables: evaluated as LittleCMS does, in one canonical form, and gone where showing a picture needs none."""

from __future__ import annotations

import io
import struct
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageCms

from rmexif import icc, inspect, strip, verify
from rmexif.containers.jxl import image_header
from rmexif.containers.jxl.field_types import FieldWriter
from rmexif.containers.jxl.icc import write_icc
from rmexif.errors import MalformedImage
from rmexif.icc import tables
from rmexif.icc.colorimetry import encoded as srgb_codes
from rmexif.icc.spaces import known_matrix
from tests import sets
from tests.containers import jxl_files, profiles
from tests.containers.profiles import CANARY
from tests.contracts.test_colour_and_orientation import PILLOW, bmp_v5, profile_of
from tests.icc import luts
from tests.icc.luts import largest, shown, tag_table, with_intent, with_model
from tests.samples import picture, saved

VERSIONS = {2: 0x02100000, 4: 0x04200000}
INKS = {"space": b"CMYK", "pcs": b"Lab ", "kind": b"prtr"}
WAY_BACK = {
    name: profiles.mft(1, lambda lab: 1 - lab[..., [0, 0, 0, 0]], 3, 4)[:-200] + CANARY * 10 + bytes(10)
    for name in (b"B2A0", b"B2A1", b"B2A2", b"gamt", b"pre0", b"pre1", b"pre2")
}
MATRIX = profiles.fixed(1, 0, 0, 0, 1, 0, 0, 0, 1, 0, 0, 0)
TABLES = {
    "lut8 Lab": (profiles.mft(1, lambda c: 0.2 + 0.6 * c**0.8, 3, 3), b"Lab "),
    "lut16 Lab": (luts.lut16(luts.bgr, b"Lab ", 9), b"Lab "),
    "lut16 XYZ": (luts.lut16(luts.bgr, b"XYZ ", 9), b"XYZ "),
    "lutAToB Lab": (luts.lut_a_to_b(luts.bgr, b"Lab ", 9), b"Lab "),
    "lutAToB XYZ": (luts.lut_a_to_b(luts.bgr, b"XYZ ", 9), b"XYZ "),
    "lutAToB matrix": (
        luts.elements(
            luts.curves(profiles.gamma(1.0)),
            profiles.fixed(*(np.array(profiles.DISPLAY).T / (65535 / 32768)).ravel(), 0.01, 0.01, 0.008),
            luts.curves(profiles.para(4, 2.3, 0.9, 0.1, 0.2, 0.05, 0.0, 0.0)),
        ),
        b"XYZ ",
    ),
    "lutAToB curves": (luts.elements(luts.curves(profiles.table(np.linspace(0.1, 0.45, 9)))), b"XYZ "),
}


def rendered_by_rmexif(table: bytes, pcs: bytes) -> np.ndarray:
    """The grid of luts.shown in sRGB, through rmexif.icc.tables."""
    axis = np.linspace(0, 255, 17).round() / 255
    device = np.stack(np.meshgrid(*[axis] * 3), -1).reshape(-1, 3).tolist()
    parsed = tables.parse(table, 3)
    xyz = tables.to_xyz(tables.evaluate(parsed, device, tables.simplex), parsed.kind, pcs)
    linear = np.clip(np.array(xyz) @ np.linalg.inv(known_matrix("srgb")).T, 0, 1)
    return (255 * np.vectorize(srgb_codes)(linear))[None]


@pytest.mark.parametrize("name", TABLES)
def test_a_table_is_evaluated_as_littlecms_evaluates_it(name: str) -> None:
    """Every type of table, in both PCS, on points of the grid and between them."""
    table, pcs = TABLES[name]
    profile = profiles.profile({b"A2B0": table}, pcs=pcs, version=VERSIONS[4 if table[:4] == b"mAB " else 2])

    codes = shown(profile, 1, luts.NO_OPTIMISATION)

    assert np.ptp(codes) > 100
    assert np.abs(rendered_by_rmexif(table, pcs) - codes).max() <= 0.75  # 0.5 of it by rounding


def test_interpolation_inside_a_cell() -> None:
    """Of a cell that is 1 in its last corner and 0 in the others, by geometry: x y z, or the least of the three."""
    corners = np.zeros((2, 2, 2, 3), ">u2")
    corners[1, 1, 1] = 65535
    places = np.random.default_rng(7).random((200, 3))
    grid = tables.Grid((2, 2, 2), 2, corners.tobytes())

    assert np.array(tables.multilinear(grid, places.tolist()))[:, 1] == pytest.approx(places.prod(axis=1))
    assert np.array(tables.simplex(grid, places.tolist()))[:, 1] == pytest.approx(places.min(axis=1))


@pytest.mark.parametrize("name", TABLES)
def test_a_table_comes_back_in_canonical_form(name: str) -> None:
    """Parse and serialise: a fixed point, no longer than the table was, and of the same colours."""
    table, pcs = TABLES[name]

    data = tables.serialise(tables.parse(table + CANARY, 3))

    assert data == tables.serialise(tables.parse(data, 3))
    assert len(data) <= len(table)
    assert CANARY not in data
    version = VERSIONS[4 if table[:4] == b"mAB " else 2]
    before, after = (shown(profiles.profile({b"A2B0": tag}, pcs=pcs, version=version)) for tag in (table, data))
    assert np.array_equal(before, after)


def test_elements_lie_side_by_side_and_equal_ones_are_one() -> None:
    """LutAToBType: gaps between elements go, and an element that two offsets share stays shared (10.12.1)."""
    straight = luts.curves(profiles.gamma(1.0))
    grid = bytes([2, 2, 2]).ljust(16, b"\0") + b"\1\0\0\0" + bytes(range(24))
    dirty = luts.elements(straight, MATRIX, straight, grid, straight, gap=CANARY + b"\0")

    data = tables.serialise(tables.parse(dirty, 3))

    assert len(data) == 32 + len(straight) + len(MATRIX) + len(grid)
    assert CANARY not in data


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        (b"mft3" + bytes(80), "mft1, mft2 or mAB"),
        (b"mBA \0\0\0\0\3\3" + bytes(80), "mft1, mft2 or mAB"),
        (TABLES["lut8 Lab"][0][:8] + b"\4" + TABLES["lut8 Lab"][0][9:], "4 to 3 channels"),
        (TABLES["lut8 Lab"][0][:10] + b"\1" + TABLES["lut8 Lab"][0][11:], "grid"),
        (TABLES["lut8 Lab"][0][:10] + b"\xff" + TABLES["lut8 Lab"][0][11:], "grid"),
        (TABLES["lut8 Lab"][0][:-1], "remain"),
        (TABLES["lut16 Lab"][0][:48] + b"\x10\x01" + TABLES["lut16 Lab"][0][50:], "4097"),
        (luts.elements(b""), "B curves"),
        (luts.elements(luts.curves(profiles.gamma(1.0)), MATRIX), "M curves with a matrix"),
        (b"mAB \0\0\0\0\3\3\0\0" + struct.pack(">5I", 0xFFFFFFFF, 0, 0, 0, 0), "remain"),
    ],
)
def test_a_broken_table_is_refused_with_its_place(table: bytes, problem: str) -> None:
    """Another type, other channels, impossible sizes, elements that are not there."""
    with pytest.raises(MalformedImage, match=problem) as caught:
        tables.parse(table, 3)
    assert str(caught.value).startswith("icc ")


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("kind", ["lut16 Lab", "lut16 XYZ", "lutAToB Lab", "lutAToB XYZ"])
def test_a_table_that_repeats_the_matrix_goes(kind: str, version: int) -> None:
    """A text in the lowest two bits of the entries: LittleCMS shows the same without the table."""

    def hide(entries: np.ndarray) -> None:
        bits = np.unpackbits(np.frombuffer(CANARY * 200, np.uint8)).reshape(-1, 2) @ [2, 1]
        flat = entries.reshape(-1)
        flat[: len(bits)] = (flat[: len(bits)] & ~3) | bits

    write, pcs = kind.split()
    pcs_name = pcs.ljust(4).encode()
    table = luts.lut16(luts.srgb, pcs_name, change=hide) if write == "lut16" else luts.lut_a_to_b(luts.srgb, pcs_name)
    found = {b"A2B0": table, b"A2B1": table, b"A2B2": luts.lut16(luts.bgr, pcs_name, 2)}
    dirty = with_model(found, pcs=pcs_name, version=VERSIONS[version])

    cleaned = icc.clean(dirty)

    assert cleaned == icc.canonical("srgb")
    assert icc.table_bytes(dirty) == 0
    assert icc.residual_bytes([dirty, None]) == {}
    assert largest(shown(cleaned, intent) - shown(dirty, intent) for intent in (0, 1)) <= 1


@pytest.mark.parametrize("version", VERSIONS)
@pytest.mark.parametrize("pcs", [b"Lab ", b"XYZ "])
def test_a_table_that_shows_something_else_stays_with_the_matrix(pcs: bytes, version: int) -> None:
    """Viewers go by the table (LittleCMS, Skia), some by the matrix, and LittleCMS' black point by there being one."""

    def lifted(device: np.ndarray) -> np.ndarray:
        return 0.9 * luts.bgr(device) + 0.02 * np.array(profiles.D50)

    dirty = with_model({b"A2B0": luts.lut16(lifted, pcs, 9)}, pcs=pcs, version=VERSIONS[version])

    cleaned = icc.clean(dirty)

    assert cleaned is not None
    assert icc.clean(cleaned) == cleaned
    assert cleaned[12:16] == b"mntr"
    assert {b"A2B0", b"rXYZ", b"gTRC"} <= tag_table(cleaned).keys()
    assert b"para" not in cleaned or version == 4  # version 2 has no parametric curves
    assert largest(shown(cleaned, intent) - shown(dirty, intent) for intent in (0, 1)) <= 1
    size = tag_table(cleaned)[b"A2B0"][1]
    curve = tag_table(cleaned)[b"rTRC"][1] if version == 2 else 0
    assert icc.table_bytes(dirty) == size + curve
    assert icc.residual_bytes([None, dirty, cleaned, dirty]) == {"icc-table": 2 * (size + curve)}
    without = cleaned.replace(b"A2B0", b"zzzz", 1)  # the matrix alone, for viewers that know no tables
    assert icc.clean(without) == (icc.canonical("srgb") if pcs == b"XYZ " else None)


@pytest.mark.parametrize(("white", "goes"), [(254, True), (253, False)])
@pytest.mark.parametrize("pcs", [b"Lab ", b"XYZ "])
def test_the_tolerance_is_one_code(pcs: bytes, white: int, goes: bool) -> None:
    """A table whose white is one code or two below 255, and all else less than that."""
    light = float(profiles.srgb_light(np.array(white / 255)))

    cleaned = icc.clean(with_model({b"A2B0": luts.lut16(lambda device: luts.srgb(device) * light, pcs, 65)}, pcs=pcs))

    assert (cleaned == icc.canonical("srgb")) == goes
    assert (b"A2B0" in tag_table(cleaned or b"")) != goes


def test_one_point_between_the_corners_is_enough_to_differ() -> None:
    """A table that is right on all corners and greys, and wrong for one kind of red."""

    def stain(entries: np.ndarray) -> None:
        entries[20, 4, 4] += 4000

    assert icc.clean(with_model({b"A2B0": luts.lut16(luts.srgb, b"XYZ ")})) == icc.canonical("srgb")
    stained = icc.clean(with_model({b"A2B0": luts.lut16(luts.srgb, b"XYZ ", change=stain)}))
    assert stained is not None
    assert b"A2B0" in tag_table(stained)


def test_tables_go_together_or_not_at_all() -> None:
    """Without A2B0, Skia would go by A2B1: one table that differs keeps the other (both are read)."""
    same, other = luts.lut16(luts.srgb, b"XYZ ", 9), luts.lut16(luts.bgr, b"XYZ ", 9)

    for found in ({b"A2B0": same, b"A2B1": other}, {b"A2B0": other, b"A2B1": same}):
        cleaned = icc.clean(with_model(found)) or b""
        assert {b"A2B0", b"A2B1"} <= tag_table(cleaned).keys()
    cleaned = icc.clean(with_model({b"A2B0": same, b"A2B2": other})) or b""
    assert cleaned == icc.canonical("srgb")
    cleaned = icc.clean(with_intent(with_model({b"A2B0": same, b"A2B2": other}), 2)) or b""
    assert {b"A2B0", b"A2B2"} <= tag_table(cleaned).keys()


@pytest.mark.parametrize("space", ["RGB ", "CMYK", "Lab ", "GRAY"])
def test_the_way_back_goes(space: str) -> None:
    """B2A, gamut and preview tables, and what is in them; the colours stay, and so does the table that shows them."""
    channels = {"RGB ": 3, "CMYK": 4, "Lab ": 3, "GRAY": 1}[space]

    def model(device: np.ndarray) -> np.ndarray:
        return 0.3 + 0.4 * device[..., [0, -1, channels // 2]]

    found = WAY_BACK | {b"A2B0": profiles.mft(2, model, channels, 3), b"A2B1": profiles.mft(1, model, channels, 3)}
    dirty = profiles.profile(found, space=space.encode(), pcs=b"Lab ", kind=b"spac" if space == "Lab " else b"prtr")

    cleaned = icc.clean(dirty)

    assert cleaned is not None
    assert tag_table(cleaned).keys() == {b"desc", b"cprt", b"wtpt", b"A2B0", b"A2B1"}
    assert cleaned[12:16] == b"scnr"  # 8.3.2: an input profile needs no way back
    assert CANARY not in cleaned
    assert icc.clean(cleaned) == cleaned
    assert largest(shown(cleaned, intent) - shown(dirty, intent) for intent in (0, 1)) == 0
    sizes = [tag_table(cleaned)[name][1] for name in (b"A2B0", b"A2B1")]
    assert icc.table_bytes(dirty) == icc.table_bytes(cleaned) == sum(sizes)


def test_the_table_that_viewers_read_decides() -> None:
    """A broken A2B0 leaves nothing to show by; a broken A2B1 beside a sound A2B0 goes, as nobody can read it."""
    sound = profiles.mft(1, profiles.inks, 4, 3)

    assert icc.clean(profiles.profile({b"A2B0": sound[:-1], b"A2B1": sound}, **INKS)) is None
    cleaned = icc.clean(profiles.profile({b"A2B0": sound, b"A2B1": sound[:-1]}, **INKS)) or b""
    assert {b"A2B0"} == {name for name in tag_table(cleaned) if name[:3] == b"A2B"}
    saturation = profiles.profile({b"A2B2": sound}, **INKS)
    assert icc.clean(saturation) is None
    assert b"A2B2" in (icc.clean(with_intent(saturation, 2)) or b"")


def test_hdr_is_still_told_beside_a_table() -> None:
    """A profile for tone mapping: the table for SDR viewers, cicp (9.2.17) for those that know PQ."""
    found = {b"A2B0": luts.lut16(luts.srgb, b"Lab ", 9), b"cicp": b"cicpDIRT\x09\x10\x00\x01"}

    cleaned = icc.clean(profiles.profile(found, pcs=b"Lab ", version=0x04400000)) or b""

    offset, size = tag_table(cleaned)[b"cicp"]
    assert cleaned[offset : offset + size] == b"cicp\0\0\0\0\x09\x10\0\1"


def test_a_profile_that_would_grow_beyond_all_bounds_is_none() -> None:
    """Grids that overlap in the file are written side by side; what is too long to read again is refused."""
    entries = np.random.default_rng(3).integers(0, 65536, 3 * 100**3, np.uint16).tobytes()
    straight = luts.curves(profiles.gamma(1.0))
    head = 12 + 20 + 3 * len(straight)
    grid_head = bytes([100] * 3).ljust(16, b"\0") + b"\2\0\0\0"
    heads = b"".join(
        b"mAB \0\0\0\0\3\3\0\0" + struct.pack(">5I", 32, 0, 0, (3 - number) * head + 20 * number, 32) + straight * 3
        for number in range(3)
    )
    data = heads + grid_head * 3 + entries
    start = 132 + 3 * 12
    table = b"".join(
        struct.pack(">4sII", f"A2B{number}".encode(), start + number * head, len(data) - number * head)
        for number in range(3)
    )
    profile = profiles.profile({}, version=VERSIONS[4], dirty=False)[:128] + struct.pack(">I", 3) + table + data
    profile = struct.pack(">I", len(profile)) + profile[4:]

    sizes = [len(tables.serialise(tables.parse(data[number * head :], 3))) for number in range(3)]

    assert sum(sizes) > 16 << 20 > len(profile)
    assert icc.clean(with_intent(profile, 2)) is None


@pytest.mark.parametrize("count", [0x7FFF, 0x8000])
def test_a_curve_is_as_long_as_littlecms_reads_it(count: int) -> None:
    """A longer one makes LittleCMS refuse the profile, so the picture shows as if there were none."""
    curve = profiles.table(np.linspace(0, 1, count) ** 1.7)
    tags = {channel + b"TRC": curve for channel in (b"r", b"g", b"b")}
    tags |= {
        name: profiles.xyz(*column) for name, column in zip((b"rXYZ", b"gXYZ", b"bXYZ"), profiles.DISPLAY, strict=True)
    }
    profile = profiles.profile(tags, dirty=False)

    try:
        shown(profile)
        is_read = True
    except ImageCms.PyCMSError:
        is_read = False

    assert (icc.clean(profile) is not None) == is_read == (count < 0x8000)


PIECES = [
    *(table for table, _ in TABLES.values()),
    luts.lut16(luts.srgb, b"XYZ ", 5),
    profiles.mft(1, profiles.inks, 4, 3),
    profiles.mab(),
    profiles.gamma(2.2),
    profiles.table(np.linspace(0, 1, 40) ** 2),
    profiles.para(3, 2.4, 0.9, 0.1, 0.08, 0.04),
    *(profiles.xyz(*column) for column in profiles.DISPLAY),
    b"sf32\0\0\0\0" + profiles.fixed(1.05, 0.02, -0.05, 0.03, 0.99, -0.02, -0.01, 0.01, 0.75),
    b"cicp\0\0\0\0\x09\x10\0\1",
    b"",
]
NAMES = [b"A2B0", b"A2B1", b"A2B2", b"B2A0", b"gamt", b"kTRC", b"chad", b"cicp", b"wtpt"]
NAMES += [channel + part for channel in (b"r", b"g", b"b") for part in (b"XYZ", b"TRC")]
PIECE = st.one_of(
    st.sampled_from(PIECES),
    st.builds(lambda piece, size: piece[:size], st.sampled_from(PIECES), st.integers(0, 200)),
    st.builds(lambda head, rest: head[:12] + rest, st.sampled_from(PIECES), st.binary(max_size=120)),
)


@settings(max_examples=300, deadline=None)
@given(
    st.dictionaries(st.sampled_from(NAMES), PIECE, max_size=12),
    st.sampled_from([b"RGB ", b"CMYK", b"GRAY", b"Lab "]),
    st.sampled_from([b"XYZ ", b"Lab "]),
    st.sampled_from([0x02100000, 0x04200000]),
    st.integers(0, 4),
    st.booleans(),
)
def test_random_profiles_give_none_or_a_fixed_point(
    tags: dict[bytes, bytes], space: bytes, pcs: bytes, version: int, intent: int, has_model: bool
) -> None:
    """Any tags in any profile: nothing is raised, and what comes out is clean, named and counted."""
    build = with_model if has_model else profiles.profile
    dirty = with_intent(build(tags, space=space, pcs=pcs, version=version), intent)

    cleaned = icc.clean(dirty)

    assert (cleaned is None) == (icc.describe(dirty) is None)
    if cleaned is None:
        assert icc.table_bytes(dirty) == 0
        return
    assert icc.clean(cleaned) == cleaned
    assert icc.table_bytes(dirty) == icc.table_bytes(cleaned) < len(cleaned)
    assert not any(name[:3] in (b"B2A", b"gam", b"pre") for name in tag_table(cleaned))


@settings(max_examples=200, deadline=None)
@given(st.sampled_from(sorted(TABLES)), st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), max_size=8))
def test_damaged_tables_give_a_typed_error_or_a_fixed_point(name: str, damage: list[tuple[int, int]]) -> None:
    """Any bytes in: MalformedImage, or a table whose canonical form is its own, and that can be evaluated."""
    data = bytearray(TABLES[name][0])
    for at, value in damage:
        data[at % len(data)] = value
    try:
        parsed = tables.parse(bytes(data), 3)
        values = np.array(tables.evaluate(parsed, np.linspace(0, 1, 30).reshape(-1, 3).tolist(), tables.simplex))
    except MalformedImage:
        return
    canonical = tables.serialise(parsed)
    assert tables.serialise(tables.parse(canonical, 3)) == canonical
    assert np.isfinite(values).all()
    assert values.min() >= 0
    assert values.max() <= 1


def tagged(name: str, profile: bytes) -> bytes:
    """A picture of a format with this profile."""
    if name == "bmp":
        return bmp_v5(profile)
    if name == "jxl":
        image, frames, _ = jxl_files.split(saved(picture(), "JXL", lossless=True))
        bits = FieldWriter()
        bits.bits(16, 0x0AFF)
        image_header.image_header(bits, replace(image, colour=image_header.ColourEncoding(icc=True)))
        write_icc(bits, profile)
        bits.align()
        return bytes(bits.out) + frames
    return saved(picture(), PILLOW[name], icc_profile=profile)


@pytest.mark.parametrize("name", [*PILLOW, "bmp"])
def test_every_format_says_that_a_table_stays(name: str) -> None:
    """A text in the grid of the only table cannot go: the residual is in the report and in inspect's answer."""
    table = profiles.mft(1, lambda c: 0.2 + 0.6 * c, 3, 3, 9)
    table = table[:1000] + CANARY + table[1000 + len(CANARY) :]
    only = profiles.profile({b"A2B0": table, **WAY_BACK}, pcs=b"Lab ", dirty=False)
    plain = profiles.matrix(profiles.DISPLAY, profiles.gamma(2.31), dirty=False)

    for profile, stays in ((only, True), (plain, False)):
        raw = tagged(name, profile)
        data, stats = strip(raw)
        sizes = {row["code"]: row["bytes"] for row in stats["residuals"]}
        assert sizes.get("icc-table") == (len(table) if stays else None)
        assert ("icc-table" in inspect(raw).residuals) == ("icc-table" in inspect(data).residuals) == stays
        assert not verify(data, canonical=True)
        if name != "jxl":  # its stream is compressed, and Pillow's plugin hands out none
            found = profile_of(name, data)
            assert (CANARY in found) == stays
            assert icc.table_bytes(found) == (len(table) if stays else 0)


def corpus_profiles() -> dict[bytes, str]:
    """Every profile of the shared corpus that LittleCMS can use, by the name of a file that has it."""
    found: dict[bytes, str] = {}
    for path in sorted(sets.require("corpus").rglob("*")):
        try:
            profile = Image.open(path).info.get("icc_profile")
            ImageCms.ImageCmsProfile(io.BytesIO(profile or b""))
        except (OSError, RuntimeError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue  # no picture, or no profile, by judges that are not ours
        if profile:
            found.setdefault(bytes(profile), path.name)
    return found


@pytest.mark.filterwarnings("ignore")
def test_profiles_from_the_wild_keep_their_colours() -> None:
    """Perceptual and relative colorimetric, over a grid of each space: one step at most, by tables none at all."""
    found = corpus_profiles()
    with_tables = 0
    for dirty, name in found.items():
        cleaned = icc.clean(dirty)
        assert cleaned is not None, name
        assert icc.clean(cleaned) == cleaned, name
        has_tables = any(tag[:3] == b"A2B" for tag in tag_table(dirty))
        with_tables += has_tables
        moved = largest(shown(cleaned, intent) - shown(dirty, intent) for intent in (0, 1))
        assert moved <= (0 if has_tables else 1), name
        assert len(cleaned) <= max(len(dirty), 500), name
        assert not any(tag[:3] in (b"B2A", b"gam", b"pre") for tag in tag_table(cleaned)), name
        if has_tables:
            assert len(cleaned) < len(dirty) / 2, name
    assert len(found) >= 30
    assert with_tables >= 4


def test_a_way_back_that_holds_a_picture_goes() -> None:
    """A B2A table with a text and a JPEG in it; what shows the picture stays, and its size is known."""
    raw = (sets.require("cases") / "icc-table-holds-a-jpeg.jpg").read_bytes()
    assert b"CANARY-SOURCE-JANE-DOE" in raw

    data, stats = strip(raw)

    assert b"CANARY-SOURCE-JANE-DOE" not in data
    assert data.count(b"\xff\xd8\xff") == 1
    assert [row["bytes"] for row in stats["residuals"] if row["code"] == "icc-table"] == [1608]
    before, after = (Image.open(io.BytesIO(file)) for file in (raw, data))
    assert np.array_equal(np.asarray(before), np.asarray(after))
    assert largest([shown(after.info["icc_profile"]) - shown(before.info["icc_profile"])]) == 0
    assert icc.table_bytes(after.info["icc_profile"]) == tag_table(before.info["icc_profile"])[b"A2B0"][1]

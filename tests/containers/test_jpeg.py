"""JPEG: what the contract cannot know about this format."""

from __future__ import annotations

import io
import re

import numpy as np
import pytest
from PIL import Image

from rmexif.containers import rebuild
from rmexif.containers.jpeg import JPEG, segments
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import Limits, PayloadKind, Role
from tests import samples
from tests.containers.builders_jpeg import segment

PLAIN = samples.of("jpeg")["plain"]
SEG_DQT = b"\xff\xdb"


def clean(raw: bytes) -> bytes:
    """Parse and rebuild."""
    return rebuild(memoryview(raw), JPEG.parse(memoryview(raw), Limits()))


def roles(raw: bytes) -> dict[str, Role]:
    """Role by kind."""
    return {part.label: part.role for part in JPEG.parse(memoryview(raw), Limits()).parts}


def insert(raw: bytes, segment: bytes, before: bytes = b"\xff\xdb") -> bytes:
    """``raw`` with a segment in front of the first marker ``before``."""
    at = raw.index(before)
    return raw[:at] + segment + raw[at:]


def test_a_plain_encoder_output_is_left_as_it_is() -> None:
    """libjpeg's own order and headers are the canonical ones."""
    assert clean(PLAIN) == PLAIN


@pytest.mark.parametrize("marker", [*range(0xE0, 0xF0), 0xFE])
def test_every_application_segment_and_comment_goes(marker: int) -> None:
    """No APPn and no COM is on the allow-list by its number."""
    raw = insert(PLAIN, bytes([0xFF, marker, 0, 10]) + b"CANARY\0\0")

    assert clean(raw) == PLAIN


def test_bytes_between_segments_and_after_the_end_go() -> None:
    """Fill bytes, stray bytes and trailers are parts, and no part of the picture."""
    raw = insert(PLAIN, b"stray\xff\xff\xff") + b"PK\x03\x04trailer"
    parts = {part.label: part for part in JPEG.parse(memoryview(raw), Limits()).parts}

    assert (parts["gap"].role, parts["gap"].payload) == (Role.GAP, PayloadKind.UNKNOWN)
    assert (parts["trailer"].role, parts["trailer"].payload) == (Role.TRAILER, PayloadKind.TRAILER)
    assert bytes(parts["gap"].body(memoryview(raw))) == b"stray\xff\xff\xff"
    assert clean(raw) == PLAIN


def test_unused_tables_go() -> None:
    """A quantisation or Huffman table in a slot that no component names carries anything but the picture."""
    spare = b"\xff\xdb\x00\x43\x03" + bytes(range(1, 65))
    huffman = b"\xff\xc4\x00\x16\x13" + bytes([0, 3] + [0] * 14) + b"\x42\x43\x44"

    raw = insert(insert(PLAIN, spare), huffman)

    assert roles(raw)["DQT (unused)"] is Role.UNKNOWN
    assert clean(raw) == PLAIN


def test_surplus_before_a_restart_goes() -> None:
    """Bytes between the last code of a restart interval and its marker are shown to nobody."""
    raw = samples.saved(samples.picture(), "JPEG", restart_marker_blocks=2)
    at = raw.index(b"\xff\xd0", raw.index(b"\xff\xda"))

    assert clean(raw[:at] + b"CANARY" + raw[at:]) == clean(raw)


@pytest.mark.parametrize("progressive", [False, True])
def test_surplus_after_the_last_code_goes(progressive: bool) -> None:
    """The same at the end of the last scan, sequential and progressive."""
    raw = samples.saved(samples.picture(131, 77), "JPEG", progressive=progressive)

    assert clean(raw[:-2] + b"CANARY" + raw[-2:]) == clean(raw) == raw


@pytest.mark.parametrize("progressive", [False, True])
def test_padding_bits_are_ones(progressive: bool) -> None:
    """T.81, F.1.2.3: the bits after the last code are ones; zeros there would be a place to write."""
    raw = next(raw for raw in (padded(width, progressive) for width in range(40, 60)) if raw[-3] & 1)
    assert clean(raw) == raw
    zeros = raw[:-3] + bytes([raw[-3] & 0xFE]) + raw[-2:]
    assert np.array_equal(*(np.asarray(Image.open(io.BytesIO(data))) for data in (raw, zeros)))

    assert clean(zeros) == raw


def padded(width: int, progressive: bool) -> bytes:
    """A grey picture whose last code may end inside a byte; a code of ones alone does not exist (T.81, C.2)."""
    return samples.saved(samples.picture(width, 32, 1), "JPEG", progressive=progressive)


def test_a_second_picture_after_the_end_is_a_trailer() -> None:
    """MPF, gain maps and motion photos hang a second file behind the first."""
    assert clean(PLAIN + PLAIN) == PLAIN


def test_adobe_segment_is_cut_to_its_transform() -> None:
    """Without APP14 the colours of RGB, CMYK and YCCK files break; beyond its 12 bytes it carries what one likes."""
    raw = samples.of("jpeg")["cmyk"]
    at = raw.index(b"\xff\xee")
    dirty = raw[:at] + b"\xff\xee\x00\x14Adobe\x00\x64CA\x00\x00" + raw[at + 15 : at + 16] + b"NARY!!" + raw[at + 16 :]

    assert b"NARY" not in clean(dirty)
    before, after = (np.asarray(Image.open(io.BytesIO(data))) for data in (raw, clean(dirty)))
    assert np.array_equal(before, after)


@pytest.mark.parametrize("orientation", range(1, 9))
def test_orientation_survives_as_one_tag(orientation: int) -> None:
    """The picture stays upright by an Exif block of one tag, and by none where there is nothing to say."""
    raw = samples.saved(samples.picture(), "JPEG", exif=samples.exif(orientation))

    data = clean(raw)

    assert Image.open(io.BytesIO(data)).getexif().get(0x0112, 1) == orientation
    assert len(Image.open(io.BytesIO(data)).getexif()) == (orientation != 1)
    assert samples.CANARY not in data


def test_a_component_named_twice_is_the_next_one() -> None:
    """As libjpeg-turbo reads it: the picture is the same."""
    raw = bytearray(PLAIN)
    sof, sos = PLAIN.index(b"\xff\xc0"), PLAIN.index(b"\xff\xda")
    for number in range(3):
        raw[sof + 10 + 3 * number] = raw[sos + 5 + 2 * number] = 1

    container = JPEG.parse(memoryview(raw), Limits())
    data = b"".join(JPEG.rewrite(memoryview(raw), container))

    pictures = [np.asarray(Image.open(io.BytesIO(file)).convert("RGB")) for file in (bytes(raw), PLAIN, data)]
    assert all(np.array_equal(picture, pictures[0]) for picture in pictures)


@pytest.mark.parametrize("damage", ["cut", "no-sof", "length"])
def test_broken_files_are_refused(damage: str) -> None:
    """What a decoder would guess at is refused, with the structure and its place."""
    sof = PLAIN.index(b"\xff\xc0")
    raw = {
        "cut": PLAIN[: PLAIN.index(b"\xff\xda") + 60],
        "no-sof": PLAIN[:sof] + PLAIN[sof + 19 :],
        "length": insert(PLAIN, b"\xff\xe5\x00\x01"),
    }[damage]

    with pytest.raises(MalformedImage) as caught:
        JPEG.parse(memoryview(raw), Limits())

    structure, offset = {
        "cut": ("jpeg SOS", PLAIN.index(b"\xff\xda")),
        "no-sof": ("jpeg SOS", PLAIN.index(b"\xff\xda") - 19),
        "length": ("jpeg APP5", PLAIN.index(b"\xff\xdb")),
    }[damage]
    assert (caught.value.structure, caught.value.offset) == (structure, offset)


@pytest.mark.parametrize("marker", [0xC5, 0xC6, 0xC7, 0xCD, 0xCE, 0xCF, 0xDE, 0xDF])
def test_hierarchical_coding_is_refused(marker: int) -> None:
    """T.81, table B.1: differential frames, DHP and EXP; no common decoder shows them."""
    with pytest.raises(UnsupportedFeature, match=f"at byte {PLAIN.index(SEG_DQT)}: hierarchical"):
        JPEG.parse(memoryview(insert(PLAIN, segment(marker, bytes(9)))), Limits())


def test_a_scan_that_ends_early_stays() -> None:
    """Decoders read such data to its end, so nothing in it is unread; and they show the same afterwards."""
    scan = PLAIN.index(b"\xff\xda") + 14
    short = PLAIN[: (scan + len(PLAIN)) // 2].rstrip(b"\xff") + b"\xff\xd9"

    assert "jpeg-entropy-slack" not in JPEG.parse(memoryview(short), Limits()).residuals
    assert clean(short) == short


FRAME = PLAIN.index(b"\xff\xc0")
SCAN = PLAIN.index(b"\xff\xda")


def changed(offset: int, new: bytes) -> bytes:
    """A plain picture with other bytes at ``offset``."""
    return PLAIN[:offset] + new + PLAIN[offset + len(new) :]


BROKEN = {
    "16-bit quantisation table cut short": (insert(PLAIN, segment(0xDB, b"\x13" + bytes(64))), "DQT", "128 bytes"),
    "Huffman symbols cut short": (insert(PLAIN, segment(0xC4, b"\x13\3" + bytes(15) + b"\1\2")), "DHT", "3 bytes"),
    "Huffman table of 257 codes": (insert(PLAIN, segment(0xC4, b"\x13\xff\2" + bytes(270))), "DHT", "257 codes"),
    "quantisation slot 4": (insert(PLAIN, segment(0xDB, b"\4" + bytes(64))), "DQT", "slot 4"),
    "quantisation table of class 2": (insert(PLAIN, segment(0xDB, b"\x20" + bytes(64))), "DQT", "class 2"),
    "restart interval cut short": (insert(PLAIN, segment(0xDD, b"\0")), "DRI", "2 bytes"),
    "width 0": (changed(FRAME + 7, b"\0\0"), "SOF0", "width of 0"),
    "7 bits": (changed(FRAME + 4, b"\7"), "SOF0", "7 bits"),
    "no components": (changed(FRAME + 9, b"\0"), "SOF0", "0 components"),
    "5 components": (changed(FRAME + 9, b"\5"), "SOF0", "5 components"),
    "more components than bytes": (changed(FRAME + 9, b"\4"), "SOF0", "1 bytes"),
    "horizontal sampling 0": (changed(FRAME + 11, b"\x02"), "SOF0", "0 x 2"),
    "horizontal sampling 5": (changed(FRAME + 11, b"\x52"), "SOF0", "5 x 2"),
    "vertical sampling 0": (changed(FRAME + 11, b"\x20"), "SOF0", "2 x 0"),
    "vertical sampling 5": (changed(FRAME + 11, b"\x25"), "SOF0", "2 x 5"),
    "quantisation table 4 of a component": (changed(FRAME + 12, b"\4"), "SOF0", "table 4"),
    "a component twice, and another in the scan": (changed(FRAME + 13, b"\1"), "SOS", "selector"),
    "a second frame header": (insert(PLAIN, PLAIN[FRAME : FRAME + 19], b"\xff\xda"), "SOF0", "second"),
    "a scan of nothing": (changed(SCAN + 4, b"\0"), "SOS", "0 components"),
    "a scan of 5": (changed(SCAN + 4, b"\5"), "SOS", "5 components"),
    "a scan of an unknown component": (changed(SCAN + 5, b"\x09"), "SOS", "selector"),
    "a scan of a component twice": (changed(SCAN + 7, b"\1"), "SOS", "twice"),
    "DC table 4 of a scan": (changed(SCAN + 6, b"\x40"), "SOS", "above 3"),
    "AC table 4 of a scan": (changed(SCAN + 6, b"\x04"), "SOS", "above 3"),
    "nothing but markers": (b"\xff\xd8\xff\xd9", "EOI", "no scan"),
    "no SOI": (b"\xff\xd9" + PLAIN, "SOI", "FF D8"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_values_outside_the_standard_are_refused(name: str) -> None:
    """The error names the structure, its place and the value."""
    raw, structure, problem = BROKEN[name]

    with pytest.raises(MalformedImage, match=problem) as caught:
        JPEG.parse(memoryview(raw), Limits())

    assert caught.value.structure == f"jpeg {structure}"
    assert caught.value.offset is not None
    assert 0 <= caught.value.offset <= len(raw)


@pytest.mark.parametrize("spectral", [(2, 1, 0), (0, 64, 0), (1, 5, 0)])
def test_spectral_selections_outside_the_standard_are_refused(spectral: tuple[int, int, int]) -> None:
    """T.81, G.1.1.1.1: ordered, up to 63, and AC bands of one component at a time."""
    raw = samples.saved(samples.picture(), "JPEG", progressive=True)
    at = raw.index(b"\xff\xda\x00\x0c\x03") + 11

    with pytest.raises(MalformedImage, match=f"spectral selection of {spectral[0]} to {spectral[1]} for 3"):
        JPEG.parse(memoryview(raw[:at] + bytes(spectral) + raw[at + 3 :]), Limits())


def test_a_height_after_the_picture_is_refused() -> None:
    """T.81, B.2.5: no common decoder reads DNL."""
    with pytest.raises(UnsupportedFeature, match=f"jpeg SOF0 at byte {FRAME}: a height of 0"):
        JPEG.parse(memoryview(changed(FRAME + 5, b"\0\0")), Limits())


@pytest.mark.parametrize("sampling", [b"\x11", b"\x41", b"\x14", b"\x22"])
def test_sampling_factors_up_to_4_are_read(sampling: bytes) -> None:
    """T.81, B.2.2."""
    raw = changed(FRAME + 11, sampling)

    assert clean(raw)[: len(PLAIN[:SCAN])] == raw[:SCAN]


@pytest.mark.parametrize("slot", [0, 1, 2, 3])
@pytest.mark.parametrize("wide", [False, True])
def test_each_of_four_slots_is_read(slot: int, wide: bool) -> None:
    """T.81, B.2.4.1: quantisation tables of 8 and 16 bits; Pillow reads the same values afterwards."""
    values = [300 if wide else 3] * 64
    raw = samples.saved(samples.picture(channels=1), "JPEG", qtables=[values])
    table, frame = raw.index(b"\xff\xdb"), re.search(rb"\xff[\xc0\xc1]", raw)
    assert frame
    data = bytearray(raw)
    data[table + 4] |= slot
    data[frame.end() + 10] = slot

    found = Image.open(io.BytesIO(clean(bytes(data))))

    assert list(found.quantization) == [slot]
    assert found.quantization[slot][0] == values[0]
    assert set(found.quantization[slot]) <= {values[0], 1}
    assert np.array_equal(np.asarray(found), np.asarray(Image.open(io.BytesIO(raw))))


@pytest.mark.parametrize("marker", [0x01, 0xD0, 0xD7, 0xD8])
def test_markers_without_parameters_go(marker: int) -> None:
    """T.81, B.1.1.3: TEM, RSTn and SOI have no length; between segments they say nothing."""
    raw = insert(PLAIN, bytes([0xFF, marker]))

    assert clean(raw) == PLAIN
    assert [part.length for part in JPEG.parse(memoryview(raw), Limits()).parts if part.role is Role.GAP] == [2]


@pytest.mark.parametrize("marker", [0x02, 0xBF, 0xC8, 0xF0, 0xFD])
def test_reserved_segments_go(marker: int) -> None:
    """T.81, table B.1: reserved markers, and those of JPEG extensions."""
    raw = insert(PLAIN, segment(marker, b"CANARY"))

    assert roles(raw)[f"marker {marker:02X}"] is Role.UNKNOWN
    assert clean(raw) == PLAIN


def test_a_jfif_thumbnail_is_a_picture() -> None:
    """JFIF 1.02: 3 bytes a pixel follow the density; both go, and the header of libjpeg stays."""
    jfif = b"JFIF\0\1\2\1\0\x48\0\x48\1\1" + b"RGB"
    raw = segment(0xE0, jfif)
    raw = PLAIN[:2] + raw + PLAIN[PLAIN.index(b"\xff\xdb") :]

    parts = JPEG.parse(memoryview(raw), Limits()).parts

    assert [(part.label, part.payload, part.body_offset) for part in parts if part.role is Role.METADATA] == [
        ("APP0/JFIF", PayloadKind.PICTURE, 18)
    ]
    assert clean(raw) == PLAIN


def test_a_density_alone_is_found() -> None:
    """JFIF 1.02: unit and two numbers, 7 bytes behind the start of the parameters."""
    raw = PLAIN.replace(b"JFIF\0\1\1\0\0\1\0\1", b"JFIF\0\1\1\1\5\x15\5\x15")

    parts = JPEG.parse(memoryview(raw), Limits()).parts

    assert [(part.payload, bytes(part.body(memoryview(raw)))) for part in parts if part.role is Role.METADATA] == [
        (PayloadKind.DENSITY, b"\1\5\x15\5\x15\0\0")
    ]
    assert clean(raw) == PLAIN


def test_the_walk_gives_segments_and_scan_data() -> None:
    """Offsets of markers, parameters and ends; the restarts of a scan; nothing behind EOI."""
    data = samples.saved(samples.picture(), "JPEG", restart_marker_blocks=2)

    items = list(segments.walk(data + PLAIN))

    assert all(isinstance(item, segments.Segment | segments.ScanData) for item in items)
    scan = next(item for item in items if isinstance(item, segments.ScanData))
    assert [data[at : at + 2] for at in scan.offsets] == [b"\xff\xd0", b"\xff\xd1"]
    assert scan.codes == b"\xd0\xd1"
    assert data[scan.end :] == b"\xff\xd9"
    names = [segments.marker_name(item.marker) for item in items if isinstance(item, segments.Segment)]
    assert names == ["SOI", "APP0", "DQT", "DQT", "SOF0", *["DHT"] * 4, "DRI", "SOS", "EOI"]
    for item in items:
        if isinstance(item, segments.Segment) and item.body < item.end:
            assert int.from_bytes(data[item.body - 2 : item.body], "big") == item.end - item.start - 2


def test_the_walk_is_lazy() -> None:
    """Who needs the frame header alone does not search the scans, nor trip over what follows."""
    raw = PLAIN[:FRAME] + PLAIN[FRAME : FRAME + 19] + segment(0xFE, b"")[:2]

    found = next(
        item for item in segments.walk(raw) if isinstance(item, segments.Segment) and item.marker in segments.FRAMES
    )

    assert (found.start, found.body, found.end) == (FRAME, FRAME + 4, FRAME + 19)


@pytest.mark.parametrize("size", [0, 1, 3 << 20])
def test_restarts_stuffed_bytes_and_fill_bytes_do_not_end_a_scan(size: int) -> None:
    """T.81, B.1.1.2 and B.1.1.5; however much data lies between."""
    head = PLAIN[: SCAN + 14]
    raw = head + bytes(size) + b"\xff\xd3" + bytes(size) + b"\xff\x00\xff\xff\xd9"

    scan = next(item for item in segments.walk(raw) if isinstance(item, segments.ScanData))

    assert scan.offsets == (len(head) + size,)
    assert scan.end == len(raw) - 2


@pytest.mark.parametrize(
    ("density", "kept"),
    [
        (b"\x01\0\x48\0\x90", (1, 2)),
        (b"\0\0\x02\0\x01", (2, 1)),
        (b"\x02\x01\x2c\x01\x2c", (1, 1)),
        (b"\0\0\0\0\1", (1, 1)),
    ],
)
def test_the_shape_of_a_pixel_stays_in_small_numbers(density: bytes, kept: tuple[int, int]) -> None:
    """JFIF 1.02: as Pillow reads it, without a unit."""
    raw = PLAIN.replace(b"JFIF\0\1\1\0\0\1\0\1", b"JFIF\0\1\1" + density)

    info = Image.open(io.BytesIO(clean(raw))).info

    assert (info["jfif_unit"], info["jfif_density"]) == (0, kept)


IDENTIFIED = [  # marker, identifier, payload: JFIF 1.02; Exif 2.32, 4.7.2; ISO 16684-3; ICC.1 B.4; CIPA DC-007
    (0xE0, b"JFXX\0\x10", PayloadKind.PICTURE, Role.AUXILIARY),
    (0xE1, b"Exif\0\0", PayloadKind.EXIF, Role.METADATA),
    (0xE1, b"http://ns.adobe.com/xap/1.0/\0", PayloadKind.XMP, Role.METADATA),
    (0xE1, b"http://ns.adobe.com/xmp/extension/\0" + b"0" * 40, PayloadKind.XMP, Role.METADATA),
    (0xE2, b"ICC_PROFILE\0\2\3", PayloadKind.ICC, Role.METADATA),
    (0xE2, b"MPF\0", PayloadKind.MPF, Role.AUXILIARY),
    (0xEB, b"JP\0\1\0\0\0\1", PayloadKind.JUMBF, Role.METADATA),
    (0xED, b"Photoshop 3.0\0", PayloadKind.IPTC, Role.METADATA),
    (0xEE, b"", PayloadKind.UNKNOWN, Role.METADATA),
    (0xE5, b"", PayloadKind.UNKNOWN, Role.METADATA),
    (0xFE, b"", PayloadKind.TEXT, Role.METADATA),
]


@pytest.mark.parametrize(("marker", "identifier", "payload", "role"), IDENTIFIED)
def test_payloads_start_behind_their_identifier(
    marker: int, identifier: bytes, payload: PayloadKind, role: Role
) -> None:
    """What a reader of metadata is handed is the payload, all of it and no byte before."""
    raw = insert(PLAIN, segment(marker, identifier + b"PAYLOAD"))

    found = [part for part in JPEG.parse(memoryview(raw), Limits()).parts if part.role is role]

    assert [(part.payload, bytes(part.body(memoryview(raw)))) for part in found] == [(payload, b"PAYLOAD")]
    assert clean(raw) == PLAIN


@pytest.mark.parametrize("marker", [0xE0, 0xE1, 0xE2, 0xED])
def test_an_identifier_needs_its_marker(marker: int) -> None:
    """Exif stands in APP1 only, and so on; elsewhere it is a payload of no stated kind."""
    for other, identifier, _, _ in IDENTIFIED[:8]:
        raw = insert(PLAIN, segment(marker, identifier + b"PAYLOAD"))
        parts = [part for part in JPEG.parse(memoryview(raw), Limits()).parts if part.payload is PayloadKind.UNKNOWN]
        assert len(parts) == (other != marker)


def test_headers_are_bounded() -> None:
    """Pixels and segments, by the limits of the caller."""
    width, height = Image.open(io.BytesIO(PLAIN)).size
    JPEG.parse(memoryview(PLAIN), Limits(max_pixels=width * height))
    with pytest.raises(LimitExceeded, match="max_pixels"):
        JPEG.parse(memoryview(PLAIN), Limits(max_pixels=width * height - 1))
    with pytest.raises(LimitExceeded, match="max_parts"):
        JPEG.parse(memoryview(insert(PLAIN, segment(0xFE, b"x") * 100)), Limits(max_parts=100))


def test_the_row_says_what_the_format_can_do() -> None:
    """T.81 has neither alpha nor frames; Pillow's own tables name the type and the extensions."""
    row = JPEG.format

    assert row.mime == Image.MIME["JPEG"]
    assert set(row.extensions) - {".mpo"} <= {e for e, name in Image.registered_extensions().items() if name == "JPEG"}
    assert (row.has_icc, row.has_quality) == (True, True)
    assert (row.has_alpha, row.has_frames, row.has_16bit) == (False, False, False)
    assert [JPEG.matches(head) for head in (PLAIN[:64], b"\xff\xd8\xfe", b"\xff\xd9\xff", b"")] == [True] + [False] * 3

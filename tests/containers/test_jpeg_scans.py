"""JPEG scans: nothing behind a code, nothing twice, no step that nobody sees; two decoders show what they did before."""

from __future__ import annotations

import io
import itertools
import re
from typing import TYPE_CHECKING

import numpy as np
import pytest
from PIL import Image

from rmexif import Policy, RmexifError, native, scrub, strip, verify
from rmexif.containers.jpeg import JPEG, quantisation
from rmexif.errors import UnsupportedFeature
from rmexif.types import Limits
from tests import samples, sets
from tests.containers.builders_jpeg import codes, packed, segment
from tests.containers.strict import pixels, stripped
from tests.native.jpeg_files import build_libjpeg

if TYPE_CHECKING:
    from pathlib import Path

TEXT = b"CANARY-7QX2"
EOI = b"\xff\xd9"
KINDS = ["baseline", "optimised", "progressive", "restarts", "progressive restarts"]

needs_core = pytest.mark.skipif(native.engine() == "python", reason="long scans are passed through without the core")


def encoded(kind: str, long: bool) -> bytes:
    """A picture with sensor-like noise, of a few or of some hundred thousand bytes of coded data."""
    pixels = np.asarray(samples.picture(900, 700) if long else samples.picture(70, 50)).astype(np.int16)
    noise = np.random.default_rng(5).normal(0, 12, pixels.shape)
    image = Image.fromarray((pixels + noise).clip(0, 255).astype(np.uint8))
    raw = samples.saved(
        image,
        "JPEG",
        quality=90,
        progressive=kind.startswith("progressive"),
        optimize=kind == "optimised",
        restart_marker_blocks=7 if "restarts" in kind else 0,
    )
    assert (len(raw) > 200_000) is long
    return raw


def scan_ends(raw: bytes) -> list[int]:
    """Where the data of every scan, or restart interval, ends."""
    markers = [found.start() for found in re.finditer(rb"\xff[^\x00\xff]", raw)]
    first = raw.index(b"\xff\xda")
    return [
        at
        for before, at in itertools.pairwise(markers)
        if at > first and (raw[before + 1] == 0xDA or 0xD0 <= raw[before + 1] <= 0xD7)
    ]


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("long", [False, pytest.param(True, marks=needs_core)])
def test_bytes_behind_the_last_code_of_any_interval_go(kind: str, long: bool) -> None:
    """At the first, a middle and the last place; decoders skip to the marker."""
    raw = encoded(kind, long)
    ends = scan_ends(raw)

    for at in (ends[0], ends[len(ends) // 2], ends[-1]):
        hidden = raw[:at] + TEXT * 3 + raw[at:]
        assert stripped(hidden) == stripped(raw)
        assert verify(hidden)


@needs_core
@pytest.mark.parametrize("kind", KINDS)
def test_headers_alone_are_enough_for_a_decoder(kind: str) -> None:
    raw = encoded(kind, long=True)
    dirty = raw[:2] + segment(0xFE, TEXT) + raw[2 : scan_ends(raw)[-1]] + TEXT + raw[scan_ends(raw)[-1] :]
    found = JPEG.load().parse_headers(memoryview(dirty), Limits())
    shown = b"".join(JPEG.rewrite(memoryview(dirty), found))
    for before, after in zip(pixels(raw), pixels(shown), strict=True):
        assert np.array_equal(before, after)
    assert shown.count(TEXT) == 1  # behind the last code, which only a walk finds
    assert TEXT not in strip(dirty)[0]
    assert TEXT not in scrub(dirty, Policy(faces=False))[0]


@pytest.mark.parametrize("progressive", [False, True])
def test_bytes_behind_an_arithmetic_code_string_go(progressive: bool, tmp_path: Path) -> None:
    """T.81, D.1.8: a code string ends where the decoder needs no more of it."""
    libjpeg = build_libjpeg(tmp_path)
    words = ["arithmetic", "restart", *(["progressive"] if progressive else [])]
    raw = stripped(libjpeg.transcoded(encoded("baseline", long=False), *words))

    for at in scan_ends(raw)[:: 7 if progressive else 1]:
        data = stripped(raw[:at] + TEXT * 3 + raw[at:])
        assert TEXT * 2 not in data  # zeros that an encoder left out may be the first bytes of it
        assert len(data) <= len(raw) + 8


@needs_core
def test_a_long_file_is_what_its_parts_are() -> None:
    """Every byte of a sample of places that is changed is named by verify(), or seen by a decoder."""
    clean = stripped(encoded("progressive restarts", long=True))
    before = pixels(clean)
    for at in np.random.default_rng(7).integers(2, len(clean) - 2, 60):
        for flip in (0x01, 0x80):
            changed = clean[:at] + bytes([clean[at] ^ flip]) + clean[at + 1 :]
            try:
                named = bool(verify(changed))
            except RmexifError:
                continue
            assert named or not all(
                np.array_equal(one, other) for one, other in zip(before, pixels(changed), strict=True)
            ), f"byte {at}"


def planes(order: list[int], repeated: int | None = None) -> bytes:
    """Three components of 8 x 8 px, a scan each, in an order; one of them again."""
    raw = b"\xff\xd8" + segment(0xDB, b"\x00" + bytes([8] * 64))
    raw += segment(0xC0, b"\x08\x00\x08\x00\x08\x03" + b"".join(bytes([n, 0x11, 0]) for n in (1, 2, 3)))
    raw += segment(0xC4, b"\x00" + codes({2: b"\x00\x03\x04"})) + segment(0xC4, b"\x10" + codes({1: b"\x00"}))
    values = {1: "01" + "101" + "0", 2: "01" + "110" + "0", 3: "00" + "0"}
    for n in order:
        raw += segment(0xDA, bytes([1, n, 0, 0, 63, 0])) + packed(values[n])
    if repeated:
        raw += segment(0xDA, bytes([1, repeated, 0, 0, 63, 0])) + packed("10" + "1011" + "0")
    return raw + EOI


def test_one_scan_per_component_stays() -> None:
    """In any order (T.81, B.2.3)."""
    for order in ([1, 2, 3], [3, 1, 2]):
        assert stripped(planes(order)).count(b"\xff\xda") == 3


@pytest.mark.parametrize("repeated", [1, 2, 3])
def test_a_component_that_is_coded_again_is_refused(repeated: int) -> None:
    """Decoders that keep all coefficients show both scans at once, others the last one."""
    raw = planes([1, 2, 3], repeated)

    with pytest.raises(UnsupportedFeature, match=f"jpeg SOS at byte {raw.rindex(bytes([0xFF, 0xDA]))}: "):
        strip(raw)


def test_scans_behind_one_of_all_components_go() -> None:
    """libjpeg stops behind the first scan where it holds all components; so does everybody who uses it."""
    first = samples.saved(samples.picture(64, 48), "JPEG")
    other = samples.saved(Image.new("RGB", (64, 48), (200, 30, 60)), "JPEG")
    extra = other[other.index(b"\xff\xc4") : -2]

    data = strip(first[:-2] + extra + EOI)[0]

    assert data == first
    assert verify(first[:-2] + extra + EOI)


@pytest.mark.parametrize("scan", [0, 1, 3, -1])
def test_a_progressive_scan_that_repeats_is_refused(scan: int) -> None:
    """T.81, G.1.1.1: each bit of each coefficient is coded once."""
    raw = encoded("progressive", long=False)
    starts = [found.start() for found in re.finditer(rb"\xff\xda", raw)]
    ends = [raw.find(b"\xff\xc4", at) for at in starts[:-1]] + [len(raw) - 2]
    again = raw[starts[scan] : max(ends[scan], starts[scan] + 12)]

    with pytest.raises(UnsupportedFeature, match="jpeg SOS at byte"):
        strip(raw[:-2] + again + EOI)


def test_a_refinement_before_its_band_is_refused() -> None:
    """Ah says that a bit above was coded, and none was."""
    raw = encoded("progressive", long=False)
    last = raw.rindex(b"\xff\xda")
    early = raw.index(b"\xff\xda")

    with pytest.raises(UnsupportedFeature, match="an earlier scan did not end"):
        strip(raw[:early] + raw[last:-2] + raw[early:])


def quantised(raw: bytes, steps: list[int], wide: bool = False) -> bytes:
    """``raw`` with other quantisation tables; its coefficients stay."""
    body = b"".join(step.to_bytes(2 if wide else 1, "big") for step in steps)

    def table(found: re.Match[bytes]) -> bytes:
        return segment(0xDB, bytes([found[1][0] | (0x10 if wide else 0)]) + body)

    return re.sub(rb"\xff\xdb\x00\x43(.).{64}", table, raw, flags=re.DOTALL)


@pytest.mark.parametrize("wide", [False, True])
@pytest.mark.parametrize("long", [False, pytest.param(True, marks=needs_core)])
def test_steps_that_no_coefficient_uses_are_one(long: bool, wide: bool) -> None:
    """A text there goes; the steps in use stay."""
    blocks = np.kron(np.random.default_rng(2).integers(0, 255, (90, 120)), np.ones((8, 8)))
    image = Image.fromarray((blocks if long else blocks[:32, :32]).astype(np.uint8))
    plain = samples.saved(image, "JPEG", quality=90)
    steps = [9, *(TEXT * 6)[:63]]

    tables = Image.open(io.BytesIO(stripped(quantised(plain, steps, wide)))).quantization

    assert tables == {0: [9] + [1] * 63}


def test_steps_in_use_stay() -> None:
    """Of every coefficient of a picture of noise."""
    raw = encoded("baseline", long=False)
    steps = list(range(1, 65))

    tables = Image.open(io.BytesIO(stripped(quantised(raw, steps)))).quantization

    assert set(map(tuple, tables.values())) & {tuple(Image.open(io.BytesIO(quantised(raw, steps))).quantization[0])}


@pytest.mark.parametrize("quality", [1, 10, 49, 50, 75, 100])
def test_scaled_tables_of_the_standard_are_libjpegs(quality: int) -> None:
    """What Pillow's libjpeg writes for a quality is known as such, and stays."""
    raw = samples.saved(Image.new("RGB", (16, 16), (90, 120, 30)), "JPEG", quality=quality)

    entries = re.findall(rb"\xff\xdb\x00\x43(.{65})", raw, re.DOTALL)

    assert len(entries) == 2
    assert all(map(quantisation.is_standard, entries))
    assert stripped(raw) == raw


def test_steps_of_coefficients_that_are_not_exact_yet_stay() -> None:
    """libjpeg smooths blocks of a progressive picture by them, though no scan has such a coefficient."""
    raw = quantised(encoded("progressive", long=False), [7, 91, 57, *range(2, 63)])
    only_dc = raw[: [found.start() for found in re.finditer(rb"\xff\xda", raw)][1]]
    only_dc = only_dc[: only_dc.rindex(b"\xff\xc4")] + EOI

    assert list(Image.open(io.BytesIO(stripped(only_dc))).quantization[0])[:2] == [7, 91]


@pytest.mark.parametrize("kind", ["baseline", "optimised", "progressive", "restarts"])
def test_a_picture_that_ends_early_shows_the_same(kind: str) -> None:
    """Wherever it was cut: decoders supply zeros, then grey."""
    raw = encoded(kind, long=False)
    first = raw.index(b"\xff\xda") + 20
    accepted = 0
    for at in range(first, len(raw) - 2, max(1, (len(raw) - first) // 60)):
        short = raw[:at].rstrip(b"\xff") + EOI
        try:
            data = strip(short)[0]
        except RmexifError:
            continue  # cut in a segment
        accepted += 1
        for before, after in zip(pixels(short), pixels(data), strict=True):
            assert np.array_equal(before, after)
        assert verify(data, canonical=True) == []
    assert accepted >= 30


@pytest.mark.parametrize(
    "damage",
    ["reserved marker", "reserved marker in data", "lost", "two lost", "four lost", "renumbered", "interval twice"],
)
def test_restart_markers_out_of_turn_are_taken_as_decoders_do(damage: str) -> None:
    """libjpeg looks for the interval that a marker belongs to; what it skips goes."""
    raw = samples.saved(samples.picture(170, 90), "JPEG", quality=90, restart_marker_blocks=2)
    marks = [found.start() for found in re.finditer(rb"\xff[\xd0-\xd7]", raw)][3:9]
    middle = (marks[0] + marks[1]) // 2
    damaged = {
        "reserved marker": raw[: marks[0]] + b"\xff\x45" + TEXT + raw[marks[0] :],
        "reserved marker in data": raw[:middle].rstrip(b"\xff") + b"\xff\x9f" + raw[middle:],
        "lost": raw[: marks[0]] + raw[marks[1] :],
        "two lost": raw[: marks[0]] + raw[marks[2] :],
        "four lost": raw[: marks[0]] + raw[marks[4] :],
        "renumbered": raw[: marks[0] + 1] + bytes([0xD0 | raw[marks[0] + 1] + 4 & 7]) + raw[marks[0] + 2 :],
        "interval twice": raw[: marks[1]] + raw[marks[0] :],
    }[damage]

    data = stripped(damaged)

    assert TEXT not in data
    assert len(data) <= len(damaged)


def test_a_conditioning_segment_in_a_huffman_coded_file_goes() -> None:
    """Decoders of Huffman codes step over DAC, whatever it says."""
    raw = encoded("baseline", long=False)
    at = raw.index(b"\xff\xda")

    for body in (b"\x00\x31", b"\x10\x00", b"\x55" + TEXT):
        assert strip(raw[:at] + segment(0xCC, body) + raw[at:])[0] == raw


@needs_core
@pytest.mark.parametrize("name", ["jpeg-scan-tail.jpg", "jpeg-second-scan.jpg", "jpeg-quantisation-canary.jpg"])
def test_shared_cases_are_clean_afterwards(name: str) -> None:
    """What they hide is gone."""
    raw = (sets.require("cases") / name).read_bytes()

    data = strip(raw)[0]

    assert verify(raw)
    assert verify(data, canonical=True) == []
    assert len(data) < len(raw)


def scan_choice(raw: bytes) -> int:
    """How many bytes the report of ``strip`` says that the division into scans can hold."""
    return sum(row["bytes"] or 0 for row in strip(raw)[1]["residuals"] if row["code"] == "jpeg-scan-choice")


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
@pytest.mark.parametrize("progressive", [False, True])
def test_the_scans_of_libjpeg_say_nothing(mode: str, progressive: bool) -> None:
    """Pillow's own files, whatever they hold."""
    image = samples.picture(90, 70).convert(mode)
    raw = samples.saved(image, "JPEG", progressive=progressive)

    assert scan_choice(raw) == 0
    assert scan_choice(scrub(raw, Policy(faces=False))[0]) == 0


def test_restart_intervals_are_named() -> None:
    """A number of 16 bit that changes no pixel: Pillow shows the same."""
    files = [samples.saved(samples.picture(90, 70), "JPEG", restart_marker_blocks=count) for count in (2, 3)]

    shown = [pixels(strip(raw)[0]) for raw in files]
    assert all(map(np.array_equal, *shown))
    assert [scan_choice(raw) for raw in files] == [2, 2]


def test_the_order_of_scans_is_named() -> None:
    """The bands of blue and red change places; decoders show the same, and a script of 100 scans could be a text."""
    raw = samples.saved(samples.picture(90, 70), "JPEG", progressive=True)
    places = [found.start() for found in re.finditer(rb"\xff\xda", raw)]
    heads = [raw.rindex(b"\xff\xc4", 0, at) for at in places[2:5]]  # the table before scans 3, 4 and 5
    moved = raw[: heads[0]] + raw[heads[1] : heads[2]] + raw[heads[0] : heads[1]] + raw[heads[2] :]

    assert all(map(np.array_equal, pixels(strip(moved)[0]), pixels(raw)))
    assert scan_choice(raw) == 0
    assert scan_choice(moved) == 30  # ten scans

"""Walks over JPEG scans, against libjpeg, and the compiled one against its twin."""

from __future__ import annotations

import ctypes.util
import io
import random
import re
import struct
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif.native.jpeg import Component, Output, Scan, walk
from rmexif.native.jpeg_arithmetic_twin import STATES
from rmexif.native.jpeg_scan import find_marker
from rmexif.native.status import Status
from tests import sets
from tests.native import ROUNDS, needs_core
from tests.native.jpeg_files import build_libjpeg, histories, parse, pillow_files, rebuild, walk_file

ROOT = Path(__file__).parents[2]
ENGINES = [pytest.param("native", marks=needs_core), "python"]
TRANSCODED = [
    ("arithmetic",),
    ("arithmetic", "progressive"),
    ("arithmetic", "restart"),
    ("arithmetic", "progressive", "restart"),
    ("progressive", "restart"),
]
# Every symbol has a code: 254 of 8 bits, two of 9.
FLAT = bytes([0, 0, 0, 0, 0, 0, 0, 254, 2, 0, 0, 0, 0, 0, 0, 0]) + bytes(range(256))


@pytest.fixture(scope="module")
def libjpeg(tmp_path_factory):
    return build_libjpeg(tmp_path_factory.mktemp("libjpeg"))


@pytest.fixture(params=ENGINES)
def walker(request):
    return getattr(walk, request.param)


@pytest.fixture(params=pillow_files())
def file(request):
    return pillow_files()[request.param]


def nothing_chosen(found):
    return not (found.dropped or found.padding or found.zero_runs or found.eob_runs or found.dc_range)


def check_clean(raw, walker):
    """libjpeg left itself no choice: each scan ends with its data, and is what it is coded to again."""
    scans = parse(raw)
    for output in (Output.CUT, Output.CODE):
        for scan, found in zip(scans, walk_file(raw, walker, output), strict=True):
            assert found.status is Status.OK
            assert (found.mcus, found.used, found.end) == (scan.scan.mcus, scan.end - scan.begin, scan.end - scan.begin)
            assert nothing_chosen(found)
            assert found.data == raw[scan.begin : scan.end]


def test_what_libjpeg_writes_is_clean(file, walker):
    check_clean(file, walker)


@pytest.mark.parametrize("words", TRANSCODED, ids="+".join)
def test_what_libjpeg_transcodes_is_clean(words, walker, libjpeg):
    for name in ("baseline", "4:4:4", "grey"):
        check_clean(libjpeg.transcoded(pillow_files()[name], *words), walker)


def test_the_states_of_the_arithmetic_coder_are_those_of_libjpeg():
    """T.81, table D.3: in C, in the twin, and packed in jpeg_aritab of libjpeg's jaricom.c."""
    name = ctypes.util.find_library("jpeg")
    if name is None or not hasattr(ctypes.CDLL(name), "jpeg_aritab"):
        pytest.skip("there is no libjpeg that codes arithmetically")
    packed = (ctypes.c_long * len(STATES)).in_dll(ctypes.CDLL(name), "jpeg_aritab")
    expected = [(state >> 16, state & 127, state >> 8 & 255, state >> 7 & 1) for state in packed]
    text = (ROOT / "src/rmexif/native/c/jpeg_arithmetic.c").read_text().split("STATES[")[1].split("};")[0]
    rows = re.findall(r"\{(0x\w+), (\d+), (\d+), (\d)\}", text)
    assert [tuple(int(number, 0) for number in row) for row in rows] == expected
    assert list(STATES) == expected


def test_what_libjpeg_codes_with_its_least_probable_decisions_is_clean(walker, libjpeg):
    """Behind 20,000 blocks alike an arithmetic coder is in the state of the smallest Qe (T.81, D.1.4)."""
    pixels = np.full((1400, 1400), 90, np.uint8)
    pixels[-16:] = np.random.default_rng(1).integers(0, 256, (16, 1400))
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG")
    check_clean(libjpeg.transcoded(out.getvalue(), "arithmetic"), walker)


def test_runs_that_libjpeg_ends_for_want_of_room_for_correction_bits(walker, libjpeg):
    raw = libjpeg.transcoded(pillow_files()["grey"], "dense", "progressive")
    check_clean(raw, walker)
    last = parse(raw)[-1]
    (found,) = walk_file(raw, walker, Output.CODE)[-1:]
    assert last.scan.high == 1
    assert {symbol >> 4 for symbol in found.symbols[1]} == {3}  # runs of 8 to 15 blocks: 15 x 63 bits are too many


@pytest.mark.parametrize("words", [(), *TRANSCODED], ids="+".join)
def test_nonzero_coefficients_are_those_of_libjpeg(words, walker, libjpeg):
    for name in ("baseline", "4:2:2", "cmyk", "progressive", "flat"):
        raw = libjpeg.transcoded(pillow_files()[name], *words) if words else pillow_files()[name]
        found: dict[int, int] = {}
        for scan, result in zip(parse(raw), walk_file(raw, walker), strict=True):
            for ident, mask in zip(scan.idents, result.nonzero, strict=True):
                found[ident] = found.get(ident, 0) | mask
        expected = [sum(1 << k for k in range(64) if blocks[:, k].any()) for blocks in libjpeg.coefficients(raw)]
        assert list(found.values()) == expected


def intervals(raw, scan):
    """(first, last + 1) byte of the intervals of a scan, in its data."""
    data, begin, found = raw[scan.begin : scan.end], 0, []
    while (end := find_marker(data, begin)) < len(data):
        found.append((begin, end))
        begin = end + 2
    return [*found, (begin, len(data))]


@pytest.mark.parametrize("words", [(), *TRANSCODED], ids="+".join)
def test_what_lies_behind_the_last_code_of_an_interval_goes(words, walker, libjpeg):
    chance = random.Random(7)
    for name in ("restart", "progressive restart", "grey"):
        raw = libjpeg.transcoded(pillow_files()[name], *words) if words else pillow_files()[name]
        past = histories(parse(raw))
        for scan in parse(raw):
            parts, count = [], 0
            for begin, end in intervals(raw, scan):
                tail = chance.randbytes(chance.randrange(40)).replace(b"\xff", b"\xff\x00")
                if scan.scan.sof >= 0xC9:  # a code string is followed by as many zeros as a decoder asks for
                    tail = bytes(4) + tail
                parts.append(raw[scan.begin + begin : scan.begin + end] + tail)
                count += len(tail)
            numbers = [bytes([0xFF, 0xD0 + n % 8]) for n in range(len(parts) - 1)]
            longer = b"".join(part + mark for part, mark in zip(parts, [*numbers, b""], strict=True)) + b"\xff\xd9"
            found = walker(scan.scan, longer, past.get(scan.idents), Output.CUT)
            assert found.status is Status.OK
            assert found.data == raw[scan.begin : scan.end]
            assert found.dropped == count


def test_padding_is_ones(walker):
    raw = pillow_files()["restart"]
    (scan,) = parse(raw)
    data, changed = bytearray(raw[scan.begin : scan.end]), 0
    for _, end in intervals(raw, scan):
        if data[end - 1] & 1 and data[end - 1] != 0xFF:
            data[end - 1] &= 0xFE
            changed += 1
    found = walker(scan.scan, bytes(data) + b"\xff\xd9", None, Output.CUT)
    assert changed > 10
    # A last bit that belonged to a code made another one of it; where it was padding, it is one again.
    assert found.padding > changed / 2


def test_last_byte_that_padding_makes_0xff_is_stuffed(walker):
    scan = Scan(0xC0, 8, (Component(1, table({0: "0", 7: "10"}), table({0: "0"})),), 1)
    found = walker(scan, bits("10", "1111111", "0", fill="0"), None, Output.CUT)  # 10 1111110 ...: bits end in byte 2
    assert found.status is Status.OK
    lossless = Scan(0xC3, 8, (Component(1, table({0: "0", 7: "10"})),), 1, start=1, stop=0)
    found = walker(lossless, bytes([0b10111111, 0b10000000, 0xFF, 0xD9]), None, Output.CUT)
    assert found.data == bytes([0b10111111, 0xFF, 0x00])


def table(codes):
    """A Huffman table from symbol -> code."""
    ordered = sorted(codes, key=lambda symbol: (len(codes[symbol]), codes[symbol]))
    return bytes(sum(len(codes[s]) == n for s in ordered) for n in range(1, 17)) + bytes(ordered)


def bits(*words, fill="1"):
    text = "".join(words)
    text += fill * (-len(text) % 8)
    return int(text, 2).to_bytes(len(text) // 8, "big").replace(b"\xff", b"\xff\x00")


DC = table({0: "0", 3: "10"})
SEQUENTIAL = {0x00: "00", 0x01: "01", 0xF0: "10", 0x31: "110"}
FIRST = {0x00: "00", 0x10: "01", 0x20: "100", 0x01: "101", 0xF0: "1100", 0xE0: "1101", 0x30: "1110"}


@pytest.mark.parametrize(
    "given_bits, count, canonical",
    [
        (("0", "00"), 0, ("0", "00")),
        (("0", "10", "00"), 1, ("0", "00")),
        (("0", "01", "1", "10", "10", "00"), 1, ("0", "01", "1", "00")),
        (("0", "10", "01", "1", "00"), 0, ("0", "10", "01", "1", "00")),
        (("0", "10", "10", "10", "10"), 1, ("0", "00")),  # past the last coefficient, which ends the block
        (("0", "10", "10", "10", "110", "1", "10"), 1, ("0", "10", "10", "10", "110", "1", "00")),
    ],
    ids=["none", "only", "behind one", "before one", "to the end", "past the end"],
)
def test_runs_of_zeros_at_the_end_of_a_block(walker, given_bits, count, canonical):
    scan = Scan(0xC1, 8, (Component(1, DC, table(SEQUENTIAL)),), 1)
    found = walker(scan, bits(*given_bits), None, Output.CODE, (DC, table(SEQUENTIAL)))
    assert (found.status, found.zero_runs) == (Status.OK, count)
    assert found.data == bits(*canonical)


ONE, END, END2, END4, END8 = "1011", "00", "01", "100", "1110"  # a coefficient of 1; ends of 1, 2, 4, 8 blocks and more


@pytest.mark.parametrize(
    "given_bits, blocks, count, canonical",
    [
        ((END,), 1, 0, (END,)),
        ((END, END), 2, 1, (END2, "0")),
        ((END, END, END), 3, 2, (END2, "1")),
        ((END2 + "0", ONE, END), 3, 0, (END2 + "0", ONE, END)),
        ((ONE, END, END), 2, 1, (ONE, END2, "0")),
        ((END, ONE, END), 2, 0, (END, ONE, END)),
        ((END4 + "11",), 5, 1, (END4 + "01",)),  # 7 blocks where there are 5
        ((END2 + "1",), 1, 1, (END,)),
        (("1100", END, END), 2, 1, (END2, "0")),
    ],
    ids=["one", "two ones", "three", "joined", "behind a coefficient", "apart", "too long", "much", "a zero run"],
)
@pytest.mark.parametrize("high", [0, 1])
def test_runs_of_ends_of_blocks(walker, given_bits, blocks, count, canonical, high):
    new = table(FIRST)
    scan = Scan(0xC2, 8, (Component(1, b"", new),), blocks, start=1, stop=20, high=high, low=0)
    found = walker(scan, bits(*given_bits), array("Q", bytes(8 * blocks)), Output.CODE, (b"", new))
    assert (found.status, found.eob_runs) == (Status.OK, count)
    assert found.zero_runs == (given_bits[0] == "1100")
    assert found.data == bits(*canonical)


def test_a_run_may_be_followed_where_it_could_not_be_longer(walker):
    codes = {0xE0: "0", 0x00: "10"}
    for second, count in (("0" + "0" * 14, 0), ("10", 1)):
        # 0x7FFF blocks and 0x4000 more; or one, and one more that would have joined it
        first = "0" + "1" * 14 if not count else "10"
        blocks = 0x7FFF + 0x4000 if not count else 2
        scan = Scan(0xC2, 8, (Component(1, b"", table(codes)),), blocks, start=1, stop=5)
        found = walker(scan, bits(first, second), array("Q", bytes(8 * blocks)))
        assert (found.status, found.eob_runs) == (Status.OK, count)


def test_corrections_of_a_refined_band(walker):
    """Coefficients 2 and 4 are known; 20 zeros, then a new one: the run of 16 zeros has correction bits on its way."""
    codes = {0xF0: "0", 0x41: "10", 0x00: "110"}
    known = 1 << 2 | 1 << 4 | 1 << 30
    past = array("Q", [known])
    scan = Scan(0xC2, 8, (Component(1, b"", table(codes)),), 1, start=1, stop=40, high=1)
    # zeros 1, 3, 5 ... 18 are 16; then 19 to 22 are four, and 23 is new; behind it, 30 is corrected.
    coded = bits("0", "10", "10", "1", "110", "1")
    found = walker(scan, coded, past, Output.CODE, (b"", table(codes)))
    assert (found.status, found.zero_runs, found.data) == (Status.OK, 0, coded)
    assert past[0] == known | 1 << 23
    assert found.nonzero == (1 << 23,)


@pytest.mark.parametrize("first, count", [("111", 0), ("110", 1)], ids=["where libjpeg splits", "elsewhere"])
def test_a_run_with_many_correction_bits(walker, first, count):
    """Of 20 blocks with 63 correction bits each, libjpeg ends the first run with the fifteenth."""
    new, corrections = table(FIRST), "01" * 10 * 63
    rest = {"111": (END4, "01"), "110": (END4, "10")}[first]
    size = 8 + int(first, 2)
    coded = bits(END8, first, corrections[: 63 * size], *rest, corrections[63 * size :])
    scan = Scan(0xC2, 8, (Component(1, b"", new),), 20, start=1, stop=63, high=1)
    found = walker(scan, coded, array("Q", [(1 << 64) - 2] * 20), Output.CODE, (b"", new))
    assert (found.status, found.eob_runs) == (Status.OK, count)
    assert found.data == bits(END8, "111", corrections[: 63 * 15], END4, "01", corrections[63 * 15 :])


def test_a_run_that_libjpeg_would_have_split(walker):
    new = table(FIRST | {0x40: "11110"})
    scan = Scan(0xC2, 8, (Component(1, b"", new),), 20, start=1, stop=63, high=1)
    found = walker(
        scan, bits("11110", "0100", "1" * 20 * 63), array("Q", [(1 << 64) - 2] * 20), Output.CODE, (b"", new)
    )
    assert (found.status, found.eob_runs) == (Status.OK, 1)
    assert found.data == bits(END8, "111", "1" * 63 * 15, END4, "01", "1" * 63 * 5)


def test_a_refined_band_has_new_coefficients_of_1(walker):
    scan = Scan(0xC2, 8, (Component(1, b"", table({0x02: "0", 0x00: "10"})),), 1, start=1, stop=63, high=1)
    assert walker(scan, bytes(4), array("Q", [0])).status is Status.BAD_VALUE


def test_a_block_that_ends_with_its_last_coefficient(walker):
    """The next block starts with bits that would be an end of block."""
    scan = Scan(0xC0, 8, (Component(1, DC, table(SEQUENTIAL)),), 2)
    full = ("0", "10", "10", "10", *3 * ("110", "1"), *3 * ("01", "1"))
    found = walker(scan, bits(*full, "0", "00"))
    assert (found.status, found.mcus, found.zero_runs) == (Status.OK, 2, 0)
    assert found.nonzero == (1 << 52 | 1 << 56 | 1 << 60 | 7 << 61,)


def test_dc_coefficients_out_of_range(walker):
    scan = Scan(0xC0, 8, (Component(1, table({11: "0", 15: "10"}), table({0: "0"})),), 3)
    found = walker(scan, bits("0" + "1" * 11 + "0", "0" + "0" * 10 + "1" + "0", "10" + "1" * 15 + "0"))
    assert (found.status, found.dc_range) == (Status.OK, 1)  # 2047, 1, 32768


def test_codes_in_use_are_numbered_as_the_table_lists_them(walker):
    scan = Scan(0xC0, 8, (Component(1, DC, table(SEQUENTIAL)), Component(1, DC, b"")), 1)
    found = walker(scan, bits("10101", "010", "00", "0"))
    assert found.status is Status.BAD_CODE  # the second component has no table
    assert found.codes == ((0, 1), (0, 1), (0, 1), ())


@pytest.mark.parametrize(
    "data, interval, status, mcus, used",
    [
        (bits("0", "00", "0", "00"), 0, Status.OK, 2, 1),
        (bits("0", "00", fill="1"), 0, Status.BAD_CODE, 1, 1),
        (bits("0", "00", "0", "01", "1"), 0, Status.ENDS_EARLY, 1, 1),
        (b"", 0, Status.ENDS_EARLY, 0, 0),
        (b"\xff\xd0", 0, Status.ENDS_EARLY, 0, 0),
        (bits("0", "00") + b"\xff\xd0" + bits("0", "00"), 1, Status.OK, 2, 4),
        (bits("0", "00") + b"\xff\xff\xd0" + bits("0", "00"), 1, Status.OK, 2, 5),
        (bits("0", "00") + b"\xff\xd1" + bits("0", "00"), 1, Status.BAD_VALUE, 1, 1),
        (bits("0", "00") + b"\xff\xd9" + bits("0", "00"), 1, Status.ENDS_EARLY, 1, 1),
        (bits("0", "00", "0", "10", "10", "10", *4 * ("110", "1")), 0, Status.BAD_VALUE, 1, 1),  # coefficient 64
    ],
)
def test_where_a_damaged_scan_stops(walker, data, interval, status, mcus, used):
    scan = Scan(0xC0, 8, (Component(1, DC, table(SEQUENTIAL)),), 2, interval)
    found = walker(scan, data)
    assert (found.status, found.mcus, found.used) == (status, mcus, used)


@pytest.mark.parametrize(
    "change",
    [
        {"sof": 0xC5},
        {"sof": 0xCB},
        {"precision": 1},
        {"mcus": 1 << 32},
        {"stop": 62},
        {"sof": 0xC2, "start": 0, "stop": 63},
        {"sof": 0xC2, "start": 5, "stop": 4},
        {"sof": 0xC2, "start": 1, "stop": 64},
        {"sof": 0xC2, "start": 1, "stop": 5, "mcus": 11},
        {"sof": 0xC2, "start": 1, "stop": 5, "components": (Component(1), Component(1))},
        {"components": (Component(17),)},
        {"components": ()},
        {"components": (Component(1),) * 5},
        {"components": (Component(1, dc_slot=4),)},
        {"components": (Component(1, conditioning=(3, 2, 5)),)},
        {"components": (Component(1, conditioning=(0, 1, 64)),)},
        {"components": (Component(1, bytes([3]) + bytes(15) + b"\1\2\3", FLAT),)},  # three codes of one bit
    ],
)
def test_scans_that_cannot_be(walker, change):
    scan = Scan(0xC0, 8, (Component(1, FLAT, FLAT),), 1)._replace(**change)
    found = walker(scan, b"\0" * 100, array("Q", bytes(80)), Output.CODE, (FLAT, FLAT))
    assert found.status is Status.BAD_ARGUMENT
    assert (found.used, found.data) == (0, b"")


def test_other_tables(file, walker):
    """With codes for every symbol and back: the counted symbols are what the first tables were made of."""
    scans = parse(file)
    past, again = histories(scans), histories(scans)
    for scan in scans:
        flat = scan.scan._replace(components=tuple(c._replace(dc=FLAT, ac=FLAT) for c in scan.scan.components))
        tables = (FLAT, FLAT) * len(scan.scan.components)
        wide = walker(scan.scan, memoryview(file)[scan.begin :], past.get(scan.idents), Output.CODE, tables)
        back = walker(flat, wide.data + b"\xff\xd9", again.get(scan.idents), Output.CODE, scan.tables())
        assert (wide.status, back.status) == (Status.OK, Status.OK)
        assert back.data == file[scan.begin : scan.end]
        assert back.symbols == wide.symbols
        for counts, codes, old in zip(wide.symbols, wide.codes, scan.tables(), strict=True):
            assert set(counts) <= {old[16 + n] for n in codes}


def test_a_table_without_a_symbol_in_use(walker):
    scan = Scan(0xC0, 8, (Component(1, DC, table(SEQUENTIAL)),), 1)
    found = walker(scan, bits("0", "10", "01", "1", "00"), None, Output.CODE, (DC, table({0x00: "0"})))
    assert found.status is Status.BAD_ARGUMENT
    assert found.symbols == ({0: 1}, {0x00: 1, 0x01: 1, 0xF0: 1})


def test_re_coded_files_have_the_same_coefficients(libjpeg, walker):
    """What another encoder might have written: each block ends by itself. libjpeg reads the same from both."""
    for name in ("progressive", "progressive restart"):
        raw = pillow_files()[name]
        cut = rebuild(raw, [found.data for found in walk_file(raw, walker, Output.CODE)])
        for one, other in zip(libjpeg.coefficients(raw), libjpeg.coefficients(cut), strict=True):
            assert np.array_equal(one, other)


# The compiled walk and its twin.


@st.composite
def tables(draw, symbols):
    """A Huffman table, now and then one with too many codes."""
    counts, room, total = [], 1.0, 0
    for length in range(1, 17):
        most = int(room * (1 << length)) + draw(st.sampled_from([0, 0, 0, 0, 0, 1]))
        count = max(0, min(draw(st.integers(0, 6)), most, 256 - total))
        counts.append(count)
        total += count
        room -= count / (1 << length)
    return bytes(counts) + bytes(draw(st.lists(st.sampled_from(symbols), min_size=total, max_size=total)))


AC = [0x00, 0x01, 0x02, 0x11, 0xF0, 0x10, 0x20, 0x31, 0xE0, 0xF1, 0x0A, 0x51, 0x0F]


KNOWN_AC = [
    FLAT,
    table(SEQUENTIAL),
    table(FIRST),
    table({0x00: "0", 0x01: "10", 0x11: "110", 0xF0: "1110", 0x02: "11110"}),
]


def tables_like(known, symbols):
    return st.one_of(st.sampled_from(known), tables(symbols))


@st.composite
def calls(draw):
    """The arguments of a walk."""
    sof = draw(st.sampled_from([0xC0, 0xC1, 0xC2, 0xC2, 0xC2, 0xC3, 0xC9, 0xCA, 0xCA]))
    start, stop, high, low = 0, 63, 0, 0
    if sof in (0xC2, 0xCA):
        start = draw(st.sampled_from([0, 1, 1, 6]))
        stop = draw(st.integers(start, 63)) if start else 0
        high = draw(st.sampled_from([0, 1]))
        low = draw(st.integers(0, 2))
    count = 1 if start else draw(st.integers(1, 4))
    dc_tables, ac_tables = tables_like([DC, FLAT], range(18)), tables_like(KNOWN_AC, AC)
    dc, ac = draw(dc_tables), draw(ac_tables)
    components = tuple(
        Component(
            1 if count == 1 else draw(st.integers(1, 4)),
            dc if draw(st.booleans()) else draw(dc_tables),
            ac if draw(st.booleans()) else draw(ac_tables),
            draw(st.integers(0, 3)),
            draw(st.integers(0, 3)),
            draw(st.sampled_from([(0, 1, 5), (2, 4, 20), (0, 0, 63), (15, 15, 1)])),
        )
        for _ in range(count)
    )
    mcus = draw(st.integers(0, 40))
    scan = Scan(sof, draw(st.sampled_from([8, 12])), components, mcus, draw(st.integers(0, 9)), start, stop, high, low)
    data = b"".join(
        draw(
            st.lists(
                st.one_of(
                    st.binary(max_size=12), st.sampled_from([b"\xff\x00", b"\xff\xd0", b"\xff\xd1", b"\xff\xff", b"\0"])
                ),
                max_size=12,
            )
        )
    )
    known = draw(st.lists(st.integers(0, (1 << 64) - 1), min_size=mcus, max_size=mcus)) if start else []
    new = tuple(FLAT if draw(st.booleans()) else t for c in components for t in (c.dc, c.ac))
    return scan, data, known, draw(st.sampled_from(Output)), new


def check_twins(scan, data, known, output, new):
    one, other = array("Q", known), array("Q", known)
    assert walk.native(scan, data, one, output, new) == walk.python(scan, data, other, output, new)
    assert one == other


@needs_core
@settings(max_examples=300 * ROUNDS, deadline=None)
@given(calls())
def test_twins_agree(call):
    check_twins(*call)


def mutated(raw, chance):
    """A file's scans with some bytes changed, and what is needed to walk them."""
    for scan in parse(raw):
        data = bytearray(raw[scan.begin : scan.end + 2])
        for _ in range(chance.randrange(1, 4)):
            at = chance.randrange(len(data))
            kind = chance.randrange(3)
            if kind == 0:
                data[at] ^= 1 << chance.randrange(8)
            elif kind == 1:
                del data[at : at + chance.randrange(1, 9)]
            else:
                data[at:at] = chance.randbytes(2)
            data = data or bytearray(1)
        known = [chance.getrandbits(64) & chance.getrandbits(64) for _ in range(scan.blocks)] if scan.scan.start else []
        yield scan.scan, bytes(data), known, chance.choice(list(Output)), scan.tables()


@needs_core
def test_twins_agree_on_mutated_files(file):
    for seed in range(3 * ROUNDS):
        for call in mutated(file, random.Random(seed)):
            check_twins(*call)


@needs_core
def test_real_files_of_the_corpus(corpus):
    """What cameras and editors write: every scan is whole, and coded as libjpeg codes it."""
    count = 0
    for row in corpus:
        raw = row["file"].read_bytes() if row["file"].suffix == ".jpg" and "broken" not in row["path"] else b""
        if raw[:2] != b"\xff\xd8":
            continue
        scans = parse(raw)
        for scan, found in zip(scans, walk_file(raw, walk.native, Output.CODE), strict=True):
            count += 1
            assert (found.status, found.data) == (Status.OK, raw[scan.begin : scan.end]), row["path"]
            assert nothing_chosen(found)
    assert count > 100


@needs_core
def test_scan_with_a_second_picture_behind_its_last_code():
    raw = (sets.require("cases") / "jpeg-scan-tail.jpg").read_bytes()
    (scan,) = parse(raw)
    found = walk.native(scan.scan, memoryview(raw)[scan.begin :], None, Output.CUT)
    assert found.status is Status.OK
    assert found.dropped == scan.end - scan.begin - found.used > 1000
    assert struct.pack(">H", 0xFFD8) not in found.data

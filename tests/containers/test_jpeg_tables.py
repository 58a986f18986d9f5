"""JPEG: no byte of a table or a header can be chosen freely, and the picture stays as it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import pytest
from hypothesis import assume, given
from hypothesis import strategies as st
from PIL import Image

from rmexif import inspect, native, strip, verify
from rmexif.containers.jpeg import scan
from rmexif.containers.jpeg.headers import Component, FrameHeader
from rmexif.containers.jpeg.huffman import alphabet, canonical
from rmexif.errors import MalformedImage, UnsupportedFeature
from tests import samples
from tests.containers.builders_jpeg import codes, grey, packed, planted, renamed, segment, without
from tests.containers.strict import stripped

if TYPE_CHECKING:
    from collections.abc import Iterator

TEXT = b"CANARY-7QX2"
DC = codes({1: b"\x00"})
FLAT = codes({2: b"\x00", 3: b"\x01"})  # end of block, a coefficient of one bit


@pytest.fixture
def twins() -> Iterator[None]:
    """The walks in Python, which do not walk a long picture."""
    before = native.engine()
    native.use("python")
    yield
    native.use(before)


def waves(blocks: int) -> Image.Image:
    """A grey picture of few frequencies, for which a handful of codes does."""
    steps = np.cos(np.pi * np.outer(2 * np.arange(8) + 1, np.arange(4)) / 16)
    signs = np.random.default_rng(3).choice([-1, 1], (blocks, blocks, 4, 4))
    data = 128 + 6 * np.einsum("yi,xj,abij->aybx", steps, steps, signs).reshape(8 * blocks, 8 * blocks)
    return Image.fromarray(data.clip(0, 255).astype(np.uint8))


def encoded(kind: str) -> bytes:
    """A picture whose tables were made for it."""
    if kind == "large":
        return samples.saved(waves(180), "JPEG", optimize=True, quality=50)
    return samples.saved(samples.picture(131, 77), "JPEG", optimize=True, progressive=kind == "progressive")


@pytest.mark.parametrize("kind", ["baseline", "progressive", "large"])
def test_a_text_in_codes_that_no_scan_uses_goes(kind: str) -> None:
    """The codes of the picture stay what they are; behind the last of them there is no other."""
    clean = encoded(kind)
    raw = planted(clean, TEXT)
    assert (len(raw) > scan.WALK_LIMIT) is (kind == "large")

    data = stripped(raw)

    assert TEXT in raw
    assert TEXT not in data
    assert data == stripped(clean)
    assert verify(raw)
    assert "DHT (foreign symbols)" in {finding.where for finding in inspect(raw).findings}


@pytest.mark.parametrize(
    "text",
    [TEXT + b"..12.34", bytes(range(0x11, 0x12)) * 19, bytes(range(0x41, 0x4A)) + bytes(range(0x51, 0x5A)) + b"1"],
)
def test_codes_between_used_ones_get_the_smallest_symbols(text: bytes) -> None:
    """Before the code 00010011 there is room for one of 4 bits, one of 7 and one of 8; no symbol is anybody's choice."""
    raw = grey(DC, codes({8: text[:19].ljust(19, b"z") + b"\x00"}), ["0" + "00010011"])

    data = stripped(raw)

    assert segment(0xC4, b"\x10" + codes({4: b"\x01", 7: b"\x02", 8: b"\x03\x00"})) in data
    assert data == grey(DC, codes({4: b"\x01", 7: b"\x02", 8: b"\x03\x00"}), ["0" + "00010011"])


def test_a_table_keeps_what_any_of_its_scans_uses() -> None:
    """One table for three scans: the first ends at once, the second and third have a coefficient before."""
    raw = grey(DC, codes({2: b"\x00\x01", 3: b"\x02", 8: TEXT}), ["000", "0" + "011" + "00", "0" + "10011" + "00"])

    data = stripped(raw)

    assert data == grey(DC, codes({2: b"\x00\x01", 3: b"\x02"}), ["000", "0" + "011" + "00", "0" + "10011" + "00"])


def test_tables_that_are_redefined_between_scans_stay_apart() -> None:
    """Each definition is judged by the scans for which it is in force."""
    tables = [codes({2: b"\x00\x01", 8: b"FIRST"}), codes({2: b"\x01\x00", 8: b"SECOND"})]
    raw = grey(DC, tables[0], ["000", "0" + "011" + "00", "0" + "01"])
    last = raw.rindex(b"\xff\xda")
    raw = raw[:last] + segment(0xC4, b"\x10" + tables[1]) + raw[last:]

    data = stripped(raw)

    assert b"FIRST" not in data
    assert b"SECOND" not in data
    assert data.count(b"\xff\xc4") == 3


def test_tables_of_the_standard_stay_used_or_not() -> None:
    """T.81, K.3 to K.6: what an encoder writes that counts nothing is clean, though most of its codes are unused."""
    raw = samples.saved(Image.new("RGB", (16, 16), (90, 120, 30)), "JPEG", quality=75)

    assert stripped(raw) == raw


def test_a_standard_table_with_other_symbols_is_no_standard_table() -> None:
    """The same code lengths are not enough."""
    raw = samples.saved(Image.new("L", (16, 16), 90), "JPEG", quality=75)
    text = bytes(range(0xE1, 0xEB)) + bytes(range(0xF1, 0xFB))
    assert text in raw

    assert stripped(raw.replace(text, text[::-1])) == stripped(raw.replace(text, (TEXT * 2)[:20])) != raw


def test_dc_codes_are_no_hiding_place() -> None:
    """Few symbols make sense for a DC code: where they run out, it is the smallest one again."""
    free = bytes([11, 3, 7, 2, 11, 3, 9, 9, 9, 5, 5, 5, 1, 1, 15]) * 3
    scans = ["000000" + "0001" + "00", "101110" + "00", "101110" + "00"]
    raw = grey(codes({6: b"\x04" + free + b"\x00"}), FLAT, scans)

    data = stripped(raw)

    filled = bytes([1, 2, 3, 5, 6, 7, 8, 9, 10, 11]) + bytes(35)
    assert segment(0xC4, b"\x00" + codes({6: b"\x04" + filled + b"\x00"})) in data


def test_a_text_among_codes_of_a_scan_that_ends_early_goes() -> None:
    """Which codes are in use is known up to where decoders supply zeros."""
    raw = planted(encoded("baseline"), TEXT, tables=1)[:-40] + b"\xff\xd9"

    assert TEXT not in stripped(raw)


@pytest.mark.usefixtures("twins")
def test_a_text_among_codes_that_may_be_in_use_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without a walk, a table must hold nothing but symbols: else no bytes leave, and the message says where it is."""
    raw = planted(encoded("baseline"), TEXT, tables=1)
    monkeypatch.setattr(scan, "WALK_LIMIT", 100)
    monkeypatch.setattr(scan, "LONG_WALK_LIMIT", 100)
    place = raw.rindex(b"\xff\xc4", 0, raw.index(TEXT))

    with pytest.raises(UnsupportedFeature, match=f"jpeg DHT at byte {place}: "):
        strip(raw)
    assert verify(raw)


@pytest.mark.usefixtures("twins")
def test_tables_of_a_long_picture_pass_as_they_are(monkeypatch: pytest.MonkeyPatch) -> None:
    """Symbols that are all different and all possible are what an optimising encoder writes."""
    monkeypatch.setattr(scan, "WALK_LIMIT", 100)
    for kind in ("baseline", "progressive"):
        assert stripped(encoded(kind)) == encoded(kind)


def test_a_table_with_more_codes_than_bits_is_refused() -> None:
    """T.81, C.2: no decoder reads it."""
    raw = grey(DC, codes({1: b"\x00\x01\x02"}), ["00"])

    with pytest.raises(MalformedImage, match="jpeg DHT at byte"):
        strip(raw)


def test_codes_that_mean_the_same_are_coded_again() -> None:
    """Decoders take 0x20 for an end of block, and stop at one: how a block ends would be a choice."""
    fewest = grey(DC, codes({1: b"\x00", 2: b"\x01"}), ["0" + "101" + "0"])
    variants = [
        grey(DC, codes({2: b"\x20\x01"}), ["0" + "011" + "00"]),
        grey(DC, codes({2: b"\x70\x01"}), ["0" + "011" + "00"]),
        grey(DC, codes({2: b"\xf0\x01", 3: b"\x00"}), ["0" + "011" + "00" * 3 + "100"]),
    ]

    assert {stripped(raw) for raw in variants} == {fewest}
    assert stripped(fewest) == fewest


def test_codes_that_mean_the_same_in_several_scans_are_refused() -> None:
    """Each scan has one end of block of two: which of them would be a choice."""
    raw = grey(DC, codes({2: b"\x00\x01", 3: b"\x00"}), ["0100", "0" + "011" + "00", "000"])

    with pytest.raises(UnsupportedFeature, match="jpeg DHT at byte"):
        strip(raw)


def test_a_refining_scan_knows_no_size_but_one() -> None:
    """T.81, G.1.2.3: the other sizes would mean the same, so their nibble could be anything."""
    raw = samples.saved(samples.picture(131, 77), "JPEG", progressive=True)
    at = raw.rindex(b"\xff\xc4") + 5 + 16
    size = int.from_bytes(raw[at - 19 : at - 17], "big") - 19
    other = bytes(symbol | 4 if symbol & 15 else symbol for symbol in raw[at : at + size])

    with pytest.raises(UnsupportedFeature, match="jpeg SOS at byte"):
        strip(raw[:at] + other + raw[at + size :])


def test_codes_that_no_lossless_scan_uses_go() -> None:
    """T.81, H.1.2.2: whatever their symbols; those in use are sizes of 0 to 16."""
    cleaned = {
        strip(grey(codes({2: symbols}), FLAT, ["00" * 64], sof=0xC3, spectral=b"\x01\x00\x00"))[0]
        for symbols in (b"\x00\x01\x10", b"\x00\x01\x11", b"\x00\x01\x01", b"\x00")
    }

    assert len(cleaned) == 1
    assert segment(0xC4, b"\x00" + codes({2: b"\x00"})) in cleaned.pop()


@pytest.mark.parametrize("idents", [b"\x00\x01\x02", b"\x01\x22\x23", b"CAN", b"\xff\x00\x7f", b"RGB", b"rgb"])
@pytest.mark.parametrize("progressive", [False, True])
@pytest.mark.parametrize("jfif", [False, True])
def test_components_are_numbered(idents: bytes, progressive: bool, jfif: bool) -> None:
    """Identifiers are three bytes of choice, except where they say that the colours are red, green and blue."""
    plain = samples.saved(samples.picture(), "JPEG", progressive=progressive)
    raw = renamed(plain, idents)
    if not jfif:
        plain, raw = without(plain, 0xE0), without(raw, 0xE0)

    data = stripped(raw)

    assert data == (raw if idents == b"RGB" and not jfif else plain)
    assert (verify(raw, canonical=True) == []) is (data == raw)
    assert (verify(raw) == []) is (data == raw or idents == b"\0\1\2")  # as some encoders count


@pytest.mark.parametrize("idents", [b"RGB", b"\x01\x02\x03", b"ABC"])
def test_identifiers_beside_an_adobe_segment(idents: bytes) -> None:
    """The segment decides; red, green and blue may be called so, as libjpeg does it."""
    raw = renamed(samples.saved(samples.picture(), "JPEG", keep_rgb=True), idents)

    assert stripped(raw) == (raw if idents == b"RGB" else renamed(raw, b"\x01\x02\x03"))


@pytest.mark.parametrize("transform", [0, 1, 2, 77, 255])
@pytest.mark.parametrize("mode", ["L", "YCbCr", "CMYK"])
def test_the_colour_transform_is_one_that_there_is(mode: str, transform: int) -> None:
    """Its other 253 values mean the same to a decoder, and could mean something else to somebody."""
    raw = samples.saved(samples.picture().convert(mode), "JPEG")
    rest = without(raw, 0xEE if b"Adobe" in raw else 0xE0)
    raw = rest[:2] + segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00" + bytes([transform])) + rest[2:]

    data = stripped(raw)

    assert data[data.index(b"Adobe") + 11] in (0, {"L": 0, "YCbCr": 1, "CMYK": 2}[mode])


def test_a_colour_transform_after_the_first_scan_is_none() -> None:
    """A decoder has chosen its colours by then."""
    raw = samples.saved(samples.picture(), "JPEG", progressive=True)
    last = raw.rindex(b"\xff\xda")

    assert stripped(raw[:last] + segment(0xEE, b"Adobe\x00\x64\x00\x00\x00\x00\x00") + raw[last:]) == raw


def test_baseline_is_what_has_the_tables_of_baseline() -> None:
    """T.81, B.2.2: whether such a file says SOF0 or SOF1 is nothing to a decoder."""
    plain = samples.saved(samples.picture(), "JPEG")
    wide = samples.saved(samples.picture(), "JPEG", qtables=[[300] * 64])

    assert stripped(plain.replace(b"\xff\xc0\x00\x11", b"\xff\xc1\x00\x11")) == plain
    assert stripped(wide.replace(b"\xff\xc1\x00\x11", b"\xff\xc0\x00\x11")) == stripped(wide)
    assert b"\xff\xc1\x00\x11" in stripped(wide)


@pytest.mark.parametrize("sampling", [0x22, 0x41, 0x13])
def test_the_sampling_of_a_single_component_is_one(sampling: int) -> None:
    """T.81, A.2.2: it is not interleaved, so its factors mean nothing."""
    assert stripped(grey(DC, FLAT, ["000"], sampling=sampling)) == stripped(grey(DC, FLAT, ["000"]))


@pytest.mark.parametrize("interval", [6, 7, 0x4341, 0xFFFF])
def test_a_restart_interval_that_no_scan_fills_is_none(interval: int) -> None:
    """T.81, B.2.4.4: the picture has six MCUs, so these numbers say nothing."""
    raw = samples.saved(samples.picture(), "JPEG")
    at = raw.index(b"\xff\xda")

    assert stripped(raw[:at] + segment(0xDD, interval.to_bytes(2, "big")) + raw[at:]) == raw


def test_the_mcus_of_a_lossless_picture_are_samples() -> None:
    """T.81, A.1.3: 64 of them, with a restart after each row of eight."""
    raw = grey(codes({1: b"\x00"}), FLAT, ["0" * 8], sof=0xC3, spectral=b"\x01\x00\x00")
    rows = b"".join(bytes([0x00, 0xFF, 0xD0 | n]) for n in range(7)) + b"\x00"
    raw = raw.replace(segment(0xC4, b"\x10" + FLAT), segment(0xDD, b"\x00\x08"))[:-3] + rows + b"\xff\xd9"

    assert rows in strip(raw)[0]


def test_conditioning_stays_where_a_scan_reads_it() -> None:
    """DAC (T.81, B.2.4.3): only of the slots in use, and only where it differs from the default."""
    raw = strip(without(without(grey(DC, FLAT, ["0110100110010110" * 4], sof=0xC9), 0xC4), 0xC4))[0]
    used, spare, default = b"\x00\x31", b"\x01\x42\x11\x2a\x12\x2b\x03\x73", b"\x10\x05"
    at = raw.index(b"\xff\xda")

    data = stripped(raw[:at] + segment(0xCC, spare + used + default) + raw[at:])

    assert data == raw[:at] + segment(0xCC, used) + raw[at:]
    for edge in (b"\x10\x01", b"\x10\x3f", b"\x00\x11", b"\x00\xff", b"\x00\x00"):
        dirty = raw[:at] + segment(0xCC, edge) + raw[at:]
        assert strip(dirty)[0] == dirty
    for wrong in (b"\x10\x00", b"\x10\x40", b"\x00\x01", b"\x20\x05", b"\x04\x10"):
        with pytest.raises(MalformedImage, match="jpeg DAC at byte"):
            strip(raw[:at] + segment(0xCC, wrong) + raw[at:])


@pytest.mark.usefixtures("twins")
def test_scans_without_bytes_are_not_walked_for_ever() -> None:
    """A run of empty blocks takes a few bits for 32,767 of them, in as many scans as one likes."""
    head = b"\xff\xd8" + segment(0xDB, b"\x00" + bytes([8] * 64))
    head += segment(0xC2, b"\x08\x10\x00\x10\x00\x01\x01\x11\x00") + segment(0xC4, b"\x10" + codes({1: b"\xe0"}))
    scan_bytes = segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + packed(("0" + "1" * 14) * 33)
    bands = [scan_bytes.replace(b"\x00\x01\x3f\x00", bytes([0, k, k, 0])) for k in range(1, 4)]

    assert 1 << 18 <= scan.MCU_LIMIT < 3 << 18  # blocks of one scan, and of all
    with pytest.raises(UnsupportedFeature, match="codes again"):
        strip(head + scan_bytes * 500 + b"\xff\xd9")
    assert "jpeg-entropy-slack" in inspect(head + b"".join(bands) + b"\xff\xd9").residuals  # passed through
    assert "jpeg-entropy-slack" not in inspect(head + scan_bytes + b"\xff\xd9").residuals


def spelt(entry: bytes) -> list[tuple[int, int, int]]:
    """Every code of a DHT entry, with its length and symbol (T.81, C.2: count up, and shift at every length)."""
    found, code, symbols = [], 0, iter(entry[17:])
    for length, count in enumerate(entry[1:17], 1):
        for _ in range(count):
            found.append((code, length, next(symbols)))
            code += 1
        code <<= 1
    return found


@given(st.data())
def test_used_codes_stay_and_the_rest_is_canonical(data: st.DataObject) -> None:
    """For any table and any choice of codes: the codes in use are the same afterwards, and everything else follows from them."""
    room, by_length = 1 << 16, {}
    for length in range(1, 17):
        count = data.draw(st.integers(0, min(40, room >> (16 - length))))
        by_length[length] = data.draw(st.binary(min_size=count, max_size=count))
        room -= count << (16 - length)
    entry = b"\x10" + codes(by_length)
    assume(0 < sum(entry[1:17]) <= 256)
    every = spelt(entry)
    used = set(data.draw(st.lists(st.integers(0, len(every) - 1), min_size=1, unique=True)))
    symbols = alphabet(0xC0, 8, ac=True)

    after = canonical(entry, used, symbols)
    kept = [every[number] for number in used]
    again = {number for number, code in enumerate(spelt(after)) if code in kept}

    assert set(kept) <= set(spelt(after))
    assert len(after) <= len(entry)
    assert canonical(after, again, symbols) == after


def ac_symbols(largest: int, ends: set[int]) -> set[int]:
    """Run and size of T.81, table F.1 and figure G.2."""
    return {run * 16 + size for run in range(16) for size in range(1, largest + 1)} | ends


@pytest.mark.parametrize(
    ("sof", "precision", "ac", "refining", "symbols"),
    [
        (0xC0, 8, False, False, set(range(12))),  # T.81, table F.1
        (0xC1, 12, False, False, set(range(16))),
        (0xC2, 8, False, False, set(range(12))),
        (0xC3, 8, False, False, set(range(17))),  # table H.2
        (0xC3, 16, False, False, set(range(17))),
        (0xC0, 8, True, False, ac_symbols(10, {0x00, 0xF0})),  # table F.2
        (0xC1, 12, True, False, ac_symbols(14, {0x00, 0xF0})),
        (0xC2, 8, True, False, ac_symbols(10, {run * 16 for run in range(16)})),  # table G.1
        (0xC2, 12, True, False, ac_symbols(14, {run * 16 for run in range(16)})),
        (0xC2, 8, True, True, ac_symbols(1, {run * 16 for run in range(16)})),  # G.1.2.3
    ],
)
def test_symbols_of_each_process(sof: int, precision: int, ac: bool, refining: bool, symbols: set[int]) -> None:
    """What a code may stand for is a finite list."""
    assert alphabet(sof, precision, ac, refining) == symbols


@pytest.mark.usefixtures("twins")
@pytest.mark.parametrize(
    ("symbol", "allowed"), [(0x0A, True), (0x0B, False), (0xFA, True), (0xFB, False), (0x10, False)]
)
def test_foreign_symbols_of_a_long_picture_are_refused(
    symbol: int, allowed: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where no walk is made, a table may hold what the process knows, and nothing else."""
    raw = grey(DC, codes({2: b"\x00", 3: bytes([symbol])}), ["000"])
    monkeypatch.setattr(scan, "WALK_LIMIT", 0)
    monkeypatch.setattr(scan, "LONG_WALK_LIMIT", 0)

    if allowed:
        assert strip(raw)[0] == raw
    else:
        with pytest.raises(UnsupportedFeature, match="no symbols of the process"):
            strip(raw)


@pytest.mark.usefixtures("twins")
def test_the_limit_of_a_walk_is_inclusive(monkeypatch: pytest.MonkeyPatch) -> None:
    """A picture of exactly so many coded bytes is walked, one of a byte more is passed through."""
    raw = grey(DC, FLAT, ["000"])
    monkeypatch.setattr(scan, "WALK_LIMIT", 1)
    assert "jpeg-entropy-slack" not in inspect(raw).residuals
    monkeypatch.setattr(scan, "WALK_LIMIT", 0)
    assert "jpeg-entropy-slack" in inspect(raw).residuals


def test_a_table_of_256_codes_is_read() -> None:
    """T.81, B.2.4.2: a symbol is a byte, so there are no more; all but those in use go."""
    raw = grey(DC, codes({2: b"\x00", 9: bytes(range(1, 200)), 16: bytes(range(200, 256))}), ["000"])

    assert stripped(raw) == grey(DC, codes({2: b"\x00"}), ["000"])


def test_tables_that_decoders_assume_are_written() -> None:
    """Frames of Motion JPEG leave out the tables of T.81, K.3 to K.6; libjpeg-turbo shows them."""
    plain = samples.saved(samples.picture(), "JPEG")
    raw = plain
    while b"\xff\xc4" in raw:
        raw = without(raw, 0xC4)

    assert stripped(raw) == plain


@pytest.mark.parametrize("sof", [0xC0, 0xC1, 0xC2, 0xC3, 0xC9, 0xCA])
def test_every_process_is_read(sof: int) -> None:
    """T.81, table B.1: all but the hierarchical ones; their tables are conditioning where they are arithmetic-coded."""
    spectral = {0xC2: b"\x00\x00\x00", 0xCA: b"\x00\x00\x00"}.get(
        sof, b"\x01\x00\x00" if sof & 3 == 3 else b"\x00\x3f\x00"
    )
    raw = grey(codes({1: b"\x00"}), FLAT, ["0" * 64], sof=sof, spectral=spectral)

    data = strip(raw)[0]

    assert data == strip(data)[0]
    assert data.count(b"\xff\xc4") == {0xC0: 2, 0xC1: 2, 0xC2: 1, 0xC3: 1}.get(sof, 0)
    assert (b"\xff" + bytes([0xC0 if sof == 0xC1 else sof]) + b"\x00\x0b") in data
    assert "jpeg-entropy-slack" not in inspect(raw).residuals


def test_lossless_arithmetic_coding_is_refused() -> None:
    """T.81, table B.1: SOF11, which no common decoder shows."""
    raw = grey(codes({1: b"\x00"}), FLAT, ["0" * 64], sof=0xCB, spectral=b"\x01\x00\x00")

    with pytest.raises(UnsupportedFeature, match="jpeg SOS at byte"):
        strip(raw)


def test_parameters_of_a_lossless_scan_without_a_choice_are_zero() -> None:
    """T.81, table B.3: the predictor and the point transform stay, Se and Ah are 0."""
    raw = grey(codes({1: b"\x00"}), FLAT, ["0" * 64], sof=0xC3, spectral=b"\x05\x3f\x71")

    assert segment(0xDA, b"\x01\x01\x00\x05\x00\x01") in strip(raw)[0]


def test_parameters_of_a_sequential_scan_are_fixed() -> None:
    """T.81, table B.3: 0, 63, 0; other numbers mean nothing to a decoder."""
    raw = grey(DC, FLAT, ["000"], spectral=b"\x05\x07\x71")

    assert segment(0xDA, b"\x01\x01\x00\x00\x3f\x00") in strip(raw)[0]
    assert strip(raw)[0] == strip(grey(DC, FLAT, ["000"]))[0]


@pytest.mark.parametrize(("sof", "symbol", "known"), [(0xC2, 0xFF, True), (0xC0, 0xFF, True), (0xC0, 0xE0, False)])
def test_symbols_that_a_decoder_knows_are_no_flaw_by_themselves(sof: int, symbol: int, known: bool) -> None:
    """T.81, F.1.2.2.1, G.1.2.2: of a progressive AC table all 256, of a sequential one those with a size, 00 and F0."""
    assert scan.is_canonical(read_frame(sof), b"\x10" + codes({2: bytes([symbol])})) is known


def read_frame(sof: int) -> FrameHeader:
    """A frame header of one component."""
    return FrameHeader(sof, 8, 8, 8, (Component(1, 1, 1, 0),))


def test_runs_of_zeros_are_counted() -> None:
    """T.81, G.1.2.2: three runs of 16 and one of 14 before coefficient 63; the block has no end of its own."""
    head = b"\xff\xd8" + segment(0xDB, b"\x00" + bytes([1] * 64))
    head += segment(0xC2, b"\x08\x00\x08\x00\x08\x01\x01\x11\x00") + segment(0xC4, b"\x00" + DC)
    table = segment(0xC4, b"\x10" + codes({2: b"\xe1\xf0"}))
    dc = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + packed("0")
    ac = segment(0xDA, b"\x01\x01\x00\x01\x3f\x00") + packed("01" * 3 + "00" + "1")
    raw = head + dc + table + ac + b"\xff\xd9"

    assert "jpeg-entropy-slack" not in inspect(raw).residuals
    assert stripped(raw[:-2] + b"X\xff\xd9") == stripped(raw) == raw


def test_refinement_stops_at_its_band() -> None:
    """T.81, G.1.2.3: a coefficient of another band has no correction bit, though it is not zero."""
    head = b"\xff\xd8" + segment(0xDB, b"\x00" + bytes([8] * 64))
    head += segment(0xC2, b"\x08\x00\x08\x00\x08\x01\x01\x11\x00") + segment(0xC4, b"\x00" + DC)
    head += segment(0xC4, b"\x10" + codes({2: b"\x00\x01", 6: b"\x10"}))
    dc = segment(0xDA, b"\x01\x01\x00\x00\x00\x00") + packed("0")
    low = segment(0xDA, b"\x01\x01\x00\x01\x05\x01") + packed("011" + "00")  # coefficient 1 is 2, end of block
    high = segment(0xDA, b"\x01\x01\x00\x06\x3f\x01") + packed("011" + "00")  # so is coefficient 6
    refine = segment(0xDA, b"\x01\x01\x00\x01\x05\x10") + packed("100000" + "0" + "1")  # EOB1, the first of two blocks
    raw = head + dc + low + high + refine + b"\xff\xd9"

    assert "jpeg-entropy-slack" not in inspect(raw).residuals
    assert stripped(raw[:-2] + b"X\xff\xd9") == stripped(raw)

"""Parameter sets of HEVC field by field, as H.265 7.3.2 and annex E spell them: what stays, what goes, what comes.

A set is spelled once, as fields ``u4:9`` (4 bits) or ``ue:3`` (Exp-Golomb, 9.2): a plain one is kept, ``-`` marks a
field that is read and dropped, ``+`` one that is written and was not there.
"""

from __future__ import annotations

import re

import pytest

from rmexif.containers.isobmff.hevc_parameter_sets import read_pps, read_sps, write_vps
from rmexif.errors import MalformedImage, UnsupportedFeature

SPS_HEAD = (
    "u4:3 u3:1 u1:1"  # VPS 3, 2 sub-layers, nesting
    " u2:0 u1:0 u5:4 u32:134217728 u4:9"  # general_profile_idc 4 and its compatibility flag; progressive, frame only
    " u10:512 -u34:12345678901 +u34:0 u8:93"  # nine constraint flags of the profile, reserved bits, level 3.1
    " -u2:3 +u2:0 -u14:5461 +u14:0"  # the sub-layer has a profile and a level; reserved bits
    " -u44:1 -u44:2 -u8:90"  # the sub-layer's own
    " ue:2 ue:1 ue:63 ue:47 u1:1 ue:0 ue:1 ue:0 ue:1"  # id, 4:2:0, 63 x 47 px, window
    " ue:2 ue:0 ue:4 u1:0 ue:4 ue:2 ue:0"  # 10 and 8 bit, order count, buffering of the highest sub-layer only
    " ue:0 ue:3 ue:0 ue:3 ue:1 ue:2"  # blocks
)
SCALING = (
    " u1:1 u1:1"
    + (" u1:1" + " ue:2" * 16 + " u1:0 ue:0" * 5)
    + (" u1:0 ue:1" * 6) * 2
    + " u1:1"
    + (" ue:8" * 65 + " u1:0 ue:0")
)  # one list of 16 numbers, one of 64 and its DC, the others as a list before
TOOLS = " u2:3 u1:1 u4:7 u4:7 ue:0 ue:1 u1:1"  # amp, offset; PCM of 8 bits, its sizes, its loop filter
REFERENCES = (
    " ue:3"  # three short-term reference picture sets
    " ue:1 ue:1 ue:0 u1:1 ue:2 u1:0"  # the first: one picture before, one ahead
    " u1:1 u1:1 ue:0 u1:1 u1:0 u1:1 u1:0 u1:0"  # the second, predicted: used, use_delta, neither
    " u1:0 ue:0 ue:0"  # the third: none
    " u1:1 ue:1 u8:200 u1:1"  # one long-term picture: 8 bits of order count, used
    " u2:3"  # temporal prediction, smoothing
)
VUI = (
    " u1:1 -u1:1 -u8:255 -u16:16 -u16:11 -u1:1 -u1:1 +u2:0"  # aspect ratio 16:11, overscan
    " u1:1 -u3:1 +u3:5 u1:1 u1:1 u8:9 u8:16 u8:9"  # PAL becomes unspecified; full range, BT.2020, PQ
    " u1:1 ue:2 ue:3"  # chroma locations
    " -u3:7 -u1:1 -ue:1 -ue:2 -ue:3 -ue:4"  # fields, display window
    " -u1:1 -u32:1001 -u32:30000 -u1:1 -ue:6 -u1:1"  # timing, with a buffer model
    " -u1:1 -u1:1 -u1:1 -u19:77 -u12:99 -u15:1234"  # NAL and VCL, sub-picture parameters, scales and lengths
    " -u1:1 -ue:7 -ue:1" + (" -ue:9" * 4 + " -u1:1") * 4  # first sub-layer: fixed rate, two buffers of two kinds
    + " -u1:0 -u1:0 -u1:1" + (" -ue:9" * 4 + " -u1:0") * 2  # second: low delay, one buffer
    + " -u1:1 -u3:5 -ue:1 -ue:2 -ue:3 -ue:4 -ue:5 +u6:0"  # bitstream restrictions
)  # fmt: skip
RANGE_AND_SCREEN = (
    " u1:1 u1:1 -u1:1 +u1:0 u1:0 u1:1 -u4:5 +u4:0"  # extensions: range, layers, screen content, and reserved ones
    " u9:341 -u1:1"  # range flags; the one bit for layers
    " u1:1 u1:1 ue:31 ue:9 u1:1 ue:1 u10:1023 u10:5 u8:200 u8:1 u8:2 u8:3 u2:2 u1:1"  # palette of two entries
)
PPS_HEAD = (
    "ue:5 ue:2 u7:66 ue:1 ue:2 ue:0 u2:1 u1:1 ue:1 ue:3 ue:4 u4:10"
    " u1:1 u1:0 ue:1 ue:2 u1:0 ue:3 ue:4 ue:5 u1:1"  # tiles: two columns, three rows, sizes of all but the last
    " u1:1 u1:1 u1:1 u1:0 ue:3 ue:4 u1:0 u1:1 ue:2 u1:0"  # deblocking with offsets, merge level, no slice extension
)


def golomb(value: int) -> str:
    """ue(v), 9.2."""
    digits = f"{value + 1:b}"
    return "0" * (len(digits) - 1) + digits


def both(kind: int, text: str) -> tuple[bytes, bytes]:
    """The NAL unit as it comes, and as it is expected."""
    given = written = ""
    for mark, form, value in re.findall(r"([-+]?)(ue|u\d+):(\d+)", text):
        count = int(form[1:]) if form != "ue" else 0
        digits = golomb(int(value)) if form == "ue" else f"{int(value):0{count}b}"
        assert form == "ue" or len(digits) == count, f"{value} does not fit {form}"
        given += "" if mark == "+" else digits
        written += "" if mark == "-" else digits
    return nal(kind, given), nal(kind, written)


def nal(kind: int, digits: str) -> bytes:
    """A NAL unit of the base layer with trailing bits and emulation prevention (7.3.1.1, 7.3.2.11)."""
    digits += "1"
    digits += "0" * (-len(digits) % 8)
    data = int(digits, 2).to_bytes(len(digits) // 8, "big")
    return bytes((kind << 1, 1)) + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data)


SETS = {
    "plain": (33, SPS_HEAD + " u1:0" + TOOLS + REFERENCES + " u1:0 u1:0"),
    "scaling lists": (33, SPS_HEAD + SCALING + TOOLS + REFERENCES + " u1:0 u1:0"),
    "usability": (33, SPS_HEAD + " u1:0" + TOOLS + REFERENCES + VUI + " u1:0"),
    "empty usability": (33, SPS_HEAD + " u1:0" + TOOLS + REFERENCES + " -u1:1 -u14:0 +u1:0 u1:0"),
    "extensions": (33, SPS_HEAD + " u1:0" + TOOLS + REFERENCES + " u1:0" + RANGE_AND_SCREEN),
    "unknown extension": (33, SPS_HEAD + " u1:0" + TOOLS + REFERENCES + " u1:0 -u1:1 -u8:1 -u32:3405691582 +u1:0"),
    "picture": (34, PPS_HEAD + " u1:0"),
    "picture, range": (34, PPS_HEAD + " u1:1 u8:128 ue:1 u1:1 u1:1 ue:1 ue:1 ue:2 ue:3 ue:4 ue:5 ue:0 ue:1"),
    "picture, screen": (
        34,
        PPS_HEAD + " u1:1 u8:16 u1:1 u1:1 u1:1 ue:1 ue:2 ue:3 u1:1 ue:2 u1:0 ue:2 ue:0 u10:1 u10:2 u8:3 u8:4 u8:5 u8:6",
    ),
    "picture, grey palette": (34, PPS_HEAD + " u1:1 u8:16 u1:0 u1:0 u1:1 ue:1 u1:1 ue:0 u8:255"),
    "picture, empty palette": (34, PPS_HEAD + " u1:1 u8:16 u1:0 u1:0 u1:1 ue:0"),
}


def reserialised(given: bytes) -> bytes:
    """A sequence or picture parameter set through our parser."""
    return read_sps(given).nal if given[0] >> 1 == 33 else read_pps(given).nal


@pytest.mark.parametrize("name", SETS)
def test_fields_that_slices_need_stay(name: str) -> None:
    """The canonical set is the one that the syntax table gives; it is a fixed point."""
    given, expected = both(*SETS[name])

    assert reserialised(given) == expected
    assert reserialised(expected) == expected


def test_what_is_read_of_a_sequence() -> None:
    """Size, formats and numbers that the decoder configuration repeats."""
    found = read_sps(both(*SETS["usability"])[0])

    assert (found.vps_id, found.sub_layers, found.temporal_id_nesting) == (3, 2, 1)
    assert (found.size, found.format, found.buffering) == ((63, 47), (1, 2, 0), (4, 2, 0))
    assert found.profile == bytes.fromhex("04 08000000 980000000000 5d")
    _, expected = both(
        32, "u4:3 u2:3 u6:0 u3:1 u1:1 u16:65535 u8:4 u32:134217728 u4:9 u10:512 u34:0 u8:93 u16:0 u1:0 ue:4 ue:2 ue:0"
        " u6:0 ue:0 u2:0"
    )  # fmt: skip
    assert write_vps([found]) == expected


@pytest.mark.parametrize("name", SETS)
def test_every_prefix_is_refused_with_the_place_of_the_set(name: str) -> None:
    """A set that ends early: the error names it, and the byte of the file at which it lies."""
    given, _ = both(*SETS[name])
    read, structure = (read_sps, "SPS") if given[0] >> 1 == 33 else (read_pps, "PPS")
    refused = 0
    for length in range(2, len(given) - 1):
        try:
            read(given[:length], 4711)
        except MalformedImage as error:
            assert (error.structure, error.offset) == (f"isobmff HEVC {structure}", 4711)
            refused += 1
    assert refused >= 0.9 * (len(given) - 3)


@pytest.mark.parametrize(
    ("kind", "text", "error", "problem"),
    [
        (33, "u4:0 u3:7", MalformedImage, "8 sub-layers, at most 7"),
        (33, SPS_HEAD.replace("ue:2 ue:1 ue:63", "ue:16 ue:1 ue:63"), MalformedImage, "is 16, at most 15"),
        (33, SPS_HEAD.replace("ue:2 ue:0 ue:4 u1:0", "ue:9 ue:0 ue:4 u1:0"), MalformedImage, "is 9, at most 8"),
        (33, SPS_HEAD + " u1:0" + TOOLS + " ue:65", MalformedImage, "is 65, at most 64"),
        (
            33,
            SPS_HEAD + " u1:0" + TOOLS + REFERENCES + VUI.replace("-ue:7 -ue:1", "-ue:7 -ue:32"),
            MalformedImage,
            "33 buffers, at most 32",
        ),
        (33, SPS_HEAD + " u1:0" + TOOLS + REFERENCES + " u1:0 u1:1 u8:48", UnsupportedFeature, "3D extension"),
        (34, PPS_HEAD.removesuffix("u1:0") + "u1:1", UnsupportedFeature, "slice headers"),
        (34, PPS_HEAD + " u1:1 u8:80", UnsupportedFeature, "extension for layers"),
    ],
)
def test_what_no_field_allows_is_refused(kind: int, text: str, error: type[Exception], problem: str) -> None:
    """Numbers above what a field allows, and extensions that cannot be stepped over."""
    with pytest.raises(error, match=problem):
        reserialised(both(kind, text + " u32:0 u32:0")[0])


def test_the_bits_of_scaling_lists_are_counted() -> None:
    """A residual says how many there are: steps that no coefficient uses are the writer's."""
    spelled = SCALING.replace(" u1:1 u1:1", "", 1)  # without the two flags before the lists
    bits = sum(len(golomb(int(value))) if form == "ue" else 1 for form, value in re.findall(r"(ue|u1):(\d+)", spelled))
    assert read_sps(both(*SETS["scaling lists"])[0]).scaling == bits
    assert read_sps(both(*SETS["plain"])[0]).scaling == 0

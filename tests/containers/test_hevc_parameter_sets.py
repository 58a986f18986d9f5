"""Parameter sets of HEVC: what they lose, and that decoders show the same pictures without it."""

from __future__ import annotations

import io
import re
import struct
import subprocess

import numpy as np
import pillow_heif
import pytest
from PIL import Image

from rmexif import InputError, UnsupportedFeature, inspect, strip, verify
from rmexif.containers.common.gathered import Gathered
from rmexif.containers.isobmff import hevc, hevc_parameter_sets
from rmexif.containers.isobmff.boxes import Tally
from rmexif.cursor import Cursor
from rmexif.types import Limits

pillow_heif.register_heif_opener()

TEXT = b"planted in a parameter set"
STREAMS = {  # options of x265, and the layout of pixels
    "hrd": ("hrd=1:vbv-maxrate=1000:vbv-bufsize=2000", "yuv420p"),
    "scaling lists": ("scaling-list=default", "yuv420p"),
    "sub-layers": ("temporal-layers=3:bframes=8:b-pyramid=1:ref=5", "yuv420p"),
    "display": (
        "sar=16:11:overscan=crop:videoformat=pal:range=full:colorprim=bt2020:transfer=smpte2084:colormatrix=bt2020nc"
        ":chromaloc=2:display-window=2,2,2,2",
        "yuv420p",
    ),
    "slices": ("wpp=1:slices=2:repeat-headers=1:aud=1:info=1", "yuv420p"),
    "transform skip": ("cu-lossless=1:tskip=1:weightp=1:weightb=1:amp=1:rect=1", "yuv420p"),
    "sets in the sequence": ("multi-pass-opt-rps=1:opt-ref-list-length-pps=1:opt-qp-pps=1", "yuv420p"),
    "4:4:4": ("", "yuv444p"),
    "4:2:2, 10 bit": ("", "yuv422p10le"),
    "grey, 12 bit": ("", "gray12le"),
}


def heic(**settings: object) -> bytes:
    """A small picture by x265, with everything that it says about itself."""
    gradient = np.indices((64, 96)).sum(axis=0).astype(np.uint8)
    out = io.BytesIO()
    Image.fromarray(np.dstack([gradient, gradient[::-1], gradient // 2])).save(out, "HEIF", **settings)
    return out.getvalue()


def pixels(data: bytes) -> bytes:
    return Image.open(io.BytesIO(data)).tobytes()


def bits(data: bytes) -> str:
    """The bits of a NAL unit's content, up to the stop bit, which is not among them."""
    plain = data[2:].replace(b"\0\0\3", b"\0\0")
    return f"{int.from_bytes(plain, 'big'):0{8 * len(plain)}b}".rstrip("0")[:-1]


def unit(head: bytes, text: str) -> bytes:
    """A NAL unit with these bits."""
    text += "1"
    text += "0" * (-len(text) % 8)
    data = int(text, 2).to_bytes(len(text) // 8, "big")
    return head + re.sub(rb"\0\0(?=[\0-\3])", b"\0\0\3", data)


def configuration(raw: bytes) -> tuple[int, list[bytes]]:
    """Where hvcC starts, and its parameter sets."""
    at = raw.index(b"hvcC") - 4
    place, found = at + 8 + 23, []
    for _ in range(raw[at + 8 + 22]):
        count = struct.unpack_from(">H", raw, place + 1)[0]
        place += 3
        for _ in range(count):
            length = struct.unpack_from(">H", raw, place)[0]
            found.append(raw[place + 2 : place + 2 + length])
            place += 2 + length
    return at, found


def with_sets(raw: bytes, sets: list[bytes]) -> bytes:
    """The file with other parameter sets in its one hvcC, sizes and offsets put right."""
    at, _ = configuration(raw)
    end = at + struct.unpack_from(">I", raw, at)[0]
    body = raw[at + 8 : at + 8 + 22] + bytes([len(sets)])
    body += b"".join(
        bytes([0x80 | one[0] >> 1]) + struct.pack(">H", 1) + struct.pack(">H", len(one)) + one for one in sets
    )
    more = len(body) + 8 - (end - at)
    out = bytearray(raw[:at] + struct.pack(">I", len(body) + 8) + b"hvcC" + body + raw[end:])
    for name in (b"meta", b"iprp", b"ipco"):
        place = out.index(name) - 4
        struct.pack_into(">I", out, place, struct.unpack_from(">I", out, place)[0] + more)
    place = out.index(b"iloc")
    assert out[place + 4] == 0
    assert out[place + 8] == 0x44, "offsets and lengths of four bytes"
    base = 4 if out[place + 9] >> 4 == 4 else 0
    (count,) = struct.unpack_from(">H", out, place + 10)
    place += 12
    for _ in range(count):
        (extents,) = struct.unpack_from(">H", out, place + 4 + base)
        place += 6 + base
        for _ in range(extents):
            struct.pack_into(">I", out, place, struct.unpack_from(">I", out, place)[0] + more)
            place += 8
    return bytes(out)


def extended(one: bytes) -> bytes:
    """A parameter set whose last flag said "no extension", with a text as extension data."""
    text = "".join(f"{byte:08b}" for byte in TEXT)
    return unit(one[:2], bits(one)[:-1] + "1" + ("" if one[0] >> 1 == 32 else "00000001") + text)


@pytest.mark.parametrize("kind", [32, 33, 34], ids=["VPS", "SPS", "PPS"])
def test_extension_data_is_gone(kind: int) -> None:
    """What lies behind the fields that a decoder of one layer reads is not written again."""
    raw = heic()
    _, sets = configuration(raw)
    planted = with_sets(raw, [extended(one) if one[0] >> 1 == kind else one for one in sets])
    if kind != 34:  # libde265 takes no extension of a PPS that it does not know; others do
        assert pixels(planted) == pixels(raw), "a decoder does not see it"

    clean, _ = strip(planted)

    assert clean == strip(raw)[0]
    assert pixels(clean) == pixels(raw)
    assert verify(clean, canonical=True) == []
    assert verify(planted)
    assert any("hvcC" in finding.where for finding in inspect(planted).findings)


def test_a_video_parameter_set_is_made_anew() -> None:
    """Its fields say nothing that one layer needs; bytes behind its end are gone, too."""
    raw = heic()
    _, sets = configuration(raw)
    odd = [one[:12] + TEXT if one[0] >> 1 == 32 else one for one in sets]

    assert strip(with_sets(raw, odd))[0] == strip(raw)[0]


def test_timing_of_an_encoder_is_gone() -> None:
    """x265 writes a frame rate into a still; ExifTool cannot see it, but whoever looks at bits can."""
    raw = heic()
    sequence = next(one for one in configuration(raw)[1] if one[0] >> 1 == 33)
    clean = next(one for one in configuration(strip(raw)[0])[1] if one[0] >> 1 == 33)

    assert f"{25:032b}{1:032b}" in bits(sequence)
    assert f"{25:032b}" not in bits(clean)


def test_slice_headers_with_extensions_are_refused() -> None:
    """They may hold 256 bytes of anything per slice."""
    raw = heic()
    _, sets = configuration(raw)
    marked = [unit(one[:2], bits(one)[:-2] + "10") if one[0] >> 1 == 34 else one for one in sets]
    with pytest.raises(UnsupportedFeature, match="slice headers"):
        strip(with_sets(raw, marked))


def test_sets_between_slices_are_reserialised() -> None:
    """A sequence may carry its parameter sets beside the slices: the same rules, once each, and stable."""
    _, sets = configuration(heic())
    picture, rest = (bytes((1 << 1, 1, first)) + b"coded" for first in (0x80, 0))

    def data(nals: list[bytes]) -> Gathered:
        return Gathered.of(memoryview(b"".join(struct.pack(">I", len(nal)) + nal for nal in nals)))

    empty = hevc.read_hvcc(Cursor(memoryview(b"\x01" + bytes(20) + b"\x03\0"), "hvcC"), Tally(Limits()))
    odd = [extended(one) for one in sets]
    first = hevc.filter_hevc(data([*odd, picture, *odd, rest]), empty, Tally(Limits()), still=False)
    again = hevc.filter_hevc(Gathered.of(memoryview(first.bytes())), empty, Tally(Limits()), still=False)

    assert "rewritten" in {why for _, _, why in first.spans}
    assert again.bytes() == first.bytes()
    assert {why for _, _, why in again.spans} == {""}
    assert first.size == (96, 64)
    known = [
        hevc_parameter_sets.write_vps([hevc_parameter_sets.read_sps(sets[1])]),
        hevc_parameter_sets.read_sps(sets[1]).nal,
    ]
    known.append(hevc_parameter_sets.read_pps(sets[2]).nal)
    assert first.bytes() == bytes(data([*known, picture, *known, rest]).data)


@pytest.mark.parametrize("name", STREAMS)
def test_ffmpeg_decodes_the_same(name: str) -> None:
    """A second decoder sees the same pictures in streams that use what the syntax has: bit by bit."""
    program = pytest.importorskip("imageio_ffmpeg", reason="ffmpeg is not installed").get_ffmpeg_exe()
    options, layout = STREAMS[name]

    def ffmpeg(*words: str, given: bytes = b"") -> bytes:
        quiet = [program, "-hide_banner", "-loglevel", "error"]
        return subprocess.run([*quiet, *words, "-"], input=given, capture_output=True, check=True).stdout

    source = ("-f", "lavfi", "-i", "testsrc2=s=192x144:d=1:r=8", "-pix_fmt", layout, "-c:v", "libx265")
    settings = f"log-level=none:{options}".rstrip(":")
    stream = ffmpeg(*source, "-preset", "fast", "-x265-params", settings, "-f", "hevc")
    nals = [one for one in re.split(b"\0\0\0?\1", stream) if one]
    sequences = [hevc_parameter_sets.read_sps(one) for one in nals if one[0] >> 1 == 33]
    write = {
        32: lambda _: hevc_parameter_sets.write_vps(sequences[:1]),
        33: lambda one: hevc_parameter_sets.read_sps(one).nal,
        34: lambda one: hevc_parameter_sets.read_pps(one).nal,
    }
    fresh = [write.get(one[0] >> 1, bytes)(one) for one in nals]
    assert fresh != nals
    assert [write.get(one[0] >> 1, bytes)(one) for one in fresh] == fresh

    clean = b"".join(b"\0\0\0\1" + one for one in fresh)
    shown = [ffmpeg("-f", "hevc", "-i", "-", "-f", "rawvideo", given=data) for data in (stream, clean)]
    assert len(shown[0]) >= 8 * 192 * 144
    assert shown[0] == shown[1]


def test_any_bytes_give_a_set_or_an_input_error() -> None:
    """Cut short, or with any one byte changed."""
    _, sets = configuration(heic())
    for kind, read in ((33, hevc_parameter_sets.read_sps), (34, hevc_parameter_sets.read_pps)):
        one = next(found for found in sets if found[0] >> 1 == kind)
        changed = [one[:end] for end in range(2, len(one))]
        changed += [
            one[:at] + bytes([value]) + one[at + 1 :] for at in range(2, len(one)) for value in range(0, 256, 5)
        ]
        for data in changed:
            try:
                fresh = read(data)
            except InputError:
                continue
            assert read(getattr(fresh, "nal", fresh)) == fresh

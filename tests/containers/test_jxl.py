"""JPEG XL: boxes, headers bit by bit, ICC streams, frames. libjxl is the judge of what a file shows."""

from __future__ import annotations

import contextlib
import json
import sys
from dataclasses import replace

import brotli
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rmexif import icc as profiles
from rmexif.containers import rebuild
from rmexif.containers.jxl import JXL, frame_header, icc, image_header
from rmexif.containers.jxl.bits import BitReader, BitWriter
from rmexif.errors import InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import CLEAN, Container, Limits, Packing, PayloadKind, Role
from tests import sets
from tests.containers import jxl_files as files
from tests.containers.jxl_files import BOXED, SECRET, Dirty, bits_of, box, decoded, encoded, picture, profile_of

LOSSY, LOSSLESS = encoded(picture(), quality=90), encoded(picture(), lossless=True)
ALPHA = encoded(picture(channels=4), lossless=True)
EXIF = b"\0\0\0\0MM\0*" + SECRET
ADOBE = files.profile(files.ADOBE, 563 / 256)


def parse(raw: bytes, limits: Limits | None = None) -> Container:
    """Parse, and check that the parts tile the file."""
    container = JXL.parse(memoryview(raw), limits or Limits())
    at = 0
    for part in container.parts:
        assert part.offset == at
        at = part.end
    assert at == len(raw)
    return container


def clean(raw: bytes) -> bytes:
    """Rebuild, and check that this is a clean fixed point."""
    out = rebuild(memoryview(raw), parse(raw))
    again = parse(out)
    assert all(part.role in CLEAN for part in again.parts)
    assert rebuild(memoryview(out), again) == out
    return out


def with_head(raw: bytes, dirty: BitWriter, **changes: object) -> bytes:
    """A bare codestream with its image header written again by ``dirty``."""
    image, frames, _ = files.split(raw)
    dirty.bits(16, 0x0AFF)
    image_header.image_header(dirty, replace(image, **changes))
    dirty.align()
    return bytes(dirty.out) + frames


def test_signatures() -> None:
    """A bare codestream and the signature box are JPEG XL, JPEG and JPEG 2000 are not."""
    assert JXL.matches(LOSSY)
    assert JXL.matches(BOXED)
    assert not JXL.matches(b"\xff\xd8\xff")
    assert not JXL.matches(b"\0\0\0\x0cjP  \r\n\x87\n")


@pytest.mark.parametrize(
    "raw", [LOSSY, LOSSLESS, ALPHA, encoded(picture(channels=1)), encoded(picture(530, 300), effort=3)]
)
def test_libjxl_writes_clean_files(raw: bytes) -> None:
    """Our canonical headers are the ones that libjxl writes, so a plain file stays byte for byte."""
    assert clean(raw) == raw


def test_boxes_go_and_are_named() -> None:
    """Only the codestream stays; every other box is a part with its payload."""
    hidden = {
        b"Exif": (EXIF, PayloadKind.EXIF, EXIF[4:]),
        b"xml ": (SECRET, PayloadKind.XMP, SECRET),
        b"jumb": (SECRET, PayloadKind.JUMBF, SECRET),
        b"jhgm": (SECRET, PayloadKind.PICTURE, SECRET),
        b"jbrd": (SECRET, PayloadKind.UNKNOWN, SECRET),
        b"uuid": (SECRET, PayloadKind.UNKNOWN, SECRET),
        b"Zz\xe9\0": (SECRET, PayloadKind.UNKNOWN, SECRET),
        b"brob": (b"xml " + brotli.compress(SECRET), PayloadKind.XMP, brotli.compress(SECRET)),
    }
    raw = BOXED + b"".join(box(kind, data) for kind, (data, _, _) in hidden.items()) + box(b"jxlc", LOSSY)
    raw += box(b"Exif", EXIF) + SECRET
    parts = parse(raw).parts

    assert {part.label for part in parts if part.role in CLEAN} >= {"JXL ", "ftyp", "jxlc", "codestream/frame"}
    for kind, (_, payload, body) in hidden.items():
        part = next(part for part in parts if part.label == kind.decode("latin-1"))
        assert part.role not in CLEAN
        assert part.payload is payload
        assert part.packing is (Packing.BROTLI if kind == b"brob" else None)
        assert bytes(part.body(memoryview(raw))) == body
    assert parts[-1].role is Role.TRAILER
    assert clean(raw) == LOSSY


def test_parts_of_a_codestream_are_joined() -> None:
    """jxlp boxes hold a codestream in pieces, wherever they are cut."""
    for cuts in ((1, 2), (3, 30), (len(LOSSY) - 1, len(LOSSY))):
        pieces = [LOSSY[: cuts[0]], LOSSY[cuts[0] : cuts[1]], b"", LOSSY[cuts[1] :]]
        last = len(pieces) - 1
        boxes = [
            box(b"jxlp", (k | (k == last) << 31).to_bytes(4, "big") + piece) + box(b"free", SECRET)
            for k, piece in enumerate(pieces)
        ]
        assert clean(BOXED + b"".join(boxes)) == LOSSY


@pytest.mark.parametrize(
    "tail",
    [
        b"",
        box(b"jxlc", LOSSY) + box(b"jxlc", LOSSY),
        box(b"jxlp", b"\0\0\0\1" + LOSSY),
        box(b"jxlp", b"\x80\0\0\0" + LOSSY) + box(b"jxlp", b"\0\0\0\1"),
        box(b"jxlp", b"\0\0"),
        box(b"jxlc", LOSSY[:-1]),
        box(b"jxlc", LOSSY)[:-1],
        box(b"jxlc", LOSSY) + box(b"jxll", b"\n"),
        b"\0\0\0\4jxlc",
    ],
)
def test_broken_boxes_are_refused(tail: bytes) -> None:
    """No codestream, two, parts out of order, truncation, a level that comes late."""
    with pytest.raises(MalformedImage):
        parse(BOXED + tail)


def test_sizes_of_boxes() -> None:
    """A 64-bit size, and zero for the last box."""
    long = b"\0\0\0\1jxlc" + (16 + len(LOSSY)).to_bytes(8, "big") + LOSSY

    assert clean(BOXED + long) == clean(BOXED + b"\0\0\0\0jxlc" + LOSSY) == LOSSY


def test_level_10_stays_in_boxes() -> None:
    """A bare codestream means level 5, so a file of level 10 keeps the least boxes that say so."""
    raw = BOXED + box(b"jxll", b"\n") + box(b"jxlc", LOSSY)

    assert clean(raw) == raw
    assert clean(BOXED + box(b"jxll", b"\5") + box(b"jxlc", LOSSY)) == LOSSY
    assert clean(BOXED + box(b"jxll", SECRET) + box(b"jxlc", LOSSY)) == LOSSY


def test_bytes_after_the_last_frame_go() -> None:
    """The table of contents says where a frame ends."""
    assert parse(LOSSY + SECRET).parts[-1].role is Role.TRAILER
    assert clean(LOSSY + SECRET) == LOSSY


def test_profile_of_an_encoder_is_read() -> None:
    """The ICC stream of cjxl gives the profile that went in."""
    assert parse(files.ADOBE_LOSSLESS).colour.icc == ADOBE
    assert parse(files.OWN_LOSSY).colour.icc == files.profile(files.OWN, 1.9)


def test_known_profile_becomes_enumerated_values() -> None:
    """Where samples are stored in a known space, the header says it; libjxl then describes the same colours."""
    out = clean(files.ADOBE_LOSSLESS)
    colour = parse(out).colour

    assert colour.icc is None
    assert colour.primaries == pytest.approx(profiles.PRIMARIES["adobe-rgb"])
    assert colour.gamma == pytest.approx(256 / 563, abs=1e-6)
    assert profiles.identify(profile_of(out)) == profiles.identify(ADOBE) == "adobe-rgb"
    assert (decoded(out) == decoded(files.ADOBE_LOSSLESS)).all()


def test_profile_of_xyb_samples_stays_a_profile() -> None:
    """A decoder of XYB chooses its output by the profile, so it stays one, without its texts."""
    out = clean(files.OWN_LOSSY)

    assert parse(out).colour.icc == profiles.clean(files.profile(files.OWN, 1.9))
    assert (decoded(out) == decoded(files.OWN_LOSSY)).all()


def with_stream(coded: bytes) -> bytes:
    """A picture with an ICC stream of these bytes."""
    image, frames, _ = files.split(LOSSLESS)
    bits = BitWriter()
    bits.bits(16, 0x0AFF)
    image_header.image_header(bits, replace(image, colour=image_header.ColourEncoding(icc=True)))
    icc.write_coded(bits, coded)
    bits.align()
    return bytes(bits.out) + frames


@pytest.mark.parametrize("size", [1, 400, 5000])
def test_profiles_are_written_so_that_libjxl_reads_them(size: int) -> None:
    """Our ICC stream, of any bytes, through libjxl."""
    profile = files.longer(files.profile(files.OWN, 1.9), bytes(k * 37 % 251 for k in range(size)))
    image, frames, _ = files.split(LOSSLESS)
    bits = BitWriter()
    bits.bits(16, 0x0AFF)
    image_header.image_header(bits, replace(image, colour=image_header.ColourEncoding(icc=True)))
    icc.write_icc(bits, profile)
    bits.align()

    assert profile_of(bytes(bits.out) + frames) == profile
    assert parse(bytes(bits.out) + frames).colour.icc == profile


def test_foretold_tags() -> None:
    """The tag table by commands, here and in libjxl."""
    coded, profile = files.tag_commands()

    assert profile_of(with_stream(coded)) == profile
    assert parse(with_stream(coded)).colour.icc == profile


def test_foretold_data() -> None:
    """Shuffled and predicted integers, positions and type names, here and in libjxl."""
    raw = with_stream(files.data_commands(files.profile(files.OWN, 1.9)))

    assert parse(raw).colour.icc == profile_of(raw)


@pytest.mark.parametrize(
    "coded",
    [b"", b"\x80", b"\x05\0abc", b"\x05\1abcde", b"\x05\0abcdef", b"\xff\xff\xff\xff\x7f\0", b"\x81\1\0" + bytes(128)]
    + [b"\x90\1" + bytes([len(commands)]) + commands + bytes(128) for commands in files.BROKEN_COMMANDS],
)
def test_broken_streams_are_refused(coded: bytes) -> None:
    """Commands and data that do not fit each other."""
    with pytest.raises(MalformedImage):
        parse(with_stream(coded))


def test_long_profiles_are_refused() -> None:
    """Before they are decoded, and before they are built."""
    with pytest.raises(LimitExceeded):
        parse(with_stream(b"\x81\x80\x80\2\0" + bytes(200)))
    image, _, _ = files.split(LOSSLESS)
    start = BitWriter()
    start.bits(16, 0x0AFF)
    image_header.image_header(start, replace(image, colour=image_header.ColourEncoding(icc=True)))
    start.u64((4 << 20) + 1)
    start.align()
    with pytest.raises(LimitExceeded):
        parse(bytes(start.out))


def test_other_entropy_codes() -> None:
    """ANS, flat distributions and a nested context map give the same profile here and in libjxl."""
    bits = Dirty()
    image, frames, _ = files.split(LOSSLESS)
    bits.bits(16, 0x0AFF)
    image_header.image_header(bits, replace(image, colour=image_header.ColourEncoding(icc=True)))
    stream = files.ans_profile(ADOBE)
    for byte in stream.out:
        bits.bits(8, byte)
    bits.bits(stream._count, stream._word)
    bits.align()
    raw = bytes(bits.out) + frames

    assert profile_of(raw) == ADOBE
    assert parse(raw).colour.icc == ADOBE


def test_broken_profile_gives_the_default_space() -> None:
    """A profile of no use is dropped: decoders show such a picture as sRGB."""
    bits = BitWriter()
    image, frames, _ = files.split(LOSSLESS)
    bits.bits(16, 0x0AFF)
    image_header.image_header(bits, replace(image, colour=image_header.ColourEncoding(icc=True)))
    icc.write_icc(bits, SECRET * 50)
    bits.align()

    assert clean(bytes(bits.out) + frames) == LOSSLESS


def test_names_and_extensions_go() -> None:
    """Names of extra channels and of frames, extensions of the image and of frames."""
    channel = image_header.Channel(depth=image_header.Depth(8), cfa=2)  # a default alpha channel, spelled out
    image, _, start = files.split(ALPHA)
    bits = BitReader(memoryview(ALPHA), "test", start)
    frame = frame_header.frame_header(bits, None, image, (24, 16))
    head, dirty = Dirty(), Dirty(plain=1)
    frame_header.frame_header(dirty, frame, image, (24, 16))
    dirty.bits(1, bits.bits(1))
    body = bits.align()
    dirty.align()
    raw = with_head(ALPHA, head, channels=(channel,))
    raw = raw[: len(head.out)] + bytes(dirty.out) + ALPHA[body:]
    kinds = {part.label: part.role for part in parse(raw).parts}

    assert (decoded(raw) == decoded(ALPHA)).all()
    assert kinds["codestream/header"] is kinds["codestream/frame/header"] is Role.METADATA
    assert clean(raw) == ALPHA


def test_time_codes_go_and_durations_stay() -> None:
    """A frame's SMPTE time code is a time; how long it is shown is animation."""
    image, _, start = files.split(files.ANIMATED)
    timed = replace(image, animation=replace(image.animation, timecodes=True))
    head = Dirty()
    raw = bytearray(with_head(files.ANIMATED, head, animation=timed.animation)[: len(head.out)])
    for part in parse(files.ANIMATED).parts:
        data = files.ANIMATED[part.offset : part.end]
        if part.label == "codestream/frame":
            raw += data
        elif part.label == "codestream/frame/header":
            bits, dirty = BitReader(memoryview(files.ANIMATED), "test", part.offset), Dirty(plain=2)
            frame_header.frame_header(dirty, frame_header.frame_header(bits, None, image, (4, 4)), timed, (4, 4))
            dirty.bits(1, bits.bits(1))
            dirty.align()
            raw += dirty.out + files.ANIMATED[bits.align() : part.end]
    container = parse(bytes(raw))

    assert (container.width, container.height, container.frames) == (4, 4, 3)
    assert (decoded(bytes(raw)) == decoded(files.ANIMATED)).all()
    assert clean(bytes(raw)) == files.ANIMATED
    assert start < len(head.out)


def test_preview_and_intended_size_go() -> None:
    """A preview is another picture; the intended size is no part of this one. Written by hand from the standard."""
    square = encoded(picture(8, 8), quality=90)
    _, frames, _ = files.split(square)
    head = bits_of(
        "255:8 10:8 1:1 0:5 1:3"  # signature; 8 px high, square
        " 0:1 1:1 0:3 1:1 1:1 2:5 1:3"  # not default, extra fields, orientation 1, intended size 24 x 24
        " 1:1 1:1 2:2 0:5 1:3 0:1"  # preview of 8 x 8, no animation
        " 0:1 0:2 1:1 0:2 1:1 1:1 1:1 0:2 1:1"  # 8 bits, 16-bit buffers, no channels, XYB, sRGB, tones, extensions
    )
    raw = head + frames + frames
    kinds = [part.label for part in parse(raw).parts]

    assert (decoded(raw) == decoded(square)).all()
    assert kinds[:2] == ["codestream/header", "codestream/preview"]
    assert clean(raw) == square


def test_weights_that_no_frame_uses_go() -> None:
    """Custom upsampling weights are 420 bytes of anything where nothing is upsampled."""
    raw = with_head(LOSSY, BitWriter(), upsampling=(None, (0x3C00,) * 55, (0x1234,) * 210))

    assert (decoded(raw) == decoded(LOSSY)).all()
    assert clean(raw) == LOSSY


def test_orientation_stays_in_the_codestream() -> None:
    """Decoders turn the picture by themselves, so nothing is left to turn."""
    raw = with_head(LOSSY, BitWriter(), orientation=6)
    container = parse(raw)

    assert container.orientation == 1
    assert (container.width, container.height) == (24, 16)
    assert decoded(clean(raw)).shape == (24, 16, 3)


def test_sections_in_another_order() -> None:
    """Sections that lie centre first are put in natural order; the order could say something."""
    assert (decoded(clean(files.CENTRE_FIRST)) == decoded(files.CENTRE_FIRST)).all()
    assert (decoded(files.CENTRE_FIRST) == 77).all()
    assert parse(files.CENTRE_FIRST).width == 1300


def unseen(raw: bytes, **changes: object) -> bytes:
    """``raw`` with its only frame twice, the first time changed."""
    image, frames, start = files.split(raw)
    bits, first = BitReader(memoryview(raw), "test", start), BitWriter()
    frame = frame_header.frame_header(bits, None, image, (image.width, image.height))
    frame_header.frame_header(first, replace(frame, last=False, **changes), image, (image.width, image.height))
    first.bits(1, bits.bits(1))
    first.align()
    return raw[:start] + bytes(first.out) + raw[bits.align() :] + frames


def test_frames_that_nothing_shows_go() -> None:
    """A layer that the next one covers, a reference that no patch uses: pictures that nobody asked for."""
    for changes in ({}, {"reference": 2}, {"kind": frame_header.REFERENCE, "before_transform": True}):
        raw = unseen(LOSSLESS, **changes)

        assert "codestream/frame/unseen" in {part.label for part in parse(raw).parts}
        assert (decoded(raw) == decoded(LOSSLESS)).all()
        assert clean(raw) == LOSSLESS


def test_frames_that_others_need_stay() -> None:
    """Blending, patches, low frequencies and the seed of noise reach back."""
    plain = frame_header.Frame(8, 8)
    hidden = replace(plain, last=False, reference=1)
    low = replace(plain, kind=frame_header.LF, lf_level=1, last=False)
    over = replace(plain, blends=(frame_header.Blend(mode=1, source=1),))
    cases = [
        ([hidden, plain], [False, True]),
        ([hidden, over], [True, True]),
        ([replace(hidden, reference=2), over], [False, True]),
        ([hidden, hidden, over], [False, True, True]),
        (
            [hidden, replace(over, last=False, reference=3), replace(over, blends=(frame_header.Blend(1, source=3),))],
            [True] * 3,
        ),
        ([hidden, replace(plain, flags=frame_header.PATCHES)], [True, True]),
        ([hidden, replace(plain, flags=frame_header.NOISE)], [True, True]),
        ([low, plain], [False, True]),
        ([low, replace(plain, flags=frame_header.USE_LF_FRAME)], [True, True]),
        ([replace(hidden, duration=5), plain], [True, True]),
    ]
    for frames, expected in cases:
        assert frame_header.reachable(frames) == expected


def test_what_lies_beyond_the_canvas_is_said() -> None:
    """A frame larger than the picture: libjxl cuts off what is still in the file, and so is all that is left of it."""
    image, _, start = files.split(LOSSLESS)
    bits, head, first = BitReader(memoryview(LOSSLESS), "test", start), BitWriter(), BitWriter()
    frame = frame_header.frame_header(bits, None, image, (24, 16))
    head.bits(16, 0x0AFF)
    image_header.image_header(head, replace(image, width=16))
    head.align()
    frame_header.frame_header(first, replace(frame, width=24, crop=(0, 0)), image, (16, 16))
    first.bits(1, bits.bits(1))
    first.align()
    raw = bytes(head.out) + bytes(first.out) + LOSSLESS[bits.align() :]

    assert (decoded(raw) == decoded(LOSSLESS)[:, :16]).all()
    assert "jxl-area-outside-canvas" in parse(clean(raw)).residuals
    assert "jxl-area-outside-canvas" not in parse(LOSSLESS).residuals


def test_limits() -> None:
    """Pixels, frames and parts are checked before anything is decoded."""
    for raw, limits in (
        (LOSSY, Limits(max_pixels=24 * 16 - 1)),
        (files.ANIMATED, Limits(max_frames=2)),
        (files.ANIMATED, Limits(max_pixels=47)),
        (files.CENTRE_FIRST, Limits(max_parts=120)),
        (BOXED + box(b"free", b"") * 20, Limits(max_parts=10)),
    ):
        with pytest.raises(LimitExceeded):
            parse(raw, limits)


def test_unknown_flags_are_refused() -> None:
    """A frame that asks for what is not defined is not guessed at."""
    head = LOSSY[: files.split(LOSSY)[2]]
    with pytest.raises(UnsupportedFeature, match="unknown flags"):
        parse(head + bits_of("0:1 0:2 0:1 1:2 3:4") + bytes(20))


@pytest.mark.parametrize(
    "raw", [ALPHA, files.ADOBE_LOSSLESS, files.OWN_LOSSY, files.ANIMATED, BOXED + box(b"jxlc", LOSSY)]
)
def test_every_prefix_is_refused(raw: bytes) -> None:
    """A file that ends too early is not a picture."""
    for length in range(len(raw)):
        with pytest.raises(InputError):
            parse(raw[:length])


@settings(max_examples=400, deadline=1000)
@given(
    st.sampled_from([LOSSY, ALPHA, files.ADOBE_LOSSLESS, files.OWN_LOSSY, files.ANIMATED, files.CENTRE_FIRST]),
    st.lists(st.tuples(st.integers(0, 400), st.integers(0, 255)), min_size=1, max_size=4),
)
def test_damaged_files(raw: bytes, damage: list[tuple[int, int]]) -> None:
    """Any bytes give a clean file or an error of ours, in bounded time."""
    broken = bytearray(raw)
    for at, value in damage:
        broken[at % len(raw)] = value
    with contextlib.suppress(InputError):
        clean(bytes(broken))


def test_shared_files_keep_their_pixels() -> None:
    """Files of other encoders decode to the same pixels."""
    for path in sorted(sets.require("corpus").glob("*/*.jxl")):
        raw = path.read_bytes()
        out = clean(raw)
        if b"jbrd" not in raw and path.stat().st_size > 100:
            assert np.array_equal(decoded(out), decoded(raw)), path.name


def test_canaries() -> None:
    """Nothing planted is left; the picture is upright, in its colours, with its pixels."""
    folder = sets.require("canary")
    sys.path.insert(0, str(folder))
    import canary

    entries = json.loads((folder / "manifest.json").read_text())
    entries = entries["files"] if isinstance(entries, dict) else entries
    for entry in entries:
        if entry["file"].endswith(".jxl"):
            raw = (folder / "files" / entry["file"]).read_bytes()
            result = canary.check_file(entry, raw, clean(raw), folder / "reference")
            assert result["left"] == []
            assert result["upright"]
            assert result["colour_error"] < 0.1
            assert result["frames"]
            assert result["identical"] == "yes"

"""WebP: what is read, what stays, what goes. Expected pixels come from Pillow (libwebp)."""

import io
import random
import struct

import numpy as np
import pytest
from PIL import Image

import rmexif
from rmexif import native, webp_recode
from rmexif.containers import rebuild
from rmexif.containers.common.orientation import orientation_only
from rmexif.containers.webp import WEBP, rewrite
from rmexif.errors import EncodeError, InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.native import vp8, vp8l
from rmexif.residuals import Residual
from rmexif.types import HARMLESS, Limits, PayloadKind, Role
from tests import sets
from tests.containers.builders_webp import anmf, chunk, chunks, encoded, frames, riff, vp8x
from tests.native import webps

SECRET = b"CNRYSECRETSECRET"
TURN = orientation_only(6)
in_core = pytest.mark.skipif(native.engine() == "python", reason="VP8 has no Python twin: this takes the compiled core")
NOISE = Image.fromarray(np.random.default_rng(7).integers(0, 256, (10, 16, 3), np.uint8))
CLEAR = NOISE.copy()
CLEAR.putalpha(Image.linear_gradient("L").resize(NOISE.size).point(lambda value: 0 if value < 120 else value))
LOSSY = [chunk(*pair) for pair in encoded(NOISE, quality=60)]
LOSSLESS = [chunk(*pair) for pair in encoded(CLEAR, lossless=True, exact=True)]
ALPHA = [chunk(*pair) for pair in encoded(CLEAR, quality=60)]
ANIM = chunk(b"ANIM", b"\xff\xff\xff\xff\3\0")
MOVING = riff(vp8x(16, 10, 0x12), ANIM, anmf(16, 10, *LOSSY), anmf(16, 10, *ALPHA, duration=70, flags=3))


def parsed(data, limits=None):
    container = WEBP.parse(memoryview(data), limits or Limits())
    position = 0
    for part in container.parts:
        assert (part.offset, part.length > 0) == (position, True)
        position = part.end
    assert position == len(data)
    return container


def checked(out):
    """``out``, after the checks that hold for every clean file."""
    again = parsed(out)
    assert rebuild(memoryview(out), again) == out
    assert all(part.role in HARMLESS for part in again.parts)
    return out


def stripped(data):
    return checked(rebuild(memoryview(data), parsed(data)))


def decode(data):
    """Mode and pixels of the first picture, None where libwebp refuses."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            image.load()
            return image.mode.encode() + image.tobytes()
    except (OSError, EOFError, SyntaxError):
        return None


def with_hint(data):
    """A simple VP8L file that says alpha."""
    return data[:24] + bytes([data[24] | 0x10]) + data[25:]


def recoded(data):
    """The clean file after the codec had it, where it has to."""
    clean = stripped(data)
    container = parsed(clean)
    if not webp_recode.needs_recoding(container, len(clean)):
        return clean
    return checked(webp_recode.recode(clean, container).data)


def dirty(data):
    return {part.label for part in parsed(data).parts if part.role not in HARMLESS}


class TestChunks:
    @pytest.mark.parametrize("coded", [LOSSY, LOSSLESS])
    def test_a_simple_file_is_a_fixed_point(self, coded):
        """One picture, no VP8X."""
        assert stripped(riff(*coded)) == riff(*coded)

    @pytest.mark.parametrize("kind", [b"XMP ", b"XMP\0", b"C2PA", b"SEAL", b"JUNK", b"EXIF", b"ICCP", b"ALPH", b"ANMF"])
    def test_what_is_not_needed_goes(self, kind):
        """Anywhere in the file, and with it VP8X."""
        for data in (
            riff(vp8x(16, 10, 0x2C), chunk(kind, SECRET), *LOSSY),
            riff(vp8x(16, 10, 0x2C), *LOSSY, chunk(kind, SECRET)),
            riff(*LOSSY, chunk(kind, SECRET)),
        ):
            assert stripped(data) == riff(*LOSSY)
            assert dirty(data) == {kind.decode().strip(" \0")}

    def test_reserved_bits_padding_and_surplus_go(self):
        """VP8X, padding bytes, bytes in and behind RIFF."""
        data = LOSSY[0][8:] + b"\0" * (1 - len(LOSSY[0]) % 2)
        full = riff(vp8x(16, 10, 0xC1, b"abc"), chunk(b"VP8 ", data, b"Z"), b"left", size=None) + SECRET
        (plain,) = LOSSY
        outcomes = {"native": plain, "python": chunk(b"VP8 ", data)}  # decoding does not tell a zero of the flush
        assert recoded(full) == riff(outcomes[native.engine()])
        assert {"VP8X", "VP8/surplus", "RIFF/surplus", "trailer"} == dirty(full)

    @pytest.mark.parametrize("size", [10**6, None])
    def test_a_wrong_riff_size_is_put_right(self, size):
        """Too large: up to the end of the file; a cut chunk behind the picture does not matter."""
        data = riff(*LOSSY, chunk(b"JUNK", SECRET)[:-5], size=size)
        assert stripped(data) == riff(*LOSSY)

    def test_the_size_that_a_viewer_should_scale_to_goes(self):
        """Two bits in each side of VP8 that no viewer obeys (RFC 6386, 9.1)."""
        (plain,) = LOSSY
        odd = plain[:15] + bytes([plain[15] | 0x80]) + plain[16:17] + bytes([plain[17] | 0x40]) + plain[18:]
        assert stripped(riff(odd)) == riff(plain)
        assert dirty(riff(odd)) == {"VP8/head"}

    def test_the_turn_stays_as_one_tag(self):
        """With or without the prefix that belongs to JPEG."""
        for block in (TURN + SECRET, b"Exif\0\0" + TURN):
            data = riff(vp8x(16, 10, 8), *LOSSY, chunk(b"EXIF", block))
            out = stripped(data)
            assert chunks(out)[-1] == (b"EXIF", TURN)
            assert parsed(data).orientation == 6
            assert Image.open(io.BytesIO(out)).getexif() == {274: 6}

    def test_a_profile_is_cleaned(self):
        """ICCP holds what icc.clean gives."""
        from PIL import ImageCms

        from rmexif import icc

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        out = stripped(riff(vp8x(16, 10, 0x20), chunk(b"ICCP", profile), *LOSSY))
        assert Image.open(io.BytesIO(out)).info["icc_profile"] == icc.clean(profile)

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (riff(), MalformedImage),
            (riff(chunk(b"JUNK", SECRET)), MalformedImage),
            (riff(vp8x(16, 10, 0)), MalformedImage),
            (riff(vp8x(16, 11, 0), *LOSSY), MalformedImage),
            (riff(chunk(b"VP8X", b"\0"), *LOSSY), MalformedImage),
            (riff(chunk(b"VP8 ", LOSSY[0][8:20])), MalformedImage),
            (riff(chunk(b"VP8 ", bytes(30))), MalformedImage),
            (riff(chunk(b"VP8 ", bytes([LOSSY[0][8] | 1]) + LOSSY[0][9:])), MalformedImage),
            (riff(chunk(b"VP8 ", bytes([LOSSY[0][8] | 14]) + LOSSY[0][9:])), UnsupportedFeature),
            (riff(chunk(b"VP8L", b"\x2f\0\0\0\xe0\0")), UnsupportedFeature),
            (riff(chunk(b"VP8L", b"\x2e\0\0\0\0\0")), MalformedImage),
            (riff(*LOSSY)[:-3], MalformedImage),
            (riff(vp8x(16, 10, 0x10), chunk(b"ALPH", b"\2" + bytes(160)), *LOSSY), UnsupportedFeature),
            (riff(vp8x(16, 10, 0x10), chunk(b"ALPH", b"\0" + bytes(159)), *LOSSY), MalformedImage),
        ],
    )
    def test_what_a_decoder_would_refuse_is_refused(self, data, error):
        """No picture, an unknown one, or one that does not fit."""
        with pytest.raises(error):
            parsed(data)


class TestAlpha:
    def test_raw_alpha_is_cut_behind_the_last_pixel(self):
        """Its length is known; reserved and advisory bits go (libwebp refuses the former, readers must ignore them)."""
        plane = bytes(range(1, 161))
        data = riff(vp8x(16, 10, 0x10), chunk(b"ALPH", b"\xd0" + plane + SECRET), *LOSSY)
        out = stripped(data)
        assert chunks(out)[1] == (b"ALPH", b"\0" + plane)
        assert frames(out) == frames(riff(vp8x(16, 10, 0x10), chunk(b"ALPH", b"\x10" + plane + SECRET), *LOSSY))
        assert dirty(data) == {"ALPH/head", "ALPH/surplus"}
        assert Residual.LOSSY_COLOUR_UNDER_ALPHA not in parsed(data).residuals

    def test_alpha_that_is_not_shown_goes(self):
        """VP8X without the alpha flag: an ALPH chunk is a hidden picture, and so is the alpha of VP8L."""
        assert stripped(riff(vp8x(16, 10, 0), *ALPHA)) == riff(*ALPHA[1:])
        data = riff(vp8x(16, 10, 0), *LOSSLESS)
        out, stats = rmexif.strip(data)
        with Image.open(io.BytesIO(riff(*LOSSLESS))) as image:
            colours = b"RGB" + image.convert("RGB").tobytes()
        assert decode(stripped(data)) == decode(out) == colours
        assert frames(with_hint(out))[0][0][0][3::4] == b"\xff" * 160
        if native.engine() == "native":
            assert "VP8L/alpha that is not shown" in {row["where"] for row in stats["findings"]}
            assert [found.where for found in rmexif.verify(stripped(data))] == ["VP8L/alpha that is not shown"]
        assert rmexif.verify(out, canonical=True) == []

    def test_vp8x_says_whether_a_still_picture_shows_alpha(self):
        """The hint of VP8L follows it: libwebp's demuxer, and with it browsers, ask VP8X where there is one."""
        coded = LOSSLESS[0][:12] + bytes([LOSSLESS[0][12] & 0xEF]) + LOSSLESS[0][13:]
        data = riff(vp8x(16, 10, 0x10), coded)
        assert stripped(data) == riff(*LOSSLESS)
        assert frames(rmexif.strip(data)[0]) == frames(riff(*LOSSLESS))

    @pytest.mark.parametrize("flags", [0x02, 0x12])
    @pytest.mark.parametrize("bit", [0, 0x10])
    def test_in_an_animation_vp8x_says_whether_alpha_is_shown(self, flags, bit):
        """Whatever VP8L says, as libwebp has it; also after a codec had it."""
        coded = LOSSLESS[0][:12] + bytes([LOSSLESS[0][12] & 0xEF | bit]) + LOSSLESS[0][13:]
        data = riff(vp8x(16, 10, flags), ANIM, *[anmf(16, 10, coded, flags=2)] * 2)  # they replace each other
        assert frames(stripped(data)) == frames(data) == frames(recoded(data))

    def test_what_may_be_left_is_said(self):
        """The encoder's choices, with what they can hold at most where that is known; colour that nobody sees."""
        choices = {
            Residual.WEBP_TOKEN_PROBABILITIES,
            Residual.WEBP_UNUSED_CODES,
            Residual.WEBP_ENTROPY_SLACK,
            Residual.CODED_EDGE,
            Residual.CODING_CHOICE,
        }
        assert set(parsed(riff(*LOSSY)).residuals) <= choices
        assert set(parsed(riff(*LOSSLESS)).residuals) - choices == {"colour-under-alpha", "webp-code-choice"}
        assert set(parsed(riff(vp8x(16, 10, 0x10), *ALPHA)).residuals) - choices == {"lossy-colour-under-alpha"}
        opaque = riff(*(chunk(*pair) for pair in encoded(NOISE, lossless=True)))
        assert set(parsed(opaque).residuals) - choices == {"webp-code-choice"}

    @in_core
    def test_choices_are_counted(self):
        """Against the walks themselves."""
        lossy, lossless = parsed(riff(*LOSSY)), parsed(riff(*LOSSLESS))
        found = vp8.rewrite(chunks(riff(*LOSSY))[0][1])
        assert lossy.residual_size(Residual.WEBP_TOKEN_PROBABILITIES) == found.probabilities > 0
        unused = vp8l.walk(chunks(riff(*LOSSLESS))[0][1]).unused_symbols
        assert lossless.residual_size(Residual.WEBP_UNUSED_CODES) == (2 * unused or None)
        assert Residual.WEBP_ENTROPY_SLACK not in {*lossy.residuals, *lossless.residuals}


class TestAnimation:
    def test_frames_times_and_loops_stay(self):
        """Two frames, the second with alpha; the background that no viewer draws becomes none."""
        out = stripped(MOVING)
        assert frames(out) == frames(MOVING)
        assert (parsed(MOVING).frames, frames(out)[1]) == (2, 3)
        assert len(out) == len(MOVING)

    def test_chunks_in_and_between_frames_go(self):
        """Unknown sub-chunks, leftovers, reserved bits, a picture beside the frames, chunks between them."""
        data = riff(
            vp8x(16, 10, 0x12),
            ANIM,
            anmf(16, 10, chunk(b"junk", SECRET), *LOSSY, chunk(b"junk", SECRET), b"tail", flags=0x54),
            chunk(b"junk", SECRET),
            *LOSSLESS,
            anmf(16, 10, *ALPHA, duration=70, flags=3),
        )
        assert stripped(data) == stripped(MOVING)
        assert dirty(data) == {"ANMF", "ANMF/unknown", "ANMF/surplus", "unknown", "VP8L"}

    @pytest.mark.parametrize(
        "data",
        [
            riff(vp8x(16, 10, 2), anmf(16, 10, *LOSSY)),
            riff(vp8x(16, 10, 2), ANIM),
            riff(vp8x(16, 10, 2), ANIM, *LOSSY),
            riff(vp8x(16, 10, 2), chunk(b"ANIM", b"\0"), anmf(16, 10, *LOSSY)),
            riff(vp8x(16, 10, 2), ANIM, chunk(b"ANMF", bytes(15))),
            riff(vp8x(16, 10, 2), ANIM, anmf(16, 10)),
            riff(vp8x(16, 10, 2), ANIM, anmf(16, 9, *LOSSY)),
            riff(vp8x(16, 10, 2), ANIM, anmf(16, 10, *LOSSY, x=2)),
        ],
    )
    def test_broken_animations_are_refused(self, data):
        """A missing, misplaced or ill-fitting frame."""
        with pytest.raises(MalformedImage):
            parsed(data)

    def test_limits_hold(self):
        """Pixels of all frames, frames, chunks in and out of frames."""
        for limits in (Limits(max_pixels=10), Limits(max_total_pixels=300), Limits(max_frames=1), Limits(max_parts=6)):
            with pytest.raises(LimitExceeded):
                parsed(MOVING, limits)
        with pytest.raises(LimitExceeded, match="max_pixels"):
            parsed(riff(vp8x(1 << 24, 1 << 24, 0)))


class TestRecode:
    def test_colour_under_alpha_goes_with_a_codec(self):
        """What is coded without loss is coded again."""
        data = riff(*LOSSLESS)
        out = recoded(data)
        assert frames(out) == frames(data)
        with Image.open(io.BytesIO(out)) as image:
            assert not any(any(pixel[:3]) for pixel in image.get_flattened_data() if not pixel[3])
        assert recoded(out) == out

    @pytest.mark.parametrize("coded", [LOSSY, ALPHA])
    @pytest.mark.parametrize("which", [0, -1])
    def test_bytes_behind_the_last_that_is_read_go(self, coded, which):
        """Surplus in VP8 and in ALPH; where there is none, nothing changes."""
        plain = riff(vp8x(16, 10, 0x10), *coded) if len(coded) > 1 else riff(*coded)
        found = chunks(b"".join(coded), 0)
        kind, content = found[which]
        found[which] = (kind, content + SECRET)
        data = riff(vp8x(16, 10, 0x10), *(chunk(*pair) for pair in found))
        out = recoded(data)
        assert SECRET[:8] not in out
        assert frames(out) == frames(data) == frames(plain)
        assert recoded(stripped(plain)) == stripped(plain)
        assert recoded(out) == out

    def test_frames_are_recoded_one_by_one(self):
        """An animation keeps its frames."""
        data = riff(vp8x(16, 10, 0x12), ANIM, anmf(16, 10, *LOSSLESS), anmf(16, 10, *ALPHA, duration=70, flags=3))
        assert frames(recoded(data)) == frames(data)

    def test_another_picture_is_refused(self):
        """A codec that fails must not pass for one that does not."""
        container = parsed(riff(*LOSSY))
        for fresh in (
            [riff(*LOSSLESS)],
            [riff(*LOSSY)] * 2,
            [riff(*(chunk(*pair) for pair in encoded(NOISE, quality=10)))],
        ):
            with pytest.raises(EncodeError):
                rewrite.with_pictures(container, fresh)
        (picture,) = rewrite.pictures(container)
        with pytest.raises(MalformedImage):
            rewrite.without_slack(picture, lambda _: None)


def padding(coded):
    """Bytes behind the content of a chunk, 0 or 1."""
    return int.from_bytes(coded[4:8], "little") & 1


class TestLaw:
    SAMPLES = (
        riff(vp8x(16, 10, 0x3C), *ALPHA, chunk(b"EXIF", TURN), chunk(b"XMP ", SECRET)),
        MOVING,
        riff(*LOSSLESS),
    )

    @pytest.mark.parametrize("sample", range(len(SAMPLES)))
    def test_every_prefix_gives_a_result_or_an_input_error(self, sample):
        """A picture that is cut short is refused; what lies behind it may be: here EXIF, XMP and a padding byte."""
        data = self.SAMPLES[sample]
        accepted = []
        for end in range(len(data)):
            try:
                stripped(data[:end])
            except InputError:
                continue
            accepted.append(end)
        (last,) = [chunk for chunk in ALPHA if chunk.startswith(b"VP8 ")]
        behind = len(riff(vp8x(16, 10, 0x3C), *ALPHA)) - padding(last)
        expected = {0: [*range(behind, len(data))], 1: [], 2: [len(data) - 1][: padding(LOSSLESS[0])]}
        assert accepted == expected[sample]

    @pytest.mark.parametrize("sample", range(len(SAMPLES)))
    def test_random_changes_give_a_result_or_an_input_error(self, sample):
        """Most of them in the heads."""
        rng = random.Random(sample)
        accepted = 0
        for _ in range(600):
            data = bytearray(self.SAMPLES[sample])
            for _ in range(rng.choice((1, 2, 5))):
                data[rng.randrange(4, rng.choice((60, len(data))))] = rng.choice((0, 1, 255, rng.randrange(256)))
            try:
                stripped(bytes(data))
            except InputError:
                continue
            accepted += 1
        assert accepted >= 100


class TestCanaries:
    @pytest.mark.parametrize("name", ["webp_lossy", "webp_lossless", "webp_alpha", "webp_anim"])
    def test_nothing_planted_is_left(self, name, monkeypatch):
        """With a codec nothing, without one only what the residuals say."""
        folder = sets.require("canary")
        monkeypatch.syspath_prepend(folder)
        canary = pytest.importorskip("canary")
        entry = next(entry for entry in canary.load_set(folder)["files"] if entry["file"] == f"{name}.webp")
        data = (folder / "files" / entry["file"]).read_bytes()
        result = canary.check_file(entry, data, recoded(data), folder / "reference")
        assert [left["where"] for left in result["left"]] == []
        assert (result["upright"], result["frames"], result["identical"]) == (True, True, "yes")
        assert result["colour_error"] < 0.5
        left = [found["where"][:23] for found in canary.find_canaries(stripped(data), entry["canaries"])]
        assert left == ["RGB under alpha 0" + " in frame 2"[: 6 * (name == "webp_anim")]] * (
            "colour-under-alpha" in parsed(data).residuals
        )


def test_the_corpus_keeps_its_pixels():
    """Every small WebP of the corpus that Pillow opens: same pixels, times and loops; few are refused."""
    kept = refused = 0
    for path in sorted(sets.require("corpus").rglob("*.webp")):
        data = path.read_bytes()
        if len(data) > 50_000 or decode(data) is None:
            continue
        try:
            out = stripped(data)
        except InputError:
            refused += 1
            continue
        assert frames(out) == frames(data), path.name
        kept += 1
    assert (kept >= 11, refused) == (True, 0)


def test_the_parts_name_payloads():
    """A reader of the parts finds the payload's bytes without knowing WebP."""
    data = riff(vp8x(16, 10, 0xC), *LOSSY, chunk(b"EXIF", TURN + SECRET), chunk(b"XMP ", b"<x/>"), chunk(b"C2PA", b"j"))
    said = [(p.payload, bytes(p.body(memoryview(data)))) for p in parsed(data).parts if p.role is Role.METADATA]
    assert said == [
        (PayloadKind.EXIF, TURN + SECRET),
        (PayloadKind.XMP, b"<x/>"),
        (PayloadKind.JUMBF, b"j"),
    ]
    assert struct.unpack("<I", data[4:8])[0] == len(data) - 8


def test_an_animation_of_one_frame_has_no_times():
    """Loops and delay of a picture that nothing follows: five free bytes."""
    planted = riff(vp8x(16, 10, 2), chunk(b"ANIM", b"\xff\xff\xff\xffSE"), anmf(16, 10, *LOSSY, duration=0x544552))
    plain = riff(vp8x(16, 10, 2), chunk(b"ANIM", bytes(6)), anmf(16, 10, *LOSSY, duration=0))
    assert stripped(planted) == plain
    assert [pixels for pixels, _ in frames(planted)[0]] == [pixels for pixels, _ in frames(plain)[0]]
    assert rmexif.verify(planted)


def test_a_lossless_animation_verifies_after_strip():
    """One frame is opaque, one is not: the hint of every frame says what its pixels do."""
    opaque = [chunk(*pair) for pair in encoded(NOISE, lossless=True)]
    assert (opaque[0][12] & 0x10, LOSSLESS[0][12] & 0x10) == (0, 0x10)
    data = riff(vp8x(16, 10, 0x12), ANIM, anmf(16, 10, *opaque), anmf(16, 10, *LOSSLESS, duration=70, flags=3))
    out, _ = rmexif.strip(data)
    assert rmexif.verify(out, canonical=True) == []
    assert frames(out) == frames(data) == frames(stripped(data))
    assert rmexif.strip(out)[0] == out
    hints = [found[at + 4] & 0x10 for found in (out, stripped(data)) for at in starts(found)]
    assert hints == [0, 0x10] * 2
    at = starts(out)[0] + 4
    assert rmexif.verify(out[:at] + bytes([out[at] ^ 0x10]) + out[at + 1 :])


def starts(data):
    """Where the content of every VP8L chunk starts."""
    found, at = [], data.find(b"VP8L")
    while at >= 0:
        found.append(at + 8)
        at = data.find(b"VP8L", at + 4)
    return found


class TestCodes:
    """What lies behind the last code, at every size, and what an encoder's codes could hide."""

    @pytest.mark.parametrize("settings", [{"lossless": True}, pytest.param({"quality": 90}, marks=in_core)])
    @pytest.mark.parametrize("size", [(16, 10), (640, 480)])
    def test_bytes_behind_the_last_code_go(self, settings, size):
        """The larger ones are above 128 KiB as VP8L; pixels as libwebp has them, and verify says it of the input."""
        noise = Image.fromarray(np.random.default_rng(3).integers(0, 256, (*size[::-1], 3), np.uint8))
        ((kind, data),) = encoded(noise, method=0, **settings)
        planted = riff(chunk(kind, data + SECRET * 3))
        out, stats = rmexif.strip(planted)
        assert SECRET[:8] not in out
        assert decode(out) == decode(planted) == decode(riff(chunk(kind, data)))
        assert len(out) <= len(planted) - 40
        assert rmexif.verify(out, canonical=True) == []
        if native.engine() == "native":
            assert rmexif.verify(planted)
            assert stats["findings_count"] == 1
            assert out == stripped(planted)

    @in_core
    def test_alpha_behind_its_last_code_goes(self):
        """ALPH above 128 KiB too: noise in 640 x 480."""
        noise = Image.fromarray(np.random.default_rng(4).integers(0, 256, (480, 640, 4), np.uint8), "RGBA")
        pairs = encoded(noise, quality=50)
        planted = riff(vp8x(640, 480, 0x10), *(chunk(kind, data + SECRET * 3) for kind, data in pairs))
        out, _ = rmexif.strip(planted)
        assert SECRET[:8] not in out
        assert frames(out) == frames(planted)
        assert chunks(out)[1][0] == b"ALPH"
        assert out == rmexif.strip(riff(vp8x(640, 480, 0x10), *(chunk(*pair) for pair in pairs)))[0]

    def test_bits_behind_the_last_code_are_cleared(self):
        """In the last byte of VP8L; which has some free in one of these pictures."""
        changed = 0
        for seed in range(6):
            noise = Image.fromarray(np.random.default_rng(seed).integers(0, 256, (3, 5, 3), np.uint8))
            ((kind, data),) = encoded(noise, lossless=True)
            free = -vp8l.walk(data).bits % 8
            if free:
                told = riff(chunk(kind, data[:-1] + bytes([data[-1] | 0x80])))
                assert stripped(told) == riff(chunk(kind, data))
                assert dirty(told) == {"VP8L/surplus"}
                assert decode(told) == decode(riff(chunk(kind, data)))
                changed += 1
        assert changed

    @in_core
    def test_a_picture_that_ends_in_the_padding_is_refused(self):
        """libwebp reads on into it; what it shows there is not in the chunk."""
        ((kind, data),) = encoded(NOISE, lossless=True)
        for cut in range(1, 4):
            with pytest.raises(MalformedImage, match="before the last code"):
                parsed(riff(chunk(kind, data[:-cut])))

    @in_core
    def test_fields_that_no_viewer_looks_at_go(self):
        """Two of the first partition (RFC 6386, 19.2), in a macroblock without coefficients."""
        booleans = [(0, 198), *[(0, 253)] * 24]
        plain, told = (webps.frame(16, 16, [{}], [booleans], **more) for more in ({}, {"space": 1, "clamp": 1}))
        assert chunks(stripped(riff(chunk(b"VP8 ", told)))) == [(b"VP8 ", plain + b"\0" * (len(plain) & 1))]
        assert dirty(riff(chunk(b"VP8 ", told))) == {"VP8/head"}

    @in_core
    def test_zeros_that_are_coded_are_refused_by_strip_alone(self):
        """A macroblock without coefficients that is not skipped, where others are: each is a bit."""
        booleans = [(0, 198), *[(0, 253)] * 24]
        told = riff(chunk(b"VP8 ", webps.frame(32, 16, [{"skip": 1}, {"skip": 0}], [booleans], skip=3)))
        assert decode(told) is not None
        with pytest.raises(UnsupportedFeature, match="zeros that are coded"):
            rmexif.strip(told)
        assert next(found.where for found in rmexif.verify(told)).startswith("VP8")
        out, _ = rmexif.scrub(told)
        assert rmexif.verify(out, canonical=True) == []

    def test_free_values_are_coded_again(self):
        """A predictor of a single pixel, which no decoder looks at, differs in bits that mean nothing."""
        bits = webps.Bits(2, 1, alpha=False).put((1, 1), (1, 2), (0, 3))  # colour transform, tiles of 4 x 4 px
        bits.put((0, 1)).codes(0, 0, 0, 7, 0).put((0, 1), (0, 1), (0, 1)).codes(9, 8, 7, 255, 0)
        file = riff(chunk(b"VP8L", bits.data() + b"\0"))
        assert decode(file) is not None
        out = rmexif.strip(file)[0]
        assert decode(out) == decode(file)
        assert rmexif.verify(out, canonical=True) == []

    def test_a_few_bytes_do_not_make_room_for_a_hundred_megapixels(self):
        """16,000 x 8,000 px of one colour: strip passes them through, scrub would need room for every pixel."""
        one_colour = webps.Bits(16000, 8000, alpha=False).put((0, 1), (0, 1), (0, 1)).codes(9, 8, 7, 255, 0).data()
        file = riff(chunk(b"VP8L", one_colour + b"\0"))
        with pytest.raises(LimitExceeded, match="max_flat_bytes"):
            rmexif.scrub(file)
        if native.engine() == "native":
            assert rmexif.strip(file)[0] == riff(chunk(b"VP8L", one_colour))


def test_what_no_frame_reaches_is_transparent_in_a_scrub():
    """VP8X that says no alpha notwithstanding: browsers and libwebp draw frames on nothing."""
    small = [chunk(*pair) for pair in encoded(NOISE.crop((0, 0, 8, 8)), lossless=True)]
    for flags in (0x02, 0x12):
        data = riff(vp8x(16, 10, flags), ANIM, *[anmf(8, 8, *small, x=2, y=2)] * 2)
        with Image.open(io.BytesIO(rmexif.scrub(data, rmexif.Policy(stealth=False))[0])) as image:
            alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
        assert (alpha[2:, 2:10] == 255).all()
        assert (alpha[:, :2] == 0).all()
        assert frames(rmexif.strip(data)[0]) == frames(data)


def test_every_animation_of_the_corpus_verifies():
    """After strip and after scrub; strip keeps pixels and times."""
    count = 0
    for path in sorted(sets.require("corpus").rglob("*.webp")):
        data = path.read_bytes()
        if b"ANMF" not in data[:4096] or decode(data) is None:
            continue
        out, _ = rmexif.strip(data)
        assert rmexif.verify(out, canonical=True) == [], path.name
        assert frames(out) == frames(data), path.name
        assert rmexif.verify(rmexif.scrub(data)[0], canonical=True) == [], path.name
        count += 1
    assert count >= 2

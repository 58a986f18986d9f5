"""PNG and APNG: what is read, what stays, what goes. Expected pixels come from Pillow."""

import io
import random
import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image

from rmexif import native, strip, verify
from rmexif.containers import rebuild, sniff
from rmexif.containers.common.orientation import orientation_only
from rmexif.containers.png import PNG
from rmexif.errors import InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.metadata import explain
from rmexif.native.png import Layout, filter_rows
from rmexif.native.png_layout import ADAM7
from rmexif.residuals import Residual
from rmexif.types import HARMLESS, Limits, PayloadKind, Role
from tests import sets
from tests.containers import profiles
from tests.containers.builders_png import (
    END,
    SIGNATURE,
    actl,
    chunk,
    chunks,
    fctl,
    fdat,
    frames,
    ihdr,
    png,
    rows,
    saved,
    with_crcs,
)

SECRET = b"CNRYSECRETSECRET"
TURN = orientation_only(6)


def parsed(data, limits=None):
    container = PNG.parse(memoryview(data), limits or Limits())
    position = 0
    for part in container.parts:
        assert (part.offset, part.length > 0) == (position, True)
        position = part.end
    assert position == len(data)
    return container


def stripped(data):
    """The rebuilt file, after the checks that hold for every file."""
    out = rebuild(memoryview(data), parsed(data))
    again = parsed(out)
    assert rebuild(memoryview(out), again) == out
    assert all(part.role in HARMLESS for part in again.parts)
    return out


def kinds(data, role):
    return {part.label for part in parsed(data).parts if part.role is role}


def cleared(data):
    """RGBA pixels with no colour under alpha 0."""
    with Image.open(io.BytesIO(data)) as image:
        pixels = np.array(image.convert("RGBA"))
    pixels[pixels[..., 3] == 0] = 0
    return pixels.tobytes()


class TestChunks:
    def test_a_clean_file_is_a_fixed_point(self):
        """A file of canonical chunks comes back byte for byte."""
        data = png()
        assert stripped(data) == data
        assert all(part.role in HARMLESS for part in parsed(data).parts)

    @pytest.mark.parametrize(
        "dirty",
        [
            chunk(b"tEXt", b"Comment\0" + SECRET),
            chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + SECRET),
            chunk(b"eXIf", SECRET),
            chunk(b"pHYs", struct.pack(">IIB", 4711, 4711, 1)),
            chunk(b"tIME", b"\x07\xea\1\1\1\1\1"),
            chunk(b"bKGD", SECRET[:6]),
            chunk(b"sBIT", SECRET[:3]),
            chunk(b"caBX", SECRET),
            chunk(b"C2PA", SECRET),
            chunk(b"prVt", SECRET),
            chunk(b"fdAT", b"\0\0\0\0" + SECRET),
            chunk(b"PLTE", SECRET[:15]),
            chunk(b"tRNS", SECRET[:2]),
            chunk(b"iCCP", b"name\0\0" + zlib.compress(SECRET)),
            chunk(b"gAMA", SECRET[:4]),
            chunk(b"cHRM", SECRET * 2),
            chunk(b"mDCV", SECRET + SECRET[:8]),
            chunk(b"cLLI", SECRET[:8]),
            chunk(b"sRGB", b"\7"),
            chunk(b"cICP", SECRET[:4]),
        ],
        ids=lambda dirty: dirty[4:8].decode(),
    )
    def test_what_is_not_needed_goes(self, dirty):
        """Before and behind the picture; the part is reported."""
        for data in (png(dirty), png(after=[dirty]) if dirty[4:8] != b"PLTE" else png(dirty)):
            assert stripped(data) == png()
            (part,) = [part for part in parsed(data).parts if part.role not in HARMLESS]
            assert part.label == dirty[4:8].decode().replace("prVt", "unknown")  # anybody's word
            assert part.length == len(dirty)
            assert part.payload is None or bytes(part.body(memoryview(data))) in dirty[8:-4]

    def test_payloads_are_named_for_the_report(self):
        """A reader of the parts finds the payload's bytes without knowing PNG."""
        data = png(
            chunk(b"zTXt", b"Comment\0\0" + zlib.compress(SECRET)),
            chunk(b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0<xmp/>"),
            chunk(b"iTXt", b"Title\0\1\0en\0Titel\0" + zlib.compress(SECRET)),
            chunk(b"eXIf", b"II*\0" + SECRET),
        )
        found = [(p, bytes(p.body(memoryview(data)))) for p in parsed(data).parts if p.role is Role.METADATA]
        kinds = [PayloadKind.PNG_ZTXT, PayloadKind.PNG_ITXT, PayloadKind.PNG_ITXT, PayloadKind.EXIF]
        assert [part.payload for part, _ in found] == kinds
        assert found[3][1] == b"II*\0" + SECRET
        for part, body in (found[0], found[2]):
            values = [finding.value for finding in explain(part, body, values=True)]
            assert SECRET.decode() in values

    def test_bytes_behind_the_end_go(self):
        """A payload of IEND, a cropped picture behind it, and any trailer."""
        data = png()[: -len(END)] + chunk(b"IEND", SECRET) + chunk(b"IDAT", SECRET) + SECRET
        assert stripped(data) == png()
        assert kinds(data, Role.TRAILER) == {"trailer"}

    @pytest.mark.parametrize(
        ("end", "found"),
        [
            (b"", {"IEND/missing end"}),
            (END[:7], {"IEND/missing end", "trailer"}),
            (chunk(b"tEXt", b"a\0" + SECRET)[:-9], {"IEND/missing end", "trailer"}),
            (chunk(b"tEXt", b"a\0" + SECRET), {"IEND/missing end", "tEXt"}),
            (END[:-4] + b"crc!", {"IEND/checksum"}),
        ],
    )
    def test_an_end_that_is_missing_is_written(self, end, found):
        """Every pixel is there, so the picture is; the finding says that the end was not."""
        data = png()[: -len(END)] + end
        assert stripped(data) == png()
        assert {part.label for part in parsed(data).parts if part.role not in HARMLESS} == found

    @pytest.mark.parametrize("prefix", [b"\xef\xbb\xbf", b"\xff\xfe", b"\n", b"\r\n"])
    def test_what_a_text_editor_puts_before_goes(self, prefix):
        assert sniff(memoryview(prefix + png())) is PNG
        assert stripped(prefix + png()) == png()
        assert kinds(prefix + png(), Role.GAP) == {"before the signature"}

    def test_idat_is_merged_and_stray_idat_goes(self):
        """Only consecutive IDAT chunks are the picture."""
        stream = zlib.compress(rows(bytes(12), 6))
        pieces = [chunk(b"IDAT", stream[:5]), chunk(b"IDAT"), chunk(b"IDAT", stream[5:])]
        data = SIGNATURE + ihdr(2, 2) + b"".join(pieces) + chunk(b"prVt") + chunk(b"IDAT", SECRET) + END
        assert stripped(data) == png(pixels=bytes(12))

    @pytest.mark.parametrize(
        ("data", "error"),
        [
            (SIGNATURE + END, MalformedImage),
            (SIGNATURE + ihdr(2, 2) + END, MalformedImage),
            (SIGNATURE + ihdr(0, 2) + END, MalformedImage),
            (png(depth=8, colour=3, width=1, height=1, pixels=b"\0"), MalformedImage),
            (png(chunk(b"CgBI")), UnsupportedFeature),
            (png(chunk(b"JDAT")), UnsupportedFeature),
            (png(stream=zlib.compress(bytes(13))), MalformedImage),
            (png(stream=zlib.compress(bytes(14))[:-8]), MalformedImage),
            (png(stream=zlib.compress(rows(bytes(12), 6, [0, 5]))), MalformedImage),
            (png(stream=b"\x78\xbb\0\0\0\1"), MalformedImage),
        ],
    )
    def test_what_a_decoder_would_refuse_is_refused(self, data, error):
        """No picture, an unknown one, or one that is cut short."""
        with pytest.raises(error):
            parsed(data)

    def test_limits_hold_before_anything_is_inflated(self):
        """Size, frames, chunks and rows with filters are counted from the headers."""
        with pytest.raises(LimitExceeded, match="max_pixels"):
            parsed(SIGNATURE + ihdr(60_000, 60_000) + chunk(b"IDAT", b"x") + END)
        with pytest.raises(LimitExceeded, match="max_parts"):
            parsed(png(), Limits(max_parts=2))
        with pytest.raises(LimitExceeded, match="max_frames"):
            parsed(png(actl(3), fctl(0, 2, 2)), Limits(max_frames=2))
        with pytest.raises(LimitExceeded, match="max_total_pixels"):
            parsed(png(actl(1), fctl(0, 2, 2)), Limits(max_total_pixels=3))
        assert parsed(png(actl(1), fctl(0, 2, 2)), Limits(max_pixels=4, max_total_pixels=4)).frames == 1

    def test_the_twin_refuses_what_takes_it_too_long(self):
        """A picture of one column has as many rounds of filtering as rows."""
        before = native.engine()
        native.use("python")
        try:
            with pytest.raises(LimitExceeded, match="max_parts"):
                parsed(SIGNATURE + ihdr(1, 100_000_000, colour=6) + chunk(b"IDAT", b"x") + END)
        finally:
            native.use(before)


GAMMA = (100_000).to_bytes(4, "big")


class TestColour:
    def test_a_profile_is_cleaned_and_renamed(self):
        """The cleaned profile is the one that icc.clean gives, under a name that says nothing."""
        from rmexif import icc

        profile = icc.canonical("display-p3") + SECRET
        data = png(chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(profile) + SECRET), chunk(b"gAMA", b"\0\0\xb1\x8f"))
        found = dict(chunks(stripped(data)))
        name, _, packed = found[b"iCCP"].partition(b"\0")
        assert (name, zlib.decompress(packed[1:])) == (b"icc", icc.clean(profile))
        assert b"gAMA" not in found
        assert parsed(data).colour.icc == icc.clean(profile)

    def test_a_profile_of_srgb_becomes_the_chunk_that_says_so(self):
        """Of a profile that LittleCMS made for sRGB nothing is left but four bits of intent."""
        from PIL import ImageCms

        profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
        found = dict(chunks(stripped(png(chunk(b"iCCP", SECRET + b"\0\0" + zlib.compress(profile))))))
        assert found[b"sRGB"] == b"\0"
        assert b"iCCP" not in found

    @pytest.mark.parametrize(
        ("given", "kept"),
        [
            ([chunk(b"cICP", b"\x0c\x0d\0\1"), chunk(b"sRGB", b"\0")], [b"cICP"]),
            ([chunk(b"sRGB", b"\1"), chunk(b"gAMA", b"\0\0\xb1\x8f")], [b"sRGB"]),
            ([chunk(b"cICP", b"\x0c\x0d\1\1"), chunk(b"sRGB", b"\0")], [b"sRGB"]),
            ([chunk(b"cICP", b"\x09\x10\0\1"), chunk(b"cLLI", struct.pack(">II", 10**7, 10**6))], [b"cICP", b"cLLI"]),
            ([chunk(b"cICP", b"\x0c\x0d\0\1"), chunk(b"cLLI", struct.pack(">II", 10**7, 10**6))], [b"cICP"]),
            ([chunk(b"gAMA", struct.pack(">I", 100_000))], [b"gAMA"]),
        ],
    )
    def test_the_winning_chunks_stay(self, given, kept):
        """Precedence of PNG 4.3; HDR light levels only with an HDR transfer."""
        out = [kind for kind, _ in chunks(stripped(png(*given)))]
        assert out == [b"IHDR", *kept, b"IDAT", b"IEND"]

    def test_measured_colours_are_rounded(self):
        """Digits that no eye sees do not leave."""
        places = [31_270, 32_900, 64_003, 33_001, 30_000, 60_004, 15_000, 6_000]
        data = png(chunk(b"gAMA", struct.pack(">I", 45_501)), chunk(b"cHRM", struct.pack(">8I", *places)))
        found = dict(chunks(stripped(data)))
        assert found[b"gAMA"] == struct.pack(">I", 45_455)
        assert found[b"cHRM"] == struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
        assert parsed(data).colour.primaries[:2] == (0.3127, 0.329)

    @pytest.mark.parametrize(("gamma", "kept"), [(b"", []), (struct.pack(">I", 100_000), [b"gAMA", b"cHRM"])])
    def test_grey_keeps_primaries_beside_a_curve(self, gamma, kept):
        """With cHRM Chromium takes gAMA for a power, without it for sRGB where it is near; cHRM alone says nothing."""
        places = struct.pack(">8I", 31_270, 32_900, 64_000, 33_000, 30_000, 60_000, 15_000, 6_000)
        given = [chunk(b"gAMA", gamma)] if gamma else []
        data = png(*given, chunk(b"cHRM", places), colour=0)
        found = dict(chunks(stripped(data)))
        assert [kind for kind in found if kind in (b"gAMA", b"cHRM")] == kept
        assert found.get(b"cHRM", places) == places

    @pytest.mark.parametrize(("kind", "data"), [(b"cICP", b"\x0c\x0d\0\1"), (b"gAMA", GAMMA), (b"sRGB", b"\0")])
    def test_a_chunk_of_another_length_is_none(self, kind, data):
        """As in Chromium 156: what is too long says nothing."""
        assert kind in dict(chunks(stripped(png(chunk(kind, data)))))
        assert kind not in dict(chunks(stripped(png(chunk(kind, data + SECRET)))))

    @pytest.mark.parametrize(
        ("kind", "colour", "kept"), [("rgb", 0, True), ("grey", 0, True), ("rgb", 2, True), ("grey", 2, False)]
    )
    def test_a_profile_of_the_other_kind(self, kind, colour, kept):
        """Chromium 156 follows one of RGB for grey samples; one of grey leaves RGB as it is, whatever gAMA says."""
        curve = profiles.gamma(1.8)
        grey = profiles.profile({b"wtpt": profiles.xyz(0.9505, 1, 1.0891), b"kTRC": curve}, b"GRAY")
        profile = profiles.matrix(profiles.ADOBE, curve) if kind == "rgb" else grey
        raw = png(chunk(b"iCCP", b"n\0\0" + zlib.compress(profile)), chunk(b"gAMA", GAMMA), colour=colour)
        assert [name for name, _ in chunks(stripped(raw)) if name in (b"iCCP", b"gAMA")] == [b"iCCP"] * kept

    def test_a_gamut_that_is_none_takes_gamma_with_it(self):
        """Chromium 156 ignores both."""
        raw = png(chunk(b"cHRM", bytes(32)), chunk(b"gAMA", (100_000).to_bytes(4, "big")))
        assert [name for name, _ in chunks(stripped(raw))] == [b"IHDR", b"IDAT", b"IEND"]

    def test_every_gamma_counts(self):
        """Rounded to three digits: Chromium 156 shows black for 1, white for 10 000 000."""
        for stored, kept in ((1, 1), (31_416, 31_400), (123_456, 123_000), (9_876_543, 9_880_000), (0, None)):
            found = dict(chunks(stripped(png(chunk(b"gAMA", stored.to_bytes(4, "big"))))))
            assert found.get(b"gAMA") == (kept and kept.to_bytes(4, "big"))

    def test_the_shape_of_a_pixel_stays_in_small_numbers(self):
        """pHYs 2:1 (11.3.4.3) without its unit; a resolution, or what is no shape, goes."""
        for stored, kept in (((5_670, 2_835, 1), (2, 1, 0)), ((204, 98, 0), (102, 49, 0)), ((1, 100_000, 0), None)):
            raw = png(chunk(b"pHYs", struct.pack(">IIB", *stored)))
            assert dict(chunks(stripped(raw))).get(b"pHYs") == (kept and struct.pack(">IIB", *kept))

    def test_the_turn_stays_as_one_tag(self):
        """An Exif block keeps its orientation and nothing else."""
        data = png(chunk(b"eXIf", b"Exif\0\0" + TURN + SECRET))
        assert parsed(data).orientation == 6
        assert dict(chunks(stripped(data)))[b"eXIf"] == TURN
        assert Image.open(io.BytesIO(stripped(data))).getexif() == {274: 6}

    def test_an_exif_block_behind_the_picture_turns_nothing(self):
        """Browsers read what comes before IDAT; a block moved forward would turn what they showed as it was stored."""
        data = png(after=[chunk(b"eXIf", TURN)])
        assert parsed(data).orientation == 1
        assert [part.role for part in parsed(data).parts if part.label == "eXIf"] == [Role.METADATA]
        assert [kind for kind, _ in chunks(stripped(data))] == [b"IHDR", b"IDAT", b"IEND"]


class TestPictureData:
    @pytest.mark.parametrize(
        ("stream", "kind"),
        [
            (zlib.compress(rows(bytes(12), 6)) + SECRET, "IDAT/surplus"),
            (zlib.compress(rows(bytes(12), 6) + SECRET), "IDAT/rows-beyond"),
            (zlib.compress(rows(bytes(12), 6))[:-4] + b"abcd", "IDAT/checksum"),
            (zlib.compress(rows(bytes(12), 6))[:-4], "IDAT/checksum"),
        ],
    )
    def test_surplus_of_the_stream_goes(self, stream, kind):
        """Behind the stream, inside it, and in its checksum."""
        data = png(stream=stream)
        out = stripped(data)
        assert zlib.decompress(dict(chunks(out))[b"IDAT"]) == rows(bytes(12), 6)
        assert SECRET not in out
        assert kind in {part.label for part in parsed(data).parts if part.role not in HARMLESS}

    def test_empty_blocks_at_the_end_of_the_stream_go(self):
        """Deflate blocks without data are a place for bits."""
        packer = zlib.compressobj()
        stream = packer.compress(rows(bytes(12), 6))
        for _ in range(20):
            stream += packer.flush(zlib.Z_FULL_FLUSH) + packer.flush(zlib.Z_SYNC_FLUSH)
        raw = zlib.decompressobj().decompress(stream)
        stream += b"\0\0\0\xff\xff" * 20 + packer.flush()
        assert raw == rows(bytes(12), 6)
        assert kinds(png(stream=stream), Role.UNKNOWN) == {"IDAT/deflate-blocks"}
        assert len(stripped(png(stream=stream))) < len(png(stream=stream)) - 90

    @pytest.mark.parametrize("split", [0, 1, 2, 3])
    @pytest.mark.parametrize(("level", "window"), [(1, 15), (9, 15), (6, 9), (0, 12)])
    def test_the_zlib_header_is_canonical(self, level, window, split):
        """Level and window of RFC 1950 are two free bytes; the symbols behind them stay as they are."""
        packer = zlib.compressobj(level, wbits=window)
        stream = packer.compress(rows(bytes(12), 6)) + packer.flush()
        pieces = [chunk(b"IDAT", piece) for piece in (stream[:split], stream[split:]) if piece]
        data = SIGNATURE + ihdr(2, 2) + b"".join(pieces) + END
        assert dict(chunks(stripped(data)))[b"IDAT"] == b"\x78\x9c" + stream[2:]
        assert {part.role for part in parsed(data).parts if part.label == "IDAT"} == {Role.PIXELS, Role.ENCODING}

    def test_bits_that_inflating_skips_go(self):
        """Padding bits before the length of a stored block (RFC 1951, 3.2.4) are read by nobody."""
        raw = rows(bytes(12), 6)
        hidden = b"".join(bytes([bits << 3, 0, 0, 0xFF, 0xFF]) for bits in (21, 10, 31))
        stored = b"\1" + struct.pack("<HH", len(raw), len(raw) ^ 0xFFFF) + raw
        data = png(stream=b"\x78\x9c" + hidden + stored + struct.pack(">I", zlib.adler32(raw)))
        assert zlib.decompress(dict(chunks(data))[b"IDAT"]) == raw
        assert kinds(data, Role.UNKNOWN) == {"IDAT/deflate-blocks"}
        out = dict(chunks(stripped(data)))[b"IDAT"]
        assert zlib.decompress(out) == raw
        assert len(out) < len(raw) + 12

    @pytest.mark.parametrize("mode", ["L", "RGB", "P", "RGBA"])
    def test_a_stream_too_long_for_the_twin_is_deflated_again(self, mode):
        """Without the core nothing of the encoder's choices is left in it, and no pixel changes."""
        noise = np.random.default_rng(1).integers(0, 256, (1100, 1000, 4), np.uint8)
        image = Image.frombytes("RGBA", (1000, 1100), noise.tobytes()).convert(mode)
        data = saved(image, format="PNG", compress_level=1)
        before = native.engine()
        native.use("python")
        try:
            out = stripped(data)
            codes = parsed(out).residuals
        finally:
            native.use(before)
        assert cleared(out) == cleared(data)
        assert Residual.PNG_CODE_CHOICE not in codes
        assert all(part.role in HARMLESS for part in parsed(out).parts)

    def test_a_drawing_that_is_deflated_again_does_not_grow(self):
        """Tiles that come again and again; zlib's best level finds more of them than the one that suits photographs."""
        rng = np.random.default_rng(4)
        tiles = rng.integers(0, 12, (700, 16, 16), np.uint8)[rng.integers(0, 700, (90, 110))]
        grey = tiles.swapaxes(1, 2).reshape(90 * 16, 110 * 16)
        data = saved(Image.fromarray(np.stack((grey * 20, 255 - grey * 9, grey), 2)), format="PNG", compress_level=9)
        assert len(data) > 1 << 20
        before = native.engine()
        native.use("python")
        try:
            out = stripped(data)
            assert stripped(out) == out
        finally:
            native.use(before)
        assert cleared(out) == cleared(data)
        assert len(out) <= 1.01 * len(data)

    def test_a_drawing_whose_hidden_colours_are_cleared_is_a_fixed_point(self):
        """Its matches no longer fit, so that zlib codes it again, with effort; ``stripped`` looks at the result."""
        y, x = np.mgrid[:64, :64]
        pixels = np.stack([x * 4, y * 4, x ^ y, np.where((x // 8 + y // 8) % 2, 0, 255)], -1).astype(np.uint8)
        for level in (1, 6, 9):
            raw = saved(Image.fromarray(pixels), format="PNG", compress_level=level)
            out = stripped(raw)
            shown = np.asarray(Image.open(io.BytesIO(out)))
            assert np.array_equal(shown, np.where(pixels[..., 3:], pixels, 0))

    def test_colour_under_alpha_whose_matches_are_gone_leaves_one_envelope(self):
        """Rows that repeat in their colours alone; without those under alpha zlib codes them anew, at its best level."""
        rng = np.random.default_rng(3)
        colours = np.tile(rng.integers(1, 255, (1, 200, 3), dtype=np.uint8), (80, 1, 1))
        alpha = rng.choice(np.array([0, 255], np.uint8), (80, 200, 1))
        rows = np.dstack((colours, alpha)).reshape(80, 800)
        stream = zlib.compress(np.pad(rows, ((0, 0), (1, 0))).tobytes(), 1)
        out = strip(png(width=200, height=80, colour=6, stream=stream))[0]
        assert out[out.index(b"IDAT") + 4 :][:2] == b"\x78\x9c"
        assert verify(out, canonical=True) == []
        assert strip(out)[0] == out

    def test_what_filters_and_codes_can_say_is_a_residual(self):
        """2.3 bits a row, and the encoder's matches without a bound but the coded data."""
        container = parsed(png(width=1, height=100, pixels=bytes(300)))
        assert container.residuals == (Residual.PNG_FILTER_CHOICE, Residual.PNG_CODE_CHOICE)
        assert container.residual_size(Residual.PNG_FILTER_CHOICE) == 30  # 100 x 2.32 bits
        coded = next(part.length for part in container.parts if part.role is Role.PIXELS)
        assert container.residual_size(Residual.PNG_CODE_CHOICE) == coded

    @pytest.mark.parametrize(("colour", "depth"), [(4, 8), (4, 16), (6, 8), (6, 16)])
    @pytest.mark.parametrize("interlace", [0, 1])
    def test_colour_under_alpha_is_cleared(self, colour, depth, interlace):
        """Random rows with random filters; what remains is what an independent decoder sees."""
        layout = Layout(9, 11, depth, colour, interlace == 1)
        for share in (0, 200):
            data, clear = with_alpha(layout, share)
            before, after = (np.array(Image.open(io.BytesIO(file))) for file in (data, stripped(data)))
            assert not after[clear].any()
            assert np.array_equal(after[~clear], before[~clear])

    @pytest.mark.parametrize("depth", [1, 2, 4])
    def test_padding_bits_are_cleared(self, depth):
        """The bits behind the last pixel of a row."""
        data = png(width=3, height=4, depth=depth, colour=0, pixels=b"\xff\xa5\xff\xff" * (1 if 3 * depth <= 8 else 2))
        out = stripped(data)
        raw = zlib.decompress(dict(chunks(out))[b"IDAT"])
        row = (3 * depth + 7) // 8
        assert all(raw[y * (row + 1) + row] & ((1 << -3 * depth % 8) - 1) == 0 for y in range(4))
        assert cleared(out) == cleared(data)
        assert kinds(data, Role.UNKNOWN) == {"IDAT/padding-bits"}

    @pytest.mark.parametrize("depth", [1, 2, 4, 8])
    def test_spare_palette_entries_go(self, depth):
        """Entries out of use are cut off or blackened."""
        colours = b"\1\2\3" + SECRET + b"\4\5\6" * 10
        colours = colours[: 3 * min(1 << depth, 9)]
        data = png(
            chunk(b"PLTE", colours), width=5, height=2, depth=depth, colour=3, pixels=bytes(2 * ((5 * depth + 7) // 8))
        )
        out = stripped(data)
        assert dict(chunks(out))[b"PLTE"] == b"\1\2\3"
        assert frames(out) == frames(data)

    @pytest.mark.parametrize("depth", [2, 4, 8])
    def test_twin_palette_entries_become_one(self, depth):
        """A picture drawn in transparent entries, or in entries of one colour, is gone."""
        per, values = 8 // depth, [0, 1, 2, 3, 1, 2, 3, 0]
        pixels = bytes(
            sum(values[(y * 8 + x + i) % 8] << (8 - depth * (i + 1)) for i in range(per))
            for y in range(8)
            for x in range(0, 8, per)
        )
        plte, trns = chunk(b"PLTE", b"\x10\x20\x30abcdef\x10\x20\x30"), chunk(b"tRNS", b"\xff\0\0\xff")
        data = png(plte, trns, width=8, height=8, depth=depth, colour=3, pixels=pixels)
        out = stripped(data)
        found = dict(chunks(out))
        assert (found[b"PLTE"], found[b"tRNS"]) == (b"\x10\x20\x30\0\0\0", b"\xff\0")
        assert cleared(out) == cleared(data)
        assert set(np.array(Image.open(io.BytesIO(out))).ravel().tolist()) == {0, 1}

    def test_indices_beyond_the_palette_are_refused(self):
        """No two decoders agree on them."""
        with pytest.raises(MalformedImage, match="PLTE"):
            parsed(png(chunk(b"PLTE", b"\1\2\3"), width=1, height=1, colour=3, pixels=b"\1"))

    def test_a_colour_key_keeps_only_its_bits(self):
        """Sixteen bits are stored, eight are read."""
        data = png(chunk(b"tRNS", b"\x41\0\x42\7\x43\x0e"))
        assert dict(chunks(stripped(data)))[b"tRNS"] == b"\0\0\0\7\0\x0e"

    @pytest.mark.parametrize(("colour", "depth"), [(0, 1), (0, 4), (0, 8), (0, 16), (2, 8), (2, 16)])
    @pytest.mark.parametrize("interlace", [0, 1])
    def test_a_transparent_colour_that_no_pixel_has_goes(self, colour, depth, interlace):
        """Two or six free bytes; one that a pixel has stays."""
        size, count = (depth + 7) // 8, 3 if colour == 2 else 1
        row = (8 * count * depth + 7) // 8
        pixels = bytes(range(1, 1 + row)) if depth >= 8 else bytes(row)
        shape = {"width": 8, "height": 1, "colour": colour, "depth": depth, "pixels": pixels, "interlace": interlace}
        if interlace:  # seven passes, of which a row has four: pixels 0, 4, 2 and 6, the odd ones
            passes = [[0], [4], [2, 6], [1, 3, 5, 7]]
            bits = "".join(f"{byte:08b}" for byte in pixels)
            lines = ["".join(bits[n * count * depth : (n + 1) * count * depth] for n in some) for some in passes]
            packed = [
                int(line.ljust(-(-len(line) // 8) * 8, "0"), 2).to_bytes(-(-len(line) // 8), "big") for line in lines
            ]
            shape["stream"] = zlib.compress(b"".join(b"\0" + line for line in packed))
        last = pixels[-size * count :] if depth >= 8 else b"\0"
        used = b"".join(last[n : n + size].rjust(2, b"\0") for n in range(0, size * count, size))
        unused = b"".join((b"\1" if depth < 8 else b"SE"[:size]).rjust(2, b"\0") for _ in range(count))
        kept, gone = png(chunk(b"tRNS", used), **shape), png(chunk(b"tRNS", unused), **shape)
        assert stripped(kept) == kept
        assert stripped(gone) == png(**shape)
        assert frames(gone) == frames(stripped(gone))


def with_alpha(layout, share):
    """A random picture with random filters, and where it is clear; ``share`` of 256 pixels are not."""
    rng = np.random.default_rng(layout.step + share)
    pixels = rng.integers(0, 256, (layout.height, layout.width, layout.step), np.uint8)
    clear = rng.integers(0, 256, pixels.shape[:2]) >= share
    pixels[clear, layout.colour_size :] = 0
    pixels[~clear, layout.colour_size] |= 1
    plain = b""
    for x, y, dx, dy in ADAM7 if layout.interlaced else [(0, 0, 1, 1)]:
        plain += pixels[y::dy, x::dx].tobytes()
    kinds = rng.integers(0, 5, layout.rows).astype(np.uint8).tobytes()
    stream = filter_rows(plain, layout, kinds).pixels
    size = {"width": layout.width, "height": layout.height, "depth": layout.depth, "colour": layout.colour}
    return png(**size, stream=zlib.compress(stream), interlace=int(layout.interlaced)), clear


class TestAnimation:
    A, B = bytes(range(12)), bytes(range(100, 103))

    def test_frames_delays_and_loops_stay(self):
        """A plain animation: pictures, times, count, and a fixed point."""
        data = png(
            actl(2, 3), fctl(0, 2, 2), pixels=self.A, after=[fctl(1, 1, 1, 1, 1, (4, 10), 1), fdat(2, self.B, 3)]
        )
        out = stripped(data)
        assert frames(out) == frames(data)
        assert Image.open(io.BytesIO(out)).info["loop"] == 3
        assert (parsed(data).frames, [duration for _, duration in frames(out)]) == (2, [300.0, 400.0])

    def test_a_hidden_default_picture_is_replaced_by_the_first_frame(self):
        """The picture that an animation never shows is gone; the frames are the same."""
        data = png(
            actl(2, 1), pixels=SECRET[:12], after=[fctl(0, 2, 2), fdat(1, self.A, 6), fctl(2, 1, 1), fdat(3, self.B, 3)]
        )
        out = stripped(data)
        assert frames(out) == frames(data)[1:]
        assert [kind for kind, _ in chunks(out)] == [b"IHDR", b"acTL", b"fcTL", b"IDAT", b"fcTL", b"fdAT", b"IEND"]
        assert kinds(data, Role.AUXILIARY) == {"IDAT"}

    @pytest.mark.parametrize("stream", [zlib.compress(rows(SECRET[:12], 6)), b"broken"])
    def test_where_the_first_frame_is_small_the_default_picture_is_emptied(self, stream):
        """It then cannot be the first frame."""
        data = png(actl(1, 1), stream=stream, after=[fctl(0, 1, 1, 1), fdat(1, self.B, 3)])
        out = stripped(data)
        assert zlib.decompress(dict(chunks(out))[b"IDAT"]) == bytes(14)
        assert parsed(data).frames == 1

    def test_surplus_in_frames_and_numbers_goes(self):
        """Bytes behind a frame's stream, behind fcTL and acTL, sequence numbers, frames behind the declared ones."""
        clean = png(actl(2, 1), fctl(0, 2, 2), pixels=self.A, after=[fctl(1, 1, 1), fdat(2, self.B, 3)])
        stream = zlib.compress(rows(self.B, 3))
        dirty = png(
            chunk(b"acTL", struct.pack(">II", 2, 1) + SECRET),
            fctl(7, 2, 2),
            pixels=self.A,
            after=[
                chunk(b"fcTL", fctl(1, 1, 1)[8:-4] + SECRET),
                chunk(b"fdAT", b"ABCD" + stream[:3]),
                chunk(b"fdAT", b"EFGH" + stream[3:] + SECRET),
                fctl(4, 1, 1),
                fdat(5, SECRET[:3], 3),
            ],
        )
        assert stripped(dirty) == clean
        assert {"fdAT/surplus", "fdAT/sequence", "acTL", "fcTL"} <= {
            part.label for part in parsed(dirty).parts if part.role not in HARMLESS
        }

    def test_delays_are_written_in_lowest_terms(self):
        """30/100 s and 3/10 s are the same time."""

        def timed(*delay):
            return png(actl(2), fctl(0, 2, 2, delay=delay), pixels=self.A, after=[fctl(1, 1, 1), fdat(2, self.B, 3)])

        assert stripped(timed(30, 100)) == timed(3, 10)
        assert stripped(timed(7, 0)) == timed(7, 100)

    def test_one_frame_is_a_still_picture(self):
        """Its delay, its plays and the default picture beside it are never seen: eight free bytes, or a picture."""
        shown = png(chunk(b"acTL", b"\0\0\0\1\0\0SE"), fctl(0, 2, 2, delay=(0x4352, 0x4554)), pixels=self.A)
        assert stripped(shown) == png(pixels=self.A)
        assert [drawn for drawn, _ in frames(shown)] == [drawn for drawn, _ in frames(stripped(shown))]
        other = bytes(range(100, 112))
        stream = b"".join(content for kind, content in chunks(png(pixels=other)) if kind == b"IDAT")
        beside = png(actl(1), pixels=self.A, after=[fctl(0, 2, 2), chunk(b"fdAT", b"\0\0\0\1" + stream)])
        assert stripped(beside) == png(stream=stream)
        assert frames(beside)[-1][0] == frames(stripped(beside))[0][0]

    @pytest.mark.parametrize(
        "data",
        [
            png(actl(2), fctl(0, 2, 2)),
            png(actl(1), fctl(0, 1, 1)),
            png(actl(1), fctl(0, 3, 2)),
            png(actl(1), fctl(0, 2, 2, dispose=3)),
            png(actl(1), chunk(b"fcTL", bytes(25))),
            png(actl(1), fctl(0, 2, 2), after=[fdat(1, bytes(12), 6)]),
            png(actl(2), fctl(0, 2, 2), after=[fctl(1, 1, 1), chunk(b"fdAT", b"\0")]),
        ],
    )
    def test_broken_animations_are_refused(self, data):
        """A missing, misplaced or unknown frame."""
        with pytest.raises(MalformedImage):
            parsed(data)

    def test_the_cost_of_a_frame_grows_with_its_chunks_only(self):
        """Four times as many empty fdAT chunks take about four times as long, not sixteen times."""

        def cost(count):
            many = b"".join(chunk(b"fdAT", number.to_bytes(4, "big")) for number in range(2, count))
            data = png(actl(2), fctl(0, 2, 2), pixels=self.A, after=[fctl(1, 1, 1), many])
            started = time.process_time()
            with pytest.raises(MalformedImage):
                parsed(data)
            return time.process_time() - started

        assert min(cost(40_000) for _ in range(3)) < 9 * min(cost(10_000) for _ in range(3))

    def test_an_animation_without_frames_is_a_still_picture(self):
        """An acTL alone, or frames without one, is no animation; hidden frames go."""
        assert stripped(png(actl(2))) == png()
        assert stripped(png(after=[fctl(0, 2, 2), fdat(1, SECRET[:12], 6)])) == png()


class TestLaw:
    SAMPLES = (
        png(chunk(b"tEXt", b"a\0b"), chunk(b"eXIf", TURN)),
        png(
            chunk(b"PLTE", bytes(range(12))),
            chunk(b"tRNS", b"\0\1"),
            width=3,
            height=3,
            depth=2,
            colour=3,
            pixels=b"\x1b\x1b\x1b",
        ),
        png(actl(2), fctl(0, 2, 2), pixels=bytes(12), after=[fctl(1, 1, 1), fdat(2, b"abc", 3)]),
        saved(Image.effect_noise((9, 7), 60).convert("RGBA"), format="PNG"),
    )

    @pytest.mark.parametrize("sample", range(len(SAMPLES)))
    def test_a_prefix_is_refused_or_has_every_pixel(self, sample):
        """No part of a file passes for the rest, but where only the end is missing."""
        data = self.SAMPLES[sample]
        for end in range(len(data)):
            if end < len(data) - len(END):
                with pytest.raises(InputError):
                    PNG.parse(memoryview(data[:end]), Limits())
            else:
                assert stripped(data[:end]) == stripped(data)

    @pytest.mark.parametrize("sample", range(len(SAMPLES)))
    def test_random_changes_give_a_result_or_an_input_error(self, sample):
        """With checksums put right, so that the changes get past them."""
        rng = random.Random(sample)
        accepted = 0
        for _ in range(400):
            data = bytearray(self.SAMPLES[sample])
            for _ in range(rng.choice((1, 2, 5))):
                data[rng.randrange(8, len(data))] = rng.choice((0, 1, 255, rng.randrange(256)))
            try:
                stripped(with_crcs(data))
            except InputError:
                continue
            accepted += 1
        assert accepted >= 25


class TestCanaries:
    @pytest.mark.parametrize(
        "name", ["png_rgba", "png_rgb16", "png_palette", "png_cicp", "png_stego", "apng_plain", "apng_hidden"]
    )
    def test_nothing_planted_is_left(self, name, monkeypatch):
        """Nothing left, upright, same colours, frames and pixels."""
        folder = sets.require("canary")
        monkeypatch.syspath_prepend(folder)
        canary = pytest.importorskip("canary")
        entry = next(entry for entry in canary.load_set(folder)["files"] if entry["file"] == f"{name}.png")
        data = (folder / "files" / entry["file"]).read_bytes()
        result = canary.check_file(entry, data, stripped(data), folder / "reference")
        assert [left["where"] for left in result["left"]] == []
        assert (result["upright"], result["frames"], result["identical"]) == (True, True, "yes")
        assert result["colour_error"] < 0.5


def test_the_corpus_keeps_its_pixels():
    """Every PNG of the corpus that Pillow opens: same pixels; few are refused."""
    kept = refused = grown = 0
    for path in sorted(sets.require("corpus").rglob("*.png")):
        data = path.read_bytes()
        try:
            before = [np.frombuffer(pixels, np.uint8).reshape(-1, 4).copy() for pixels, _ in frames(data)]
        except (OSError, ValueError, SyntaxError, Image.DecompressionBombError):
            continue
        try:
            out = stripped(data)
        except InputError:
            refused += 1
            continue
        grown += len(out) > 1.02 * len(data) + 64  # a profile is stored, so that it is the same with every zlib
        after = [np.frombuffer(pixels, np.uint8).reshape(-1, 4).copy() for pixels, _ in frames(out)]
        for old, new in zip(before, after, strict=True):
            old[old[:, 3] == 0] = new[new[:, 3] == 0] = 0
            assert np.array_equal(old, new), path.name
        kept += 1
    assert (kept >= 40, refused <= 1, grown) == (True, True, 0)


@pytest.mark.parametrize("sample", range(len(TestLaw.SAMPLES)))
def test_the_parse_of_a_rewrite_may_start_from_what_is_known(sample):
    """It finds the same, and holds bytes of the new file only; a broken stream in its place is still found."""
    before = parsed(TestLaw.SAMPLES[sample])
    out = rebuild(memoryview(TestLaw.SAMPLES[sample]), before)
    again = PNG.load().parse_again(memoryview(out), Limits(), before)
    assert again == PNG.parse(memoryview(out), Limits())
    assert all(image.clean.obj in (out, bytes(image.clean)) for _, image in again.tree.pictures)
    at = out.index(b"IDAT") + 4
    size = int.from_bytes(out[at - 8 : at - 4], "big")
    broken = out[: at + 2] + b"\xff" * (size - 2)
    broken += zlib.crc32(broken[at - 4 :]).to_bytes(4, "big") + out[len(broken) + 4 :]
    with pytest.raises(MalformedImage, match="deflate"):
        PNG.load().parse_again(memoryview(broken), Limits(), before)

"""Codecs: right pixels in, right pixels out, and nothing but our own errors."""

from __future__ import annotations

import io
import struct
import zlib

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from rmexif import codecs
from rmexif.containers.gif import parse as gif
from rmexif.errors import EncodeError, InputError, LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.native import lzw
from rmexif.types import Limits, Raster
from tests.raster_helpers import PLUGINS, container, frames_of, opened, raster, saved, smooth

ALL = sorted(codecs.ENCODERS)
FOREIGN = [
    ValueError, KeyError, IndexError, TypeError, OSError, SyntaxError, RecursionError, EOFError, OverflowError,
    ZeroDivisionError, RuntimeError, struct.error, zlib.error, cv2.error, AssertionError, NotImplementedError,
    Image.DecompressionBombError, UnicodeDecodeError,
]  # fmt: skip


SAMPLES = {name: codecs.encode(raster(smooth(channels=4)), name, 90) for name in ALL}


class Panic(BaseException):
    """What a Rust extension raises when it panics: no Exception."""


def _raise(kind):
    def fail(*_):
        raise kind("utf-8", b"secret", 0, 1, "secret") if kind is UnicodeDecodeError else kind("secret")

    return fail


# -- errors


@pytest.mark.parametrize("kind", [*FOREIGN, Panic])
def test_foreign_exceptions_leave_as_ours_and_without_their_text(monkeypatch, kind):
    """Decoding gives an InputError, encoding an EncodeError; what the codec said stays in the cause."""
    monkeypatch.setitem(codecs.DECODERS, "png", _raise(kind))
    monkeypatch.setitem(codecs.ENCODERS, "png", _raise(kind))
    with pytest.raises(InputError) as caught:
        codecs.decode(b"", container("png", 1, 1))
    assert "secret" not in str(caught.value)
    assert type(caught.value.__cause__) is kind
    with pytest.raises(EncodeError) as failed:
        codecs.encode(raster(smooth()), "png", 90)
    assert "secret" not in str(failed.value)


def test_memory_is_a_limit(monkeypatch):
    """A decoder that runs out of memory names no structure of the file, but a limit."""
    monkeypatch.setitem(codecs.DECODERS, "png", _raise(MemoryError))
    monkeypatch.setitem(codecs.ENCODERS, "png", _raise(MemoryError))
    with pytest.raises(LimitExceeded):
        codecs.decode(b"", container("png", 1, 1))
    with pytest.raises(EncodeError):
        codecs.encode(raster(smooth()), "png", 90)


def test_interrupts_pass(monkeypatch):
    """Ctrl-C is nobody's malformed image."""
    monkeypatch.setitem(codecs.DECODERS, "png", _raise(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        codecs.decode(b"", container("png", 1, 1))


@pytest.mark.parametrize("name", ALL)
@pytest.mark.parametrize(
    "raw", [b"", b"\x00" * 64, b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", b"\xff" * 200]
)
def test_other_bytes_are_refused(monkeypatch, name, raw):
    """Only the decoder of the named format is asked: Image.open, which would try every plugin, is never called."""
    monkeypatch.setattr(Image, "open", _raise(AssertionError))
    with pytest.raises(InputError):
        codecs.decode(raw, container(name, 9, 9))


@pytest.mark.parametrize("name", ALL)
def test_truncated_files_are_refused(name):
    """Half a file is no picture. (JPEG: libjpeg fills up; the parser, which demands the end marker, is the guard.)"""
    data = codecs.encode(raster(smooth(200, 300)), name, 90)
    if name == "jpeg":
        data = data[:200]
    with pytest.raises(InputError):
        codecs.decode(data[: len(data) // 2], container(name, 300, 200))


@pytest.mark.parametrize("name", ALL)
def test_size_must_agree_with_the_header(name):
    """A decoder that finds another size than our parser is reading something else."""
    data = codecs.encode(raster(smooth()), name, 90)
    with pytest.raises(MalformedImage, match="announced"):
        codecs.decode(data, container(name, 30, 20))


def test_png_without_its_chunks_is_refused_at_once():
    """OpenCV spins for up to 20 s on a PNG whose IDAT is missing or runs past the end."""
    data = _png(2, 1, 8, 2, [bytes(6)])
    for broken in (data.replace(b"IDAT", b"IDAX"), data[:-12], data[:33] + b"\xff" + data[34:], data[:33]):
        with pytest.raises(MalformedImage, match="chunk"):
            codecs.decode(broken, container("png", 2, 1))


@settings(max_examples=150, deadline=2000)
@given(st.sampled_from(ALL), st.lists(st.tuples(st.floats(0, 0.999), st.integers(0, 255)), min_size=1, max_size=6))
def test_damage_gives_a_raster_or_an_input_error(name, damage):
    """Any bytes give a result or one of our errors, in bounded time."""
    data = bytearray(SAMPLES[name])
    for place, value in damage:
        data[int(place * len(data))] = value
    try:
        codecs.decode(bytes(data), container(name, 56, 40))
    except InputError:
        return


def test_missing_frames_are_refused():
    """Fewer frames than counted is an error, more are not decoded."""
    data = codecs.encode(raster(smooth(), smooth()[::-1], durations=(50, 50)), "webp", 90)
    with pytest.raises(MalformedImage, match="frames"):
        codecs.decode(data, container("webp", 56, 40, 3))
    still = codecs.decode(
        codecs.encode(raster(smooth(), smooth(), durations=(50, 50)), "gif", 90), container("gif", 56, 40)
    )
    assert len(still.frames) == 1


def test_unknown_formats():
    """No decoder, no encoder, no place for a second picture."""
    with pytest.raises(UnsupportedFeature):
        codecs.decode(b"", container("bpg", 1, 1))
    with pytest.raises(EncodeError):
        codecs.encode(raster(smooth()), "bpg", 90)
    with pytest.raises(EncodeError, match="one picture"):
        codecs.encode(raster(smooth(), smooth()), "jpeg", 90)


def test_12_bit_jpeg_is_refused():
    """Precision is read from the frame header (T.81, B.2.2)."""
    data = bytearray(codecs.encode(raster(smooth()), "jpeg", 90))
    data[data.index(b"\xff\xc0") + 4] = 12
    with pytest.raises(UnsupportedFeature, match="12-bit"):
        codecs.decode(bytes(data), container("jpeg", 56, 40))


# -- decoding: Pillow, or the numbers written, are the expectation


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
@pytest.mark.parametrize("name", ["png", "tiff"])
def test_lossless_modes(name, mode):
    """Every pixel type of PNG and TIFF arrives as it was written."""
    rgba = Image.fromarray(smooth(channels=3 if mode == "P" else 4))
    image = Image.fromarray(smooth(channels=1, dtype=np.uint16)[:, :, 0]) if mode == "I;16" else rgba.convert(mode)
    got = codecs.decode(saved(image, PLUGINS[name]), container(name, 56, 40)).frames[0].pixels
    want = np.array(image.convert({"1": "L", "P": "RGB"}.get(mode, mode)))
    assert got.dtype == want.dtype
    assert np.array_equal(got, want.reshape(got.shape))
    assert got.flags.writeable
    assert got.flags.c_contiguous


def test_palette_with_transparency():
    """A palette with alpha becomes RGBA."""
    image = Image.fromarray(smooth()).quantize(8)
    image.info["transparency"] = bytes([0, 128, 255])
    data = saved(image, "PNG", transparency=bytes([0, 128, 255]))
    got = codecs.decode(data, container("png", 56, 40)).frames[0].pixels
    assert np.array_equal(got, np.array(opened(data).convert("RGBA")))


def _png(width, height, depth, kind, rows, *extra):
    def chunk(name, body):
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, depth, kind, 0, 0, 0))
    data = zlib.compress(b"".join(b"\0" + row for row in rows))
    return (
        b"\x89PNG\r\n\x1a\n" + header + b"".join(chunk(*e) for e in extra) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


@pytest.mark.parametrize(
    ("depth", "kind", "row", "key", "want"),
    [
        (16, 2, (1000, 2000, 3000, 40000, 50000, 60000), (1000, 2000, 3000), [[1000, 2000, 3000, 0], [40000, 50000, 60000, 65535]]),
        (16, 0, (1000, 2000), (2000,), [[1000, 65535], [2000, 0]]),
        (16, 4, (1000, 2000, 3000, 4000), None, [[1000, 2000], [3000, 4000]]),
        (16, 6, (1, 2, 3, 4, 65535, 65534, 65533, 65532), None, [[1, 2, 3, 4], [65535, 65534, 65533, 65532]]),
        (8, 2, (10, 20, 30, 40, 50, 60), (40, 50, 60), [[10, 20, 30, 255], [40, 50, 60, 0]]),
        (8, 0, (10, 20), (10,), [[10, 0], [20, 255]]),
        (8, 4, (10, 20, 30, 40), None, [[10, 20], [30, 40]]),
    ],
)  # fmt: skip
def test_png_samples_and_colour_keys(depth, kind, row, key, want):
    """16-bit samples are exact; a colour key (tRNS) becomes alpha; no gAMA is applied by the decoder."""
    packed = struct.pack(f">{len(row)}{'H' if depth == 16 else 'B'}", *row)
    extra = [(b"gAMA", struct.pack(">I", 100000))]
    if key:
        extra.append((b"tRNS", struct.pack(f">{len(key)}H", *key)))
    got = codecs.decode(_png(2, 1, depth, kind, [packed], *extra), container("png", 2, 1)).frames[0].pixels
    assert got[0].tolist() == want


def test_texts_cannot_stop_a_png():
    """A broken iCCP and a text that inflates to 8 MB are not looked at: only pixels are decoded."""
    bomb = b"Comment\0\0" + zlib.compress(bytes(8 << 20))
    extra = [(b"iCCP", b"broken"), (b"zTXt", bomb), (b"PLTE", bytes(range(6)))]
    got = codecs.decode(_png(2, 1, 8, 3, [b"\0\1"], *extra), container("png", 2, 1)).frames[0].pixels
    assert got[0].tolist() == [[0, 1, 2], [3, 4, 5]]


def test_2_bit_grey_with_a_key():
    """Low depths are stretched to 8 bit, and the key with them."""
    data = _png(4, 1, 2, 0, [bytes([0b00011011])], (b"tRNS", b"\0\2"))
    got = codecs.decode(data, container("png", 4, 1)).frames[0].pixels
    assert got[0].tolist() == [[0, 255], [85, 255], [170, 0], [255, 255]]


@pytest.mark.parametrize("mode", ["L", "RGB", "CMYK"])
def test_jpeg_modes(mode):
    """Grey, YCbCr and inverted CMYK as Pillow sees them; one grey level of rounding between two libjpegs."""
    data = saved(Image.fromarray(smooth()).convert(mode), "JPEG", quality=95)
    got = codecs.decode(data, container("jpeg", 56, 40))
    want = np.array(opened(data)).reshape(got.frames[0].pixels.shape)
    assert np.abs(got.frames[0].pixels.astype(int) - want).max() <= 2
    assert got.space == {"L": "L", "RGB": "RGB", "CMYK": "CMYK"}[mode]


def test_jpeg_of_rgb_components():
    """Adobe's transform 0: the components are RGB, not YCbCr."""
    data = saved(Image.fromarray(smooth()), "JPEG", quality=95, keep_rgb=True)
    got = codecs.decode(data, container("jpeg", 56, 40)).frames[0].pixels
    assert np.abs(got.astype(int) - smooth()).mean() < 2


def test_exif_orientation_is_not_applied_by_the_decoder():
    """The turn is the parser's to read and orient()'s to make: never twice."""
    exif = Image.Exif()
    exif[274] = 6
    for name in ("jpeg", "png", "webp"):
        data = saved(Image.fromarray(smooth()), PLUGINS[name], exif=exif)
        got = codecs.decode(data, container(name, 56, 40, orientation=6))
        assert got.frames[0].pixels.shape == (40, 56, 3)
        assert got.orientation == 6


def test_turned_tiff_pages_come_upright():
    """Tag 274 is applied page by page, by Pillow; nothing is left to turn."""
    exif = Image.Exif()
    exif[274] = 6
    got = codecs.decode(saved(Image.fromarray(smooth()), "TIFF", exif=exif), container("tiff", 56, 40, orientation=6))
    assert got.orientation == 1
    assert np.array_equal(got.frames[0].pixels, np.rot90(smooth(), -1))


def test_16_bit_tiff_pages():
    """16-bit RGB keeps its 16 bits, on every page."""
    pages = [smooth(dtype=np.uint16), smooth(30, 20, dtype=np.uint16)]
    data = codecs.encode(raster(*pages), "tiff", 90)
    got = codecs.decode(data, container("tiff", 56, 40, 2))
    assert all(np.array_equal(frame.pixels, page) for frame, page in zip(got.frames, pages, strict=True))


def test_heif_depths_are_stretched():
    """10 bits become 16 with full at full; libheif has turned the picture."""
    white = np.full((64, 64, 3), 65535, np.uint16)
    got = codecs.decode(codecs.encode(raster(white), "heic", 95), container("heic", 64, 64))
    assert got.frames[0].pixels.dtype == np.uint16
    assert got.frames[0].pixels.min() > 65000


def test_hidden_default_image_of_an_apng_is_skipped():
    """A default image without frame control is no frame of the animation."""
    images = [Image.fromarray(smooth()[::step]) for step in (1, 1, 1)]
    images[1] = Image.fromarray(255 - smooth())
    data = saved(images[0], "PNG", save_all=True, default_image=True, append_images=images[1:], duration=70, loop=4)
    got = codecs.decode(data, container("png", 56, 40, 2))
    assert len(got.frames) == 2
    assert got.loop == 4
    assert np.array_equal(got.frames[0].pixels, 255 - smooth())


def test_jxl_pixels_come_from_the_codestream():
    """The box that rebuilds an old JPEG is not what is shown."""
    data = codecs.encode(raster(smooth()), "jxl", 95)
    boxed = b"\0\0\0\x0cJXL \r\n\x87\n" + b"\0\0\0\x14ftypjxl \0\0\0\0jxl " + b"\0\0\0\x0cjbrdjunk"
    boxed += struct.pack(">I4s", 8 + len(data), b"jxlc") + data
    got = codecs.decode(boxed, container("jxl", 56, 40)).frames[0].pixels
    assert np.abs(got.astype(int) - smooth()).mean() < 3


# -- encoding: Pillow is the reader


def portable(data):
    """A file read by Pillow; it knows no PAM, whose samples follow a line ENDHDR (pam(5))."""
    if not data.startswith(b"P7"):
        return opened(data)
    head, _, body = data.partition(b"ENDHDR\n")
    fields = dict(line.split() for line in head.decode().splitlines()[1:])
    width, height, channels = (int(fields[key]) for key in ("WIDTH", "HEIGHT", "DEPTH"))
    samples = np.frombuffer(body, ">u2" if fields["MAXVAL"] == "65535" else np.uint8)
    narrow = (samples / (257 if fields["MAXVAL"] == "65535" else 1)).round().astype(np.uint8)
    return Image.fromarray(narrow.reshape(height, width, channels))


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("name", ALL)
def test_every_format_takes_every_raster(name, dtype, channels):
    """Grey or colour, alpha or not, 8 or 16 bit: it comes out looking the same, and with no side data."""
    pixels = smooth(channels=channels, dtype=dtype)
    image = portable(codecs.encode(raster(pixels), name, 95))
    assert not any(image.info.get(key) for key in ("exif", "xmp", "comment", "photoshop", "metadata", "thumbnails"))
    narrow = (pixels / (257 if dtype == np.uint16 else 1)).round().astype(np.uint8)
    want = Image.fromarray(narrow[:, :, 0] if channels == 1 else narrow).convert("RGBA")
    if image.mode.startswith("I"):
        image = Image.fromarray((np.array(image) / 257).round().astype(np.uint8))
    got = image.convert("RGBA")
    if name == "gif":
        want.putalpha(want.getchannel("A").point(lambda v: 255 if v >= 128 else 0))
    white = Image.new("RGBA", want.size, "white")
    diff = np.abs(np.array(Image.alpha_composite(white, want), int) - np.array(Image.alpha_composite(white, got)))
    assert diff.mean() < 3


@pytest.mark.parametrize("name", ["png", "tiff"])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_lossless_formats_keep_16_bits(name, channels):
    """What goes in comes out, bit for bit."""
    pixels = smooth(channels=channels, dtype=np.uint16)
    got = codecs.decode(codecs.encode(raster(pixels), name, 50), container(name, 56, 40)).frames[0].pixels
    want = pixels[:, :, (0, 0, 0, 1)] if channels == 2 else pixels
    assert np.array_equal(got, want)


@pytest.mark.parametrize("name", ALL)
def test_encoders_are_deterministic(name):
    """The same raster gives the same bytes."""
    one = raster(smooth(channels=4))
    assert codecs.encode(one, name, 80) == codecs.encode(one, name, 80)


@pytest.mark.parametrize("name", ["jpeg", "webp", "avif", "heic", "jxl"])
def test_quality_is_honoured(name):
    """Less quality, fewer bytes."""
    noise = np.random.default_rng(1).integers(0, 256, (96, 96, 3), np.uint8)
    assert len(codecs.encode(raster(noise), name, 30)) < len(codecs.encode(raster(noise), name, 95))


@pytest.mark.parametrize(("size", "sampling"), [(64, 1), (3000, 2)])
def test_jpeg_is_plain_libjpeg(size, sampling):
    """Baseline, JFIF, no comment; colour at half the resolution in large pictures only: the fixed look."""
    pixels = np.repeat(np.repeat(smooth(), 1 + size // 64, axis=0), 1 + size // 64, axis=1)
    image = opened(codecs.encode(raster(pixels), "jpeg", 90))
    assert image.layer[0][1:3] == (sampling, sampling)
    assert "progressive" not in image.info
    assert image.info["jfif"] == 257


def _film(channels):
    first = smooth(channels=channels)
    second = first.copy()
    second[10:20, 13:31] = 255 - second[10:20, 13:31]
    if channels == 4:
        first[:, :, 3] = np.where(first[:, :, 3] > 100, 255, 0)
        second[:, :, 3] = 255 - first[:, :, 3]
    return [first, first, second, second, first]


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("loop", [0, 1, 3])
@pytest.mark.parametrize("name", ["png", "webp", "gif"])
def test_animations_keep_every_frame(name, loop, channels):
    """Equal frames are not merged; durations and the number of plays are kept; frames look the same."""
    durations = (40.0, 50.0, 60.0, 70.0, 1000.0)
    film = raster(*_film(channels), durations=durations, loop=loop)
    data = codecs.encode(film, name, 95)
    pictures, seen = frames_of(data)
    assert seen == list(durations)
    back = codecs.decode(data, container(name, 56, 40, 5))
    assert back.loop == loop
    assert [frame.duration for frame in back.frames] == list(durations)
    for frame, picture in zip(film.frames, pictures, strict=True):
        rgba = np.array(Image.fromarray(frame.pixels[:, :, 0] if channels == 1 else frame.pixels).convert("RGBA"), int)
        visible = rgba[:, :, 3:] // 255
        assert (np.abs(rgba[:, :, :3] - picture[:, :, :3]) * visible).mean() < (0.01 if name == "png" else 4)
        assert np.array_equal(rgba[:, :, 3], picture[:, :, 3])


def test_gif_loop_extension():
    """NETSCAPE2.0 counts repetitions after the first play; a GIF that plays once has none."""
    film = _film(3)
    for loop, field in ((0, 0), (1, None), (2, 1), (8, 7)):
        data = codecs.encode(raster(*film, durations=(50,) * 5, loop=loop), "gif", 90)
        found = data.find(b"NETSCAPE2.0")
        assert (struct.unpack_from("<H", data, found + 13)[0] if found >= 0 else None) == field


def test_few_colours_survive_gif_exactly():
    """A GIF of 256 colours or less is not requantised."""
    image = Image.fromarray(smooth()).quantize(200)
    pixels = np.array(image.convert("RGB"))
    got = codecs.decode(codecs.encode(raster(pixels), "gif", 90), container("gif", 56, 40)).frames[0].pixels
    assert np.array_equal(got, pixels)


def test_avif_animation():
    """Frames and durations are kept."""
    data = codecs.encode(raster(*_film(3), durations=(40, 50, 60, 70, 80)), "avif", 90)
    assert frames_of(data)[1] == [40, 50, 60, 70, 80]


def test_tiff_pages_keep_their_sizes():
    """Pages are pictures of their own."""
    pages = [smooth(), smooth(20, 30, 1), smooth(10, 64, 4)]
    image = Image.open(io.BytesIO(codecs.encode(raster(*pages), "tiff", 90)))
    for number, page in enumerate(pages):
        image.seek(number)
        assert np.array_equal(np.array(image).reshape(page.shape), page)


def test_long_durations_fit_apng():
    """A fraction of two 16-bit numbers: above 65 seconds it is counted in hundredths."""
    film = raster(smooth(), 255 - smooth(), durations=(70_000.0, 700_000.0))
    assert frames_of(codecs.encode(film, "png", 90))[1] == [70_000.0, 700_000.0]


def test_decoding_from_a_memoryview():
    """The whole route works on views: no copy of the file is needed."""
    for name in ALL:
        data = codecs.encode(raster(smooth()), name, 90)
        assert isinstance(codecs.decode(memoryview(data), container(name, 56, 40)), Raster)


def test_gif_frames_are_composed_on_a_transparent_screen() -> None:
    """A small frame, then one that is taken away, then a third: what none of them shows is transparent (GIF89a, 23)."""

    def frame(left: int, index: int, disposal: int) -> bytes:
        control = bytes([0x21, 0xF9, 4, disposal << 2, 7, 0, 0, 0])
        codes = lzw.encode(bytes([index]) * 4, 2)
        return control + b"\x2c" + struct.pack("<4HB", left, 1, 2, 2, 0) + bytes([2, len(codes)]) + codes + b"\0"

    palette = bytes([10, 20, 30, 200, 0, 0, 0, 200, 0, 0, 0, 200])
    head = b"GIF89a" + struct.pack("<2H3B", 8, 4, 0xF1, 0, 0) + palette
    raw = head + frame(0, 1, 1) + frame(3, 2, 2) + frame(6, 3, 3) + b";"
    found = codecs.decode(raw, gif.parse(memoryview(raw), Limits())).frames

    red, green, blue, none = [200, 0, 0, 255], [0, 200, 0, 255], [0, 0, 200, 255], [0, 0, 0, 0]
    assert [f.duration for f in found] == [70.0] * 3
    assert [f.pixels[1, ::3].tolist() for f in found] == [[red, none, none], [red, green, none], [red, none, blue]]
    assert not found[2].pixels[0].any()

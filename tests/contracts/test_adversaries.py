"""What common encoders write, with something of somebody's own in the same place: it is found, whatever passes beside it."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from itertools import pairwise

import numpy as np
import pillow_heif
import pytest
from PIL import Image, ImageCms

from rmexif import icc, verify
from tests.containers.builders_png import END, SIGNATURE, chunk, ihdr, png
from tests.containers.heif_builder import Heif, coded, ispe
from tests.contracts.test_encoders import labels, picture, saved

pillow_heif.register_heif_opener()

# The sRGB profile that libvips brings along (github.com/saucecontrol/Compact-ICC-Profiles, CC0).
PROFILE = base64.b64decode(
    "AAAB4GxjbXMEIAAAbW50clJHQiBYWVogB+IAAwAUAAkADgAdYWNzcE1TRlQAAAAAc2F3c2N0cmwAAAAAAAAAAAAAAAAAAPbWAAEA"
    "AAAA0y1oYW5keem/Vlo+AbaDI4VVRvdPqgAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAKZGVzYwAAAPwAAAAkY3BydAAA"
    "ASAAAAAid3RwdAAAAUQAAAAUY2hhZAAAAVgAAAAsclhZWgAAAYQAAAAUZ1hZWgAAAZgAAAAUYlhZWgAAAawAAAAUclRSQwAAAcAA"
    "AAAgZ1RSQwAAAcAAAAAgYlRSQwAAAcAAAAAgbWx1YwAAAAAAAAABAAAADGVuVVMAAAAIAAAAHABzAFIARwBCbWx1YwAAAAAAAAAB"
    "AAAADGVuVVMAAAAGAAAAHABDAEMAMAAAWFlaIAAAAAAAAPbWAAEAAAAA0y1zZjMyAAAAAAABDD8AAAXd///zJgAAB5AAAP2S///7"
    "of///aIAAAPcAADAcVhZWiAAAAAAAABvoAAAOPIAAAOPWFlaIAAAAAAAAGKWAAC3iQAAGNpYWVogAAAAAAAAJKAAAA+FAAC2xHBh"
    "cmEAAAAAAAMAAAACZmkAAPKnAAANWQAAE9AAAApb"
)
CARRIERS = ("PNG", "JPEG", "WEBP", "TIFF", "AVIF")


def test_the_profile_is_the_known_space() -> None:
    """Of the libvips wheel; by our reader, and by LittleCMS's name of it."""
    assert icc.identify(PROFILE) == "srgb"
    assert icc.is_published(PROFILE)
    assert ImageCms.getProfileDescription(ImageCms.ImageCmsProfile(io.BytesIO(PROFILE))).strip() == "sRGB"


@pytest.mark.parametrize("kind", CARRIERS)
def test_a_published_profile_passes(kind: str) -> None:
    """In every carrier; any bit of it that is another one is found."""
    assert labels(saved(picture("photo"), kind, icc_profile=PROFILE)) == set()
    for at in (25, 310, 470):  # the year, a text, a curve
        changed = PROFILE[:at] + bytes([PROFILE[at] ^ 1]) + PROFILE[at + 1 :]
        assert verify(saved(picture("photo"), kind, icc_profile=changed)), at


@pytest.mark.parametrize("kind", CARRIERS)
def test_a_fresh_profile_is_found(kind: str) -> None:
    """Its date is the one of the file."""
    fresh = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()

    assert any("ProfileDateTime" in where for where in labels(saved(picture("photo"), kind, icc_profile=fresh)))


def test_what_passes_once_does_not_pass_twice() -> None:
    """Chunks that nobody reads, or choices between things that say nothing each, could say something together."""
    jpeg, webp = (saved(picture("photo"), kind, icc_profile=PROFILE) for kind in ("JPEG", "WEBP"))
    segment = b"\xff\xe2" + struct.pack(">H", 16 + len(PROFILE)) + b"ICC_PROFILE\0\1\1" + PROFILE
    again = segment[:30] + b"Jane" + segment[34:]
    chunk_ = b"ICCP" + struct.pack("<I", len(PROFILE)) + PROFILE
    doubled = webp + chunk_
    doubled = doubled[:4] + struct.pack("<I", len(doubled) - 8) + doubled[8:]
    gamma = b"!\xff\x0bImageMagick\x0egamma=0.454545\0"
    gif_ = saved(picture("screenshot"), "GIF")
    at = 13 + 3 * (2 << (gif_[10] & 7))  # behind the global table

    assert jpeg.count(segment) == webp.count(chunk_) == 1
    assert labels(jpeg) == labels(webp) == set()
    assert verify(jpeg.replace(segment, segment + segment))
    assert verify(jpeg.replace(segment, segment + again))
    assert verify(doubled)
    assert verify(gif_[:at] + gamma + gif_[at:]) == []
    assert verify(gif_[:at] + gamma * 2 + gif_[at:])


def iccp(name: bytes, stream: bytes) -> bytes:
    """A PNG with a profile."""
    return png(chunk(b"iCCP", name + b"\0\0" + stream))


def test_the_name_and_the_stream_of_a_png_profile() -> None:
    """Nobody's name, and no deflate blocks or matches that spell."""
    packed = zlib.compress(PROFILE)
    halves = zlib.compressobj(9)
    spelled = halves.compress(PROFILE[:200]) + halves.flush(zlib.Z_FULL_FLUSH)
    spelled += halves.compress(PROFILE[200:]) + halves.flush()

    assert verify(iccp(b"ICC Profile", packed)) == []
    assert verify(iccp(b"Jane Doe's laptop", packed))
    assert verify(iccp(b"ICC Profile", packed + b"Jane"))
    assert zlib.decompress(spelled) == PROFILE
    assert verify(iccp(b"ICC Profile", spelled))


def exif(*more: tuple[int, int, int, bytes], sides: tuple[int, int] = (131, 97), tail: bytes = b"") -> bytes:
    """The block that libvips writes into every file, with further fields of IFD0."""
    rows = [(274, 3, 1, b"\1\0\0\0"), (282, 5, 1, b""), (283, 5, 1, b""), (296, 3, 1, b"\2\0\0\0")]
    rows += [(531, 3, 1, b"\1\0\0\0"), (34665, 4, 1, b""), *more]
    inner = [(36864, 7, 4, b"0210"), (37121, 7, 4, b"\1\2\3\0"), (40960, 7, 4, b"0100"), (40961, 3, 1, b"\xff\xff\0\0")]
    inner += [(40962 + n, 4, 1, struct.pack("<I", side)) for n, side in enumerate(sides)]
    first = 8 + 2 + 12 * len(rows) + 4
    places = {282: first, 283: first + 8, 34665: first + 16}

    def table(entries: list[tuple[int, int, int, bytes]]) -> bytes:
        found = [(tag, kind, count, value or struct.pack("<I", places[tag])) for tag, kind, count, value in entries]
        return struct.pack("<H", len(found)) + b"".join(struct.pack("<HHI4s", *row) for row in found) + bytes(4)

    return b"II*\0\x08\0\0\0" + table(rows) + struct.pack("<II", 71983, 1000) * 2 + table(inner) + tail


def test_an_exif_item() -> None:
    """Of AVIF, whose writer in Pillow reads the block and writes it again."""
    assert labels(saved(picture("photo"), "AVIF", exif=exif())) == set()
    assert verify(saved(picture("photo"), "AVIF", exif=exif((271, 2, 4, b"Me\0\0"))))


@pytest.mark.parametrize("kind", ["PNG", "JPEG", "WEBP"])
def test_an_exif_block_that_every_file_has(kind: str) -> None:
    """It passes; with a maker, a time, bytes behind it, other sizes or twice the same field it does not."""
    start = b"Exif\0\0" if kind == "JPEG" else b""

    assert labels(saved(picture("photo"), kind, exif=start + exif())) == set()
    for block in (
        exif((271, 2, 4, b"Me\0\0")),
        exif((306, 2, 4, b"now\0")),
        exif((700, 1, 4, b"Jane")),
        exif((274, 3, 1, b"\1\0\0\0")),
        exif((274, 3, 1, b"\x01\0Me")),
        exif(tail=b"Jane"),
        exif(sides=(131, 98)),
        exif().replace(struct.pack("<I", 71983), struct.pack("<I", 71500)),
        exif().replace(b"0210", b"Jane"),
    ):
        assert verify(saved(picture("photo"), kind, exif=start + block)), block


def test_a_rate_of_a_heif() -> None:
    """The one that libheif asks x265 for passes, any other does not; nor does another order of its parameter sets."""
    raw = saved(picture("photo"), "HEIF")
    rate = b"\x80\0\0\x0c\x80\0\0\x03\0\x84"  # 25 ticks, and the first bit of the scale

    assert raw.count(rate) == 1
    assert verify(raw) == []
    assert verify(raw.replace(rate, b"\x80\0\0\x2c\x80\0\0\x03\0\x84"))
    assert verify(raw.replace(rate, b"\x80\0\0\x0c\x80\0\0\x03\x03\x84"))


@pytest.mark.parametrize(("name", "passes"), [(b"libavif", True), (b"PictureHandler", True), (b"Jane Doe", False)])
def test_the_name_of_a_handler(name: bytes, passes: bool) -> None:
    """Of a program, or of somebody."""
    data, config = coded(picture("photo").crop((0, 0, 64, 64)), "AVIF")
    heif = Heif()
    heif.name = name
    heif.item(b"av01", data, (config, ispe(64, 64)))

    assert (verify(heif.build()) == []) is passes


def test_numbers_of_items_that_spell() -> None:
    """A grid whose tiles are counted is common; tiles in another order could say something."""
    data, config = coded(picture("photo").crop((0, 0, 64, 64)), "AVIF")
    for order, passes in (((2, 3, 4, 5), True), ((5, 2, 4, 3), False)):
        heif = Heif()
        heif.item(b"grid", struct.pack(">BBBBHH", 0, 0, 1, 1, 128, 128), (ispe(128, 128),))
        for _ in range(4):
            heif.item(b"av01", data, (config, ispe(64, 64)), hidden=1)
        heif.refer(b"dimg", 1, *order)
        raw = heif.build()

        assert (not {"meta/iref/dimg", "meta/iinf/infe"} & labels(raw)) is passes


PIXELS = b",\0\0\0\0\2\0\1\0\0\x08\5" + b"\x00\t\x10\x08\x08" + b"\0"  # two of entry 4


def gif(*idle: int, table: bytes | None = None) -> bytes:
    """Frames of two pixels with controls that name an index and do not use it."""
    table = table or bytes(36 * r if c == 0 else 36 * g if c == 1 else 85 * b for b, g, r, c in _rgb8())
    out = b"GIF89a\x02\0\x01\0\xf7\0\0" + table
    for index in idle:
        out += b"!\xf9\x04\x04\x05\0" + bytes([index]) + b"\0" + PIXELS
    return out + b";"


def _rgb8() -> list[tuple[int, int, int, int]]:
    """Indices of FFmpeg's palette of three, three and two bits, and of a channel."""
    return [(b, g, r, c) for b in range(4) for g in range(8) for r in range(8) for c in range(3)]


def test_controls_of_a_gif() -> None:
    """One index that nothing uses is FFmpeg's; another one in every frame could spell."""
    same, spelled = gif(31, 31, 31), gif(74, 97, 110)
    for raw in (same, spelled):
        with Image.open(io.BytesIO(raw)) as image:
            assert image.n_frames == 3

    assert "control" not in labels(same)
    assert "control" in labels(spelled)


def test_a_palette_of_ffmpeg() -> None:
    """It passes; with a text in entries that nothing uses it does not."""
    table = bytearray(bytes(36 * r if c == 0 else 36 * g if c == 1 else 85 * b for b, g, r, c in _rgb8()))
    table[90:120] = b"Jane Doe, 12 Lime Street, 2024"

    assert "table/unused" not in labels(gif(31))
    assert "table/unused" in labels(gif(31, table=bytes(table)))


def test_sizes_of_chunks_that_spell() -> None:
    """A buffer, its rest and a flush are Chromium's; three sizes of any kind are not."""
    stream = zlib.compress(b"".join(b"\0" + np.random.default_rng(n).bytes(90) for n in range(30)), 1)

    def cut(*sizes: int) -> bytes:
        places = [0, *np.cumsum(sizes).tolist(), len(stream)]
        data = b"".join(chunk(b"IDAT", stream[a:b]) for a, b in pairwise(places))
        return SIGNATURE + ihdr(30, 30) + data + END

    assert verify(cut(1024, 1024, 300)) == []
    assert verify(cut(1024, 1000, 300, 20))


def test_jpeg_densities_and_conditioning() -> None:
    """A whole number of dots, the same in both directions, is anybody's; arithmetic coding with the values that hold without them is no message."""
    raw = saved(picture("photo"), "JPEG")
    at = raw.index(b"JFIF\0") + 7

    assert verify(raw[:at] + b"\x02\0\x25\0\x25" + raw[at + 5 :]) == []
    assert verify(raw[:at] + b"\x02\0\x25\0\x26" + raw[at + 5 :])


def test_rows_of_a_tiff() -> None:
    """libvips says 128 of a picture of fewer; another number says something."""
    raw = saved(picture("photo"), "TIFF")
    at = raw.index(b"\x16\x01\x04\0\x01\0\0\0") + 8

    assert verify(raw[:at] + b"\x80\0\0\0" + raw[at + 4 :]) == []
    assert verify(raw[:at] + b"\x83\0\0\0" + raw[at + 4 :])


SVG = '<svg xmlns="http://www.w3.org/2000/svg" width="24" height="24" viewBox="0 0 24 24">'
PATH = '<path d="M12 2L2 7v10" fill="none" stroke="#000"/>'
DRAWINGS = {  # what programs write, and what could say something
    "bare": (f"{SVG}{PATH}</svg>", True),
    "declaration": (f'<?xml version="1.0" encoding="UTF-8"?>\n{SVG}{PATH}</svg>\n', True),
    "indentation": (f'{SVG}\n  <g fill="red">\n    {PATH}\n    {PATH}\n  </g>\n</svg>\n', True),
    "single quotes": (f"{SVG}{PATH}</svg>".replace('"', "'"), True),
    "text": (f'{SVG}<text x="1" y="9">Hi &amp; bye</text></svg>', True),
    "comment": (f"{SVG}<!-- Jane -->{PATH}</svg>", False),
    "identifier": (f"{SVG}{PATH}</svg>".replace("<path", '<path id="jane"'), False),
    "spaces": (f"{SVG}\n {PATH}\n   {PATH}\n{PATH}</svg>", False),
    "order": (f'{SVG}{PATH}<path fill="none" d="M12 2L2 7v10" stroke="#000"/></svg>', False),
    "attribute": (f"{SVG}{PATH}</svg>".replace(" fill", "  fill"), False),
    "namespace": (f"{SVG}{PATH}</svg>".replace("><path", ' xmlns:jane="http://jane"><path'), False),
    "title": (f"{SVG}<title>Jane</title>{PATH}</svg>", False),
    "lines": (f"{SVG}{PATH}</svg>\n\n\n", False),
}


@pytest.mark.parametrize("name", DRAWINGS)
def test_the_markup_of_a_drawing(name: str) -> None:
    """One indentation, one kind of quotes, one order of attributes; anything else could spell."""
    text, passes = DRAWINGS[name]

    assert (labels(text.encode()) == set()) is passes

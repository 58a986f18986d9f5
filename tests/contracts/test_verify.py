"""Two questions of ``verify``: does anything identify somebody, and is this what rmexif would write?

Files that common encoders write and that carry nothing pass the first; outputs of ``strip`` and ``scrub`` pass both;
what nothing accounts for passes neither. ``inspect`` finds what ``verify`` finds.
"""

from __future__ import annotations

import io
import struct
import zlib
from collections import Counter
from functools import cache
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw

from rmexif import Policy, RmexifError, inspect, scrub, strip, verify
from rmexif.containers import FORMATS, by_name, sniff
from rmexif.types import HARMLESS, Limits, Role
from tests import samples, sets
from tests.cli.running import run
from tests.contracts.test_malleability import FLIPS, shown

if TYPE_CHECKING:
    from pathlib import Path

SAMPLES = [(row.format.name, kind) for row in FORMATS for kind in samples.of(row.format.name)]
TEXT = b"Jane Doe, 12 Lime Street, 51.5072 N 0.1276 W, 2024-05-01 10:00"
FREE = {  # what a byte may say in an ordinary file, beside what it may say in a canonical one
    "screen/background": 1,  # GIF: of 256 entries
    "screen/flags": 1,  # GIF: bits a primary colour, sorted
    "picture/flags": 1,  # GIF: sorted
    "control": 1,  # GIF: which number is transparent, where no pixel has it
    "signature": 1,  # GIF: 87a or 89a
    "table": 8,  # GIF: colours that a later frame covers
    "APP0/JFIF": 2,  # JPEG: version and common densities
    "APP14/Adobe": 1,  # JPEG: how Photoshop filtered
    "IFD0": 3,  # TIFF: types of fields
    "SOF0": 1,  # JPEG: baseline or extended
    "meta/iprp/ipma": 5,  # AVIF: which properties a reader must understand
    "IFD0/320": 1,  # TIFF: one stray entry
    "IFD0/279": 1,  # TIFF: whether a zero behind a strip belongs to it
    "meta/iloc": 2,  # AVIF: widths of its fields
    "meta/iprp/ipco/av1C": 2,  # AVIF: levels
    "meta/iprp/ipco/colr": 2,
    "VP8": 20,  # WebP: segments that no macroblock is in, and the share of skipped ones
    "ANMF": 2,
    "IDAT": 2,  # PNG: level and window of zlib
    "pHYs": 4,
    "SOS": 6,
    "codestream/header": 1,
    "codestream/frame/header": 1,
}


@cache
def screenshot() -> Image.Image:
    """A window with a text in it."""
    image = Image.new("RGB", (120, 80), "white")
    draw = ImageDraw.Draw(image)
    draw.rectangle((10, 10, 60, 40), fill="navy")
    draw.text((10, 50), "Settings", fill="black")
    return image


@cache
def gradient() -> Image.Image:
    """A smooth picture."""
    y, x = np.mgrid[0:61, 0:97]
    return Image.fromarray(np.stack([x * 2, y * 3, x + y], -1).astype(np.uint8))


def saved(image: Image.Image, kind: str, **options: Any) -> bytes:
    """A picture as Pillow writes it."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def ordinary() -> dict[str, bytes]:
    """Files of Pillow and OpenCV with nothing in them but the picture."""
    shot, smooth = screenshot(), gradient()
    indexed = shot.quantize(16)
    found = {
        f"png {image.mode} {level}": saved(image, "PNG", compress_level=level)
        for image in (shot, shot.convert("L"), shot.convert("1"), indexed, shot.convert("RGBA"), smooth)
        for level in (0, 1, 6, 9)
    }
    found |= {f"png {dpi} dpi": saved(shot, "PNG", dpi=(dpi, dpi)) for dpi in (13, 72, 80, 96, 144, 300, 1200)}
    found |= {f"jpeg {dpi} dpi": saved(shot, "JPEG", dpi=(dpi, dpi)) for dpi in (40, 97, 301)}
    found |= {f"tiff {dpi} dpi": saved(shot, "TIFF", dpi=(dpi, dpi)) for dpi in (40, 97, 301)}
    found["png transparent entry"] = saved(indexed, "PNG", transparency=0)
    for image in (shot, smooth, indexed, shot.convert("L")):
        found[f"gif {image.mode} {image.width}"] = saved(image, "GIF")
        found[f"bmp {image.mode} {image.width}"] = saved(image, "BMP")
        found[f"jpeg {image.mode} {image.width}"] = saved(image.convert("RGB"), "JPEG", dpi=(96, 96))
        for coding in (None, "tiff_lzw", "tiff_adobe_deflate", "packbits"):
            found[f"tiff {image.mode} {image.width} {coding}"] = saved(
                image, "TIFF", compression=coding, dpi=(300, 300)
            )
    found["gif web palette"] = saved(smooth.convert("P"), "GIF")
    found["bmp web palette"] = saved(smooth.convert("P"), "BMP")
    found["gif transparent"] = saved(indexed, "GIF", transparency=0)
    found["gif moving"] = saved(shot, "GIF", save_all=True, append_images=[smooth.resize(shot.size)], duration=100)
    found["tiff pages"] = saved(shot, "TIFF", save_all=True, append_images=[smooth])
    found["tiff fax"] = saved(shot.convert("1"), "TIFF", compression="group4")
    found["jpeg CMYK"] = saved(shot.convert("CMYK"), "JPEG")
    for mode in ("RGB", "RGBA", "L"):
        found[f"avif {mode}"] = saved(shot.convert(mode), "AVIF")
        found[f"webp {mode}"] = saved(shot.convert(mode), "WEBP")
        found[f"webp lossless {mode}"] = saved(shot.convert(mode), "WEBP", lossless=True)
    for extension in (".png", ".bmp", ".tiff", ".jpg", ".webp", ".gif"):
        found[f"OpenCV {extension}"] = cv2.imencode(extension, np.asarray(shot)[:, :, ::-1])[1].tobytes()
    grey = np.asarray(shot.convert("L"))
    for extension, pixels in ((".pgm", grey), (".pbm", grey), (".ppm", np.asarray(smooth))):
        for binary in (0, 1):
            options = [cv2.IMWRITE_PXM_BINARY, binary]
            found[f"OpenCV {extension} {binary}"] = cv2.imencode(extension, pixels, options)[1].tobytes()
    found["OpenCV .pam"] = cv2.imencode(".pam", grey)[1].tobytes()
    return found


ORDINARY = ordinary()


@pytest.mark.parametrize("name", ORDINARY)
def test_an_ordinary_file_passes(name: str) -> None:
    """And inspect has nothing to tell of it."""
    assert verify(ORDINARY[name]) == []
    assert inspect(ORDINARY[name]).findings == ()


@pytest.mark.parametrize("name", [name for name in ORDINARY if len(ORDINARY[name]) < 4000])
def test_what_an_ordinary_file_can_say_is_bounded(name: str) -> None:
    """Bytes outside coded pictures are changed, 200 of them in three ways; the free ones stand in the table."""
    data, free = ORDINARY[name], Counter[str]()
    before = shown(data)
    parts = sniff(memoryview(data)).parse(memoryview(data), Limits()).parts
    places = [(part.label, at) for part in parts if part.role != Role.PIXELS for at in range(part.offset, part.end)]
    for label, at in places[:: max(1, len(places) // 200)]:
        for flip in FLIPS:
            changed = data[:at] + bytes([data[at] ^ flip]) + data[at + 1 :]
            try:
                passes = not verify(changed)
            except RmexifError:
                continue
            if passes and shown(changed) == before:
                free[label] += 1
                break

    assert {label: count for label, count in free.items() if count > FREE.get(label, 0)} == {}


@pytest.mark.parametrize(("name", "kind"), SAMPLES)
def test_outputs_pass_both_questions(name: str, kind: str) -> None:
    """Of strip and of scrub."""
    raw = samples.of(name)[kind]
    for data in (strip(raw)[0], scrub(raw, Policy(faces=False))[0]):
        assert verify(data) == []
        assert verify(data, canonical=True) == []
        assert inspect(data).findings == ()


@pytest.mark.parametrize(("name", "kind"), SAMPLES)
def test_inspect_and_verify_agree(name: str, kind: str) -> None:
    """On every file."""
    raw = samples.of(name)[kind]

    assert list(inspect(raw).findings) == verify(raw)


@pytest.mark.parametrize("name", [row.format.name for row in FORMATS])
def test_bytes_behind_the_end_fail(name: str) -> None:
    """Whatever the format, canonical or not."""
    clean = strip(next(iter(samples.of(name).values())))[0]

    assert verify(clean + TEXT)
    assert verify(clean + TEXT, canonical=True)


@pytest.mark.parametrize(
    "name", [name for name in ORDINARY if name.startswith(("png RGB", "gif", "tiff RGB", "bmp RGB"))]
)
def test_an_ordinary_file_with_a_tail_fails(name: str) -> None:
    """What is common in it excuses nothing else."""
    assert verify(ORDINARY[name] + TEXT)


def test_bytes_between_restart_intervals_fail() -> None:
    """A part of coded data that the rewrite cuts is not the same data."""
    raw = saved(gradient(), "JPEG", restart_marker_blocks=2)
    at = raw.index(b"\xff\xd1")

    assert verify(raw) == []
    assert verify(raw[:at] + TEXT + raw[at:])


@pytest.mark.parametrize("options", [{}, {"optimize": True}, {"progressive": True}, {"quality": 30}])
@pytest.mark.parametrize("marker", [0xC4, 0xDB])
def test_tables_in_one_segment_pass(marker: int, options: dict[str, Any]) -> None:
    """As cameras, Photoshop and FFmpeg write them (T.81, B.2.4.1 and B.2.4.2); with one that no scan uses they fail."""
    raw = saved(gradient(), "JPEG", **options)
    head, scan = raw[: raw.index(b"\xff\xda")], raw[raw.index(b"\xff\xda") :]
    found, rest, at = b"", head[:2], 2
    while at < len(head):
        size = int.from_bytes(head[at + 2 : at + 4], "big")
        if head[at + 1] == marker:
            found += head[at + 4 : at + 2 + size]
        else:
            rest += head[at : at + 2 + size]
        at += 2 + size

    def joined(tables: bytes) -> bytes:
        return rest + bytes([255, marker]) + (len(tables) + 2).to_bytes(2, "big") + tables + scan

    assert shown(joined(found)) == shown(raw)
    assert verify(joined(found)) == []
    unused = b"\x03" + bytes(range(1, 65)) if marker == 0xDB else b"\x03\0\5" + bytes(14) + b"Jane!"
    assert verify(joined(found + unused))


# What Photoshop writes at quality 8 ("Adobe Photoshop, Quality 8" by ExifTool's JPEGDigest), in zig-zag order.
PHOTOSHOP = [
    [6, 4, 4, 4, 5, 4, 6, 5, 5, 6, 9, 6, 5, 6, 9, 11, 8, 6, 6, 8, 11, 12, 10, 10, 11, 10, 10, 12, 16, *[12] * 6, 16],
    [
        7,
        7,
        7,
        13,
        12,
        13,
        24,
        16,
        16,
        24,
        20,
        14,
        14,
        14,
        20,
        20,
        14,
        14,
        14,
        14,
        20,
        17,
        *[12] * 5,
        17,
        17,
        *[12] * 6,
        17,
    ],
]


@pytest.mark.parametrize(("last", "is_published"), [(12, True), (77, False)])
def test_quantisation_tables_of_photoshop_pass(last: int, is_published: bool) -> None:
    """Steps that this picture does not use are those of every file of that quality; another one could say something."""
    tables = [[*table, *[12] * (63 - len(table)), last] for table in PHOTOSHOP]
    raw = saved(screenshot(), "JPEG", qtables=[[7] * 64] * 2, subsampling=0)
    for slot, table in enumerate(tables):
        raw = raw.replace(bytes([slot, *[7] * 64]), bytes([slot, *table]))
    photoshop = raw.replace(b"\xff\xdb", b"\xff\xee\0\x0eAdobe\0\x64\x40\0\0\0\1\xff\xdb", 1)

    assert [finding.where for finding in verify(raw)] == ([] if is_published else ["DQT (unused steps)"])
    assert (verify(photoshop) == []) is is_published
    assert verify(photoshop.replace(b"\x64\x40", b"\x64\x4a"))


def test_tables_that_no_strip_uses_fail() -> None:
    """A TIFF without JPEG data whose field of JPEG tables holds a text."""
    hidden = saved(gradient(), "TIFF", compression="tiff_lzw", tiffinfo={347: TEXT})

    assert TEXT in hidden
    assert verify(hidden)


def test_a_jpeg_in_a_tiff_passes_without_a_tail_alone() -> None:
    """As libtiff writes it, with tables that all strips share."""
    raw = saved(gradient(), "TIFF", compression="jpeg")

    assert verify(raw) == []
    assert verify(raw + TEXT)


def plain(separators: list[str]) -> bytes:
    """A PGM of 20 x 20 px in decimal numbers, with what stands behind each of them."""
    return b"P2\n20 20\n255\n" + "".join(f"{7 * at % 256}{text}" for at, text in enumerate(separators)).encode()


SPELT = [bit for letter in b"Jane Doe, 12 Lime Street, 51.5072 N 0.1276 W, 2024" for bit in f"{letter:08b}"]


@pytest.mark.parametrize(
    ("layout", "is_regular"),
    [
        ([" "] * 400, True),
        (["\n"] * 400, True),
        ([" \n" if at % 20 == 19 else "  " for at in range(400)], True),
        ([" " if bit == "0" else "\n" for bit in SPELT], False),
        ([" " if bit == "0" else "  " for bit in SPELT], False),
        (["\n\n" if bit == "0" else "\n" for bit in SPELT], False),
        ([" "] * 399 + ["\n0\n"], False),
    ],
)
def test_layouts_of_plain_numbers(layout: list[str], is_regular: bool) -> None:
    """What holds for all lines is a program's; what is chosen for each number could spell."""
    raw = plain(layout)

    assert len(np.asarray(Image.open(io.BytesIO(raw)))) == 20
    assert [finding.where for finding in verify(raw)] == ([] if is_regular else ["pixels/plain"])


@pytest.mark.parametrize("dpi", [(1300, 1300), (72, 73), (96.4, 96.4), (4_000_000, 4_000_000)])
def test_a_measured_density_fails(dpi: tuple[float, float]) -> None:
    """As of a screen or a scanner of one's own: no whole number of dots per inch or centimetre, or not the same."""
    assert [finding.where for finding in verify(saved(screenshot(), "PNG", dpi=dpi))] == ["pHYs"]


def with_unused(colours: list[bytes]) -> bytes:
    """A GIF of 128 colours whose last ones no pixel has."""
    image = Image.fromarray(np.arange(128 - len(colours), dtype=np.uint8).reshape(1, -1), "P")
    shown = [bytes((37 * n % 256, 91 * n % 256, 53 * n % 256)) for n in range(128 - len(colours))]
    image.putpalette(b"".join(shown + colours))
    out = io.BytesIO()
    image.save(out, "GIF", optimize=False)
    return out.getvalue()


@pytest.mark.parametrize(
    ("colours", "is_common"),
    [
        ([b"\x98\x78\x74"], True),  # what ImageMagick's quantiser leaves over
        ([bytes([200 - n] * 3) for n in range(40)], True),
        ([bytes([n * 77 % 256] * 3) for n in range(40)], False),
        ([b"Jan", b"e D"], False),
        ([b"\x98\x78" + bytes([letter]) for letter in b"Jane Doe"], False),
    ],
)
def test_colours_that_no_pixel_has(colours: list[bytes], is_common: bool) -> None:
    """Few of them, or a scale of grey, are left over; more could say something."""
    raw = with_unused(colours)

    assert len(Image.open(io.BytesIO(raw)).getpalette() or ()) == 3 * 128
    assert [finding.where for finding in verify(raw)] == ([] if is_common else ["table/unused"])


@pytest.mark.parametrize(
    ("kind", "content", "is_common"),
    [
        (b"bKGD", b"\0\x87\0\xce\0\xeb", True),
        (b"bKGD", b"\x87\x87\xce\xce\xeb\xeb", False),
        (b"sBIT", b"\5\6\5", True),
        (b"sBIT", b"\5\6J", False),
    ],
)
def test_chunks_of_one_small_value(kind: bytes, content: bytes, is_common: bool) -> None:
    """A background in the picture's own depth, bits of a narrower sample (W3C PNG, 11.3.4.1 and 11.3.2.4)."""
    raw = saved(screenshot(), "PNG")
    chunk = struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))
    found = verify(raw[:33] + chunk + raw[33:])

    assert [finding.where for finding in found] == ([] if is_common else [kind.decode()])


def flushed(distances: list[int]) -> bytes:
    """A PNG whose encoder flushes behind as many bytes of rows, one after the other."""
    rows = b"".join(b"\0" + bytes(range(60)) for _ in range(40))
    packer, stream, at = zlib.compressobj(), b"", 0
    for distance in distances:
        stream += packer.compress(rows[at : at + distance]) + packer.flush(zlib.Z_SYNC_FLUSH)
        at += distance
    stream += packer.compress(rows[at:]) + packer.flush()
    chunks = ((b"IHDR", struct.pack(">IIBBBBB", 60, 40, 8, 0, 0, 0, 0)), (b"IDAT", stream), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I4s", len(data), kind) + data + struct.pack(">I", zlib.crc32(kind + data))
        for kind, data in chunks
    )


def test_flush_points_of_an_encoder_pass() -> None:
    """Behind every row; at distances that spell, they are found."""
    assert verify(flushed([61] * 39)) == []
    assert [finding.where for finding in verify(flushed(list(b"Jane Doe, 12 Lime Street")))] == ["IDAT/deflate-blocks"]


def test_a_level_of_compression_is_not_canonical() -> None:
    """The second question is about every byte."""
    raw = saved(screenshot(), "PNG", compress_level=1)

    assert verify(raw, canonical=True)
    assert verify(strip(raw)[0], canonical=True) == []


def test_no_clean_part_has_a_role_of_its_own() -> None:
    """What identifies nobody may be in a form of its encoder."""
    assert Role.ENCODING in HARMLESS
    assert not {Role.GAP, Role.TRAILER, Role.UNKNOWN, Role.METADATA, Role.AUXILIARY} & HARMLESS


def test_the_command_says_what_to_do(tmp_path: Path) -> None:
    """0 for a folder of screenshots; 1, a list and the next command for the one with a position."""
    (tmp_path / "a.png").write_bytes(ORDINARY["png RGB 9"])
    (tmp_path / "b c.png").write_bytes(samples.of("png")["rgb"] if verify(samples.of("png")["rgb"]) else b"")

    plain = run("verify", "a.png", cwd=tmp_path)
    strict = run("verify", "--canonical", "a.png", cwd=tmp_path)
    dirty = run("verify", "a.png", "b c.png", cwd=tmp_path)

    assert (plain.returncode, plain.stdout) == (0, b"")
    assert strict.returncode == 1
    assert dirty.returncode == 1
    assert dirty.stdout.decode().splitlines()[-1] == "run: rmexif strip --in-place 'b c.png'"


def test_a_row_is_what_it_names() -> None:
    """The tables of this file name formats that there are."""
    assert {name for name, _ in SAMPLES} == {row.format.name for row in FORMATS}
    assert by_name("png").format.name == "png"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["corpus", "canary", "cases"])
def test_outputs_of_files_of_others_pass_both_questions(name: str) -> None:
    """Of the shared sets: whatever strip writes passes, and inspect and verify agree on what it was given."""
    passed = 0
    for path in sorted(path for path in sets.require(name).rglob("*") if path.is_file()):
        raw = path.read_bytes()
        try:
            found = list(inspect(raw).findings)
        except RmexifError as error:
            with pytest.raises(type(error)):
                verify(raw)
            continue
        assert found == verify(raw), path.name
        try:
            data = strip(raw)[0]
        except RmexifError:
            continue
        assert verify(data) == verify(data, canonical=True) == list(inspect(data).findings) == [], path.name
        passed += 1

    assert passed

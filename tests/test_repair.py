"""Files that are cut off: complete where nothing but an end is missing, filled with grey on request, else refused."""

from __future__ import annotations

import io
import json
import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from rmexif import MalformedImage, Policy, UnsupportedFeature, scrub, strip, verify
from rmexif.errors import InputError
from tests import samples
from tests.cli.running import run
from tests.containers.test_tiff import build

PICTURE = samples.picture(160, 120)
PALETTE_PICTURE = PICTURE.quantize(63)
PALETTE_PICTURE.putpalette((PALETTE_PICTURE.getpalette() or [])[: 63 * 3] + [128] * 3)
FILES = {
    "jpeg": samples.saved(PICTURE, "JPEG", quality=90),
    "png": samples.saved(PICTURE, "PNG"),
    "bmp": samples.saved(PICTURE, "BMP"),
    "pnm": samples.saved(PICTURE, "PPM"),
    "tiff": samples.saved(PICTURE, "TIFF"),
    "gif": samples.saved(PALETTE_PICTURE, "GIF", interlace=0, optimize=False),
}


def truncated(raw: bytes) -> np.ndarray:
    """What Pillow makes of a file that is cut off."""
    ImageFile.LOAD_TRUNCATED_IMAGES = True
    try:
        return np.asarray(Image.open(io.BytesIO(raw)).convert("RGB")).astype(int)
    finally:
        ImageFile.LOAD_TRUNCATED_IMAGES = False


def shown(data: bytes) -> np.ndarray:
    """Pixels by Pillow."""
    return np.asarray(Image.open(io.BytesIO(data)).convert("RGB")).astype(int)


@pytest.mark.parametrize("progressive", [False, True])
def test_a_jpeg_without_its_end_is_written_with_it(progressive: bool) -> None:
    """Every row is there: nothing to repair."""
    raw = samples.saved(PICTURE, "JPEG", progressive=progressive)

    data, stats = strip(raw[:-2])

    assert data == strip(raw)[0]
    assert data.endswith(b"\xff\xd9")
    assert "repaired" not in stats
    assert verify(raw[:-2], canonical=True)
    assert scrub(raw[:-2], Policy(faces=False))[1]["format"] == "jpeg"


@pytest.mark.parametrize("name", FILES)
def test_missing_rows_are_refused_unless_they_are_to_be_completed(name: str) -> None:
    """The message names the option; what is there stays, the rest is grey, and the report says how much."""
    raw = FILES[name][: len(FILES[name]) * 7 // 10]

    with pytest.raises(MalformedImage, match="--repair complete"):
        strip(raw)
    with pytest.raises(MalformedImage):
        scrub(raw, Policy(faces=False))
    data, stats = strip(raw, repair="complete")

    kept = stats["repaired"]["rows_kept"]
    assert stats["repaired"]["rows"] == 120
    assert 60 <= kept <= 84
    assert stats["original_size"] == len(raw)
    assert verify(data, canonical=True) == []
    rows = slice(120 - kept, 120) if name == "bmp" else slice(0, kept)  # a BMP starts with its last row
    assert np.array_equal(shown(data)[rows], shown(FILES[name])[rows])
    missing = shown(data)[slice(0, 110 - kept) if name == "bmp" else slice(kept + 24, 120)]
    assert abs(missing - 128).max() <= 2
    assert scrub(raw, Policy(faces=False, repair="complete"))[1]["repaired"] == stats["repaired"]


def test_a_jpeg_shows_what_a_decoder_shows_of_the_cut_one() -> None:
    """Pillow fills what is missing by itself."""
    raw = FILES["jpeg"][: len(FILES["jpeg"]) * 7 // 10]

    assert np.array_equal(shown(strip(raw, repair="complete")[0]), truncated(raw))


def test_an_interlaced_gif_keeps_the_passes_that_are_there() -> None:
    """The first and second pass, and a part of the third (GIF89a, appendix E)."""
    raw = samples.saved(PALETTE_PICTURE, "GIF", interlace=1, optimize=False)
    order = [*range(0, 120, 8), *range(4, 120, 8), *range(2, 120, 4), *range(1, 120, 2)]

    data, stats = strip(raw[: len(raw) * 7 // 10], repair="complete")

    kept, missing = order[: stats["repaired"]["rows_kept"]], order[stats["repaired"]["rows_kept"] :]
    assert 60 <= len(kept) <= 84
    assert np.array_equal(shown(data)[kept], shown(raw)[kept])
    assert (shown(data)[missing] == 128).all()


def test_an_animation_keeps_the_pictures_that_have_begun() -> None:
    """What is missing of a later one paints nothing."""
    rng = np.random.default_rng(4)
    frames = [Image.fromarray(rng.integers(0, 256, (40, 40), np.uint8)) for _ in range(4)]
    raw = samples.saved(frames[0], "GIF", save_all=True, append_images=frames[1:], duration=50, disposal=1)
    starts = [at for at in range(len(raw)) if raw[at : at + 3] == b"\x21\xf9\x04"]
    assert len(starts) == 4

    cut = (starts[2] + 3 * starts[3]) // 4
    data, stats = strip(raw[:cut], repair="complete")

    assert stats["frames"] == 3
    kept = stats["repaired"]["rows_kept"]
    assert 100 <= kept < stats["repaired"]["rows"] == 120
    with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(raw)) as original:
        for number in range(3):
            image.seek(number)
            original.seek(number)
            rows = slice(0, 40 if number < 2 else kept - 80)
            assert np.array_equal(np.asarray(image.convert("RGB"))[rows], np.asarray(original.convert("RGB"))[rows])
    with pytest.raises(MalformedImage, match="--repair complete"):
        strip(raw[:cut])


def tiff(image: Image.Image, strip_size: int = 1600, **options: object) -> bytes:
    """A file whose directory comes first, as it does in those that can be completed."""
    raw = samples.saved(image, "TIFF", strip_size=strip_size, **options)
    with Image.open(io.BytesIO(raw)) as opened:
        fields = dict(opened.tag_v2)
    strips = [raw[at : at + size] for at, size in zip(fields[273], fields[279], strict=True)]
    numbers = {256: 3, 257: 3, 258: 3, 259: 3, 262: 3, 277: 3, 278: 3, 279: 4, 317: 3, 338: 3, 530: 3, 347: 7}
    kept = {tag: value for tag, value in fields.items() if tag in numbers}
    cells, values = b"", b""
    start = 8 + 2 + 12 * (len(kept) + 1) + 4
    kept[279] = tuple(map(len, strips))
    room = sum(len(v) * {3: 2, 4: 4, 7: 1}[numbers[t]] + 1 for t, v in kept.items() if isinstance(v, tuple | bytes))
    first = start + room + 4 * len(strips) + 8
    kept[273] = tuple(first + sum(map(len, strips[:number])) for number in range(len(strips)))
    numbers[273] = 4
    for tag in sorted(kept):
        value = kept[tag]
        row = value if isinstance(value, tuple | bytes) else (value,)
        packed = (
            bytes(row) if numbers[tag] == 7 else struct.pack(f"<{len(row)}{'H' if numbers[tag] == 3 else 'I'}", *row)
        )
        place = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack("<I", start + len(values))
        values += packed if len(packed) > 4 else b""
        cells += struct.pack("<HHI", tag, numbers[tag], len(row)) + place
    head = b"II*\0\x08\0\0\0" + struct.pack("<H", len(kept)) + cells + bytes(4) + values
    return head.ljust(first, b"\0") + b"".join(strips)


CODINGS = (None, "tiff_lzw", "tiff_adobe_deflate", "tiff_deflate", "packbits", "zstd", "lzma")


@pytest.mark.parametrize("predictor", [1, 2])
@pytest.mark.parametrize("mode", ["RGB", "L", "RGBA", "CMYK", "I;16"])
@pytest.mark.parametrize("coding", CODINGS)
def test_strips_of_a_tiff_are_completed(coding: str | None, mode: str, predictor: int) -> None:
    """The rows that libtiff reads of the complete file; behind them grey, opaque."""
    image = PICTURE.convert("L" if mode == "I;16" else mode)
    if mode == "I;16":
        image = Image.fromarray(np.asarray(image).astype(np.uint16) * 256 + 5)
    fields = {317: 2} if predictor == 2 and coding in CODINGS[1:4] + CODINGS[5:] else {}
    raw = tiff(image, compression=coding, tiffinfo=fields)
    with Image.open(io.BytesIO(raw)) as opened:
        complete = np.asarray(opened)

    cut = raw[: len(raw) * 7 // 10]
    with pytest.raises(MalformedImage, match="--repair complete"):
        strip(cut)
    data, stats = strip(cut, repair="complete")

    kept = stats["repaired"]["rows_kept"]
    assert 60 <= kept <= 84
    with Image.open(io.BytesIO(data)) as opened:
        got = np.asarray(opened)
    assert np.array_equal(got[:kept], complete[:kept])
    grey = got[kept:].reshape(-1, got.shape[2] if got.ndim == 3 else 1)
    if mode == "RGBA":
        assert (grey[:, 3] == 255).all()
        grey = grey[:, :3]
    assert (grey == (0x8080 if mode == "I;16" else 0x80)).all()
    assert verify(data, canonical=True) == []
    with pytest.raises(MalformedImage, match="fewer than half"):
        strip(raw[: len(raw) * 4 // 10], repair="complete")


def test_a_jpeg_in_one_strip_of_a_tiff_is_completed() -> None:
    """As a JPEG is."""
    raw = tiff(PICTURE, 1 << 20, compression="jpeg")
    with Image.open(io.BytesIO(raw)) as opened:
        complete = np.asarray(opened)

    data, stats = strip(raw[: len(raw) * 8 // 10], repair="complete")

    kept = stats["repaired"]["rows_kept"]
    assert 60 <= kept < 120
    assert np.array_equal(shown(data)[: kept - 8], complete[: kept - 8])  # chroma is smoothed over the edge
    several = tiff(PICTURE, compression="jpeg")
    with pytest.raises(InputError, match="no scan data"):  # of strips that are missing altogether
        strip(several[: len(several) * 8 // 10], repair="complete")


def test_tiles_of_a_tiff_are_completed() -> None:
    """Counted by their area; the last of four is missing."""
    tiles = [bytes([level]) * 256 for level in (10, 20, 30, 40)]
    fields = {256: (3, (32,)), 257: (3, (32,)), 258: (3, (8,)), 262: (3, (1,)), 322: (3, (16,)), 323: (3, (16,))}
    raw = bytearray(build((fields, tiles)))
    with Image.open(io.BytesIO(raw)) as opened:
        places = opened.tag_v2[324]
    at = raw.index(struct.pack("<4I", *places))
    raw[at + 12 : at + 16] = struct.pack("<I", len(raw) + 7)

    data, stats = strip(bytes(raw), repair="complete")

    assert stats["repaired"] == {"rows": 32, "rows_kept": 24}
    pixels = shown(data)[:, :, 0]
    assert [pixels[0, 0], pixels[0, 31], pixels[31, 0], pixels[31, 31]] == [10, 20, 30, 128]


def test_damage_inside_a_tiff_keeps_the_other_strips() -> None:
    """Not only what is in front of it."""
    raw = bytearray(tiff(PICTURE, compression="tiff_adobe_deflate"))
    with Image.open(io.BytesIO(raw)) as opened:
        start, rows, complete = opened.tag_v2[273][5], opened.tag_v2[278], np.asarray(opened)
    raw[start : start + 12] = b"\xff" * 12

    data, stats = strip(bytes(raw), repair="complete")

    assert stats["repaired"]["rows_kept"] == 120 - rows
    assert np.array_equal(shown(data)[: 5 * rows], complete[: 5 * rows])
    assert np.array_equal(shown(data)[6 * rows :], complete[6 * rows :])


@pytest.mark.parametrize("name", FILES)
def test_less_than_half_is_no_picture(name: str) -> None:
    """Not even on request."""
    with pytest.raises(MalformedImage, match="fewer than half"):
        strip(FILES[name][: len(FILES[name]) * 3 // 10], repair="complete")


def test_an_animated_webp_keeps_the_frames_that_are_complete() -> None:
    """A still one takes an encoder, and is refused."""
    frames = [samples.picture(60, 40).rotate(turn) for turn in (0, 40, 90, 170)]
    raw = samples.saved(frames[0], "WEBP", save_all=True, append_images=frames[1:], duration=70, loop=3, lossless=True)

    last = len(raw) - raw.rindex(b"ANMF")
    for missing, rows in ((200, 160), (last - 6, 120)):  # through a picture; before anything says that there is one
        with pytest.raises(MalformedImage, match="--repair complete"):
            strip(raw[:-missing])
        data, stats = strip(raw[:-missing], repair="complete")
        assert stats["repaired"] == {"rows": rows, "rows_kept": 120}
        with Image.open(io.BytesIO(data)) as image, Image.open(io.BytesIO(raw)) as original:
            assert (image.n_frames, image.info["loop"]) == (3, 3)
            for number in range(3):
                image.seek(number)
                original.seek(number)
                assert np.array_equal(np.asarray(image), np.asarray(original))
    with pytest.raises(MalformedImage, match="no complete frame"):
        strip(raw[: raw.index(b"ANMF") + 60], repair="complete")


def test_other_formats_are_refused() -> None:
    """By name; and a head alone is no picture."""
    for name in ("WEBP", "AVIF"):
        with pytest.raises(UnsupportedFeature, match="not completed"):
            strip(samples.saved(PICTURE, name)[:-200], repair="complete")
    for raw in FILES.values():
        with pytest.raises(InputError):
            strip(raw[:12], repair="complete")


def test_a_file_that_is_all_there_is_not_touched() -> None:
    """The option changes nothing."""
    for raw in FILES.values():
        assert strip(raw, repair="complete")[0] == strip(raw)[0]


def test_the_command_line(tmp_path: Path) -> None:
    """``--repair complete`` of strip and scrub."""
    (tmp_path / "a.png").write_bytes(FILES["png"][: len(FILES["png"]) * 7 // 10])

    assert run("strip", "a.png", "-o", "b.png", cwd=tmp_path).returncode == 65
    done = run("strip", "a.png", "-o", "b.png", "--repair", "complete", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["repaired"]["rows"] == 120
    done = run("a.png", "-o", "c.png", "--no-faces", "--repair", "complete", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["repaired"]["rows"] == 120

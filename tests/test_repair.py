"""Files that are cut off: complete where nothing but an end is missing, filled with grey on request, else refused."""

from __future__ import annotations

import io
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageFile

from rmexif import MalformedImage, Policy, UnsupportedFeature, scrub, strip, verify
from rmexif.errors import InputError
from tests import samples
from tests.cli.running import run

PICTURE = samples.picture(160, 120)
PALETTE_PICTURE = PICTURE.quantize(63)
PALETTE_PICTURE.putpalette((PALETTE_PICTURE.getpalette() or [])[: 63 * 3] + [128] * 3)
FILES = {
    "jpeg": samples.saved(PICTURE, "JPEG", quality=90),
    "png": samples.saved(PICTURE, "PNG"),
    "bmp": samples.saved(PICTURE, "BMP"),
    "pnm": samples.saved(PICTURE, "PPM"),
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


@pytest.mark.parametrize("name", FILES)
def test_less_than_half_is_no_picture(name: str) -> None:
    """Not even on request."""
    with pytest.raises(MalformedImage, match="fewer than half"):
        strip(FILES[name][: len(FILES[name]) * 3 // 10], repair="complete")


def test_other_formats_are_refused() -> None:
    """By name; and a head alone is no picture."""
    with pytest.raises(UnsupportedFeature, match="not completed"):
        strip(samples.saved(PICTURE, "WEBP")[:-200], repair="complete")
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

"""What every format module has to hold, run over the table: a new row is tested the moment it is added."""

from __future__ import annotations

import gc
import io
import random
import weakref
import zipfile
from collections.abc import Callable

import numpy as np
import pytest
from PIL import Image, ImageSequence

from rmexif import lossless, scrub
from rmexif.containers import FORMATS, by_name
from rmexif.errors import InputError, LimitExceeded
from rmexif.types import HARMLESS, Category, Limits
from tests import samples
from tests.containers.builders_png import with_crcs

NAMES = [module.format.name for module in FORMATS]
CASES = [(name, kind) for name in NAMES for kind in samples.of(name)]
LIMITS = Limits()
CHANGES = 40  # damaged files of every sample
LEAST_ACCEPTED = {  # of the damaged files of a format: about half of what is
    "jpeg": 40,
    "png": 6,
    "webp": 35,
    "gif": 4,
    "tiff": 35,
    "bmp": 45,
    "avif": 15,
    "heic": 10,
    "jxl": 25,
    "pnm": 30,
}


def archive() -> bytes:
    """A ZIP archive of one file."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as made:
        made.writestr("a.txt", samples.CANARY)
    return out.getvalue()


def photo() -> bytes:
    """A JPEG file."""
    out = io.BytesIO()
    samples.picture(8, 8).save(out, "JPEG")
    return out.getvalue()


def pixels(data: bytes) -> list[np.ndarray]:
    """Every frame as Pillow shows it, colour under alpha 0 cleared."""
    shown = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(data))):
        array = np.array(frame.convert("CMYK" if frame.mode == "CMYK" else "RGBA"))
        if frame.mode != "CMYK":
            array[array[:, :, 3] == 0] = 0
        shown.append(array)
    return shown


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_parts_tile_the_file(name: str, kind: str) -> None:
    """Every byte belongs to exactly one part, in order."""
    raw = samples.of(name)[kind]

    container = by_name(name).parse(memoryview(raw), LIMITS)

    position = 0
    for part in container.parts:
        assert part.offset == position
        assert part.length > 0
        position = part.end
    assert position == len(raw)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_header_agrees_with_pillow(name: str, kind: str) -> None:
    """Size and frames are known before a decoder runs, and are what a decoder finds."""
    raw = samples.of(name)[kind]
    image = Image.open(io.BytesIO(raw))

    container = by_name(name).parse(memoryview(raw), LIMITS)

    assert {container.width, container.height} == set(image.size) or (container.width, container.height) == image.size
    assert container.frames == getattr(image, "n_frames", 1)


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_strip_leaves_nothing_but_the_picture(name: str, kind: str) -> None:
    """No canary, no part outside the allow-list, the same pixels, and a second strip changes nothing."""
    raw = samples.of(name)[kind]

    data, stats = lossless.strip(raw)

    assert samples.CANARY not in data
    assert lossless.verify(data, canonical=True) == []
    assert lossless.strip(data)[0] == data
    for before, after in zip(pixels(raw), pixels(data), strict=True):
        assert np.array_equal(before, after)
    assert stats["metadata_removed"] is True


class Original(bytearray):
    """A file whose end can be watched."""


@pytest.mark.parametrize("clean", [lossless.strip, scrub], ids=["strip", "scrub"])
@pytest.mark.parametrize(("name", "kind"), CASES)
def test_the_original_is_let_go(name: str, kind: str, clean: Callable[[Original], object]) -> None:
    """When the answer is there, nothing holds the original: no cycle that waits for a garbage collection."""
    original = Original(samples.of(name)[kind])
    watch = weakref.ref(original)
    gc.disable()
    try:
        clean(original)
        del original

        assert watch() is None
    finally:
        gc.enable()


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_a_canary_is_reported(name: str, kind: str) -> None:
    """What is planted in the open is read by inspect, and found by verify."""
    raw = samples.of(name)[kind]
    if samples.CANARY not in raw:
        pytest.skip("nothing is planted in the open in this sample")

    values = [finding.value or "" for finding in lossless.inspect(raw, values=True).findings]
    assert any(samples.CANARY.decode() in value for value in values)
    assert not any(finding.where.endswith("/broken") for finding in lossless.inspect(raw).findings)
    assert lossless.verify(raw)


@pytest.mark.parametrize(
    ("appended", "where", "category"),
    [
        (archive(), "trailer/ZIP archive", Category.UNKNOWN),
        (photo(), "trailer/JPEG picture", Category.EMBEDDED_IMAGE),
    ],
    ids=["zip", "jpeg"],
)
@pytest.mark.parametrize("name", NAMES)
def test_what_follows_the_picture_has_one_name(name: str, appended: bytes, where: str, category: Category) -> None:
    """The same bytes behind a picture are reported in the same words, whatever the picture's format is."""
    clean, _ = lossless.strip(next(iter(samples.of(name).values())))

    found = lossless.inspect(clean + appended).findings

    assert [(finding.where, finding.category, finding.length) for finding in found] == [
        (where, category, len(appended))
    ]
    assert lossless.strip(clean + appended)[0] == clean


@pytest.mark.parametrize(("name", "kind"), CASES)
def test_all_roles_are_clean_after_strip(name: str, kind: str) -> None:
    """The clean file holds parts of the allow-list only."""
    data, _ = lossless.strip(samples.of(name)[kind])

    assert {part.role for part in by_name(name).parse(memoryview(data), LIMITS).parts} <= HARMLESS


@pytest.mark.parametrize("name", NAMES)
def test_prefixes_give_a_result_or_an_input_error(name: str) -> None:
    """A file that ends anywhere is either still complete for a decoder, or refused."""
    raw = min(samples.of(name).values(), key=len)
    accepted = sum(is_accepted(raw[:length]) for length in range(0, len(raw), max(1, len(raw) // 300)))

    assert is_accepted(raw)
    assert accepted < 150


@pytest.mark.parametrize("name", NAMES)
def test_damage_gives_a_result_or_an_input_error(name: str) -> None:
    """Flipped, inserted, removed and overwritten bytes: nothing else escapes; harmless damage is not refused."""
    accepted = 0
    for kind, raw in samples.of(name).items():
        rng = random.Random(f"{name}/{kind}")
        accepted += sum(is_accepted(damaged(raw, rng)) for _ in range(CHANGES))

    assert accepted >= LEAST_ACCEPTED[name]


def damaged(raw: bytes, rng: random.Random) -> bytes:
    """One to five changes; the checksums of a PNG are put right, so that the changes get past them."""
    data = bytearray(raw)
    for _ in range(rng.randrange(1, 6)):
        place = rng.randrange(len(data))
        match rng.randrange(4):
            case 0:
                data[place] = rng.randrange(256)
            case 1:
                data[place:place] = rng.randbytes(rng.randrange(1, 9))
            case 2:
                del data[place : place + rng.randrange(1, 9)]
            case _:
                data[place : place + 4] = b"\xff\xff\xff\xff"
    return with_crcs(data) if raw.startswith(b"\x89PNG") else bytes(data)


def is_accepted(raw: bytes) -> bool:
    """Any bytes in: a clean file out, or an InputError."""
    try:
        data, _ = lossless.strip(raw)
    except InputError:
        return False
    assert lossless.verify(data, canonical=True) == []
    return True


@pytest.mark.parametrize("name", NAMES)
def test_pixel_limit_is_checked_from_the_header(name: str) -> None:
    """A picture above the limit is refused before anything is decoded, by the limit's name."""
    raw = next(iter(samples.of(name).values()))

    with pytest.raises(LimitExceeded, match="max_pixels"):
        by_name(name).parse(memoryview(raw), Limits(max_pixels=100))


@pytest.mark.parametrize("name", NAMES)
def test_part_limit_is_checked(name: str) -> None:
    """A file of more structures than allowed is refused by the limit's name."""
    raw = max(samples.of(name).values(), key=len)

    with pytest.raises(LimitExceeded, match="max_parts"):
        by_name(name).parse(memoryview(raw), Limits(max_parts=1))


def test_extensions_and_names_are_unique() -> None:
    """A file name says one format."""
    extensions = [extension for module in FORMATS for extension in module.format.extensions]

    assert len(set(extensions)) == len(extensions)
    assert len(set(NAMES)) == len(NAMES)

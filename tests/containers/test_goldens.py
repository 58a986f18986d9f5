"""Golden dumps: every box of our clean files, its size and its fields, as files; ExifTool and decoders are the judges."""

from __future__ import annotations

import io
import re
import shutil
import subprocess

import numpy as np
import pillow_heif
import pillow_jxl  # noqa: F401 - registers the decoder
import pytest
from PIL import Image

from rmexif import strip, verify
from tests.containers import golden_files as files

pillow_heif.register_heif_opener()
BOX = re.compile(r"- Tag '([A-Za-z0-9 ]{4})' \((\d+) bytes\)")  # as ExifTool -v2 lists them, sizes without headers
LISTED = {"still.avif": 20, "grid.heic": 16, "sequence.avif": 16, "level10.jxl": 2}  # least number of boxes it lists


def frames(data: bytes) -> list[np.ndarray]:
    """Every picture, by the libraries of the formats."""
    found = []
    with Image.open(io.BytesIO(data)) as image:
        for number in range(getattr(image, "n_frames", 1)):
            image.seek(number)
            found.append(np.asarray(image))
    return found


@pytest.mark.parametrize("name", files.FILES)
def test_clean_files_are_the_golden_ones(name: str) -> None:
    """Box by box; a change here is a change of every file that leaves."""
    raw = files.FILES[name]()
    clean, _ = strip(raw)

    assert raw.count(b"SECRET") >= 2
    assert files.dump(clean) == (files.GOLDENS / f"{name}.txt").read_text()
    assert verify(clean, canonical=True) == []


@pytest.mark.parametrize("name", files.FILES)
def test_decoders_show_the_same(name: str) -> None:
    """The dirty file and the clean one, through Pillow, libheif and libjxl."""
    raw = files.FILES[name]()
    before, after = frames(raw), frames(strip(raw)[0])

    assert len(after) == (2 if name == "sequence.avif" else 1)
    assert all(np.array_equal(old, new) for old, new in zip(before[: len(after)], after, strict=True))


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="ExifTool is the judge")
@pytest.mark.parametrize("name", files.FILES)
def test_exiftool_finds_the_same_boxes(name: str) -> None:
    """Types and sizes as another reader sees them; JPEG XL names its codestream otherwise."""
    words = ["exiftool", "-v2", "-"]
    text = subprocess.run(words, input=strip(files.FILES[name]())[0], capture_output=True, check=True).stdout.decode()
    golden = (files.GOLDENS / f"{name}.txt").read_text()
    ours = {(words[0], int(words[1]) - 8) for line in golden.splitlines() if (words := line.split())}
    theirs = [(kind.strip(), int(size)) for kind, size in BOX.findall(text)]

    assert len(theirs) >= LISTED[name], text
    assert set(theirs) <= ours
    assert "Error" not in text
    assert "Warning" not in text

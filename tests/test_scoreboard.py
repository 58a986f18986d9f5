"""The canaries of the scoreboard: they can be seen before, Pillow shows the pictures, and a tag editor leaves some."""

from __future__ import annotations

import io
import shutil
import subprocess
from pathlib import Path

import pytest
from benchmarks.scoreboard import canaries
from PIL import Image

from rmexif import strip


@pytest.mark.parametrize("planted", canaries.generate(), ids=lambda planted: planted.name)
def test_every_text_is_there_before_and_none_after(planted: canaries.Planted) -> None:
    """In a file that a decoder of somebody else's shows as it was drawn."""
    assert planted.left(planted.data) == sorted(planted.texts.values())
    with Image.open(io.BytesIO(planted.data)) as image:
        assert image.convert("RGB").size == canaries.picture().size

    assert planted.left(strip(planted.data)[0]) == []


def test_seeds_give_other_texts() -> None:
    """Nobody can filter by a text that is known."""
    one, other = canaries.generate(1), canaries.generate(2)

    assert not set(one[0].texts) & set(other[0].texts)
    assert canaries.generate(1)[0].data == one[0].data


@pytest.mark.skipif(shutil.which("exiftool") is None, reason="exiftool is not installed")
def test_an_editor_of_tags_sees_the_planted_tags(tmp_path: Path) -> None:
    """ExifTool reads what was planted in tags: the carriers are as their specifications say."""
    planted = canaries.generate()[0]
    (tmp_path / planted.name).write_bytes(planted.data)

    shown = subprocess.run(["exiftool", "-a", "-G1", "-u", planted.name], cwd=tmp_path, capture_output=True, check=True)

    seen = {carrier for text, carrier in planted.texts.items() if text in shown.stdout}
    assert {"Exif/Artist", "Exif/UserComment", "XMP", "IPTC", "COM", "ICC"} <= seen

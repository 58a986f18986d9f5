"""The layers contract fails where it should: an import that is planted in a copy breaks it."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
LINTER = Path(sys.executable).with_name("lint-imports")

# What is planted, and where; each breaks one rule of the house.
PLANTED = [
    ("import os", "errors.py"),
    ("import socket", "types.py"),
    ("import os", "cursor.py"),
    ("from rmexif import lossless", "residuals.py"),
    ("import os", "native/lzw.py"),
    ("from rmexif import icc", "native/png.py"),
    ("import PIL", "icc/profile.py"),
    ("import PIL", "containers/png/parse.py"),
    ("from rmexif.metadata import tags", "containers/jpeg/parse.py"),
    ("import cv2", "containers/gif/parse.py"),
    ("from rmexif import codecs", "metadata/xmp.py"),
    ("import socket", "raster/colour.py"),
    ("import os", "codecs/decoders.py"),
    ("import PIL", "detectors/centerface.py"),
    ("import PIL", "styles/mask.py"),
    ("from rmexif import scrubber", "inspection.py"),
    ("import logging", "lossless.py"),
    ("from rmexif import lossless", "credit/rewrite.py"),
    ("import subprocess", "pipeline.py"),
    ("import tempfile", "scrubber.py"),
    ("import PIL", "bulk.py"),
    ("from rmexif import bulk", "workers/pool.py"),
    ("from rmexif import workers", "io/multipart.py"),
    ("from rmexif import cli", "service/app.py"),
    ("from rmexif import service", "batch/run.py"),
    ("from rmexif import batch", "integrations/flask.py"),
    ("import PIL", "cli/__init__.py"),
    ("x = 1", "of_no_layer.py"),
]


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package and its contracts, to be spoilt."""
    folder = tmp_path_factory.mktemp("house")
    ignored = shutil.ignore_patterns("__pycache__", "*.onnx", "_core.*")
    shutil.copytree(ROOT / "src/rmexif", folder / "src/rmexif", ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", folder)
    return folder


def broken(folder: Path) -> bool:
    """Whether the contracts are broken there."""
    done = subprocess.run(
        [LINTER, "--no-cache"], cwd=folder, env={"PYTHONPATH": str(folder / "src")}, capture_output=True, text=True
    )
    assert "Contracts:" in done.stdout or done.returncode, done.stdout + done.stderr
    return done.returncode != 0


@pytest.mark.slow
def test_the_house_as_it_is_passes(copy: Path) -> None:
    """Without a planted import nothing is broken, so what follows is seen because of it."""
    assert not broken(copy)


@pytest.mark.slow
@pytest.mark.parametrize(("line", "place"), PLANTED, ids=[f"{line} in {place}" for line, place in PLANTED])
def test_a_planted_import_breaks_the_contract(copy: Path, line: str, place: str) -> None:
    """One rule each: no files below the edges, no codec in containers, nothing upwards, no module without a layer."""
    file = copy / "src/rmexif" / place
    before = file.read_text() if file.exists() else None
    start = '"""A module."""\n\nfrom __future__ import annotations\n'
    file.write_text(
        (before or start).replace(
            "from __future__ import annotations\n", f"from __future__ import annotations\n{line}\n", 1
        )
    )
    try:
        assert broken(copy)
    finally:
        if before is None:
            file.unlink()
        else:
            file.write_text(before)


def test_every_package_is_tried() -> None:
    """A new package without a planted import is a hole in the proof."""
    packages = {path.parent.name for path in (ROOT / "src/rmexif").glob("*/__init__.py")}

    assert packages <= {place.partition("/")[0] for _, place in PLANTED}

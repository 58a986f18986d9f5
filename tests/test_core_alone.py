"""strip, inspect and verify with the standard library and the compiled core alone."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from rmexif import inspect, native, strip
from tests import samples, sets
from tests.containers.jxl_files import BOXED, box, encoded, picture

# What a complete installation brings, but for click (the command line) and brotli (what compressed boxes say).
ABSENT = ["PIL", "cv2", "numpy", "onnxruntime", "pillow_heif", "pillow_jxl"]
PROGRAM = """
import json, sys
absent, names = json.loads(sys.argv[1]), sys.argv[2:]
for name in absent:
    sys.modules[name] = None  # as if it were not installed
from rmexif import MissingDependency, inspect, strip, verify
answers = {}
for name in names:
    raw = open(name, "rb").read()
    try:
        clean, stats = strip(raw)
    except MissingDependency as error:
        answers[name] = str(error)
        continue
    leftovers = [finding.where for finding in verify(clean)]
    answers[name] = [stats["new_hash"], leftovers, len(inspect(raw).findings), len(inspect(clean).findings)]
print(json.dumps([answers, [name for name in absent if sys.modules.get(name)]]))
"""

pytestmark = pytest.mark.skipif(native.engine() == "python", reason="the twin of PNG takes numpy; no core was built")


def run(files: list[Path]) -> dict[str, list | str]:
    """What a process without the packages gives for each file."""
    command = [sys.executable, "-c", PROGRAM, json.dumps(ABSENT), *map(str, files)]
    answers, loaded = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=300).stdout)
    assert loaded == []
    return answers


def check(files: list[Path]) -> set[str]:
    """The files whose strip takes a codec; every other gives what it gives with all packages at hand."""
    refused = set()
    for name, answer in run(files).items():
        if isinstance(answer, str):
            assert answer.endswith("which is not installed: pip install rmexif")
            refused.add(Path(name).name)
            continue
        hash_, leftovers, before, after = answer
        assert (leftovers, after) == ([], 0), name
        assert hash_ == strip(Path(name).read_bytes())[1]["new_hash"], name
        assert before == len(inspect(Path(name).read_bytes()).findings), name
    return refused


def test_compressed_boxes_are_found_without_brotli(tmp_path: Path) -> None:
    """They are findings and they go; only what they say takes the package."""
    brotli = pytest.importorskip("brotli")
    secret = b"<x:xmpmeta><dc:creator>FINDME</dc:creator></x:xmpmeta>"
    codestream = encoded(picture())  # libjxl writes it as we do
    raw = tmp_path / "compressed.jxl"
    raw.write_bytes(BOXED + box(b"brob", b"xml " + brotli.compress(secret)) + box(b"jxlc", codestream))
    absent = [*ABSENT, "brotli"]
    command = [sys.executable, "-c", PROGRAM, json.dumps(absent), str(raw)]

    answers, _ = json.loads(subprocess.run(command, check=True, capture_output=True, timeout=60).stdout)

    hash_, leftovers, before, after = answers[str(raw)]
    assert hash_ == hashlib.sha256(codestream).hexdigest()
    assert (leftovers, before, after) == ([], 1, 0)
    assert [finding.where for finding in inspect(raw.read_bytes()).findings] == ["brob/XMP/dc:creator"]


@pytest.mark.parametrize("name", ["jpeg", "png", "webp", "gif", "tiff", "bmp", "avif", "heic", "jxl"])
def test_own_samples(name: str, tmp_path: Path) -> None:
    """Every format; a WebP that hides colour under alpha 0 is the one thing that takes an encoder."""
    files = []
    for title, raw in samples.of(name).items():
        if title != "plain":
            files.append(tmp_path / f"{title}.{name}")
            files[-1].write_bytes(raw)

    assert check(files) == set()


def test_canaries() -> None:
    """The canary set; two files of WebP hide colour under alpha 0."""
    folder = sets.require("canary") / "files"

    assert check(sorted(folder.iterdir())) <= {"webp_lossless.webp", "webp_anim.webp"}


def test_the_command_line_takes_click_alone(tmp_path: Path) -> None:
    """strip, inspect, verify, help; what takes a codec says which command brings it, and leaves with its code."""
    raw = tmp_path / "in.jpg"
    raw.write_bytes(next(raw for title, raw in samples.of("jpeg").items() if title != "plain"))
    program = f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); from rmexif.cli import main; main()"

    def command(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, timeout=60)

    assert command("--help").returncode == 0
    assert command("strip", str(raw), "-o", str(tmp_path / "out.jpg")).returncode == 0
    assert command("verify", str(tmp_path / "out.jpg")).returncode == 0
    assert command("verify", str(raw)).returncode == 1
    assert "Exif" in command("inspect", str(raw)).stdout
    assert json.loads(command("inspect", "--json", str(raw)).stdout)
    scrub = command(str(raw), "-o", str(tmp_path / "scrubbed.jpg"))
    assert scrub.returncode == 78
    assert "pip install rmexif" in scrub.stderr
    assert "Traceback" not in scrub.stderr
    assert not (tmp_path / "scrubbed.jpg").exists()


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pseudo-terminals")
def test_a_folder_at_a_terminal_takes_click_alone(tmp_path: Path) -> None:
    """With its progress: how many of how many, and which one it was."""
    import pty

    (tmp_path / "in").mkdir()
    raw = next(raw for title, raw in samples.of("jpeg").items() if title != "plain")
    (tmp_path / "in" / "a.jpg").write_bytes(raw)
    program = f"import sys; sys.modules.update(dict.fromkeys({ABSENT})); from rmexif.cli import main; main()"
    command = [sys.executable, "-c", program, "strip", str(tmp_path / "in"), "-o", str(tmp_path / "out")]
    ours, terminal = pty.openpty()

    done = subprocess.run(command, stderr=terminal, check=False, timeout=60)

    os.close(terminal)
    shown = os.read(ours, 1 << 16).decode()
    os.close(ours)
    assert done.returncode == 0, shown
    assert re.search(r"1/1 .*/s .*a\.jpg", shown)
    assert (tmp_path / "out" / "a.jpg").exists()

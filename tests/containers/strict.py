"""What tests of containers share: a strict strip, and the picture sets where they are present."""

from __future__ import annotations

import io
import sys
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageSequence

from rmexif import strip, verify
from rmexif.containers import rebuild
from rmexif.types import HARMLESS, Limits
from tests import sets


def clean(module: Any, raw: bytes) -> bytes:
    """Parse and rebuild; the parts tile the file, and the result is clean and a fixed point."""
    container = module.parse(memoryview(raw), Limits())
    assert container.parts[0].offset == 0
    assert all(a.end == b.offset for a, b in zip(container.parts, container.parts[1:], strict=False))
    assert container.parts[-1].end == len(raw)
    data = rebuild(memoryview(raw), container)
    again = module.parse(memoryview(data), Limits())
    assert [part for part in again.parts if part.role not in HARMLESS] == []
    assert rebuild(memoryview(data), again) == data
    return data


def kinds(module: Any, raw: bytes) -> set[str]:
    """Kinds of the parts that may not leave."""
    return {part.label for part in module.parse(memoryview(raw), Limits()).parts if part.role not in HARMLESS}


def frames(raw: bytes) -> list[np.ndarray]:
    """Every frame as Pillow shows it, in its own mode; RGBA where there is a palette, black under alpha 0."""
    shown = []
    for frame in ImageSequence.Iterator(Image.open(io.BytesIO(raw))):
        array = np.array(frame.convert("RGBA") if frame.mode == "P" else frame)
        if frame.mode in ("P", "RGBA"):
            array[array[..., 3] == 0] = 0
        shown.append(array)
    return shown


def pixels(data: bytes) -> list[np.ndarray]:
    """What two decoders make of a file."""
    seen = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION)
    return [np.asarray(Image.open(io.BytesIO(data))), np.asarray(seen)]


def stripped(raw: bytes) -> bytes:
    """Strip ``raw``; the picture must stay, and a second strip must change nothing."""
    data = strip(raw)[0]
    for before, after in zip(pixels(raw), pixels(data), strict=True):
        assert np.array_equal(before, after)
    assert verify(data, canonical=True) == []
    assert strip(data)[0] == data
    return data


def assert_same_picture(before: bytes, after: bytes) -> None:
    """Same frames, same pixels."""
    for old, new in zip(frames(before), frames(after), strict=True):
        assert np.array_equal(old, new)


def assert_no_canary(module: Any, prefix: str) -> None:
    """Of the canary set's files of a format nothing is left, and the picture is whole."""
    folder = sets.require("canary")
    sys.path.insert(0, str(folder))
    import canary

    entries = [entry for entry in canary.load_set(folder)["files"] if entry["file"].startswith(prefix)]
    assert entries
    for entry in entries:
        raw = (folder / "files" / entry["file"]).read_bytes()
        result = canary.check_file(entry, raw, clean(module, raw), folder / "reference")
        assert result["left"] == [], entry["file"]
        assert result["upright"] and result["frames"] and result["identical"] == "yes", entry["file"]
        assert result["colour_error"] < 1, entry["file"]


def assert_corpus_survives(module: Any, corpus: list[dict], least: int = 1) -> None:
    """Every decodable file of the corpus keeps its frames and its pixels; there are ``least`` of them."""
    kept = 0
    for row in corpus:
        raw = row["file"].read_bytes()
        if row["decodable_by_pillow"] and module.matches(raw[:64]):
            assert_same_picture(raw, clean(module, raw))
            kept += 1
    assert kept >= least

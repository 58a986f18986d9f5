"""The recipe of CONTRIBUTING for a format: a package's row, a decoder and an encoder are enough everywhere."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from rmexif import InputError, Policy, codecs, containers, inspect, scrub, strip, verify
from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.common.row import FormatRow, Walker
from rmexif.errors import MalformedImage
from rmexif.options import policy_options
from rmexif.types import Container, Format, Frame, Limits, Raster, Role
from tests.cli.running import run

MAGIC = b"TOYPIC1\n"
HEAD = len(MAGIC) + 4  # width and height, 16 bit each
CANARY = b"CANARY-OF-A-TOY"


def parse(view: memoryview, limits: Limits) -> Container[int]:
    """A toy: magic, width, height, grey samples, and whatever follows."""
    if len(view) < HEAD:
        raise MalformedImage(f"{len(view)} bytes, a header has {HEAD}", structure="toy header", offset=0)
    width, height = int.from_bytes(view[8:10], "big"), int.from_bytes(view[10:12], "big")
    limits.check("max_pixels", width * height)
    end = HEAD + width * height
    if len(view) < end:
        raise MalformedImage(f"{len(view) - HEAD} of {end - HEAD} samples", structure="toy samples", offset=HEAD)
    parts = PartBuilder(len(view), limits)
    parts.add("header", Role.STRUCTURE, 0, HEAD)
    parts.add("samples", Role.PIXELS, HEAD, end)
    return Container("toy", width, height, parts.tile(), tree=end)


def rewrite(view: memoryview, container: Container[int]) -> list[bytes | memoryview]:
    """Without what follows."""
    return [view[: container.tree]]


def decode(raw: bytes | memoryview, container: Container[Any]) -> Raster:
    """Grey samples."""
    pixels = np.frombuffer(raw, np.uint8, container.width * container.height, HEAD)
    return Raster((Frame(pixels.reshape(container.height, container.width, 1).copy()),), space="L")


def encode(raster: Raster, quality: int) -> bytes:
    """The first channel."""
    pixels = np.ascontiguousarray(raster.frames[0].pixels[:, :, :1])
    return build(pixels.tobytes(), raster.width, raster.height)


def build(samples: bytes, width: int, height: int) -> bytes:
    """A file."""
    return MAGIC + width.to_bytes(2, "big") + height.to_bytes(2, "big") + samples


TOY = FormatRow(
    Format("toy", "image/x-toy", (".toy",), False, False, False, False, False),
    lambda head: head.startswith(MAGIC),
    lambda: Walker(parse, rewrite),
)


@pytest.fixture
def toy(monkeypatch: pytest.MonkeyPatch) -> bytes:
    """The row is there; a file with something behind its end."""
    monkeypatch.setattr(containers, "FORMATS", (*containers.FORMATS, TOY))
    monkeypatch.setitem(codecs.DECODERS, "toy", decode)
    monkeypatch.setitem(codecs.ENCODERS, "toy", encode)
    return build(bytes(range(200)) * 2, 20, 20) + CANARY


def test_the_library_knows_the_new_format(toy: bytes) -> None:
    """Strip, inspect, verify and scrub."""
    clean, stats = strip(toy)

    assert clean == toy[: -len(CANARY)]
    assert (stats["format"], stats["findings"][0]["where"]) == ("toy", "trailer")
    assert verify(toy)
    assert verify(clean, canonical=True) == []
    assert inspect(toy).findings[0].where == "trailer"
    data, stats = scrub(toy, Policy(faces=False))
    assert data.startswith(MAGIC)
    assert CANARY not in data
    assert stats["output_format"] == "toy"
    with pytest.raises(InputError, match="toy samples at byte 12: 3 of 400 samples"):
        strip(build(b"abc", 20, 20))


def test_the_command_line_knows_the_new_format(toy: bytes, tmp_path: Path) -> None:
    """By its signature and its extension."""
    (tmp_path / "in.toy").write_bytes(toy)

    assert run("strip", "in.toy", "-o", "out.toy", cwd=tmp_path).returncode == 0
    assert (tmp_path / "out.toy").read_bytes() == toy[: -len(CANARY)]
    done = run("in.toy", "--no-faces", "-o", "out.png", "--json", cwd=tmp_path)
    assert json.loads(done.stdout)["output_format"] == "png"
    assert b"toy" in run("scrub", "--help", cwd=tmp_path).stdout


def test_the_options_know_the_new_format(toy: bytes) -> None:
    """``output=`` of every edge."""
    assert "toy" in policy_options()["output"].choices
    assert Policy(output="toy").output == "toy"

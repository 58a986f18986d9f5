"""JPEG files for the walks: read by a parser of the tests' own, and by libjpeg."""

from __future__ import annotations

import io
import shutil
import subprocess
from array import array
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from rmexif.native.jpeg import Component, Scan, Walk, walk


@dataclass
class FileScan:
    """A scan of a file."""

    scan: Scan
    idents: tuple[int, ...]
    begin: int  # of its entropy-coded data
    end: int  # the marker behind it
    blocks: int  # of the component, where there is one

    def tables(self) -> tuple[bytes, ...]:
        return tuple(table for c in self.scan.components for table in (c.dc, c.ac))


def ceil(number: int, divisor: int) -> int:
    return -(-number // divisor)


def parse(raw: bytes) -> list[FileScan]:
    """The scans of a JPEG file."""
    huffman, conditioning, interval, at, scans = {}, {}, 0, 2, []
    while raw[at : at + 2] != b"\xff\xd9" and at < len(raw):
        assert raw[at] == 0xFF, at
        marker, size = raw[at + 1], int.from_bytes(raw[at + 2 : at + 4], "big")
        body = raw[at + 4 : at + 2 + size]
        at += 2 + size
        if marker == 0xC4:
            while body:
                end = 17 + sum(body[1:17])
                huffman[body[0]] = body[1:end]
                body = body[end:]
        elif marker == 0xCC:
            conditioning |= {body[n]: body[n + 1] for n in range(0, len(body), 2)}
        elif marker == 0xDD:
            interval = int.from_bytes(body[:2], "big")
        elif 0xC0 <= marker <= 0xCF and marker != 0xC8:
            sof, precision = marker, body[0]
            height, width = int.from_bytes(body[1:3], "big"), int.from_bytes(body[3:5], "big")
            frame = {body[n]: (body[n + 1] >> 4, body[n + 1] & 15) for n in range(6, len(body), 3)}
        elif marker == 0xDA:
            count = body[0]
            chosen = [(body[n], body[n + 1]) for n in range(1, 1 + 2 * count, 2)]
            most_h, most_v = max(h for h, _ in frame.values()), max(v for _, v in frame.values())
            unit = 1 if sof == 0xC3 else 8
            if count == 1:
                h, v = frame[chosen[0][0]]
                across, down = ceil(ceil(width * h, most_h), unit), ceil(ceil(height * v, most_v), unit)
            else:
                across, down = ceil(width, unit * most_h), ceil(height, unit * most_v)
            components = []
            for ident, slots in chosen:
                h, v = frame[ident]
                dc, ac = slots >> 4, slots & 15
                low_high = conditioning.get(dc, 0x10)
                components.append(
                    Component(
                        1 if count == 1 else h * v,
                        huffman.get(dc, b""),
                        huffman.get(0x10 | ac, b""),
                        dc,
                        ac,
                        (low_high & 15, low_high >> 4, conditioning.get(0x10 | ac, 5)),
                    )
                )
            start, stop, both = body[1 + 2 * count :]
            mcus = across * down
            scan = Scan(sof, precision, tuple(components), mcus, interval, start, stop, both >> 4, both & 15)
            begin = at
            while raw[at] != 0xFF or raw[at + 1] == 0 or 0xD0 <= raw[at + 1] <= 0xD7:
                at += 1
            scans.append(FileScan(scan, tuple(i for i, _ in chosen), begin, at, mcus))
    return scans


def histories(scans: list[FileScan]) -> dict[tuple[int, ...], array]:
    """Fresh histories of the components that scans of AC coefficients have."""
    return {s.idents: array("Q", bytes(8 * s.blocks)) for s in scans if s.scan.start and s.scan.sof in (0xC2, 0xCA)}


def walk_file(raw: bytes, function=walk, output=0, tables=None) -> list[Walk]:
    """Walk all scans of a file."""
    scans = parse(raw)
    past = histories(scans)
    return [
        function(
            s.scan, memoryview(raw)[s.begin :], past.get(s.idents), output, s.tables() if tables is None else tables
        )
        for s in scans
    ]


def rebuild(raw: bytes, data: list[bytes]) -> bytes:
    """The file with other data in its scans."""
    out, at = b"", 0
    for scan, new in zip(parse(raw), data, strict=True):
        out += raw[at : scan.begin] + new
        at = scan.end
    return out + raw[at:]


def picture(width: int = 157, height: int = 93, mode: str = "RGB", seed: int = 1) -> Image.Image:
    """Something with edges, slopes and noise."""
    random = np.random.default_rng(seed)
    y, x = np.mgrid[:height, :width]
    planes = [
        127
        + 90 * np.sin((x * (c + 2) + y) / 17) * ((x // 23 + y // 19) % 2)
        + random.normal(0, 6 * (y > height / 2), x.shape)
        for c in range(4)
    ]
    pixels = np.clip(np.stack(planes, axis=-1), 0, 255).astype(np.uint8)
    return Image.fromarray({"L": pixels[..., 0], "RGB": pixels[..., :3], "CMYK": pixels}[mode], mode)


def saved(image: Image.Image, **options) -> bytes:
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", **options)
    return buffer.getvalue()


@cache
def pillow_files() -> dict[str, bytes]:
    """Files by Pillow's libjpeg-turbo."""
    colour, grey, cmyk = picture(), picture(mode="L"), picture(mode="CMYK")
    return {
        "baseline": saved(colour),
        "4:4:4": saved(colour, subsampling=0, quality=95),
        "4:2:2": saved(colour, subsampling=1, quality=50),
        "optimised": saved(colour, optimize=True),
        "restart": saved(colour, restart_marker_blocks=3),
        "restart rows": saved(colour, restart_marker_rows=1, optimize=True),
        "grey": saved(grey, quality=100),
        "cmyk": saved(cmyk),
        "progressive": saved(colour, progressive=True),
        "progressive 4:4:4": saved(colour, progressive=True, subsampling=0, quality=97),
        "progressive grey": saved(grey, progressive=True, quality=30),
        "progressive restart": saved(colour, progressive=True, restart_marker_blocks=7),
        "flat": saved(Image.new("L", (700, 500), 77), progressive=True),
        "tiny": saved(picture(3, 2)),
    }


class LibJpeg:
    """The system's libjpeg, behind a small program."""

    def __init__(self, program: Path) -> None:
        self.program = program

    def run(self, raw: bytes, *words: str) -> bytes:
        done = subprocess.run([self.program, *words], input=raw, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr.decode()
        return done.stdout

    def coefficients(self, raw: bytes) -> list[np.ndarray]:
        """Of each component: blocks x 64, in zig-zag order."""
        text = self.run(raw, "coefficients")
        arrays = []
        while text:
            size = int.from_bytes(text[:4], "little")
            arrays.append(np.frombuffer(text, np.int16, 64 * size, 4).reshape(size, 64))
            text = text[4 + 128 * size :]
        return arrays

    def transcoded(self, raw: bytes, *words: str) -> bytes:
        """The same coefficients in another file: "arithmetic", "progressive", "optimise", "restart"; or, "dense", many nonzero ones."""
        return self.run(raw, "transcode", *words)


def build_libjpeg(folder: Path) -> LibJpeg:
    """Compile the program, or skip."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    program = folder / "libjpeg"
    source = Path(__file__).with_name("libjpeg.c")
    done = subprocess.run([compiler, "-o", str(program), str(source), "-ljpeg"], capture_output=True, check=False)
    if done.returncode:
        pytest.skip("no libjpeg to compile against")
    return LibJpeg(program)

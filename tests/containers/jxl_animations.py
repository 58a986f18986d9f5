"""Animated JPEG XL files out of layers that libjxl has coded, and what FFmpeg shows of them."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import imageio_ffmpeg
import numpy as np
from PIL import Image

from rmexif.containers.jxl import JXL, codestream
from rmexif.containers.jxl.frame_header import BlendingInfo
from rmexif.containers.jxl.image_header import AnimationHeader
from rmexif.types import Limits
from tests.containers import jxl_files

if TYPE_CHECKING:
    from rmexif.containers.jxl.codestream import Codestream, PlacedFrame
    from rmexif.containers.jxl.frame_header import FrameHeader
    from rmexif.containers.jxl.image_header import ImageHeader

__all__ = ["Layer", "animation", "random_layers", "shown_by_ffmpeg"]

REPLACE, ADD, BLEND, MULTIPLY_ADD, MULTIPLY = range(5)


@dataclass(frozen=True)
class Layer:
    """A frame: its pixels, where they lie, and how they meet what is there."""

    pixels: np.ndarray
    left: int = 0
    top: int = 0
    mode: int = REPLACE
    source: int = 0
    save_as: int = 0
    duration: int = 1  # ticks
    alpha_mode: int | None = None  # as ``mode``


def _read(raw: bytes) -> Codestream:
    return JXL.parse(memoryview(raw), Limits()).tree.codestream


def _packed(number: int) -> int:
    return -2 * number - 1 if number < 0 else 2 * number


def animation(
    layers: list[Layer], size: tuple[int, int], loops: int = 0, orientation: int = 1, **options: object
) -> bytes:
    """A file of these layers on a canvas of ``size``, a tick of it being 10 ms; ``options`` go to libjxl."""
    coded = [jxl_files.encoded(Image.fromarray(layer.pixels), **options) for layer in layers]
    head = AnimationHeader(loops=loops)
    first = _read(coded[0])
    image = replace(first.image, width=size[0], height=size[1], animation=head, orientation=orientation)
    out = [codestream.write_head(image, first.profile)]
    for number, (layer, raw) in enumerate(zip(layers, coded, strict=True)):
        stream = _read(raw)
        assert replace(stream.image, width=0, height=0) == replace(first.image, width=0, height=0)
        *unseen, frame = stream.placed  # of patches
        for hidden in unseen:
            out += _frame(hidden.header, image, hidden, memoryview(raw))
        height, width = layer.pixels.shape[:2]
        is_full = (layer.left, layer.top, width, height) == (0, 0, *size)
        modes = [layer.mode, *[layer.mode if layer.alpha_mode is None else layer.alpha_mode] * len(image.channels)]
        blends = tuple(BlendingInfo(mode, source=layer.source if mode or not is_full else 0) for mode in modes)
        header = replace(
            frame.header,
            width=width,
            height=height,
            crop=None if is_full else (_packed(layer.left), _packed(layer.top)),
            blends=blends,
            duration=layer.duration,
            last=number == len(layers) - 1,
            reference=0 if number == len(layers) - 1 else layer.save_as,
        )
        out += _frame(header, image, frame, memoryview(raw))
    return b"".join(out)


def _frame(header: FrameHeader, image: ImageHeader, frame: PlacedFrame, data: memoryview) -> list[bytes]:
    head = codestream.write_frame_head(header, image, (stop - start for start, stop in frame.sections))
    return [head, *(bytes(data[start:stop]) for start, stop in frame.sections)]


def random_layers(
    rng: np.random.Generator, size: tuple[int, int], channels: int, count: int, modes: tuple[int, ...]
) -> list[Layer]:
    """Smooth layers anywhere on the canvas and beyond it, the first one on all of it; not all are shown by themselves."""
    layers = []
    for number in range(count):
        width, height = size if number == 0 or rng.random() < 0.2 else rng.integers(8, size)
        left, top = (0, 0) if (width, height) == size else rng.integers(-6, (size[0] - 4, size[1] - 4))
        y, x = np.mgrid[0:height, 0:width]
        waves = [x * rng.integers(1, 9) + y * rng.integers(1, 9) + rng.integers(256) for _ in range(channels)]
        pixels = np.abs(np.stack(waves, 2) % 510 - 255).astype(np.uint8)
        if channels in (2, 4) and rng.random() < 0.5:
            pixels[:, :, -1] = np.where(pixels[:, :, -1] > 120, 255, 0)
        layers.append(
            Layer(
                pixels[:, :, 0] if channels == 1 else pixels,
                int(left),
                int(top),
                int(rng.choice(modes)),
                int(rng.integers(3)),
                int(rng.integers(3)),
                int(rng.integers(number == count - 1, 4)),
            )
        )
    return layers


def shown_by_ffmpeg(raw: bytes, size: tuple[int, int]) -> tuple[np.ndarray, list[float]]:
    """Frames as N x H x W x RGBA (it takes no file of less than some 100 bytes: there, zeros are added), and how long each of them stays (ms)."""
    program = imageio_ffmpeg.get_ffmpeg_exe()
    source = [program, "-v", "error", "-f", "jpegxl_anim", "-i", "-", "-fps_mode", "passthrough"]
    pixels = subprocess.run(
        [*source, "-pix_fmt", "rgba", "-f", "rawvideo", "-"],
        input=raw.ljust(1024, b"\0"),
        capture_output=True,
        check=True,
    ).stdout
    table = subprocess.run(
        [*source, "-f", "framehash", "-"], input=raw.ljust(1024, b"\0"), capture_output=True, check=True
    ).stdout
    times = [10.0 * int(line.split(b",")[3]) for line in table.splitlines() if not line.startswith(b"#")]
    return np.frombuffer(pixels, np.uint8).reshape(-1, size[1], size[0], 4), times

"""JPEG XL: stills by libjxl, whose binding knows no animation; frames composed of stills (ISO/IEC 18181-1, F.2)."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif.codecs.apng import over
from rmexif.codecs.frames import frames_of, without_needless_alpha
from rmexif.codecs.pillow import picture_offset, space_of
from rmexif.containers.jxl import frame_header
from rmexif.containers.jxl.animation import frame_still, layer_still, layers_below
from rmexif.containers.jxl.image_header import ALPHA
from rmexif.containers.jxl.parse import without_jpeg_reconstruction
from rmexif.errors import LimitExceeded, MalformedImage, UnsupportedFeature
from rmexif.types import Colour, Frame, Raster

if TYPE_CHECKING:
    from collections.abc import Iterator

    from numpy.typing import NDArray

    from rmexif.containers.jxl.codestream import PlacedFrame
    from rmexif.containers.jxl.frame_header import FrameHeader
    from rmexif.containers.jxl.parse import JxlTree
    from rmexif.types import Container

    Pixels = NDArray[Any]

__all__ = ["read"]

HDR = (16, 18)  # H.273, table 3: curves that no profile says
MOST_LAYERS = 1 << 30  # px that frames are drawn from in one pass: about half a minute of one core
NEEDS_OTHERS = frame_header.PATCHES | frame_header.USE_LF_FRAME


def read(raw: bytes | memoryview, container: Container[Any]) -> Raster:
    """Every frame that is shown; of a still, libjxl makes the turn of the codestream itself."""
    if container.frames == 1:
        pixels, colour = _still(without_jpeg_reconstruction(memoryview(raw)), container)
        return Raster((Frame(pixels),), colour=colour, space=space_of(pixels))
    header = container.tree.codestream.image
    found: list[tuple[Colour, str]] = []

    def composed() -> Iterator[Frame]:
        composer = _Composer(container)
        for frame in composer.frames():
            found.append((composer.colour, space_of(frame.pixels)))
            yield frame

    frames = frames_of(container.frames, (header.width, header.height), composed)
    if not found:
        next(iter(frames))
    colour, space = found[0]
    if header.channels:
        frames = without_needless_alpha(frames)
    return Raster(frames, header.animation.loops, header.orientation, colour, space)


def _still(data: bytes, container: Container[Any]) -> tuple[Pixels, Colour]:
    """The picture of a file without animation, and what its numbers mean."""
    import pillow_jxl

    rebuilt, info, samples, profile, _ = pillow_jxl.Decoder(num_threads=0)(data)
    channels = {"L": 1, "LA": 2, "RGB": 3, "RGBA": 4, "I;16": 1}.get(info.mode)
    count = info.width * info.height * (channels or 1)
    if rebuilt or channels is None or len(samples) not in (count, 2 * count):
        raise UnsupportedFeature(
            "samples of 8 or 16 bit are handled, not these",
            structure=container.format,
            offset=picture_offset(container),
        )
    pixels = np.frombuffer(samples, np.uint8 if len(samples) == count else np.uint16)
    is_hdr = container.colour.cicp is not None and container.colour.cicp[1] in HDR
    colour = container.colour if is_hdr or not profile else Colour(icc=profile)
    return pixels.reshape(info.height, info.width, channels).copy(), colour


class _Composer:
    """Goes over the frames of an animation once, and keeps the canvas where a later frame is drawn from it.

    A frame that lies over a canvas in a way that is done here is decoded alone, so that time grows with the number of
    frames; one with patches of others, sums or products of canvases, or other channels is decoded with all that it is
    drawn from. Alone, a lossy layer is cut to what can be shown before it is blended, not behind it.
    """

    def __init__(self, container: Container[Any]) -> None:
        self._container = container
        self._tree: JxlTree = container.tree
        self._size = self._tree.codestream.image.height, self._tree.codestream.image.width
        self._saved: dict[int, Pixels | None] = {}  # by number; None: kept by a frame that was not decoded
        self._spent = 0  # px
        self.colour = Colour()  # of what was decoded last

    def frames(self) -> Iterator[Frame]:
        """Each frame that is shown, in full size.

        Raises:
            MalformedImage: a frame is decoded to another size than its header says.
            LimitExceeded: frames that are drawn from too many others.
        """
        stream = self._tree.codestream
        assert stream.image.animation is not None
        tick = 1000 * stream.image.animation.divisor / stream.image.animation.ticks  # ms
        for number, frame in enumerate(stream.placed):
            header = frame.header
            canvas = self._canvas(number, header)
            if header.shown:
                assert canvas is not None
                yield Frame(canvas, header.duration * tick)
            if header.saved:
                self._saved[header.reference] = None if header.before_transform else canvas

    def _canvas(self, number: int, header: FrameHeader) -> Pixels | None:
        """The canvas behind a frame; None where it takes others to see it, and nobody does by itself."""
        if self._is_simple(header):
            return self._laid_over(number, header)
        if not header.shown:
            return None
        layers = layers_below(self._tree.codestream.placed, number)
        return self._decoded(frame_still(self._tree, number), layers, self._size)

    def _is_simple(self, header: FrameHeader) -> bool:
        """Whether a frame is decoded alone, and replaces or covers what is there in all channels alike."""
        channels = self._tree.codestream.image.channels
        if any(channel.kind != ALPHA or channel.associated for channel in channels) or len(channels) > 1:
            return False
        kinds = (frame_header.REGULAR, frame_header.SKIP_PROGRESSIVE)
        if header.kind not in kinds or header.flags & NEEDS_OTHERS:
            return False
        blend = header.blends[0]
        if any((other.mode, other.source) != (blend.mode, blend.source) for other in header.blends):
            return False
        modes = (frame_header.REPLACE, frame_header.BLEND) if channels else (frame_header.REPLACE,)
        is_known = blend.source not in self._saved or self._saved[blend.source] is not None
        return blend.mode in modes and is_known

    def _laid_over(self, number: int, header: FrameHeader) -> Pixels:
        """The canvas that a frame is drawn from, with it in its place (F.2, BlendingInfo)."""
        layer = self._decoded(
            layer_still(self._tree, number), [self._tree.codestream.placed[number]], (header.height, header.width)
        )
        blend, (height, width) = header.blends[0], self._size
        left, top = map(frame_header.unpack_signed, header.crop or (0, 0))
        below = self._saved.get(blend.source)
        canvas = np.zeros((height, width, layer.shape[2]), layer.dtype) if below is None else below.copy()
        columns = slice(max(0, left), max(0, min(width, left + header.width)))
        rows = slice(max(0, top), max(0, min(height, top + header.height)))
        area = canvas[rows, columns]
        if area.size:
            shown = layer[rows.start - top : rows.stop - top, columns.start - left : columns.stop - left]
            area[...] = over(area, shown) if blend.mode == frame_header.BLEND else shown
        return canvas

    def _decoded(self, data: bytes, layers: list[PlacedFrame], size: tuple[int, int]) -> Pixels:
        """The picture, of a known height and width, of a still that was made of these frames."""
        self._spent += sum(layer.header.width * layer.header.height for layer in layers)
        if self._spent > MOST_LAYERS:
            raise LimitExceeded(f"jxl frames: they are drawn from others of more than {MOST_LAYERS} px together")
        pixels, self.colour = _still(data, self._container)
        if pixels.shape[:2] != size:
            problem = f"a frame of {size[1]} x {size[0]} px announced, {pixels.shape[1]} x {pixels.shape[0]} decoded"
            raise MalformedImage(problem, structure="jxl frame header", offset=picture_offset(self._container))
        return pixels

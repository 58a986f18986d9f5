"""Still files out of the frames of an animated JPEG XL file (ISO/IEC 18181-1, F.2), for decoders of stills.

Without an animation header no frame has a duration, so that all frames but the last one are layers below it.
"""

from __future__ import annotations

from dataclasses import replace
from types import MappingProxyType
from typing import TYPE_CHECKING

from rmexif.containers.jxl.codestream import write_frame_head, write_head
from rmexif.containers.jxl.frame_header import BlendingInfo, reachable
from rmexif.containers.jxl.rewrite import boxed

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from rmexif.containers.jxl.codestream import PlacedFrame
    from rmexif.containers.jxl.image_header import ImageHeader
    from rmexif.containers.jxl.parse import JxlTree

    Replaced = Mapping[int, Sequence[bytes | memoryview]]

__all__ = ["frame_still", "layer_still", "layers_below"]

NOTHING: Replaced = MappingProxyType({})


def layers_below(frames: tuple[PlacedFrame, ...], number: int) -> list[PlacedFrame]:
    """The frames that a decoder needs to show a frame, itself last, as layers of a still.

    Args:
        frames: of the file.
        number: of the frame, from 0, those that are not shown by themselves counted.
    """
    below = [frame for frame in frames[:number] if frame.header.saved or not frame.header.shown]
    layers = [replace(frame, header=replace(frame.header, duration=0)) for frame in below]
    layers.append(replace(frames[number], header=replace(frames[number].header, duration=0, last=True)))
    needed = reachable([layer.header for layer in layers])
    return [layer for layer, use in zip(layers, needed, strict=True) if use]


def frame_still(tree: JxlTree, number: int, replaced: Replaced = NOTHING) -> bytes:
    """A still file of the canvas as a frame leaves it, not yet turned.

    Args:
        tree: of the file.
        number: of the frame.
        replaced: other bytes for sections, by the first byte of the frame that they are of.
    """
    image = replace(tree.codestream.image, orientation=1, animation=None)
    return _file(tree, image, layers_below(tree.codestream.placed, number), replaced)


def layer_still(tree: JxlTree, number: int, replaced: Replaced = NOTHING) -> bytes:
    """A still file of a frame that is decoded without others, alone and at its own size; arguments: ``frame_still``."""
    frame = tree.codestream.placed[number]
    size, blends = (frame.header.width, frame.header.height), (BlendingInfo(),) * len(frame.header.blends)
    header = replace(frame.header, crop=None, blends=blends, duration=0, last=True)
    image = replace(tree.codestream.image, width=size[0], height=size[1], orientation=1, animation=None)
    return _file(tree, image, [replace(frame, header=header)], replaced)


def _file(tree: JxlTree, image: ImageHeader, frames: list[PlacedFrame], replaced: Replaced) -> bytes:
    pieces: list[bytes | memoryview] = [write_head(image, tree.codestream.profile)]
    for frame in frames:
        sections = replaced.get(frame.start) or [tree.data[start:stop] for start, stop in frame.sections]
        pieces += [write_frame_head(frame.header, image, map(len, sections)), *sections]
    return b"".join(boxed(tree.level, pieces))

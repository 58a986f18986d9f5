"""The sections of a JPEG XL codestream as units that can be cut (ISO/IEC 18181-1, F.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.coded_units import CodedUnit, CodedUnits
from rmexif.containers.jxl.animation import frame_still, layer_still, layers_below
from rmexif.containers.jxl.codestream import write_frame_head
from rmexif.containers.jxl.frame_header import PATCHES, REGULAR, SKIP_PROGRESSIVE, USE_LF_FRAME
from rmexif.containers.jxl.rewrite import boxed
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rmexif.containers.jxl.codestream import PlacedFrame
    from rmexif.containers.jxl.parse import JxlTree
    from rmexif.types import Container

__all__ = ["JxlUnits"]

SLACK = 4  # byte: libjxl refuses a section cut before its last code, and needs all but 1 byte of what it writes itself


class JxlUnits(CodedUnits):
    """The sections of all frames.

    A frame that is drawn from no other one is seen in a file of its own, at its own size; any other in the first frame
    that is shown and drawn from it, in a file of that one and all that it takes.
    """

    unbounded = Residual.JXL_SECTION_SLACK

    def __init__(self, container: Container[JxlTree]) -> None:
        self._tree = container.tree
        frames = container.tree.codestream.placed
        units: list[CodedUnit] = []
        # Of each unit: the number of its frame, and its own among the sections of that.
        self._places: list[tuple[int, int]] = []
        self._seen_in = _seen_in(frames)
        for number, frame in enumerate(frames):
            picture = 2 * self._seen_in.get(number, 0) + (not _stands_alone(frame))
            for place, (start, stop) in enumerate(frame.sections):
                data = self._tree.data[start:stop]
                is_visible = number in self._seen_in
                units.append(CodedUnit("codestream/frame", data, picture, is_visible, True, SLACK))
                self._places.append((number, place))
        self.units = tuple(units)

    def trial(self, number: int, cut: int, filler: bytes = b"") -> bytes:
        """A file of one picture that is shown."""
        own, place = self._places[number]
        frame = self._tree.codestream.placed[own]
        sections: list[bytes | memoryview] = [self._tree.data[start:stop] for start, stop in frame.sections]
        if cut:
            sections[place] = bytes(sections[place][:-cut]) + filler
        write = layer_still if _stands_alone(frame) else frame_still
        return write(self._tree, self._seen_in.get(own, own), {frame.start: sections})

    def without(self, cuts: Mapping[int, int]) -> bytes:
        """The file with shorter sections, and tables of contents that say so."""
        stream = self._tree.codestream
        pieces, number = [stream.head], 0
        for frame in stream.placed:
            sections = []
            for _ in frame.sections:
                data, cut = bytes(self.units[number].data), cuts.get(number, 0)
                sections.append(data[: len(data) - cut])
                number += 1
            pieces += [write_frame_head(frame.header, stream.image, map(len, sections)), *sections]
        return b"".join(boxed(self._tree.level, pieces))


def _seen_in(frames: tuple[PlacedFrame, ...]) -> dict[int, int]:
    """By number of a frame: that of the one it is seen in; one that no frame is drawn from is missing."""
    found: dict[int, int] = {}
    waiting: dict[int, int] = {}  # number of a frame, by its first byte
    for number, frame in enumerate(frames):
        if _stands_alone(frame):
            found[number] = number
        else:
            waiting[frame.start] = number
        if frame.header.shown and waiting:
            for layer in layers_below(frames, number):
                if layer.start in waiting:
                    found[waiting.pop(layer.start)] = number
    return found


def _stands_alone(frame: PlacedFrame) -> bool:
    """Whether a frame is decoded without another one."""
    header = frame.header
    return header.kind in (REGULAR, SKIP_PROGRESSIVE) and not header.flags & (PATCHES | USE_LF_FRAME)

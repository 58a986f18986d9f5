"""The sections of a JPEG XL codestream as units that can be cut (ISO/IEC 18181-1, F.3)."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rmexif.containers.common.coded_units import CodedUnit, CodedUnits
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

    Up to the first frame that is shown, sections are seen in it. A later one is seen in a file of its own, if it is
    drawn from no other frame; blended over nothing, it is still decoded to its end.
    """

    unbounded = Residual.JXL_SECTION_SLACK

    def __init__(self, container: Container[JxlTree]) -> None:
        self._tree = container.tree
        self._places: list[
            tuple[int, int]
        ] = []  # of each unit: the first and the last frame that its picture is made of
        frames = container.tree.codestream.placed
        first_shown = next(number for number, frame in enumerate(frames) if frame.header.shown)
        units = []
        for number, frame in enumerate(frames):
            is_first = number <= first_shown
            is_visible, picture = is_first or _stands_alone(frame), 0 if is_first else number
            for start, stop in frame.sections:
                data = self._tree.data[start:stop]
                units.append(CodedUnit("codestream/frame", data, picture, is_visible, True, SLACK))
                self._places.append((0, first_shown) if is_first else (number, number))
        self.units = tuple(units)

    def trial(self, number: int, cut: int, filler: bytes = b"") -> bytes:
        """A file of the first frame that is shown, with all before it, or of one frame."""
        return self._written({number: cut}, filler, self._places[number])

    def without(self, cuts: Mapping[int, int]) -> bytes:
        """The file with shorter sections, and tables of contents that say so."""
        return self._written(cuts)

    def _written(self, cuts: Mapping[int, int], filler: bytes = b"", only: tuple[int, int] | None = None) -> bytes:
        """The file, or some of its frames, with ``filler`` instead of so many bytes at the end of sections."""
        stream = self._tree.codestream
        pieces, number = [stream.head], 0
        first, last = only or (0, len(stream.placed) - 1)
        for index, frame in enumerate(stream.placed):
            sections = []
            for _ in frame.sections:
                data, cut = bytes(self.units[number].data), cuts.get(number, 0)
                sections.append(data[: len(data) - cut] + filler if cut else data)
                number += 1
            if first <= index <= last:
                header = replace(frame.header, last=True) if index == last else frame.header
                pieces += [write_frame_head(header, stream.image, map(len, sections)), *sections]
        return b"".join(boxed(self._tree.level, pieces))


def _stands_alone(frame: PlacedFrame) -> bool:
    """Whether a frame is decoded without another one."""
    header = frame.header
    return header.kind in (REGULAR, SKIP_PROGRESSIVE) and not header.flags & (PATCHES | USE_LF_FRAME)

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

    The decoder gives the first frame that is shown: up to it, sections are seen in the whole file. A later one is seen
    in a file of its own, if it is drawn from no other frame; blended over nothing, it is still decoded to its end.
    """

    unbounded = Residual.JXL_SECTION_SLACK

    def __init__(self, container: Container[JxlTree]) -> None:
        self._tree = container.tree
        self._places: list[tuple[int, bool]] = []  # of each unit: number of its frame, whether that is seen alone
        units, is_first = [], True
        for number, frame in enumerate(container.tree.codestream.placed):
            is_visible, picture = is_first or _stands_alone(frame), 0 if is_first else number
            for start, stop in frame.sections:
                data = self._tree.data[start:stop]
                units.append(CodedUnit("codestream/frame", data, picture, is_visible, True, SLACK))
                self._places.append((number, not is_first))
            is_first = is_first and not frame.header.shown
        self.units = tuple(units)

    def trial(self, number: int, cut: int, filler: bytes = b"") -> bytes:
        """The whole file, or that of one frame."""
        frame, is_alone = self._places[number]
        return self._written({number: cut}, filler, frame if is_alone else None)

    def without(self, cuts: Mapping[int, int]) -> bytes:
        """The file with shorter sections, and tables of contents that say so."""
        return self._written(cuts)

    def _written(self, cuts: Mapping[int, int], filler: bytes = b"", only: int | None = None) -> bytes:
        """The file, or one frame, with ``filler`` instead of so many bytes at the end of sections."""
        stream = self._tree.codestream
        pieces, number = [stream.head], 0
        for index, frame in enumerate(stream.placed):
            sections = []
            for _ in frame.sections:
                data, cut = bytes(self.units[number].data), cuts.get(number, 0)
                sections.append(data[: len(data) - cut] + filler if cut else data)
                number += 1
            if only in (None, index):
                header = frame.header if only is None else replace(frame.header, last=True)
                pieces += [write_frame_head(header, stream.image, map(len, sections)), *sections]
        return b"".join(boxed(self._tree.level, pieces))


def _stands_alone(frame: PlacedFrame) -> bool:
    """Whether a frame is decoded without another one."""
    header = frame.header
    return header.kind in (REGULAR, SKIP_PROGRESSIVE) and not header.flags & (PATCHES | USE_LF_FRAME)

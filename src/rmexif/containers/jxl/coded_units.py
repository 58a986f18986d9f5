"""The sections of a JPEG XL codestream as units that can be cut (ISO/IEC 18181-1, F.3)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.common.coded_units import CodedUnit, CodedUnits
from rmexif.containers.jxl.codestream import write_frame_head
from rmexif.containers.jxl.rewrite import boxed
from rmexif.residuals import Residual

if TYPE_CHECKING:
    from collections.abc import Mapping

    from rmexif.containers.jxl.parse import JxlTree
    from rmexif.types import Container

__all__ = ["JxlUnits"]

SLACK = 4  # byte: libjxl refuses a section cut before its last code, and needs all but 1 byte of what it writes itself


class JxlUnits(CodedUnits):
    """The sections of all frames.

    Those of the frames up to the first that is shown are visible: the decoder gives no other one.
    """

    unbounded = Residual.JXL_SECTION_SLACK

    def __init__(self, container: Container[JxlTree]) -> None:
        self._tree = container.tree
        stream = container.tree.codestream
        units, is_visible = [], True
        for frame in stream.placed:
            units += [
                CodedUnit("codestream/frame", self._tree.data[start:stop], 0, is_visible, True, SLACK)
                for start, stop in frame.sections
            ]
            is_visible = is_visible and not frame.header.shown
        self.units = tuple(units)

    def trial(self, number: int, cut: int, filler: bytes = b"") -> bytes:
        """The whole file."""
        return self._written({number: cut}, filler)

    def without(self, cuts: Mapping[int, int]) -> bytes:
        """The file with shorter sections, and tables of contents that say so."""
        return self._written(cuts)

    def _written(self, cuts: Mapping[int, int], filler: bytes = b"") -> bytes:
        """The file with ``filler`` instead of so many bytes at the end of sections."""
        stream = self._tree.codestream
        pieces, number = [stream.head], 0
        for frame in stream.placed:
            sections = []
            for _ in frame.sections:
                data, cut = bytes(self.units[number].data), cuts.get(number, 0)
                sections.append(data[: len(data) - cut] + filler if cut else data)
                number += 1
            pieces += [write_frame_head(frame.header, stream.image, map(len, sections)), *sections]
        return b"".join(boxed(self._tree.level, pieces))

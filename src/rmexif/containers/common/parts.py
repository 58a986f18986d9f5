"""The one tiler: stretches that a parser claims, in any order and overlapping, become parts that cover the file."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rmexif.types import Packing, Part, PayloadKind, Role, TiffEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.types import Limits

__all__ = ["PartBuilder"]


class PartBuilder:
    """Collects stretches in any order; ``tile()`` turns them into parts that cover the file without overlap.

    Neighbours without a payload that have one label and one role become one part: how an encoder cuts its data is
    no information.

    Args:
        size: of the file, in bytes.
        limits: ``max_parts`` bounds the number of stretches.
    """

    __slots__ = ("_limits", "_size", "_stretches")

    def __init__(self, size: int, limits: Limits) -> None:
        self._size = size
        self._limits = limits
        self._stretches: list[Part] = []

    def add(  # noqa: PLR0913 - the fields of a Part
        self,
        label: str,
        role: Role,
        start: int,
        end: int,
        payload: PayloadKind | None = None,
        skip: int = 0,
        *,
        body_length: int | None = None,
        packing: Packing | None = None,
        entry: TiffEntry | None = None,
    ) -> None:
        """Claim the bytes ``[start, end)``, cut to the file; an empty stretch is ignored.

        Args:
            label: path of structure names, to be shown.
            role: what the bytes are.
            start: first byte.
            end: first byte after.
            payload: what they should be read as.
            skip: bytes before the payload.
            body_length: bytes of the payload; None: up to the end.
            packing: how the payload is compressed.
            entry: of a TIFF value: where it stands.

        Raises:
            LimitExceeded: more stretches than ``max_parts``.
        """
        end = min(end, self._size)
        if not 0 <= start < end:
            return
        last = self._stretches[-1] if self._stretches else None
        if last and last.end == start and last.payload is None is payload and (last.label, last.role) == (label, role):
            self._stretches[-1] = _longer(last, end)
        else:
            self._stretches.append(Part(label, role, start, end - start, payload, skip, body_length, packing, entry))
            self._limits.check("max_parts", len(self._stretches))

    def fields(
        self, label: str, start: int, end: int, dirty: Iterable[tuple[str, int, int, PayloadKind | None]]
    ) -> None:
        """Claim a header as structure, but for the ``dirty`` fields in it: (name, start, end, payload)."""
        for name, first, last, payload in dirty:
            self.add(label, Role.STRUCTURE, start, first)
            self.add(f"{label}/{name}", Role.METADATA, first, last, payload)
            start = last
        self.add(label, Role.STRUCTURE, start, end)

    def tile(self) -> tuple[Part, ...]:
        """The parts: where stretches overlap the one that starts first wins; a hole is a gap, the last one a trailer.

        Raises:
            LimitExceeded: more parts than ``max_parts``.
        """
        parts: list[Part] = []
        position = 0
        for stretch in sorted(self._stretches, key=lambda part: (part.offset, -part.length)):
            if stretch.end <= position:
                continue
            if stretch.offset > position:
                parts.append(Part("gap", Role.GAP, position, stretch.offset - position))
            part = _from(stretch, max(position, stretch.offset))
            if parts and _continues(parts[-1], part):
                parts[-1] = _longer(parts[-1], part.end)
            else:
                parts.append(part)
            position = part.end
        if position < self._size:
            parts.append(Part("trailer", Role.TRAILER, position, self._size - position, PayloadKind.TRAILER))
        self._limits.check("max_parts", len(parts))
        return tuple(parts)


def _continues(last: Part, part: Part) -> bool:
    """Whether ``part``, which lies behind ``last``, has the same meaning."""
    return last.payload is None is part.payload and (last.label, last.role) == (part.label, part.role)


def _longer(part: Part, end: int) -> Part:
    """``part`` up to another end; ten times as fast as ``replace``."""
    return Part(part.label, part.role, part.offset, end - part.offset, None, part.body_offset, part.body_length)


def _from(part: Part, start: int) -> Part:
    """``part`` without its bytes before ``start``; its payload keeps its place in the file."""
    if start == part.offset:
        return part
    cut = start - part.offset
    body_start = max(0, part.body_offset - cut)
    length = part.body_length
    if length is not None:
        length = max(0, length - max(0, cut - part.body_offset))
    return replace(part, offset=start, length=part.end - start, body_offset=body_start, body_length=length)

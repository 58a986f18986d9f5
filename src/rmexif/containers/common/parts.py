"""Who says what a byte of a file is: claims that may overlap or leave holes, and the parts that they add up to."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from rmexif.types import Packing, Part, PayloadKind, Role, TiffEntry

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.types import Limits

__all__ = ["PartBuilder"]


class PartBuilder:
    """Collects claims in any order; ``tile()`` turns them into parts that cover the file without overlap.

    Args:
        size: of the file, in bytes.
        limits: ``max_parts`` bounds the number of claims.
    """

    __slots__ = ("_claims", "_limits", "_size")

    def __init__(self, size: int, limits: Limits) -> None:
        self._size = size
        self._limits = limits
        self._claims: list[Part] = []

    def add(
        self,
        label: str,
        role: Role,
        start: int,
        end: int,
        payload: PayloadKind | None = None,
        skip: int = 0,
        *,
        packing: Packing | None = None,
        entry: TiffEntry | None = None,
    ) -> None:
        """Claim the bytes ``[start, end)``, cut to the file; an empty stretch is no claim.

        Args:
            label: path of structure names, to be shown.
            role: what the bytes are.
            start: first byte.
            end: first byte after.
            payload: what they should be read as.
            skip: bytes before the payload.
            packing: how the payload is compressed.
            entry: of a TIFF value: where it stands.
        """
        end = min(end, self._size)
        last = self._claims[-1] if self._claims else None
        if not 0 <= start < end:
            return
        if (
            last
            and last.end == start
            and payload is None
            and (last.label, last.role, last.payload) == (label, role, None)
        ):
            self._claims[-1] = Part(label, role, last.offset, end - last.offset)
        else:
            self._claims.append(Part(label, role, start, end - start, payload, skip, packing=packing, entry=entry))
            self._limits.check("max_parts", len(self._claims))

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
        """The parts: on an overlap the claim that starts first wins; holes are gaps, the last one a trailer."""
        parts: list[Part] = []
        position = 0
        for claim in sorted(self._claims, key=lambda part: (part.offset, -part.length)):
            if claim.end <= position:
                continue
            if claim.offset > position:
                parts.append(Part("gap", Role.GAP, position, claim.offset - position))
            start = max(position, claim.offset)
            last = parts[-1] if parts else None
            if (
                last
                and claim.payload is None
                and (last.label, last.role, last.payload) == (claim.label, claim.role, None)
            ):
                parts[-1] = Part(claim.label, claim.role, last.offset, claim.end - last.offset)
            else:
                skip = max(0, claim.body_offset - (start - claim.offset))
                parts.append(replace(claim, offset=start, length=claim.end - start, body_offset=skip))
            position = claim.end
        if position < self._size:
            parts.append(Part("trailer", Role.TRAILER, position, self._size - position, PayloadKind.TRAILER))
        self._limits.check("max_parts", len(parts))
        return tuple(parts)

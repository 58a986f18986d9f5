"""What became of one image of many."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rmexif.errors import RmexifError
    from rmexif.stats import Stats

__all__ = ["Outcome", "Report"]


@dataclass(frozen=True, slots=True)
class Report:
    """What was found in one image and what was done to it; never a metadata value."""

    stats: Stats

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON-ready form."""
        return dict(self.stats)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item of many: clean bytes, or an error as a value."""

    index: int  # place in the input
    data: bytes | None
    report: Report | None
    error: RmexifError | None

    @property
    def ok(self) -> bool:
        """Whether clean bytes came out."""
        return self.error is None

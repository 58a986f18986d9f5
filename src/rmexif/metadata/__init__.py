"""What a metadata payload says, for inspect: read, never obeyed; it never decides what may leave."""

from __future__ import annotations

from rmexif.metadata.packing import ReadBudget
from rmexif.metadata.readers import READERS, explain

__all__ = ["READERS", "ReadBudget", "explain"]

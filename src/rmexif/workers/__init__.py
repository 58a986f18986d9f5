"""Worker processes: the pool, what a process does before its first image, its sandbox and its limits."""

from __future__ import annotations

__all__ = ["POOLS"]

POOLS = ("thread", "process")  # what works on images; the first is the default

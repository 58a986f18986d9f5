"""What a function of the native core, and its Python twin, answers."""

from __future__ import annotations

from enum import IntEnum

__all__ = ["Status"]


class Status(IntEnum):
    """The enumeration of ``c/status.h``."""

    OK = 0
    ENDS_EARLY = 1  # the input ends before the coded data does
    BAD_CODE = 2  # bits that are no code
    BAD_VALUE = 3  # a code whose value cannot be: a run past the end, a reference to nothing
    OUTPUT_FULL = 4  # the caller's output buffer is too small
    LIMIT = 5  # a bound that the caller set is reached
    BAD_ARGUMENT = 6  # an argument outside its range: the caller's mistake, not the file's

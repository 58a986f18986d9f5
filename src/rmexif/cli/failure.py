"""What goes wrong at the edge, and how it is shown."""

from __future__ import annotations

__all__ = ["CANNOT_CREATE", "NO_INPUT", "USAGE", "Failure", "shown"]

USAGE, NO_INPUT, CANNOT_CREATE = 64, 66, 73  # sysexits.h


class Failure(Exception):
    """Something went wrong at the edge: a message for a person and an exit code for a script."""

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


def shown(name: str) -> str:
    """A file name that cannot move a terminal's cursor or break a line."""
    return "".join(sign if sign.isprintable() else sign.encode("unicode_escape").decode("ascii") for sign in name)

"""Failures of the command line: one line on standard error and an exit code from sysexits.h."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

from rmexif.errors import RmexifError, SetupError
from rmexif.io.atomic_write import OutputExists

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = [
    "CANNOT_CREATE",
    "IO_ERROR",
    "NOTHING_FOUND",
    "NOT_ALLOWED",
    "NO_INPUT",
    "USAGE",
    "Failure",
    "cli_errors",
    "printable",
]

USAGE, NO_INPUT, CANNOT_CREATE, IO_ERROR, NOT_ALLOWED = 64, 66, 73, 74, 77  # sysexits.h

NOTHING_FOUND = "rmexif: nothing was done: no file was found there; hidden ones and links have to be named"


class Failure(Exception):
    """A message for a person and an exit code for a script.

    Args:
        message: one line; it may name files as the user typed them.
        code: of sysexits.h.
    """

    def __init__(self, message: str, code: int) -> None:
        super().__init__(message)
        self.code = code


@contextmanager
def cli_errors(source: str) -> Iterator[None]:
    """Turn errors into one line that names the input as the user typed it, unless the command itself is at fault.

    Raises:
        Failure: an RmexifError, or an output that exists.
    """
    try:
        yield
    except SetupError as error:
        raise Failure(str(error), error.exit_code) from error
    except RmexifError as error:
        place = "standard input" if source == "-" else printable(source)
        raise Failure(f"{place}: {error}", error.exit_code) from error
    except OutputExists as error:
        raise Failure(f"{printable(source)}: {error.strerror}", CANNOT_CREATE) from error


def printable(name: str) -> str:
    """A file name that cannot move a terminal's cursor or break a line; bytes that are no UTF-8 in hexadecimal."""
    return "".join(
        sign
        if sign.isprintable()
        else f"\\x{ord(sign) - 0xDC00:02x}"  # PEP 383
        if "\udc80" <= sign <= "\udcff"
        else sign.encode("unicode_escape").decode("ascii")
        for sign in name
    )

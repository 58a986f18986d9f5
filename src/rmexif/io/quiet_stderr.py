"""Codecs print warnings to file descriptor 2 by themselves, and may quote the file there: keep them out."""

from __future__ import annotations

import os
import sys
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["discard_stderr", "discard_stdout", "silence_stderr"]


def discard_stderr() -> None:
    """Send descriptor 2 to nowhere for as long as this process lives."""
    _discard(2)


def discard_stdout() -> None:
    """Send descriptor 1 to nowhere, with what could not be written to it and would be tried again at the end."""
    _discard(1)


def _discard(descriptor: int) -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, descriptor)
    os.close(nowhere)


@contextmanager
def silence_stderr() -> Iterator[None]:
    """Send descriptor 2 to nowhere, for libraries and child processes; ``sys.stderr`` goes where it went."""
    try:
        kept = os.dup(2)
    except OSError:  # closed already: nothing to silence
        yield
        return
    before = sys.stderr
    discard_stderr()
    sys.stderr = open(kept, "w", buffering=1, encoding="utf-8", errors="backslashreplace")  # noqa: PTH123, SIM115
    try:
        yield
    finally:
        with suppress(OSError):  # a pipe whose reader has gone
            sys.stderr.flush()
        os.dup2(kept, 2)
        sys.stderr = before

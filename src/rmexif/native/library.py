"""Loads the compiled core, or does without it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import sys
from typing import TYPE_CHECKING, Concatenate, Generic, Literal, ParamSpec, TypeVar

from rmexif.native.prototypes import ABI, bind

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Engine", "Twin", "engine", "load", "loaded", "twin", "use"]

Engine = Literal["native", "python"]
P = ParamSpec("P")
R = TypeVar("R")

SUFFIX = {"win32": ".dll", "darwin": ".dylib"}.get(sys.platform, ".so")
PATH = f"{__file__.removesuffix('library.py')}_core{SUFFIX}"


def load(path: str) -> ctypes.CDLL | None:
    """The core at ``path`` with all its functions bound, or None where it is missing, damaged or of another version.

    The build writes the SHA-256 of the library beside it: a damaged file is found out before the system's loader
    maps it, which could end the process.
    """
    try:
        with open(path, "rb") as binary, open(f"{path}.sha256", encoding="ascii") as digest:  # noqa: PTH123
            if hashlib.sha256(binary.read()).hexdigest() != digest.read().strip():
                return None
        library = ctypes.CDLL(path)
        bind(library)
    except (OSError, UnicodeDecodeError, AttributeError):
        return None
    return library if library.rmexif_abi() == ABI else None


loaded = load(PATH)  # on import: a sandboxed worker may open no file later
_in_use = loaded


def engine() -> Engine:
    """Which of the two runs: the compiled core or the Python twins."""
    return "python" if _in_use is None else "native"


def use(chosen: Engine) -> None:
    """Have this process run the twins ("python"), or again the core where there is one ("native").

    Raises:
        ValueError: another word.
    """
    global _in_use  # noqa: PLW0603  the one switch, for tests and the command line
    if chosen not in ("native", "python"):
        raise ValueError(f'the engine must be "native" or "python", got {chosen!r}')
    _in_use = loaded if chosen == "native" else None


class Twin(Generic[P, R]):
    """A function in two implementations of one signature and the same results: calling it runs the one in use.

    Attributes:
        python: the specification.
    """

    def __init__(self, native: Callable[Concatenate[ctypes.CDLL, P], R], python: Callable[P, R]) -> None:
        self._native = native
        self.python = python
        functools.update_wrapper(self, python)

    def native(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the compiled implementation; there must be a core."""
        assert loaded is not None
        return self._native(loaded, *args, **kwargs)

    def __call__(self, *args: P.args, **kwargs: P.kwargs) -> R:
        """Run the implementation in use."""
        return self.python(*args, **kwargs) if _in_use is None else self._native(_in_use, *args, **kwargs)


def twin(native: Callable[Concatenate[ctypes.CDLL, P], R]) -> Callable[[Callable[P, R]], Twin[P, R]]:
    """Decorate a Python function as the twin of ``native``, which gets the core as its first argument."""
    return functools.partial(Twin, native)

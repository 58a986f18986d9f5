"""Rows of the tables of extension points, loaded on first use: a name in a list of options costs no import."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import import_module
from typing import Any, Generic, TypeVar

__all__ = ["Row"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Row(Generic[T]):
    """One entry of a table such as ``styles.STYLES``.

    Args:
        place: ``"package.module:Class"``; the class is a frozen dataclass whose fields are its settings.
        help: what it is, in half a sentence, for every list of options.
        finds: of a detector, the label of its detections.
    """

    place: str
    help: str
    finds: str = ""  # of a detector: the label of what it finds

    def load(self) -> type[T]:
        """The class."""
        module, _, name = self.place.partition(":")
        found: Any = getattr(import_module(module), name)
        return found  # type: ignore[no-any-return]

"""What may stay of a file's metadata because it was asked for: values that are read, judged and written in one form.

Nothing is copied. ``table`` says which fields there are, ``judgement`` which values may leave, ``choice`` which of
several sources counts, ``canonical`` how a value is written; the writers of the formats put the blocks in their place.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rmexif.credit.choice import Credit, choose
    from rmexif.credit.rewrite import add_credit, beyond, for_output, says, without_credit
    from rmexif.credit.table import KEEP_NAMES, Selection, names_of, own_texts, selection

__all__ = [
    "KEEP_NAMES",
    "Credit",
    "Selection",
    "add_credit",
    "beyond",
    "choose",
    "for_output",
    "names_of",
    "own_texts",
    "says",
    "selection",
    "without_credit",
]

# Where each name lives. They are fetched on first use: a policy that keeps nothing needs no reader and no writer.
_HOMES = {
    **dict.fromkeys(("Credit", "choose"), "choice"),
    **dict.fromkeys(("add_credit", "beyond", "for_output", "says", "without_credit"), "rewrite"),
    **dict.fromkeys(("KEEP_NAMES", "Selection", "names_of", "own_texts", "selection"), "table"),
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in _HOMES:
        raise AttributeError(f"module 'rmexif.credit' has no attribute {name!r}")
    return getattr(import_module(f"rmexif.credit.{_HOMES[name]}"), name)

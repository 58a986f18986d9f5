"""What may stay of a file's metadata because it was asked for: values that are read, judged and written in one form.

Nothing is copied. ``table`` says which fields there are, ``judgement`` which values may leave, ``choice`` which of
several sources counts, ``canonical`` how a value is written; the writers of the formats put the blocks in their place.
"""

from __future__ import annotations

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

"""What readers of metadata find: bounded, and safe to print."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.metadata import tags
from rmexif.metadata.packing import MAX_UNPACKED, ReadBudget, unpack
from rmexif.types import Category, Finding, Limits

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.types import Packing, PayloadKind

__all__ = ["FindingsBuilder", "printable", "text_of"]

MAX_FINDINGS = 500  # of one payload, so that a report stays readable; the rest is counted in one finding
MAX_TEXTS = 20  # values of one place that are shown
MAX_VALUE = 200  # characters of a value
MAX_DEPTH = 4  # payloads inside payloads
MAX_NESTED = 16 << 20  # bytes of all of them together
LEAST_NESTED = 1 << 18  # what a small one counts as
MAX_TEXT = 1 << 12  # bytes of a text that are looked at


def printable(text: str) -> str:
    r"""A text with nothing in it that a terminal or a browser would act on: ``\x1b`` instead of the character.

    Control, format (bidirectional marks among them), private and unassigned characters, lone surrogates and
    line separators are escaped; markup is left to whoever renders it.
    """
    cut = text[: MAX_VALUE + 1]
    safe = "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
    return safe if len(safe) <= MAX_VALUE else safe[: MAX_VALUE - 1] + "…"


class FindingsBuilder:
    """Findings of one payload, those of one place added up.

    Args:
        where: path of the payload.
        values: whether to keep what was found, not only that it was.
        reader: reads a payload inside the payload: (builder, kind, bytes, where, packing).
        budget: of the file; by default that of a file with this payload alone.
    """

    def __init__(
        self,
        where: str,
        values: bool,
        reader: Callable[[FindingsBuilder, PayloadKind, bytes, str, Packing | None], None],
        budget: ReadBudget | None = None,
    ) -> None:
        self.where = where
        self.values = values
        self._reader = reader
        self._budget = budget or ReadBudget(Limits())
        self._depth = 0
        self._remaining = MAX_NESTED
        self._rows: dict[tuple[str, Category], tuple[int, list[str]]] = {}

    def add(self, where: str, category: Category, length: int, value: str | None = None) -> None:
        """Add ``length`` bytes at ``where``; a recipe of a generated picture changes the category to provenance."""
        if value and any(all(sign in value for sign in group) for group in tags.PROMPTS):
            category = Category.PROVENANCE
        key = (where, category)
        if key not in self._rows and len(self._rows) >= MAX_FINDINGS:
            key = (f"{self.where}/further findings", Category.UNKNOWN)
        total, texts = self._rows.get(key, (0, []))
        if self.values and value and len(texts) < MAX_TEXTS:
            texts.append(value[: MAX_VALUE + 1])
        self._rows[key] = (total + length, texts)

    def nest(self, kind: PayloadKind, payload: bytes | memoryview, where: str, packing: Packing | None = None) -> None:
        """Read a payload inside the payload; too deep or too much, it is only counted."""
        self._remaining -= max(len(payload), LEAST_NESTED)
        if self._depth >= MAX_DEPTH or self._remaining < 0:
            self.add(where, Category.UNKNOWN, len(payload))
            return
        self._depth += 1
        self._reader(self, kind, bytes(payload), where, packing)
        self._depth -= 1

    def unpack(self, packing: Packing, payload: bytes, where: str) -> bytes | None:
        """A compressed payload as far as the budget goes; where it cannot be had, a finding says so instead."""
        most = min(MAX_UNPACKED, self._budget.packed)
        unpacked = unpack(packing, payload, most) if most > 0 else None
        if unpacked is None:
            self.add(f"{where}/{'not readable' if most > 0 else 'beyond the limit'}", Category.UNKNOWN, len(payload))
        else:
            self._budget.packed -= len(unpacked)
        return unpacked

    def may_read(self, payload: bytes | memoryview, where: str) -> bool:
        """Whether the budget goes as far as this payload; where it does not, a finding counts it."""
        if len(payload) > self._budget.plain:
            self.add(f"{where}/beyond the limit", Category.UNKNOWN, len(payload))
            return False
        self._budget.plain -= len(payload)
        return True

    def may_read_tag(self) -> bool:
        """Whether the budget goes as far as one more tag or attribute."""
        self._budget.tags -= 1
        return self._budget.tags >= 0

    @property
    def empty(self) -> bool:
        """Whether nothing was added yet."""
        return not self._rows

    def build(self) -> list[Finding]:
        """What was added, in the order of the payload."""
        return [
            Finding(where, category, length, printable("; ".join(texts)) if texts else None)
            for (where, category), (length, texts) in self._rows.items()
        ]


def text_of(data: bytes | memoryview) -> str:
    """Bytes as text: UTF-8 where they are, else Latin-1; of mostly binary ones nothing, because nobody can read it."""
    data = bytes(data[:MAX_TEXT]).rstrip(b"\0")
    ascii_only = False
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        if error.start > MAX_TEXT - 4:  # only the cut went through a character
            text = data[: error.start].decode()
        else:
            text, ascii_only = data.decode("latin-1"), True  # where every byte is a character, most must be plain
    head = text[: 2 * MAX_VALUE]
    unprintable = sum(not (c in "\r\n\t" or (c.isprintable() and not (ascii_only and c > "~"))) for c in head)
    return "" if unprintable * 2 > len(head) else text

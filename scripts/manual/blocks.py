"""The fenced blocks of a Markdown page, with the options of their info strings."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

__all__ = ["Block", "read_blocks", "without_options"]

OPENING = re.compile(r"^(?P<indent>\s*)```(?P<language>[\w-]*)(?P<options>[^`]*)$")
HIDDEN = re.compile(r"^<!-- (?P<language>python|bash)(?P<options>.*)$")
INCLUDE = re.compile(r'^--8<-- "(?P<path>[^"]+)"$', re.MULTILINE)
OPTIONS = frozenset({"notest", "reason", "title", "server", "exit", "clone"})


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block, or one hidden in an HTML comment that prepares those after it.

    Args:
        line: of the page, counted from 1, that its text begins at.
        options: of the info string; a word without a value is its own value.
    """

    page: Path
    line: int
    language: str
    options: dict[str, str]
    text: str

    @property
    def place(self) -> str:
        """Page and line, to be shown."""
        return f"{self.page.name}:{self.line}"


def read_blocks(page: Path, root: Path) -> Iterator[Block]:
    """The blocks of a page in order; files that a block includes are in its text.

    Args:
        page: Markdown.
        root: the checkout, which included files are named from.

    Raises:
        ValueError: a block has no end, or an option that is unknown.
    """
    lines = page.read_text().splitlines()
    number = 0
    while number < len(lines):
        fence, comment = OPENING.match(lines[number]), HIDDEN.match(lines[number])
        opening = fence or comment
        number += 1
        if opening is None:
            continue
        start, end = number, "```" if fence else "-->"
        while number < len(lines) and lines[number].strip() != end:
            number += 1
        if number == len(lines):
            raise ValueError(f"{page.name}:{start}: a block without an end")
        indent = len(opening["indent"]) if fence else 0
        text = "\n".join(line[indent:] for line in lines[start:number]) + "\n"
        text = INCLUDE.sub(lambda found: (root / found["path"]).read_text().rstrip(), text)
        yield Block(page, start + 1, opening["language"], _options(page, start, opening["options"]), text)
        number += 1


def _options(page: Path, line: int, text: str) -> dict[str, str]:
    found = {name: value or name for name, _, value in (word.partition("=") for word in shlex.split(text))}
    if unknown := set(found) - OPTIONS:
        raise ValueError(f"{page.name}:{line}: unknown option {', '.join(sorted(unknown))}")
    if ("notest" in found) is not ("reason" in found):
        raise ValueError(f'{page.name}:{line}: what is not run says why: notest reason="..."')
    return found


def without_options(markdown: str) -> str:
    """The page as its reader shall see it: blocks without the options of the runner, but for titles; nothing hidden."""
    kept, hidden = [], False
    for line in markdown.splitlines():
        hidden = hidden or bool(HIDDEN.match(line))
        if hidden:
            hidden = line.strip() != "-->"
            continue
        opening = OPENING.match(line)
        if opening and opening["options"].strip():
            title = re.search(r'title="[^"]*"', opening["options"])
            line = f"{opening['indent']}```{opening['language']}" + (f" {title[0]}" if title else "")
        kept.append(re.sub(r"^(\s*)```output$", r"\1```text", line))
    return "\n".join(kept) + "\n"

"""CSS in SVG: declarations of known properties, selectors of fresh names; no rule that loads anything."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rmexif.containers.svg.allowed import PROPERTIES
from rmexif.containers.svg.values import ICC_COLOUR, is_known, without_spare_digits
from rmexif.errors import UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

__all__ = ["accepted", "declarations", "is_shown", "references", "renamed", "rules", "shown"]

COMMENT = re.compile(r"/\*.*?(?:\*/|\Z)", re.DOTALL)
# A name ends at a bracket, so that each opening one is looked at once: the time is linear.
REFERENCE = re.compile(r"""url\(\s*(['"]?)#([^'"()\s]+)\1\s*\)""")
FOREIGN = re.compile(r"url\(|expression|javascript:|data:|https?:|@import|\\", re.IGNORECASE)
NAME = re.compile(r"([#.])(-?[A-Za-z_][\w-]*)")
SELECTOR = re.compile(r"[\w\s#.*,>+~:()-]*")
WORD = re.compile(r"[^\W\d][\w-]*")
PSEUDO_CLASSES = "not root empty odd even n first-child last-child only-child nth-child nth-of-type first-of-type"
SELECTABLE = frozenset(PSEUDO_CLASSES.split())
# What not every renderer knows: the declaration before it counts there (CSS Color 4, 10; CSS Values 4, 10).
NEWER = re.compile(r"(?:color|lab|lch|oklab|oklch|hwb|calc|min|max)\(", re.IGNORECASE)
IMPORTANT = "important"
LONG_NUMBER = re.compile(r"\d{4,}")
MAX_RULES = 10_000
BRACE = re.compile(r"[{}]")
MEDIA = "@media"
# Media queries by what a viewer at its usual settings shows; of others it is not known.
SHOWN = frozenset({"", "all", "screen", "(prefers-color-scheme: light)", "(prefers-color-scheme:light)"})
NOT_SHOWN = frozenset({"print", "(prefers-color-scheme: dark)", "(prefers-color-scheme:dark)"})


def accepted(name: str, value: str) -> str | None:
    """The value of a property or attribute in one form; None: it refers out of the file, or says other things."""
    content = without_spare_digits(" ".join(ICC_COLOUR.sub("", value).split()))
    plain = REFERENCE.sub("", content)
    return content if FOREIGN.search(plain) is None and is_known(name, plain) else None


def references(value: str) -> Iterator[str]:
    """The identifiers that a value refers to."""
    return (found[1] for found in REFERENCE.findall(value))


def renamed(value: str, name: Callable[[str], str]) -> str:
    """The value with other identifiers."""
    return REFERENCE.sub(lambda found: f"url(#{name(found[2])})", value)


def declarations(text: str) -> list[tuple[str, str]]:
    """Property and value of each declaration that is allowed and counts: of a property the last, for each renderer."""
    found: dict[tuple[str, bool], str] = {}
    for declaration in COMMENT.sub("", text).split(";"):
        name, _, value = declaration.partition(":")
        key = name.strip().lower()
        if key in PROPERTIES and (content := accepted(key, value)):
            place = key, NEWER.search(content) is not None
            if IMPORTANT in content.lower() or IMPORTANT not in found.get(place, "").lower():
                for earlier in (place,) if place[1] else (place, (key, True)):
                    found.pop(earlier, None)
                found[place] = content
    return [(key, content) for (key, _), content in found.items()]


def is_shown(query: str, offset: int) -> bool:
    """Whether what a media query asks for is there on a light screen.

    Raises:
        UnsupportedFeature: that depends on the viewer.
    """
    words = " ".join(query.split()).lower()
    if words not in SHOWN | NOT_SHOWN:
        raise UnsupportedFeature("style rules inside others are refused", structure="svg style", offset=offset)
    return words in SHOWN


def shown(text: str, offset: int) -> str:
    """A style sheet without its comments and media queries: what shows on a light screen.

    Args:
        text: of the sheet.
        offset: byte of the sheet, for errors.

    Raises:
        UnsupportedFeature: a media query of another kind: what shows is not known.
    """
    body = COMMENT.sub("", text)
    out, at = [], 0
    while (start := body.find(MEDIA, at)) >= 0:
        found = BRACE.finditer(body, start)
        opening, depth, end = next(found, None), 1, len(body)
        for brace in found:
            depth += 1 if brace[0] == "{" else -1
            if not depth:
                end = brace.start()
                break
        first = opening.end() if opening else len(body)
        query = body[start + len(MEDIA) : first - 1]
        out += [body[at:start], body[first:end] if is_shown(query, offset) else ""]
        at = end + 1
    return "".join((*out, body[at:]))


def rules(
    text: str, name: Callable[[str, str], str | None], elements: frozenset[str], offset: int
) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Selector and declarations of each rule of a style sheet.

    Args:
        text: of the sheet.
        name: gives the new name for ``#`` or ``.`` and an old one; None where nothing has it.
        elements: names of those that a rule may select.
        offset: byte of the sheet, for errors.

    Raises:
        UnsupportedFeature: a rule inside another one, as of media queries: what shows is not known.
    """
    body = COMMENT.sub("", text.replace("<!--", "").replace("-->", ""))
    body = re.sub(r"@(?:import|charset|namespace)[^;]*(?:;|\Z)", "", body)
    for number, rule in enumerate(body.split("}")):
        selector, brace, content = rule.partition("{")
        if number > MAX_RULES or "{" in content:
            raise UnsupportedFeature("style rules inside others are refused", structure="svg style", offset=offset)
        selector = " ".join(selector.split())
        if not brace or selector.startswith("@font-face") or not SELECTOR.fullmatch(selector):
            continue
        fresh = _selector(selector, name, elements)
        if fresh and (kept := declarations(content)):
            yield fresh, kept


def _selector(selector: str, name: Callable[[str, str], str | None], elements: frozenset[str]) -> str:
    """A list of selectors with fresh names, without those that select nothing."""
    kept = []
    for one in selector.split(","):
        names = [name(*found) for found in NAME.findall(one)]
        bare = NAME.sub("", one)  # anybody's names become others
        is_known = (SELECTABLE | elements).issuperset(WORD.findall(bare)) and not LONG_NUMBER.search(bare)
        if None not in names and is_known:
            fresh = iter(names)
            kept.append(NAME.sub(lambda found: f"{found[1]}{next(fresh)}", one).strip())  # noqa: B023 - used at once
    return ",".join(part for part in kept if part)

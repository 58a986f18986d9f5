"""SVG as drawing programs write it: a tree that loses nothing, in one regular markup.

Spaces, quotes and the order of attributes are free in XML. A file passes where they follow from the tree: one
indentation, one kind of quotes, one order of attributes that all elements share.
"""

from __future__ import annotations

import re
from itertools import combinations, product
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape

from rmexif.containers.svg.allowed import TEXTS
from rmexif.containers.svg.tree import XLINK, XML_SPACE, SvgNode

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["is_common"]

MOST_BYTES = 1 << 22  # of a file that is written again to be compared: bounds the time
DECLARATION = re.compile(
    rb"(?:\xef\xbb\xbf)?(?:<\?xml version=[\"']1\.0[\"'](?: encoding=[\"'](?i:utf-8)[\"'])?"
    rb"(?: standalone=[\"']no[\"'])? ?\?>)?\n?"
)
SPACES = re.compile(rb" xmlns(?::xlink)?=([\"'])http://www\.w3\.org/(?:2000/svg|1999/xlink)\1")
INDENTS = (None, "", " ", "  ", "   ", "    ", "\t")  # of a level; None: everything stands in one line
CLOSES = ("/>", " />")
QUOTES = {'"': {'"': "&quot;"}, "'": {"'": "&apos;"}}
PREFIXES = {"": "", XLINK: "xlink:", XML_SPACE: "xml:"}


def is_common(raw: bytes, root: SvgNode, clean: SvgNode) -> bool:
    """Whether a file says no more than its clean form.

    Args:
        raw: the file.
        root: its tree.
        clean: the tree that is written.
    """
    if len(raw) > MOST_BYTES or not _is_same(root, clean) or not _has_one_order(root):
        return False
    if not DECLARATION.fullmatch(raw[: root.start]):
        return False
    bare = SPACES.sub(b"", raw[root.start : root.inner], count=2) + raw[root.inner :]
    text = bare.decode("utf-8", "replace")
    return any(text.removesuffix("\n") == "".join(_written(root, *form)) for form in product(INDENTS, CLOSES, QUOTES))


def _is_same(node: SvgNode, clean: SvgNode) -> bool:
    """Whether a node stays as it is, but for the order of its attributes and the spaces between elements."""
    found, wanted = _content(node), _content(clean)
    return (
        (node.space, node.name) == (clean.space, clean.name)
        and sorted(node.attributes) == sorted(clean.attributes)
        and len(found) == len(wanted)
        and all(
            _is_same(one, other) if isinstance(one, SvgNode) and isinstance(other, SvgNode) else one == other
            for one, other in zip(found, wanted, strict=True)
        )
    )


def _content(node: SvgNode) -> list[SvgNode | str]:
    """Elements, and texts where there can be some."""
    return [child for child in node.content if isinstance(child, SvgNode) or node.name in TEXTS or child.strip()]


def _has_one_order(root: SvgNode) -> bool:
    """Whether no two attributes stand in one order here and in the other one there."""
    pairs, path = set[tuple[tuple[str, str], tuple[str, str]]](), [root]
    while path:
        node = path.pop()
        pairs |= set(combinations([(space, name) for space, name, _ in node.attributes], 2))
        path += [child for child in node.content if isinstance(child, SvgNode)]
    return not any((second, first) in pairs for first, second in pairs)


def _written(node: SvgNode, indent: str | None, close: str, quote: str, depth: int = 0) -> Iterator[str]:
    """The markup of a node, its attributes in their order."""
    attributes = "".join(
        f" {PREFIXES.get(space, '?')}{name}={quote}{escape(value, QUOTES[quote])}{quote}"
        for space, name, value in node.attributes
    )
    content = _content(node)
    if not content:
        yield f"<{node.name}{attributes}{close}"
        return
    yield f"<{node.name}{attributes}>"
    has_text = any(isinstance(child, str) for child in content)
    for child in content:
        if isinstance(child, str):
            yield escape(child)
            continue
        yield "" if has_text or indent is None else "\n" + indent * (depth + 1)
        yield from _written(child, indent, close, quote, depth + 1)
    yield "" if has_text or indent is None else "\n" + indent * depth
    yield f"</{node.name}>"

"""What refers to what in a drawing: ``use`` draws another element again, and what that uses too."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING

from rmexif.containers.svg import style
from rmexif.errors import LimitExceeded

if TYPE_CHECKING:
    from rmexif.containers.svg.tree import SvgNode

__all__ = ["check_drawing"]

MAX_ARCS = 5_000  # of one path: resvg overflows its stack at 20 000
MAX_CHARACTERS = 20_000  # of all texts: each is laid out
MAX_STEPS = 50_000_000
ARCS = re.compile(r"[Aa]([^AaCcHhLlMmQqSsTtVvZz]*)")
NUMBER = re.compile(r"[-+]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][-+]?[0-9]+)?")
MAX_CHAIN = 512  # elements inside elements and references behind references, together


def check_drawing(root: SvgNode, most: int) -> None:
    """Refuse what a renderer cannot be trusted with, before it gets to see it.

    Args:
        root: of a clean file.
        most: elements that may be drawn, those that are referred to as often as that happens.

    Raises:
        LimitExceeded: it draws more elements, has more arcs in a path, or selectors that take longer to match.
    """
    targets: dict[str, SvgNode] = {}
    stack, nodes, depth, characters, rules = [(root, 1)], 0, 1, 0, list[str]()
    while stack:
        node, level = stack.pop()
        nodes, depth = nodes + 1, max(depth, level)
        for _, name, value in node.attributes:
            if name == "id":
                targets.setdefault(value, node)
            if name == "d" and _arcs(value) > MAX_ARCS:
                raise LimitExceeded(f"a path of more than {MAX_ARCS} arcs", structure="svg path", offset=node.start)
        characters += sum(len(text) for text in node.content if isinstance(text, str) and node.name != "style")
        if node.name == "style":
            rules += [text for text in node.content if isinstance(text, str)]
        stack += [(child, level + 1) for child in node.content if not isinstance(child, str)]
    if characters > MAX_CHARACTERS:
        raise LimitExceeded(f"{characters} characters, at most {MAX_CHARACTERS} are drawn", structure="svg", offset=0)
    if nodes * _matching_steps("".join(rules), depth) > MAX_STEPS:
        raise LimitExceeded(
            f"selectors that take more than {MAX_STEPS} steps to match", structure="svg style", offset=0
        )
    if _Count(targets, most).of(root) > most:
        raise LimitExceeded(f"more than {most} elements are drawn, with those used again", structure="svg", offset=0)


def _arcs(path: str) -> int:
    """At most so many elliptical arcs (SVG 2, 9.3.8): five numbers each, where the flags stand together."""
    return sum(1 + len(NUMBER.findall(found[1])) // 5 for found in ARCS.finditer(path))


def _matching_steps(sheet: str, depth: int) -> int:
    """For each element: a selector of n combinators may be tried at every choice of n ancestors."""
    steps = 0
    for rule in sheet.split("}"):
        for selector in rule.partition("{")[0].split(","):
            steps += math.comb(depth, min(depth // 2, len(selector.split()) - 1)) if selector.strip() else 0
            if steps > MAX_STEPS:
                return steps
    return steps


class _Count:
    """Counts below a node, each target once."""

    def __init__(self, targets: dict[str, SvgNode], most: int) -> None:
        self._targets, self._most = targets, most
        self._known: dict[int, int] = {}
        self._open: set[int] = set()

    def of(self, node: SvgNode) -> int:
        """With all that is referred to; one that refers to itself counts once: renderers do not draw it again."""
        key = id(node)
        if key in self._known:
            return self._known[key]
        if key in self._open:
            return 1
        if len(self._open) > MAX_CHAIN:
            return self._most + 1  # renderers follow references by recursion
        self._open.add(key)
        total = 1
        for below in (*self._referred(node), *(child for child in node.content if not isinstance(child, str))):
            total = min(total + self.of(below), self._most + 1)
        self._open.discard(key)
        self._known[key] = total
        return total

    def _referred(self, node: SvgNode) -> list[SvgNode]:
        names: list[str] = []
        for _, name, value in node.attributes:
            names += [value[1:]] if name == "href" and value.startswith("#") else style.references(value)
        return [self._targets[name] for name in names if name in self._targets]

"""What refers to what in a drawing: ``use`` draws another element again, and what that uses too."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.svg import style
from rmexif.containers.svg.tree import read_tree
from rmexif.types import Limits

if TYPE_CHECKING:
    from rmexif.containers.svg.tree import SvgNode

__all__ = ["drawn_nodes"]

MAX_CHAIN = 512  # elements inside elements and references behind references, together


def drawn_nodes(raw: bytes | memoryview, most: int) -> int:
    """Elements that are drawn, those that are referred to as often as that happens.

    Args:
        raw: a clean SVG file.
        most: from where on the exact number does not matter.

    Raises:
        MalformedImage: it is not well-formed.
    """
    root = read_tree(memoryview(raw), Limits())
    targets: dict[str, SvgNode] = {}
    stack = [root]
    while stack:
        node = stack.pop()
        for _, name, value in node.attributes:
            if name == "id":
                targets.setdefault(value, node)
        stack += [child for child in node.content if not isinstance(child, str)]
    return _Count(targets, most).of(root)


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

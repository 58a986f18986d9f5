"""Which elements of an SVG file are drawn: in their place, or because something that is drawn refers to them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.containers.svg import style
from rmexif.containers.svg.allowed import ATTRIBUTES, DEFINITIONS, ELEMENTS
from rmexif.containers.svg.tree import SVG_SPACE, SvgNode

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["References", "children"]

HIDDEN = ("display", "none")
IN_PLACE = frozenset({"defs", "style"})  # definitions that are there without a reference


class References:
    """What refers to what in one tree.

    Attributes:
        ids: the identifiers that something drawn refers to, and their fresh names in document order.
        classes: those that a style sheet may refer to, likewise.
        names: of the elements.
    """

    def __init__(self, root: SvgNode) -> None:
        nodes = list(_walk(root))
        for node in nodes:
            if node.name == "style":
                text = "".join(text for text in node.content if isinstance(text, str))
                query = next((value for _, name, value in node.attributes if name == "media"), "all")
                node.content = [style.shown(text, node.start) if style.is_shown(query, node.start) else ""]
        self.names = frozenset("g" if node.name == "a" else node.name for node in nodes)
        sheets = "".join(
            text for node in nodes if node.name == "style" for text in node.content if isinstance(text, str)
        )
        self.classes: dict[str, str] = {}
        by_id: dict[str, SvgNode] = {}
        for node in nodes:
            for _, name, value in node.attributes:
                if name == "id":
                    by_id.setdefault(value, node)
                if name == "class" and sheets:
                    for one in value.split():
                        self.classes.setdefault(one, f"c{len(self.classes)}")
        self._wanted = {*style.references(sheets), *(name for kind, name in style.NAME.findall(sheets) if kind == "#")}
        self._follow(root, by_id)
        self.ids = {name: f"i{number}" for number, name in enumerate(name for name in by_id if name in self._wanted)}

    def _follow(self, root: SvgNode, by_id: dict[str, SvgNode]) -> None:
        """Collect what the drawn elements refer to, and what those do."""
        waiting = [root, *(by_id[name] for name in self._wanted if name in by_id)]
        seen: set[int] = set()
        while waiting:
            node = waiting.pop()
            if id(node) in seen:
                continue
            seen.add(id(node))
            for name in _references(node):
                self._wanted.add(name)
                waiting += [by_id[name]] if name in by_id else []
            if node.name != "defs":
                waiting += [child for child in children(node) if child.name == "defs" or self.is_drawn(child)]

    def is_wanted(self, node: SvgNode) -> bool:
        """Whether something refers to it."""
        return any(name == "id" and value in self._wanted for _, name, value in node.attributes)

    def is_drawn(self, node: SvgNode) -> bool:
        """Whether an element is displayed where it stands, or is a definition that something refers to."""
        if node.name in DEFINITIONS:
            return node.name in IN_PLACE or self.is_wanted(node)
        for space, name, value in node.attributes:
            if not space and (name, value.strip()) == HIDDEN:
                return False
            if not space and name == "style" and HIDDEN in style.declarations(value):
                return False
        return True


def children(node: SvgNode) -> list[SvgNode]:
    """Those of its elements that may stay: of a switch one, which is in every language if there is such a one."""
    found = [
        child
        for child in node.content
        if isinstance(child, SvgNode) and child.space == SVG_SPACE and child.name in ELEMENTS
    ]
    if node.name == "switch":
        found.sort(key=lambda child: any(name == "systemLanguage" for _, name, _ in child.attributes))
        del found[1:]
    return found


def _walk(root: SvgNode) -> Iterator[SvgNode]:
    """The elements that may stay, in document order."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        yield node
        waiting += reversed(children(node))


def _references(node: SvgNode) -> Iterator[str]:
    """The identifiers that the attributes of an element refer to."""
    for _, name, value in node.attributes:
        if name == "href" and value.startswith("#"):
            yield value[1:]
        elif name == "style" or name in ATTRIBUTES:
            yield from style.references(value)

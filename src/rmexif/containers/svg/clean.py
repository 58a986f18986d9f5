"""The tree of an SVG file, reduced to what draws something, and written in one form."""

from __future__ import annotations

import base64
import re
from typing import TYPE_CHECKING
from xml.sax.saxutils import escape, quoteattr

from rmexif.containers.svg import style
from rmexif.containers.svg.allowed import ATTRIBUTES, DEFINITIONS, ELEMENTS, OWN, PROPERTIES, TEXTS
from rmexif.containers.svg.references import References, children
from rmexif.containers.svg.tree import SVG_SPACE, XLINK, XML_SPACE, SvgNode
from rmexif.containers.svg.values import FILTER_INPUTS
from rmexif.errors import MalformedImage, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["Cleaner", "serialised"]

DATA_URI = re.compile(r"data:image/[\w.+-]+(?:;[\w=-]+)*;base64,(.*)", re.DOTALL)
REFERENCES = frozenset({"href"})
MOVED = frozenset({"begin", "end"})  # may name an event of another element: animations start with the document then
NAMED = frozenset({"script", "title", "desc", "metadata", "foreignObject"})  # others may be names of anybody
NEEDED = {"image": "href", "use": "href", "animate": "attributeName", "set": "attributeName"}
PRESERVED = (("space", "preserve"), ("space", "default"))
RESULTS = frozenset({"in", "in2", "result"})  # name what one filter primitive hands to another


class Cleaner:
    """Reduces one tree.

    Attributes:
        dropped: label, first byte and the one behind of what is no part of the picture.
    """

    def __init__(self, root: SvgNode, limits: Limits) -> None:
        self.root, self.limits = root, limits
        self.dropped: list[tuple[str, int, int]] = []
        self.results: dict[str, str] = {}  # of filter primitives, and their fresh names
        self.references = References(root)
        self.ids, self.classes = self.references.ids, self.references.classes

    def clean(self) -> SvgNode:
        """The tree without what draws nothing."""
        return self._kept(self.root)[0]

    def _drop(self, node: SvgNode, label: str) -> list[SvgNode]:
        self.dropped.append((f"svg/{label}", node.start, node.end))
        return []

    def _element(self, node: SvgNode) -> list[SvgNode]:
        """What stays of a node: itself, of a hidden one the definitions in it, or nothing."""
        if node.name.startswith("#"):
            return self._drop(node, node.name[1:])
        if node.space != SVG_SPACE or node.name not in ELEMENTS:
            return self._drop(node, node.name if node.name in NAMED else "element")
        if not self.references.is_drawn(node):
            self._drop(node, "hidden layer" if node.name not in DEFINITIONS else "unused definition")
            defined = SvgNode(SVG_SPACE, "defs", 0, content=self._definitions(node))
            return [defined] if defined.content else []
        return self._kept(node)

    def _definitions(self, node: SvgNode) -> list[SvgNode | str]:
        """What others refer to in a group that is not displayed itself."""
        found: list[SvgNode | str] = []
        for child in children(node):
            is_kept = child.name == "style" or self.references.is_wanted(child)
            found += self._element(child) if is_kept else self._definitions(child)
        return found

    def _kept(self, node: SvgNode) -> list[SvgNode]:
        new = SvgNode(SVG_SPACE, "g" if node.name == "a" else node.name, 0)
        new.attributes = self._attributes(node)
        names = {name for _, name, _ in new.attributes}
        if NEEDED.get(node.name, "") not in {*names, ""}:  # it draws nothing, or changes nothing
            return self._drop(node, node.name)
        if len(new.attributes) != len(node.attributes):
            self.dropped.append(("svg/attributes", node.start, node.inner))
        if node.name == "style":
            new.content = [self._sheet(node)]
            return [new] if new.content[0] else []
        if node.name == "defs":
            new.content = self._definitions(node)
            return [new] if new.content else self._drop(node, "unused definition")
        for child in children(node) if node.name == "switch" else node.content:
            if isinstance(child, SvgNode):
                new.content += self._element(child)
            elif node.name in TEXTS:
                new.content.append(child)
        return [new]

    def _sheet(self, node: SvgNode) -> str:
        """A style sheet in one form."""
        names = {"#": self.ids, ".": self.classes}
        text = "".join(text for text in node.content if isinstance(text, str))
        found = style.rules(text, lambda kind, name: names[kind].get(name), self.references.names, node.start)
        return "".join(f"{selector}{{{self._declared(kept)}}}" for selector, kept in found)

    def _declared(self, kept: list[tuple[str, str]]) -> str:
        return ";".join(f"{name}:{style.renamed(value, self._id)}" for name, value in kept)

    def _id(self, name: str) -> str:
        return self.ids.get(name, "none")

    def _attributes(self, node: SvgNode) -> list[tuple[str, str, str]]:
        """The attributes that stay, by name."""
        found: dict[tuple[str, str], str] = {}
        for space, name, value in sorted(node.attributes):  # href without a prefix counts (SVG 2, 16.1.5)
            if name in REFERENCES and space in ("", XLINK):
                key, fresh = (XLINK, name), self._reference(node, value)
            elif space == XML_SPACE:
                key, fresh = (space, name), value if (name, value) in PRESERVED else None
            else:
                key, fresh = (space, name), None if space else self._attribute(node, name, value)
            if fresh is not None:
                found.setdefault(key, fresh)
        return [(space, name, value) for (space, name), value in sorted(found.items())]

    def _attribute(self, node: SvgNode, name: str, value: str) -> str | None:
        """The value that an attribute without a prefix leaves with; None: it goes."""
        if name == "id":
            return self.ids.get(value)
        if name == "class":
            return " ".join(sorted({self.classes[one] for one in value.split() if one in self.classes})) or None
        if name == "style":
            return self._declared(style.declarations(value)) or None
        is_event = name in MOVED and re.search("[a-z]{3}", value)
        if name in RESULTS:
            return self._result(value) if node.name.startswith("fe") else None
        if is_event or (name not in PROPERTIES and name not in OWN.get(node.name, ())):
            return None
        if name == "attributeName":
            return value if value in ATTRIBUTES else None
        content = style.accepted(name, value)
        return None if content is None else style.renamed(content, self._id)

    def _result(self, name: str) -> str:
        return name if name in FILTER_INPUTS else self.results.setdefault(name, f"r{len(self.results)}")

    def _reference(self, node: SvgNode, value: str) -> str | None:
        """An element of the same file, or a picture inside it."""
        if value.startswith("#"):
            return f"#{self.ids[value[1:]]}" if value[1:] in self.ids else None
        found = DATA_URI.fullmatch(value.strip())
        if node.name != "image" or found is None:
            return None
        from rmexif.containers import FORMATS, rebuild  # here, because the table has this module's row in it

        try:
            raw = base64.b64decode("".join(found[1].split()).replace("%2B", "+").replace("%3D", "="), validate=True)
        except ValueError:  # of its length or its characters
            raise MalformedImage("a picture that is no base64", structure="svg image", offset=node.start) from None
        row = next((row for row in FORMATS if row.matches(raw[:4096])), None)
        if row is None:
            raise UnsupportedFeature("a picture of unknown format", structure="svg image", offset=node.start)
        view = memoryview(raw)
        clean = rebuild(view, row.parse(view, self.limits))
        return f"data:{row.format.mime};base64,{base64.b64encode(clean).decode()}"


def serialised(root: SvgNode) -> bytes:
    """The file: UTF-8, no declaration, one prefix for references."""
    out: list[str] = []
    _write(root, out, f' xmlns="{SVG_SPACE}" xmlns:xlink="{XLINK}"')
    return "".join(out).encode() + b"\n"


def _write(node: SvgNode, out: list[str], spaces: str = "") -> None:
    prefixes = {"": "", XLINK: "xlink:", XML_SPACE: "xml:"}
    attributes = "".join(f" {prefixes[space]}{name}={quoteattr(value)}" for space, name, value in node.attributes)
    out.append(f"<{node.name}{spaces}{attributes}")
    if not node.content:
        out.append("/>")
        return
    out.append(">")
    for child in node.content:
        if isinstance(child, SvgNode):
            _write(child, out)
        else:
            out.append(escape(child))
    out.append(f"</{node.name}>")

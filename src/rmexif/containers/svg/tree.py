"""The XML of an SVG file as a tree, read by expat without entities; and where its nodes stand."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from xml.parsers import expat

from rmexif.errors import LimitExceeded, MalformedImage, RmexifError, UnsupportedFeature

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["SVG_SPACE", "XLINK", "XML_SPACE", "SvgNode", "read_tree"]

SVG_SPACE = "http://www.w3.org/2000/svg"
XLINK = "http://www.w3.org/1999/xlink"
XML_SPACE = "http://www.w3.org/XML/1998/namespace"
SEPARATOR = " "
MAX_DEPTH = 256  # elements inside elements: drawing programs nest groups


@dataclass(slots=True)
class SvgNode:
    """An element, a comment (name "#comment"), or another node that is no part of the picture (name "#...")."""

    space: str
    name: str
    start: int  # byte
    end: int = 0
    inner: int = 0  # byte behind its start tag
    attributes: list[tuple[str, str, str]] = field(default_factory=list)  # namespace, name, value
    content: list[SvgNode | str] = field(default_factory=list)


class _Reader:
    """Collects what expat tells."""

    def __init__(self, limits: Limits) -> None:
        self.limits, self.count = limits, 0
        self.parser = expat.ParserCreate(namespace_separator=SEPARATOR)
        self.parser.ordered_attributes = self.parser.buffer_text = True
        self.parser.StartElementHandler = self.start
        self.parser.EndElementHandler = self.end
        self.parser.CharacterDataHandler = self.text
        self.parser.CommentHandler = lambda text: self.aside("#comment")
        self.parser.ProcessingInstructionHandler = lambda target, text: self.aside("#instruction")
        self.parser.EntityDeclHandler = self.entity
        self.parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
        self.root = SvgNode("", "#document", 0)
        self.path = [self.root]
        self.waiting: list[tuple[SvgNode, str]] = []  # nodes whose end is where the next one starts

    def at(self) -> int:
        """Byte of the current node; it ends those that wait."""
        place = self.parser.CurrentByteIndex
        for node, name in self.waiting:
            setattr(node, name, place)
        self.waiting.clear()
        return place

    def add(self, node: SvgNode) -> None:
        self.count += 1
        self.limits.check("max_parts", self.count)
        self.path[-1].content.append(node)

    def start(self, name: str, attributes: list[str]) -> None:
        space, _, local = name.rpartition(SEPARATOR)
        node = SvgNode(space, local, self.at())
        for key, value in zip(attributes[::2], attributes[1::2], strict=True):
            key_space, _, key_name = key.rpartition(SEPARATOR)
            node.attributes.append((key_space, key_name, value))
        self.add(node)
        self.path.append(node)
        if len(self.path) > MAX_DEPTH:
            raise LimitExceeded(f"elements {MAX_DEPTH} deep", structure="svg", offset=node.start)
        self.waiting.append((node, "inner"))

    def end(self, name: str) -> None:
        self.at()
        self.waiting.append((self.path.pop(), "end"))

    def text(self, text: str) -> None:
        self.at()
        self.path[-1].content.append(text)

    def aside(self, name: str) -> None:
        node = SvgNode("", name, self.at())
        self.add(node)
        self.waiting.append((node, "end"))

    def entity(self, *about: object) -> None:
        offset = self.parser.CurrentByteIndex
        raise UnsupportedFeature("entities of its own are refused", structure="svg DOCTYPE", offset=offset)


def read_tree(view: memoryview, limits: Limits) -> SvgNode:
    """The root element; what stands beside it is added to its content.

    Raises:
        MalformedImage: no well-formed XML, or its root is no ``svg``.
        UnsupportedFeature: entities are declared.
        LimitExceeded: more nodes than ``max_parts``, or too deep.
    """
    reader = _Reader(limits)
    try:
        reader.parser.Parse(bytes(view), True)
    except expat.ExpatError as error:
        at = reader.parser.ErrorByteIndex
        raise MalformedImage(f"XML error {error.code}", structure="svg", offset=max(0, at)) from None
    except RmexifError:
        raise
    except (LookupError, ValueError):  # as pyexpat names an encoding that it cannot read
        raise UnsupportedFeature("UTF-8 or an encoding of single bytes expected", structure="svg", offset=0) from None
    for node, name in reader.waiting:
        setattr(node, name, len(view))
    elements = [node for node in reader.root.content if isinstance(node, SvgNode) and not node.name.startswith("#")]
    if not elements or (elements[0].space, elements[0].name) != (SVG_SPACE, "svg"):
        raise MalformedImage("a root element svg in its namespace expected", structure="svg", offset=0)
    return elements[0]

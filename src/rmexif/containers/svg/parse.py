"""SVG: what draws something, from lists of elements, attributes and properties, written afresh.

Scripts, handlers, links, references out of the file, comments, titles and descriptions, metadata, namespaces of editors
and layers that are not displayed go. Identifiers and classes get names of their own; pictures inside are cleaned as
files are.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.containers.common.parts import PartBuilder
from rmexif.containers.svg.clean import Cleaner, serialised
from rmexif.containers.svg.common_markup import is_common
from rmexif.containers.svg.tree import read_tree
from rmexif.errors import UnsupportedFeature
from rmexif.residuals import Residual
from rmexif.types import Container, Role

if TYPE_CHECKING:
    from rmexif.containers.svg.tree import SvgNode
    from rmexif.types import Limits

__all__ = ["SvgTree", "parse", "rewrite"]

UNITS = {"": 1.0, "px": 1.0, "pt": 4 / 3, "pc": 16.0, "mm": 96 / 25.4, "cm": 96 / 2.54, "in": 96.0}  # CSS px (96 dpi)
NUMBER = r"(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
LENGTH = re.compile(rf"\s*({NUMBER})\s*([a-z]*)\s*")
DEFAULT_SIZE = (100.0, 100.0)  # px, where neither a size nor a viewBox is given: what resvg takes


@dataclass(frozen=True, slots=True)
class SvgTree:
    """What rewrite() serialises."""

    data: bytes


def parse(view: memoryview, limits: Limits) -> Container[SvgTree]:
    """The drawing of an SVG file, and what of it is none.

    Raises:
        MalformedImage: no well-formed XML, or a picture inside that is broken.
        UnsupportedFeature: entities, rules inside style rules, or something in a picture inside.
        LimitExceeded: more nodes, or a larger picture, than allowed.
    """
    root = read_tree(view, limits)
    width, height = _size(root)
    limits.check("max_pixels", width * height)
    cleaner = Cleaner(root, limits)
    clean = cleaner.clean()
    data = serialised(clean)
    parts = PartBuilder(len(view), limits)
    if data == bytes(view):
        parts.add("svg", Role.PIXELS, 0, len(view))
    elif not cleaner.dropped and is_common(bytes(view), root, clean):
        parts.add("svg", Role.ENCODING, 0, len(view))
    else:
        for label, start, end in cleaner.dropped:
            parts.add(label, Role.METADATA, start, end)
        for start, end in _between(cleaner.dropped, len(view)):
            parts.add("svg/markup", Role.UNKNOWN, start, end)
    return Container("svg", width, height, parts.tile(), residuals=(Residual.SVG_NOT_SHOWN,), tree=SvgTree(data))


def rewrite(view: memoryview, container: Container[SvgTree]) -> list[bytes | memoryview]:
    """The clean file."""
    del view
    return [container.tree.data]


def _between(dropped: list[tuple[str, int, int]], size: int) -> list[tuple[int, int]]:
    """What lies between the stretches that are dropped."""
    found, at = [], 0
    for _, start, end in sorted(dropped, key=lambda item: (item[1], -item[2])):
        if start > at:
            found.append((at, start))
        at = max(at, end)
    return [*found, (at, size)]


def _size(root: SvgNode) -> tuple[int, int]:
    """Px: of width and height, or of the viewBox."""
    given = {name: value for space, name, value in root.attributes if not space}
    numbers = [float(number) for number in re.findall(f"-?{NUMBER}", given.get("viewBox", ""))[:4]]
    box = (numbers[2], numbers[3]) if len(numbers) == 4 else DEFAULT_SIZE
    sides = [_length(given.get(name, ""), box[axis]) for axis, name in enumerate(("width", "height"))]
    if not all(0 < side < 1 << 24 for side in sides):
        raise UnsupportedFeature(
            "a size of at least 1 and at most 16777216 px a side expected", structure="svg", offset=0
        )
    return max(1, -int(-sides[0] // 1)), max(1, -int(-sides[1] // 1))


def _length(text: str, side: float) -> float:
    found = LENGTH.fullmatch(text)
    return float(found[1]) * UNITS[found[2]] if found and found[2] in UNITS else side

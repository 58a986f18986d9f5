"""What drawing an SVG file may cost: filters whose time has no bound, and layers that are held at once."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from rmexif.containers.svg.tree import SvgNode
from rmexif.errors import LimitExceeded, UnsupportedFeature

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["check_cost"]

CHANNELS = 4
MAX_LAYERS = 1 << 30  # byte of all that are held at once
# What each primitive of a filter holds until its filter is done, in layers. A renderer keeps regions of up to 25 times
# the drawing (resvg); so large ones of a primitive that computes something take more time than a drawing may.
COMPUTED, QUICK = 4, 25
QUICK_PRIMITIVES = frozenset({"feFlood", "feImage", "feDiffuseLighting", "feSpecularLighting", "feOffset"})  # 2 ns a px
MAX_OCTAVES = 16.0  # of feTurbulence: the time is one pass each
MAX_TAPS = 81.0  # of feConvolveMatrix: the time is one pass each
# What is drawn apart, on a layer as large as the drawing, before it is laid over the rest:
LAYERED = re.compile(
    r"(?:^|[;{])(?:opacity|filter|mask|clip-path|mix-blend-mode|isolation):(?!1?(?:[;}]|$)|none|normal)"
)


def check_cost(root: SvgNode, width: int, height: int) -> None:
    """Refuse a drawing that could take unbounded time or memory to be drawn.

    Layers inside layers are held at once; those in what others refer to count all, as it can stand inside any of them.
    So are the results of one filter.

    Args:
        root: of a clean file.
        width: of the picture, in px.
        height: of the picture, in px.

    Raises:
        UnsupportedFeature: a filter whose time grows with the square of the picture, or with a number of its own.
        LimitExceeded: layers of more than 1 GiB at once.
    """
    deepest = referred = filtered = 0
    has_layered_classes = any(LAYERED.search(text) for text in _sheets(root))
    waiting = [(root, 0, False)]
    while waiting:
        node, level, is_referred = waiting.pop()
        attributes = {name: value for _, name, value in node.attributes}
        _check_filter(node.name, attributes)
        stated = ";".join(f"{name}:{value}" for name, value in attributes.items() if name != "style")
        is_layer = any(LAYERED.search(text) for text in (stated, attributes.get("style", "")))
        is_layer = is_layer or (has_layered_classes and "class" in attributes)
        is_referred = is_referred or "id" in attributes
        level += is_layer
        deepest, referred = max(deepest, level), referred + (is_layer and is_referred)
        children = [child for child in node.content if isinstance(child, SvgNode)]
        if node.name == "filter":
            filtered = max(filtered, sum(QUICK if child.name in QUICK_PRIMITIVES else COMPUTED for child in children))
        waiting += [(child, level, is_referred) for child in children]
    if (size := (1 + deepest + referred + filtered) * width * height * CHANNELS) > MAX_LAYERS:
        raise LimitExceeded(f"layers of {size} bytes to be drawn, {MAX_LAYERS} are handled", structure="svg")


def _sheets(root: SvgNode) -> Iterator[str]:
    """The texts of the style sheets."""
    waiting = [root]
    while waiting:
        node = waiting.pop()
        for child in node.content:
            if isinstance(child, SvgNode):
                waiting.append(child)
            elif node.name == "style":
                yield child


def _check_filter(name: str, attributes: dict[str, str]) -> None:
    """Radii follow the scale of the drawing, so that no number in the file bounds feMorphology."""
    taps = [_number(part) for part in attributes.get("order", "3").replace(",", " ").split()] or [3.0]
    is_slow = {
        "feMorphology": True,
        "feConvolveMatrix": not 0 < taps[0] * taps[-1] <= MAX_TAPS,
        "feTurbulence": _number(attributes.get("numOctaves", "1")) > MAX_OCTAVES,
    }
    if is_slow.get(name, False):
        raise UnsupportedFeature(f"{name} is not drawn where its time has no bound", structure="svg filter")


def _number(text: str) -> float:
    """Infinity where it is none."""
    try:
        return float(text)
    except ValueError:
        return float("inf")

"""The elements, attributes and properties of SVG that draw something; whatever is not in these lists goes."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "DEFINITIONS", "ELEMENTS", "OWN", "PROPERTIES", "TEXTS"]

TEXTS = frozenset({"text", "tspan", "textPath"})  # whose characters show
# That others refer to, wherever they stand:
DEFINITIONS = frozenset(
    {
        *("defs", "linearGradient", "radialGradient", "pattern", "clipPath"),
        *("mask", "marker", "filter", "symbol", "style"),
    }
)
_DRAWN = """
svg g switch a path rect circle ellipse line polyline polygon image use stop
animate animateTransform animateMotion mpath set
feBlend feColorMatrix feComponentTransfer feComposite feConvolveMatrix feDiffuseLighting feDisplacementMap
feDistantLight feDropShadow feFlood feFuncA feFuncB feFuncG feFuncR feGaussianBlur feMerge feMergeNode feMorphology
feOffset fePointLight feSpecularLighting feSpotLight feTile feTurbulence
"""
# SVG 2, property index; those of SVG 1.1; compositing; the ground of the root element
_PROPERTIES = """
alignment-baseline background background-color baseline-shift
clip clip-path clip-rule color color-interpolation color-interpolation-filters
color-rendering direction display dominant-baseline enable-background fill fill-opacity fill-rule filter flood-color
flood-opacity font font-family font-size font-size-adjust font-stretch font-style font-variant font-weight
glyph-orientation-horizontal glyph-orientation-vertical image-rendering isolation kerning letter-spacing
lighting-color line-height marker marker-end marker-mid marker-start mask mask-type mix-blend-mode opacity overflow
paint-order pointer-events shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset
stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-align text-anchor text-decoration
text-indent text-rendering transform transform-box transform-origin unicode-bidi vector-effect visibility white-space
word-spacing writing-mode
"""
_ANIMATION = """
accumulate additive attributeName attributeType begin by calcMode dur end from keyPoints keySplines keyTimes max min
repeatCount repeatDur restart to values
"""
_GRADIENT = "gradientUnits gradientTransform spreadMethod"
_LIGHT = "surfaceScale kernelUnitLength"
_TEXT = "x y dx dy rotate textLength lengthAdjust"
_AREA = "x y width height"
_TRANSFER = "type tableValues slope intercept amplitude exponent offset"
# Attributes beside the properties and those of every element, by the elements that read them (SVG 2, attribute index;
# SVG 1.1; Filter Effects): on any other element they draw nothing, and hold numbers of anybody.
OWN: dict[str, frozenset[str]] = {
    element: frozenset(names.split())
    for element, names in {
        "svg": f"{_AREA} viewBox preserveAspectRatio version baseProfile",
        "symbol": f"{_AREA} viewBox preserveAspectRatio refX refY",
        "use": _AREA,
        "image": f"{_AREA} preserveAspectRatio",
        "style": "type",
        "path": "d pathLength",
        "rect": f"{_AREA} rx ry pathLength",
        "circle": "cx cy r pathLength",
        "ellipse": "cx cy rx ry pathLength",
        "line": "x1 y1 x2 y2 pathLength",
        "polyline": "points pathLength",
        "polygon": "points pathLength",
        "text": _TEXT,
        "tspan": _TEXT,
        "textPath": "path startOffset method spacing side textLength lengthAdjust",
        "linearGradient": f"{_GRADIENT} x1 y1 x2 y2",
        "radialGradient": f"{_GRADIENT} cx cy r fx fy fr",
        "stop": "offset",
        "pattern": f"{_AREA} viewBox preserveAspectRatio patternUnits patternContentUnits patternTransform",
        "clipPath": "clipPathUnits",
        "mask": f"{_AREA} maskUnits maskContentUnits",
        "marker": "viewBox preserveAspectRatio refX refY markerUnits markerWidth markerHeight orient",
        "filter": f"{_AREA} filterUnits primitiveUnits",
        "animate": _ANIMATION,
        "set": _ANIMATION,
        "animateTransform": f"{_ANIMATION} type",
        "animateMotion": f"{_ANIMATION} path rotate origin",
        "feBlend": f"{_AREA} mode",
        "feColorMatrix": f"{_AREA} type values",
        "feComponentTransfer": _AREA,
        "feComposite": f"{_AREA} operator k1 k2 k3 k4",
        "feConvolveMatrix": f"{_AREA} order kernelMatrix divisor bias targetX targetY edgeMode kernelUnitLength "
        "preserveAlpha",
        "feDiffuseLighting": f"{_AREA} {_LIGHT} diffuseConstant",
        "feDisplacementMap": f"{_AREA} scale xChannelSelector yChannelSelector",
        "feDistantLight": "azimuth elevation",
        "feDropShadow": f"{_AREA} dx dy stdDeviation",
        "feFlood": _AREA,
        "feFuncA": _TRANSFER,
        "feFuncB": _TRANSFER,
        "feFuncG": _TRANSFER,
        "feFuncR": _TRANSFER,
        "feGaussianBlur": f"{_AREA} stdDeviation edgeMode",
        "feMerge": _AREA,
        "feMorphology": f"{_AREA} operator radius",
        "feOffset": f"{_AREA} dx dy",
        "fePointLight": "x y z",
        "feSpecularLighting": f"{_AREA} {_LIGHT} specularConstant specularExponent",
        "feSpotLight": "x y z pointsAtX pointsAtY pointsAtZ specularExponent limitingConeAngle",
        "feTile": _AREA,
        "feTurbulence": f"{_AREA} baseFrequency numOctaves seed stitchTiles type",
    }.items()
}
ELEMENTS = TEXTS | DEFINITIONS | frozenset(_DRAWN.split())
PROPERTIES = frozenset(_PROPERTIES.split())
ATTRIBUTES = PROPERTIES.union(*OWN.values())

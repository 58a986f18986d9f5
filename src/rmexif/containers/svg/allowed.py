"""The elements, attributes and properties of SVG that draw something; whatever is not in these lists goes."""

from __future__ import annotations

__all__ = ["ATTRIBUTES", "DEFINITIONS", "ELEMENTS", "PROPERTIES", "TEXTS"]

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
# SVG 2, property index; those of SVG 1.1; compositing
_PROPERTIES = """
alignment-baseline baseline-shift clip clip-path clip-rule color color-interpolation color-interpolation-filters
color-rendering direction display dominant-baseline enable-background fill fill-opacity fill-rule filter flood-color
flood-opacity font font-family font-size font-size-adjust font-stretch font-style font-variant font-weight
glyph-orientation-horizontal glyph-orientation-vertical image-rendering isolation kerning letter-spacing
lighting-color line-height marker marker-end marker-mid marker-start mask mask-type mix-blend-mode opacity overflow
paint-order pointer-events shape-rendering stop-color stop-opacity stroke stroke-dasharray stroke-dashoffset
stroke-linecap stroke-linejoin stroke-miterlimit stroke-opacity stroke-width text-align text-anchor text-decoration
text-indent text-rendering transform transform-box transform-origin unicode-bidi vector-effect visibility white-space
word-spacing writing-mode
"""
_ATTRIBUTES = """
accumulate additive amplitude attributeName attributeType azimuth baseFrequency baseProfile begin bias by calcMode
clipPathUnits cx cy d diffuseConstant divisor dur dx dy edgeMode elevation end exponent filterUnits from fr fx fy
gradientTransform gradientUnits height in in2 intercept k1 k2 k3 k4 kernelMatrix kernelUnitLength keyPoints keySplines
keyTimes lengthAdjust limitingConeAngle markerHeight markerUnits markerWidth maskContentUnits maskUnits max method min
mode numOctaves offset operator order orient origin path pathLength patternContentUnits patternTransform patternUnits
points pointsAtX pointsAtY pointsAtZ preserveAlpha preserveAspectRatio primitiveUnits r radius refX refY repeatCount
repeatDur restart result rotate rx ry scale seed side slope spacing specularConstant specularExponent spreadMethod
startOffset stdDeviation stitchTiles surfaceScale tableValues targetX targetY textLength to type values version
viewBox width x x1 x2 xChannelSelector y y1 y2 yChannelSelector z
"""
ELEMENTS = TEXTS | DEFINITIONS | frozenset(_DRAWN.split())
PROPERTIES = frozenset(_PROPERTIES.split())
ATTRIBUTES = PROPERTIES | frozenset(_ATTRIBUTES.split())

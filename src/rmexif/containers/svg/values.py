"""The words that a value of an attribute or a property may hold: those of the specifications, and numbers."""

from __future__ import annotations

import re

__all__ = ["FILTER_INPUTS", "is_known", "without_spare_digits"]

FILTER_INPUTS = frozenset(
    {"SourceGraphic", "SourceAlpha", "BackgroundImage", "BackgroundAlpha", "FillPaint", "StrokePaint"}
)
FONTS = frozenset({"font", "font-family"})  # fonts are known by names of any kind
FONT_NAMES = re.compile(r"[\w\s,./'\"%-]{1,120}")
ICC_COLOUR = re.compile(r"icc-color\([^()]*\)")  # SVG 1.1, 11.2: stands behind a colour for those that do not know it
HEX_COLOUR = re.compile(r"#[0-9A-Fa-f]{3,8}(?![\w-])")
# CSS Color 4, 10.2: words with a digit in them, and those beside them
COLOUR_SPACE = re.compile(
    r"(?<=color\()\s*(?:display-p3|a98-rgb|prophoto-rgb|rec2020|srgb-linear|xyz(?:-d50|-d65)?)(?=\s)"
)
EXPONENT = re.compile(r"(?<=[0-9.])[eE][-+]?[0-9]{1,3}(?![0-9A-Za-z])")  # SVG 1.1, 4.2: of a number
WORD = re.compile(r"[A-Za-z][A-Za-z-]*")
PLAIN = re.compile(r"[A-Za-z0-9\s.,;:()%+*/!-]*")
PATH = re.compile(r"(?:[MmLlHhVvCcSsQqTtAaEe](?![A-Za-z])|[Zz]|[\d\s,.;+-])*")  # SVG 2, 9.3.9, and lists of them
SPARE_DIGITS = re.compile(r"(\.[0-9]{10})[0-9]+")
LONG_NUMBER = re.compile(r"[0-9]{13,}")

# CSS Color 4, 6.1 to 6.4
_COLOURS = """
aliceblue antiquewhite aqua aquamarine azure beige bisque black blanchedalmond blue blueviolet brown burlywood cadetblue
chartreuse chocolate coral cornflowerblue cornsilk crimson cyan darkblue darkcyan darkgoldenrod darkgray darkgreen
darkgrey darkkhaki darkmagenta darkolivegreen darkorange darkorchid darkred darksalmon darkseagreen darkslateblue
darkslategray darkslategrey darkturquoise darkviolet deeppink deepskyblue dimgray dimgrey dodgerblue firebrick
floralwhite forestgreen fuchsia gainsboro ghostwhite gold goldenrod gray green greenyellow grey honeydew hotpink
indianred indigo ivory khaki lavender lavenderblush lawngreen lemonchiffon lightblue lightcoral lightcyan
lightgoldenrodyellow lightgray lightgreen lightgrey lightpink lightsalmon lightseagreen lightskyblue lightslategray
lightslategrey lightsteelblue lightyellow lime limegreen linen magenta maroon mediumaquamarine mediumblue mediumorchid
mediumpurple mediumseagreen mediumslateblue mediumspringgreen mediumturquoise mediumvioletred midnightblue mintcream
mistyrose moccasin navajowhite navy oldlace olive olivedrab orange orangered orchid palegoldenrod palegreen
paleturquoise palevioletred papayawhip peachpuff peru pink plum powderblue purple rebeccapurple red rosybrown royalblue
saddlebrown salmon sandybrown seagreen seashell sienna silver skyblue slateblue slategray slategrey snow springgreen
steelblue tan teal thistle tomato transparent turquoise violet wheat white whitesmoke yellow yellowgreen
currentcolor canvas canvastext windowtext window background
"""
# Functions of CSS Color 4, CSS Transforms, Filter Effects, CSS Shapes, CSS Values; units
_FUNCTIONS = """
rgb rgba hsl hsla hwb lab lch oklab oklch color calc min max matrix translate translatex translatey scale scalex scaley
rotate skew skewx skewy blur brightness contrast drop-shadow grayscale hue-rotate invert opacity saturate sepia
circle ellipse polygon inset rect e px pt pc mm cm in q em ex ch rem vw vh deg grad rad turn s ms hz khz min h dppx
"""
# The words of the properties and attributes in allowed.py: SVG 1.1, SVG 2, Filter Effects, Compositing, SMIL Animation
_KEYWORDS = """
none auto normal inherit initial unset revert important all inline block inline-block list-item flex table contents
visible hidden collapse scroll clip start middle end left right center top bottom justify
butt round square miter bevel arcs miter-clip nonzero evenodd context-fill context-stroke fill stroke markers
auto-start-reverse auto-reverse userspaceonuse objectboundingbox strokewidth pad reflect repeat
srgb linearrgb display-p3 optimizespeed optimizequality optimizelegibility geometricprecision crispedges crisp-edges
pixelated smooth high-quality luminance alpha isolate add no-clip
multiply screen overlay darken lighten color-dodge color-burn hard-light soft-light difference exclusion hue saturation
color luminosity plus-lighter over out atop xor lighter arithmetic erode dilate duplicate wrap r g b a stitch nostitch
turbulence fractalnoise saturate huerotate luminancetoalpha identity table discrete linear gamma true false
visiblepainted visiblefill visiblestroke painted bounding-box
non-scaling-stroke non-scaling-size non-rotation fixed-position fill-box stroke-box view-box content-box border-box
use-script no-change reset-size ideographic alphabetic hanging mathematical central text-after-edge text-before-edge
text-bottom text-top before-edge after-edge baseline sub super ltr rtl lr rl tb lr-tb rl-tb tb-rl horizontal-tb
vertical-rl vertical-lr embed bidi-override isolate-override plaintext pre pre-wrap pre-line nowrap break-spaces
bold bolder lighter italic oblique small-caps xx-small x-small small medium large x-large xx-large smaller larger
ultra-condensed extra-condensed condensed semi-condensed semi-expanded expanded extra-expanded ultra-expanded wider
narrower underline overline line-through blink solid double dotted dashed wavy spacing spacingandglyphs align stretch
exact xminymin xmidymin xmaxymin xminymid xmidymid xmaxymid xminymax xmidymax xmaxymax meet slice defer
paced spline replace sum freeze remove always never whennotactive indefinite xml css text full tiny basic new accumulate
magnify disable default preserve
"""
WORDS = frozenset((_COLOURS + _FUNCTIONS + _KEYWORDS).split())


def without_spare_digits(value: str) -> str:
    """The value with at most ten digits behind each decimal point: what is finer than any screen."""
    return SPARE_DIGITS.sub(r"\1", value)


def is_known(name: str, value: str) -> bool:
    """Whether a value, without its references, is made of numbers and words of the specifications.

    Args:
        name: of the attribute or property: fonts have names of any kind.
        value: after ``without_spare_digits``.
    """
    if LONG_NUMBER.search(value):
        return False
    if name in FONTS:
        return FONT_NAMES.fullmatch(value) is not None
    if PATH.fullmatch(value):
        return True
    plain = EXPONENT.sub("", COLOUR_SPACE.sub("", HEX_COLOUR.sub("", value)))
    return PLAIN.fullmatch(plain) is not None and all(word.lower() in WORDS for word in WORD.findall(plain))

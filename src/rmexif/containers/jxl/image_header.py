"""The image header of a JPEG XL codestream (ISO/IEC 18181-1, annexes A and E), spelled once for both directions.

Every function takes the bits and the value to write (the default one while reading), and returns the value that
stands there. Numbers that a decoder does not look at are read over and written as their default.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.jxl.field_types import Dist, FieldIO

__all__ = ["AnimationHeader", "ExtraChannelInfo", "ColourEncoding", "BitDepth", "ImageHeader", "image_header"]

SIZE: Dist = ((1, 9), (1, 13), (1, 18), (1, 30))  # SizeHeader.height, .width: px
PREVIEW_DIV8: Dist = ((16, 0), (32, 0), (1, 5), (33, 9))  # PreviewHeader.height_div8, .width_div8
PREVIEW_SIZE: Dist = ((1, 6), (65, 8), (321, 10), (1345, 12))  # PreviewHeader.height, .width: px
TICKS: Dist = ((100, 0), (1000, 0), (1, 10), (1, 30))  # AnimationHeader.tps_numerator
TICK_DIVISOR: Dist = ((1, 0), (1001, 0), (1, 8), (1, 10))  # AnimationHeader.tps_denominator
LOOPS: Dist = ((0, 0), (0, 3), (0, 16), (0, 32))  # AnimationHeader.num_loops
INTEGER_BITS: Dist = ((8, 0), (10, 0), (12, 0), (1, 6))  # BitDepth.bits_per_sample of integers
FLOAT_BITS: Dist = ((32, 0), (16, 0), (24, 0), (1, 6))  # BitDepth.bits_per_sample of floating-point numbers
CHANNELS: Dist = ((0, 0), (1, 0), (2, 4), (1, 12))  # ImageMetadata.num_extra
SHIFT: Dist = ((0, 0), (3, 0), (4, 0), (1, 3))  # ExtraChannelInfo.dim_shift
CFA: Dist = ((1, 0), (0, 2), (3, 4), (19, 8))  # ExtraChannelInfo.cfa_channel
XY: Dist = ((0, 19), (524288, 19), (1048576, 20), (2097152, 21))  # Customxy.x, .y: packed signed millionths

RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # SizeHeader.ratio, width : height, A.3
ALPHA, SPOT, BLACK, CFA_CHANNEL = 0, 2, 4, 5  # ExtraChannelInfo.type, A.9
CHANNEL_TYPES = frozenset({0, 1, 2, 3, 4, 5, 6, 15, 16})  # ExtraChannelInfo.type, A.9
RGB, GREY, XYB, UNKNOWN_SPACE = range(4)  # ColourEncoding.colour_space, E.2
D65, CUSTOM = 1, 2  # ColourEncoding.white_point, .primaries
SPACES = frozenset(range(4))  # ColourEncoding.colour_space, .rendering_intent
WHITES = frozenset({1, 2, 10, 11})  # ColourEncoding.white_point
PRIMARIES = frozenset({1, 2, 9, 11})  # ColourEncoding.primaries
TRANSFERS = frozenset({1, 2, 8, 13, 16, 17, 18})  # CustomTransferFunction.transfer_function
F16_255 = 0x5BF8  # 255.0 as F16: ToneMapping.intensity_target in cd/m2


@dataclass(frozen=True, slots=True)
class AnimationHeader:
    """How long a tick is, how often it plays, and whether frames carry an SMPTE time code."""

    ticks: int = 100  # ticks per second
    divisor: int = 1
    loops: int = 0  # 0: forever
    timecodes: bool = False


@dataclass(frozen=True, slots=True)
class BitDepth:
    """Sample format; ``exponent`` is 0 for integers."""

    bits: int = 8
    exponent: int = 0


@dataclass(frozen=True, slots=True)
class ExtraChannelInfo:
    """An extra channel."""

    kind: int = ALPHA
    depth: BitDepth = BitDepth()
    shift: int = 0
    associated: bool = False
    spot: tuple[int, ...] = ()
    cfa: int = 1


@dataclass(frozen=True, slots=True)
class ColourEncoding:
    """Colours as enumerated values; with ``icc`` only the space counts, and a profile follows the headers."""

    icc: bool = False
    space: int = RGB
    white: int = D65
    white_xy: tuple[int, ...] = ()  # micro-units
    primaries: int = 1
    primaries_xy: tuple[int, ...] = ()
    gamma: int | None = None  # 1e-7
    transfer: int = 13
    intent: int = 1


@dataclass(frozen=True, slots=True)
class ImageHeader:
    """SizeHeader, ImageMetadata and the custom transform data."""

    width: int = 0
    height: int = 0
    orientation: int = 1
    intrinsic: tuple[int, int] | None = None
    preview: tuple[int, int] | None = None
    animation: AnimationHeader | None = None
    depth: BitDepth = BitDepth()
    buffer16: bool = True
    channels: tuple[ExtraChannelInfo, ...] = ()
    xyb: bool = True
    colour: ColourEncoding = ColourEncoding()
    tone: tuple[int, int, int, int] = (F16_255, 0, 0, 0)
    opsin: tuple[int, ...] | None = None
    upsampling: tuple[tuple[int, ...] | None, ...] = (None, None, None)  # custom weights for 2x, 4x, 8x

    @property
    def metadata(self) -> ImageHeader:
        """Only the fields of ImageMetadata."""
        return replace(self, width=0, height=0, opsin=None, upsampling=(None, None, None))


def _size(io: FieldIO, old: tuple[int, int]) -> tuple[int, int]:
    """SizeHeader (A.3): (width, height) in px."""
    width, height = old
    fixed = next((k + 1 for k, (x, y) in enumerate(RATIOS) if height * x // y == width), 0)
    small = io.flag(height % 8 == 0 and height <= 256 and (fixed > 0 or (width % 8 == 0 and width <= 256)))
    height = 8 * (1 + io.bits(5, height // 8 - 1)) if small else io.u32(SIZE, height)
    ratio = io.bits(3, fixed)
    if ratio:
        return height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1], height
    return (8 * (1 + io.bits(5, width // 8 - 1)) if small else io.u32(SIZE, width)), height


def _preview(io: FieldIO) -> tuple[int, int]:
    """PreviewHeader (A.4): (width, height) in px; never written."""
    unit, dist = (8, PREVIEW_DIV8) if io.flag() else (1, PREVIEW_SIZE)
    height = unit * io.u32(dist)
    ratio = io.bits(3)
    if ratio:
        return height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1], height
    return unit * io.u32(dist), height


def _animation(io: FieldIO, old: AnimationHeader) -> AnimationHeader:
    """AnimationHeader (A.5)."""
    return AnimationHeader(
        io.u32(TICKS, old.ticks), io.u32(TICK_DIVISOR, old.divisor), io.u32(LOOPS, old.loops), io.flag(old.timecodes)
    )


def _depth(io: FieldIO, old: BitDepth) -> BitDepth:
    """BitDepth (A.6)."""
    if not io.flag(old.exponent > 0):
        depth = BitDepth(io.u32(INTEGER_BITS, old.bits))
        if depth.bits > 31:
            io.fail(f"samples of {depth.bits} bits, integers have at most 31")
        return depth
    depth = BitDepth(io.u32(FLOAT_BITS, old.bits), 1 + io.bits(4, old.exponent - 1))
    if not 2 <= depth.exponent <= 8 or not 2 <= depth.bits - depth.exponent - 1 <= 23:
        io.fail(
            f"floating-point samples of {depth.bits} bits with {depth.exponent} bits of exponent, "
            "2 to 8 of exponent and 2 to 23 of mantissa are allowed"
        )
    return depth


def _channel(io: FieldIO, old: ExtraChannelInfo) -> ExtraChannelInfo:
    """ExtraChannelInfo (A.9)."""
    if io.flag(old == ExtraChannelInfo()):
        return ExtraChannelInfo()
    kind, depth, shift = io.enum(CHANNEL_TYPES, old.kind), _depth(io, old.depth), io.u32(SHIFT, old.shift)
    if shift > 8:
        io.fail(f"an extra channel is reduced by 2 to the {shift}, 8 is the most")
    io.name()
    return ExtraChannelInfo(
        kind,
        depth,
        shift,
        io.flag(old.associated) if kind == ALPHA else False,
        io.f16s(4, old.spot) if kind == SPOT else (),
        io.u32(CFA, old.cfa) if kind == CFA_CHANNEL else 1,
    )


def _xy(io: FieldIO, count: int, old: tuple[int, ...]) -> tuple[int, ...]:
    """``count`` packed signed numbers."""
    values = old or (0,) * count
    return tuple(io.u32(XY, values[k]) for k in range(count))


def _colour(io: FieldIO, old: ColourEncoding) -> ColourEncoding:
    """ColourEncoding (E.2)."""
    if io.flag(old == ColourEncoding()):
        return ColourEncoding()
    icc, space = io.flag(old.icc), io.enum(SPACES, old.space)
    if icc:
        return ColourEncoding(icc=True, space=space)
    new = ColourEncoding(space=space)
    if space != XYB:
        white = io.enum(WHITES, old.white)
        new = replace(new, white=white, white_xy=_xy(io, 2, old.white_xy) if white == CUSTOM else ())
    if space in (RGB, UNKNOWN_SPACE):
        primaries = io.enum(PRIMARIES, old.primaries)
        new = replace(
            new, primaries=primaries, primaries_xy=_xy(io, 6, old.primaries_xy) if primaries == CUSTOM else ()
        )
    if space != XYB:
        new = _transfer(io, old, new)
    if space == UNKNOWN_SPACE or (new.gamma is None and new.transfer == 2):
        io.fail("the colour space or transfer function is said to be unknown", refused=True)
    return replace(new, intent=io.enum(SPACES, old.intent))


def _transfer(io: FieldIO, old: ColourEncoding, new: ColourEncoding) -> ColourEncoding:
    """CustomTransferFunction (E.2): a gamma in 1e-7, or an enumerated curve."""
    if not io.flag(old.gamma is not None):
        return replace(new, transfer=io.enum(TRANSFERS, old.transfer))
    gamma = io.bits(24, old.gamma or 0)
    if not 10_000_000 <= gamma * 8192 <= 8192 * 10_000_000:
        io.fail(f"a gamma of {gamma}e-7, 1/8192 to 1 is allowed")
    return replace(new, gamma=gamma)


def _tone(io: FieldIO, old: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """ToneMapping (E.3): intensity target, darkest, relative flag, linear below."""
    default = ImageHeader().tone
    if io.flag(old == default):
        return default
    return io.f16(old[0]), io.f16(old[1]), int(io.flag(old[2] == 1)), io.f16(old[3])


def _metadata(io: FieldIO, old: ImageHeader, size: tuple[int, int]) -> ImageHeader:
    """ImageMetadata (A.6)."""
    new = ImageHeader(*size)
    if io.flag(old.metadata == ImageHeader()):
        return new
    extra = io.flag(old.orientation > 1 or old.animation is not None or old.tone != new.tone)
    if extra:
        new = replace(
            new,
            orientation=1 + io.bits(3, old.orientation - 1),
            intrinsic=_size(io, (0, 0)) if io.flag() else None,
            preview=_preview(io) if io.flag() else None,
            animation=_animation(io, old.animation or AnimationHeader())
            if io.flag(old.animation is not None)
            else None,
        )
    new = replace(new, depth=_depth(io, old.depth), buffer16=io.flag(old.buffer16))
    count = io.u32(CHANNELS, len(old.channels))
    olds = old.channels or (ExtraChannelInfo(),) * count
    new = replace(new, channels=tuple(_channel(io, olds[k]) for k in range(count)))
    new = replace(new, xyb=io.flag(old.xyb), colour=_colour(io, old.colour))
    if extra:
        new = replace(new, tone=_tone(io, old.tone))
    io.extensions()
    return new


def image_header(io: FieldIO, old: ImageHeader) -> ImageHeader:
    """Everything between the signature and the ICC stream or first frame."""
    new = _metadata(io, old, _size(io, (old.width, old.height)))
    if io.flag(old.opsin is None and not any(old.upsampling)):
        return new
    if new.xyb and not io.flag(old.opsin is None):
        new = replace(new, opsin=io.f16s(16, old.opsin))
    mask = io.bits(3, sum(1 << k for k, weights in enumerate(old.upsampling) if weights))
    weights = (io.f16s(count, old.upsampling[k]) if mask >> k & 1 else None for k, count in enumerate((15, 55, 210)))
    return replace(new, upsampling=tuple(weights))

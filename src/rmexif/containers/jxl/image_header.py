"""The image header of a JPEG XL codestream (ISO 18181-1, annexes A and E), spelled once for both directions.

Every function takes the bits and the value to write (the default one while reading), and returns the value that
stands there. Numbers that a decoder does not look at are read over and written as their default.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.jxl.bits import BitIO, Dist

__all__ = ["Animation", "Channel", "ColourEncoding", "Depth", "ImageHeader", "image_header"]

SIZE: Dist = ((1, 9), (1, 13), (1, 18), (1, 30))
PREVIEW_DIV8: Dist = ((16, 0), (32, 0), (1, 5), (33, 9))
PREVIEW_SIZE: Dist = ((1, 6), (65, 8), (321, 10), (1345, 12))
TICKS: Dist = ((100, 0), (1000, 0), (1, 10), (1, 30))
TICK_DIVISOR: Dist = ((1, 0), (1001, 0), (1, 8), (1, 10))
LOOPS: Dist = ((0, 0), (0, 3), (0, 16), (0, 32))
INTEGER_BITS: Dist = ((8, 0), (10, 0), (12, 0), (1, 6))
FLOAT_BITS: Dist = ((32, 0), (16, 0), (24, 0), (1, 6))
CHANNELS: Dist = ((0, 0), (1, 0), (2, 4), (1, 12))
SHIFT: Dist = ((0, 0), (3, 0), (4, 0), (1, 3))
CFA: Dist = ((1, 0), (0, 2), (3, 4), (19, 8))
XY: Dist = ((0, 19), (524288, 19), (1048576, 20), (2097152, 21))

RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width : height, A.3
ALPHA, SPOT, BLACK, CFA_CHANNEL = 0, 2, 4, 5  # extra channel types, A.9
CHANNEL_TYPES = frozenset({0, 1, 2, 3, 4, 5, 6, 15, 16})
RGB, GREY, XYB, UNKNOWN_SPACE = range(4)  # colour spaces, E.2
D65, CUSTOM = 1, 2
SPACES = frozenset(range(4))
WHITES = frozenset({1, 2, 10, 11})
PRIMARIES = frozenset({1, 2, 9, 11})
TRANSFERS = frozenset({1, 2, 8, 13, 16, 17, 18})
F16_255 = 0x5BF8


@dataclass(frozen=True, slots=True)
class Animation:
    """How long a tick is, how often it plays, and whether frames carry an SMPTE time code."""

    ticks: int = 100  # ticks per second
    divisor: int = 1
    loops: int = 0  # 0: forever
    timecodes: bool = False


@dataclass(frozen=True, slots=True)
class Depth:
    """Sample format; ``exponent`` is 0 for integers."""

    bits: int = 8
    exponent: int = 0


@dataclass(frozen=True, slots=True)
class Channel:
    """An extra channel."""

    kind: int = ALPHA
    depth: Depth = Depth()
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
    animation: Animation | None = None
    depth: Depth = Depth()
    buffer16: bool = True
    channels: tuple[Channel, ...] = ()
    xyb: bool = True
    colour: ColourEncoding = ColourEncoding()
    tone: tuple[int, int, int, int] = (F16_255, 0, 0, 0)
    opsin: tuple[int, ...] | None = None
    upsampling: tuple[tuple[int, ...] | None, ...] = (None, None, None)  # custom weights for 2x, 4x, 8x

    @property
    def metadata(self) -> ImageHeader:
        """Only the fields of ImageMetadata."""
        return replace(self, width=0, height=0, opsin=None, upsampling=(None, None, None))


def _size(io: BitIO, old: tuple[int, int]) -> tuple[int, int]:
    """SizeHeader (A.3): (width, height) in px."""
    width, height = old
    fixed = next((k + 1 for k, (x, y) in enumerate(RATIOS) if height * x // y == width), 0)
    small = io.flag(height % 8 == 0 and height <= 256 and (fixed > 0 or (width % 8 == 0 and width <= 256)))
    height = 8 * (1 + io.bits(5, height // 8 - 1)) if small else io.u32(SIZE, height)
    ratio = io.bits(3, fixed)
    if ratio:
        return height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1], height
    return (8 * (1 + io.bits(5, width // 8 - 1)) if small else io.u32(SIZE, width)), height


def _preview(io: BitIO) -> tuple[int, int]:
    """PreviewHeader (A.4): (width, height) in px; never written."""
    unit, dist = (8, PREVIEW_DIV8) if io.flag() else (1, PREVIEW_SIZE)
    height = unit * io.u32(dist)
    ratio = io.bits(3)
    if ratio:
        return height * RATIOS[ratio - 1][0] // RATIOS[ratio - 1][1], height
    return unit * io.u32(dist), height


def _animation(io: BitIO, old: Animation) -> Animation:
    """AnimationHeader (A.5)."""
    return Animation(
        io.u32(TICKS, old.ticks), io.u32(TICK_DIVISOR, old.divisor), io.u32(LOOPS, old.loops), io.flag(old.timecodes)
    )


def _depth(io: BitIO, old: Depth) -> Depth:
    """BitDepth (A.6)."""
    if not io.flag(old.exponent > 0):
        depth = Depth(io.u32(INTEGER_BITS, old.bits))
        if depth.bits > 31:
            io.fail(f"samples of {depth.bits} bits")
        return depth
    depth = Depth(io.u32(FLOAT_BITS, old.bits), 1 + io.bits(4, old.exponent - 1))
    if not 2 <= depth.exponent <= 8 or not 2 <= depth.bits - depth.exponent - 1 <= 23:
        io.fail(f"floating-point samples of {depth.bits} bits with {depth.exponent} bits of exponent")
    return depth


def _channel(io: BitIO, old: Channel) -> Channel:
    """ExtraChannelInfo (A.9)."""
    if io.flag(old == Channel()):
        return Channel()
    kind, depth, shift = io.enum(CHANNEL_TYPES, old.kind), _depth(io, old.depth), io.u32(SHIFT, old.shift)
    if shift > 8:
        io.fail(f"an extra channel is reduced by 2 to the {shift}")
    io.name()
    return Channel(
        kind,
        depth,
        shift,
        io.flag(old.associated) if kind == ALPHA else False,
        io.f16s(4, old.spot) if kind == SPOT else (),
        io.u32(CFA, old.cfa) if kind == CFA_CHANNEL else 1,
    )


def _xy(io: BitIO, count: int, old: tuple[int, ...]) -> tuple[int, ...]:
    """``count`` packed signed numbers."""
    values = old or (0,) * count
    return tuple(io.u32(XY, values[k]) for k in range(count))


def _colour(io: BitIO, old: ColourEncoding) -> ColourEncoding:
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
        io.fail("the colour encoding is unknown", refused=True)
    return replace(new, intent=io.enum(SPACES, old.intent))


def _transfer(io: BitIO, old: ColourEncoding, new: ColourEncoding) -> ColourEncoding:
    """CustomTransferFunction (E.2): a gamma in 1e-7, or an enumerated curve."""
    if not io.flag(old.gamma is not None):
        return replace(new, transfer=io.enum(TRANSFERS, old.transfer))
    gamma = io.bits(24, old.gamma or 0)
    if not 10_000_000 <= gamma * 8192 <= 8192 * 10_000_000:
        io.fail(f"a gamma of {gamma}e-7")
    return replace(new, gamma=gamma)


def _tone(io: BitIO, old: tuple[int, int, int, int]) -> tuple[int, int, int, int]:
    """ToneMapping (E.3): intensity target, darkest, relative flag, linear below."""
    default = ImageHeader().tone
    if io.flag(old == default):
        return default
    return io.f16(old[0]), io.f16(old[1]), int(io.flag(old[2] == 1)), io.f16(old[3])


def _metadata(io: BitIO, old: ImageHeader, size: tuple[int, int]) -> ImageHeader:
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
            animation=_animation(io, old.animation or Animation()) if io.flag(old.animation is not None) else None,
        )
    new = replace(new, depth=_depth(io, old.depth), buffer16=io.flag(old.buffer16))
    count = io.u32(CHANNELS, len(old.channels))
    olds = old.channels or (Channel(),) * count
    new = replace(new, channels=tuple(_channel(io, olds[k]) for k in range(count)))
    new = replace(new, xyb=io.flag(old.xyb), colour=_colour(io, old.colour))
    if extra:
        new = replace(new, tone=_tone(io, old.tone))
    io.extensions()
    return new


def image_header(io: BitIO, old: ImageHeader) -> ImageHeader:
    """Everything between the signature and the ICC stream or first frame."""
    new = _metadata(io, old, _size(io, (old.width, old.height)))
    if io.flag(old.opsin is None and not any(old.upsampling)):
        return new
    if new.xyb and not io.flag(old.opsin is None):
        new = replace(new, opsin=io.f16s(16, old.opsin))
    mask = io.bits(3, sum(1 << k for k, weights in enumerate(old.upsampling) if weights))
    weights = (io.f16s(count, old.upsampling[k]) if mask >> k & 1 else None for k, count in enumerate((15, 55, 210)))
    return replace(new, upsampling=tuple(weights))

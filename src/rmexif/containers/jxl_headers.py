"""The header bundles of a JPEG XL codestream (ISO 18181-1, annexes A to D), each spelled once for both directions.

Every function takes the bits and the value to write (the default one while reading), and returns the value that
stands there. Numbers that a decoder does not look at are read over and written as their default.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.jxl_bits import BitIO, Dist

__all__ = [
    "Animation",
    "Channel",
    "ColourEncoding",
    "Frame",
    "ImageHeader",
    "frame_header",
    "image_header",
    "unpack_signed",
]

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
POWER: Dist = ((1, 0), (2, 0), (4, 0), (8, 0))
PASSES: Dist = ((1, 0), (2, 0), (3, 0), (4, 3))
DOWNSAMPLES: Dist = ((0, 0), (1, 0), (2, 0), (3, 1))
LAST_PASS: Dist = ((0, 0), (1, 0), (2, 0), (0, 3))
CROP: Dist = ((0, 8), (256, 11), (2304, 14), (18688, 30))
BLEND_MODE: Dist = ((0, 0), (1, 0), (2, 0), (3, 2))
ALPHA_CHANNEL: Dist = ((0, 0), (1, 0), (2, 0), (3, 3))
DURATION: Dist = ((0, 0), (1, 0), (0, 8), (0, 32))

RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))  # width : height, A.3
ALPHA, SPOT, BLACK, CFA_CHANNEL = 0, 2, 4, 5  # extra channel types, A.9
CHANNEL_TYPES = frozenset({0, 1, 2, 3, 4, 5, 6, 15, 16})
RGB, GREY, XYB, UNKNOWN_SPACE = range(4)  # colour spaces, E.2
D65, CUSTOM = 1, 2
SPACES = frozenset(range(4))
WHITES = frozenset({1, 2, 10, 11})
PRIMARIES = frozenset({1, 2, 9, 11})
TRANSFERS = frozenset({1, 2, 8, 13, 16, 17, 18})
REGULAR, LF, REFERENCE, SKIP_PROGRESSIVE = range(4)  # frame types, F.2
USE_LF_FRAME = 32
KNOWN_FLAGS = 1 | 2 | 16 | USE_LF_FRAME | 128
F16_255, F16_1 = 0x5BF8, 0x3C00
ZEROFLUSH = (0x3733, 0x38CD)  # 0.45 and 0.6: reserved, ignored by decoders (J.4)


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


@dataclass(frozen=True, slots=True)
class Blend:
    """How a frame meets what is there already."""

    mode: int = 0
    alpha: int = 0
    clamp: bool = False
    source: int = 0


@dataclass(frozen=True, slots=True)
class Filter:
    """Gaborish and the edge-preserving filter; None stands for the default numbers."""

    gab: bool = True
    gab_weights: tuple[int, ...] | None = None
    steps: int = 2
    sharp: tuple[int, ...] | None = None
    scale: tuple[int, ...] | None = None
    sigma: tuple[int, ...] | None = None
    modular_sigma: int = F16_1


@dataclass(frozen=True, slots=True)
class Frame:
    """FrameHeader."""

    width: int
    height: int
    kind: int = REGULAR
    modular: bool = False
    flags: int = 0
    ycbcr: bool = False
    jpeg_upsampling: int = 0
    upsampling: int = 1
    channel_upsampling: tuple[int, ...] = ()
    group_shift: int = 1
    qm_scale: int = 3 | 2 << 3
    passes: tuple[int, ...] = (1,)
    lf_level: int = 0
    crop: tuple[int, int] | None = None  # packed offset of the left upper corner
    blends: tuple[Blend, ...] = ()
    duration: int = 0
    last: bool = True
    reference: int = 0
    before_transform: bool = False
    filter: Filter = Filter()

    @property
    def shown(self) -> bool:
        """Whether a viewer stops at this frame."""
        return self.kind in (REGULAR, SKIP_PROGRESSIVE) and (self.last or self.duration > 0)

    @property
    def sections(self) -> int:
        """Entries of the table of contents (F.3)."""
        scale = self.upsampling << 3 * self.lf_level
        wide, high, side = -(-self.width // scale), -(-self.height // scale), 128 << self.group_shift
        groups = -(-wide // side) * -(-high // side)
        if groups == 1 and self.passes[0] == 1:
            return 1
        return 2 + -(-wide // (8 * side)) * -(-high // (8 * side)) + groups * self.passes[0]


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


def _passes(io: BitIO, old: tuple[int, ...]) -> tuple[int, ...]:
    """Passes (F.2): number of passes, of downsamplings, then shifts, factors, last passes."""
    values = iter(old)
    count = io.u32(PASSES, next(values, 1))
    if count == 1:
        return (1,)
    steps = io.u32(DOWNSAMPLES, next(values, 0))
    if steps > count:
        io.fail(f"{steps} downsamplings in {count} passes")
    shifts = [io.bits(2, next(values, 0)) for _ in range(count - 1)]
    factors = [io.u32(POWER, next(values, 1)) for _ in range(steps)]
    lasts = [io.u32(LAST_PASS, next(values, 0)) for _ in range(steps)]
    if any(last >= count for last in lasts):
        io.fail("a downsampling names a pass that does not exist")
    return (count, steps, *shifts, *factors, *lasts)


def _blend(io: BitIO, old: Blend, channels: int, partial: bool) -> Blend:
    """BlendingInfo (F.2)."""
    mode = io.u32(BLEND_MODE, old.mode)
    if mode > 4:
        io.fail(f"the blend mode {mode} is not defined")
    weighted = channels > 0 and mode in (2, 3)
    alpha = io.u32(ALPHA_CHANNEL, old.alpha) if weighted else 0
    if channels and alpha >= channels:
        io.fail("a frame is blended by a channel that does not exist")
    clamp = io.flag(old.clamp) if weighted or mode == 4 else False
    return Blend(mode, alpha, clamp, io.bits(2, old.source) if mode or partial else 0)


def _filter(io: BitIO, old: Filter, modular: bool) -> Filter:
    """RestorationFilter (J.2)."""
    if io.flag(old == Filter()):
        return Filter()
    new = Filter(gab=io.flag(old.gab))
    if new.gab and io.flag(old.gab_weights is not None):
        new = replace(new, gab_weights=io.f16s(6, old.gab_weights))
    new = replace(new, steps=io.bits(2, old.steps))
    if new.steps:
        if not modular and io.flag(old.sharp is not None):
            new = replace(new, sharp=io.f16s(8, old.sharp))
        if io.flag(old.scale is not None):
            new = replace(new, scale=io.f16s(3, old.scale))
            io.f16s(2, ZEROFLUSH)
        if io.flag(old.sigma is not None):
            new = replace(new, sigma=io.f16s(3 if modular else 4, old.sigma))
        if modular:
            new = replace(new, modular_sigma=io.f16(old.modular_sigma))
    io.extensions()
    return new


def _coding(io: BitIO, old: Frame, new: Frame, image: ImageHeader) -> Frame:
    """The first half of FrameHeader: how the frame is coded."""
    new = replace(new, kind=io.bits(2, old.kind), modular=io.flag(old.modular), flags=io.u64(old.flags))
    if new.flags & ~KNOWN_FLAGS:
        io.fail("a frame has unknown flags", refused=True)
    if not image.xyb:
        new = replace(new, ycbcr=io.flag(old.ycbcr))
    if not new.flags & USE_LF_FRAME:
        if new.ycbcr:
            new = replace(new, jpeg_upsampling=io.bits(6, old.jpeg_upsampling))
        ups = [io.u32(POWER, up) for up in (old.upsampling, *old.channel_upsampling)]
        new = replace(new, upsampling=ups[0], channel_upsampling=tuple(ups[1:]))
    if new.modular:
        new = replace(new, group_shift=io.bits(2, old.group_shift))
    elif image.xyb:
        new = replace(new, qm_scale=io.bits(6, old.qm_scale))
    if new.kind != REFERENCE:
        new = replace(new, passes=_passes(io, old.passes))
    if new.kind == LF:
        new = replace(new, lf_level=1 + io.bits(2, old.lf_level - 1))
    return new


def unpack_signed(packed: int) -> int:
    """UnpackSigned (B.2.5): the sign is the lowest bit."""
    return -(packed >> 1) - 1 if packed & 1 else packed >> 1


def _crop(io: BitIO, old: Frame, new: Frame) -> tuple[Frame, bool]:
    """The place of a frame on the canvas, and whether it leaves some of the canvas uncovered."""
    if new.kind == LF or not io.flag(old.crop is not None):
        return new, False
    regular = new.kind != REFERENCE
    packed = old.crop or (0, 0)
    crop = (io.u32(CROP, packed[0]), io.u32(CROP, packed[1])) if regular else (0, 0)
    width, height = io.u32(CROP, old.width), io.u32(CROP, old.height)
    if not width or not height:
        io.fail("a frame without pixels")
    left, top = map(unpack_signed, crop)
    partial = left > 0 or top > 0 or left + width < new.width or top + height < new.height
    return replace(new, crop=crop, width=width, height=height), regular and partial


def frame_header(io: BitIO, old: Frame | None, image: ImageHeader, size: tuple[int, int]) -> Frame:
    """FrameHeader (F.2) of a frame on a canvas of ``size`` px."""
    count = len(image.channels)
    default = Frame(*size, channel_upsampling=(1,) * count, blends=(Blend(),) * (1 + count))
    old = old or default
    if io.flag(old == default):
        return default
    new, partial = _crop(io, old, _coding(io, old, default, image))
    regular = new.kind in (REGULAR, SKIP_PROGRESSIVE)
    if regular:
        new = replace(new, blends=tuple(_blend(io, blend, count, partial) for blend in old.blends))
        if image.animation:
            new = replace(new, duration=io.u32(DURATION, old.duration))
            if image.animation.timecodes:
                io.bits(32)
        new = replace(new, last=io.flag(old.last))
    else:
        new = replace(new, last=False)
    if new.kind != LF and not new.last:
        new = replace(new, reference=io.bits(2, old.reference))
    covers = regular and not new.last and new.blends[0].mode == 0 and not partial
    if new.kind == REFERENCE or (covers and (new.duration == 0 or new.reference)):
        new = replace(new, before_transform=io.flag(old.before_transform))
    io.name()
    new = replace(new, filter=_filter(io, old.filter, new.modular))
    io.extensions()
    return new

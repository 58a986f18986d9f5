"""The frame header of a JPEG XL codestream (ISO/IEC 18181-1, FrameHeader), spelled once for both directions.

Bundles and fields have the names of the standard; ``RestorationFilter`` is its annex J.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.jxl.field_types import Dist, FieldIO
    from rmexif.containers.jxl.image_header import ImageHeader

__all__ = ["BlendingInfo", "FrameHeader", "RestorationFilter", "frame_header", "reachable", "unpack_signed"]

UPSAMPLING: Dist = ((1, 0), (2, 0), (4, 0), (8, 0))  # FrameHeader.upsampling and .ec_upsampling, Passes.downsample
NUM_PASSES: Dist = ((1, 0), (2, 0), (3, 0), (4, 3))  # Passes.num_passes
NUM_DOWNSAMPLE: Dist = ((0, 0), (1, 0), (2, 0), (3, 1))  # Passes.num_ds
LAST_PASS: Dist = ((0, 0), (1, 0), (2, 0), (0, 3))  # Passes.last_pass
CROP: Dist = ((0, 8), (256, 11), (2304, 14), (18688, 30))  # FrameHeader.ux0, .uy0, .width, .height
BLEND_MODE: Dist = ((0, 0), (1, 0), (2, 0), (3, 2))  # BlendingInfo.mode
ALPHA_CHANNEL: Dist = ((0, 0), (1, 0), (2, 0), (3, 3))  # BlendingInfo.alpha_channel
DURATION: Dist = ((0, 0), (1, 0), (0, 8), (0, 32))  # FrameHeader.duration: ticks

REGULAR, LF, REFERENCE, SKIP_PROGRESSIVE = range(4)  # FrameHeader.frame_type, F.2
NOISE, PATCHES, SPLINES, USE_LF_FRAME, SKIP_SMOOTHING = 1, 2, 16, 32, 128  # FrameHeader.flags, F.2
KNOWN_FLAGS = NOISE | PATCHES | SPLINES | USE_LF_FRAME | SKIP_SMOOTHING
REPLACE, BLEND, MULTIPLY_ADD, MULTIPLY = 0, 2, 3, 4  # BlendingInfo.mode: kReplace, kBlend, kMulAdd, kMul
ZEROFLUSH = (0x3733, 0x38CD)  # 0.45 and 0.6 as F16: reserved, ignored by decoders (J.4)
F16_1 = 0x3C00  # 1.0 as F16: RestorationFilter.epf_sigma_for_modular


@dataclass(frozen=True, slots=True)
class BlendingInfo:
    """How a frame meets what is there already."""

    mode: int = REPLACE
    alpha: int = 0
    clamp: bool = False
    source: int = 0


@dataclass(frozen=True, slots=True)
class RestorationFilter:
    """Gaborish and the edge-preserving filter; None stands for the default numbers."""

    gab: bool = True
    gab_weights: tuple[int, ...] | None = None
    iterations: int = 2  # epf_iters
    sharp: tuple[int, ...] | None = None
    scale: tuple[int, ...] | None = None
    sigma: tuple[int, ...] | None = None
    modular_sigma: int = F16_1


@dataclass(frozen=True, slots=True)
class FrameHeader:
    """FrameHeader (F.2)."""

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
    blends: tuple[BlendingInfo, ...] = ()
    duration: int = 0
    last: bool = True
    reference: int = 0
    before_transform: bool = False
    restoration: RestorationFilter = RestorationFilter()

    @property
    def shown(self) -> bool:
        """Whether a viewer stops at this frame."""
        return self.kind in (REGULAR, SKIP_PROGRESSIVE) and (self.last or self.duration > 0)

    @property
    def saved(self) -> bool:
        """Whether the canvas is kept behind this frame, for later ones to be drawn from."""
        if self.kind in (REFERENCE, LF):
            return self.kind == REFERENCE
        return not self.last and (self.duration == 0 or self.reference > 0)

    def exceeds(self, width: int, height: int) -> bool:
        """Whether a part of it lies beyond a canvas of ``width`` x ``height`` px."""
        left, top = map(unpack_signed, self.crop or (0, 0))
        return min(left, top) < 0 or left + self.width > width or top + self.height > height

    @property
    def sections(self) -> int:
        """Entries of the table of contents (F.3)."""
        scale = self.upsampling << 3 * self.lf_level
        wide, high, side = -(-self.width // scale), -(-self.height // scale), 128 << self.group_shift
        groups = -(-wide // side) * -(-high // side)
        if groups == 1 and self.passes[0] == 1:
            return 1
        return 2 + -(-wide // (8 * side)) * -(-high // (8 * side)) + groups * self.passes[0]


def _passes(io: FieldIO, old: tuple[int, ...]) -> tuple[int, ...]:
    """Passes (F.2): number of passes, of downsamplings, then shifts, factors, last passes."""
    values = iter(old)
    count = io.u32(NUM_PASSES, next(values, 1))
    if count == 1:
        return (1,)
    levels = io.u32(NUM_DOWNSAMPLE, next(values, 0))
    if levels > count:
        io.fail(f"{levels} downsamplings, at most one for each of the {count} passes is allowed")
    shifts = [io.bits(2, next(values, 0)) for _ in range(count - 1)]
    factors = [io.u32(UPSAMPLING, next(values, 1)) for _ in range(levels)]
    lasts = [io.u32(LAST_PASS, next(values, 0)) for _ in range(levels)]
    if any(last >= count for last in lasts):
        io.fail(f"a downsampling ends with pass {max(lasts)}, passes are numbered 0 to {count - 1}")
    return (count, levels, *shifts, *factors, *lasts)


def _blend(io: FieldIO, old: BlendingInfo, channels: int, partial: bool) -> BlendingInfo:
    """BlendingInfo (F.2)."""
    mode = io.u32(BLEND_MODE, old.mode)
    if mode > MULTIPLY:
        io.fail(f"the blend mode {mode} is not defined, {MULTIPLY} is the highest")
    weighted = channels > 0 and mode in (BLEND, MULTIPLY_ADD)
    alpha = io.u32(ALPHA_CHANNEL, old.alpha) if weighted else 0
    if channels and alpha >= channels:
        io.fail(f"a frame is blended by extra channel {alpha}, there are {channels}")
    clamp = io.flag(old.clamp) if weighted or mode == MULTIPLY else False
    return BlendingInfo(mode, alpha, clamp, io.bits(2, old.source) if mode or partial else 0)


def _restoration(io: FieldIO, old: RestorationFilter, modular: bool) -> RestorationFilter:
    """RestorationFilter (J.2)."""
    if io.flag(old == RestorationFilter()):
        return RestorationFilter()
    new = RestorationFilter(gab=io.flag(old.gab))
    if new.gab and io.flag(old.gab_weights is not None):
        new = replace(new, gab_weights=io.f16s(6, old.gab_weights))
    new = replace(new, iterations=io.bits(2, old.iterations))
    if new.iterations:
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


def _coding(io: FieldIO, old: FrameHeader, new: FrameHeader, image: ImageHeader) -> FrameHeader:
    """The first half of FrameHeader: how the frame is coded."""
    new = replace(new, kind=io.bits(2, old.kind), modular=io.flag(old.modular), flags=io.u64(old.flags))
    if new.flags & ~KNOWN_FLAGS:
        io.fail("a frame has unknown flags", refused=True)
    if not image.xyb:
        new = replace(new, ycbcr=io.flag(old.ycbcr))
    if not new.flags & USE_LF_FRAME:
        if new.ycbcr:
            new = replace(new, jpeg_upsampling=io.bits(6, old.jpeg_upsampling))
        factors = [io.u32(UPSAMPLING, factor) for factor in (old.upsampling, *old.channel_upsampling)]
        new = replace(new, upsampling=factors[0], channel_upsampling=tuple(factors[1:]))
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


def _crop(io: FieldIO, old: FrameHeader, new: FrameHeader) -> tuple[FrameHeader, bool]:
    """The place of a frame on the canvas, and whether it leaves some of the canvas uncovered."""
    if new.kind == LF or not io.flag(old.crop is not None):
        return new, False
    regular = new.kind != REFERENCE
    packed = old.crop or (0, 0)
    crop = (io.u32(CROP, packed[0]), io.u32(CROP, packed[1])) if regular else (0, 0)
    width, height = io.u32(CROP, old.width), io.u32(CROP, old.height)
    if not width or not height:
        io.fail(f"a frame of {width} x {height} px, at least 1 x 1 is required")
    left, top = map(unpack_signed, crop)
    partial = left > 0 or top > 0 or left + width < new.width or top + height < new.height
    return replace(new, crop=crop, width=width, height=height), regular and partial


def frame_header(io: FieldIO, old: FrameHeader | None, image: ImageHeader, size: tuple[int, int]) -> FrameHeader:
    """FrameHeader (F.2) of a frame on a canvas of ``size`` px."""
    count = len(image.channels)
    default = FrameHeader(*size, channel_upsampling=(1,) * count, blends=(BlendingInfo(),) * (1 + count))
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
    covers = regular and not new.last and new.blends[0].mode == REPLACE and not partial
    if new.kind == REFERENCE or (covers and (new.duration == 0 or new.reference)):
        new = replace(new, before_transform=io.flag(old.before_transform))
    io.name()
    new = replace(new, restoration=_restoration(io, old.restoration, new.modular))
    io.extensions()
    return new


def reachable(frames: list[FrameHeader]) -> list[bool]:
    """Which frames a viewer can see anything of: shown, blended from, patched from, or the low frequencies of another.

    Noise is seeded by how many unseen frames went before, so where there is noise all frames count.
    """
    if any(frame.flags & NOISE for frame in frames):
        return [True] * len(frames)
    kept: list[bool] = []
    slots: set[int] = set()  # saved frames that a later frame reads
    levels: set[int] = set()  # low-frequency frames that a later frame reads
    for frame in reversed(frames):
        is_read = (frame.saved and frame.reference in slots) or (frame.kind == LF and frame.lf_level in levels)
        kept.append(frame.shown or is_read)
        if not kept[-1]:
            continue
        if frame.saved:
            slots.discard(frame.reference)
        if frame.kind == LF:
            levels.discard(frame.lf_level)
        slots |= {blend.source for blend in frame.blends if blend.mode or frame.crop}
        slots |= set(range(4)) if frame.flags & PATCHES else set()
        levels |= {frame.lf_level + 1} if frame.flags & USE_LF_FRAME else set()
    return kept[::-1]

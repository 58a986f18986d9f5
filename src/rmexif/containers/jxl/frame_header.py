"""The frame header of a JPEG XL codestream (ISO 18181-1, annexes F and J), spelled once for both directions."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.jxl.bits import BitIO, Dist
    from rmexif.containers.jxl.image_header import ImageHeader

__all__ = ["Frame", "frame_header", "reachable", "unpack_signed"]

POWER: Dist = ((1, 0), (2, 0), (4, 0), (8, 0))
PASSES: Dist = ((1, 0), (2, 0), (3, 0), (4, 3))
DOWNSAMPLES: Dist = ((0, 0), (1, 0), (2, 0), (3, 1))
LAST_PASS: Dist = ((0, 0), (1, 0), (2, 0), (0, 3))
CROP: Dist = ((0, 8), (256, 11), (2304, 14), (18688, 30))
BLEND_MODE: Dist = ((0, 0), (1, 0), (2, 0), (3, 2))
ALPHA_CHANNEL: Dist = ((0, 0), (1, 0), (2, 0), (3, 3))
DURATION: Dist = ((0, 0), (1, 0), (0, 8), (0, 32))

REGULAR, LF, REFERENCE, SKIP_PROGRESSIVE = range(4)  # frame types, F.2
NOISE, PATCHES, SPLINES, USE_LF_FRAME, SKIP_SMOOTHING = 1, 2, 16, 32, 128  # flags, F.2
KNOWN_FLAGS = NOISE | PATCHES | SPLINES | USE_LF_FRAME | SKIP_SMOOTHING
ZEROFLUSH = (0x3733, 0x38CD)  # 0.45 and 0.6: reserved, ignored by decoders (J.4)
F16_1 = 0x3C00


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

    def leaves(self, width: int, height: int) -> bool:
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


def reachable(frames: list[Frame]) -> list[bool]:
    """Which frames a viewer can see anything of: shown, blended from, patched from, or the low frequencies of another.

    Noise is seeded by how many unseen frames went before, so where there is noise all frames count.
    """
    if any(frame.flags & NOISE for frame in frames):
        return [True] * len(frames)
    kept: list[bool] = []
    slots: set[int] = set()  # saved frames that a later frame reads
    levels: set[int] = set()  # low-frequency frames that a later frame reads
    for frame in reversed(frames):
        saved = frame.kind == REFERENCE or (frame.kind != LF and (frame.duration == 0 or frame.reference > 0))
        kept.append(
            frame.shown or (saved and frame.reference in slots) or (frame.kind == LF and frame.lf_level in levels)
        )
        if not kept[-1]:
            continue
        if saved:
            slots.discard(frame.reference)
        if frame.kind == LF:
            levels.discard(frame.lf_level)
        slots |= {blend.source for blend in frame.blends if blend.mode or frame.crop}
        slots |= set(range(4)) if frame.flags & PATCHES else set()
        levels |= {frame.lf_level + 1} if frame.flags & USE_LF_FRAME else set()
    return kept[::-1]

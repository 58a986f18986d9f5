"""A JPEG XL codestream (ISO/IEC 18181-1): what its bytes are, and the clean one.

Headers are parsed bit by bit and re-serialised: no extensions, names, time codes, preview or intended size, weights
only where a frame uses them. A frame's header and table of contents are re-serialised too, its sections in natural
order; the sections themselves are passed through. Frames that no viewer sees anything of go, and what is behind the
last one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from itertools import accumulate, pairwise
from typing import TYPE_CHECKING

from rmexif import icc
from rmexif.containers.jxl import icc as icc_stream
from rmexif.containers.jxl.entropy import SymbolReader
from rmexif.containers.jxl.field_types import FieldReader, FieldWriter
from rmexif.containers.jxl.frame_header import LF, FrameHeader, frame_header, reachable, unpack_signed
from rmexif.containers.jxl.image_header import (
    ALPHA,
    BLACK,
    SPOT,
    XYB,
    AnimationHeader,
    ColourEncoding,
    ImageHeader,
    image_header,
)
from rmexif.containers.jxl.signature import SIGNATURE
from rmexif.errors import LimitExceeded
from rmexif.residuals import Residual
from rmexif.types import Colour, PayloadKind, Role

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rmexif.containers.common.gathered import Gathered
    from rmexif.containers.jxl.field_types import Dist
    from rmexif.types import Limits

__all__ = ["SIGNATURE", "Codestream", "PlacedFrame", "read", "write_frame_head", "write_head"]

SECTION_SIZE: Dist = ((0, 10), (1024, 14), (17408, 22), (4211712, 30))  # table of contents, F.3: bytes
PERMUTATION_CONTEXTS = 8  # F.3.2
# H.273 primaries and transfer, by the enumerated white, primaries and curve
CICP = {(1, 1): 1, (1, 9): 9, (1, 11): 12, (11, 11): 11}
WHITE_XY = {1: icc.PRIMARIES["srgb"][:2], 10: (1 / 3, 1 / 3), 11: icc.PRIMARIES["dci-p3"][:2]}
PRIMARIES_XY = {1: icc.PRIMARIES["srgb"][2:], 9: icc.PRIMARIES["rec2020"][2:], 11: icc.PRIMARIES["display-p3"][2:]}


@dataclass(frozen=True, slots=True)
class Span:
    """A stretch of the codestream."""

    label: str
    role: Role
    start: int  # byte
    stop: int  # byte
    payload: PayloadKind | None = None


@dataclass(slots=True)
class Codestream:
    """What a codestream says, and the pieces of the clean one: bytes, or (start, stop) of bytes to pass through."""

    width: int = 0
    height: int = 0
    frames: int = 1
    colour: Colour = field(default_factory=Colour)
    spans: list[Span] = field(default_factory=list)
    pieces: list[bytes | tuple[int, int]] = field(default_factory=list)
    head: bytes = b""  # signature, header and profile of the clean one
    image: ImageHeader = field(default_factory=ImageHeader)  # of the clean one
    profile: bytes | None = None  # of the clean one
    placed: tuple[PlacedFrame, ...] = ()  # the frames that stay
    residuals: set[Residual] = field(default_factory=lambda: {Residual.JXL_SECTION_SLACK})


@dataclass(frozen=True, slots=True)
class PlacedFrame:
    """A frame, and where its sections lie."""

    header: FrameHeader
    start: int  # byte
    body: int  # byte: behind the table of contents
    sections: tuple[tuple[int, int], ...]  # (start, stop) in natural order
    permuted: bool
    seen: frozenset[str]

    @property
    def stop(self) -> int:
        """First byte after the frame."""
        return max(stop for _, stop in self.sections)


def read(stream: Gathered, limits: Limits) -> Codestream:
    """Walk a codestream from its signature to its last frame.

    Raises:
        MalformedImage: a header ends early, holds a value that is not defined, or a frame runs past the end.
        UnsupportedFeature: frames with flags that are not defined, or colours said to be unknown.
        LimitExceeded: more pixels, frames, sections or bytes of a profile than allowed.
    """
    bits = FieldReader(stream.data, "jxl image header", locate=stream.offset)
    if bits.bits(16) != int.from_bytes(SIGNATURE, "little"):
        bits.fail("the signature FF 0A of a codestream is required")
    image = image_header(bits, ImageHeader())
    limits.check("max_pixels", image.width * image.height)
    found = Codestream(image.width, image.height, colour=_described(image.colour))
    profile_at, profile = bits.position >> 3, b""
    if image.colour.icc:
        bits.structure = "jxl ICC stream"
        profile = icc_stream.read_icc(bits)
        found.colour = Colour(icc=profile)
    start = bits.align()
    preview = _place(stream, image, image.preview, start, limits.max_parts) if image.preview else None
    frames = _frames(stream, image, preview.stop if preview else start, limits)
    if image.animation:
        found.frames = max(1, sum(frame.header.shown for frame in frames))
    needed = reachable([frame.header for frame in frames])
    kept = [frame for frame, use in zip(frames, needed, strict=True) if use]
    clean, cleaned = _clean_image(image, profile, kept, stream.offset(profile_at))
    found.image, found.profile, found.placed = clean, cleaned, tuple(kept)
    _head(found, stream.data[:start], profile_at if profile else start, bits.seen, image, clean, cleaned)
    if preview:
        found.spans.append(Span("codestream/preview", Role.AUXILIARY, start, preview.stop, PayloadKind.PICTURE))
    for frame, use in zip(frames, needed, strict=True):
        if use:
            _rewrite_frame(found, stream.data, frame, clean, clean.animation != image.animation)
        else:
            unseen = Span("codestream/frame/unseen", Role.AUXILIARY, frame.start, frame.stop, PayloadKind.PICTURE)
            found.spans.append(unseen)
    found.spans.append(Span("trailer", Role.TRAILER, frames[-1].stop, len(stream.data), PayloadKind.TRAILER))
    _add_residuals(found, image, kept)
    return found


def _described(colour: ColourEncoding) -> Colour:
    """Enumerated colours in the terms of the container."""
    if colour.icc or colour.space == XYB:
        return Colour()
    code = CICP.get((colour.white, colour.primaries))
    if code and colour.gamma is None:
        return Colour(cicp=(code, colour.transfer, 0, 1))
    white = WHITE_XY.get(colour.white) or _micro(colour.white_xy)
    primaries = PRIMARIES_XY.get(colour.primaries) or _micro(colour.primaries_xy)
    return Colour(gamma=None if colour.gamma is None else colour.gamma / 1e7, primaries=white + primaries)


def _micro(packed: tuple[int, ...]) -> tuple[float, ...]:
    """Packed signed millionths as numbers."""
    return tuple(unpack_signed(value) / 1e6 for value in packed)


def _clean_image(
    image: ImageHeader, profile: bytes, frames: list[PlacedFrame], profile_at: int
) -> tuple[ImageHeader, bytes | None]:
    """The header to write, and the profile to write behind it."""
    colour, cleaned = icc_stream.clean_colour(image, profile, profile_at) if profile else (image.colour, None)
    used = {frame.header.upsampling for frame in frames}
    for frame in frames:
        factors = zip(frame.header.channel_upsampling, image.channels, strict=True)
        used |= {factor << channel.shift for factor, channel in factors}
    clean = replace(
        image,
        intrinsic=None,
        preview=None,
        animation=_clean_animation(image, frames),
        colour=colour,
        upsampling=tuple(weights if 2 << k in used else None for k, weights in enumerate(image.upsampling)),
    )
    return clean, cleaned


def _clean_animation(image: ImageHeader, frames: list[PlacedFrame]) -> AnimationHeader | None:
    """How long a tick is, and how often it plays; of one picture that would say nothing to a viewer."""
    if image.animation is None or sum(frame.header.shown for frame in frames) < 2:
        return None
    return replace(image.animation, timecodes=False)


def write_head(image: ImageHeader, profile: bytes | None) -> bytes:
    """Signature, image header, ICC stream."""
    bits = FieldWriter()
    bits.bits(16, int.from_bytes(SIGNATURE, "little"))
    image_header(bits, image)
    if profile:
        icc_stream.write_icc(bits, profile)
    bits.align()
    return bytes(bits.out)


def _head(
    found: Codestream,
    old: memoryview,
    profile_at: int,
    seen: set[str],
    image: ImageHeader,
    clean: ImageHeader,
    profile: bytes | None,
) -> None:
    """The spans and the piece of everything before the first frame."""
    head = write_head(clean, profile)
    found.pieces.append(head)
    found.head = head
    same = old == head
    # Where only the profile differs, the header before it is not to blame.
    plain = same or old[:profile_at] == write_head(replace(clean, colour=image.colour), None)[:profile_at]
    dirty = seen or (image.intrinsic, image.preview, image.animation) != (None, None, clean.animation)
    role = Role.STRUCTURE if plain else Role.METADATA if dirty else Role.UNKNOWN
    found.spans.append(Span("codestream/header", role, 0, profile_at))
    if profile_at < len(old):
        found.spans.append(Span("codestream/icc", Role.COLOUR if same else Role.METADATA, profile_at, len(old)))


def _frames(stream: Gathered, image: ImageHeader, start: int, limits: Limits) -> list[PlacedFrame]:
    """All frames up to the last one."""
    sections = pixels = 0
    frames: list[PlacedFrame] = []
    while not frames or not frames[-1].header.last:
        limits.check("max_frames", len(frames) + 1)
        frames.append(_place(stream, image, (image.width, image.height), start, limits.max_parts - sections))
        start = frames[-1].stop
        sections += len(frames[-1].sections)
        size = frames[-1].header.width * frames[-1].header.height
        limits.check("max_pixels", size)
        pixels += size
        limits.check("max_total_pixels", pixels)
    return frames


def _place(stream: Gathered, image: ImageHeader, size: tuple[int, int], start: int, most: int) -> PlacedFrame:
    """Read the frame at ``start`` and its table of contents (F.3), of at most ``most`` sections."""
    bits = FieldReader(stream.data, "jxl frame header", start, stream.offset)
    header = frame_header(bits, None, image, size)
    bits.structure = "jxl table of contents"
    count = header.sections
    if count > most:
        problem = f"{count} sections, max_parts leaves room for {most}"
        raise LimitExceeded(problem, structure=bits.structure, offset=stream.offset(start))
    order = _permutation(bits, count) if bits.flag() else None
    bits.align()
    if 12 * count > bits.end - bits.position:
        bits.fail(f"{count} sections of at least 12 bits announced, {bits.end - bits.position} bits are left")
    sizes = [bits.u32(SECTION_SIZE) for _ in range(count)]
    body = bits.align()
    sections = list(pairwise(accumulate(sizes, initial=body)))
    if sections[-1][1] > len(stream.data):
        bits.fail(f"a frame of {sections[-1][1] - start} bytes, {len(stream.data) - start} are there")
    natural = tuple(sections[k] for k in order) if order else tuple(sections)
    return PlacedFrame(header, start, body, natural, order is not None, frozenset(bits.seen))


def _permutation(bits: FieldReader, count: int) -> list[int]:
    """Where each section stands in the file (F.3.2): a Lehmer code."""
    symbols = SymbolReader(bits, PERMUTATION_CONTEXTS)
    free, order, last = list(range(count)), [], 0
    length = symbols.read(min(count.bit_length(), 7))
    if length > count:
        bits.fail(f"a permutation of {length} numbers for {count} sections")
    for _ in range(length):
        last = symbols.read(min(last.bit_length(), 7))
        if last >= len(free):
            bits.fail(f"a permutation names section {last} of the {len(free)} that are left")
        order.append(free.pop(last))
    symbols.finish()
    return order + free


def write_frame_head(header: FrameHeader, image: ImageHeader, sizes: Iterable[int]) -> bytes:
    """A frame's header and its table of contents.

    Args:
        header: of the frame.
        image: the header of the codestream it goes into.
        sizes: byte of each section, in natural order.
    """
    bits = FieldWriter()
    frame_header(bits, header, image, (image.width, image.height))
    bits.bits(1, 0)  # no permutation
    bits.align()
    for size in sizes:
        bits.u32(SECTION_SIZE, size)
    bits.align()
    return bytes(bits.out)


def _rewrite_frame(found: Codestream, data: memoryview, frame: PlacedFrame, clean: ImageHeader, dirty: bool) -> None:
    """The spans and the pieces of one frame."""
    timed = frame.header if clean.animation else replace(frame.header, duration=0)
    header = write_frame_head(timed, clean, (stop - start for start, stop in frame.sections))
    stop = frame.stop
    same = data[frame.start : frame.body] == header
    role = Role.STRUCTURE if same else Role.METADATA if dirty or frame.seen else Role.UNKNOWN
    found.spans.append(Span("codestream/frame/header", role, frame.start, frame.body))
    found.spans.append(Span("codestream/frame", Role.PIXELS, frame.body, stop))
    found.pieces.append(header)
    found.pieces += frame.sections if frame.permuted else [(frame.body, stop)]


def _add_residuals(found: Codestream, image: ImageHeader, frames: list[PlacedFrame]) -> None:
    """Pictures that no viewer shows by itself, and that a decoder may need."""
    if any(channel.kind not in (ALPHA, BLACK, SPOT) for channel in image.channels):
        found.residuals.add(Residual.JXL_EXTRA_CHANNELS)
    if any(not frame.header.shown and frame.header.kind != LF for frame in frames):
        found.residuals.add(Residual.JXL_HIDDEN_FRAMES)
    if any(frame.header.exceeds(image.width, image.height) for frame in frames):
        found.residuals.add(Residual.JXL_AREA_OUTSIDE_CANVAS)

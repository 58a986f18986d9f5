"""Scrub one image, read aloud.

``analyse``: clean -> decode -> orient -> to sRGB -> detect. ``scrub``: resize -> redact -> clear transparent ->
encode -> verify. Each function below is one of these steps; what they hand on is a value of its own.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif import codecs, redaction, stealth, verification, webp_recode
from rmexif.containers import for_decoder, output_for
from rmexif.containers.common.aspect import SQUARE
from rmexif.detection import check_frame, detect
from rmexif.errors import InputError, UnsupportedFeature, VerificationError
from rmexif.raster import transform
from rmexif.raster.alpha import high_byte
from rmexif.raster.precision import replace_lowest_bits
from rmexif.types import HARMLESS, MAX_CHANNELS, SMALL_FILE, Colour, Container, Detection, Frame, FrameStream, Raster

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence

    from numpy.typing import NDArray

    from rmexif.policy import Policy
    from rmexif.styles import Mask, Style

__all__ = [
    "Analysis",
    "Clock",
    "Scrubbed",
    "analyse",
    "covered_frame",
    "is_animation",
    "masks",
    "output_of",
    "preview",
    "scrub",
]


NO_COLOUR = Colour()
COMPOSED = 3  # frames of an animation that are in memory at once: the one before, the next, the one that goes out
LEAST_FRAME = 3 << 17  # px of a still that cost what the smallest frame does


class Clock:
    """Milliseconds per stage."""

    def __init__(self) -> None:
        self.stage_ms: dict[str, float] = {}

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        """Time a stage; repeated ones add up."""
        start = time.perf_counter()
        yield
        self.stage_ms[name] = round(self.stage_ms.get(name, 0.0) + (time.perf_counter() - start) * 1e3, 3)


@dataclass(frozen=True, slots=True)
class Analysis:
    """The decoded picture and what is to be redacted in it."""

    raster: Raster  # upright; sRGB, or what a PNG says of its samples in numbers and goes on to say
    detections: tuple[tuple[Detection, ...], ...]  # per frame, in px of the upright original
    sizes: tuple[tuple[int, int], ...]  # height and width of each frame of the raster, px
    search: dict[str, Any]  # what was searched, JSON-ready
    described: Colour = NO_COLOUR  # by numbers of a 16-bit PNG: its samples, sRGB meanwhile, are brought back to it


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A finished, verified picture."""

    data: bytes
    container: Container[Any]
    changes: dict[str, Any] = field(default_factory=dict)  # what was done to it, JSON-ready


def output_of(container: Container[Any], policy: Policy) -> str:
    """The name of the format that an image leaves in."""
    return policy.output or output_for(container.format, 1 if policy.frames == "first" else container.frames)


def analyse(view: memoryview, container: Container[Any], policy: Policy, clock: Clock) -> Analysis:
    """Decode, turn upright, bring to sRGB, and find what has to be redacted.

    Args:
        view: the whole file.
        container: what its parser says about it.
        policy: what to search for.
        clock: takes the times of the stages.

    Raises:
        InputError: the bytes do not decode, or not all of their frames.
        DetectionError: a detector failed.
        InvalidPolicy: a region lies outside the picture.
    """
    if container.frames > 1 and policy.frames == "refuse":
        raise UnsupportedFeature(
            f'{container.frames} frames; frames="refuse" takes one', structure=container.format, offset=0
        )
    with clock.stage("clean"):
        source = _picture_only(view, container)
    with clock.stage("decode"):
        raster = _decode(source, container, policy)
        del source
    with clock.stage("colour"):
        raster, seen, described = _to_srgb(_each(transform.orient, raster), container, policy)
    with clock.stage("detect"):
        search: dict[str, Any] = {}
        found, sizes = detect(seen, policy, search, len(view))
    return Analysis(raster, found, sizes, search, described)


def scrub(
    found: Analysis, output: str, style: Style, policy: Policy, rng: np.random.Generator, clock: Clock
) -> Scrubbed:
    """Redact what was found, encode, and let nothing out that does not verify.

    Args:
        found: by ``analyse``; the pixels of a single frame are used up.
        output: name of the output's format.
        style: of redaction.
        policy: what to do.
        rng: source of the crop and of grain.
        clock: takes the times of the stages.

    Raises:
        EncodeError: the encoder failed.
        UnsupportedFeature: several frames into a format that holds one.
        VerificationError: a face or a part outside the allow-list was left.
    """
    raster = found.raster
    if len(raster.frames) > 1 and output not in codecs.MULTIPLE:
        raise UnsupportedFeature(
            f'one picture is written in this format, not {len(raster.frames)}; frames="first" keeps the first '
            "one, or take another output",
            structure=output,
        )
    changes: dict[str, Any] = {"escalated": 0}
    before = transform.dhash(raster.frames[0].pixels) if policy.stealth else 0
    redacted = _redacted(found, output, style, policy, rng, clock, changes)
    if isinstance(raster.frames, FrameStream) and output in codecs.STREAMED:
        first = next(redacted)  # encoders look at it, and then go over all frames once
        raster = replace(raster, frames=FrameStream(len(raster.frames), lambda: chain([first], redacted)))
    else:
        raster = replace(raster, frames=tuple(redacted))
        first = raster.frames[0]
        raster = transform.from_srgb(raster, found.described)
    data, container = _encode(raster, output, policy, clock)
    if policy.stealth:
        changes["perceptual_distance"] = transform.hamming(before, transform.dhash(first.pixels))
    return Scrubbed(data, container, changes)


def _redacted(
    found: Analysis,
    output: str,
    style: Style,
    policy: Policy,
    rng: np.random.Generator,
    clock: Clock,
    changes: dict[str, Any],
) -> Iterator[Frame]:
    """The frames at their final size and precision, covered; ``changes`` takes how many faces were covered harder."""
    raster = found.raster
    seed = int(rng.integers(1 << 63))  # one for all frames: noise that changed would be seen, and cost bytes
    is_stream = isinstance(raster.frames, FrameStream)
    narrow = is_stream or not codecs.keeps_16_bit(output, len(raster.frames))
    with clock.stage("resize"):
        plans = _plans(found.sizes, policy, rng)
        rows = [_projected(row, plan) for row, plan in zip(found.detections, plans, strict=True)]
        spread = redaction.spread_over_neighbours(rows) if is_animation(found) else rows
    for frame, plan, row in zip(raster.frames, plans, spread, strict=True):
        with clock.stage("resize"):
            if plan is None:
                pixels = transform.duplicate(frame.pixels)
            else:
                pixels = transform.resize(frame.pixels, plan, in_place=len(found.sizes) == 1)
            pixels = _at_precision(pixels, output, narrow, seed)
            if plan is not None:
                stealth.disturb(pixels, frame.pixels.shape, rng)
        with clock.stage("redact"):
            changes["escalated"] += redaction.redact(pixels, row, style, policy, rng)
            transform.clear_transparent(pixels)
        if raster.pixel_shape != SQUARE and output not in codecs.SHAPED:
            with clock.stage("resize"):
                pixels = transform.squared(pixels, raster.pixel_shape, policy.limits.max_pixels)
        yield replace(frame, pixels=pixels)


def preview(found: Analysis, output: str, policy: Policy, clock: Clock, number: int = 0) -> Scrubbed:
    """One frame with outlines and scores around what would be redacted; nothing is covered, no metadata is left.

    Raises:
        InvalidPolicy: there is no frame of this number.
        EncodeError: the encoder failed.
        VerificationError: a part outside the allow-list was left.
    """
    check_frame("frame", number, len(found.detections))
    frame, row = found.raster.frames[number], found.detections[number]
    captions = [f"{detection.label} {detection.confidence:.2f}" for detection in row]
    pixels = transform.outlined(frame.pixels, [detection.box for detection in row], captions)
    transform.clear_transparent(pixels)
    raster = replace(found.raster, frames=(Frame(pixels),))
    return Scrubbed(*_encode(raster, output, policy, clock))


def covered_frame(
    found: Analysis, output: str, style: Style, policy: Policy, rng: np.random.Generator, clock: Clock, number: int = 0
) -> Scrubbed:
    """One frame as ``scrub`` covers it, by the same steps, at the size and on the grid of the input.

    Raises:
        InvalidPolicy: there is no frame of this number.
        EncodeError, VerificationError: as ``scrub``.
    """
    check_frame("frame", number, len(found.detections))
    rows = [list(row) for row in found.detections]
    spread = redaction.spread_over_neighbours(rows) if is_animation(found) else rows
    raster = replace(found.raster, frames=(Frame(found.raster.frames[number].pixels),))
    alone = replace(found, raster=raster, detections=(tuple(spread[number]),), sizes=(found.sizes[number],))
    return scrub(alone, output, style, replace(policy, stealth=False), rng, clock)


def masks(found: Analysis, policy: Policy) -> tuple[tuple[Mask, ...], ...]:
    """The masks of every detection, per frame, in px of the upright original."""
    return tuple(
        tuple(redaction.mask_of(d, policy, *size) for d in row)
        for size, row in zip(found.sizes, found.detections, strict=True)
    )


def _picture_only(view: memoryview, container: Container[Any]) -> bytes | memoryview:
    """What a decoder gets to see: never a metadata block, and never bytes that it could read in another way than we."""
    if all(part.role in HARMLESS for part in container.parts):
        return view
    return for_decoder(view, container)


def _decode(source: bytes | memoryview, container: Container[Any], policy: Policy) -> Raster:
    """The frames that the policy asks for; all of them, or a refusal."""
    limits, count = policy.limits, 1 if policy.frames == "first" else container.frames
    limits.check("max_total_pixels", container.width * container.height * count)
    held = 1 if output_of(container, policy) in codecs.STREAMED else count
    limits.check("max_samples", container.frame_samples * held)
    decoded = container.frame_samples * container.sample_bytes * max(held, COMPOSED if count > 1 else 1)
    if output_of(container, policy) in codecs.PADDED:
        decoded = max(decoded, MAX_CHANNELS * container.width * container.height)
    limits.check_flat(decoded, _pixels_to_search(container, count, len(source)), len(source))
    raster = codecs.decode(source, container)
    is_turned = container.orientation > transform.HALF_TURNS and raster.orientation == 1  # by its decoder
    across, down = container.pixel_shape
    raster = replace(raster, pixel_shape=(down, across) if is_turned else (across, down))
    if policy.frames == "first":
        return replace(raster, frames=(raster.frames[0],))
    if len(raster.frames) < container.frames:
        raise UnsupportedFeature(
            f'the decoder gives {len(raster.frames)} of {container.frames} frames; frames="first" keeps the first one',
            structure=container.format,
        )
    return raster


def _pixels_to_search(container: Container[Any], count: int, size: int) -> int:
    """The pixels of so many frames, in those of a still, which cost as much to search and to encode.

    A frame of colours takes twice as long as the same pixels in a large still, and the smallest takes 10 ms (measured).
    Larger files hold what they cost: a minute of 720p, or fifty pages, are gone through.
    """
    if count == 1 or size >= SMALL_FILE:
        return container.width * container.height * count
    return count * max(LEAST_FRAME, 2 * container.frame_samples // 3)


def _to_srgb(raster: Raster, container: Container[Any], policy: Policy) -> tuple[Raster, Raster, Colour]:
    """The raster that goes on, the one that is searched, and what the output says again of its samples.

    Both are sRGB, but for an 8-bit PNG that goes on to say what it is. 16-bit samples are brought back to what they
    were at the end: of linear light the low byte, which does not leave, would be missed.
    """
    seen = _each(transform.to_srgb, raster)
    if output_of(container, policy) != "png" or not transform.is_measured(raster.colour):
        return seen, seen, NO_COLOUR
    is_wide = raster.frames[0].pixels.dtype == np.uint16
    return (seen, seen, raster.colour) if is_wide else (raster, seen, NO_COLOUR)


def _each(change: Callable[[Raster], Raster], raster: Raster) -> Raster:
    """A change of every frame, made when its turn comes where the frames are a stream."""
    if not isinstance(raster.frames, FrameStream):
        return change(raster)
    first = change(replace(raster, frames=(raster.frames[0],)))
    frames = raster.frames.mapped(lambda frame: change(replace(raster, frames=(frame,))).frames[0])
    return replace(first, frames=frames)


def is_animation(found: Analysis) -> bool:
    """Whether the frames follow each other in time; a face is covered in the frames beside its own then, too."""
    return len(found.sizes) > 1 and bool(found.raster.frames[0].duration or found.raster.frames[1].duration)


def _plans(
    sizes: Sequence[tuple[int, int]], policy: Policy, rng: np.random.Generator
) -> list[transform.Geometry | None]:
    """The cut of each frame, one for all of a size: an animation must not shake."""
    if not policy.stealth:
        return [None] * len(sizes)
    plans: dict[tuple[int, int], transform.Geometry] = {}
    for size in sizes:
        if size not in plans:
            plans[size] = stealth.plan_geometry(*size, rng)
    return [plans[size] for size in sizes]


def _projected(row: Iterable[Detection], plan: transform.Geometry | None) -> list[Detection]:
    """The detections of a frame at its final size."""
    if plan is None:
        return list(row)
    return [replace(d, box=box) for d in row if (box := plan.project(d.box)) is not None]


def _at_precision(pixels: NDArray[Any], output: str, narrow: bool, seed: int) -> NDArray[Any]:
    """A frame without the bits below those that are searched and shown."""
    if narrow:
        pixels = high_byte(pixels)
    noise = np.random.Generator(np.random.Philox(seed))
    return replace_lowest_bits(pixels, noise, colours=codecs.keeps_lowest_bits(output, pixels))


def _encode(raster: Raster, output: str, policy: Policy, clock: Clock) -> tuple[bytes, Container[Any]]:
    """Encode, take out what the encoder added by itself, and verify."""
    with clock.stage("encode"):
        encoded = codecs.encode(raster, output, policy.quality)
    with clock.stage("verify"):
        try:
            data, _, container = verification.rewrite(memoryview(encoded), policy.limits)
            if container.format == "webp" and webp_recode.needs_recoding(container, len(data)):
                recoded = webp_recode.recode(data, container).data
                if recoded != data:
                    data, container = recoded, verification.verify_clean(recoded, policy.limits)
        except InputError as error:
            raise VerificationError(f"the output cannot be read back: {error}") from error
    return data, container

"""Scrub one image: the whole story on one screen.

clean -> decode -> orient -> to_srgb -> detect -> resize -> redact -> recheck -> encode -> strip -> verify.
Redaction comes after the resize, so that masks cover whole pixels of the picture that leaves and no later step moves an
edge.
"""

from __future__ import annotations

import time
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import chain
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif import codecs, detectors, hidden_pixels, inspection, styles
from rmexif.containers import by_name, rebuild
from rmexif.errors import InputError, InvalidPolicy, UnsupportedFeature, VerificationError
from rmexif.raster import transform
from rmexif.types import CLEAN, Box, Container, Detection, Frame, Policy, Raster

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from numpy.typing import NDArray

    from rmexif.styles import Mask, Style

__all__ = ["Clock", "Found", "Scrubbed", "analyse", "masks", "preview", "scrub"]

SCALE = 0.99  # stealth: sides of the output, as a share of the input's
TINY = 128  # stealth, px: shorter sides are not scaled; a pixel less would be seen, and fine patterns would break
CROP = 0.0025  # stealth: most that is cut from each side, as a share of it
FINE = 1000  # stealth, px: longer sides are cut from a whole pixel on, which is faster, but to a fraction of one
NUDGE = 2048  # stealth, px: one block of 8 x 8 changes its brightness a little for so much area, up to ...
NUDGES = 32  # ... so many, so that flat pictures change too
RECHECK = 0.5  # confidence above which a redacted face counts as still there (redaction.md, C4)
BY_NAME = ("codes", "text")  # detectors that need no settings
LETTERS = frozenset({"code", "text"})  # labels whose detail is a message: nothing of it may stay, so they become solid
LETTER_MARGIN = 0.1  # fraction of the box side
ESCALATION = ("fill", "solid")  # what follows where the chosen style leaves a face


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
class Found:
    """The decoded picture and what is to be redacted in it."""

    raster: Raster  # upright; sRGB, or what a PNG says of its samples in numbers and goes on to say
    detections: tuple[tuple[Detection, ...], ...]  # per frame, in px of the upright original
    search: dict[str, Any]  # what was searched, JSON-ready


@dataclass(frozen=True, slots=True)
class Scrubbed:
    """A finished, verified picture."""

    data: bytes
    container: Container[Any]
    changes: dict[str, Any] = field(default_factory=dict)  # what was done to it, JSON-ready


def analyse(view: memoryview, container: Container[Any], policy: Policy, clock: Clock) -> Found:
    """Decode, turn upright, bring to sRGB, and find what has to be redacted.

    Raises:
        InputError: the bytes do not decode, or not all of their frames.
        DetectionError: a detector failed.
        InvalidPolicy: a region lies outside the picture.
    """
    if container.frames > 1 and policy.frames == "refuse":
        raise UnsupportedFeature(f"{container.format}: {container.frames} frames; the policy refuses more than one")
    with clock.stage("clean"):
        source = _picture_only(view, container)
    with clock.stage("decode"):
        raster = codecs.decode(source, container)
        del source
        if policy.frames == "first":
            raster = replace(raster, frames=raster.frames[:1])
        elif len(raster.frames) < container.frames:
            raise UnsupportedFeature(
                f"{container.format}: the decoder gives {len(raster.frames)} of {container.frames} frames; "
                'frames="first" keeps the first one'
            )
    with clock.stage("colour"):
        raster = transform.orient(raster)
        seen = transform.to_srgb(raster)
        if (policy.output or container.format) != "png" or not transform.is_measured(raster.colour):
            raster = seen
    with clock.stage("detect"):
        by_hand = tuple(Detection(_inside(box, raster), 1.0, "region") for box in policy.regions)
        finders = [_detector(item, policy) for item in policy.detectors if policy.faces or item in BY_NAME]
        search: dict[str, Any] = {"recall": policy.recall if finders else None}
        rows = [_search(finders, _rgb(frame.pixels), search) for frame in seen.frames]
        kept = [tuple(d for d in row if not _kept(d.box, policy.keep_regions)) for row in rows]
    return Found(raster, tuple(row + by_hand for row in kept), search)


def masks(found: Found, policy: Policy) -> tuple[tuple[Mask, ...], ...]:
    """The masks of every detection, per frame, in px of the upright original."""
    return tuple(
        tuple(
            styles.mask_for(d.box, LETTER_MARGIN if d.label in LETTERS else policy.margin, *frame.pixels.shape[:2])
            for d in row
        )
        for frame, row in zip(found.raster.frames, found.detections, strict=True)
    )


def scrub(found: Found, output: str, style: Style, policy: Policy, rng: np.random.Generator, clock: Clock) -> Scrubbed:
    """Redact what was found, encode, and let nothing out that does not verify.

    Raises:
        EncodeError: the encoder failed.
        UnsupportedFeature: several frames into a format that holds one.
        VerificationError: a face or a part outside the allow-list was left.
    """
    module = by_name(output)
    raster = found.raster
    if len(raster.frames) > 1 and not module.format.has_frames:
        raise UnsupportedFeature(
            f"{output} holds one picture, not {len(raster.frames)}; ask for the first frame, or another format"
        )
    changes: dict[str, Any] = {}
    with clock.stage("resize"):
        frames, boxes = _reshape(raster, found.detections, policy, rng)
    with clock.stage("redact"):
        escalated = 0
        for frame, row in zip(frames, _spread(frames, boxes), strict=True):
            escalated += _redact(frame.pixels, row, style, policy, rng)
        changes["escalated"] = escalated
    raster = replace(raster, frames=tuple(transform.clear_hidden(frame) for frame in frames))
    data, container = _finished(raster, output, policy, clock)
    if policy.stealth:
        before, after = (transform.dhash(r.frames[0].pixels) for r in (found.raster, raster))
        changes["perceptual_distance"] = (before ^ after).bit_count()
    return Scrubbed(data, container, changes)


def preview(found: Found, output: str, policy: Policy, clock: Clock) -> Scrubbed:
    """The first frame with outlines and scores around what would be redacted; nothing is covered, no metadata is left.

    Raises:
        EncodeError: the encoder failed.
        VerificationError: a part outside the allow-list was left.
    """
    frame, row = found.raster.frames[0], found.detections[0]
    captions = [f"{detection.label} {detection.confidence:.2f}" for detection in row]
    drawn = replace(frame, pixels=transform.outlined(frame.pixels, [detection.box for detection in row], captions))
    raster = replace(found.raster, frames=(replace(transform.clear_hidden(drawn), duration=0.0),))
    return Scrubbed(*_finished(raster, output, policy, clock))


def _finished(raster: Raster, output: str, policy: Policy, clock: Clock) -> tuple[bytes, Container[Any]]:
    """Encode, take out what the encoder added by itself, and verify."""
    with clock.stage("encode"):
        encoded = codecs.encode(raster, output, policy.quality)
    with clock.stage("verify"):
        try:
            data, _, container = inspection.rewrite(memoryview(encoded), policy.limits)
            if hidden_pixels.in_question(container, len(data)):
                settled, _, _ = hidden_pixels.settled(data, container)
                if settled != data:
                    data, container = settled, inspection.verify_clean(settled, policy.limits)
        except InputError as error:
            raise VerificationError(f"the output cannot be read back: {error}") from error
    return data, container


def _picture_only(view: memoryview, container: Container[Any]) -> bytes | memoryview:
    """What a decoder gets to see: never a metadata block, and never bytes that it could read in another way than we."""
    if all(part.role in CLEAN for part in container.parts):
        return view
    return rebuild(view, container)


def _detector(item: Any, policy: Policy) -> Any:
    if not isinstance(item, str):
        return item
    if item == "centerface":
        return detectors.CenterFace(policy.recall, policy.min_confidence)
    if item in BY_NAME:
        return detectors.DETECTORS[item]()
    raise InvalidPolicy(f"detectors: {item!r} is no name; the names are centerface, {', '.join(BY_NAME)}")


def _search(finders: Sequence[Any], rgb: NDArray[np.uint8], search: dict[str, Any]) -> tuple[Detection, ...]:
    """Ask every detector; what was searched is noted for the first frame (all frames of a file are alike)."""
    found: list[Detection] = []
    for finder in finders:
        if not hasattr(finder, "search"):
            found += finder.detect(np.ascontiguousarray(rgb))
            continue
        result = finder.search(rgb)
        found += result.detections
        search.setdefault("levels", list(result.levels))
        search.setdefault("min_face_px", result.min_face_px)
        search.setdefault("max_face_px", result.max_face_px)
        search["rejected"] = search.get("rejected", 0) + result.rejected
    return tuple(detectors.merge(found)) if len(finders) > 1 else tuple(found)


def _rgb(stored: NDArray[Any]) -> NDArray[np.uint8]:
    """A frame as a detector wants it: H x W x 3, 8 bit; a view where that is possible."""
    colour = stored[:, :, : 1 if stored.shape[2] < 3 else 3]
    if colour.dtype == np.uint16:
        colour = (colour >> 8).astype(np.uint8)
    return np.repeat(colour, 3, axis=2) if colour.shape[2] == 1 else colour


def _inside(box: Box, raster: Raster) -> Box:
    clipped = Box(max(0, box.left), max(0, box.top), min(raster.width, box.right), min(raster.height, box.bottom))
    if clipped.width < 1 or clipped.height < 1:
        raise InvalidPolicy(f"regions: a region lies outside the picture of {raster.width} x {raster.height} px")
    return clipped


def _kept(box: Box, keep: Sequence[Box]) -> bool:
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return any(k.left <= x < k.right and k.top <= y < k.bottom for k in keep)


def _reshape(
    raster: Raster, found: Sequence[Sequence[Detection]], policy: Policy, rng: np.random.Generator
) -> tuple[list[Frame], list[list[Detection]]]:
    """The frames at their final size, writable, and the detections on them."""
    if not policy.stealth:
        copies = [replace(frame, pixels=transform.duplicate(frame.pixels)) for frame in raster.frames]
        return copies, [list(row) for row in found]
    plans: dict[tuple[int, int], transform.Geometry] = {}
    frames, boxes = [], []
    for frame, row in zip(raster.frames, found, strict=True):
        height, width = frame.pixels.shape[:2]
        if (height, width) not in plans:  # one cut for all frames: an animation must not shake
            plans[height, width] = _plan(height, width, rng)
        plan = plans[height, width]
        small = transform.resize(frame.pixels, plan)
        _disturb(small, frame.pixels.shape, rng)
        frames.append(replace(frame, pixels=small))
        boxes.append([replace(d, box=box) for d in row if (box := plan.project(d.box)) is not None])
    return frames, boxes


def _plan(height: int, width: int, rng: np.random.Generator) -> transform.Geometry:
    """0.99x with a fresh crop: other pixels meet other pixels on every run, at sub-pixel phases."""
    left, right, to_width = _cut(width, rng)
    top, bottom, to_height = _cut(height, rng)
    return transform.Geometry(left, top, right, bottom, to_width, to_height)


def _cut(length: int, rng: np.random.Generator) -> tuple[float, float, int]:
    """First and last px of one side, and its new length; a side that is too short to scale stays as it is."""
    if length < TINY:
        return 0, length, length
    scaled = 2 * round(length * SCALE / 2)  # even: half-resolution colour then needs no crop mark (HEVC, AV1)
    start, stop = rng.uniform(0, length * CROP, 2)
    if length >= FINE:
        return int(start), float(length - stop), scaled
    return float(start), float(length - stop), scaled


def _disturb(stored: NDArray[Any], before: tuple[int, ...], rng: np.random.Generator) -> None:
    """Change what a resize leaves alone: the lowest bits of a picture too small to scale, the level of a flat one."""
    height, width, channels = stored.shape
    colours = stored[:, :, : channels if channels in (1, 3) else channels - 1]
    unit, most = (257, 65535) if stored.dtype == np.uint16 else (1, 255)
    if (height, width) == before[:2]:
        noise = rng.integers(-unit, unit, colours.shape, endpoint=True)
        colours[:] = (colours + noise).clip(0, most)
        return
    for _ in range(min(NUDGES, 1 + height * width // NUDGE)):
        y, x = int(rng.integers(0, max(1, height - 7))), int(rng.integers(0, max(1, width - 7)))
        block = colours[y : y + 8, x : x + 8]
        block[:] = (block + rng.integers(-2, 3, colours.shape[2]) * unit).clip(0, most)


def _spread(frames: Sequence[Frame], boxes: Sequence[list[Detection]]) -> list[list[Detection]]:
    """In an animation a face is masked in the frames beside the one it was found in, too: it blinks, we do not."""
    if len(frames) < 2 or not any(frame.duration for frame in frames):
        return list(boxes)
    return [list(dict.fromkeys(chain.from_iterable(boxes[max(0, i - 1) : i + 2]))) for i in range(len(boxes))]


def _covers(stored: NDArray[Any], row: Sequence[Detection], policy: Policy) -> tuple[list[Mask], list[Mask]]:
    """The masks of faces and regions, and those of codes and text."""
    size = stored.shape[:2]
    faces = [styles.mask_for(d.box, policy.margin, *size) for d in row if d.label not in LETTERS]
    return faces, [styles.mask_for(d.box, LETTER_MARGIN, *size) for d in row if d.label in LETTERS]


def _redact(
    stored: NDArray[Any], row: Sequence[Detection], style: Style, policy: Policy, rng: np.random.Generator
) -> int:
    """Cover what was found; where the detector still sees a face, cover it harder; how often that was needed."""
    covers, letters = _covers(stored, row, policy)
    if letters:
        styles.by_name("solid").redact(stored, letters, rng)
    if not covers:
        return 0
    style.redact(stored, covers, rng)
    if policy.allow_weak:
        return 0
    watch = detectors.CenterFace()
    escalated = 0
    for name in (*ESCALATION, None):
        seen = watch.found_in(_rgb(stored), [cover.region for cover in covers])
        covers = [cover for cover, sure in zip(covers, seen, strict=True) if sure >= RECHECK]
        if not covers:
            return escalated
        if name is None:
            raise VerificationError(f"{len(covers)} faces can still be found after redaction")
        escalated += len(covers)
        styles.by_name(name).redact(stored, covers, rng)
    return escalated

"""Every detector of a policy, asked about every view of every frame; and the places that are given by hand."""

from __future__ import annotations

import math
from itertools import product
from typing import TYPE_CHECKING, Any

import numpy as np

from rmexif import detectors
from rmexif.errors import DetectionError, InvalidPolicy, RmexifError
from rmexif.policy import FrameBox
from rmexif.raster.alpha import shown_views
from rmexif.types import Box, Detection

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from numpy.typing import NDArray

    from rmexif.detectors import Detector
    from rmexif.policy import Policy
    from rmexif.types import Raster

__all__ = ["check_frame", "detect"]


def detect(
    seen: Raster, policy: Policy, search: dict[str, Any]
) -> tuple[tuple[tuple[Detection, ...], ...], tuple[tuple[int, int], ...]]:
    """What is to be redacted, per frame, and the size of each.

    Args:
        seen: the frames as viewers show them, in sRGB.
        policy: what to search for, and the places that are given by hand.
        search: takes what was searched, JSON-ready.

    Raises:
        DetectionError: a detector failed.
        InvalidPolicy: a region lies outside the picture, or names a frame that there is not.
    """
    by_hand = [(box, Detection(_inside(box, seen), 1.0, "region")) for box in policy.regions]
    for name, boxes in (("regions", policy.regions), ("keep_regions", policy.keep_regions)):
        for box in boxes:
            check_frame(f"the frame of {name}", getattr(box, "frame", 0), len(seen.frames))
    finders = _finders(policy)
    search["recall"] = policy.recall if finders else None
    if models := [finder.describe() for finder in finders if isinstance(finder, detectors.Described)]:
        search["models"] = models
    rows, sizes = [], []
    for number, frame in enumerate(seen.frames):
        row = _search(finders, shown_views(frame.pixels), search) if finders else ()
        keep = [box for box in policy.keep_regions if _counts_in(box, number)]
        covers = [found for box, found in by_hand if _counts_in(box, number)]
        rows.append((*(d for d in row if not _is_kept(d.box, keep)), *covers))
        sizes.append(frame.pixels.shape[:2])
    return tuple(rows), tuple(sizes)


def _finders(policy: Policy) -> list[Detector]:
    """The detectors of the policy; without ``faces`` those of other things, which are asked for by their names."""
    asked = [item for item in policy.detectors if policy.faces or (isinstance(item, str) and not _finds_faces(item))]
    asked += [f"onnx:{item}" for item in policy.models]
    found = [detectors.build(item, policy) for item in asked]
    return [finder for finder in found if policy.faces or getattr(finder, "label", None) != "face"]


def _finds_faces(name: str) -> bool:
    return detectors.DETECTORS[name.partition(":")[0]].finds == "face"


def _search(
    finders: Sequence[Detector], views: Iterable[NDArray[np.uint8]], search: dict[str, Any]
) -> tuple[Detection, ...]:
    """Ask every detector about every view of a frame.

    What was searched is noted for the first frame: all frames of a file, and all views of one, are alike.
    """
    found: list[Detection] = []
    asked = 0
    for rgb, finder in product(views, finders):
        asked += 1
        if not isinstance(finder, detectors.Searching):
            found += _ask(finder, np.ascontiguousarray(rgb))
            continue
        result = finder.search(rgb)
        found += result.detections
        search.setdefault("levels", list(result.levels))
        search.setdefault("min_face_px", result.min_face_px)
        search.setdefault("max_face_px", result.max_face_px)
        search["rejected"] = search.get("rejected", 0) + result.rejected
    return tuple(detectors.merge(found)) if asked > 1 else tuple(found)


def _ask(finder: Detector, rgb: NDArray[np.uint8]) -> list[Detection]:
    """What a detector found, in whole px and plain numbers, as a report has them; it may be of the caller's own.

    Raises:
        DetectionError: it failed, or gave something else; never "no faces".
    """
    try:
        return [_checked(found, rgb.shape) for found in finder.detect(rgb)]
    except (RmexifError, MemoryError, RecursionError, ModuleNotFoundError):
        raise
    except Exception as error:
        raise DetectionError(f"a detector failed with {type(error).__name__}") from None


def _checked(found: Detection, shape: tuple[int, ...]) -> Detection:
    if not isinstance(found, Detection) or not isinstance(found.label, str):
        raise DetectionError("a detector must give Detection objects with a label that is a text")
    sides, sureness = [float(side) for side in found.box.as_list()], float(found.confidence)
    if not all(map(math.isfinite, (*sides, sureness))):
        raise DetectionError("a detector gave a box or a confidence that is not finite")
    box = Box(*map(math.floor, sides[:2]), *map(math.ceil, sides[2:]))
    if box.width < 1 or box.height < 1 or box.clipped(shape[1], shape[0]) is None:
        raise DetectionError(f"a detector gave a box that is empty, or outside {shape[1]} x {shape[0]} px")
    return Detection(box, sureness, found.label)


def _inside(box: Box, raster: Raster) -> Box:
    """A region cut to the picture."""
    clipped = box.clipped(raster.width, raster.height)
    if clipped is None:
        raise InvalidPolicy(f"regions must lie inside the picture of {raster.width} x {raster.height} px")
    return clipped


def _counts_in(box: Box, number: int) -> bool:
    return not isinstance(box, FrameBox) or box.frame == number


def check_frame(name: str, number: int, count: int) -> None:
    """Raise InvalidPolicy where there is no frame of this number.

    Args:
        name: what names it, for the message.
        number: from 0.
        count: frames.
    """
    if not 0 <= number < count:
        raise InvalidPolicy(f"{name} must be from 0 to {count - 1}, got {number}")


def _is_kept(box: Box, keep: Sequence[Box]) -> bool:
    """Whether the centre of a detection lies in a region that the caller wants to leave."""
    x, y = (box.left + box.right) / 2, (box.top + box.bottom) / 2
    return any(k.left <= x < k.right and k.top <= y < k.bottom for k in keep)

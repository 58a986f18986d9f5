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


# Px of the network that cost what covering a detection and checking that does, in its frame and those beside it; of a
# crowd each costs less (measured).
CROWD, COVER, COVER_IN_CROWD = 32, 96_000, 24_000


def detect(
    seen: Raster, policy: Policy, search: dict[str, Any], size: int
) -> tuple[tuple[tuple[Detection, ...], ...], tuple[tuple[int, int], ...]]:
    """What is to be redacted, per frame, and the size of each.

    Args:
        seen: the frames as viewers show them, in sRGB.
        policy: what to search for, and the places that are given by hand.
        search: takes what was searched, JSON-ready.
        size: of the file, byte.

    Raises:
        DetectionError: a detector failed.
        InvalidPolicy: a region lies outside the picture, or names a frame that there is not.
        LimitExceeded: the frames of a small file cost more than the policy's limits allow.
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
    finding = _Finding(finders, search)
    for number, frame in enumerate(seen.frames):
        row = finding.in_frame(frame.pixels) if finders else ()
        if number:
            policy.limits.check_searched(finding.spent, size)
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


class _Finding:
    """The detectors of a policy, asked about one frame after the other.

    Args:
        finders: the detectors.
        search: takes what was searched, of the first frame: all frames of a file, and all views of one, are alike.
    """

    def __init__(self, finders: Sequence[Detector], search: dict[str, Any]) -> None:
        self._finders, self._search = finders, search
        self._pixels: NDArray[Any] | None = None  # of the frame that was searched last, and what was found in it
        self._found: tuple[Detection, ...] = ()
        self.spent = 0  # px of the network, for all frames so far, and for covering what was found

    def in_frame(self, pixels: NDArray[Any]) -> tuple[Detection, ...]:
        """What every detector finds in any view of a frame; one that is as the frame before is not searched again."""
        if self._pixels is None or not np.array_equal(pixels, self._pixels):
            self._pixels, self._found = pixels, self._in_views(shown_views(pixels))
        alone = min(CROWD, len(self._found))
        self.spent += COVER * alone + COVER_IN_CROWD * (len(self._found) - alone)
        return self._found

    def _in_views(self, views: Iterable[NDArray[np.uint8]]) -> tuple[Detection, ...]:
        found: list[Detection] = []
        asked = 0
        for rgb, finder in product(views, self._finders):
            asked += 1
            if not isinstance(finder, detectors.Searching):
                found += _ask(finder, np.ascontiguousarray(rgb))
                continue
            result = finder.search(rgb)
            found += result.detections
            self._search.setdefault("levels", list(result.levels))
            self._search.setdefault("min_face_px", result.min_face_px)
            self._search.setdefault("max_face_px", result.max_face_px)
            self._search["rejected"] = self._search.get("rejected", 0) + result.rejected
            self.spent += result.network_px
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

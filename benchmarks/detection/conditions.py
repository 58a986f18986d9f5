"""How well faces are covered where pictures are worse than those of the set: its own pictures, changed by a condition each.

    python -m benchmarks.detection.conditions FACES [--recall balanced] [--only dark turned-15 ...] [--every N]

FACES is a folder with annotations.json and images/, as for ``run.py``. One row per condition: share of the faces of which
80 % lie under the reported boxes, by level of the set's own heights brought to the changed picture; how many more or fewer
faces are counted than are annotated, over the pictures without ignored places; and face-free pictures that are touched.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from benchmarks.detection.coverage import Tally, painted
from numpy.typing import NDArray
from PIL import Image, ImageOps

from rmexif.detectors import CenterFace
from rmexif.policy import Policy
from rmexif.styles import mask_for

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

LEAST = 12  # px: faces that become smaller than this are no longer asked for
LARGEST = 2_400  # px: longer side from which pictures are halved first, so that a run takes minutes
Rgb = NDArray[np.uint8]


@dataclass(frozen=True)
class Scene:
    """A picture and its annotation: faces and ignored places, each x, y, w, h in px."""

    rgb: Rgb
    faces: NDArray[np.float64]
    ignore: NDArray[np.float64]

    def row(self) -> dict:
        """As ``Tally`` takes it; faces that are too small now are ignored places."""
        small = [box for box in self.faces if box[3] < LEAST]
        faces = [box for box in self.faces if box[3] >= LEAST]
        named = [[dict(zip("xywh", box, strict=True)) for box in boxes] for boxes in (faces, [*self.ignore, *small])]
        return {"faces": named[0], "ignore": named[1]}


def warped(scene: Scene, matrix: NDArray[np.float64], size: tuple[int, int]) -> Scene:
    """A scene through an affine map; a box becomes the bounds of the ellipse in it.

    Args:
        scene: what is mapped.
        matrix: 2 x 3.
        size: px, width and height of the result.
    """
    shrinks = abs(np.linalg.det(matrix[:, :2])) < 1
    rgb = cv2.warpAffine(scene.rgb, matrix, size, flags=cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC)

    def boxes(found: NDArray[np.float64]) -> NDArray[np.float64]:
        centre = (found[:, :2] + found[:, 2:] / 2) @ matrix[:, :2].T + matrix[:, 2]
        half = np.sqrt((found[:, 2:] / 2) ** 2 @ matrix[:, :2].T ** 2)
        return np.concatenate([centre - half, 2 * half], axis=1)

    return Scene(rgb, boxes(scene.faces), boxes(scene.ignore))


def scaled(across: float, down: float) -> Callable[[Scene], Scene]:
    """Larger or smaller, by a factor along each axis."""

    def change(scene: Scene) -> Scene:
        height, width = scene.rgb.shape[:2]
        size = max(1, round(width * across)), max(1, round(height * down))
        mode = cv2.INTER_AREA if across <= 1 and down <= 1 else cv2.INTER_CUBIC
        factors = np.array([across, down, across, down])
        return Scene(cv2.resize(scene.rgb, size, interpolation=mode), scene.faces * factors, scene.ignore * factors)

    return change


def turned(degrees: float) -> Callable[[Scene], Scene]:
    """Rotated, on a canvas that holds all of it."""

    def change(scene: Scene) -> Scene:
        height, width = scene.rgb.shape[:2]
        matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1)
        size = np.ceil(np.abs(matrix[:, :2]) @ (width, height)).astype(int)
        matrix[:, 2] += (size - (width, height)) / 2
        return warped(scene, matrix, (int(size[0]), int(size[1])))

    return change


def mirrored(scene: Scene) -> Scene:
    """Left for right."""
    width = scene.rgb.shape[1]
    return warped(scene, np.array([[-1.0, 0, width - 1], [0, 1, 0]]), (width, scene.rgb.shape[0]))


def toned(change: Callable[[Rgb], NDArray]) -> Callable[[Scene], Scene]:
    """Another value for every pixel, at the same places."""
    return lambda scene: Scene(np.clip(change(scene.rgb), 0, 255).astype(np.uint8), scene.faces, scene.ignore)


def gamma(exponent: float) -> Callable[[Scene], Scene]:
    """Darker above 1."""
    return toned(lambda rgb: 255 * (rgb / 255) ** exponent)


def noise(sigma: float) -> Callable[[Scene], Scene]:
    """As of a small sensor, grey levels."""
    return toned(lambda rgb: rgb + np.random.default_rng(1).normal(0, sigma, rgb.shape))


def jpeg(quality: int) -> Callable[[Scene], Scene]:
    """Stored once more."""

    def change(rgb: Rgb) -> Rgb:
        data = cv2.imencode(".jpg", rgb[:, :, ::-1], [cv2.IMWRITE_JPEG_QUALITY, quality])[1]
        return cv2.imdecode(data, cv2.IMREAD_COLOR)[:, :, ::-1]

    return toned(change)


def grey(rgb: Rgb) -> Rgb:
    """Luma in all channels."""
    return np.repeat(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY)[:, :, None], 3, axis=2)


def streak(rgb: Rgb) -> Rgb:
    """Moved by 1 % of the longer side while it was taken."""
    reach = max(3, round(max(rgb.shape[:2]) / 100))
    return cv2.blur(rgb, (reach, 1))


def cut(scene: Scene) -> Scene:
    """Cropped so that the border runs through the first face, a third of it outside; nothing to do without faces."""
    if not len(scene.faces):
        return scene
    x, _, w, _ = scene.faces[0]
    left = max(0, round(x + w / 3))
    shift = np.array([left, 0, 0, 0])

    def inside(boxes: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        moved = boxes - shift
        right = moved[:, 0] + moved[:, 2]
        moved[:, 0] = np.maximum(moved[:, 0], 0)
        moved[:, 2] = right - moved[:, 0]
        return moved, moved[:, 2] > 0.6 * boxes[:, 2]

    (faces, seen), (ignore, _) = inside(scene.faces), inside(scene.ignore)
    rest = [box for box in faces[~seen] if box[2] > 0]
    return Scene(
        np.ascontiguousarray(scene.rgb[:, left:]),
        faces[seen],
        np.concatenate([ignore[ignore[:, 2] > 0], np.reshape(rest, (-1, 4))]),
    )


SEPIA = np.array([[0.393, 0.769, 0.189], [0.349, 0.686, 0.168], [0.272, 0.534, 0.131]])
CONDITIONS: dict[str, Callable[[Scene], Scene]] = {
    "as-it-is": lambda scene: scene,
    "x0.35": scaled(0.35, 0.35),
    "x0.5": scaled(0.5, 0.5),
    "x0.7": scaled(0.7, 0.7),
    "x1.5": scaled(1.5, 1.5),
    "x2": scaled(2, 2),
    "jpeg-20": jpeg(20),
    "jpeg-40": jpeg(40),
    "grey": toned(grey),
    "sepia": toned(lambda rgb: rgb @ SEPIA.T),
    "blurred": toned(lambda rgb: cv2.GaussianBlur(rgb, (0, 0), 1.5)),
    "streaked": toned(streak),
    "bright": gamma(0.4),
    "dark": gamma(2.5),
    "pale": toned(lambda rgb: rgb * 0.25 + 120),
    "noise-15": noise(15),
    "noise-30": noise(30),
    "mirrored": mirrored,
    "turned-15": turned(15),
    "turned-30": turned(-30),
    "turned-90": turned(90),
    "turned-180": turned(180),
    "cut": cut,
    "wide-1.5": scaled(1.5, 1),
    "tall-1.5": scaled(1, 1.5),
    "wide-2": scaled(1.4, 0.7),
    "tall-2": scaled(0.7, 1.4),
    "wide-3": scaled(1.7, 0.57),
    "tall-3": scaled(0.57, 1.7),
}


def scenes(folder: Path, every: int = 1) -> Iterator[tuple[str, Scene]]:
    """The pictures of a set by name, upright."""
    for row in json.loads((folder / "annotations.json").read_text())[::every]:
        picture = ImageOps.exif_transpose(Image.open(folder / "images" / row["file"])).convert("RGB")
        boxes = [
            np.array([[box[name] for name in "xywh"] for box in row.get(kind, [])], float).reshape(-1, 4)
            for kind in ("faces", "ignore")
        ]
        scene = Scene(np.asarray(picture), boxes[0], boxes[1])
        yield row["file"], scaled(0.5, 0.5)(scene) if max(picture.size) > LARGEST else scene


def regions(rgb: Rgb, finder: CenterFace) -> list[list[float]]:
    """What would be covered: x, y, w, h of every mask."""
    masks = [mask_for(found.box, Policy().margin, *rgb.shape[:2]).region for found in finder.detect(rgb)]
    return [[box.left, box.top, box.width, box.height] for box in masks]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--recall", default="balanced", choices=("balanced", "high", "max"))
    parser.add_argument("--only", nargs="*", default=list(CONDITIONS), choices=CONDITIONS, metavar="CONDITION")
    parser.add_argument("--every", type=int, default=1, help="take one picture in N")
    options = parser.parse_args()
    finder = CenterFace(options.recall)
    print("| condition | all | easy | medium | hard | face-free touched | stray areas | beside | counted - annotated |")
    print("|---" * 9 + "|")
    for name in options.only:
        tally, surplus = Tally(), 0
        for _, scene in scenes(options.faces, options.every):
            changed = CONDITIONS[name](scene)
            found, row = regions(changed.rgb, finder), changed.row()
            tally.add(row, painted(changed.rgb.shape, found))
            surplus += 0 if row["ignore"] else len(found) - len(row["faces"])
        print(f"| {name} | {tally.cells()} | {surplus:+d} |", flush=True)


if __name__ == "__main__":
    main()

"""Fetch a set for ``run.py`` that anybody may have: faces and face-free pictures of Open Images V7, validation.

    python -m benchmarks.detection.open_images FOLDER [--faces 200] [--free 60] [--seed 1]

Annotations are Google's (CC BY 4.0), pictures their authors' (listed as CC BY 2.0; SOURCES below says where). Nothing of
either is in this repository. FOLDER gets images/, annotations.json with address, author and licence of every picture, and
the lists as they came. Pictures with faces are those whose "Human face" was verified and boxed; boxes of groups, of drawn
faces and of less than 12 px are ignored places. Face-free ones are those where people verified that there is no face,
head or person. A picture is left out that has to be rotated, because its boxes are of the rotated one.

Faces under other labels (a boxed "Person" whose face nobody boxed) stay a weakness of the set: look at what is missed.
"""

from __future__ import annotations

import argparse
import csv
import json
import random
import urllib.request
from collections import defaultdict
from pathlib import Path

from PIL import Image

STORE = "https://storage.googleapis.com/openimages"
SOURCES = {
    "boxes.csv": f"{STORE}/v5/validation-annotations-bbox.csv",
    "labels.csv": f"{STORE}/v5/validation-annotations-human-imagelabels-boxable.csv",
    "pictures.csv": f"{STORE}/2018_04/validation/validation-images-with-rotation.csv",
}
PICTURE = "https://open-images-dataset.s3.amazonaws.com/validation/{}.jpg"
FACE = "/m/0dzct"  # "Human face"
PEOPLE = {FACE: "Human face", "/m/04hgtk": "Human head", "/m/01g317": "Person"}
SMALLEST = 12  # px: side below which a face is no face that anybody could label


def fetch(address: str, place: Path) -> Path:
    """A file, unless it is there."""
    if not place.exists():
        part = place.with_suffix(".part")
        urllib.request.urlretrieve(address, part)
        part.rename(place)
    return place


def read(place: Path) -> list[dict[str, str]]:
    with place.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def choose(labels, pictures, faces: int, free: int, rng: random.Random) -> tuple[list[str], list[str]]:
    """Identifiers of pictures with faces, and of those without."""
    upright = {row["ImageID"] for row in pictures if row.get("Rotation", "") in ("", "0", "0.0")}
    verified = defaultdict(dict)
    for row in labels:
        verified[row["ImageID"]][row["LabelName"]] = float(row["Confidence"])
    known = sorted(upright & set(verified))
    with_faces = [name for name in known if verified[name].get(FACE) == 1]
    without = [
        name
        for name in known
        if verified[name].get(FACE) == 0 and not any(verified[name].get(label) for label in PEOPLE)
    ]
    return rng.sample(with_faces, min(faces, len(with_faces))), rng.sample(without, min(free, len(without)))


def annotation(name: str, size: tuple[int, int], boxes, about: dict[str, str]) -> dict:
    """One row of annotations.json, boxes in px."""
    width, height = size
    row = {
        "file": f"{name}.jpg",
        "width": width,
        "height": height,
        "source": about.get("OriginalLandingURL", ""),
        "author": about.get("Author", ""),
        "licence": about.get("License", ""),
        "faces": [],
        "ignore": [],
    }
    for box in boxes:
        left, right = float(box["XMin"]) * width, float(box["XMax"]) * width
        top, bottom = float(box["YMin"]) * height, float(box["YMax"]) * height
        face = {"x": left, "y": top, "w": right - left, "h": bottom - top}
        vague = box["IsGroupOf"] == "1" or box["IsDepiction"] == "1"
        row["ignore" if vague or min(face["w"], face["h"]) < SMALLEST else "faces"].append(face)
    return row


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--faces", type=int, default=200, help="pictures with faces")
    parser.add_argument("--free", type=int, default=60, help="pictures without")
    parser.add_argument("--seed", type=int, default=1)
    options = parser.parse_args()
    images = options.folder / "images"
    images.mkdir(parents=True, exist_ok=True)
    lists = {name: read(fetch(address, options.folder / name)) for name, address in SOURCES.items()}
    chosen = choose(
        lists["labels.csv"], lists["pictures.csv"], options.faces, options.free, random.Random(options.seed)
    )
    about = {row["ImageID"]: row for row in lists["pictures.csv"]}
    boxes = defaultdict(list)
    for row in lists["boxes.csv"]:
        if row["LabelName"] == FACE:
            boxes[row["ImageID"]].append(row)
    rows = []
    for name in (*chosen[0], *chosen[1]):
        place = fetch(PICTURE.format(name), images / f"{name}.jpg")
        with Image.open(place) as picture:
            rows.append(annotation(name, picture.size, boxes[name], about[name]))
    (options.folder / "annotations.json").write_text(json.dumps(rows, indent=1), encoding="utf-8")
    print(f"{len(rows)} pictures, {sum(len(row['faces']) for row in rows)} faces in {options.folder}")


if __name__ == "__main__":
    main()

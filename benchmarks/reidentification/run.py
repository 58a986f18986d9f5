"""The parrot attack: can a recogniser whose gallery was redacted the same way still tell people apart?

Every style is applied to the annotated boxes (a perfect detector), several times with fresh grain, because one
picture more or less is a large step on a small set. The recognisers and the measures are those of the face set's
own ``reid_eval.py``; nothing is written to disk. See README.md for the environment.
"""

from __future__ import annotations

import argparse
import csv
import importlib.util
import json
import math
import sys
from pathlib import Path

import cv2
import numpy as np

from rmexif.styles import Blur, Fill, Gaussian, Pixelate, Solid, mask_for
from rmexif.types import Box

MARGIN = 0.25  # the policy's default


def box_of(record):
    face = record["face"]
    right, bottom = face["x"] + face["w"], face["y"] + face["h"]
    return Box(int(face["x"]), int(face["y"]), math.ceil(right), math.ceil(bottom))


def styled(style):
    """A style of ours under its default mask."""

    def redact(pixels, record, rng):
        height, width = pixels.shape[:2]
        style.redact(pixels, [mask_for(box_of(record), MARGIN, height, width)], rng)

    return redact


def boxed(change):
    """What other tools do: the box itself, as a rectangle."""

    def redact(pixels, record, rng):
        box = box_of(record)
        view = pixels[max(0, box.top) : box.bottom, max(0, box.left) : box.right]
        view[...] = change(np.ascontiguousarray(view))

    return redact


def classic_gauss(view):
    return cv2.GaussianBlur(view, ((max(view.shape[:2]) // 2) | 1,) * 2, 30)


def classic_mosaic(view):
    small = cv2.resize(view, (8, 8), interpolation=cv2.INTER_AREA)
    return cv2.resize(small, view.shape[1::-1], interpolation=cv2.INTER_NEAREST)


METHODS = {
    "box: Gaussian k=W/2 sigma 30": boxed(classic_gauss),
    "box: mosaic 8 x 8": boxed(classic_mosaic),
    "box: black": boxed(np.zeros_like),
    "gaussian": styled(Gaussian()),
    "pixelate": styled(Pixelate()),
    "blur": styled(Blur()),
    "blur, 0 bits": styled(Blur(luma_bits=0, tone_bits=0)),
    "blur, 4 bits": styled(Blur(luma_bits=2, tone_bits=2)),
    "blur, 12 bits": styled(Blur(luma_bits=6, tone_bits=6)),
    "fill": styled(Fill()),
    "solid": styled(Solid()),
    "solid black": styled(Solid((0, 0, 0))),
}


def measure(tool, records, pairs, galleries):
    """(rank-1, TAR at FAR 1 %, AUC) of one setting."""
    same, different = [], []
    for probe, gallery in galleries:
        for a, b, is_same in pairs:
            (same if is_same else different).append(float(np.linalg.norm(probe[a] - gallery[b])))
    found = tool.metrics(same, different)
    rank, _chance = tool.rank1(*galleries[-1], records)
    return rank, found["TAR_at_FAR1%"], found["AUC"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("faces", type=Path, help="folder that holds reid_eval.py and reid/")
    parser.add_argument("--embed", nargs="+", choices=("dlib", "pixels"), default=["dlib", "pixels"])
    parser.add_argument("--method", nargs="+", choices=METHODS, default=list(METHODS))
    parser.add_argument("--seeds", type=int, default=8, help="runs with fresh grain")
    options = parser.parse_args()

    spec = importlib.util.spec_from_file_location("reid_eval", options.faces / "reid_eval.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    records = json.loads((options.faces / "reid" / "annotations.json").read_text("utf-8"))
    with (options.faces / "reid" / "pairs.csv").open(encoding="utf-8") as file:
        pairs = [(row["file_a"], row["file_b"], row["same"] == "1") for row in csv.DictReader(file)]
    folder = options.faces / "reid" / "images"
    pictures = {r["file"]: tool.load(str(folder / r["file"]), r["width"], r["height"]) for r in records}

    print("| redaction | embedding | clean gallery: rank-1 | TAR | AUC | parrot: rank-1 | TAR | AUC |")
    print("|---|---|---|---|---|---|---|---|")
    for embed in options.embed:
        network = tool.Dlib(None, embed)
        clean = {r["file"]: network(pictures[r["file"]], r, "aligned") for r in records}
        rank, tar, auc = measure(tool, records, pairs, [(clean, clean)])
        print(f"| none | {embed} | {rank:.3f} | {tar:.3f} | {auc:.3f} | | | |")
        for name in options.method:
            rows = []
            for seed in range(1 if name.startswith("box:") else options.seeds):
                rng = np.random.default_rng(seed)
                hidden = {}
                for record in records:
                    pixels = pictures[record["file"]].copy()
                    METHODS[name](pixels, record, rng)
                    hidden[record["file"]] = network(pixels, record, "aligned")
                known = measure(tool, records, pairs, [(clean, hidden), (hidden, clean)])
                rows.append([*known, *measure(tool, records, pairs, [(hidden, hidden)])])
            mean, spread = np.mean(rows, axis=0), np.std(rows, axis=0)
            cells = [f"{m:.3f} ± {s:.3f}" if s else f"{m:.3f}" for m, s in zip(mean, spread, strict=True)]
            print(f"| {name} | {embed} | {' | '.join(cells)} |")
            sys.stdout.flush()
    _, chance = tool.rank1(clean, clean, records)
    print(f"\nchance: rank-1 {chance:.3f}; {len(records)} pictures, {len(pairs)} pairs, {options.seeds} runs each")


if __name__ == "__main__":
    main()

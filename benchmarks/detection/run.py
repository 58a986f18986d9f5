"""How well faces are covered, how fast, and in how much memory: our plans, and others beside them in the same run.

    python -m benchmarks.detection.run FACES [--plans balanced high max] [--deface PYTHON] [--yunet FILE] [--every N]

FACES is a folder with annotations.json and images/; ``open_images.py`` makes one of freely licensed pictures. --deface
names an interpreter that has deface 1.5 (``python -m venv x; x/bin/pip install deface onnx onnxruntime``); it runs with its
defaults, with both of its back ends. One tool, one process: memory is the peak of each. Two tables: by the boxes that a tool
reports, and by the pixels that it changed. Seconds are those of finding and covering on one
processor, without reading and writing files.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
from benchmarks.detection.coverage import Tally, changed, painted
from PIL import Image, ImageOps

WORKER = Path(__file__).with_name("worker.py")
BACKENDS = ("onnxrt", "opencv")  # of deface
LARGE = (4032, 3024)  # px: what a telephone takes
HEAD = "| tool | all | easy | medium | hard | face-free touched | stray areas | beside |"


class Tool:
    """A worker process, and what it has done so far."""

    def __init__(self, name: str, command: list[str]) -> None:
        self.name = name
        self.boxes, self.pixels = Tally(), Tally()
        self.seconds, self.megapixels, self.failed = 0.0, 0.0, 0
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "text": True}
        self._process = subprocess.Popen(command, **pipes)

    def ask(self, *line: str) -> dict:
        """One answer."""
        self._process.stdin.write(json.dumps(line) + "\n")
        self._process.stdin.flush()
        return self._answer()

    def end(self) -> int:
        """MB that it needed at the most."""
        self._process.stdin.close()
        peak = self._answer()["peak_mb"]
        self._process.wait()
        return peak

    def _answer(self) -> dict:
        text = self._process.stdout.readline()
        if not text:
            raise SystemExit(f"{self.name} ended; run its worker by hand to see why: {' '.join(self._process.args)}")
        return json.loads(text)


def measure(tool: Tool, folder: Path, rows: list, place: Path) -> str:
    """Show it every picture, then a large one three times; seconds and memory as cells of a table."""
    source, target = str(place / "picture.npy"), str(place / "covered.npy")
    rgb = np.zeros((64, 64, 3), np.uint8)
    for row in rows:
        rgb = np.asarray(ImageOps.exif_transpose(Image.open(folder / "images" / row["file"])).convert("RGB"))
        np.save(source, rgb)
        answer = tool.ask(source, target)
        if "failed" in answer:
            tool.failed += 1
            continue
        tool.boxes.add(row, painted(rgb.shape, answer["regions"]))
        tool.pixels.add(row, changed(rgb, np.load(target)))
        tool.seconds += answer["seconds"]
        tool.megapixels += rgb.shape[0] * rgb.shape[1] / 1e6
    np.save(source, np.asarray(Image.fromarray(rgb).resize(LARGE)))
    times = sorted(tool.ask(source, target).get("seconds", float("nan")) for _ in range(3))
    return f"{tool.seconds / tool.megapixels:.3f} | {times[1]:.2f} | {tool.end()} | {tool.failed}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("faces", type=Path)
    parser.add_argument("--plans", nargs="*", default=["balanced", "high", "max"])
    parser.add_argument("--deface", metavar="PYTHON", help="interpreter that has deface")
    parser.add_argument("--yunet", metavar="FILE", help="face_detection_yunet_2023mar.onnx of OpenCV's model zoo")
    parser.add_argument("--every", type=int, default=1, help="take one picture in N")
    options = parser.parse_args()
    rows = json.loads((options.faces / "annotations.json").read_text())[:: options.every]
    jobs = [(f"rmexif {plan}", [sys.executable, str(WORKER), plan]) for plan in options.plans]
    if options.yunet:
        jobs.append(("YuNet in rmexif", [sys.executable, str(WORKER), "balanced", options.yunet]))
    if options.deface:
        jobs += [(f"deface, {name}", [options.deface, str(WORKER), f"deface-{name}"]) for name in BACKENDS]
    tables: dict[str, list[str]] = {"boxes": [], "changed pixels": [], "cost": []}
    memory = Path("/dev/shm")
    for name, command in jobs:
        with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as place:
            tool = Tool(name, command)
            cost = measure(tool, options.faces, rows, Path(place))
        tables["boxes"].append(f"| {name} | {tool.boxes.cells()} |")
        tables["changed pixels"].append(f"| {name} | {tool.pixels.cells()} |")
        tables["cost"].append(f"| {name} | {cost} |")
        print(f"{name}: done", file=sys.stderr)
    faces = sum(len(row["faces"]) for row in rows)
    print(f"{len(rows)} pictures, {faces} faces; covered: 80 % of a face's box; beside: share of the area")
    for title, lines in tables.items():
        head = HEAD if title != "cost" else "| tool | s/MP | s at 12 MP | peak MB | failed |"
        print(f"\nBy {title}\n\n{head}\n{'|---' * (head.count('|') - 1)}|", *lines, sep="\n")


if __name__ == "__main__":
    main()

"""The part on faces: coverage and false alarms in this run, and what was measured of re-identification."""

from __future__ import annotations

import json
import sys
import tempfile
from pathlib import Path

from benchmarks.detection.run import WORKER, Tool, measure

REIDENTIFICATION = Path(__file__).parents[1] / "reidentification" / "README.md"
QUOTED = ("none", "Gaussian on the box", "mosaic 8 x 8", "black box", "**`blur`, 2 bits**", "`fill`, 0 bits", "`solid`")
HEAD = "| tool | faces covered | easy | medium | hard | face-free pictures touched | stray areas | s/MP | s at 12 MP | MB |"


def covered(folder: Path, every: int, deface: str | None) -> str:
    """Coverage by the pixels that were changed, false alarms, time and memory."""
    rows = json.loads((folder / "annotations.json").read_text())[::every]
    jobs = [(f"rmexif, recall {plan}", [sys.executable, str(WORKER), plan]) for plan in ("balanced", "max")]
    if deface:
        jobs.append(("deface", [deface, str(WORKER), "deface-opencv"]))
    lines = [HEAD, "|---" * 10 + "|"]
    for name, command in jobs:
        with tempfile.TemporaryDirectory() as place:
            tool = Tool(name, command)
            per_megapixel, large, peak, _ = measure(tool, folder, rows, Path(place)).split(" | ")
        pixels = tool.pixels
        cells = [name, *(f"{pixels.recall(level):.3f}" for level in (None, "easy", "medium", "hard"))]
        cells += [f"{pixels.touched} of {pixels.free}", str(pixels.stray), per_megapixel, large, peak]
        lines.append(f"| {' | '.join(cells)} |")
    faces = sum(len(row["faces"]) for row in rows)
    lines.append(f"\n{len(rows)} pictures, {faces} faces; a face is covered where 80 % of its box was changed.")
    return "\n".join(lines)


def reidentified() -> str:
    """The rows that others' redactions and ours have in the benchmark's own report."""
    lines = REIDENTIFICATION.read_text().splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("| redaction"))
    rows = [line for line in lines[head + 2 :] if line.startswith("|") and line[2:].startswith(QUOTED)]
    return "\n".join([lines[head], lines[head + 1], *rows])


def section(folder: Path | None, every: int, deface: str | None) -> str:
    """Of the page."""
    if folder is None:
        table = "No annotated pictures were given to this run (`--faces FOLDER`)."
    else:
        table = covered(folder, every, deface)
    return (
        "## Faces\n\nThe metadata tools leave faces alone. deface runs with its defaults.\n\n"
        f"{table}\n\nRe-identification, as measured before (`benchmarks/reidentification/README.md`): can a recogniser "
        f"still tell people apart? Lower is better; chance is .071.\n\n{reidentified()}\n\n"
        "deface's default is the Gaussian blur on an ellipse in the box; a black box is as good as `fill` where it covers "
        "the face."
    )

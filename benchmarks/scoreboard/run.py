"""The scoreboard: every tool that is here, over the same files, in one run; writes docs/scoreboard.md.

    python -m benchmarks.scoreboard.run [--python PYTHON] [--faces FOLDER] [--output docs/scoreboard.md]

--python names an interpreter whose environment has pillow, pyvips, pyvips-binary, pyoxipng and deface; ExifTool, mat2,
exiv2, ImageMagick's convert and jpegtran are looked for on the path. What is not there is said to be missing. --faces is a
folder of annotated pictures as benchmarks/detection wants it. Takes about five minutes on two processors.
"""

from __future__ import annotations

import argparse
import datetime as dt
import platform
import shutil
import statistics
import subprocess
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from benchmarks import pictures, processes
from benchmarks.scoreboard import canaries, faces, probes
from benchmarks.scoreboard.tools import Tool, table

ROOT = Path(__file__).parents[2]
TIMEOUT = 120  # s for one file
ROUNDS = 5
ROWS = ("upright", "colours", "frames", "identical pixels")


@dataclass
class Score:
    """What one tool did."""

    tool: Tool
    planted: int = 0
    left: dict[str, list[str]] = field(default_factory=dict)  # by file
    refused: list[str] = field(default_factory=list)
    not_asked: int = 0  # files of formats that the tool has nothing to do with
    passed: dict[str, list[bool]] = field(default_factory=lambda: {row: [] for row in ROWS})
    costs: list[processes.Cost] = field(default_factory=list)

    def clean(self, name: str, data: bytes, folder: Path) -> bytes | None:
        """What the tool makes of a file; None where it refuses."""
        source, target = folder / f"in-{name}", folder / f"out-{name}"
        source.write_bytes(data)
        target.unlink(missing_ok=True)
        if self.tool.in_place:
            shutil.copy(source, target)
        command = [part.format(source=source, target=target) for part in self.tool.command]
        try:
            cost = processes.run(command, timeout=TIMEOUT)
        except subprocess.TimeoutExpired:
            return None
        self.costs.append(cost)
        if cost.returncode not in self.tool.done or not target.exists() or not target.stat().st_size:
            return None
        return target.read_bytes()

    def handles(self, name: str) -> bool:
        return self.tool.formats is None or Path(name).suffix in self.tool.formats

    def search(self, files: list[canaries.Planted], folder: Path) -> None:
        """Count what is left of what was planted."""
        for planted in files:
            if not self.handles(planted.name):
                self.not_asked += 1
                continue
            output = self.clean(planted.name, planted.data, folder)
            if output is None:
                self.refused.append(planted.name)
                continue
            self.planted += len(planted.texts)
            self.left[planted.name] = planted.left(output)

    def look(self, questions: list[probes.Probe], folder: Path) -> None:
        """Ask what is shown of the pictures."""
        for probe in questions:
            if not self.handles(probe.name):
                continue
            output = self.clean(probe.name, probe.data, folder)
            if output is not None:
                try:
                    passes = probe.passes(probe.data, output)
                except (OSError, SyntaxError, ValueError):  # Pillow cannot open it
                    passes = False
                self.passed[probe.row].append(passes)

    def cells(self) -> list[str]:
        """Of the first table."""
        left = sum(map(len, self.left.values()))
        asked = len(self.left) + len(self.refused)
        found = [f"{left} of {self.planted}", f"{len(self.refused)} of {asked}"]
        for row in ROWS:
            answers = self.passed[row]
            found.append(f"{sum(answers)} of {len(answers)}" if answers else "–")
        return found


def time_photo(scores: list[Score], folder: Path) -> None:
    """Every tool on a photograph of 3 MB, in turns; the costs of before are forgotten."""
    raw = pictures.jpeg(pictures.large(), 92)
    for turn in range(ROUNDS + 1):
        for score in scores:
            if turn < 2:
                score.costs.clear()
            if score.handles("photo.jpg"):
                score.clean("photo.jpg", raw, folder)


def cost_cells(score: Score, python: str) -> list[str]:
    """Processor time, wall time, memory and disk."""
    good = [cost for cost in score.costs if cost.returncode in score.tool.done]
    size = score.tool.size(sys.executable if score.tool.title.startswith("rmexif") else python)
    disk = f"{size:.1f}" if size is not None else "–"
    if not good:
        return ["–", "–", "–", disk]
    cpu, wall = (statistics.median(getattr(cost, name) for cost in good) for name in ("cpu", "wall"))
    return [f"{cpu:.2f}", f"{wall:.2f}", f"{max(cost.memory for cost in good) / 1e6:.0f}", disk]


def markdown(head: list[str], rows: list[list[str]]) -> str:
    lines = [f"| {' | '.join(head)} |", "|---" * len(head) + "|", *(f"| {' | '.join(row)} |" for row in rows)]
    return "\n".join(lines)


def page(scores: list[Score], missing: list[Tool], options: argparse.Namespace, face_part: str) -> str:
    """docs/scoreboard.md."""
    titles = [f"{score.tool.title} {score.tool.version_text()}" for score in scores]
    first = [[title, *score.cells()] for title, score in zip(titles, scores, strict=True)]
    second = [[title, *cost_cells(score, options.python)] for title, score in zip(titles, scores, strict=True)]
    names = list(canaries.FORMATS)
    third = []
    for title, score in zip(titles, scores, strict=True):
        cells = []
        for name in names:
            state = "refused" if name in score.refused else str(len(score.left[name])) if name in score.left else "–"
            cells.append(state)
        third.append([title, *cells])
    today = dt.datetime.now(dt.UTC).date().isoformat()
    absent = ", ".join(tool.title for tool in missing) or "none"
    machine = f"Python {platform.python_version()}, {platform.system()} {platform.machine()}"
    return TEMPLATE.format(
        today=today,
        machine=machine,
        absent=absent,
        first=markdown(["tool", "texts left", "refused", "upright", "colours", "frames", "identical pixels"], first),
        second=markdown(["tool", "processor, s", "wall, s", "memory, MB", "installed, MB"], second),
        third=markdown(["texts left", *(Path(name).suffix[1:] for name in names)], third),
        planted=sum(len(planted.texts) for planted in canaries.generate()),
        faces=face_part,
    )


TEMPLATE = """# Scoreboard

Measured on {today}, {machine}, by one command; every figure but those on re-identification is of this run:

    python -m benchmarks.scoreboard.run

Not on the machine: {absent}.

## What is left, and what is broken

{planted} texts are planted, one in each carrier of nine formats (`benchmarks/scoreboard/canaries.py` makes the files, for
anybody). Counted are those that a tool leaves in files that it does not refuse. Each tool runs as its manual says to
remove metadata: `exiftool -all=`, `mat2 --inplace`, `exiv2 rm`, open and save in Pillow, `keep="none"` in libvips,
`convert -strip`, `jpegtran -copy none`, `oxipng --strip all`, `deface`. A tool that has nothing to do with a format is not asked.

{first}

- *Upright*: a picture whose orientation is in Exif is shown as before. *Colours*: one with a wide profile is, too.
- *Identical pixels*: not one sample differs. `rmexif` alone (scrub) encodes again and crops by a few pixels on purpose.
- *Refused* counts against nobody: it is better than a file that looks clean. A tool that refuses nothing and leaves texts
  answers "done" to whoever asks.

By format; "–" was not asked:

{third}

## What it costs

One photograph of 12 megapixels and 3 MB, as a process, median of 5 in turns with the others. Installed is the package with
the packages that it requires, without an interpreter (Python, Perl) and what the system has anyway. rmexif ran from its
source tree: its own 7 MB come on top, and the [core alone](size.md) takes 6 with all that `rmexif strip` needs.

{second}

{faces}

## Where others win

- **Speed and size**: exiv2 and jpegtran are compiled, start in milliseconds, and take a fiftieth and less of the disk
  that the complete rmexif takes. Where only JPEG comes in, turned upright already and without a colour profile, `jpegtran -copy
  none` is smaller and faster, and left nothing here.
- **Reach**: ExifTool reads and writes more formats than all others together, RAW and video among them, and edits single
  tags. mat2 cleans documents, audio and video too. rmexif does pictures, and refuses the rest.
- **Compression**: oxipng makes PNG smaller; rmexif strip leaves the coded data as it is.
- **Converting and resizing**: libvips and ImageMagick do it for more formats, libvips for pictures larger than memory.
- **Faces**: on the pictures of this run deface covers as many; [Faces](faces.md) has the complete set.
- **Video**: deface covers faces in video; rmexif does not.
"""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--python", default=sys.executable, help="interpreter that has the libraries to compare with")
    parser.add_argument("--faces", type=Path, help="folder with annotations.json and images/")
    parser.add_argument("--every", type=int, default=4, help="of the annotated pictures take one in N")
    parser.add_argument("--output", type=Path, default=ROOT / "docs" / "scoreboard.md")
    options = parser.parse_args()
    tools = table(options.python)
    missing = [tool for tool in tools if not tool.is_here]
    scores = [Score(tool) for tool in tools if tool not in missing]
    files, questions = canaries.generate(), probes.probes()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        for score in scores:
            score.search(files, Path(name))
            score.look(questions, Path(name))
            print(f"{score.tool.title}: {' | '.join(score.cells())}", flush=True)
        time_photo(scores, Path(name))
    deface = options.python if any(score.tool.title == "deface" for score in scores) else None
    face_part = faces.section(options.faces, options.every, deface)
    options.output.write_text(page(scores, missing, options, face_part))
    print(f"written: {options.output}")


if __name__ == "__main__":
    main()

"""What ``rmexif strip`` of a 3 MB photograph costs as a process, against ExifTool and Python itself, in turns.

    python -m benchmarks.startup.run [PHOTO] [--rounds N] [--python PYTHON]

Processor time, wall time and peak memory are the system's own (wait4). ``import`` is what ``import rmexif`` adds to an
interpreter that does nothing. Needs exiftool on the path. Exits with 1 where a bound of the project is missed: ExifTool's
processor time and 45 MB for the command, 30 ms for the import.
"""

from __future__ import annotations

import argparse
import shutil
import statistics
import sys
import tempfile
from pathlib import Path

from benchmarks import pictures, processes

MOST_MEMORY = 45e6  # byte
MOST_IMPORT = 30  # ms
MOST_RATIO = 1.0  # of ExifTool's processor time


def photo() -> bytes:
    """3 MB."""
    return pictures.jpeg(pictures.large(4032, 3024), 92)


def commands(python: str, source: Path, folder: Path) -> dict[str, list[str]]:
    """What is measured, by name."""
    script = Path(python).with_name("rmexif")
    ours = [str(script)] if script.exists() else [python, "-m", "rmexif"]
    found = {
        "python -c pass": [python, "-c", "pass"],
        "import rmexif": [python, "-c", "import rmexif"],
        "rmexif strip": [*ours, "strip", str(source), "-f", "-o", str(folder / "ours.jpg")],
    }
    if shutil.which("exiftool"):
        found["exiftool"] = ["exiftool", "-q", "-all=", "-overwrite_original", "-o", "-", str(source)]
    return found


def measure(table: dict[str, list[str]], rounds: int) -> dict[str, list[processes.Cost]]:
    """Every command once to warm up, then all of them in turns."""
    costs: dict[str, list[processes.Cost]] = {name: [] for name in table}
    for turn in range(rounds + 1):
        for name, command in table.items():
            cost = processes.run(command)
            if cost.returncode:
                raise SystemExit(f"{name} failed: {cost.message.strip()}")
            if turn:
                costs[name].append(cost)
    return costs


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--python", default=sys.executable, help="interpreter of the environment that is measured")
    options = parser.parse_args()
    raw = options.photo.read_bytes() if options.photo else photo()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        source = Path(name) / "photo.jpg"
        source.write_bytes(raw)
        costs = measure(commands(options.python, source, Path(name)), options.rounds)
    print(f"{len(raw) / 1e6:.1f} MB, median of {options.rounds}\n")
    print("| command | processor, ms | wall, ms | memory, MB |\n|---|---|---|---|")
    middle = {}
    for name, rows in costs.items():
        cpu, wall, held = (
            statistics.median(getattr(row, field) for row in rows) for field in ("cpu", "wall", "memory")
        )
        middle[name] = cpu * 1e3
        print(f"| `{name}` | {cpu * 1e3:.0f} | {wall * 1e3:.0f} | {held / 1e6:.1f} |")
    own = max(row.memory for row in costs["rmexif strip"])
    imported = middle["import rmexif"] - middle["python -c pass"]
    failed = own > MOST_MEMORY or imported > MOST_IMPORT
    print(f"\nimport rmexif: {imported:.1f} ms beyond the interpreter")
    if "exiftool" in costs:
        pairs = zip(costs["rmexif strip"], costs["exiftool"], strict=True)
        ratio = statistics.median(ours.cpu / theirs.cpu for ours, theirs in pairs)
        print(f"rmexif strip: {ratio:.2f} x ExifTool's processor time")
        failed |= ratio > MOST_RATIO
    else:
        print("exiftool is not installed: nothing to compare with")
    return int(failed)


if __name__ == "__main__":
    sys.exit(main())

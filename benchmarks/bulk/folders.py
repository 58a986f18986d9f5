"""Folders of many small files, and of many levels, at the command line: memory stays flat.

    python benchmarks/bulk/folders.py [--files 10000 100000] [--levels 2000] [--commands strip inspect] [--workers 2]

Every file is a PNG of one pixel that no other one has. The memory is the peak of the process that was started, without
its workers.
"""

from __future__ import annotations

import argparse
import os
import shutil
import struct
import subprocess
import sys
import tempfile
import time
import zlib
from pathlib import Path

from rmexif.cli import places

SIGNATURE = b"\x89PNG\r\n\x1a\n"
LOOK_AGAIN = 0.05  # s


def chunk(kind: bytes, body: bytes) -> bytes:
    """One chunk."""
    return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))


def picture(number: int) -> bytes:
    """The PNG of this number, with a text that has to go."""
    pixels = zlib.compress(b"\0" + number.to_bytes(3, "big"))
    head = chunk(b"IHDR", struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0))
    return SIGNATURE + head + chunk(b"tEXt", b"Author\0somebody") + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")


def wide(folder: Path, count: int) -> None:
    """So many files side by side."""
    folder.mkdir()
    for number in range(count):
        (folder / f"{number:06}.png").write_bytes(picture(number))


def deep(folder: Path, levels: int) -> None:
    """Folders inside folders, with a file in the first one and in the last one."""
    folder.mkdir()
    before = Path.cwd()
    os.chdir(folder)
    Path("a.png").write_bytes(picture(0))
    for _ in range(levels):
        Path("d").mkdir()
        os.chdir("d")
    Path("a.png").write_bytes(picture(levels))
    os.chdir(before)


def run(command: list[str]) -> tuple[int, float, int, int]:
    """Exit code, s, peak byte of the process itself, and lines of its output."""
    started, peak = time.monotonic(), 0
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen([sys.executable, "-m", "rmexif", *command], stdout=out, stderr=subprocess.STDOUT)
        while process.poll() is None:
            peak = max(peak, _peak(process.pid))
            time.sleep(LOOK_AGAIN)
        out.seek(0)
        lines = sum(1 for _ in out)
    return process.returncode, time.monotonic() - started, peak, lines


def _peak(pid: int) -> int:
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return 0
    return next((int(line.split()[1]) << 10 for line in status.splitlines() if line.startswith("VmHWM")), 0)


def commands(names: list[str], source: Path, target: Path, workers: int) -> dict[str, list[str]]:
    """Arguments by the name of a command."""
    known = {
        "strip": ["strip", str(source), "-o", str(target), "--workers", str(workers)],
        "inspect": ["inspect", str(source)],
        "inspect --json": ["inspect", str(source), "--json"],
        "verify": ["verify", str(source)],
    }
    return {name: known[name] for name in names}


def main() -> None:
    """Print a line for each run."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, nargs="*", default=[10_000, 100_000])
    parser.add_argument("--levels", type=int, default=2_000)
    parser.add_argument("--commands", nargs="*", default=["strip", "inspect", "inspect --json"])
    parser.add_argument("--workers", type=int, default=2)
    options = parser.parse_args()
    place = tempfile.mkdtemp()
    try:
        folders = [(f"{count} files", wide, count) for count in options.files]
        folders += [(f"{options.levels} levels", deep, options.levels)] if options.levels else []
        for name, make, size in folders:
            source, target = Path(place) / "in", Path(place) / "out"
            make(source, size)
            for command, arguments in commands(options.commands, source, target, options.workers).items():
                code, seconds, peak, lines = run(arguments)
                made = sum(1 for _ in places.entries([str(target)])) if target.is_dir() else 0
                print(
                    f"{name}, {command}: exit {code}, {seconds:.0f} s, {peak / 1e6:.0f} MB, {lines} lines, "
                    f"{made} outputs",
                    flush=True,
                )
            _remove(source)
            _remove(target)
    finally:
        _remove(Path(place))


def _remove(folder: Path) -> None:
    """By a program that follows folders of any depth."""
    subprocess.run(["rm", "-rf", str(folder)], check=True) if shutil.which("rm") else shutil.rmtree(folder)


if __name__ == "__main__":
    main()

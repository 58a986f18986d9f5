"""One 12 MP photograph: rmexif against deface and ExifTool chained, and without faces against Pillow alone.

    python -m benchmarks.rivals.run [PHOTO] [--rounds N]

One core for all. deface and ExifTool run as their users run them, a process each, on a memory file system; rmexif is
timed in the same way (a process), and as a library. deface runs twice: with OpenCV, which it installs, and with ONNX
Runtime, which it uses where that happens to be there. Pillow opens, resizes to 0.99x and saves at the same quality, and
does nothing else. Needs deface and exiftool on the path for the first part.
"""

from __future__ import annotations

import argparse
import io
import shutil
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

from benchmarks import pictures, timing

timing.one_core()

from PIL import Image  # noqa: E402 - after the processor is chosen

from rmexif import Policy, scrub  # noqa: E402

BACKENDS = ("opencv", "onnxrt")  # of deface


def chained(source: Path, folder: Path, backend: str) -> None:
    """What the two tools do together: faces blurred, then metadata removed."""
    blurred, clean = folder / "blurred.jpg", folder / "clean.jpg"
    clean.unlink(missing_ok=True)
    command = ["deface", str(source), "-o", str(blurred), "--backend", backend]
    subprocess.run(command, check=True, capture_output=True)
    subprocess.run(["exiftool", "-q", "-all=", "-o", str(clean), str(blurred)], check=True)


def alone(source: Path, folder: Path) -> None:
    """Ours, as a process."""
    command = [sys.executable, "-m", "rmexif", str(source), "-f", "-o", str(folder / "ours.jpg")]
    subprocess.run(command, check=True)


def pillow(raw: bytes) -> bytes:
    """Open, resize, save."""
    image = Image.open(io.BytesIO(raw))
    small = image.resize((round(image.width * 0.99), round(image.height * 0.99)), Image.Resampling.BICUBIC)
    out = io.BytesIO()
    small.save(out, "JPEG", quality=92)
    return out.getvalue()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", nargs="?", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    options = parser.parse_args()
    raw = options.photo.read_bytes() if options.photo else pictures.jpeg(pictures.large())
    plain = Policy(faces=False)
    ours, theirs, ratio = timing.paired(lambda: scrub(raw, plain), lambda: pillow(raw), options.rounds)
    print(f"without faces: rmexif {ours:.0f} ms, Pillow open-resize-save {theirs:.0f} ms: {1 / ratio:.2f} x as fast")
    if not (shutil.which("deface") and shutil.which("exiftool")):
        print("deface or exiftool is not installed: nothing to compare with")
        return
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        source = Path(name) / "photo.jpg"
        source.write_bytes(raw)
        scrub(raw)
        ways = [
            lambda: scrub(raw),
            lambda: alone(source, Path(name)),
            *(lambda backend=backend: chained(source, Path(name), backend) for backend in BACKENDS),
        ]
        rows = [[timing.once(way) for way in ways] for _ in range(options.rounds)]
    library, process, *chains = (statistics.median(column) for column in zip(*rows, strict=True))
    print(f"with faces: rmexif {library:.0f} ms, as a process {process:.0f} ms")
    for backend, chain in zip(BACKENDS, chains, strict=True):
        print(
            f"deface ({backend}) + ExifTool {chain:.0f} ms: {chain / library:.0f} x and {chain / process:.0f} x as slow"
        )


if __name__ == "__main__":
    main()

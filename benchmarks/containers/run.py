"""strip against hashing input and output with SHA-256, and against ExifTool (-stay_open) and jpegtran where installed.

    python -m benchmarks.containers.run [--rounds N]

12 MP pictures are made from the photograph that the project ships. ExifTool and jpegtran read and write files on a
memory file system, since that is the only way they work; ours is bytes in, bytes out.
"""

from __future__ import annotations

import argparse
import hashlib
import io
import shutil
import subprocess
import tempfile
from pathlib import Path

from benchmarks import pictures, timing

timing.one_core()

import pillow_heif  # noqa: E402 - after the processor is chosen

from rmexif import strip  # noqa: E402


class ExifTool:
    """One ExifTool process that stays open."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        command = ["exiftool", "-stay_open", "True", "-@", "-"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def strip(self, name: str) -> None:
        out = self.folder / f"out-{name}"
        out.unlink(missing_ok=True)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"-all=\n-o\n{out}\n{self.folder / name}\n-execute\n")
        self.process.stdin.flush()
        while not self.process.stdout.readline().startswith("{ready}"):
            pass


def files() -> dict[str, bytes]:
    pillow_heif.register_heif_opener()
    image = pictures.large()
    made = {"photo.jpg": pictures.jpeg(image)}
    settings = {
        "photo.webp": ("WEBP", {"quality": 80, "method": 0}),
        "photo.avif": ("AVIF", {"quality": 60, "speed": 10}),
        "photo.heic": ("HEIF", {"quality": 60, "enc_params": {"preset": "ultrafast"}}),
        "photo.png": ("PNG", {"compress_level": 1}),
    }
    for name, (kind, options) in settings.items():
        out = io.BytesIO()
        image.save(out, kind, exif=image_exif(), **options)
        made[name] = out.getvalue()
    import pillow_jxl  # noqa: F401 - registers itself

    out = io.BytesIO()
    image.save(out, "JXL", quality=85, effort=1)
    made["photo.jxl"] = out.getvalue()
    return made


def image_exif() -> bytes:
    from PIL import Image

    exif = Image.Exif()
    exif[0x010F] = "Example Camera Works"
    return exif.tobytes()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=9)
    options = parser.parse_args()
    memory = Path("/dev/shm")
    with tempfile.TemporaryDirectory(dir=memory if memory.is_dir() else None) as name:
        folder = Path(name)
        tool = ExifTool(folder) if shutil.which("exiftool") else None
        print(
            f"{'file':12} {'MB':>6} {'strip ms':>9} {'hash ms':>8} {'x hash':>7} {'ExifTool ms':>12} {'faster':>7} {'jpegtran ms':>12}"
        )
        for file, raw in files().items():
            (folder / file).write_bytes(raw)
            clean = strip(raw)[0]

            def hashes(raw: bytes = raw, clean: bytes = clean) -> None:
                hashlib.sha256(raw).digest()
                hashlib.sha256(clean).digest()

            ours, reference, ratio = timing.paired(lambda raw=raw: strip(raw), hashes, options.rounds)
            row = f"{file:12} {len(raw) / 1e6:6.1f} {ours:9.2f} {reference:8.2f} {ratio:7.2f}"
            if tool:
                _, other, against = timing.paired(lambda raw=raw: strip(raw), lambda file=file: tool.strip(file), 5)
                row += f" {other:12.1f} {1 / against:7.1f}"
            if file.endswith(".jpg") and shutil.which("jpegtran"):
                command = ["jpegtran", "-copy", "none", "-outfile", str(folder / "t.jpg"), str(folder / file)]
                row += f" {timing.once(lambda command=command: subprocess.run(command, check=True)):12.1f}"
            print(row)


if __name__ == "__main__":
    main()

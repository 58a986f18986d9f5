"""strip against hashing input and output with SHA-256, and against ExifTool (-stay_open) and jpegtran where installed.

    python -m benchmarks.containers.run [--rounds N]

12 MP pictures are made from the photograph that the project ships, of 3 MB where the format is lossy. ExifTool and
jpegtran read and write files on a memory file system, since that is the only way they work; ours is bytes in, bytes
out. ExifTool is timed as one process that stays open, and as a script calls it, one process per file. A dash: it cannot
write that format. It does less: it computes no hash, looks at no picture data, and does not read back what it wrote.
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
        quiet = subprocess.DEVNULL
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=quiet, text=True)

    def strip(self, name: str) -> bool:
        out = self.folder / f"out-{name}"
        out.unlink(missing_ok=True)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(f"-all=\n-o\n{out}\n{self.folder / name}\n-execute\n")
        self.process.stdin.flush()
        while not self.process.stdout.readline().startswith("{ready}"):
            pass
        return out.exists()

    def strip_alone(self, name: str) -> None:
        out = self.folder / f"out-{name}"
        out.unlink(missing_ok=True)
        subprocess.run(["exiftool", "-q", "-all=", "-o", str(out), str(self.folder / name)], check=True)


def files() -> dict[str, bytes]:
    pillow_heif.register_heif_opener()
    image = pictures.large()
    made = {"photo.jpg": pictures.jpeg(image)}
    settings = {
        "photo.webp": ("WEBP", {"quality": 93, "method": 0}),
        "photo.avif": ("AVIF", {"quality": 90, "speed": 10}),
        "photo.heic": ("HEIF", {"quality": 60, "enc_params": {"preset": "ultrafast"}}),
        "photo.png": ("PNG", {"compress_level": 1}),
    }
    for name, (kind, options) in settings.items():
        out = io.BytesIO()
        image.save(out, kind, exif=image_exif(), **options)
        made[name] = out.getvalue()
    import pillow_jxl  # noqa: F401 - registers itself

    out = io.BytesIO()
    image.save(out, "JXL", quality=95, effort=1)
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
            f"{'file':12}{'MB':>6}{'strip ms':>10}{'hash ms':>9}{'x hash':>8}"
            f"{'ExifTool ms':>13}{'faster':>8}{'as process':>12}{'faster':>8}{'jpegtran ms':>13}"
        )
        for file, raw in files().items():
            (folder / file).write_bytes(raw)
            clean = strip(raw)[0]

            def hashes(raw: bytes = raw, clean: bytes = clean) -> None:
                hashlib.sha256(raw).digest()
                hashlib.sha256(clean).digest()

            ours, reference, ratio = timing.paired(lambda raw=raw: strip(raw), hashes, options.rounds)
            row = f"{file:12}{len(raw) / 1e6:6.1f}{ours:10.2f}{reference:9.2f}{ratio:8.2f}"
            row += against(tool, file, raw) if tool else f"{'':41}"
            if file.endswith(".jpg") and shutil.which("jpegtran"):
                command = ["jpegtran", "-copy", "none", "-outfile", str(folder / "t.jpg"), str(folder / file)]
                row += f"{timing.once(lambda command=command: subprocess.run(command, check=True)):13.1f}"
            print(row)


def against(tool: ExifTool, file: str, raw: bytes) -> str:
    """ExifTool's two columns and how many times faster ours is, or dashes where it writes nothing."""
    if not tool.strip(file):
        return f"{'-':>13}{'-':>8}{'-':>12}{'-':>8}"
    row = ""
    for work, width in ((tool.strip, 13), (tool.strip_alone, 12)):
        _, other, ratio = timing.paired(lambda: strip(raw), lambda work=work: work(file), 5)
        row += f"{other:{width}.1f}{1 / ratio:8.1f}"
    return row


if __name__ == "__main__":
    main()

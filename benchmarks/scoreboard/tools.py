"""What is compared: how each tool is called to remove metadata, its version, and what of it is installed."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from dataclasses import dataclass

PILLOW = "import sys; from PIL import Image; i = Image.open(sys.argv[1]); i.save(sys.argv[2])"
VIPS = "import sys, pyvips; i = pyvips.Image.new_from_file(sys.argv[1]); i.write_to_file(sys.argv[2], keep='none')"
OXIPNG = "import sys, oxipng; oxipng.optimize(sys.argv[1], sys.argv[2], strip=oxipng.StripChunks.all())"
VERSION = "import sys; from importlib import metadata; print(metadata.version(sys.argv[1]))"
# byte: what a distribution and all that it requires have in their folders, but for tests' caches
SIZE = """
import re, sys
from importlib import metadata
seen, waiting = set(), sys.argv[1:]
while waiting:
    name = waiting.pop().lower()
    if name in seen:
        continue
    try:
        found = metadata.distribution(name)
    except metadata.PackageNotFoundError:
        continue
    seen.add(name)
    waiting += [re.split(r"[^\\w.-]", line)[0] for line in found.requires or () if "extra ==" not in line]
files = {file.locate().resolve() for name in seen for file in metadata.distribution(name).files or ()}
print(sum(file.stat().st_size for file in files if file.is_file()))
"""


@dataclass(frozen=True)
class Tool:
    """One tool.

    Attributes:
        title: for the table.
        command: to clean a file, with {source} and {target}; one that works in place gets a copy as {target}.
        version: prints it.
        package: distribution of Python, or packages of Debian, whose size counts.
        formats: extensions that it is asked for; None: all.
        in_place: whether it changes {target}.
        done: exit codes with a result.
    """

    title: str
    command: tuple[str, ...]
    version: tuple[str, ...]
    package: tuple[str, ...]
    formats: frozenset[str] | None = None
    in_place: bool = False
    done: tuple[int, ...] = (0,)

    @property
    def is_here(self) -> bool:
        """Whether it runs."""
        if shutil.which(self.version[0]) is None:
            return False
        return subprocess.run(self.version, capture_output=True, check=False).returncode == 0

    def version_text(self) -> str:
        """The first number with a dot that it prints."""
        done = subprocess.run(self.version, capture_output=True, text=True, check=False)
        found = re.search(r"\d+\.\d[\w.+-]*", done.stdout + done.stderr)
        return found[0] if found else "unknown"

    def size(self, python: str) -> float | None:
        """MB that it takes, without an interpreter and what the system has anyway; None where that is not known."""
        if self.package[0] == "debian":
            done = subprocess.run(["apt-cache", "show", *self.package[1:]], capture_output=True, text=True, check=False)
            newest = {}
            for name, size in re.findall(
                r"^Package: (\S+)\n(?:.*\n)*?Installed-Size: (\d+)", done.stdout, re.MULTILINE
            ):
                newest.setdefault(name, int(size) * 1024 / 1e6)
            return sum(newest.values()) or None
        done = subprocess.run([python, "-c", SIZE, *self.package], capture_output=True, text=True, check=False)
        return int(done.stdout) / 1e6 if done.returncode == 0 and int(done.stdout) else None


def table(python: str) -> list[Tool]:
    """All of them; those that are libraries of Python run in the interpreter ``python``."""

    def library(title: str, code: str, name: str, *more: str, formats: frozenset[str] | None = None) -> Tool:
        command = (python, "-c", code, "{source}", "{target}")
        return Tool(title, command, (python, "-c", VERSION, name), (name, *more), formats)

    ours = (sys.executable, "-m", "rmexif")
    version = (*ours, "--version")
    png = frozenset({".png"})
    magick = ("debian", "imagemagick-6.q16", "libmagickcore-6.q16-6", "libmagickwand-6.q16-6")
    deface = shutil.which("deface", path=python.rpartition("/")[0]) or "deface"
    return [
        Tool("rmexif strip", (*ours, "strip", "{source}", "-f", "-o", "{target}"), version, ("rmexif",)),
        Tool("rmexif", (*ours, "scrub", "{source}", "-f", "-o", "{target}"), version, ("rmexif",)),
        Tool(
            "ExifTool",
            ("exiftool", "-q", "-all=", "-overwrite_original", "{target}"),
            ("exiftool", "-ver"),
            ("debian", "libimage-exiftool-perl"),
            in_place=True,
        ),
        Tool(
            "ExifTool, keeping orientation and profile",
            (
                *("exiftool", "-q", "-all=", "--icc_profile:all", "-tagsfromfile", "@", "-orientation"),
                *("-overwrite_original", "{target}"),
            ),
            ("exiftool", "-ver"),
            ("debian", "libimage-exiftool-perl"),
            in_place=True,
        ),
        Tool(
            "mat2",
            ("mat2", "--inplace", "{target}"),
            ("mat2", "--version"),
            ("debian", "mat2", "python3-gi", "python3-gi-cairo", "python3-mutagen"),
            in_place=True,
        ),
        Tool("exiv2", ("exiv2", "rm", "{target}"), ("exiv2", "-V"), ("debian", "exiv2", "libexiv2-27"), in_place=True),
        library("Pillow", PILLOW, "pillow"),
        library("libvips, by pyvips", VIPS, "pyvips", "pyvips-binary", "cffi"),
        Tool("ImageMagick", ("convert", "{source}", "-strip", "{target}"), ("convert", "-version"), magick),
        Tool(
            "jpegtran",
            ("jpegtran", "-copy", "none", "-outfile", "{target}", "{source}"),
            ("jpegtran", "-version"),
            ("debian", "libjpeg-turbo-progs", "libjpeg62-turbo"),
            frozenset({".jpg"}),
            done=(0, 2),  # 2: with a warning
        ),
        library("oxipng", OXIPNG, "pyoxipng", formats=png),
        Tool(
            "deface",
            (deface, "{source}", "-o", "{target}"),
            (python, "-c", VERSION, "deface"),
            ("deface",),
            frozenset({".jpg", ".png", ".bmp", ".tif", ".webp"}),
        ),
    ]

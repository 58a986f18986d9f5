"""Compile the native core: ``python build_native.py`` writes ``src/rmexif/native/_core.*`` for this machine.

The build hook (``hatch_build.py``) does the same for a wheel. The compiler is ``$CC``, cc, gcc or clang, else the one
that the PyPI package ``ziglang`` brings. ``--fuzz NAME`` compiles the core, ``tests/native/fuzz/NAME.c`` and a loop
that mutates its input into an executable under AddressSanitizer and UBSan.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import shlex
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parent
NATIVE = Path("src/rmexif/native")
FUZZ = Path("tests/native/fuzz")
WARNINGS = ["-std=c11", "-Wall", "-Wextra", "-Werror"]
SAFETY = ["-fno-strict-overflow", "-fvisibility=hidden"]
RELEASE = ["-O2", "-fstack-protector-strong", "-shared"]
SANITIZED = ["-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer"]


def library_name(platform: str = sys.platform) -> str:
    """The file name of the core on a platform."""
    return "_core" + {"win32": ".dll", "darwin": ".dylib"}.get(platform, ".so")


def system_compiler() -> list[str] | None:
    """The command of the machine's own C compiler, or None."""
    chosen = os.environ.get("CC")
    if chosen:
        return shlex.split(chosen)
    return next(([found] for found in map(shutil.which, ("cc", "gcc", "clang")) if found), None)


def compiler() -> list[str] | None:
    """The command of a C compiler: the machine's, else ziglang's, else None."""
    found = system_compiler()
    if found is None and importlib.util.find_spec("ziglang"):
        return [sys.executable, "-m", "ziglang", "cc"]
    return found


def compile_library(command: list[str], root: Path, target: Path, flags: tuple[str, ...] = ()) -> None:
    """Compile the core into ``target`` and write its SHA-256 beside it, for the loader.

    Raises:
        subprocess.CalledProcessError: the compiler refuses; what was there before stays.
    """
    sources = sorted(str(path) for path in (root / NATIVE / "c").glob("*.c"))
    position = [] if target.suffix == ".dll" else ["-fPIC"]
    target.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=target.parent) as folder:
        output = Path(folder) / target.name
        options = [*WARNINGS, *SAFETY, *RELEASE, *position, *flags]
        subprocess.run([*command, *options, "-o", str(output), *sources], check=True)
        digest = output.with_name(f"{target.name}.sha256")
        digest.write_text(hashlib.sha256(output.read_bytes()).hexdigest() + "\n", encoding="ascii")
        output.replace(target)
        digest.replace(target.with_name(digest.name))


def compile_fuzzer(command: list[str], root: Path, name: str, target: Path) -> None:
    """Compile the fuzzer of one format under the sanitizers.

    Raises:
        subprocess.CalledProcessError: the compiler refuses.
    """
    sources = [*(root / NATIVE / "c").glob("*.c"), root / FUZZ / f"{name}.c", root / FUZZ / "main.c"]
    include = f"-I{root / NATIVE / 'c'}"
    options = [*WARNINGS, *SAFETY, *SANITIZED, include]
    subprocess.run([*command, *options, "-o", str(target), *map(str, sources)], check=True)


def main() -> None:
    """Run from the command line."""
    parser = argparse.ArgumentParser(description="Compile the native core of this source tree.")
    parser.add_argument("--fuzz", metavar="NAME", help="compile the fuzzer tests/native/fuzz/NAME.c instead")
    parser.add_argument("--output", type=Path, help="where to write")
    chosen = parser.parse_args()
    command = compiler()
    if command is None:
        parser.exit(1, "no C compiler: set CC, or install cc or the PyPI package ziglang\n")
    try:
        if chosen.fuzz:
            compile_fuzzer(command, ROOT, chosen.fuzz, chosen.output or ROOT / "build" / f"fuzz-{chosen.fuzz}")
        else:
            compile_library(command, ROOT, chosen.output or ROOT / NATIVE / library_name())
    except subprocess.CalledProcessError as error:
        parser.exit(1, f"the compiler refuses (exit status {error.returncode})\n")


if __name__ == "__main__":
    main()

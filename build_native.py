"""Compile the native core: ``python build_native.py`` writes ``src/rmexif/native/_core.*`` for this machine.

The build hook (``hatch_build.py``) does the same for a wheel, but for warnings, which stop no install. The compiler is
``$CC``, cc, gcc or clang, where one works, else the one that the PyPI package ``ziglang`` brings. ``--fuzz NAME``
compiles the core, ``tests/native/fuzz/NAME.c`` and a loop that mutates its input into an executable under
AddressSanitizer and UBSan.
"""

from __future__ import annotations

import argparse
import hashlib
import importlib.util
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
NATIVE = Path("src/rmexif/native")
FUZZ = Path("tests/native/fuzz")
WITHOUT = "RMEXIF_WITHOUT_CORE"  # environment variable: build a pure wheel
WARNINGS = ("-Wall", "-Wextra", "-Werror")
LANGUAGE = ("-std=c11", "-fno-strict-overflow", "-fvisibility=hidden")
RELEASE = ("-O2", "-fstack-protector-strong", "-shared")
SANITIZED = ("-O1", "-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all", "-fno-omit-frame-pointer")
ZIGLANG = "ziglang>=0.13"
ZIG = (sys.executable, "-m", "ziglang", "cc", "-s")  # symbols for debuggers are four fifths of what it writes
ZIGLANG_MACHINES = {"x86_64", "amd64", "aarch64", "arm64", "armv7l", "i686", "ppc64le", "riscv64"}


def library_name(system: str = sys.platform) -> str:
    """The file name of the core on a system, as ``sys.platform`` names it."""
    return "_core" + {"win32": ".dll", "darwin": ".dylib"}.get(system, ".so")


def works(command: list[str]) -> bool:
    """Whether a C compiler makes a library of a file that includes what the core includes."""
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "try.c")
        source.write_text("#include <stdint.h>\n#include <string.h>\nvoid f(void *p) { memset(p, 0, SIZE_MAX); }\n")
        position = [] if sys.platform == "win32" else ["-fPIC"]
        options = [*LANGUAGE, *RELEASE, *position, "-o", str(Path(folder, library_name())), str(source)]
        try:
            return not subprocess.run([*command, *options], capture_output=True, check=False).returncode
        except OSError:
            return False


def system_compiler() -> list[str] | None:
    """The command of the machine's own C compiler, or None where none works."""
    chosen = os.environ.get("CC")
    commands = [shlex.split(chosen)] if chosen else [[name] for name in ("cc", "gcc", "clang") if shutil.which(name)]
    return next((command for command in commands if works(command)), None)


def compiler() -> list[str] | None:
    """The command of a C compiler: the machine's, else ziglang's, else None."""
    found = system_compiler()
    if found is None and importlib.util.find_spec("ziglang"):
        return [*ZIG, "-mcpu=baseline"]  # it would compile for this very processor
    return found


def requirements() -> list[str]:
    """What a build of the core needs from PyPI: a C compiler where the machine has none and ziglang is published."""
    if os.environ.get(WITHOUT) or sys.platform not in ("linux", "darwin", "win32"):
        return []
    return [ZIGLANG] if platform.machine().lower() in ZIGLANG_MACHINES and system_compiler() is None else []


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
        subprocess.run([*command, *LANGUAGE, *RELEASE, *position, *flags, "-o", str(output), *sources], check=True)
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
    options = [*LANGUAGE, *WARNINGS, *SANITIZED, f"-I{root / NATIVE / 'c'}"]
    target.parent.mkdir(parents=True, exist_ok=True)
    subprocess.run([*command, *options, "-o", str(target), *map(str, sources)], check=True)


def platform_tag() -> str:
    """The wheel tag of this machine: what is compiled here is only promised to run here."""
    if sys.platform == "darwin":  # the interpreter may hold two architectures, the core has one
        release = [int(part) for part in platform.mac_ver()[0].split(".")]
        major, minor = (release[0], 0) if release[0] > 10 else (release[0], release[1])
        return f"macosx_{major}_{minor}_{platform.machine()}"
    return sysconfig.get_platform().replace("-", "_").replace(".", "_")


def add_to_wheel(root: Path, build_data: dict[str, Any]) -> None:
    """Compile the core for the wheel that hatchling is about to put together, and tag the wheel; else say that the
    wheel comes without."""
    target = root / NATIVE / library_name()
    command = None if os.environ.get(WITHOUT) else compiler()
    try:
        if command is not None:
            compile_library(command, root, target)
            build_data.update(pure_python=False, tag=f"py3-none-{platform_tag()}")
            return
        reason = f"{WITHOUT} is set" if os.environ.get(WITHOUT) else "there is no C compiler"
    except subprocess.CalledProcessError as error:
        reason = f"the C compiler refuses (exit status {error.returncode})"
    for stale in (root / NATIVE).glob("_core.*"):
        stale.unlink()
    print(f"rmexif is built without its native core, and slower: {reason}")


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
            compile_library(command, ROOT, chosen.output or ROOT / NATIVE / library_name(), WARNINGS)
    except subprocess.CalledProcessError as error:
        parser.exit(1, f"the compiler refuses (exit status {error.returncode})\n")


if __name__ == "__main__":
    main()

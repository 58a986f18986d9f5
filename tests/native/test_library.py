"""Finding the compiled core, or doing without it."""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from rmexif import native
from rmexif.native import library
from rmexif.native.prototypes import ABI, PROTOTYPES
from rmexif.native.status import Status
from tests.native import needs_core

ROOT = Path(__file__).parents[2]
HEADERS = ROOT / "src" / "rmexif" / "native" / "c"


@pytest.fixture
def core(tmp_path):
    """A copy of the compiled core and of its digest."""
    for name in (library.PATH, f"{library.PATH}.sha256"):
        shutil.copy(name, tmp_path)
    return tmp_path / Path(library.PATH).name


def test_the_headers_and_the_table_of_prototypes_are_one_list():
    text = "".join(path.read_text() for path in HEADERS.glob("*.h"))
    assert set(re.findall(r"RMEXIF_API[^;]*?\b(rmexif_\w+)\(", text)) == set(PROTOTYPES)


def test_numbers_of_the_header_are_those_of_python():
    text = (HEADERS / "status.h").read_text()
    assert int(re.search(r"#define RMEXIF_ABI (\d+)", text)[1]) == ABI
    assert {n: int(v) for n, v in re.findall(r"RMEXIF_(\w+) = (\d+)", text)} == {s.name: s.value for s in Status}


@needs_core
def test_a_whole_core_loads(core):
    assert library.load(str(core)).rmexif_abi() == ABI


def damage_core(core: Path, kind: str) -> None:
    """Make of a core and its digest what a broken disk or install leaves of them."""
    digest = core.with_name(f"{core.name}.sha256")
    raw = bytearray(core.read_bytes())
    if kind in ("missing", "directory", "link to itself"):
        core.unlink()
        if kind == "directory":
            core.mkdir()
        elif kind == "link to itself":
            core.symlink_to(core)
    elif kind in ("empty", "half"):
        core.write_bytes(raw[: len(raw) // 2] if kind == "half" else b"")
    elif kind == "other processor":  # e_machine of ELF, the CPU type of Mach-O: with a digest that is right
        raw[4:20] = bytes(16)
        core.write_bytes(raw)
        digest.write_text(hashlib.sha256(raw).hexdigest())
    else:
        digest.unlink()
        if kind == "digest a directory":
            digest.mkdir()
        elif kind != "no digest":
            digest.write_bytes({"binary digest": b"\xff\xfe", "empty digest": b""}[kind])


DAMAGE = ["missing", "directory", "link to itself", "empty", "half", "other processor"]
DAMAGE += ["no digest", "digest a directory", "binary digest", "empty digest"]


@needs_core
@pytest.mark.parametrize("kind", DAMAGE)
def test_a_damaged_core_is_not_loaded(core, kind):
    damage_core(core, kind)
    assert library.load(str(core)) is None


@needs_core
def test_no_bit_of_a_core_can_change(core):
    raw, draw = core.read_bytes(), Random(1)
    for at in [0, 4, 8 * len(raw) - 1, *(draw.randrange(8 * len(raw)) for _ in range(40))]:
        changed = bytearray(raw)
        changed[at // 8] ^= 1 << at % 8
        core.write_bytes(changed)
        assert library.load(str(core)) is None


@needs_core
@pytest.mark.parametrize("suffix", ["", ".sha256"])
def test_an_unreadable_core_is_not_loaded(core, suffix):
    file = core.with_name(core.name + suffix)
    file.chmod(0)
    if os.access(file, os.R_OK) and shutil.which("setpriv") is None:
        pytest.skip("this user reads every file, and there is no setpriv to give that right up")
    code = "import sys; from rmexif.native import library; print(library.load(sys.argv[1]))"
    command = [sys.executable, "-c", code, str(core)]
    if os.access(file, os.R_OK):
        command = ["setpriv", "--bounding-set=-dac_override,-dac_read_search", "--", *command]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"PYTHONPATH": str(ROOT / "src")})
    assert done.stdout.strip() == "None", done.stderr


def compile_c(source: str, target: Path) -> None:
    """Compile C text into a library, with the digest that the loader asks for."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    file = target.with_suffix(".c")
    file.write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(target), str(file)], check=True)
    target.with_name(f"{target.name}.sha256").write_text(hashlib.sha256(target.read_bytes()).hexdigest())


def functions(*lacking: str | None) -> str:
    """C text of the core's functions, which do nothing."""
    return "".join(f"int {name}(void) {{ return 0; }}\n" for name in PROTOTYPES if name not in lacking)


@pytest.mark.parametrize(
    "answer, lacking", [(ABI + 1, None), (ABI, "rmexif_jpeg_walk")], ids=["other version", "a function missing"]
)
def test_a_foreign_core_is_not_loaded(tmp_path, answer, lacking):
    source = f"unsigned rmexif_abi(void) {{ return {answer}; }}\n"
    compile_c(source + functions(lacking, "rmexif_abi"), tmp_path / "core.so")
    assert library.load(str(tmp_path / "core.so")) is None


def test_the_engine_can_be_chosen(monkeypatch):
    monkeypatch.setattr(library, "_in_use", library.loaded)
    native.use("python")
    assert native.engine() == "python"
    native.use("native")
    assert native.engine() == ("native" if library.loaded else "python")
    with pytest.raises(ValueError, match='"native" or "python"'):
        native.use("fast")


@pytest.mark.parametrize("kind", ["missing", "directory", "half", "other version"])
def test_an_install_without_a_core_that_works_runs_the_twins_and_says_so(tmp_path, kind):
    shutil.copytree(ROOT / "src" / "rmexif", tmp_path / "rmexif", ignore=shutil.ignore_patterns("_core*", "models"))
    core = tmp_path / "rmexif" / "native" / Path(library.PATH).name
    if kind == "other version":
        compile_c(f"unsigned rmexif_abi(void) {{ return {ABI + 1}; }}\n" + functions("rmexif_abi"), core)
    elif kind != "missing":
        if library.loaded is None:
            pytest.skip("the native core is not compiled: run scripts/native")
        for suffix in ("", ".sha256"):
            shutil.copy(library.PATH + suffix, core.parent)
        damage_core(core, kind)
    code = "import sys; from rmexif import strip; print(strip(sys.stdin.buffer.read())[1]['engine'])"
    code += "; from rmexif.io.engine import engine_text; print(engine_text())"
    picture = (ROOT / "examples" / "astronaut.jpg").read_bytes()
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path,
        input=picture,
        capture_output=True,
        env={"PYTHONPATH": str(tmp_path)},
    )
    assert done.stdout.decode().splitlines() == ["python", "without the native core: in Python, slower"], done.stderr

"""Finding the compiled core, or doing without it."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

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


@needs_core
@pytest.mark.parametrize("damage", ["missing", "empty", "half", "bit", "no digest", "binary digest"])
def test_a_damaged_core_is_not_loaded(core, damage):
    raw, digest = bytearray(core.read_bytes()), core.with_name(f"{core.name}.sha256")
    if damage == "missing":
        core.unlink()
    elif damage == "no digest":
        digest.unlink()
    elif damage == "binary digest":
        digest.write_bytes(b"\xff\xfe")
    else:
        raw[len(raw) // 2] ^= 1
        core.write_bytes({"empty": b"", "half": raw[: len(raw) // 2], "bit": raw}[damage])
    assert library.load(str(core)) is None


def compile_c(source: str, target: Path) -> None:
    """Compile C text into a library, with the digest that the loader asks for."""
    import hashlib

    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None:
        pytest.skip("no C compiler")
    file = target.with_suffix(".c")
    file.write_text(source)
    subprocess.run([compiler, "-shared", "-fPIC", "-o", str(target), str(file)], check=True)
    target.with_name(f"{target.name}.sha256").write_text(hashlib.sha256(target.read_bytes()).hexdigest())


@pytest.mark.parametrize(
    "answer, lacking", [(ABI + 1, None), (ABI, "rmexif_jpeg_walk")], ids=["other version", "a function missing"]
)
def test_a_foreign_core_is_not_loaded(tmp_path, answer, lacking):
    others = "".join(
        f"int {name}(void) {{ return 0; }}\n" for name in PROTOTYPES if name not in (lacking, "rmexif_abi")
    )
    compile_c(f"unsigned rmexif_abi(void) {{ return {answer}; }}\n{others}", tmp_path / "core.so")
    assert library.load(str(tmp_path / "core.so")) is None


def test_the_engine_can_be_chosen(monkeypatch):
    monkeypatch.setattr(library, "_in_use", library.loaded)
    native.use("python")
    assert native.engine() == "python"
    native.use("native")
    assert native.engine() == ("native" if library.loaded else "python")
    with pytest.raises(ValueError, match='"native" or "python"'):
        native.use("fast")


def test_an_install_without_the_core_runs_the_twins(tmp_path):
    shutil.copytree(ROOT / "src" / "rmexif", tmp_path / "rmexif", ignore=shutil.ignore_patterns("_core*", "models"))
    code = "from rmexif import native; from rmexif.native import rle; print(native.engine(), rle.decode_packbits(b'\\xffa', 2).consumed)"
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, capture_output=True, text=True, env={"PYTHONPATH": str(tmp_path)}
    )
    assert done.stdout.split() == ["python", "2"], done.stderr

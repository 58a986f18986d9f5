"""Compiling the core for a wheel, or building without it."""

from __future__ import annotations

import shutil
import sys

import pytest

from rmexif.native import library

build_native = pytest.importorskip("build_native", reason="the build files are not beside the tests")
ROOT = build_native.ROOT


@pytest.fixture
def tree(tmp_path):
    """The sources of the core, and a stale library."""
    folder = tmp_path / build_native.NATIVE
    shutil.copytree(ROOT / build_native.NATIVE / "c", folder / "c")
    (folder / build_native.library_name()).write_bytes(b"stale")
    return tmp_path


def compiled(tree):
    return sorted(path.name for path in (tree / build_native.NATIVE).glob("_core.*"))


def test_a_wheel_with_the_core_is_tagged_for_its_platform(tree):
    if build_native.compiler() is None:
        pytest.skip("no C compiler")
    data = {}
    build_native.add_to_wheel(tree, data)
    name = build_native.library_name()
    assert data["tag"].startswith("py3-none-") and not data["tag"].endswith("any")
    assert data["pure_python"] is False
    assert compiled(tree) == [name, f"{name}.sha256"]
    assert library.load(str(tree / build_native.NATIVE / name)) is not None


@pytest.mark.parametrize("why", ["asked", "no compiler", "refused"])
def test_a_wheel_without_the_core_is_pure_and_says_so(tree, monkeypatch, capsys, why):
    if why == "asked":
        monkeypatch.setenv(build_native.WITHOUT, "1")
    elif why == "no compiler":
        monkeypatch.setenv("CC", "/nonexistent/cc")
        monkeypatch.setitem(sys.modules, "ziglang", None)
        monkeypatch.setattr(build_native.importlib.util, "find_spec", lambda name: None)
    else:
        (tree / build_native.NATIVE / "c" / "wrong.c").write_text("int x = ;")
        if build_native.compiler() is None:
            pytest.skip("no C compiler")
    data = {}
    build_native.add_to_wheel(tree, data)
    assert data == {}
    assert compiled(tree) == []
    said = capsys.readouterr().out
    assert said.count("\n") == 1 and "without its native core" in said


def test_ziglang_is_required_where_no_compiler_works(monkeypatch):
    monkeypatch.setattr(build_native.platform, "machine", lambda: "x86_64")
    monkeypatch.setenv("CC", "/nonexistent/cc")
    assert build_native.requirements() == [build_native.ZIGLANG]
    monkeypatch.setenv(build_native.WITHOUT, "1")
    assert build_native.requirements() == []
    monkeypatch.delenv(build_native.WITHOUT)
    monkeypatch.setattr(build_native.platform, "machine", lambda: "sparc")
    assert build_native.requirements() == []


def test_a_compiler_that_cannot_include_is_none(tmp_path, monkeypatch):
    broken = tmp_path / "cc"
    broken.write_text("#!/bin/sh\nexit 1\n")
    broken.chmod(0o755)
    assert not build_native.works([str(broken)])
    monkeypatch.setenv("CC", str(broken))
    assert build_native.system_compiler() is None

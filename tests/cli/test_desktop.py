"""The commands for a desk: the page in a browser, a watched folder, an entry in a file manager's menu."""

from __future__ import annotations

import configparser
import os
import plistlib
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest
import requests

from rmexif import verify
from tests.cli.running import SOURCE

ENV = os.environ | {"PYTHONPATH": str(SOURCE)}


@contextmanager
def started(*arguments: str, **env: str):
    """A command that runs until it is stopped, or ends by itself."""
    process = subprocess.Popen(
        [sys.executable, "-m", "rmexif", *arguments],
        env=ENV | env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        yield process
    finally:
        if process.poll() is None:
            process.send_signal(signal.SIGINT)
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        process.stdout.close()


def until(done, seconds: float = 60) -> None:
    """Wait for something that has to come."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "it did not come"
        time.sleep(0.1)


@pytest.mark.slow
def test_page_ends_with_its_tab(astronaut: bytes) -> None:
    """The address has a token that opens the service; without it nothing opens; the last tab's end is the service's."""
    pytest.importorskip("uvicorn")
    with started("page", "--no-browser", RMEXIF_WORKERS="1") as process:
        address = process.stdout.readline().strip()
        base, _, rest = address.partition("/#token=")
        token, _, ending = rest.partition("&")
        assert base.startswith("http://127.0.0.1:")
        assert ending == "stay"
        assert len(token) >= 32
        until(lambda: _answers(base))
        assert requests.post(f"{base}/v1/inspect", data=astronaut, timeout=30).status_code == 401
        assert requests.get(f"{base}/open", timeout=30).status_code == 401
        bearer = {"Authorization": f"Bearer {token}"}
        tab = requests.get(f"{base}/open", headers=bearer, stream=True, timeout=30)
        assert tab.status_code == 200
        assert requests.post(f"{base}/v1/inspect", data=astronaut, headers=bearer, timeout=60).status_code == 200
        time.sleep(5)
        assert process.poll() is None, "the tab is there"
        tab.close()
        again = requests.get(f"{base}/open", headers=bearer, stream=True, timeout=30)
        time.sleep(5)
        assert process.poll() is None, "the page was loaded anew"
        again.close()
        process.wait(30)


@pytest.mark.slow
def test_page_is_used_in_a_browser_and_ends_with_it(browser, astronaut: bytes) -> None:
    """The printed address opens a page that knows its secret, cleans a picture, and takes the service with it."""
    from tests.service.browsing import downloaded, give, ready

    with started("page", "--no-browser", RMEXIF_WORKERS="1") as process:
        address = process.stdout.readline().strip()
        page = browser.new_page()
        page.goto(address)
        give(page, astronaut)
        ready(page)
        assert "token" not in page.url
        page.click("#clean-all")
        assert verify(downloaded(page), canonical=True) == []
        page.close()
        process.wait(30)
    assert process.returncode == 0


def _answers(base: str) -> bool:
    try:
        return requests.get(base, timeout=30).status_code == 200
    except requests.ConnectionError:
        return False


@pytest.mark.slow
def test_watch_cleans_what_appears(astronaut: bytes, tmp_path: Path) -> None:
    """Half-copied files are waited for, renames and changes are seen, folders keep their tree, refused files cost themselves."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "old.jpg").write_bytes(astronaut)
    with started("watch", str(source), "-o", str(target), "--strip", "--every", "0.1", "--unchanged", "0.8") as process:
        until((target / "old.jpg").exists)
        with (source / "slow.jpg").open("wb", buffering=0) as file:
            for at in range(0, len(astronaut), len(astronaut) // 5):
                file.write(astronaut[at : at + len(astronaut) // 5])
                time.sleep(0.3)
                assert not (target / "slow.jpg").exists(), "half of it is no picture"
        until((target / "slow.jpg").exists)
        (source / "sub").mkdir()
        (source / "sub" / "x.jpg").write_bytes(astronaut)
        until((target / "sub" / "x.jpg").exists)
        (source / "slow.jpg").rename(source / "named.jpg")
        until((target / "named.jpg").exists)
        (source / "bad.jpg").write_bytes(astronaut[:300])
        (source / "late.jpg").write_bytes(astronaut)
        until((target / "late.jpg").exists)
        process.send_signal(signal.SIGINT)
        assert process.wait(30) == 0
        said = process.stdout.read()
    assert "bad.jpg" in said
    assert not (target / "bad.jpg").exists()
    assert all(verify(path.read_bytes(), canonical=True) == [] for path in target.rglob("*.jpg"))

    before = {path: path.stat().st_mtime_ns for path in target.rglob("*.jpg")}
    (source / "bad.jpg").unlink()
    with started("watch", str(source), "-o", str(target), "--strip", "--every", "0.1", "--unchanged", "0.1"):
        (source / "new.jpg").write_bytes(astronaut)
        until((target / "new.jpg").exists)
    assert {path: path.stat().st_mtime_ns for path in before} == before, "what was clean already was left"


@pytest.mark.slow
def test_watch_keeps_a_credit_and_refuses_what_a_strip_has_no_use_for(astronaut: bytes, tmp_path: Path) -> None:
    """``--strip`` takes ``--keep`` and ``--set``; a style would be ignored, so it is refused."""
    source, target = tmp_path / "in", tmp_path / "out"
    source.mkdir()
    (source / "a.jpg").write_bytes(astronaut)
    options = (
        "--strip",
        "--keep",
        "copyright",
        "--set",
        "credit-line=Doe/Agency",
        "--every",
        "0.1",
        "--unchanged",
        "0.1",
    )
    with started("watch", str(source), "-o", str(target), *options):
        until((target / "a.jpg").exists)
    assert verify((target / "a.jpg").read_bytes(), keep="copyright") == []
    assert b"A. Photographer" in (target / "a.jpg").read_bytes()
    assert b"Doe/Agency" in (target / "a.jpg").read_bytes()
    with started("watch", str(source), "-o", str(target), "--strip", "--style", "solid") as process:
        assert process.wait(30) == 64


@pytest.mark.slow
def test_watch_takes_a_burst_of_a_thousand(tmp_path: Path) -> None:
    """Every one of them comes out."""
    from io import BytesIO

    from PIL import Image

    source, target, out = tmp_path / "in", tmp_path / "out", BytesIO()
    source.mkdir()
    Image.new("RGB", (16, 16), (9, 90, 200)).save(out, "PNG")
    with started("watch", str(source), "-o", str(target), "--strip", "--every", "0.2", "--unchanged", "0.3"):
        for number in range(1000):
            (source / f"{number}.png").write_bytes(out.getvalue())
        until(lambda: target.is_dir() and len(list(target.iterdir())) == 1000, 120)


def integrated(home: Path, *arguments: str) -> Path:
    """The place that the command names."""
    env = ENV | {"HOME": str(home), "APPDATA": str(home / "Roaming")}
    env.pop("XDG_DATA_HOME", None)
    said = subprocess.run(
        [sys.executable, "-m", "rmexif", "integrate", *arguments], env=env, capture_output=True, text=True, check=True
    ).stdout
    return Path(said.partition(": ")[2].strip())


def exec_arguments(value: str, files: list[str]) -> list[str]:
    """An Exec line as the Desktop Entry Specification reads it: the value is unescaped, and then quoted as in sh."""
    line = value.replace("\\\\", "\\").replace("%%", "%").removesuffix(" %F")
    words = subprocess.check_output(["/bin/sh", "-c", f"printf '%s\\0' {line}"], text=True)
    return [*words.split("\0")[:-1], *files]


@pytest.mark.parametrize("manager", ["nautilus", "dolphin"])
def test_a_right_click_cleans(manager: str, astronaut: bytes, tmp_path: Path) -> None:
    """The entry is run as its file manager runs it, on names that are awkward; --remove takes it away."""
    place = integrated(tmp_path, manager)
    names = ["a b.jpg", "-x.jpg", "it's $HOME.jpg"]
    for name in names:
        (tmp_path / name).write_bytes(astronaut)
    if manager == "nautilus":
        assert os.access(place, os.X_OK)
        command = [str(place), *names]
    else:
        entry = configparser.RawConfigParser()
        entry.optionxform = str
        entry.read(place, "utf-8")
        assert "image/jpeg;" in entry["Desktop Entry"]["MimeType"]
        command = exec_arguments(entry["Desktop Action clean"]["Exec"], names)
    subprocess.run(command, cwd=tmp_path, env=ENV, check=True)
    for name in names:
        assert verify((tmp_path / name.replace(".jpg", ".scrubbed.jpg")).read_bytes(), canonical=True) == []
    if manager == "dolphin" and shutil.which("desktop-file-validate"):
        subprocess.run(["desktop-file-validate", str(place)], check=False)
    assert integrated(tmp_path, manager, "--remove") == place
    assert not place.exists()


def test_entries_of_other_systems(tmp_path: Path) -> None:
    """Finder's bundle holds two property lists that name the script; Send to is a command file with CRLF."""
    place = integrated(tmp_path, "finder")
    info = plistlib.loads((place / "Contents" / "Info.plist").read_bytes())
    assert info["NSServices"][0]["NSSendFileTypes"] == ["public.image"]
    flow = plistlib.loads((place / "Contents" / "document.wflow").read_bytes())
    assert "rmexif" in flow["actions"][0]["action"]["ActionParameters"]["COMMAND_STRING"]
    integrated(tmp_path, "finder", "--remove")
    assert not place.exists()
    place = integrated(tmp_path, "sendto")
    lines = place.read_bytes().split(b"\r\n")
    assert lines[0] == b"@echo off"
    assert any(b'"-m" "rmexif"' in line and b'"%~1"' in line for line in lines)

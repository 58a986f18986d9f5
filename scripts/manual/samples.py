"""Run every block of the README and the manual; the first that does not do what it says ends the run.

Each page has a scratch folder with the photograph of ``examples/``. Blocks of ``bash`` run there one after the other;
blocks of ``python`` share one process. Options behind the language:

``title="app.py"``           the block is written to that file instead of being run
``server=URL``               it stays in the background until the page ends; the next block waits for URL to answer
``exit=1``                   the exit status that it must have
``clone``                    it runs in a copy of the checkout
``notest reason="..."``      it is not run, and counted

``output`` is compared with what the block before it printed ("..." stands for anything); ``text`` is shown only.
``json``, ``toml`` and ``yaml`` must parse. Ports 8000, 8010 ... of samples are replaced by free ones, and
``pip install`` by a check that the checkout has what the line asks for.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import tomllib
import urllib.error
import urllib.request
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import yaml
from scripts.manual.blocks import Block, read_blocks

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

ROOT = Path(__file__).resolve().parents[2]
PHOTO = ROOT / "examples/astronaut.jpg"
SHOWN = frozenset({"text", "mermaid", "nginx", "dockerfile", "html"})
PARSED: dict[str, Callable[[str], Any]] = {"json": json.loads, "toml": tomllib.loads, "yaml": yaml.safe_load}
SECONDS, START_SECONDS = 300, 90  # of one block, and until a server answers
PIP = '#!/bin/sh\nexec "{python}" -m scripts.manual.pip "$@"\n'
SESSION = """
import contextlib, io, json, sys, traceback
answers, names = sys.stdout, {"__name__": "__main__"}
for request in sys.stdin:
    page, line, text = json.loads(request)
    printed, error = io.StringIO(), ""
    with contextlib.redirect_stdout(printed):
        try:
            exec(compile("\\n" * (line - 1) + text, page, "exec"), names)
        except BaseException:
            error = traceback.format_exc()
    print(json.dumps([printed.getvalue(), error]), file=answers, flush=True)
"""


class SampleFailed(Exception):
    """A block did not do what the page says."""


class Page:
    """The scratch folder, the servers and the Python process of one page."""

    def __init__(self) -> None:
        self._scratch = tempfile.TemporaryDirectory(prefix="rmexif-manual-")
        self._folder = Path(self._scratch.name, "work")
        self._servers: list[subprocess.Popen[bytes]] = []
        self._session: subprocess.Popen[str] | None = None
        self._printed = ""
        self._ports: dict[str, str] = {}
        self.counts: Counter[str] = Counter()

    def __enter__(self) -> Self:
        """Fill the folder."""
        photos = self._folder / "photos"
        photos.mkdir(parents=True)
        for place in (self._folder / "photo.jpg", self._folder / "input.jpg", photos / "a.jpg", photos / "b.jpg"):
            shutil.copyfile(PHOTO, place)
        programs = Path(self._scratch.name, "bin")
        programs.mkdir()
        (programs / "pip").write_text(PIP.format(python=sys.executable))
        (programs / "pip").chmod(0o755)
        own = {"PATH": os.pathsep.join((str(programs), str(Path(sys.executable).parent), os.environ["PATH"]))}
        own |= {"PYTHONPATH": f"{ROOT / 'src'}{os.pathsep}{ROOT}", "HOME": self._scratch.name, "NO_COLOR": "1"}
        own |= {"RMEXIF_PORT": self._ported("8000"), "PYTHONDONTWRITEBYTECODE": "1"}  # rmexif serve names no port
        self._environment = {**os.environ, **own}
        return self

    def __exit__(self, *_: object) -> None:
        """End what was started, and remove the folder."""
        for process in (*self._servers, *([self._session] if self._session else [])):
            with contextlib.suppress(ProcessLookupError):  # it has ended by itself
                os.killpg(process.pid, signal.SIGTERM)
            try:
                process.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
        self._scratch.cleanup()

    def run(self, block: Block) -> None:
        """One block.

        Raises:
            SampleFailed: it did not do what the page says.
        """
        if "notest" in block.options:
            self.counts["not run"] += 1
        elif "title" in block.options:
            self._write(block)
        elif block.language in PARSED:
            PARSED[block.language](block.text)
            self.counts["parsed"] += 1
        elif block.language == "output":
            self._compare(block)
        elif block.language == "bash":
            self._shell(block)
        elif block.language == "python":
            self._python(block)
        elif block.language not in SHOWN:
            raise SampleFailed(f"{block.language or 'a block without a language'}: neither run nor marked as output")
        else:
            self.counts["shown"] += 1

    def _write(self, block: Block) -> None:
        if block.language == "python":
            compile(block.text, block.options["title"], "exec")
        (self._folder / block.options["title"]).write_text(self._ported(block.text))
        self.counts["written"] += 1

    def _ported(self, text: str) -> str:
        """The text with a free port in the place of each that a sample listens on."""
        return re.sub(r"(?<![\w.])80\d0\b", lambda port: self._ports.setdefault(port[0], _free_port()), text)

    def _compare(self, block: Block) -> None:
        pattern = r"[^\n]*".join(map(re.escape, block.text.strip().split("...")))
        if re.fullmatch(pattern, self._printed.strip()) is None:
            raise SampleFailed(f"the page says\n{block.text}\nand it printed\n{self._printed}")
        self.counts["compared"] += 1

    def _shell(self, block: Block) -> None:
        folder = self._folder if "clone" not in block.options else self._clone()
        command = ["bash", "-euo", "pipefail", "-c", self._ported(block.text)]
        start: dict[str, Any] = {"cwd": folder, "env": self._environment, "start_new_session": True}
        if "server" in block.options:
            log = Path(self._scratch.name, f"server{len(self._servers)}")
            with log.open("wb") as stream:
                self._servers.append(subprocess.Popen(command, stdout=stream, stderr=stream, **start))
            self._wait(self._ported(block.options["server"]), log)
            self.counts["servers"] += 1
            return
        start |= {"capture_output": True, "text": True, "errors": "replace", "timeout": SECONDS}
        done = subprocess.run(command, check=False, **start)
        self._printed = done.stdout
        if done.returncode != int(block.options.get("exit", "0")):
            raise SampleFailed(f"exit status {done.returncode}\n{done.stdout[-2000:]}{done.stderr[-4000:]}")
        self.counts["run"] += 1

    def _wait(self, address: str, log: Path) -> None:
        end = time.monotonic() + START_SECONDS
        while time.monotonic() < end and self._servers[-1].poll() is None:
            try:
                urllib.request.urlopen(address, timeout=10).close()
                return
            except urllib.error.HTTPError as error:
                if error.code < 500:
                    return
            except OSError:
                pass
            time.sleep(0.2)
        raise SampleFailed(f"the server never answered at {address}\n{log.read_text(errors='replace')[-4000:]}")

    def _python(self, block: Block) -> None:
        if self._session is None:
            command = [sys.executable, "-c", SESSION]
            pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
            pipes |= {"stderr": subprocess.DEVNULL}  # a traceback comes as an answer
            self._session = subprocess.Popen(
                command, cwd=self._folder, env=self._environment, start_new_session=True, **pipes
            )
        assert self._session.stdin and self._session.stdout
        request = json.dumps([block.page.name, block.line, self._ported(block.text)])
        print(request, file=self._session.stdin, flush=True)
        answer = self._session.stdout.readline()
        if not answer:
            raise SampleFailed("the process ended")
        self._printed, error = json.loads(answer)
        if error:
            raise SampleFailed(error)
        self.counts["run"] += 1

    def _clone(self) -> Path:
        """A copy of what the repository holds, as somebody who has cloned it sees it."""
        clone = Path(self._scratch.name, "rmexif")
        if not clone.exists():
            listing = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
            names = subprocess.run(listing, cwd=ROOT, check=True, capture_output=True, text=True).stdout
            for name in filter(None, names.split("\0")):
                if (ROOT / name).is_file():
                    (clone / name).parent.mkdir(parents=True, exist_ok=True)
                    shutil.copy2(ROOT / name, clone / name)
        return clone


def _free_port() -> str:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return str(probe.getsockname()[1])


def pages_of(names: Iterable[str]) -> list[Path]:
    """The pages that are named, else all."""
    if chosen := [Path(name).resolve() for name in names]:
        return chosen
    return [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "SECURITY.md", *sorted((ROOT / "docs").rglob("*.md"))]


def main() -> None:
    """Run the pages that are named, else all."""
    parser = argparse.ArgumentParser(prog="docs-check", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("page", nargs="*", help="Markdown files; all by default")
    total: Counter[str] = Counter()
    for path in pages_of(parser.parse_args().page):
        start = time.monotonic()
        with Page() as page:
            for block in read_blocks(path, ROOT):
                try:
                    page.run(block)
                except (SampleFailed, ValueError, SyntaxError, subprocess.TimeoutExpired) as error:
                    print(f"{path.relative_to(ROOT)}:{block.line}: {error}\n\n{block.text}", file=sys.stderr)
                    sys.exit(1)
                if "notest" in block.options:
                    print(f"{path.relative_to(ROOT)}:{block.line}: not run: {block.options['reason']}")
            total += page.counts
            if page.counts:
                print(f"{path.relative_to(ROOT)}: {_text(page.counts)} in {time.monotonic() - start:.1f} s", flush=True)
    print(f"all: {_text(total)}")


def _text(counts: Counter[str]) -> str:
    return ", ".join(f"{number} {name}" for name, number in sorted(counts.items()))


if __name__ == "__main__":
    main()

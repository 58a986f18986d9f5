"""A real server in a process of its own, on a free port."""

from __future__ import annotations

import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

import requests

if TYPE_CHECKING:
    from collections.abc import Iterator


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


@contextmanager
def running(
    command: list[str], url: str, prefix: tuple[str, ...] = (), **environment: str
) -> Iterator[subprocess.Popen]:
    """The command's process, once ``url`` answers 200."""
    env = {name: value for name, value in os.environ.items() if not name.startswith("RMEXIF_")}
    env |= {"PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1", **environment}
    process = subprocess.Popen(
        [*prefix, sys.executable, *command],
        env=env,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    try:
        until = time.monotonic() + 60
        while True:
            try:
                if requests.get(url, timeout=20).status_code == 200:
                    break
            except requests.ConnectionError:
                time.sleep(0.1)
            assert process.poll() is None, process.stdout.read().decode()
            assert time.monotonic() < until, "the server did not come up"
        yield process
    finally:
        process.terminate()
        try:
            process.wait(20)
        except subprocess.TimeoutExpired:
            process.kill()
        with suppress(ProcessLookupError):  # a tracer that ends lets go of what it traced
            os.killpg(process.pid, signal.SIGKILL)
        process.stdout.close()


@contextmanager
def service(prefix: tuple[str, ...] = (), **settings: object) -> Iterator[tuple[str, subprocess.Popen]]:
    """``rmexif serve`` with these settings: its address and its process."""
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    names = {f"RMEXIF_{name.upper()}": str(value) for name, value in settings.items()}
    command = ["-m", "rmexif", "serve", "--port", str(port)]
    with running(command, f"{base}/readyz", prefix, **({"RMEXIF_WORKERS": "1"} | names)) as process:
        yield base, process

"""The adapters, in their real frameworks under real servers: nothing on a disk, nothing but clean bytes handed on."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest
import requests

from rmexif import verify
from tests.service.serving import free_port, running

pytestmark = pytest.mark.slow  # starts servers

EXAMPLES = Path(__file__).parents[2] / "examples"
COMMANDS = {
    "fastapi": ["-m", "uvicorn", "--app-dir", str(EXAMPLES), "fastapi_app:app", "--port"],
    "starlette": ["-m", "uvicorn", "--app-dir", str(EXAMPLES), "starlette_app:app", "--port"],
    "flask": [str(EXAMPLES / "flask_app.py")],
    "django": [str(EXAMPLES / "django_app.py")],
}
# A call that could leave something behind, and succeeded; /dev/null is where quiet programs speak to.
WRITES = re.compile(r"(?:open|openat|creat|memfd_create|mkdir|mkdirat|rename|renameat2?|linkat?|symlinkat?)\(.*= \d")
FLAGS = re.compile(r"O_WRONLY|O_RDWR|O_CREAT|creat\(|memfd|mkdir|rename|link")


def written(lines: list[str]) -> list[str]:
    return [line for line in lines if WRITES.search(line) and FLAGS.search(line) and '"/dev/null"' not in line]


@pytest.fixture
def upload(astronaut: bytes) -> bytes:
    """20 MB: a photograph with a long tail, which no output may have."""
    return astronaut + b"canary-in-the-tail " * (20_000_000 // 19)


@pytest.mark.parametrize("framework", COMMANDS)
def test_a_large_upload_opens_no_file_for_writing(framework: str, upload: bytes, tmp_path: Path) -> None:
    """20 MB of multipart: clean bytes come out, no file is opened for writing; a failing image is a 4xx."""
    if not shutil.which("strace"):
        pytest.skip("strace is not installed")
    port, trace = free_port(), tmp_path / "trace"
    url = f"http://127.0.0.1:{port}"
    prefix = ("strace", "-f", "-qq", "-s", "256", "-e", "trace=%file,memfd_create,connect", "-o", str(trace))
    with running([*COMMANDS[framework], str(port)], f"{url}/", prefix):
        before = len(trace.read_text().splitlines())
        answer = requests.post(f"{url}/avatar", files={"file": ("../secret.jpg", upload, "image/jpeg")})
        broken = requests.post(f"{url}/avatar", files={"file": ("x.jpg", upload[:700], "image/jpeg")})
        alien = requests.post(f"{url}/avatar", files={"file": ("x.jpg", b"<?php ?>" * 200_000, "image/jpeg")})
        time.sleep(0.2)
        lines = trace.read_text().splitlines()[before:]

    assert answer.status_code == 200, answer.text
    assert answer.headers["Content-Type"].startswith("image/jpeg")
    assert verify(answer.content) == []
    assert b"canary" not in answer.content
    assert (broken.status_code, alien.status_code) == (422, 415)
    assert "malformed_image" in broken.text
    assert written(lines) == []
    assert not [line for line in lines if "connect(" in line and "AF_INET" in line]

"""The adapters, in their real frameworks under real servers: nothing on a disk, nothing but clean bytes handed on."""

from __future__ import annotations

import re
import shutil
import time
from pathlib import Path

import pytest
import requests

from rmexif import verify
from tests import samples
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
    assert verify(answer.content, canonical=True) == []
    assert b"canary" not in answer.content
    assert (broken.status_code, alien.status_code) == (422, 415)
    assert "malformed_image" in broken.text
    assert written(lines) == []
    assert not [line for line in lines if "connect(" in line and "AF_INET" in line]


@pytest.fixture
def heic() -> bytes:
    """As a phone writes it: HEVC, a make and a position in Exif."""
    return samples.heic_of_a_phone(320, 240)


@pytest.mark.parametrize("framework", COMMANDS)
def test_the_examples_as_printed(framework: str, heic: bytes) -> None:
    """A form where nothing was chosen, one without the field, and a photograph of a phone, under a real server."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with running([*COMMANDS[framework], str(port)], f"{url}/"):
        empty = requests.post(f"{url}/avatar", files={"file": ("", b"")}, timeout=60)
        absent = requests.post(f"{url}/avatar", files={"other": (None, "text")}, timeout=60)
        photo = requests.post(f"{url}/avatar", files={"file": ("IMG_0001.HEIC", heic, "image/heic")}, timeout=60)

    assert {empty.status_code, absent.status_code} <= {400, 422}
    assert photo.status_code == 200, photo.text
    assert photo.headers["Content-Type"].startswith("image/")
    assert verify(photo.content, canonical=True) == []

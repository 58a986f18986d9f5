"""Attacks on a service over loopback."""

from __future__ import annotations

import socket
import time
from contextlib import ExitStack
from typing import TYPE_CHECKING

import requests
from benchmarks.hostile.attack import Attack
from benchmarks.hostile.load import honest_files, idle, latencies, worst_files
from tests import samples
from tests.service.serving import service

from rmexif import verify

if TYPE_CHECKING:
    from collections.abc import Iterator

__all__ = ["attacks"]

HONEST = 10  # requests beside each attack
SLACK_SECONDS, MOST_TIMES = 1.0, 3.0  # what an honest request may take of a quiet one
FORM = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nab\r\n--x--\r\n'


def attacks() -> Iterator[Attack]:
    """Each beside honest requests."""
    raw = samples.saved(samples.picture(640, 480), "JPEG", exif=samples.exif())
    with service(workers=2, queue=30, head_seconds=300, body_seconds=300) as (base, _):
        yield from _refused(base, raw)
        _honest(base, raw)
        _, quiet = _honest(base, raw)
        yield _beside("1000 idle connections", base, raw, quiet, idle(base, 1000))
        with ExitStack() as stack:
            for _ in range(24):
                stack.enter_context(_slow(base))
            time.sleep(1.5)
            answered, longest = _honest(base, raw)
            held = answered == HONEST and longest < MOST_TIMES * quiet + SLACK_SECONDS
            yield Attack(
                "24 bodies that never end", f"honest: {answered} of {HONEST}, {longest:.2f} s ({quiet:.2f} s)", held
            )
        honest = honest_files()
        spent = latencies(base, honest, worst_files(), 40, 4)
        wrong = sum(item.verdict not in ("clean", "429 busy") for item in spent)
        yield Attack(
            "20 % dear images among 40", f"slowest honest {max(item.seconds for item in spent):.2f} s", not wrong
        )


def _refused(base: str, raw: bytes) -> Iterator[Attack]:
    for tried, path, headers, status in (
        ("a slash behind the path", "/v1/scrub/", {}, 404),
        ("a name that is rebound", "/v1/scrub", {"Host": "evil.example"}, 421),
        (
            "a form of a foreign page",
            "/v1/scrub",
            {"Origin": "https://evil.example", "Content-Type": "multipart/form-data; boundary=x"},
            403,
        ),
        ("a text of a foreign page", "/v1/scrub", {"Origin": "null", "Content-Type": "text/plain"}, 403),
        ("a fetch that says cross-site", "/v1/scrub", {"Sec-Fetch-Site": "cross-site"}, 403),
    ):
        body = FORM if "boundary" in headers.get("Content-Type", "") else raw
        answer = requests.post(base + path, data=body, headers=headers, allow_redirects=False)
        held = answer.status_code == status and "Location" not in answer.headers
        yield Attack(tried, f"{answer.elapsed.total_seconds():.3f} s, {answer.status_code}", held)


def _beside(tried: str, base: str, raw: bytes, quiet: float, attack: object) -> Attack:
    with attack:
        answered, longest = _honest(base, raw)
    held = answered == HONEST and longest < MOST_TIMES * quiet + SLACK_SECONDS
    return Attack(tried, f"honest: {answered} of {HONEST}, slowest {longest:.2f} s (quiet {quiet:.2f} s)", held)


def _honest(base: str, raw: bytes) -> tuple[int, float]:
    """How many of some honest requests came out clean, and the longest time, s."""
    answered, longest = 0, 0.0
    for _ in range(HONEST):
        answer = requests.post(f"{base}/v1/scrub", data=raw)
        answered += answer.status_code == 200 and verify(answer.content) == []
        longest = max(longest, answer.elapsed.total_seconds())
    return answered, longest


def _slow(base: str) -> socket.socket:
    host, port = base.removeprefix("http://").split(":")
    client = socket.create_connection((host, int(port)), 30)
    client.sendall(b"POST /v1/scrub HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
    return client

"""moto's S3 server in a process of its own, with a gate in front that can answer 503 and counts what goes through."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import threading
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServiceUnavailable</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)

EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ExpiredToken</Code>'
    b"<Message>The provided token has expired.</Message></Error>"
)
SILENCE = 30  # s
HALVES = ("short", "cut")


class Server:
    """A running server; ``environment`` leads every client of S3 to it."""

    def __init__(self, port: int, pid: int) -> None:
        self._pid = pid
        self.url = f"http://127.0.0.1:{port}"
        self.environment = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_DEFAULT_REGION": "us-east-1",
            "AWS_ENDPOINT_URL": self.url,
        }

    def system(self) -> Any:
        """A client that remembers nothing."""
        import s3fs

        return s3fs.S3FileSystem(
            key="test", secret="test", endpoint_url=self.url, skip_instance_cache=True, use_listings_cache=False
        )

    def fill(self, bucket: str, objects: dict[str, bytes]) -> str:
        """Put objects into a new bucket; its address."""
        system = self.system()
        system.mkdir(bucket)
        for name, data in objects.items():
            system.call_s3("put_object", Bucket=bucket, Key=name, Body=data)
        return f"s3://{bucket}"

    def objects(self, place: str) -> dict[str, bytes]:
        """What lies below an address."""
        system, root = self.system(), place.removeprefix("s3://")
        return {name[len(root) + 1 :]: system.cat_file(name) for name in system.find(root)}

    def refuse(self, requests: int, after_puts: int = 0, how: str = "busy") -> None:
        """Answer 503 to so many requests, once so many more objects were put; 0 answers them all again.

        Or nothing (``how="silent"``), or that the token has expired (``how="expired"``), or to so many requests for a
        picture half of it, with its whole length in front (``how="short"``) or as if that were all (``how="cut"``).
        """
        self._control(f"refuse?{requests}&{after_puts}&{how}")

    def counts(self) -> dict[str, int]:
        """Requests since the last time this was asked, by method, and how many were refused."""
        counted: dict[str, int] = json.loads(self._control("counts"))
        return counted

    def seconds(self) -> float:
        """Processor time that the server has taken."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def _control(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/-control-/{path}") as answer:
            data: bytes = answer.read()
            return data


@contextlib.contextmanager
def serving() -> Iterator[Server]:
    """A server for the time of a block."""
    environment = os.environ | {"MOTO_S3_DEFAULT_KEY_BUFFER_SIZE": str(64 << 20)}
    command = [sys.executable, str(Path(__file__).resolve())]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
    try:
        assert process.stdout is not None
        yield Server(int(process.stdout.readline()), process.pid)
    finally:
        process.terminate()
        process.wait()


def _application() -> Any:
    from moto.moto_server.werkzeug_app import DomainDispatcherApplication, create_backend_app

    inner = DomainDispatcherApplication(create_backend_app)
    counts: Counter[str] = Counter()
    puts, refusals = 0, 0  # objects still to be put before refusals begin, and how many there will be
    how = "busy"
    lock, again = threading.Lock(), threading.Event()

    def control(path: str, query: str) -> bytes:
        nonlocal puts, refusals, how
        if path.endswith("refuse"):
            *numbers, how = query.split("&")
            refusals, puts = map(int, numbers)
            again.set() if refusals == 0 else again.clear()
            return b""
        counted = json.dumps(counts).encode()
        counts.clear()
        return counted

    def is_refused(environ: dict[str, Any]) -> bool:
        nonlocal puts, refusals
        method = environ["REQUEST_METHOD"]
        is_spared = how in HALVES and not (method == "GET" and environ["PATH_INFO"].endswith(".jpg"))
        if puts > 0:
            puts -= method == "PUT"
        elif refusals > 0 and not is_spared:
            refusals -= 1
            counts["refused"] += 1
            return True
        counts[method] += 1
        return False

    def gate(environ: dict[str, Any], start: Any) -> Any:
        path = environ["PATH_INFO"]
        if path.startswith("/-control-/"):
            with lock:
                answer = control(path, environ["QUERY_STRING"])
            start("200 OK", [("Content-Length", str(len(answer)))])
            return [answer]
        with lock:
            refused = is_refused(environ)
        if refused and how in HALVES:
            return half(inner, environ, start, how == "short")
        if refused:
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            if how == "silent":
                again.wait(SILENCE)
            status, body = ("400 Bad Request", EXPIRED) if how == "expired" else ("503 Slow Down", BUSY)
            start(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
            return [body]
        return inner(environ, start)

    return gate


def half(inner: Any, environ: dict[str, Any], start: Any, is_said: bool) -> list[bytes]:
    """The first half of an answer, with the length of all of it, or with its own."""
    given: list[Any] = []
    body = b"".join(inner(environ, lambda status, headers, *_: given.extend((status, headers))))
    cut = body[: len(body) // 2]
    dropped = ("content-length", "x-amz-checksum")  # a client that is given a sum would see it
    headers = [(name, value) for name, value in given[1] if not name.lower().startswith(dropped)]
    start(given[0], [*headers, ("Content-Length", str(len(body) if is_said else len(cut)))])
    return [cut]


def main() -> None:
    """Serve until the process is ended; the port goes to standard output."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, _application(), threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

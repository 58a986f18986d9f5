"""moto's S3 server in a process of its own, with a door in front that can answer 503 and counts what goes through."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

BUSY = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ServiceUnavailable</Code>'
    b"<Message>Please reduce your request rate.</Message></Error>"
)


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

    def refuse(self, seconds: float) -> None:
        """Answer 503 for so long."""
        self.codec_errors(f"refuse?{seconds}")

    def counts(self) -> dict[str, int]:
        """Requests since the last time this was asked, by method, and how many were refused."""
        counted: dict[str, int] = json.loads(self.codec_errors("counts"))
        return counted

    def seconds(self) -> float:
        """Processor time that the server has taken."""
        fields = Path(f"/proc/{self._pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def codec_errors(self, path: str) -> bytes:
        with urllib.request.urlopen(f"{self.url}/-door-/{path}") as answer:
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
    until = 0.0

    def door(environ: dict[str, Any], start: Any) -> Any:
        nonlocal until
        path = environ["PATH_INFO"]
        if path == "/-door-/refuse":
            until = time.monotonic() + float(environ["QUERY_STRING"])
            start("204 No Content", [])
            return []
        if path == "/-door-/counts":
            told = json.dumps(counts).encode()
            counts.clear()
            start("200 OK", [("Content-Length", str(len(told)))])
            return [told]
        if time.monotonic() < until:
            counts["refused"] += 1
            environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
            start("503 Slow Down", [("Content-Type", "application/xml"), ("Content-Length", str(len(BUSY)))])
            return [BUSY]
        counts[environ["REQUEST_METHOD"]] += 1
        return inner(environ, start)

    return door


def main() -> None:
    """Serve until the process is ended; the port goes to standard output."""
    from werkzeug.serving import make_server

    server = make_server("127.0.0.1", 0, _application(), threaded=True)
    print(server.server_port, flush=True)
    server.serve_forever()


if __name__ == "__main__":
    main()

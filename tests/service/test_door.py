"""The service's door, with people in front of it who want it shut: slow, idle, many, from foreign pages, or dear."""

from __future__ import annotations

import os
import resource
import signal
import socket
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest
import requests
from requests.adapters import HTTPAdapter

from rmexif import verify
from rmexif.service.clients import client_of
from tests import samples
from tests.service.serving import service
from tests.service.test_service import (
    TOKEN,
    children,
    in_flight,
    post_later,
    processor_seconds,
    refused,
    wait_for,
    worker_of,
)

pytestmark = pytest.mark.slow  # starts servers
HONEST, OTHER = "127.0.0.1", "127.0.0.2"  # two clients; Linux answers on all of 127/8


@pytest.fixture(scope="module")
def base() -> Iterator[str]:
    with service(workers=1, allowed_origins="https://photos.example", head_seconds=3) as (address, _):
        yield address


class _From(HTTPAdapter):
    """Requests from one address."""

    def __init__(self, address: str) -> None:
        self.address = address
        super().__init__()

    def init_poolmanager(self, *arguments: object, **options: object) -> None:
        super().init_poolmanager(*arguments, source_address=(self.address, 0), **options)


def session_from(address: str) -> requests.Session:
    session = requests.Session()
    session.mount("http://", _From(address))
    return session


@contextmanager
def connections(base: str, count: int, address: str, sent: bytes = b"") -> Iterator[list[socket.socket]]:
    """Open connections that have sent so much and say nothing more."""
    host, port = base.removeprefix("http://").split(":")
    with ExitStack() as stack:
        found = []
        for _ in range(count):
            client = stack.enter_context(socket.create_connection((host, int(port)), 30, (address, 0)))
            client.sendall(sent)
            found.append(client)
        yield found


def closed_within(client: socket.socket, seconds: float) -> bool:
    """Whether the other end closes in that time."""
    client.settimeout(seconds)
    try:
        while client.recv(1 << 16):
            pass
    except TimeoutError:
        return False
    except ConnectionError:
        return True
    return True


def slowest(answers: list[requests.Response]) -> float:
    """The longest time until an answer began, s."""
    return max(answer.elapsed.total_seconds() for answer in answers)


@pytest.mark.parametrize("path", ["/v1/scrub/", "/v1/strip/", "/healthz/", "//v1/scrub"])
def test_no_path_is_redirected(base: str, astronaut: bytes, path: str) -> None:
    """A redirect would have a client send its image again, to the host and by the scheme that the answer names."""
    answer = requests.post(base + path, data=astronaut, allow_redirects=False)

    refused(answer, 404, "not_found")
    assert "Location" not in answer.headers


@pytest.mark.parametrize(
    "host", ["evil.example", "evil.example:8000", "", "localhost.evil.example", "[::1].evil.example"]
)
def test_a_name_that_is_not_ours_is_421(base: str, astronaut: bytes, host: str) -> None:
    """DNS rebinding: the browser's connection is ours, the name that it asks for is the attacker's."""
    for method, path in (("GET", "/"), ("POST", "/v1/strip")):
        refused(requests.request(method, base + path, data=astronaut, headers={"Host": host}), 421, "wrong_host")


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:8000", "127.0.0.1:1", "[::1]:8000", "10.2.3.4"])
def test_addresses_and_localhost_are_ours(base: str, astronaut: bytes, host: str) -> None:
    """An address cannot be rebound."""
    assert requests.post(f"{base}/v1/strip", data=astronaut, headers={"Host": host}).status_code == 200


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://localhost:1"},
    {"Origin": "https://photos.example.evil.example"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Sec-Fetch-Site": "cross-site"},
)


@pytest.mark.parametrize("headers", FOREIGN)
@pytest.mark.parametrize("kind", ["multipart/form-data; boundary=x", "text/plain", "application/x-www-form-urlencoded"])
def test_a_form_of_a_foreign_page_is_403(base: str, headers: dict[str, str], kind: str) -> None:
    """What a page can have a browser send without asking first (Fetch, "CORS-safelisted request-header")."""
    body = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nab\r\n--x--\r\n'
    answer = requests.post(f"{base}/v1/strip", data=body, headers={"Content-Type": kind, **headers})

    refused(answer, 403, "cross_site")
    assert "Access-Control-Allow-Origin" not in answer.headers


def test_own_pages_and_allowed_ones_may_send(base: str, astronaut: bytes) -> None:
    """The page of the service, also behind a proxy that ends TLS; the operator's other sites, which may read."""
    own = [{"Origin": base}, {"Origin": base, "Sec-Fetch-Site": "same-origin"}, {"Sec-Fetch-Site": "none"}]
    for headers in own:
        assert requests.post(f"{base}/v1/strip", data=astronaut, headers=headers).status_code == 200, headers
    proxied = {"Host": "127.0.0.1", "Origin": "https://127.0.0.1"}
    assert requests.post(f"{base}/v1/strip", data=astronaut, headers=proxied).status_code == 200
    allowed = requests.post(f"{base}/v1/strip", data=astronaut, headers={"Origin": "https://photos.example"})

    assert allowed.headers["Access-Control-Allow-Origin"] == "https://photos.example"
    assert verify(allowed.content, canonical=True) == []


RAW_HEADS = {
    "two ways to say how long": (b"Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", 400),
    "two lengths": (b"Content-Length: 5\r\nContent-Length: 50\r\n", 400),
    "a length with a sign": (b"Content-Length: +5\r\n", 400),
    "a blank before the colon": (b"Content-Length : 5\r\n", 400),
    "a coding that hides another": (b"Transfer-Encoding: xchunked\r\n", 400),
    "two codings": (b"Transfer-Encoding: gzip, chunked\r\n", 400),
    "two hosts": (b"Host: localhost\r\nContent-Length: 5\r\n", 400),
    "a head of a megabyte": (b"A: " + b"a" * (1 << 20) + b"\r\n", 400),
    "an upgrade": (
        b"Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nContent-Length: 5\r\n",
        415,
    ),
}


@pytest.mark.parametrize("kind", list(RAW_HEADS))
def test_a_head_that_two_readers_could_read_differently_is_refused(base: str, kind: str) -> None:
    """And the connection closed, so that what follows is no second request: nothing is smuggled behind it."""
    head, status = RAW_HEADS[kind]
    host, port = base.removeprefix("http://").split(":")
    behind = b"0\r\n\r\nPOST /v1/scrub HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n"
    with socket.create_connection((host, int(port)), 10) as client:
        with suppress(OSError):
            client.sendall(b"POST /v1/strip HTTP/1.1\r\nHost: localhost\r\n" + head + b"\r\n" + behind)
        answer = b""
        with suppress(OSError):
            while piece := client.recv(1 << 16):
                answer += piece

    assert answer.startswith(b"HTTP/1.1 %d " % status), answer[:200]
    assert kind == "an upgrade" or answer.count(b"HTTP/1.1") == 1


@pytest.mark.parametrize("method", ["HEAD", "OPTIONS", "PUT", "TRACE", "CONNECT"])
def test_other_methods_are_405(base: str, method: str) -> None:
    """And say nothing of what another request was."""
    answer = requests.request(method, f"{base}/v1/scrub", headers={"X-Probe": "canary"})

    assert answer.status_code == 405
    assert b"canary" not in answer.content


def test_a_head_that_never_ends_is_hung_up_on(base: str) -> None:
    """Nothing, half a head, and half a second head on a connection that has had its answer."""
    get = b"GET /healthz HTTP/1.1\r\nHost: localhost\r\n"
    for sent in (b"", get, get + b"\r\n" + get):
        with connections(base, 1, HONEST, sent) as (client,):
            assert closed_within(client, 15), sent


@pytest.mark.parametrize("sent", [b"", b"POST /v1/strip HTTP/1.1\r\nHost: localhost\r\n"])
def test_a_thousand_idle_connections_keep_nobody_out(astronaut: bytes, sent: bytes) -> None:
    """From the same address, more than may be open: the oldest go, an honest client sees nothing of it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(4096, hard), hard))
    try:
        with service(workers=1, head_seconds=300) as (base, process), ExitStack() as stack:
            quiet = [requests.post(f"{base}/v1/strip", data=astronaut) for _ in range(10)]
            stack.enter_context(connections(base, 1000, HONEST, sent))
            wait_for(lambda: len(os.listdir(f"/proc/{process.pid}/fd")) < 600, "the end of those that are too many")
            answers = [requests.post(f"{base}/v1/strip", data=astronaut) for _ in range(10)]
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    assert {answer.status_code for answer in answers} == {200}
    assert slowest(answers) < 3 * slowest(quiet) + 3  # a second: one SYN that was sent again


def test_slow_bodies_give_way(astronaut: bytes) -> None:
    """They hold every place until somebody comes whose body is there."""
    head = b"POST /v1/strip HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc"
    with (
        service(workers=1, queue=7, client_requests=8, body_seconds=60) as (base, _),
        connections(base, 8, OTHER, head),
    ):
        wait_for(lambda: in_flight(base) == 8, "the slow bodies")
        time.sleep(1.5)
        answers = [requests.post(f"{base}/v1/strip", data=astronaut) for _ in range(3)]
        held = in_flight(base)

    assert {answer.status_code for answer in answers} == {200}
    assert held == 7


def test_one_client_has_its_share_of_the_places(astronaut: bytes) -> None:
    """A second one is served although the first asks for more than all."""
    answers: list[requests.Response] = []
    with service(workers=1, queue=7) as (base, process):
        worker = worker_of(process)
        os.kill(worker, signal.SIGSTOP)
        threads = []
        for count in range(1, 7):
            threads.append(post_later(f"{base}/v1/strip", astronaut, answers))
            wait_for(lambda count=count: in_flight(base) == count, "a request")
        refused(requests.post(f"{base}/v1/strip", data=astronaut), 429, "busy")
        os.kill(worker, signal.SIGCONT)
        other = session_from(OTHER).post(f"{base}/v1/strip", data=astronaut)
        for thread in threads:
            thread.join()

    assert [answer.status_code for answer in (*answers, other)] == [200] * 7


def test_who_a_client_is() -> None:
    """An IPv6 subscriber has 2^64 addresses; an IPv4 address may be written as one."""
    assert client_of(("2001:db8::1", 1)) == client_of(("2001:db8::ffff:2", 9)) != client_of(("2001:db8:0:1::1", 1))
    assert client_of(("::ffff:192.0.2.1", 1)) == client_of(("192.0.2.1", 2)) != client_of(("192.0.2.2", 2))


def test_the_client_behind_a_trusted_proxy(astronaut: bytes) -> None:
    """X-Forwarded-For counts where the operator names the proxy, and nowhere else."""
    for proxies, expected in ((HONEST, 200), ("", 429)):
        answers: list[requests.Response] = []
        with service(workers=1, queue=3, client_requests=1, proxies=proxies) as (base, process):
            worker = worker_of(process)
            os.kill(worker, signal.SIGSTOP)
            thread = post_later(f"{base}/v1/strip", astronaut, answers)
            wait_for(lambda base=base: in_flight(base) == 1, "the request")
            threading.Timer(1, os.kill, (worker, signal.SIGCONT)).start()
            headers = {"X-Forwarded-For": "192.0.2.7"}
            assert requests.post(f"{base}/v1/strip", data=astronaut, headers=headers).status_code == expected
            thread.join()


def test_an_answer_that_is_not_read_is_given_up() -> None:
    """The client of a large answer reads none of it."""
    large = samples.saved(samples.picture(2600, 2000), "BMP")
    head = f"POST /v1/strip HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(large)}\r\n\r\n".encode()
    with service(workers=1, answer_seconds=2) as (base, _), connections(base, 1, HONEST, head + large) as (client,):
        wait_for(lambda: 'rmexif_images_total{format="bmp"} 1.0' in requests.get(f"{base}/metrics").text, "the answer")
        time.sleep(4)
        client.settimeout(10)
        received = 0
        with suppress(ConnectionError):
            while piece := client.recv(1 << 20):
                received += len(piece)

    assert 0 < received < len(large)


def test_a_stop_under_load_loses_nothing_that_was_accepted(astronaut: bytes) -> None:
    """Requests at a worker, in the queue, and with half a body sent: all are answered, then the process ends."""
    form = b"POST /v1/strip HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n" % len(astronaut)
    with service(workers=1, queue=40, client_requests=40) as (base, process), ThreadPoolExecutor(20) as pool:
        with connections(base, 1, HONEST, form + astronaut[:1000]) as (half,):
            jobs = [pool.submit(requests.post, f"{base}/v1/scrub", data=astronaut) for _ in range(20)]
            wait_for(lambda: in_flight(base) == 21, "the requests")
            process.send_signal(signal.SIGTERM)
            time.sleep(0.3)
            half.sendall(astronaut[1000:])
            half.settimeout(60)
            first = half.recv(100)
            answers = [job.result() for job in jobs]
        assert process.wait(30) in (0, -signal.SIGTERM)

    assert first.startswith(b"HTTP/1.1 200 ")
    assert {answer.status_code for answer in answers} == {200}


def test_tokens_are_not_in_a_worker(tmp_path: Path) -> None:
    """Neither in its environment nor in its command line."""
    listed = "listed-tokens-are-secrets-too"
    (tmp_path / "tokens").write_text(listed)
    with service(workers=1, tokens=TOKEN, tokens_file=tmp_path / "tokens") as (_, process):
        worker = worker_of(process)
        known = b"".join(Path(f"/proc/{worker}/{name}").read_bytes() for name in ("environ", "cmdline"))
        own = Path(f"/proc/{process.pid}/environ").read_bytes()

    assert TOKEN.encode() in own
    assert not [text for text in (TOKEN, listed, str(tmp_path), "RMEXIF_") if text.encode() in known]


def test_who_takes_longer_than_its_size_explains_goes_into_the_background(astronaut: bytes) -> None:
    """One image hangs in the only worker: the next is worked on beside it. Two hang: one of them is ended."""
    answers: list[requests.Response] = []
    stopped: list[int] = []
    threads: list[threading.Thread] = []

    def hang() -> None:
        before = {pid: processor_seconds(pid) for pid in workers()}
        threads.append(post_later(f"{base}/v1/scrub?recall=max", large, answers))
        wait_for(lambda: any(processor_seconds(pid) > before.get(pid, 0) + 0.1 for pid in ready(before)), "its start")
        (pid,) = (pid for pid in ready(before) if processor_seconds(pid) > before.get(pid, 0) + 0.1)
        os.kill(pid, signal.SIGSTOP)
        stopped.append(pid)

    def workers() -> list[int]:
        return [pid for pid in children(process.pid) if b"rmexif.workers" in Path(f"/proc/{pid}/cmdline").read_bytes()]

    def ready(before: dict[int, float]) -> list[int]:
        return [pid for pid in workers() if pid not in stopped and pid in before]

    large = samples.saved(samples.picture(1500, 1000), "JPEG")
    with service(workers=1, background=1) as (base, process):
        hang()
        first = requests.post(f"{base}/v1/strip", data=astronaut)  # beside the one that hangs
        hang()
        second = requests.post(f"{base}/v1/strip", data=astronaut)  # in the place of one that hangs
        wait_for(lambda: bool(answers), "the end of one that hangs")
        ended = answers[0]
        for pid in stopped:
            if Path(f"/proc/{pid}").exists():
                os.kill(pid, signal.SIGCONT)
        for thread in threads:
            thread.join()

    assert (first.status_code, second.status_code) == (200, 200)
    refused(ended, 503, "deadline_exceeded")
    assert answers[1].status_code == 200

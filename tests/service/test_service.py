"""The HTTP service, as real clients meet it."""

from __future__ import annotations

import base64
import io
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import fields
from email import message_from_bytes
from pathlib import Path

import openapi_spec_validator
import pytest
import requests
from PIL import Image

from rmexif import verify
from rmexif.service.options import request_options
from rmexif.service.settings import Settings
from tests import samples
from tests.service.serving import free_port, running, service

pytestmark = pytest.mark.slow  # starts servers

TOKEN = "correct-horse-battery"


@pytest.fixture(scope="module")
def base():
    with service(max_bytes=2 << 20, body_seconds=4, workers=1) as (address, _):
        yield address


def children(pid: int) -> list[int]:
    """What any thread of the process has started."""
    tasks = Path(f"/proc/{pid}/task").iterdir()
    return [int(item) for task in tasks for item in (task / "children").read_text().split()]


def refused(answer: requests.Response, status: int, code: str) -> None:
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert {"code", "message"} <= set(answer.json()) <= {"code", "message", "structure", "offset"}
    assert answer.headers["Cache-Control"] == "no-store"


def test_raw_body_comes_back_clean_with_its_report(base: str, astronaut: bytes) -> None:
    """Raw in, image out, report in a header, neutral name, nothing cached."""
    answer = requests.post(
        f"{base}/v1/scrub", params={"style": "fill"}, data=astronaut, headers={"Content-Type": "image/jpeg"}
    )

    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "image/jpeg"
    assert answer.headers["Content-Disposition"] == 'attachment; filename="image.jpg"'
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    report = json.loads(answer.headers["X-Rmexif-Report"])
    assert (report["faces_detected"], report["style"], report["metadata_removed"]) == (1, "fill", True)
    assert verify(answer.content, canonical=True) == []


def test_form_fields_are_options_and_names_are_thrown_away(base: str, astronaut: bytes) -> None:
    """A path-like name with a line break in it leaves no trace; fields of the form are the policy."""
    files = {"file": ("../../etc/x\r\nX-Evil: 1\r\n.jpg", astronaut, "image/jpeg")}
    answer = requests.post(f"{base}/v1/scrub", files=files, data={"faces": "false", "output": "png", "stealth": "0"})

    assert answer.status_code == 200
    assert "X-Evil" not in answer.headers
    assert answer.headers["Content-Disposition"] == 'attachment; filename="image.png"'
    assert answer.content.startswith(b"\x89PNG")
    assert b"etc" not in answer.headers["X-Rmexif-Report"].encode()


def test_json_and_mixed_answers_hold_both(base: str, astronaut: bytes) -> None:
    """Accept decides between image, JSON with base64, and multipart/mixed."""
    plain = requests.post(f"{base}/v1/strip", data=astronaut, headers={"Accept": "application/json"}).json()
    mixed = requests.post(f"{base}/v1/strip", data=astronaut, headers={"Accept": "multipart/mixed"})
    parts = message_from_bytes(b"Content-Type: " + mixed.headers["Content-Type"].encode() + b"\r\n\r\n" + mixed.content)
    report, image = parts.get_payload()

    assert verify(base64.b64decode(plain["image"]), canonical=True) == []
    assert json.loads(report.get_payload())["mode"] == "strip"
    assert image.get_payload(decode=True) == base64.b64decode(plain["image"])


def test_inspect_verify_preview(base: str, astronaut: bytes) -> None:
    """Values only when asked for; verify says what is left; preview says what would be redacted."""
    quiet = requests.post(f"{base}/v1/inspect", data=astronaut).text
    loud = requests.post(f"{base}/v1/inspect?values=true", data=astronaut).text
    left = requests.post(f"{base}/v1/verify", data=astronaut).json()
    faces = requests.post(f"{base}/v1/preview?picture=false", data=astronaut).json()
    outlined = requests.post(f"{base}/v1/preview", data=astronaut)

    assert "Example Camera" not in quiet
    assert "Example Camera" in loud
    assert left["clean"] is False
    assert "value" not in left["findings"][0]
    assert faces["faces_detected"] == 1
    assert "new_hash" not in faces
    assert verify(outlined.content, canonical=True) == []


def test_verify_asks_two_questions(base: str) -> None:
    """As ``--canonical``: by query and by form; an ordinary file says nothing, and is not what strip would write."""
    out = io.BytesIO()
    Image.new("RGB", (40, 30), "navy").save(out, "PNG", compress_level=1, dpi=(96, 96))
    stripped = requests.post(f"{base}/v1/strip", data=out.getvalue()).content
    url, strict = f"{base}/v1/verify", {"canonical": "true"}

    assert requests.post(url, data=out.getvalue()).json()["clean"] is True
    assert requests.post(url, data=out.getvalue(), params=strict).json()["clean"] is False
    assert requests.post(url, files={"file": out.getvalue()}, data=strict).json()["clean"] is False
    assert requests.post(url, data=stripped, params=strict).json() == {"clean": True, "findings": []}
    described = requests.get(f"{base}/openapi.json").json()["paths"]["/v1/verify"]["post"]
    assert "canonical" in [option["name"] for option in described["parameters"]]


@pytest.mark.parametrize(
    ("query", "code"),
    [
        ("style=none", "invalid_policy"),
        ("quality=0", "invalid_policy"),
        ("quality=1&quality=2", "invalid_policy"),
        ("margin=nan", "invalid_policy"),
        ("regions=1,2,3", "invalid_policy"),
        ("regions=5,5,5,9", "invalid_policy"),
        ("limits=1", "invalid_policy"),
        ("detectors=x", "invalid_policy"),
        ("detectors=yunet:/etc/hostname", "invalid_policy"),
        ("detectors=yunet", "invalid_policy"),
        ("detectors=onnx:/etc/hostname", "invalid_policy"),
        ("models=/etc/hostname", "invalid_policy"),
        ("providers=cuda", "invalid_policy"),
        ("output=svg", "invalid_policy"),
        ("seed=-1", "invalid_policy"),
        ("regions=9000,9000,9001,9001", "invalid_policy"),
    ],
)
def test_wrong_options_are_400(base: str, astronaut: bytes, query: str, code: str) -> None:
    """A wrong option is refused, never ignored."""
    refused(requests.post(f"{base}/v1/scrub?{query}", data=astronaut), 400, code)


def test_wrong_requests_are_refused_by_name(base: str, astronaut: bytes) -> None:
    """Method, path, type, coding, form: each has its status and its code."""
    post = f"{base}/v1/scrub"
    form = {"Content-Type": "multipart/form-data; boundary=x"}

    refused(requests.get(post), 405, "method_not_allowed")
    refused(requests.post(f"{base}/v1/none"), 404, "not_found")
    refused(requests.post(post, data=b"{}", headers={"Content-Type": "application/json"}), 415, "wrong_content_type")
    refused(requests.post(post, data=astronaut, headers={"Content-Encoding": "gzip"}), 415, "wrong_content_type")
    refused(requests.post(post, data=b"hello"), 415, "unknown_format")
    refused(requests.post(post, data=astronaut[:900]), 422, "malformed_image")
    refused(requests.post(post), 400, "broken_form")
    refused(requests.post(post, data=b"nothing like it", headers=form), 400, "broken_form")
    refused(
        requests.post(
            post, data=b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\nab', headers=form
        ),
        400,
        "broken_form",
    )
    refused(requests.post(post, files=[("a", astronaut), ("b", astronaut)]), 400, "broken_form")
    refused(requests.post(post, data=b"", headers={"Content-Type": "multipart/form-data"}), 400, "broken_form")


@pytest.mark.parametrize("how", ["length", "form", "chunked"])
def test_oversize_is_413_before_it_is_all_read(base: str, tmp_path: Path, how: str) -> None:
    """curl: 50 MB are refused while most of them are still with the client."""
    if not shutil.which("curl"):
        pytest.skip("curl is not installed")
    big = tmp_path / "big"
    big.write_bytes(bytes(50 << 20))
    forms = {
        "length": ["-H", "Expect:", "--data-binary", f"@{big}"],
        "form": ["-H", "Expect:", "-F", f"file=@{big}"],
        "chunked": ["-H", "Expect:", "-H", "Transfer-Encoding: chunked", "--data-binary", f"@{big}"],
    }
    done = subprocess.run(
        ["curl", "-sS", "-w", "\n%{http_code} %{size_upload}", *forms[how], f"{base}/v1/scrub"],
        capture_output=True,
        text=True,
    )
    body, last = done.stdout.rsplit("\n", 1)
    status, sent = last.split()

    assert (status, json.loads(body)["code"]) == ("413", "limit_exceeded")
    assert int(sent) < 40 << 20


def test_a_slow_body_is_408(base: str) -> None:
    """A client that dawdles gets an answer, and the connection ends."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as client:
        client.sendall(b"POST /v1/scrub HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\nabc")
        answer = b"".join(iter(lambda: client.recv(65536), b""))  # head and body may come in two pieces

    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"slow_body"' in answer


def test_pages_and_descriptions(base: str) -> None:
    """The page and the manual load nothing from elsewhere; the description names every option."""
    document = requests.get(f"{base}/openapi.json").json()
    names = {item["name"] for item in document["paths"]["/v1/scrub"]["post"]["parameters"]}
    assert {"style", "faces", "regions", "stealth", "quality"} <= names
    assert "limits" not in names
    for path in ("/", "/docs"):
        page = requests.get(base + path)
        assert page.status_code == 200
        assert "default-src 'none'" in page.headers["Content-Security-Policy"]
        assert "unsafe" not in page.headers["Content-Security-Policy"]
        assert (
            "//" not in page.text.replace("http://www.w3.org/2000/svg", "").replace(f"{base}/", "").split("<script>")[0]
        )


def test_metrics_have_formats_and_codes_only(base: str, astronaut: bytes) -> None:
    """No label says whose image it was."""
    requests.post(f"{base}/v1/strip", data=astronaut)
    text = requests.get(f"{base}/metrics").text
    labels = {
        item.split("=")[0]
        for line in text.splitlines()
        if "{" in line
        for item in line.split("{")[1].split("}")[0].split(",")
    }

    assert 'rmexif_images_total{format="jpeg"}' in text
    assert labels <= {"format", "code", "le"}


def test_tokens(astronaut: bytes) -> None:
    """With tokens set, images and counters need one; health does not."""
    with service(tokens=f"{TOKEN},another-one-of-them") as (base, _):
        right = {"Authorization": f"Bearer {TOKEN}"}
        assert requests.post(f"{base}/v1/strip", data=astronaut, headers=right).status_code == 200
        assert requests.get(f"{base}/metrics", headers=right).status_code == 200
        for headers in ({}, {"Authorization": "Bearer wrong"}, {"Authorization": f"Basic {TOKEN}"}):
            refused(requests.post(f"{base}/v1/strip", data=astronaut, headers=headers), 401, "unauthorized")
        refused(requests.get(f"{base}/metrics"), 401, "unauthorized")


def worker_of(process: subprocess.Popen) -> int:
    """The process id of the service's only worker."""
    (pid,) = (pid for pid in children(process.pid) if b"rmexif.workers" in Path(f"/proc/{pid}/cmdline").read_bytes())
    return pid


def processor_seconds(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def wait_for(condition: Callable[[], bool], what: str, seconds: float = 60) -> None:
    """Wait until something is so, however busy this machine is."""
    until = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < until, f"{what} did not come within {seconds:g} s"
        time.sleep(0.01)


def in_flight(base: str) -> int:
    """Requests that hold a place."""
    (line,) = (line for line in requests.get(f"{base}/metrics").text.splitlines() if line.startswith("rmexif_requests"))
    return int(float(line.split()[1]))


def post_later(url: str, data: bytes, answers: list[requests.Response]) -> threading.Thread:
    """Send an image in a thread of its own."""
    thread = threading.Thread(target=lambda: answers.append(requests.post(url, data=data)))
    thread.start()
    return thread


def test_who_leaves_gives_up_its_place(astronaut: bytes) -> None:
    """A client that hangs up while it waits for a worker holds neither a place nor a worker."""
    answers: list[requests.Response] = []
    with service(queue=1, workers=1) as (base, process):
        worker = worker_of(process)
        os.kill(worker, signal.SIGSTOP)
        first = post_later(f"{base}/v1/strip", astronaut, answers)
        wait_for(lambda: in_flight(base) == 1, "the first request")
        host, port = base.removeprefix("http://").split(":")
        with socket.create_connection((host, int(port)), 10) as client:
            head = f"POST /v1/strip HTTP/1.1\r\nHost: localhost\r\nContent-Length: {len(astronaut)}\r\n\r\n"
            client.sendall(head.encode() + astronaut)
            wait_for(lambda: in_flight(base) == 2, "the second request")
            full = requests.post(f"{base}/v1/strip", data=astronaut)
        wait_for(lambda: in_flight(base) == 1, "the place of the client that left")
        os.kill(worker, signal.SIGCONT)
        again = requests.post(f"{base}/v1/strip", data=astronaut)
        first.join()
        counted = requests.get(f"{base}/metrics").text

    assert full.status_code == 429
    assert [answer.status_code for answer in (*answers, again)] == [200, 200]
    assert 'rmexif_errors_total{code="client_left"} 1.0' in counted


def test_settings_are_kept(astronaut: bytes, tmp_path: Path) -> None:
    """What an operator sets is what happens."""
    secrets = tmp_path / "tokens"
    secrets.write_text(TOKEN + "\n")
    right = {"Authorization": f"Bearer {TOKEN}"}
    limits = {"max_pixels": 5000, "max_frames": 2, "max_bytes": 60_000, "report_bytes": 10}
    with service(**limits, page=0, metrics=0, tokens_file=secrets) as (base, _):
        post = f"{base}/v1/scrub"
        small = samples.saved(samples.picture(60, 40), "PNG")
        refused(requests.post(post, data=small), 401, "unauthorized")
        refused(requests.post(post, data=samples.of("png")["animated"], headers=right), 413, "limit_exceeded")
        refused(
            requests.post(post, data=samples.saved(samples.picture(300, 200), "PNG"), headers=right),
            413,
            "limit_exceeded",
        )
        refused(requests.post(post, data=astronaut, headers=right), 413, "limit_exceeded")
        refused(requests.get(f"{base}/metrics", headers=right), 404, "not_found")
        refused(requests.get(base), 404, "not_found")
        assert requests.post(post, data=small, headers=right).status_code == 200


def test_a_deadline(astronaut: bytes) -> None:
    """An image that takes too long ends with its worker, and the next one gets a fresh one."""
    large = samples.saved(samples.picture(4000, 3000), "JPEG")
    with service(deadline_seconds=1, workers=1) as (base, process):
        before = worker_of(process)
        refused(requests.post(f"{base}/v1/scrub?recall=max", data=large), 503, "deadline_exceeded")
        wait_for(lambda: requests.post(f"{base}/v1/strip", data=astronaut).status_code == 200, "a fresh worker")
        after = worker_of(process)

    assert before != after


def test_a_short_wait(astronaut: bytes) -> None:
    """Who waits too long for a worker gets an answer, and the worker stays."""
    answers: list[requests.Response] = []
    with service(queue_seconds=0.3, workers=1) as (base, process):
        worker = worker_of(process)
        os.kill(worker, signal.SIGSTOP)
        first = post_later(f"{base}/v1/strip", astronaut, answers)
        wait_for(lambda: in_flight(base) == 1, "the first request")
        refused(requests.post(f"{base}/v1/strip", data=astronaut), 503, "deadline_exceeded")
        os.kill(worker, signal.SIGCONT)
        first.join()

    assert answers[0].status_code == 200


def test_a_wrong_option_is_refused_before_the_body(base: str) -> None:
    """The head alone is enough, and an option may not stand in the query and in the form."""
    host, port = base.removeprefix("http://").split(":")
    with socket.create_connection((host, int(port)), 10) as client:
        client.sendall(b"POST /v1/scrub?quality=0 HTTP/1.1\r\nHost: localhost\r\nContent-Length: 1000\r\n\r\n")
        answer = client.recv(65536)

    assert answer.startswith(b"HTTP/1.1 400 ")
    twice = requests.post(f"{base}/v1/scrub?quality=9", files={"file": b"\xff\xd8\xff"}, data={"quality": "9"})
    refused(twice, 400, "invalid_policy")
    assert "quality" in twice.json()["message"]


def test_codecs_print_nothing_to_the_log_of_a_server_of_your_own(astronaut: bytes) -> None:
    """``create_app()`` under another server: libjpeg's own warnings, which may quote the file, go nowhere."""
    damaged = astronaut[:-8000] + b"\xff\xd9"  # the scan ends early: "premature end of data segment"
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = ["-m", "uvicorn", "--factory", "rmexif.service:create_app", "--no-access-log", "--port", str(port)]
    with running(command, f"{base}/readyz", RMEXIF_WORKERS="1") as process:
        answer = requests.post(f"{base}/v1/scrub?faces=false", data=damaged)
        process.terminate()
        log = process.stdout.read()

    assert answer.status_code == 200
    assert b"Corrupt JPEG" not in log
    assert b"premature" not in log


def test_the_documentation_lists_every_setting() -> None:
    """With its default, and every option of a request by its name."""
    text = (Path(__file__).parents[2] / "docs" / "http.md").read_text("utf-8")
    rows = dict(re.findall(r"^\| `(RMEXIF_\w+)` \| (\S+) \|", text, re.MULTILINE))

    assert rows == {f"RMEXIF_{f.name.upper()}": str(f.default) or "empty" for f in fields(Settings)}
    assert [name for name in request_options("scrub") if f"`{name}`" not in text] == []


def test_the_description_is_valid(base: str) -> None:
    """OpenAPI, as an independent validator reads it."""
    openapi_spec_validator.validate(requests.get(f"{base}/openapi.json").json())


@pytest.mark.skipif(not shutil.which("strace"), reason="strace is not installed")
def test_nothing_is_written_and_nobody_is_called(astronaut: bytes, tmp_path: Path) -> None:
    """The whole server under mixed requests, as the kernel sees it: no file for writing, no connection outwards."""
    trace = tmp_path / "trace"
    calls = "trace=openat,open,creat,memfd_create,mkdir,rename,connect"
    good = [samples.of(name)[next(iter(samples.of(name)))] for name in samples.MAKERS]
    with service(("strace", "-f", "-qq", "-e", calls, "-o", str(trace)), workers=2) as (base, _):
        begun = len(trace.read_text().splitlines())
        with ThreadPoolExecutor(4) as pool:
            files = [astronaut, *good, astronaut[:5000], b"\xff\xd8" + bytes(3000)]
            answers = list(pool.map(lambda raw: requests.post(f"{base}/v1/scrub", files={"image": raw}), files))
        lines = trace.read_text().splitlines()[begun:]

    assert [answer.status_code for answer in answers[:-2]] == [200] * (1 + len(good))
    assert {answer.status_code for answer in answers[-2:]} <= {413, 415, 422}
    writing = ("O_WRONLY", "O_RDWR", "O_CREAT", "creat(", "memfd_create(", "mkdir(", "rename(")
    wrote = [line for line in lines if any(flag in line for flag in writing)]
    assert [line for line in wrote if "/dev/null" not in line] == []
    assert [line for line in lines if "connect(" in line] == []


def test_a_full_queue_a_lost_worker_and_a_quiet_log(astronaut: bytes) -> None:
    """429 with Retry-After when full; a killed worker costs its request and no other; the log names nobody."""
    large = samples.saved(samples.picture(4000, 3000), "JPEG")
    answers: list[requests.Response] = []
    with service(queue=1, workers=1) as (base, process):
        worker = worker_of(process)
        before = processor_seconds(worker)
        first = post_later(f"{base}/v1/scrub?recall=max", large, answers)
        wait_for(lambda: processor_seconds(worker) > before + 0.1, "the worker's start on the image")
        os.kill(worker, signal.SIGSTOP)
        second = post_later(f"{base}/v1/strip", astronaut, answers)
        wait_for(lambda: in_flight(base) == 2, "the second request")
        busy = requests.post(f"{base}/v1/strip", data=astronaut)
        os.kill(worker, signal.SIGKILL)
        first.join()
        second.join()
        after = requests.post(f"{base}/v1/strip", data=astronaut)
        process.terminate()
        log = process.stdout.read().decode()

    assert (busy.status_code, busy.headers["Retry-After"]) == (429, "1")
    assert sorted(item.status_code for item in answers) == [200, 503]
    lost = next(item for item in answers if item.status_code == 503)
    assert lost.json()["code"] == "worker_lost"
    assert after.status_code == 200
    assert "127.0.0.1" not in log
    assert "/v1" not in log


def test_own_models_are_the_operators(tmp_path: Path, astronaut: bytes) -> None:
    """Every picture is searched with them; no client can add one; a file that is none is no service that is ready."""
    from PIL import Image

    from tests.detectors import models

    model = tmp_path / "model.onnx"
    model.write_bytes(models.raw_yolo())
    picture = Image.open(io.BytesIO(astronaut)).convert("RGB")
    picture.paste((255, 0, 0), (30, 400, 94, 464))
    raw = samples.saved(picture, "PNG")
    port = free_port()
    command = ["-m", "rmexif", "serve", "--port", str(port), "--workers", "1"]
    base = f"http://127.0.0.1:{port}"
    with running(command, f"{base}/readyz", RMEXIF_MODELS=f"{model}:lamp=0"):
        stats = requests.post(f"{base}/v1/preview?picture=false", data=raw).json()
        refused = [
            requests.post(f"{base}/v1/scrub", params={name: value}, data=raw).json()
            for name, value in (("models", str(model)), ("detectors", f"onnx:{model}"), ("providers", "cpu"))
        ]

    assert {face["label"] for face in stats["faces"]} == {"face", "lamp"}
    assert stats["search"]["models"][0]["label"] == "lamp"
    assert [answer["code"] for answer in refused] == ["invalid_policy"] * 3
    assert str(tmp_path) not in json.dumps([stats, refused])


def test_a_credit_stays_where_it_is_asked_for(base: str, astronaut: bytes) -> None:
    """``keep`` and ``set`` of strip, scrub and verify; a wrong name is refused with the list."""
    asked = {"keep": "copyright;camera", "set": "creator=Doe, Jane; Roe"}
    for route in ("strip", "scrub"):
        answer = requests.post(f"{base}/v1/{route}", data=astronaut, params=asked)
        assert answer.status_code == 200, answer.text
        assert b"Doe, Jane; Roe" in answer.content
        for keep, clean in (("copyright,camera", True), ("camera", False), ("", False)):
            found = requests.post(f"{base}/v1/verify", data=answer.content, params={"keep": keep}).json()
            assert found["clean"] is clean
    for wrong in ({"keep": "gps"}, {"set": "gps=1"}, {"set": "creator=a\u202eb"}):
        refused(requests.post(f"{base}/v1/strip", data=astronaut, params=wrong), 400, "invalid_policy")

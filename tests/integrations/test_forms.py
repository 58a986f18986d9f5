"""What a form may hold beside one image: nothing, a HEIC of a phone, another document; in the frameworks' own clients."""

from __future__ import annotations

import io
import threading
import time
from collections.abc import Iterator
from typing import Any, ClassVar

import pytest
import requests
import uvicorn
from fastapi import Depends, FastAPI
from fastapi.responses import Response as FastResponse
from flask import Blueprint, Flask, Response, jsonify, request

from rmexif import Policy, verify
from rmexif.integrations.flask import init_app
from rmexif.integrations.starlette import CleanForm, ScrubbedForm
from tests import samples
from tests.service.serving import free_port

POLICY = Policy(faces=False)
PDF = b"%PDF-1.4\n%%EOF\n"


@pytest.fixture
def heic() -> bytes:
    """As a phone writes it: HEVC, a position and a make in Exif."""
    return samples.heic_of_a_phone(160, 120)


def flask_client(**options: Any) -> Any:
    """A Flask application that says what it got."""
    app = Flask(__name__)
    pages = Blueprint("pages", __name__)

    def names() -> Response:
        found = {
            field: [upload.filename, upload.read().hex()] if upload else None for field, upload in request.files.items()
        }
        return jsonify(found)

    app.add_url_rule("/form", "form", names, methods=["POST"])
    pages.add_url_rule("/page", "page", names, methods=["POST"])
    app.register_blueprint(pages)
    init_app(app, POLICY, **options)
    return app.test_client()


class Client:
    """FastAPI under uvicorn."""

    servers: ClassVar[list[uvicorn.Server]] = []

    def __init__(self, app: FastAPI) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="error"))
        threading.Thread(target=server.run, daemon=True).start()
        while not server.started:
            time.sleep(0.01)
        self.servers.append(server)

    def post(self, path: str, **body: Any) -> requests.Response:
        """Send a form."""
        return requests.post(self.url + path, timeout=60, **body)

    def get(self, path: str) -> requests.Response:
        """Fetch a page."""
        return requests.get(self.url + path, timeout=60)


@pytest.fixture(autouse=True)
def servers() -> Iterator[None]:
    """Those of a test stop with it."""
    yield
    for server in Client.servers:
        server.should_exit = True
    Client.servers.clear()


def fast_client(**options: Any) -> Client:
    """The same in FastAPI."""
    app = FastAPI()
    form_of = ScrubbedForm(POLICY, max_files=2, **options)
    wanted = Depends(form_of)

    @app.post("/form", **form_of.openapi("file"))
    async def form(found: CleanForm = wanted) -> dict[str, list[str]]:
        return {upload.field: [upload.filename, upload.data.hex()] for upload in found.images}

    @app.post("/image")
    async def image(found: CleanForm = wanted) -> FastResponse:
        return FastResponse(found.image("file").data)

    return Client(app)


def test_an_empty_field_is_no_upload() -> None:
    """Browsers send a part without a name and without bytes."""
    body = b'--b\r\nContent-Disposition: form-data; name="file"; filename=""\r\n\r\n\r\n--b--\r\n'
    kind = {"Content-Type": "multipart/form-data; boundary=b"}

    flask = flask_client().post("/form", data=body, headers=kind)
    fast = fast_client()
    answer, missing = (fast.post(path, data=body, headers=kind) for path in ("/form", "/image"))

    assert (flask.status_code, flask.json) == (200, {"file": None})
    assert (answer.status_code, answer.json()) == (200, {})
    assert (missing.status_code, missing.json()["detail"]["code"]) == (422, "missing_file")


def test_a_photograph_of_a_phone(heic: bytes) -> None:
    """It comes out clean, under a name of its own that says nothing."""
    flask = flask_client().post("/form", data={"file": (io.BytesIO(heic), "IMG_0001.HEIC")})
    fast = fast_client().post("/form", files={"file": ("IMG_0001.HEIC", heic, "image/heic")})

    for answer in (flask.json, fast.json()):
        name, data = answer["file"]
        assert verify(bytes.fromhex(data), canonical=True) == []
        stem, _, extension = name.partition(".")
        assert extension == "heic"
        assert len(stem) == 20
        assert int(stem, 16)
    assert flask.json["file"][0] != fast.json()["file"][0]


def test_other_documents_pass_where_it_was_asked_for() -> None:
    """As they came; refused by default; an image of a kind that is not handled never passes."""
    exr = b"v/1\x01" + bytes(20)
    for data, passes in ((PDF, True), (exr, False)):
        for options, expected in (({}, False), ({"others": True}, passes)):
            flask = flask_client(**options).post("/form", data={"file": (io.BytesIO(data), "a.bin")})
            fast = fast_client(**options).post("/form", files={"file": ("a.bin", data)})
            assert (flask.status_code == 200) is (fast.status_code == 200) is expected
            if expected:
                assert bytes.fromhex(flask.json["file"][1]) == bytes.fromhex(fast.json()["file"][1]) == data


def test_fields_and_blueprints_that_were_not_named_are_left_alone(astronaut: bytes) -> None:
    """What comes there is handed on as it came."""
    flask = flask_client(blueprints={"pages"}, fields={"avatar"})

    def sent(path: str, field: str) -> bytes:
        answer = flask.post(path, data={field: (io.BytesIO(astronaut), "a.jpg")})
        return bytes.fromhex(answer.json[field][1])

    assert sent("/form", "avatar") == astronaut
    assert sent("/page", "other") == astronaut
    assert verify(sent("/page", "avatar"), canonical=True) == []
    fast = fast_client(fields={"avatar"}).post("/form", files={"other": ("a.jpg", astronaut)})
    assert bytes.fromhex(fast.json()["other"][1]) == astronaut


def test_the_description_shows_the_form_and_the_refusals() -> None:
    """As /docs reads them, and as they come."""
    client = fast_client()
    route = client.get("/openapi.json").json()["paths"]["/form"]["post"]
    refused = client.post("/form", files={"file": ("a.jpg", b"none")})

    content = route["requestBody"]["content"]["multipart/form-data"]["schema"]
    assert content["properties"]["file"] == {"type": "string", "format": "binary"}
    assert {"400", "413", "415", "422"} <= route["responses"].keys()
    shape = route["responses"]["415"]["content"]["application/json"]["schema"]["properties"]["detail"]["required"]
    assert refused.status_code == 415
    assert sorted(refused.json()["detail"].keys() & {*shape}) == ["code", "message"]

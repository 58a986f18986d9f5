"""In front of a site with uploads of its own: images go through the service, and nothing passes that did not.

Forms (WordPress) and bodies that are an image (WebDAV, REST) are scrubbed; uploads in pieces are refused, because a
piece is no image. Everything else is handed on. Run:
SITE=http://127.0.0.1:8080 SERVICE=http://127.0.0.1:8000 uvicorn gateway:app
"""

import asyncio
import os
import secrets
from http.client import HTTPConnection
from urllib.parse import urlsplit

from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from rmexif import RmexifError
from rmexif.io.multipart import Form, FormReader

SITE, SERVICE = urlsplit(os.environ["SITE"]), urlsplit(os.environ["SERVICE"])
MOST = 64 << 20  # byte of a body
PIECES = "/remote.php/dav/uploads/"  # of Nextcloud: uploads in pieces
HOP = {"host", "connection", "transfer-encoding", "content-length", "keep-alive", "accept-encoding"}
Answer = tuple[int, list[tuple[str, str]], bytes]


class Refused(Exception):
    """The service gave no clean image."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer[0])
        self.answer = answer


def send(host: object, method: str, path: str, headers: dict[str, str], body: bytes) -> Answer:
    connection = HTTPConnection(host.netloc, timeout=60)
    try:
        connection.request(method, path, body, headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


def clean(image: bytes) -> tuple[bytes, str]:
    answer = send(SERVICE, "POST", "/v1/scrub", {"Content-Type": "application/octet-stream"}, image)
    status, headers, body = answer
    if status != 200:
        raise Refused(answer)
    return body, {name.lower(): value for name, value in headers}["content-type"]


def clean_form(form: Form) -> tuple[bytes, str]:
    boundary, parts = secrets.token_hex(16), []
    for name, value in form.fields:
        parts.append(f'Content-Disposition: form-data; name="{name}"\r\n\r\n'.encode() + value.encode())
    for upload in form.files:
        body, mime = clean(bytes(upload.data))
        name = f"{secrets.token_hex(8)}.{mime.partition('/')[2]}"
        head = (
            f'Content-Disposition: form-data; name="{upload.field}"; filename="{name}"\r\nContent-Type: {mime}\r\n\r\n'
        )
        parts.append(head.encode() + body)
    text = b"".join(b"--%s\r\n%s\r\n" % (boundary.encode(), part) for part in parts)
    return text + b"--%s--\r\n" % boundary.encode(), f"multipart/form-data; boundary={boundary}"


async def relay(request: Request) -> Response:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > MOST:
            return JSONResponse({"code": "limit_exceeded"}, 413)
    headers = {name: value for name, value in request.headers.items() if name not in HOP}
    kind = headers.get("content-type", "")
    data = bytes(body)
    try:
        if request.url.path.startswith(PIECES):
            return JSONResponse({"code": "unsupported_feature", "message": "send files in one piece"}, 415)
        if kind.startswith("multipart/"):
            reader = FormReader(kind, MOST, max_files=8)
            reader.feed(data)
            data, headers["content-type"] = await asyncio.to_thread(clean_form, reader.close())
        elif data and kind != "application/x-www-form-urlencoded" and not kind.startswith("application/json"):
            data, headers["content-type"] = await asyncio.to_thread(clean, data)
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        status, answered, body = await asyncio.to_thread(send, SITE, request.method, path, headers, data)
    except Refused as refused:
        status, answered, body = refused.answer
    except RmexifError as error:
        return JSONResponse(error.as_dict(), error.status_hint)
    except OSError:
        return JSONResponse({"code": "unavailable", "message": "the site or the service does not answer"}, 502)
    return Response(body, status, {name: value for name, value in answered if name.lower() not in HOP})


METHODS = ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE", "PROPFIND", "MKCOL", "MOVE", "COPY"]
app = Starlette(routes=[Route("/{path:path}", relay, methods=METHODS)])

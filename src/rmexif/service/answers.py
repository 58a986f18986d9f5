"""What goes back: the image with its report in a header, or both in one JSON or multipart body; and every error."""

from __future__ import annotations

import asyncio
import base64
import json
import secrets
from typing import TYPE_CHECKING, Any

from starlette.responses import JSONResponse, Response

from rmexif.containers import by_name
from rmexif.io.multipart import neutral_name

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

__all__ = ["REPORT", "Guard", "Refusal", "form_of", "image", "said"]

REPORT = "X-Rmexif-Report"
# What goes first where the report is longer than a header may be; the JSON and multipart answers have all of it.
EXPENDABLE = ("stage_ms", "search", "residuals", "findings", "faces")
DRAIN_BYTES, DRAIN_SECONDS = 4 << 20, 1.0
LOCKED = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    b"cache-control": b"no-store",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"content-security-policy": LOCKED.encode(),
}


class Guard:
    """Puts the security headers on every answer that has not set them itself."""

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = [(name, value) for name, value in HEADERS.items() if name not in present]
                message = message | {"headers": [*message["headers"], *missing]}
            await send(message)

        await self._app(scope, receive, guarded)


class Refusal(JSONResponse):
    """``{"code": ..., "message": ...}``; sent at once, then the unread body is let in for a moment.

    A client that is still sending would otherwise meet a closed door before it reads why.
    """

    def __init__(self, code: str, message: str, status: int, *, unread: bool, **headers: str) -> None:
        names = {name.replace("_", "-"): value for name, value in headers.items()}
        if unread:
            names["Connection"] = "close"
        super().__init__({"code": code, "message": message}, status, names)
        self._unread = unread

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Send the answer, and read a bounded rest of the question."""
        if not self._unread:
            await super().__call__(scope, receive, send)
            return
        await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": self.body, "more_body": True})
        left = DRAIN_BYTES
        try:
            async with asyncio.timeout(DRAIN_SECONDS):
                while left > 0:
                    message = await receive()
                    left -= len(message.get("body", b""))
                    if message["type"] != "http.request" or not message.get("more_body"):
                        break
        except TimeoutError:
            left = 0  # long enough; whoever still sends has had its answer
        await send({"type": "http.response.body", "body": b"", "more_body": False})


def form_of(accept: str) -> str:
    """``image``, ``json`` or ``mixed``: the first of an Accept header that is known."""
    for item in accept.lower().split(","):
        kind = item.split(";")[0].strip()
        if kind == "application/json":
            return "json"
        if kind == "multipart/mixed":
            return "mixed"
        if kind.startswith(("image/", "*/")):
            return "image"
    return "image"


def image(data: bytes, stats: dict[str, Any], form: str, report_bytes: int) -> Response:
    """A clean image and what was done to it, in the form that was asked for."""
    name = stats["output_format"]
    mime, file = by_name(name).format.mime, neutral_name(name)
    attachment = f'attachment; filename="{file}"'
    if form == "json":
        return said({"report": stats, "content_type": mime, "filename": file, "image": base64.b64encode(data).decode()})
    if form == "mixed":
        border = secrets.token_hex(16).encode()
        head = b"--%s\r\nContent-Type: application/json\r\n\r\n%s\r\n" % (border, said(stats).body)
        body = b"--%s\r\nContent-Type: %s\r\nContent-Disposition: %s\r\n\r\n" % (
            border,
            mime.encode(),
            attachment.encode(),
        )
        kind = f"multipart/mixed; boundary={border.decode()}"
        return Response(b"".join((head, body, data, b"\r\n--%s--\r\n" % border)), media_type=kind)
    headers = {"Content-Disposition": attachment, REPORT: short(stats, report_bytes)}
    return Response(data, media_type=mime, headers=headers)


def said(value: dict[str, Any]) -> Response:
    """A JSON answer, ASCII only."""
    return Response(json.dumps(value, separators=(",", ":")).encode("ascii"), media_type="application/json")


def short(stats: dict[str, Any], most: int) -> str:
    """A report as one line of ASCII JSON, without its longest lists where it would be above ``most`` bytes."""
    report = dict(stats)
    left_out: list[str] = []
    for name in (*EXPENDABLE, None):
        text = json.dumps(report | ({"left_out": left_out} if left_out else {}), separators=(",", ":"))
        if len(text) <= most:
            return text
        if name in report:
            del report[name]
            left_out.append(name)
    return json.dumps({"left_out": ["report"]})

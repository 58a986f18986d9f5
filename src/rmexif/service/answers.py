"""What goes back: the image with its report in a header, or both in one JSON or multipart body."""

from __future__ import annotations

import base64
import json
import secrets
from typing import TYPE_CHECKING, Any, Literal

from starlette.responses import Response

from rmexif.containers import by_name
from rmexif.io.multipart import neutral_name

if TYPE_CHECKING:
    from collections.abc import Mapping

    from starlette.types import Receive, Scope, Send

Form = Literal["image", "json", "mixed"]

__all__ = ["REPORT", "SecurityHeaders", "image_response", "json_response", "negotiate"]

REPORT = "X-Rmexif-Report"
# What goes first where the report is longer than a header may be; the JSON and multipart answers have all of it.
EXPENDABLE = ("sandbox", "stage_ms", "search", "residuals", "findings", "faces")
NO_CONTENT_POLICY = "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'"
HEADERS = {
    b"cache-control": b"no-store",
    b"x-content-type-options": b"nosniff",
    b"x-frame-options": b"DENY",
    b"referrer-policy": b"no-referrer",
    b"cross-origin-resource-policy": b"same-origin",
    b"cross-origin-opener-policy": b"same-origin",
    b"permissions-policy": b"camera=(), microphone=(), geolocation=()",
    b"content-security-policy": NO_CONTENT_POLICY.encode(),
}


class SecurityHeaders:
    """Puts the security headers on every answer that has not set them itself.

    Args:
        app: the application behind.
    """

    def __init__(self, app: Any) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on."""

        async def send_with_headers(message: Any) -> None:
            if message["type"] == "http.response.start":
                present = {name for name, _ in message["headers"]}
                missing = [(name, value) for name, value in HEADERS.items() if name not in present]
                message = message | {"headers": [*message["headers"], *missing]}
            await send(message)

        await self._app(scope, receive, send_with_headers)


def negotiate(accept: str) -> Form:
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


def image_response(data: bytes, stats: Mapping[str, Any], form: Form, report_bytes: int) -> Response:
    """A clean image and what was done to it.

    Args:
        data: the image.
        stats: the report.
        form: what the client asked for.
        report_bytes: the longest report that goes into a header.
    """
    name = stats["output_format"]
    mime, file = by_name(name).format.mime, neutral_name(name)
    attachment = f'attachment; filename="{file}"'
    if form == "json":
        head = bytes(json_response({"report": stats, "content_type": mime, "filename": file}).body)
        # What needs no escape is not searched for any: of 64 MB that would keep all others waiting for 0.4 s.
        body = b"".join((head.removesuffix(b"}"), b',"image":"', base64.b64encode(data), b'"}'))
        return Response(body, media_type="application/json")
    if form == "mixed":
        return _mixed(data, stats, mime, attachment)
    headers = {"Content-Disposition": attachment, REPORT: _header(stats, report_bytes)}
    return Response(data, media_type=mime, headers=headers)


def _mixed(data: bytes, stats: Mapping[str, Any], mime: str, attachment: str) -> Response:
    """Report and image as the two parts of one multipart/mixed body (RFC 2046, 5.1)."""
    boundary = secrets.token_hex(16).encode()
    report = b"--%s\r\nContent-Type: application/json\r\n\r\n%s\r\n" % (boundary, json_response(stats).body)
    head = b"--%s\r\nContent-Type: %s\r\nContent-Disposition: %s\r\n\r\n" % (
        boundary,
        mime.encode(),
        attachment.encode(),
    )
    body = b"".join((report, head, data, b"\r\n--%s--\r\n" % boundary))
    return Response(body, media_type=f"multipart/mixed; boundary={boundary.decode()}")


def json_response(value: Mapping[str, Any]) -> Response:
    """A JSON answer, ASCII only."""
    return Response(json.dumps(dict(value), separators=(",", ":")).encode("ascii"), media_type="application/json")


def _header(stats: Mapping[str, Any], most: int) -> str:
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

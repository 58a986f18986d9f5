"""The API's description, made from the options, the settings and the error tree: for machines, and for people."""

from __future__ import annotations

import re
from html import escape
from typing import TYPE_CHECKING, Any

from rmexif import __version__
from rmexif.containers import FORMATS
from rmexif.service.jobs import JOBS
from rmexif.service.options import request_options
from rmexif.service.page import policy_for

if TYPE_CHECKING:
    from rmexif.options import Option
    from rmexif.service.settings import Settings

__all__ = ["document", "manual"]

PROBES = {"/healthz": "The process answers", "/readyz": "A canary image comes out clean"}
REGION = r"\s*-?\d+(\s*,\s*-?\d+){3}\s*(@\s*\d+\s*)?"
REGIONS = rf"^{REGION}(;{REGION})*;?\s*$"
REGIONS_FORM = "left,top,right,bottom, and @frame where only one is meant; repeat, or separate by ';'"
STATUSES = {
    "400": "invalid_policy, broken_form: the request is at fault",
    "401": "unauthorized: a bearer token is needed",
    "405": "method_not_allowed",
    "408": "slow_body: the body did not come in time",
    "413": "limit_exceeded: too many bytes, pixels or frames",
    "415": "wrong_content_type, unknown_format, unsupported_feature",
    "422": "malformed_image",
    "429": "busy: the queue is full; Retry-After says when",
    "500": "processing_error, detection_error, encode_error, verification_error: nothing came out",
    "503": "deadline_exceeded, worker_lost: try again, Retry-After says when",
}
STYLE = """
:root{color-scheme:light dark;--line:#8884}body{font:16px/1.55 system-ui,sans-serif;max-width:60rem;margin:2rem auto;
padding:0 1rem}code{font:.92em ui-monospace,monospace}pre{padding:1rem;overflow:auto;border:1px solid var(--line);
border-radius:8px}table{border-collapse:collapse;width:100%;display:block;overflow:auto}td,th{text-align:left;
vertical-align:top;padding:.4rem .9rem .4rem 0;border-bottom:1px solid var(--line)}h2{margin-top:2.2rem}
"""


def document(settings: Settings) -> dict[str, Any]:
    """OpenAPI 3.1."""
    security: list[dict[str, list[str]]] = [{"token": []}] if settings.secrets() else []
    paths = {f"/v1/{name}": {"post": _operation(name) | {"security": security}} for name in JOBS}
    return {
        "openapi": "3.1.0",
        "info": {"title": "rmexif", "version": __version__, "license": {"name": "MIT"}},
        "paths": paths | {path: {"get": _probe(path, text)} for path, text in PROBES.items()},
        "components": {"securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
    }


def _operation(name: str) -> dict[str, Any]:
    """A route of images."""
    options = request_options(name).values()
    image = {"type": "string", "contentMediaType": "application/octet-stream"}
    form = {"file": {"type": "string", "format": "binary"}, **{o.name: _schema(o) for o in options}}
    content = {
        "application/octet-stream": {"schema": image},
        "image/*": {"schema": image},
        "multipart/form-data": {"schema": {"type": "object", "required": ["file"], "properties": form}},
    }
    return {
        "operationId": name,
        "summary": JOBS[name].summary,
        "parameters": [
            {"name": o.name, "in": "query", "required": False, "description": o.description, "schema": _schema(o)}
            for o in options
        ],
        "requestBody": {"required": True, "content": content},
        "responses": {"200": _answer(name), **{code: _failure(why) for code, why in STATUSES.items()}},
    }


def _probe(path: str, text: str) -> dict[str, Any]:
    schema = {"type": "object", "properties": {"status": {"type": "string"}}}
    return {
        "operationId": path[1:],
        "summary": text,
        "responses": {"200": {"description": text, "content": {"application/json": {"schema": schema}}}},
    }


def manual(settings: Settings) -> tuple[str, str]:
    """The same for a reader, as one page without script, and its Content-Security-Policy."""
    rows: dict[str, list[tuple[str, ...]]] = {
        "routes": [
            *((f"POST /v1/{name}", job.summary) for name, job in JOBS.items()),
            *((f"GET {path}", text) for path, text in PROBES.items()),
        ],
        "options": [
            (o.name, f"{_values(o)}; default {_default(o)}", o.description) for o in request_options("scrub").values()
        ],
        "errors": list(STATUSES.items()),
    }
    tables = {
        name: "".join("<tr>" + "".join(f"<td>{escape(cell)}</td>" for cell in row) + "</tr>" for row in table)
        for name, table in rows.items()
    }
    server = _address(settings)
    most = f"{settings.max_bytes / (1 << 20):.0f} MiB, {settings.max_pixels / 1e6:.0f} megapixels"
    html = f"""<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width">
<title>rmexif: HTTP API</title><style>{STYLE}</style><h1>rmexif: HTTP API</h1>
<p>An image goes in, a clean image comes out, nothing stays. At most {most} each. For machines:
<a href="/openapi.json">openapi.json</a>.</p>
<pre>curl -T photo.jpg -X POST -H 'Content-Type: image/jpeg' '{server}/v1/scrub?style=fill' -o clean.jpg
curl -F file=@photo.jpg -F style=fill {server}/v1/scrub -o clean.jpg
curl -F file=@photo.jpg '{server}/v1/inspect?values=true'</pre>
<h2>Routes</h2><p>The body is the image itself, or a form with one file. <code>scrub</code> and <code>strip</code>
answer the image, with the report in <code>X-Rmexif-Report</code>; with <code>Accept: application/json</code> (image in
base64) or <code>multipart/mixed</code>, both in one body.</p>
<table>{tables["routes"]}</table>
<h2>Options of scrub and preview</h2><p>As query, or as fields of the form. <code>inspect</code> knows
<code>values=true</code>.</p><table>{tables["options"]}</table>
<h2>Errors</h2><p>Always <code>{{"code": "...", "message": "..."}}</code>.</p>
<table>{tables["errors"]}</table></html>"""
    return html, policy_for(STYLE)


def _address(settings: Settings) -> str:
    """Where the service listens, as a command on the same machine writes it."""
    host = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(settings.host, settings.host)
    return escape(f"http://{f'[{host}]' if ':' in host else host}:{settings.port}")


def _schema(option: Option) -> dict[str, Any]:
    """A JSON schema of the text that an option takes."""
    schema: dict[str, Any] = {"type": "string" if option.is_repeatable else option.kind}
    if option.kind == "regions":
        schema |= {"pattern": REGIONS, "description": f"{option.description}: {REGIONS_FORM}"}
    elif option.kind == "texts":
        schema["description"] = f"{option.description}: {option.form}"
    elif option.kind == "names":
        name = "|".join(map(re.escape, option.choices))
        schema["pattern"] = rf"^\s*({name})(\s*[;,]\s*({name}))*\s*;?\s*$"
        if option.default:
            schema["default"] = ";".join(option.default)
    elif option.choices:
        schema["enum"] = list(option.choices)
    if option.range is not None:
        schema["minimum"], schema["maximum"] = option.range
    if option.default is not None and not option.is_repeatable:
        schema["default"] = option.default
    return schema


def _values(option: Option) -> str:
    if option.choices:
        return ", ".join(option.choices)
    words = {"boolean": "true or false", "regions": REGIONS_FORM, "texts": option.form or ""}
    between = "" if option.range is None else f", {option.range[0]} to {option.range[1]}"
    return words.get(option.kind, option.kind) + between


def _default(option: Option) -> str:
    if option.default in (None, ()):
        return "none"
    return ", ".join(option.default) if option.kind == "names" else str(option.default).lower()


def _answer(name: str) -> dict[str, Any]:
    report = {"application/json": {"schema": {"type": "object"}}}
    if not JOBS[name].answers_image:
        return {"description": "the report", "content": report}
    content: dict[str, Any] = {row.format.mime: {} for row in FORMATS}
    header = {"X-Rmexif-Report": {"description": "the report, as ASCII JSON", "schema": {"type": "string"}}}
    return {"description": "the image", "headers": header, "content": content | report | {"multipart/mixed": {}}}


def _failure(why: str) -> dict[str, Any]:
    schema = {
        "type": "object",
        "required": ["code", "message"],
        "properties": {
            "code": {"type": "string"},
            "message": {"type": "string"},
            "structure": {"type": "string", "description": "of the image file, where it is at fault"},
            "offset": {"type": "integer", "description": "byte of that structure"},
        },
    }
    return {"description": why, "content": {"application/json": {"schema": schema}}}

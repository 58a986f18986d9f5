"""Reading a request: piece by piece, into memory, with an end to its size and to its time."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from rmexif.errors import InputError, LimitExceeded
from rmexif.io.multipart import FORM_OVERHEAD, BrokenForm, FormReader

if TYPE_CHECKING:
    from starlette.requests import Request

    from rmexif.service.admission import Place
    from rmexif.service.settings import Settings

__all__ = ["Body", "SlowBody", "WrongType", "check_head", "client_left", "read"]

FORM = "multipart/form-data"
# What a raw image may call itself. The last is what ``curl --data-binary`` says; the bytes decide in any case.
RAW = ("image/", "application/octet-stream", "binary/octet-stream", "application/x-www-form-urlencoded")


class SlowBody(InputError):
    """The client did not send its body in time."""

    code = "slow_body"
    status_hint = 408


class WrongType(InputError):
    """The body is neither an image nor a form."""

    code = "wrong_content_type"
    status_hint = 415


@dataclass(slots=True)
class Body:
    """An image, and the options that came with it."""

    data: bytearray
    fields: list[tuple[str, str]] = field(default_factory=list)


def check_head(request: Request, settings: Settings) -> None:
    """Refuse what the head alone rules out, before a byte of the body is read.

    Raises:
        WrongType: the body calls itself something that is not taken.
        LimitExceeded: the body says that it is too long.
        InputError: its length is no number.
    """
    kind = _kind(request)
    if kind and kind != FORM and not kind.startswith(RAW):
        raise WrongType("Content-Type must be image/*, application/octet-stream or multipart/form-data")
    if request.headers.get("content-encoding", "identity").lower() != "identity":
        raise WrongType("Content-Encoding must be identity: a compressed body is not taken")
    length = request.headers.get("content-length")
    if length is not None:
        if not length.isascii() or not length.isdigit():
            raise BrokenForm("Content-Length must be a number")
        if int(length[:20]) > settings.max_bytes + (FORM_OVERHEAD if kind == FORM else 0):
            raise _too_long(settings)


async def read(request: Request, settings: Settings, place: Place) -> Body:
    """The image of a request, and the options of its form.

    Args:
        request: its head has been checked.
        settings: how much may come, and for how long.
        place: that the request holds; it is lost to others where the body comes slowly and they wait.

    Raises:
        SlowBody: the body did not come in time.
        LimitExceeded: it is too long.
        BrokenForm: the form cannot be read, or holds no image, or several.
        ClientDisconnect: the client left.
    """
    try:
        async with asyncio.timeout(settings.body_seconds) as place.clock:
            body = await (_form if _kind(request) == FORM else _raw)(request, settings)
            place.clock = None
    except TimeoutError as error:
        problem = f"the body took longer than {settings.body_seconds:g} s, or was slow while others waited"
        raise SlowBody(problem) from error
    finally:
        place.clock = None
    if not body.data:
        raise BrokenForm("the request carries no image")
    return body


async def client_left(request: Request) -> None:
    """Wait until the client of a request that is read to its end has gone."""
    while (await request.receive())["type"] != "http.disconnect":
        pass


async def _raw(request: Request, settings: Settings) -> Body:
    data = bytearray()
    async for chunk in request.stream():
        if len(data) + len(chunk) > settings.max_bytes:
            raise _too_long(settings)
        data += chunk
    return Body(data)


async def _form(request: Request, settings: Settings) -> Body:
    reader = FormReader(request.headers["content-type"], settings.max_bytes)
    seen = 0
    async for chunk in request.stream():
        seen += len(chunk)
        if seen > settings.max_bytes + FORM_OVERHEAD:
            raise _too_long(settings)
        if chunk:
            reader.feed(chunk)
    form = reader.close()
    if not form.files:
        raise BrokenForm("the form carries no image")
    return Body(form.files[0].data, form.fields)


def _too_long(settings: Settings) -> LimitExceeded:
    return LimitExceeded(f"max_bytes: the body is above the limit of {settings.max_bytes}")


def _kind(request: Request) -> str:
    return request.headers.get("content-type", "").split(";")[0].strip().lower()

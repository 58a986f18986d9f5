"""What crosses between a worker and its parent: frames over a pair of sockets, and no object on the way back.

A request is an id, pickled arguments and an image; the parent is trusted. A reply is the id, JSON and an image; the
worker is not: its lengths are bounded before anything is kept, and a frame that answers no request is an error.
"""

from __future__ import annotations

import json
import struct
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NoReturn

from rmexif.errors import VerificationError

if TYPE_CHECKING:
    import socket
    from collections.abc import Mapping

__all__ = [
    "ID_BYTES",
    "Bounds",
    "Reply",
    "UnrelatedReply",
    "has_unread",
    "receive_reply",
    "receive_request",
    "send_reply",
    "send_request",
]

ID_BYTES = 16
REQUEST = struct.Struct(">16sQQ")  # id, lengths of arguments and image
REPLY = struct.Struct(">16sQQ")  # id, lengths of JSON and image; 0: no image
FIRST_BYTES = 1 << 20  # that are made room for before any of them came
MAX_NUMBER = 1 << 53  # what JSON carries exactly (RFC 8259, 6)


class UnrelatedReply(VerificationError):
    """A frame that answers another request: the process was taken over, maybe by the image before."""


@dataclass(frozen=True, slots=True)
class Bounds:
    """How large a reply may be, in bytes, and until when it may come, in s of time.monotonic()."""

    text: int
    data: int
    until: float | None


@dataclass(frozen=True, slots=True)
class Reply:
    """What a worker sent, as it came: nothing in it has been checked."""

    values: dict[str, Any]
    data: bytes | None


def send_request(
    to: socket.socket, request: bytes, arguments: bytes, raw: bytes | bytearray | memoryview, until: float | None
) -> None:
    """Send one job.

    Raises:
        TimeoutError: the worker does not take it in time.
        OSError: the worker has gone.
    """
    to.settimeout(_left(until))
    to.sendall(REQUEST.pack(request, len(arguments), len(raw)) + arguments)
    to.settimeout(_left(until))
    to.sendall(raw)


def receive_request(of: socket.socket) -> tuple[bytes, bytes, bytearray]:
    """Wait for the next job: its id, arguments and image.

    Raises:
        EOFError: the parent has gone, or needs this worker no more.
    """
    request, arguments, image = REQUEST.unpack(_exactly(of, REQUEST.size, None))
    return request, bytes(_exactly(of, arguments, None)), _exactly(of, image, None)


def send_reply(to: socket.socket, request: bytes, values: Mapping[str, Any], data: bytes | None = None) -> None:
    """Answer a job; ``values`` is plain JSON."""
    text = json.dumps(values, separators=(",", ":"), ensure_ascii=True, allow_nan=False).encode("ascii")
    to.sendall(REPLY.pack(request, len(text), len(data or b"")) + text)
    if data:
        to.sendall(data)


def receive_reply(of: socket.socket, request: bytes, bounds: Bounds) -> Reply:
    """Wait for the answer to the job ``request``.

    Raises:
        UnrelatedReply: it answers another one.
        VerificationError: what came is no such answer, or is larger than it may be.
        TimeoutError: it did not come in time.
        EOFError, OSError: the worker has gone.
    """
    answered, text, image = REPLY.unpack(_exactly(of, REPLY.size, bounds.until))
    if answered != request:
        raise UnrelatedReply("the answer of a worker process is for another image")
    for name, length, most in (("report", text, bounds.text), ("image", image, bounds.data)):
        if length > most:
            raise VerificationError(f"the answer of a worker process has {length} B of {name}, at most {most} were due")
    values = _parse(_exactly(of, text, bounds.until))
    return Reply(values, bytes(_exactly(of, image, bounds.until)) if image else None)


def has_unread(of: socket.socket) -> bool:
    """Whether something came without a request, or the other end has gone."""
    of.settimeout(0)
    try:
        of.recv(1)
    except BlockingIOError:
        return False
    except OSError:
        return True
    return True


def _parse(text: bytearray) -> dict[str, Any]:
    try:
        values = json.loads(text.decode("ascii"), parse_constant=_refuse, parse_int=_number)
    except (ValueError, RecursionError):
        values = None
    if not isinstance(values, dict):
        raise VerificationError("the answer of a worker process is no JSON object")
    return values


def _number(digits: str) -> int:
    if len(digits) > 17 or abs(number := int(digits)) > MAX_NUMBER:
        _refuse(digits)
    return number


def _refuse(_: str) -> NoReturn:
    raise ValueError("a number that JSON does not carry")


def _exactly(of: socket.socket, length: int, until: float | None) -> bytearray:
    buffer, at = bytearray(min(length, FIRST_BYTES)), 0  # it grows as it is filled: a length alone costs nothing
    while at < length:
        if at == len(buffer):
            buffer += bytes(min(at, length - at))
        if until is not None:  # a worker has no deadline, and in its sandbox no call to set one
            of.settimeout(_left(until))
        with memoryview(buffer) as view, view[at:] as rest:
            count = of.recv_into(rest)
        if not count:
            raise EOFError
        at += count
    return buffer


def _left(until: float | None) -> float | None:
    """Seconds; at least a little, because 0 would mean not to wait at all."""
    return None if until is None else max(1e-3, until - time.monotonic())

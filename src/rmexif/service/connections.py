"""Open connections: none holds the door for long without a request, and none that is idle stands in another's way."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.http.h11_impl import H11Protocol

from rmexif.service.clients import client_of

if TYPE_CHECKING:
    import asyncio

    from rmexif.service.settings import Settings

__all__ = ["BoundedProtocol", "protocol"]

LINGER_SECONDS = 1.0  # at the end: what a client had sent before it saw that the service stops is still read


class BoundedProtocol(H11Protocol):
    """HTTP/1.1 with a time for each head, a time for each answer, and an end to idle connections.

    Where one more comes than may be open, the one that has been idle for the longest is closed, of the client that has
    most of them. A connection is idle while no request is under way on it.
    """

    most: int  # open connections
    head_seconds: float  # from the first byte of a connection or of a later head to the end of the head
    answer_seconds: float  # that a client may leave an answer unread

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        self.idle_since = self.loop.time()
        self.owner = ""
        self._head_timer: asyncio.TimerHandle | None = None
        self._answer_timer: asyncio.TimerHandle | None = None

    @property
    def is_idle(self) -> bool:
        """Whether no request is under way."""
        return self.cycle is None or self.cycle.response_complete

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take the connection in; where that is one too many, close another."""
        super().connection_made(transport)
        self.owner = client_of(self.client)  # here: to find it for all at each connection would be an attack's work
        transport.set_write_buffer_limits(high=0)  # so that writing pauses until the client has read everything
        self._start_head_timer()
        if len(self.connections) > self.most:
            self._close_another()

    def data_received(self, data: bytes) -> None:
        """Read on."""
        super().data_received(data)
        if not self.is_idle:
            self._stop_head_timer()
        elif self._head_timer is None:
            self._start_head_timer()

    def on_response_complete(self) -> None:
        """From here on the connection is idle again."""
        self.idle_since = self.loop.time()
        super().on_response_complete()

    def pause_writing(self) -> None:
        """The client does not read as fast as it is answered."""
        super().pause_writing()
        self._answer_timer = self.loop.call_later(self.answer_seconds, self.transport.abort)

    def resume_writing(self) -> None:
        """The client has read what there was."""
        super().resume_writing()
        self._stop_answer_timer()

    def connection_lost(self, exc: Exception | None) -> None:
        """Nothing is waited for any more."""
        self._stop_head_timer()
        self._stop_answer_timer()
        super().connection_lost(exc)

    def shutdown(self) -> None:
        """Finish the request under way, and one that has just been sent; then close."""
        if self.is_idle:
            self.loop.call_later(LINGER_SECONDS, super().shutdown)
        else:
            super().shutdown()

    def _close_another(self) -> None:
        others: list[BoundedProtocol] = [item for item in self.connections if item is not self and item.is_idle]  # type: ignore[union-attr, misc]
        if not others:
            return  # all are at work: this one hears that the service is busy
        held = Counter(item.owner for item in others)
        oldest = max(others, key=lambda item: (held[item.owner], -item.idle_since))
        self.connections.discard(oldest)
        oldest.transport.abort()

    def _start_head_timer(self) -> None:
        self._head_timer = self.loop.call_later(self.head_seconds, self.transport.abort)

    def _stop_head_timer(self) -> None:
        if self._head_timer is not None:
            self._head_timer.cancel()
            self._head_timer = None

    def _stop_answer_timer(self) -> None:
        if self._answer_timer is not None:
            self._answer_timer.cancel()
            self._answer_timer = None


def protocol(settings: Settings) -> type[BoundedProtocol]:
    """The protocol of a server with these settings."""

    class _Protocol(BoundedProtocol):
        most = settings.connections
        head_seconds = settings.head_seconds
        answer_seconds = settings.answer_seconds

    return _Protocol

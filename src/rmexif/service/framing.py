"""Where the body of a request ends must be said once: two readers that took it differently would see two requests."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rmexif.errors import InputError
from rmexif.service.head_check import HeadCheck

if TYPE_CHECKING:
    from starlette.datastructures import Headers

__all__ = ["AmbiguousLength", "OneLength"]


class AmbiguousLength(InputError):
    """The head states the length of the body twice, or in two ways."""

    code = "ambiguous_length"
    status_hint = 400


class OneLength(HeadCheck):
    """Refuses what a proxy in front could read as another request (RFC 9112, 6.1 and 11.2); the connection closes."""

    def check(self, method: str, headers: Headers) -> None:
        """Raise AmbiguousLength where the end of the body is stated more than once."""
        if len(headers.getlist("content-length")) + len(headers.getlist("transfer-encoding")) > 1:
            raise AmbiguousLength("Content-Length or Transfer-Encoding must be stated once, and not both")

"""How long a store may fail: requests that are tried again, and answers that no second try changes."""

from __future__ import annotations

import errno
import threading
import time
from typing import TYPE_CHECKING, TypeVar

from rmexif.errors import SetupError

if TYPE_CHECKING:
    from collections.abc import Callable

__all__ = ["Patience", "StoreUnavailable"]

Answer = TypeVar("Answer")
LONGEST_PAUSE = 10.0  # s between two tries
PROBE = 1.0  # s between two tries of a store that has been silent for longer than the run waits
# What clients of stores raise where they find no credentials; they share no base, and are not always installed.
NO_CREDENTIALS = frozenset(
    {"NoCredentialsError", "PartialCredentialsError", "DefaultCredentialsError", "ProfileNotFound"}
)
# What stores answer that no second try changes, and what to do about it. The codes are Amazon's ("Error responses").
RENEW = "the store's credentials have expired: renew them on every machine, and run again; it goes on where it ended"
UNKNOWN = (
    "the store does not take these credentials: check the key, its secret and the clocks, and run again; it goes on"
)
NO_BUCKET = "there is no such bucket: make it, or correct the address"
ANSWERS = {
    **dict.fromkeys(("ExpiredToken", "ExpiredTokenException", "RequestExpired", "TokenRefreshRequired"), RENEW),
    **dict.fromkeys(
        ("InvalidAccessKeyId", "SignatureDoesNotMatch", "InvalidToken", "InvalidSecurity", "RequestTimeTooSkewed"),
        UNKNOWN,
    ),
    **dict.fromkeys(("NoSuchBucket", "InvalidBucketName", "BucketNotFound"), NO_BUCKET),
}
NO_ENDPOINT = frozenset({"EndpointConnectionError", "ClientConnectorError", "ClientConnectorDNSError"})
LASTING = (FileNotFoundError, PermissionError, IsADirectoryError, NotADirectoryError)


class StoreUnavailable(SetupError):
    """A store did not answer for as long as the run may wait; a second run goes on where this one ended."""

    code = "store_unavailable"
    status_hint = 503
    exit_code = 69  # sysexits.h: a service is unavailable


class Patience:
    """Tries again while a store does not answer, with growing pauses; shared by the threads of one worker.

    Args:
        seconds: for how long one request is tried, and for how long any may fail before none is tried twice.
    """

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._failing_since: float | None = None
        self._answered, self._silent = 0.0, -PROBE  # when it last answered, and when it last did not
        self._lock = threading.Lock()

    def left(self) -> float:
        """S that the next request may take: a store may take a connection and never answer."""
        with self._lock:
            since = self._failing_since
        return self._seconds if since is None else max(PROBE, self._seconds - (time.monotonic() - since))

    def ask(self, request: Callable[[], Answer]) -> Answer:
        """The request's answer.

        Raises:
            SetupError: there are no credentials, or the client of this store is not installed.
            OSError: the object is not there, or may not be had.
            StoreUnavailable: it failed for too long.
        """
        started, pause = time.monotonic(), 0.2
        self._check_silence(started)
        while True:
            try:
                answer = request()
            except Exception as error:  # the clients of the stores have their own trees, some without OSError
                if (why := ANSWERS.get(_answer_code(error))) is not None:
                    raise SetupError(why) from None
                if isinstance(error, LASTING):
                    raise
                if getattr(error, "errno", None) == errno.EINVAL:
                    raise  # the request itself is at fault, such as a range of an object that is empty by now
                if type(error).__name__ in NO_CREDENTIALS:
                    raise SetupError(
                        "there are no credentials for the store: set them where its client looks, for S3 as "
                        "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY or a profile, on every machine of the run"
                    ) from None
                if not self._goes_on(started, isinstance(error, TimeoutError)):
                    kind = type(error).__name__  # and no more: the message may quote names of objects
                    where = "; is its address right, as in AWS_ENDPOINT_URL?" if kind in NO_ENDPOINT else ""
                    raise StoreUnavailable(f"the store failed for {self._seconds:g} s ({kind}){where}") from None
            else:
                with self._lock:
                    self._failing_since, self._answered = None, time.monotonic()
                return answer
            time.sleep(pause)
            pause = min(2 * pause, LONGEST_PAUSE)

    def _check_silence(self, now: float) -> None:
        """Ask a store that does not answer once in a while only: each try would take its time again."""
        with self._lock:
            if self._failing_since is None or now - self._failing_since < self._seconds:
                return
            if now - self._silent < PROBE:
                raise StoreUnavailable(f"the store did not answer for {self._seconds:g} s")

    def _goes_on(self, started: float, is_silent: bool) -> bool:
        with self._lock:
            now = time.monotonic()
            self._failing_since = self._failing_since or max(started, self._answered)
            self._silent = now if is_silent else self._silent
            return now - min(started, self._failing_since) < self._seconds


def _answer_code(error: BaseException) -> str:
    """The code in a store's answer, where its client hands it on (botocore's ClientError)."""
    response = getattr(error, "response", None) or getattr(error.__cause__, "response", None)
    return str(response.get("Error", {}).get("Code", "")) if isinstance(response, dict) else ""

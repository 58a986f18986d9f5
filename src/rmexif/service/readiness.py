"""Whether the service really works: a canary image, cleaned in a worker and looked at."""

from __future__ import annotations

import asyncio
import base64
import time
from typing import TYPE_CHECKING

from rmexif.errors import ProcessingError
from rmexif.policy import Policy

if TYPE_CHECKING:
    from rmexif.service.workers import Workers

__all__ = ["Readiness"]

FRESH = 10.0  # s: how long one answer is believed, so that probes cost next to nothing
MARK = b"canary"
# A grey JPEG of 16 x 16 px, with an Exif artist, a comment and a trailer that say "canary".
CANARY = base64.b64decode(
    "/9j/4AAQSkZJRgABAQAAAQABAAD/4QApRXhpZgAASUkqAAgAAAABADsBAgAHAAAAGgAAAAAAAABjYW5hcnkA//4ACGNhbmFyef/bAEMAAwICAw"
    "ICAwMDAwQDAwQFCAUFBAQFCgcHBggMCgwMCwoLCw0OEhANDhEOCwsQFhARExQVFRUMDxcYFhQYEhQVFP/AAAsIABAAEAEBEQD/xAAfAAABBQEB"
    "AQEBAQAAAAAAAAAAAQIDBAUGBwgJCgv/xAC1EAACAQMDAgQDBQUEBAAAAX0BAgMABBEFEiExQQYTUWEHInEUMoGRoQgjQrHBFVLR8CQzYnKCCQ"
    "oWFxgZGiUmJygpKjQ1Njc4OTpDREVGR0hJSlNUVVZXWFlaY2RlZmdoaWpzdHV2d3h5eoOEhYaHiImKkpOUlZaXmJmaoqOkpaanqKmqsrO0tba3"
    "uLm6wsPExcbHyMnK0tPU1dbX2Nna4eLj5OXm5+jp6vHy8/T19vf4+fr/2gAIAQEAAD8AKKKK/9ljYW5hcnk="
)


class Readiness:
    """Answers probes.

    Args:
        workers: who cleans the canary.
    """

    def __init__(self, workers: Workers) -> None:
        self._workers = workers
        self._proved = -FRESH
        self._lock = asyncio.Lock()

    async def check(self) -> None:
        """Clean the canary for real, unless that has just been done: codecs, model and check work, in a worker.

        Raises:
            RmexifError: they do not.
        """
        async with self._lock:
            if time.monotonic() - self._proved >= FRESH:
                await self.clean_canary()

    async def clean_canary(self) -> None:
        """Clean the canary in any one worker, which loads codecs and the model there.

        Raises:
            RmexifError: it did not come out clean.
        """
        data, stats = await self._workers.run("scrub", CANARY, Policy())
        if data is None or MARK in data or stats["metadata_removed"] is not True or not stats["search"]:
            raise ProcessingError("the canary image did not come out clean")
        self._proved = time.monotonic()

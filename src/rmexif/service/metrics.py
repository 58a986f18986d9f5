"""Counters for an operator; labels are formats and error codes only, so nothing says whose image it was."""

from __future__ import annotations

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

__all__ = ["CONTENT_TYPE", "Metrics"]

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30)
BYTES = tuple(1 << power for power in range(14, 28, 2))


class Metrics:
    """One registry per application; the process-wide one, which tells about the machine, is not used."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.images = Counter("rmexif_images", "Images answered", ["format"], registry=self._registry)
        self.errors = Counter("rmexif_errors", "Requests refused or failed", ["code"], registry=self._registry)
        self.lost = Counter("rmexif_workers_lost", "Workers that died with an image", registry=self._registry)
        self.waiting = Gauge("rmexif_requests_in_flight", "Requests that hold an image", registry=self._registry)
        self.seconds = Histogram("rmexif_seconds", "From admission to answer", buckets=SECONDS, registry=self._registry)
        self.size = Histogram("rmexif_image_bytes", "Size of images taken in", buckets=BYTES, registry=self._registry)

    def text(self) -> bytes:
        """The exposition format of Prometheus."""
        return generate_latest(self._registry)

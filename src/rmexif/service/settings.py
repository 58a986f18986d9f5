"""What an operator can set, each from one environment variable: ``RMEXIF_`` and the field's name in capitals."""

from __future__ import annotations

import os
import sys
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from rmexif.errors import InvalidPolicy
from rmexif.types import MAX_CHANNELS, Limits

if TYPE_CHECKING:
    from collections.abc import Mapping

__all__ = ["PREFIX", "Settings"]

PREFIX = "RMEXIF_"
MIN_TOKEN = 16  # characters: 64 bits even where a token is hexadecimal digits


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """How the service behaves.

    Memory is bounded by these: about ``(workers + queue) * max_bytes * 2`` in the server, and in each worker what it
    holds when it is ready and ``worker_memory``.
    """

    host: str = field(default="127.0.0.1", metadata={"help": "address to listen on"})
    port: int = field(default=8000, metadata={"help": "port to listen on"})
    workers: int = field(default=0, metadata={"help": "worker processes; 0: as many as processors"})
    queue: int = field(default=32, metadata={"help": "requests that may wait for a worker; more are answered 429"})
    background: int = field(
        default=2, metadata={"help": "workers beside those, for images that are large or take longer than others"}
    )
    client_requests: int = field(
        default=0, metadata={"help": "requests of one client that may wait or be worked on; 0: three in four of all"}
    )
    connections: int = field(
        default=512, metadata={"help": "open connections; one more closes the longest idle, or is answered 503"}
    )
    max_bytes: int = field(default=64 << 20, metadata={"help": "largest image, byte"})
    max_pixels: int = field(default=210_000_000, metadata={"help": "largest picture, px of one frame"})
    max_frames: int = field(default=2_000, metadata={"help": "most frames or pages of one image"})
    deadline_seconds: float = field(default=30.0, metadata={"help": "time for one image in a worker, s"})
    body_seconds: float = field(default=30.0, metadata={"help": "time for a client to send its body, s"})
    head_seconds: float = field(default=10.0, metadata={"help": "time for a client to send the head of a request, s"})
    answer_seconds: float = field(default=60.0, metadata={"help": "time for a client to read its answer, s"})
    queue_seconds: float = field(default=30.0, metadata={"help": "time to wait for a worker before 503, s"})
    shutdown_seconds: float = field(default=30.0, metadata={"help": "time to finish what is under way, s"})
    worker_memory: int = field(
        default=3 << 30 if sys.platform == "linux" else 0,
        metadata={"help": "what one image may take beyond what a ready worker holds, byte (Linux); 0: no limit"},
    )
    worker_images: int = field(default=500, metadata={"help": "images until a worker is replaced; 0: never"})
    sandbox: bool = field(
        default=True,
        metadata={"help": "workers have no files, no network and no other processes (Linux)", "alias": "RMEXIF_FENCE"},
    )
    report_bytes: int = field(default=3072, metadata={"help": "longest X-Rmexif-Report header, byte"})
    tokens: str = field(default="", metadata={"help": "bearer tokens, separated by commas; none: open to all"})
    tokens_file: str = field(default="", metadata={"help": "file with more tokens, one a line (a mounted secret)"})
    allowed_hosts: str = field(
        default="",
        metadata={"help": "host names that requests may name beside RMEXIF_HOST, separated by commas; *: any"},
    )
    allowed_origins: str = field(
        default="",
        metadata={"help": "origins of other sites whose pages may send images, separated by commas; *: any"},
    )
    proxies: str = field(
        default="",
        metadata={"help": "addresses of proxies whose X-Forwarded-For says who a client is, separated by commas"},
    )
    page: bool = field(default=True, metadata={"help": "serve the page at /"})
    metrics: bool = field(default=True, metadata={"help": "serve /metrics"})
    models: str = field(
        default="",
        metadata={"help": "models of your own that every picture is searched with too: FILE[:LABEL], separated by ';'"},
    )
    providers: str = field(
        default="auto",
        metadata={"help": "what models of your own run on, separated by commas; auto: what onnxruntime has"},
    )
    log_level: str = field(default="warning", metadata={"help": "warning or info; never names, addresses or values"})

    def __post_init__(self) -> None:
        """Refuse what cannot be meant.

        Raises:
            InvalidPolicy: a setting has a value that is not allowed.
        """
        for name in ("workers", "queue", "client_requests", "worker_memory", "worker_images"):
            self._check(name, getattr(self, name) >= 0, "0 or more")
        for name in ("background", "connections", "max_bytes", "max_pixels", "max_frames", "report_bytes"):
            self._check(name, getattr(self, name) >= 1, "1 or more")
        for name in (item.name for item in fields(self) if item.name.endswith("_seconds")):
            self._check(name, 0 < getattr(self, name) < 86_400, "more than 0 and less than a day, in seconds")
        self._check("log_level", self.log_level in ("warning", "info"), "warning or info")
        if any(len(token) < MIN_TOKEN for token in self.secrets()):
            raise InvalidPolicy(f"{PREFIX}TOKENS must hold tokens of at least {MIN_TOKEN} characters")

    def _check(self, name: str, is_allowed: bool, expected: str) -> None:
        if not is_allowed:
            raise InvalidPolicy(f"{PREFIX}{name.upper()} must be {expected}, got {getattr(self, name)!r}")

    @classmethod
    def from_environment(cls, environment: Mapping[str, str] | None = None, **overrides: object) -> Settings:
        """Read ``RMEXIF_*``; ``overrides`` that are not None go before the environment.

        Raises:
            InvalidPolicy: a variable has a value that is not allowed.
        """
        source = os.environ if environment is None else environment
        values: dict[str, object] = {}
        for item in fields(cls):
            text = source.get(PREFIX + item.name.upper(), source.get(item.metadata.get("alias", "")))
            if text is not None:
                values[item.name] = _read(item.name, str(item.type), text.strip())
        values |= {name: value for name, value in overrides.items() if value is not None}
        return cls(**values)  # type: ignore[arg-type]

    @property
    def worker_count(self) -> int:
        """Worker processes, with 0 counted out: the processors that this process may use."""
        if self.workers:
            return self.workers
        return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1

    @property
    def places(self) -> int:
        """Requests that may hold an image."""
        return self.worker_count + self.queue

    @property
    def places_per_client(self) -> int:
        """Those of one client, with 0 counted out: some are left for the others where there are enough."""
        return self.client_requests or self.places - self.places // 4

    @property
    def limits(self) -> Limits:
        """What one image may cost."""
        return Limits(
            max_bytes=self.max_bytes,
            max_pixels=self.max_pixels,
            max_samples=MAX_CHANNELS * self.max_pixels,
            max_frames=self.max_frames,
        )

    @property
    def operator_options(self) -> dict[str, tuple[str, ...]]:
        """The fields of every policy that the operator alone decides."""
        models, providers = self.models.split(";"), self.providers.split(",")
        found = {"models": models, "providers": providers}
        return {name: tuple(text.strip() for text in texts if text.strip()) for name, texts in found.items()}

    def listed(self, name: str) -> tuple[str, ...]:
        """The items of a setting that is a list with commas, in lower case."""
        texts = getattr(self, name).lower().split(",")
        return tuple(text.strip() for text in texts if text.strip())

    def secrets(self) -> tuple[bytes, ...]:
        """The bearer tokens; empty where the service is open.

        Raises:
            InvalidPolicy: the file of tokens cannot be read, or is empty.
        """
        texts = self.tokens.split(",")
        if self.tokens_file:
            try:
                listed = Path(self.tokens_file).read_text("utf-8").split()
            except (OSError, ValueError) as error:
                raise InvalidPolicy(f"{PREFIX}TOKENS_FILE must be a file that can be read") from error
            if not listed:
                raise InvalidPolicy(f"{PREFIX}TOKENS_FILE must hold at least one token")
            texts += listed
        return tuple(text.strip().encode() for text in texts if text.strip())


def _read(name: str, kind: str, text: str) -> object:
    variable = PREFIX + name.upper()
    if kind == "bool":
        if text.lower() not in ("1", "0", "true", "false", "yes", "no", "on", "off"):
            raise InvalidPolicy(f"{variable} must be 1 or 0, got {text!r}")
        return text.lower() in ("1", "true", "yes", "on")
    try:
        return {"int": int, "float": float}.get(kind, str)(text)
    except ValueError as error:
        raise InvalidPolicy(f"{variable} must be a number, got {text!r}") from error

"""Detectors for tests: one ends its process over one picture, as a decoder's crash does, one takes its time."""

from __future__ import annotations

import os
import secrets
import signal
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

WIDTH = 333  # px


@dataclass(frozen=True)
class Deadly:
    """Finds nothing, and dies of pictures of a certain width."""

    pause: float = 0  # s for each of the others

    def detect(self, rgb: Any) -> list[Any]:
        """Nothing, or the end."""
        if rgb.shape[1] == WIDTH:
            os.kill(os.getpid(), signal.SIGKILL)
        time.sleep(self.pause)
        return []


@dataclass(frozen=True)
class Patient:
    """Finds nothing, takes its time, and notes from when to when."""

    notes: str  # a folder

    def detect(self, rgb: Any) -> list[Any]:
        """Nothing."""
        begin = time.time()
        time.sleep(0.4)
        Path(self.notes, secrets.token_hex(8)).write_text(f"{begin} {time.time()}")
        return []

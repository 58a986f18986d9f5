"""A detector that ends its process over one picture: what a decoder's crash looks like to an engine."""

from __future__ import annotations

import os
import signal
from dataclasses import dataclass
from typing import Any

WIDTH = 333  # px


@dataclass(frozen=True)
class Deadly:
    """Finds nothing, and dies of pictures of a certain width."""

    def detect(self, rgb: Any) -> list[Any]:
        """Nothing, or the end."""
        if rgb.shape[1] == WIDTH:
            os.kill(os.getpid(), signal.SIGKILL)
        return []

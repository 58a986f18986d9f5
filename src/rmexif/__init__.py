"""The last step before an image leaves a trust boundary: metadata gone, faces redacted, in memory.

>>> from rmexif import Scrubber
>>> clean_bytes, stats = Scrubber(raw_bytes).process()  # doctest: +SKIP
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

# Some builds of onnxruntime open a database in the user's cache and call home as soon as they are imported, unless
# this is set before. Nothing here writes a file or connects to anybody, so it is set first of all, whatever it said.
os.environ["ORT_DISABLE_TELEMETRY"] = "1"

if TYPE_CHECKING:
    from rmexif.bulk import scrub_async, scrub_many, strip_async, strip_many
    from rmexif.errors import (
        DeadlineExceeded,
        DetectionError,
        EncodeError,
        InputError,
        InvalidPolicy,
        LimitExceeded,
        MalformedImage,
        MissingDependency,
        ProcessingError,
        RmexifError,
        SetupError,
        UnknownFormat,
        UnsupportedFeature,
        VerificationError,
        WorkerLost,
    )
    from rmexif.inspection import Inspection
    from rmexif.lossless import inspect, strip, verify
    from rmexif.outcome import Outcome, Report
    from rmexif.policy import Policy
    from rmexif.scrubber import Scrubber, scrub
    from rmexif.types import Box, Category, Detection, Finding, Limits

__version__ = "0.1.0"

__all__ = [
    "Box",
    "Category",
    "DeadlineExceeded",
    "Detection",
    "DetectionError",
    "EncodeError",
    "Finding",
    "InputError",
    "Inspection",
    "InvalidPolicy",
    "LimitExceeded",
    "Limits",
    "MalformedImage",
    "MissingDependency",
    "Outcome",
    "Policy",
    "ProcessingError",
    "Report",
    "RmexifError",
    "Scrubber",
    "SetupError",
    "UnknownFormat",
    "UnsupportedFeature",
    "VerificationError",
    "WorkerLost",
    "inspect",
    "scrub",
    "scrub_async",
    "scrub_many",
    "strip",
    "strip_async",
    "strip_many",
    "verify",
]

# Where each public name lives. They are fetched on first use, because strip and --help need no codec and no model.
_HOMES = {
    **dict.fromkeys(("inspect", "strip", "verify"), "lossless"),
    **dict.fromkeys(("scrub_async", "scrub_many", "strip_async", "strip_many"), "bulk"),
    **dict.fromkeys(("Scrubber", "scrub"), "scrubber"),
    **dict.fromkeys(("Outcome", "Report"), "outcome"),
    **dict.fromkeys(("Box", "Category", "Detection", "Finding", "Limits"), "types"),
    "Inspection": "inspection",
    "Policy": "policy",
}


def __getattr__(name: str) -> Any:
    from importlib import import_module

    if name not in __all__:
        raise AttributeError(f"module 'rmexif' has no attribute {name!r}")
    value = getattr(import_module(f"rmexif.{_HOMES.get(name, 'errors')}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__

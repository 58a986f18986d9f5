"""User code that must type-check under mypy --strict: the public API as people call it."""

from __future__ import annotations

from typing import Any

from rmexif import Box, Finding, Inspection, Policy, ProcessingError, Scrubber, inspect, scrub, strip, verify


def upload(raw: bytes) -> bytes | None:
    """What an upload endpoint does."""
    try:
        clean, stats = Scrubber(raw, Policy(style="fill", regions=(Box(0, 0, 10, 10),), quality=88)).process()
    except ProcessingError as error:
        code: str = error.code
        status: int = error.status_hint
        print(code, status)
        return None
    faces: Any = stats["faces_detected"]
    print(faces)
    return clean


def audit(raw: memoryview) -> list[Finding]:
    """What an auditor does."""
    report: Inspection = inspect(raw, values=True)
    print(report.as_dict())
    data, stats = strip(raw)
    again, more = scrub(bytearray(data))
    print(stats, more)
    return verify(again)

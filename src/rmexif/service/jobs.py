"""What a worker process does with one image: plain functions of bytes and plain values, run by name."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif.errors import RmexifError

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.policy import Policy
    from rmexif.types import Limits

__all__ = ["JOBS", "Answer", "run"]

Answer = tuple[bytes | None, dict[str, Any]]  # an image or none, and what is said about it


def scrub(raw: bytes, policy: Policy) -> Answer:
    """Clean bytes and the report."""
    from rmexif.scrubber import Scrubber

    return Scrubber(raw, policy).process()


def strip(raw: bytes, limits: Limits) -> Answer:
    """Clean bytes with untouched pixels, and the report."""
    from rmexif.lossless import strip

    return strip(raw, limits=limits)


def inspect(raw: bytes, limits: Limits, values: bool) -> Answer:
    """What the file would give away."""
    from rmexif import inspection

    found = inspection.inspect(raw, values=values, limits=limits)
    return None, found.as_dict() | {"residuals": inspection.residuals(found.residuals[1:])}


def verify(raw: bytes, limits: Limits) -> Answer:
    """Whether anything is left, and what."""
    from rmexif.lossless import verify

    left = [finding.as_dict() for finding in verify(raw, limits=limits)]
    return None, {"clean": not left, "findings": left}


def preview(raw: bytes, policy: Policy, picture: bool) -> Answer:
    """What a scrub would redact: the picture with outlines and the report, or the report alone."""
    from rmexif.scrubber import Scrubber

    scrubber = Scrubber(raw, policy)
    return scrubber.preview() if picture else (None, scrubber.dry_run())


JOBS: dict[str, Callable[..., Answer]] = {
    "scrub": scrub,
    "strip": strip,
    "inspect": inspect,
    "verify": verify,
    "preview": preview,
}


def run(name: str, raw: bytes, *arguments: Any) -> Answer | RmexifError:
    """Do a job; errors come back as values, stripped of their history, because that may hold pieces of the file."""
    try:
        return JOBS[name](raw, *arguments)
    except RmexifError as error:
        return error.detached()

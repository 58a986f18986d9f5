"""The jobs of the service: what a route asks a worker process for, in plain functions of bytes and plain values.

A row of ``JOBS`` is a route. ``arguments`` runs in the server and turns the request's options into what crosses to the
worker; ``run`` runs there.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from rmexif import credit
from rmexif.policy import Policy
from rmexif.workers.replies import Expected

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from rmexif.types import Limits
    from rmexif.workers.process import Answer
    from rmexif.workers.replies import Mode

    Texts = tuple[str, ...]

__all__ = ["JOBS", "Job", "run"]


def scrub(raw: bytes, policy: Policy) -> Answer:
    """Clean bytes and the report."""
    from rmexif.scrubber import Scrubber

    return Scrubber(raw, policy).process()


def strip(raw: bytes, limits: Limits, thorough: bool, keep: Texts, own: Texts) -> Answer:
    """Clean bytes with untouched pixels, and the report."""
    from rmexif import lossless

    return lossless.strip(raw, limits=limits, thorough=thorough, keep=keep, set=own)


def inspect(raw: bytes, limits: Limits, values: bool) -> Answer:
    """What the file would give away."""
    from rmexif import lossless

    found = lossless.inspect(raw, values=values, limits=limits)
    return None, found.as_dict()


def verify(raw: bytes, limits: Limits, thorough: bool, keep: Texts, canonical: bool) -> Answer:
    """Whether anything is left, and what."""
    from rmexif import lossless

    found = lossless.verify(raw, limits=limits, thorough=thorough, keep=keep, canonical=canonical)
    findings = [finding.as_dict() for finding in found]
    return None, {"clean": not findings, "findings": findings}


def preview(raw: bytes, policy: Policy, picture: bool, frame: int) -> Answer:
    """What a scrub would redact: the picture with outlines and the report, or the report alone."""
    from rmexif.scrubber import Scrubber

    scrubber = Scrubber(raw, policy)
    return scrubber.preview(frame) if picture else (None, scrubber.dry_run())


def _policy(values: Mapping[str, Any], limits: Limits) -> tuple[Any, ...]:
    return (Policy(**values, limits=limits),)


def _policy_and_picture(values: Mapping[str, Any], limits: Limits) -> tuple[Any, ...]:
    fields = {name: value for name, value in values.items() if name not in ("picture", "frame")}
    return Policy(**fields, limits=limits), values.get("picture", True), values.get("frame", 0)


def _lossless(values: Mapping[str, Any], limits: Limits) -> tuple[Any, ...]:
    keep, own = values.get("keep", ()), values.get("set", ())
    credit.selection(keep, own)  # refused before the image is read
    return limits, values.get("thorough", False), keep, own


def _verify(values: Mapping[str, Any], limits: Limits) -> tuple[Any, ...]:
    return *_lossless(values, limits)[:3], values.get("canonical", False)


def _of_limits(mode: Mode, limits: Limits, _: bool, keep: Texts = (), own: Texts = ()) -> Expected:
    return Expected(mode=mode, limits=limits, selection=credit.selection(keep, own))


@dataclass(frozen=True, slots=True)
class Job:
    """One kind of request.

    Args:
        work: what a worker does with the image and the arguments.
        arguments: the values of the request's options, and the operator's limits, as arguments of ``work``.
        expected: what the answer must be, of the same arguments.
        summary: half a sentence for the description of the API.
        answers_image: whether clean bytes come back, not only a report.
    """

    work: Callable[..., Answer]
    arguments: Callable[[Mapping[str, Any], Limits], tuple[Any, ...]]
    expected: Callable[..., Expected]
    summary: str
    answers_image: bool = True


JOBS: dict[str, Job] = {
    "scrub": Job(scrub, _policy, partial(Expected.of_policy, "scrub"), "Metadata gone, faces redacted, re-encoded"),
    "strip": Job(strip, _lossless, partial(_of_limits, "strip"), "Metadata gone, pixels untouched"),
    "inspect": Job(
        inspect,
        lambda values, limits: (limits, values.get("values", False)),
        partial(_of_limits, "inspect"),
        "What the file would give away",
        answers_image=False,
    ),
    "verify": Job(
        verify,
        _verify,
        lambda limits, _, keep, canonical: replace(_of_limits("verify", limits, _, keep), canonical=canonical),
        "Whether anything is left",
        answers_image=False,
    ),
    "preview": Job(
        preview,
        _policy_and_picture,
        lambda policy, picture, _: Expected.of_policy("preview" if picture else "dry run", policy),
        "What a scrub would redact: the picture with outlines, or with picture=false the report alone",
    ),
}


def run(raw: bytes, name: str, *arguments: Any) -> Answer:
    """Do the job of that name."""
    return JOBS[name].work(raw, *arguments)

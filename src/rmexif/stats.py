"""The report of one image, field by field: plain JSON, kinds and counts and sizes, never a metadata value.

``VERSION`` grows by one when a field goes or changes its meaning; new fields may come at any time.
"""

from __future__ import annotations

from typing import Any, Literal, NotRequired, TypedDict

__all__ = [
    "VERSION",
    "CreditStats",
    "DroppedStats",
    "FaceStats",
    "FindingStats",
    "KeptStats",
    "RepairStats",
    "ResidualStats",
    "Stats",
]

VERSION = 1


class FindingStats(TypedDict):
    """What was found at one place of the input."""

    where: str  # path of structure names: "APP1/Exif/GPS"
    category: str  # value of types.Category
    count: int
    bytes: int


class ResidualStats(TypedDict):
    """Something that this mode cannot remove."""

    code: str  # value of residuals.Residual
    text: str
    bounded: bool  # whether more than the size of the coded data limits what can lie there
    bytes: int | None  # the bound, or the coded data that can hold it; None: not known


class FaceStats(TypedDict):
    """One detection and the bounds of its mask, in px of the upright original."""

    box: list[int]  # left, top, right, bottom
    confidence: float  # 0-1
    region: list[int]  # left, top, right, bottom of what is fully covered
    label: str  # "face", "region", "code", "text", or a detector's own
    frame: NotRequired[int]  # of several frames, counted from 0
    mask: NotRequired[list[float]]  # middle x, y and semi-axes x, y of what is fully covered: |x/a|^3 + |y/b|^3 <= 1


class KeptStats(TypedDict):
    """A field that was kept, or set; its value is in the output alone."""

    field: str  # name in credit.table
    source: str  # "Exif", "XMP", "IPTC", "PNG text", "GIF comment", "C2PA", "JFIF", "pHYs", "set"
    differs: list[str]  # sources with another value, which went


class DroppedStats(TypedDict):
    """A value that was asked for and did not leave."""

    field: str
    source: str
    reason: str  # value of credit.judgement.Reason


class CreditStats(TypedDict):
    """What was kept because the policy asks for it."""

    kept: list[KeptStats]
    dropped: list[DroppedStats]


class RepairStats(TypedDict):
    """Rows that were missing in a file, and filled with grey."""

    rows: int  # of the picture
    rows_kept: int  # that were there


class Stats(TypedDict):
    """What was found in one image and what was done to it."""

    stats_version: int
    mode: Literal["scrub", "strip", "dry run", "preview"]
    engine: Literal["native", "python"]  # what read the coded data: the compiled core, or its Python twins
    format: str  # of the input
    width: int  # px; of the upright input in scrub, as stored in strip
    height: int  # px
    frames: int
    metadata_removed: bool  # True only where the output has passed verification
    findings: list[FindingStats]
    findings_count: int
    original_size: int  # byte
    original_hash: str  # SHA-256, hexadecimal
    processing_time_ms: float
    new_hash: NotRequired[str]  # SHA-256, hexadecimal; of an output
    new_size: NotRequired[int]  # byte; of an output
    output_format: NotRequired[str]
    thorough: NotRequired[bool]  # strip: whether coded data was searched for bytes that its picture does not need
    residuals: NotRequired[list[ResidualStats]]
    orientation: NotRequired[int]  # strip: 1-8, what a viewer still has to do
    is_animation: NotRequired[bool]  # scrub, dry run, preview: a face is covered in the frames beside its own, too
    faces_detected: NotRequired[int]  # scrub, dry run, preview: detections with the label "face"
    faces: NotRequired[list[FaceStats]]
    search: NotRequired[dict[str, Any]]  # what was searched: recall, levels, smallest and largest face in px
    style: NotRequired[str]
    leak_bits: NotRequired[float | None]  # bits of one face that can be left, at most; None: nothing bounds them
    stage_ms: NotRequired[dict[str, float]]
    output_width: NotRequired[int]  # px
    output_height: NotRequired[int]  # px
    file_hash_changed: NotRequired[bool]
    stealth: NotRequired[bool]
    escalated: NotRequired[int]  # faces that needed a stronger style than the one asked for
    perceptual_distance: NotRequired[int]  # stealth: bits of 64 that differ between the difference hashes
    credit: NotRequired[CreditStats]  # only where something was to be kept or set
    repaired: NotRequired[RepairStats]  # only where something was filled
    sandbox: NotRequired[dict[str, Any]]  # of the worker process that did it

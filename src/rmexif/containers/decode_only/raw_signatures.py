"""How a camera RAW that is no TIFF is known by its first bytes."""

from __future__ import annotations

__all__ = ["CANON", "FUJIFILM", "MINOLTA", "OLYMPUS", "PANASONIC", "SIGMA", "matches"]

CANON = b"ftypcrx "  # CR3: ISO 14496-12, 4.3, with a brand of Canon's; behind the size of its box
FUJIFILM = b"FUJIFILMCCD-RAW"
OLYMPUS = (b"IIRO", b"IIRS", b"MMOR")
PANASONIC = b"IIU\0"
MINOLTA = b"\0MRM"
SIGMA = b"FOVb"


def matches(head: bytes) -> bool:
    """CR3, RAF, ORF, RW2, MRW or X3F."""
    return head[4:12] == CANON or head.startswith((FUJIFILM, *OLYMPUS, PANASONIC, MINOLTA, SIGMA))

"""How a PNG file is known by its first bytes (W3C PNG, third edition, 5.2)."""

from __future__ import annotations

__all__ = ["SIGNATURE", "matches", "signature_offset"]

SIGNATURE = b"\x89PNG\r\n\x1a\n"  # 5.2
PREFIXES = (b"", b"\xef\xbb\xbf", b"\xff\xfe", b"\xfe\xff", b"\n", b"\r\n", b"\r")  # marks and line ends of texts


def signature_offset(head: bytes) -> int | None:
    """Where the signature stands: at the start, or behind what a text editor puts before a text; None: nowhere."""
    return next((len(prefix) for prefix in PREFIXES if head.startswith(prefix + SIGNATURE)), None)


def matches(head: bytes) -> bool:
    """Whether ``head`` starts a PNG file (5.2), be it behind a byte order mark or a line end."""
    return signature_offset(head) is not None

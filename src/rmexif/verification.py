"""The gate: the clean rewrite of a file, and the proof that nothing outside the allow-list is left in it.

``rewrite`` cleans without touching a pixel; ``verify_clean`` is what every output of strip and scrub passes. The
allow-list is the roles in ``types.CLEAN``; and a clean file is one that a rewrite leaves as it is, which needs no list.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from rmexif.containers.common.memory import holds_at
from rmexif.errors import InputError, VerificationError
from rmexif.inspection import findings, open_container
from rmexif.native.buffers import join
from rmexif.types import CLEAN, Category, Finding

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.types import Container, Limits

__all__ = ["find_leftovers", "rewrite", "verify_clean"]


def rewrite(view: memoryview, limits: Limits) -> tuple[bytes, Container[Any], Container[Any]]:
    """The clean rewrite of a file, proven: nothing gets out that verify() would complain about.

    Returns:
        The clean file, what was parsed, and what the clean file is.

    Raises:
        InputError: the file cannot be parsed.
        VerificationError: the rewrite did not pass its own check.
    """
    row, container = open_container(view, limits)
    pieces = row.rewrite(view, container)
    data = join(pieces)
    if all(part.role in CLEAN for part in container.parts) and _same(pieces, view):
        return data, container, container  # a fixed point already: parsing the same bytes again would prove nothing new
    return data, container, verify_clean(data, limits, container)


def verify_clean(data: bytes, limits: Limits, earlier: Container[Any] | None = None) -> Container[Any]:
    """Let nothing out that verify() would complain about.

    Args:
        data: what is to leave.
        limits: what it may cost.
        earlier: what the file was that ``data`` is the rewrite of; it may spare work, and changes no answer.

    Raises:
        VerificationError: the output still carries something, or cannot be read back.
    """
    try:
        container, left = find_leftovers(memoryview(data), limits, earlier)
    except InputError as error:
        raise VerificationError(f"the output cannot be read back: {error}") from error
    if left:
        raise VerificationError(f"the output still carries {len(left)} parts, the first is {left[0].where}")
    return container


def find_leftovers(
    view: memoryview, limits: Limits, earlier: Container[Any] | None = None
) -> tuple[Container[Any], tuple[Finding, ...]]:
    """What a file still carries: parts outside the allow-list, or bytes that a clean rewrite would not have.

    The second test needs no list at all: a clean file is one that a rewrite leaves as it is.
    """
    row, container = open_container(view, limits, earlier)
    found = findings(view, container, limits)
    if not found:
        again = row.rewrite(view, container)
        if not _same(again, view):
            found = (Finding(container.format, Category.UNKNOWN, abs(len(view) - sum(map(len, again)))),)
    return container, found


def _same(pieces: Sequence[bytes | memoryview], view: memoryview) -> bool:
    """Whether the pieces make up ``view``; whether they are views of it or not."""
    if sum(map(len, pieces)) != len(view):
        return False
    at = 0
    for piece in pieces:
        if not holds_at(view, piece, at):
            return False
        at += len(piece)
    return True

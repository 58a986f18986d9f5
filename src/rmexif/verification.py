"""The gate: the clean rewrite of a file, and the proof that nothing outside the allow-list is left in it.

``rewrite`` cleans without touching a pixel; ``verify_clean`` is what every output of strip and scrub passes. The
allow-list is the roles in ``types.CLEAN``; and a clean file is one that a rewrite leaves as it is, which needs no list.
``find_identifying`` asks less, of files that others wrote: what a parser has checked to be a common encoder's form
(``Role.ENCODING``) may differ, everything else must stand in the rewrite to the byte.
"""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING, Any

from rmexif.containers.common.memory import as_bytes, common_length, holds_at
from rmexif.errors import InputError, UnsupportedFeature, VerificationError
from rmexif.inspection import findings, open_container
from rmexif.native.buffers import join
from rmexif.types import CLEAN, HARMLESS, Category, Finding, Role

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rmexif.containers import FormatRow
    from rmexif.types import Container, Limits, Part

__all__ = ["find_identifying", "find_leftovers", "rewrite", "rewrite_parsed", "verify_clean"]

LEAST_SEARCHED = 8  # byte
LEAST_PIECE = 64  # byte of coded data
SHORT_PIECES = (32, 16, LEAST_SEARCHED)  # byte: of strips that end sooner
MOST_SHORT_PIECES = 100_000  # bounds the time
NEAR = 16  # byte: where the next strip starts at the latest, behind what aligns it
MOST_RESTARTS = 64  # searches from the start again, of pieces in another order: bounds the time
MOST_MISSES = 1000  # searches that find nothing: bounds the time


def rewrite(view: memoryview, limits: Limits) -> tuple[bytes, Container[Any], Container[Any]]:
    """The clean rewrite of a file, proven: nothing gets out that verify() would complain about.

    Returns:
        The clean file, what was parsed, and what the clean file is.

    Raises:
        InputError: the file cannot be parsed.
        VerificationError: the rewrite did not pass its own check.
    """
    row, container = open_container(view, limits)
    data, clean = rewrite_parsed(view, limits, row, container)
    return data, container, clean


def rewrite_parsed(
    view: memoryview, limits: Limits, row: FormatRow[Any], container: Container[Any]
) -> tuple[bytes, Container[Any]]:
    """As ``rewrite``, of a file that was parsed: the clean file, and what it is."""
    pieces = row.rewrite(view, container)
    if all(part.role in HARMLESS for part in container.parts) and _same(pieces, view):
        return as_bytes(view), container  # a fixed point already: parsing the same bytes again would prove nothing new
    data = join(pieces)
    return data, verify_clean(data, limits, container)


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
            surplus = abs(len(view) - sum(map(len, again)))
            found = findings(view, container, limits, accepted=CLEAN) or (
                Finding(container.format, Category.UNKNOWN, surplus),
            )
    return container, found


def find_identifying(
    view: memoryview, limits: Limits, row: FormatRow[Any], container: Container[Any], *, values: bool = False
) -> tuple[Finding, ...]:
    """What a file carries that could identify somebody, or that nothing accounts for.

    Every other part is looked for in the rewrite, wherever it stands there: the order of chunks is no finding.

    Args:
        view: the file.
        limits: what it may cost.
        row: of its format.
        container: what was parsed of it.
        values: whether findings carry what they say.
    """
    found = findings(view, container, limits, values)
    if found:
        return found
    try:
        pieces = row.rewrite(view, container)
        if _same(pieces, view):
            return ()
        data = memoryview(b"".join(pieces))
        parse_again = row.load().parse_again
        rewritten = parse_again(data, limits, container) if parse_again else row.parse(data, limits)
    except UnsupportedFeature as error:  # what cannot be rewritten is not known to be clean
        return (Finding(error.structure or container.format, Category.UNKNOWN, len(view)),)
    exact = frozenset(bytes(data[part.offset : part.end]) for part in rewritten.parts if part.role in CLEAN)
    search = _Search(bytes(data), [part.offset for part in rewritten.parts if part.role is Role.PIXELS])

    def is_known(part: Part) -> bool:
        """Whether the part stands in the rewrite; a short one as one of its parts: few bytes stand anywhere."""
        content = bytes(view[part.offset : part.end])
        if part.role is Role.PIXELS:
            return search.has_pieces(content)
        return content in exact or (part.length >= LEAST_SEARCHED and search.has(content))

    unknown = [
        Finding(part.label, Category.UNKNOWN, part.length)
        for part in container.parts
        if part.role in CLEAN and not is_known(part)
    ]
    surplus = _structure_size(container) - _structure_size(rewritten)
    if not unknown and surplus > 0:  # what stands once there may be repeated here, in an order that says something
        unknown.append(Finding(f"{container.format}/repeated structure", Category.UNKNOWN, surplus))
    return tuple(unknown)


def _structure_size(container: Container[Any]) -> int:
    """Bytes of what is clean, but for coded data, which encoders split as they like."""
    return sum(part.length for part in container.parts if part.role in CLEAN and part.role is not Role.PIXELS)


class _Search:
    """Looks for the parts of one file in its rewrite, in a time that is bounded for all of them together."""

    def __init__(self, complete: bytes, starts: Sequence[int]) -> None:
        self.complete, self.view = complete, memoryview(complete)
        self.starts = starts  # of coded data, in order
        self.position = 0  # behind the last piece of coded data that was found
        self.restarts = self.misses = self.short_pieces = 0

    def has(self, content: bytes) -> bool:
        """Whether it stands in the rewrite; not looked for any more once much was missed."""
        found = self.misses < MOST_MISSES and content in self.complete
        self.misses += not found
        return found

    def has_pieces(self, content: bytes) -> bool:
        """Whether coded data stands in the rewrite, in one piece or in several that something else lies between.

        Few pieces stand before the one that they follow in the file: their order could say something.
        """
        at = 0
        while at < len(content):
            head = content[at : at + LEAST_PIECE]
            place = self._near(head)
            if place < 0:
                place = self.complete.find(head, self.position) if self.restarts <= MOST_RESTARTS else -1
            if place < 0:
                self.restarts += 1
                place = self.complete.find(head) if self.restarts <= MOST_RESTARTS else -1
            if place < 0:
                return False
            length = common_length(memoryview(content)[at:], self.view[place:])
            self.short_pieces += length < LEAST_PIECE
            if self.short_pieces > MOST_SHORT_PIECES:
                return False
            at, self.position = at + length, place + length
        return True

    def _near(self, head: bytes) -> int:
        """Where the next piece starts behind the last one; a short one is looked for nowhere else."""
        following = bisect_left(self.starts, self.position)
        for size in (LEAST_PIECE, *SHORT_PIECES):
            for start in (self.position, *self.starts[following : following + 1]):
                place = self.complete.find(head[:size], start, start + NEAR + size)
                if place >= 0:
                    return place
        return -1


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

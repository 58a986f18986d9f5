"""Bytes behind the last code of JPEG XL sections, AV1 tiles and HEVC slices, found by decoding.

Coded data is shortened until the picture changes; what was not needed is the tail. An honest unit costs two decodes:
of the picture as it is, and of the one that is cut by more than an encoder leaves. Where a unit holds several streams
of which only the last can be cut, a decoder that refuses bytes behind any of them is asked. Decoders are loaded only
here.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from rmexif import containers, verification
from rmexif.errors import InputError, VerificationError
from rmexif.residuals import Residual
from rmexif.types import Category, Finding

if TYPE_CHECKING:
    from rmexif.containers.common.coded_units import CodedUnit, CodedUnits
    from rmexif.types import Container, Limits

__all__ = ["Shortened", "find_tails", "shorten"]

BUDGET = 1 << 29  # px that are decoded for one file: about half a minute of one core with the slowest of the decoders
LEAST_COST = 1 << 16  # px: what starting a decoder costs, in the same measure
PATTERNS = (b"\xff", b"\x5a\xc3\x17\xe9\x2d")  # unlike each other, and none needs emulation prevention (H.265 7.4.2)
FOREIGN = b"\xff" * 64  # what no conforming tile has behind its end
FULL_TRIALS = 48  # decodes that are allowed however large the picture is: the search for the end of one unit


@dataclass(frozen=True, slots=True)
class Shortened:
    """A clean file without tails."""

    data: bytes
    container: Container[Any]  # what it is; its residuals say what was proven
    findings: tuple[Finding, ...]


def shorten(data: bytes, container: Container[Any], limits: Limits) -> Shortened:
    """Cut every unit of coded data behind the last byte that its picture needs.

    Args:
        data: a clean file.
        container: what it is.
        limits: what one image may cost.

    Raises:
        InputError: there is a tail, and the shortened file cannot be decoded.
        VerificationError: the shortened file shows another picture, or did not pass its check.
    """
    coded_units = containers.by_name(container.format).load().coded_units
    if coded_units is None:
        return Shortened(data, container, ())
    coded = coded_units(container)
    search = _Search(coded, limits)
    cuts = search.cuts()
    findings = tuple(Finding(f"{coded.units[at].where}/coded tail", Category.UNKNOWN, cut) for at, cut in cuts.items())
    if cuts:
        before, data = data, coded.without(cuts)
        if not search.is_shown_alike(before, data, cuts):
            raise VerificationError("the file without its coded tails shows another picture")
        container = verification.verify_clean(data, limits)
        if search.unbounded:  # with their tails gone, more may be proven
            search.count_again(coded_units(container))
    return Shortened(data, search.described(container), findings)


def find_tails(data: bytes, container: Container[Any], limits: Limits) -> tuple[Finding, ...]:
    """The tails that ``shorten`` would cut off a clean file."""
    return shorten(data, container, limits).findings


class _Search:
    """The end of each unit, the longest first: a tail makes a unit long."""

    def __init__(self, coded: CodedUnits, limits: Limits) -> None:
        self._coded = coded
        self._limits = limits
        self._originals: dict[int, bytes | None] = {}  # digest of each picture as it is; None: it cannot be decoded
        self._exact: dict[int, bool] = {}  # of each picture: no stream of it has bytes behind its end
        self._spent = 0  # px
        self._trials = 0
        self.bounded = 0  # byte
        self.unbounded = 0  # byte

    def cuts(self) -> dict[int, int]:
        """Bytes to cut off, by unit."""
        found: dict[int, int] = {}
        units = self._coded.units
        for at in sorted(range(len(units)), key=lambda at: (-len(units[at].data), at)):
            unit = units[at]
            if self._is_exact(at):
                kept = self._count_exact(unit)
            else:
                needed = self._needed(at) if unit.is_visible else None
                kept = len(unit.data) if needed is None else unit.kept_of(needed)
                if needed is None or not unit.is_single:
                    self.unbounded += kept
                else:
                    self.bounded += min(kept, max(unit.slack, kept - needed))  # zeros may be many
            if kept < len(unit.data):
                found[at] = len(unit.data) - kept
        return dict(sorted(found.items()))

    def is_shown_alike(self, before: bytes, after: bytes, cuts: dict[int, int]) -> bool:
        """Whether the shortened file shows what the file showed; of one that no decoder shows, each picture of it."""
        try:
            shown = _digest(before, self._limits)
        except InputError:  # a track of HEVC
            return all(self._picture(at, cut) == self._original(at) for at, cut in cuts.items())
        return _digest(after, self._limits) == shown

    def count_again(self, coded: CodedUnits) -> None:
        """Count once more what is proven of the shortened file: its units, each as long as it stays."""
        if len(coded.units) != len(self._coded.units):
            return
        self._coded = coded
        self._exact.clear()
        self._originals.clear()
        for at, unit in enumerate(coded.units):
            if not unit.is_single and self._is_exact(at):
                self.unbounded -= len(unit.data)
                self._count_exact(unit)

    def described(self, container: Container[Any]) -> Container[Any]:
        """The container of the shortened file with its residuals as they are known after ``cuts``."""
        codes = {*container.residuals} - {self._coded.unbounded}
        sizes = dict(container.residual_bytes)
        for code, size in ((Residual.CODED_TAIL, self.bounded), (self._coded.unbounded, self.unbounded)):
            if size:
                codes.add(code)
                sizes[code] = size
        return replace(container, residuals=tuple(sorted(codes)), residual_bytes=sizes)

    def _needed(self, at: int) -> int | None:
        """Bytes of a unit that its picture needs, or all where fewer than the honest slack can go; None: not known."""
        unit = self._coded.units[at]
        length, cut = len(unit.data), unit.slack + 1
        if length <= cut:
            return length
        if self._original(at) is None:
            return None
        if self._is_exhausted():
            return None
        if not self._is_same(at, cut):
            return length
        most = length  # a cut that is too long; a unit keeps a byte
        while most - cut > 1:
            if self._is_exhausted():
                return None
            middle = (cut + most) // 2
            if self._is_same(at, middle):
                cut = middle
            else:
                most = middle
        return length - cut

    def _is_exact(self, at: int) -> bool:
        """Whether a unit of several streams is proven to have no bytes behind any of them.

        That is so where a decoder takes its picture as it is, and refuses it with bytes behind the last stream.
        """
        unit = self._coded.units[at]
        if unit.is_single or unit.margin or not unit.is_visible or not self._coded.is_av1:
            return False
        if unit.picture not in self._exact:
            is_known = not self._is_exhausted() and self._original(at) is not None
            self._exact[unit.picture] = is_known and self._is_taken(at, b"") and not self._is_taken(at, FOREIGN)
        return self._exact[unit.picture]

    def _is_taken(self, at: int, filler: bytes) -> bool:
        """Whether the strict decoder shows the picture of a unit with ``filler`` behind it."""
        from rmexif.codecs import libaom

        data = self._coded.trial(at, 0, filler)
        self._trials += 1
        try:
            container = containers.sniff(memoryview(data)).parse(memoryview(data), self._limits)
        except InputError:
            return False
        self._spent += max(LEAST_COST, container.width * container.height * container.frames)
        return libaom.decodes(data, container.frames)

    def _count_exact(self, unit: CodedUnit) -> int:
        """Bytes of such a unit that stay: zeros behind the last stream are padding, which the decoder lets pass."""
        kept = max(1, len(bytes(unit.data).rstrip(b"\0")))
        self.bounded += min(kept, unit.slack * unit.streams)
        return kept

    def _is_exhausted(self) -> bool:
        return self._spent > BUDGET and self._trials > FULL_TRIALS

    def _original(self, at: int) -> bytes | None:
        """Digest of the unit's picture as it is."""
        picture = self._coded.units[at].picture
        if picture not in self._originals:
            self._originals[picture] = self._picture(at, 0)
        return self._originals[picture]

    def _is_same(self, at: int, cut: int) -> bool:
        """Whether a unit's picture is the same without its last ``cut`` bytes, and whatever stands in their place.

        Where a decoder takes zeros for what is missing, the first alone would take codes of a flat area for a tail.
        """
        fillers = (b"", *((pattern * cut)[:cut] for pattern in PATTERNS))
        return all(self._picture(at, cut, filler) == self._original(at) for filler in fillers)

    def _picture(self, at: int, cut: int, filler: bytes = b"") -> bytes | None:
        """Digest of a unit's picture with ``filler`` instead of its last ``cut`` bytes; None: no decoder shows it."""
        data = self._coded.trial(at, cut, filler)
        self._trials += 1
        try:
            row = containers.sniff(memoryview(data))
            container = row.parse(memoryview(data), self._limits)
            self._spent += max(LEAST_COST, container.width * container.height * container.frames)
            return _digest(data, self._limits, container)
        except InputError:
            return None


def _digest(data: bytes, limits: Limits, container: Container[Any] | None = None) -> bytes:
    """Digest of all decoded pixels of a file."""
    from rmexif import codecs

    if container is None:
        container = containers.sniff(memoryview(data)).parse(memoryview(data), limits)
    digest = hashlib.blake2b()
    for frame in codecs.decode(data, container).frames:
        digest.update(repr((frame.pixels.shape, frame.pixels.dtype.str)).encode())
        digest.update(frame.pixels.tobytes())
    return digest.digest()

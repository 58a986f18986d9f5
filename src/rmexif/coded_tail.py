"""Bytes behind the last code of JPEG XL sections, AV1 tiles and HEVC slices, found by decoding.

Coded data is shortened until the picture changes; what was not needed is the tail. An honest unit costs two decodes:
of the picture as it is, and of the one that is cut by more than an encoder leaves. The decoder is loaded only here.
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
    from rmexif.containers.common.coded_units import CodedUnits
    from rmexif.types import Container, Limits

__all__ = ["Shortened", "find_tails", "shorten"]

BUDGET = 1 << 29  # px that are decoded for one file: about half a minute of one core with the slowest of the decoders
LEAST_COST = 1 << 16  # px: what starting a decoder costs, in the same measure
PATTERNS = (b"\xff", b"\x5a\xc3\x17\xe9\x2d")  # unlike each other, and none needs emulation prevention (H.265 7.4.2)
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
        InputError: there is a tail, and the file cannot be decoded.
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
        if _digest(data, limits) != _digest(before, limits):
            raise VerificationError("the file without its coded tails shows another picture")
        container = verification.verify_clean(data, limits)
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
            needed = self._needed(at) if unit.is_visible else None
            kept = len(unit.data) if needed is None else unit.kept_of(needed)
            if kept < len(unit.data):
                found[at] = len(unit.data) - kept
            if needed is None or not unit.is_single:
                self.unbounded += kept
            else:
                self.bounded += min(kept, unit.slack)
        return dict(sorted(found.items()))

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

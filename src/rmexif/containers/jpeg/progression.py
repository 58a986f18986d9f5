"""Which bits of which coefficients the scans of a JPEG have coded so far: each of them may be coded once.

What is coded twice, a decoder that keeps all coefficients merges, and another one shows as it stands first or last.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.containers.jpeg.headers import Component, FrameHeader, ScanHeader

__all__ = ["Progression"]

SMOOTHED = 10  # coefficients from which libjpeg-turbo smooths blocks as long as they are not exact (jdcoefct.c)


class Progression:
    """The state while the scans are read in file order."""

    def __init__(self, frame: FrameHeader) -> None:
        self.frame = frame
        self.is_complete = False  # the first scan of a sequential frame held all components: decoders stop behind it
        self._scans = 0
        self._low: dict[tuple[int, int], int] = {}  # component and coefficient -> lowest bit that was coded

    def add(self, header: ScanHeader) -> str | None:
        """Take over a scan, and give the problem where it does not continue what there is (T.81, G.1.1.1).

        Of a sequential or lossless frame, each component has one scan (T.81, B.2.3).
        """
        frame = self.frame
        band = range(header.start, header.stop + 1) if frame.progressive else range(1)
        places = [(component.ident, k) for component in header.components for k in band]
        before = {self._low.get(place) for place in places}
        self._low |= dict.fromkeys(places, header.low)
        self._scans += 1
        self.is_complete = not frame.progressive and self._scans == 1 and len(places) == len(frame.components)
        if not header.high or not frame.progressive:
            return (
                None
                if before == {None}
                else "it codes again what an earlier scan coded; decoders differ in what they show"
            )
        if before != {header.high} or header.low != header.high - 1:
            return f"it refines bit {header.low} of coefficients, but an earlier scan did not end at the bit above"
        return None

    @property
    def is_exact(self) -> bool:
        """Whether the scans so far hold every bit of every coefficient that the frame can have."""
        band = range(64) if self.frame.progressive else range(1)
        places = [(component.ident, k) for component in self.frame.components for k in band]
        if not self.frame.progressive:
            return all(place in self._low for place in places)
        return all(self._low.get(place) == 0 for place in places)

    def smoothed(self, component: Component) -> int:
        """Bit k: coefficient k of the zig-zag order takes part in smoothing, so its step shows though it is zero."""
        if not self.frame.progressive or all(self._low.get((component.ident, k)) == 0 for k in range(SMOOTHED)):
            return 0
        return (1 << SMOOTHED) - 1

"""Lines of a document that identify somebody: every kind of ``identifiers``, read with RapidOCR (extra: text)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rmexif.detectors.identifiers import IDENTIFIERS
from rmexif.detectors.text import Text

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from rmexif.types import Detection

__all__ = ["Documents"]


@dataclass(frozen=True, slots=True)
class Documents:
    """Finds lines with an e-mail address, a phone or card number, an IBAN, a machine-readable zone or a plate."""

    def detect(self, rgb: NDArray[np.uint8]) -> list[Detection]:
        """The lines of an H x W x 3 picture; what they say is thrown away.

        Raises:
            MissingDependency: RapidOCR is not installed.
            DetectionError: the reader failed.
        """
        return Text(tuple(IDENTIFIERS)).detect(rgb)

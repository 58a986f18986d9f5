"""The profiles of one file, each judged once: its pages or items may name one again and again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["JudgedProfiles"]


class JudgedProfiles:
    """Their clean forms. To judge one takes up to 0.3 s, whatever its length (measured).

    Args:
        limits: of the file.
    """

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._clean: dict[bytes, bytes | None] = {}

    def clean(self, profile: bytes) -> bytes | None:
        """``icc.clean`` of a profile.

        Raises:
            LimitExceeded: with it there are more different ones than allowed.
        """
        if profile not in self._clean:
            from rmexif.icc.profile import clean  # here: most files have no profile

            self._limits.check("max_profiles", len(self._clean) + 1)
            self._clean[profile] = clean(profile)
        return self._clean[profile]

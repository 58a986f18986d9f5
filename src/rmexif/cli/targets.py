"""Where the results of many files go: the source's name, or one that says nothing, with the extension of the result."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rmexif.cli import places
from rmexif.errors import RmexifError

if TYPE_CHECKING:
    from rmexif.types import Limits

__all__ = ["Targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """How results are named.

    Args:
        output: the folder or bucket; None replaces each file by its result.
        format_name: of all results; None keeps each input's.
        neutral_names: call results by random names.
        limits: what is read to see whether a result is there already.
        keep: what such a result may hold beside the picture.
    """

    output: str | None
    format_name: str | None
    neutral_names: bool
    limits: Limits
    keep: tuple[str, ...] = ()

    def of(self, entry: places.Entry, raw: bytes) -> str:
        """Where the result of a file goes."""
        from rmexif.containers import by_name, output_for

        if self.output is None:
            return entry.source
        path = PurePosixPath(entry.under)
        try:
            row = by_name(self.format_name or output_for(_name_of(raw)))
        except RmexifError:
            return places.join(self.output, str(path))  # it is going to be refused
        extensions = row.format.extensions
        if self.neutral_names:
            return places.join(self.output, secrets.token_hex(16) + extensions[0])
        fits = path.suffix.lower() in extensions
        return places.join(self.output, str(path if fits else path.with_suffix(extensions[0])))

    def is_done(self, target: str) -> bool:
        """Whether the target is there and clean; a half-made or foreign file is not."""
        from rmexif.lossless import verify

        try:
            if not places.exists(target):
                return False
            return verify(places.read(target, self.limits.max_bytes), keep=self.keep, canonical=True) == []
        except (OSError, RmexifError):
            return False


def _name_of(raw: bytes) -> str:
    """The format of a file."""
    from rmexif.containers import DecodeOnlyRow, sniff_source

    row = sniff_source(memoryview(raw))
    return row.name if isinstance(row, DecodeOnlyRow) else row.format.name

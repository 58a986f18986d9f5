"""Where the results of many files go: the source's name, or one that says nothing, with the extension of the result."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import TYPE_CHECKING

from rmexif.cli import places
from rmexif.errors import RmexifError

if TYPE_CHECKING:
    from rmexif.bulk import StripTask
    from rmexif.policy import Policy

__all__ = ["Targets"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Targets:
    """How results are named.

    Args:
        output: the folder or bucket; None replaces each file by its result.
        task: what is done to each file: its format, and what a result may hold that is there already.
        neutral_names: call results by random names.
    """

    output: str | None
    task: Policy | StripTask
    neutral_names: bool

    def of(self, entry: places.Entry, raw: bytes) -> str:
        """Where the result of a file goes."""
        from rmexif.containers import by_name

        if self.output is None:
            return entry.source
        path = PurePosixPath(entry.under)
        try:
            row = by_name(self._format_of(raw))
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
            return verify(self.read(target), keep=self.task.selection.names, canonical=True) == []
        except (OSError, RmexifError):
            return False

    def read(self, place: str, *, pipes: bool = False) -> bytes:
        """A file or, where it may be one, a pipe, within the limits of the task."""
        return places.read(place, self.task.limits.max_bytes, pipes=pipes)

    def _format_of(self, raw: bytes) -> str:
        """The name of the format that a file leaves in.

        Raises:
            InputError: it is none that can be handled.
        """
        from rmexif.bulk import StripTask
        from rmexif.containers import ANIMATED_OUTPUT, DecodeOnlyRow, output_for, sniff, sniff_source
        from rmexif.inspection import open_source

        if isinstance(self.task, StripTask):
            name: str = sniff(memoryview(raw)).format.name
            return name
        if self.task.output:
            return self.task.output
        row = sniff_source(memoryview(raw))
        name = row.name if isinstance(row, DecodeOnlyRow) else row.format.name
        has_choice = name in ANIMATED_OUTPUT and self.task.frames != "first"
        return output_for(name, open_source(memoryview(raw), self.task.limits).frames if has_choice else 1)

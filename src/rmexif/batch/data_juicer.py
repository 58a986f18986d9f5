"""Data-Juicer: an operator for its recipes, ``rmexif_mapper``, in the place of ``image_face_blur_mapper``.

>>> process = [{"rmexif_mapper": {"policy": {"recall": "max"}}}]  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from rmexif.batch.rows import OK, RowScrubber
from rmexif.errors import MissingDependency
from rmexif.io.quiet_stderr import silence_stderr
from rmexif.policy import Policy
from rmexif.workers.limits import limits_of

try:
    from data_juicer.ops.base_op import OPERATORS, Mapper
    from data_juicer.utils.constant import Fields
except ImportError as error:
    raise MissingDependency("Data-Juicer is not installed: pip install py-data-juicer") from error

__all__ = ["RmexifMapper"]

NAME = "rmexif_mapper"


@OPERATORS.register_module(NAME)
class RmexifMapper(Mapper):
    """Scrubs the images of samples in memory; a sample with one that is refused is left out.

    Images are taken from ``image_bytes``, or else read from the paths in ``images``. They are put into ``image_bytes``;
    ``images`` and the source files that Data-Juicer notes name nothing any more: an original would be found by them.

    Args:
        policy: options of ``rmexif.Policy``, as a recipe can say them.
        workers: options of ``scrub_many`` for processes: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``.
        words: of every operator of Data-Juicer.

    Raises:
        InvalidPolicy: an option is unknown or out of range.
    """

    _batched_op = True

    def __init__(
        self, policy: dict[str, Any] | None = None, workers: dict[str, Any] | None = None, **words: Any
    ) -> None:
        super().__init__(**words)
        self._scrub = RowScrubber(Policy(**(policy or {})), limits_of(**(workers or {})))

    def process_batched(self, samples: dict[str, list[Any]]) -> dict[str, list[Any]]:
        """The samples whose images have all been scrubbed."""
        count = len(next(iter(samples.values())))
        made: list[dict[str, Any]] = []
        for index in range(count):
            sample = {name: values[index] for name, values in samples.items()}
            with silence_stderr():
                rows = [self._scrub(None, raw) for raw in self._images(sample)]
            if all(row["code"] == OK for row in rows):
                neutral = [f"{number}" for number in range(len(rows))]
                images = {self.image_bytes_key: [row["bytes"] for row in rows], self.image_key: neutral}
                made.append(sample | images | {Fields.source_file: []})
        names = [*samples, *({self.image_bytes_key, self.image_key, Fields.source_file} - set(samples))]
        return {name: [sample[name] for sample in made] for name in names}

    def _images(self, sample: dict[str, Any]) -> list[bytes | None]:
        """The images of a sample; None for one that cannot be read."""
        held = sample.get(self.image_bytes_key) or ()
        paths = sample.get(self.image_key) or ()
        return [*held, *(_read(path) for path in paths[len(held) :])]


def _read(path: str) -> bytes | None:
    try:
        return Path(path).read_bytes()
    except OSError:
        return None

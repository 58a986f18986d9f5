"""Hugging Face's datasets: a callable for ``Dataset.map``, and the call that sets it up.

>>> dataset = datasets.load_dataset("parquet", data_files="in/*.parquet", split="train")  # doctest: +SKIP
>>> scrubbed(dataset, Policy()).push_to_hub(...)  # doctest: +SKIP
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, Unpack

from rmexif.batch.rows import NO_INPUT, RowScrubber
from rmexif.errors import InvalidPolicy, MissingDependency
from rmexif.io.quiet_stderr import silence_stderr
from rmexif.workers.limits import limits_of

if TYPE_CHECKING:
    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerOptions

__all__ = ["Scrub", "scrubbed"]

CODE = "code"


class Scrub:
    """Takes a batch with a column of ``{bytes, path}``, and gives that column scrubbed and a column ``code``.

    A row that fails has its code, and None for an image. Paths are not handed through: they may name a person.

    Args:
        policy: for all rows.
        column: of the images, as ``Image(decode=False)`` has them.
        files: read an image from the file that its row names, where it has no bytes; else its code is ``no_input``.
        options: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``, ``lock_memory`` of ``scrub_many``.

    Raises:
        InvalidPolicy: an option is out of range.
    """

    def __init__(
        self,
        policy: Policy | None = None,
        *,
        column: str = "image",
        files: bool = False,
        **options: Unpack[WorkerOptions],
    ) -> None:
        self._scrub = RowScrubber(policy, limits_of(**options))
        self._column, self._files = column, files

    def __call__(self, batch: Any) -> dict[str, list[Any]]:
        """Scrub a batch.

        Raises:
            SetupError: the installation or the policy is at fault, not a row.
        """
        with silence_stderr():  # what codecs print can quote the file
            rows = [self._row(value) for value in batch[self._column]]
        images = [None if row["bytes"] is None else {"bytes": row["bytes"], "path": None} for row in rows]
        return {self._column: images, CODE: [row["code"] for row in rows]}

    def _row(self, value: Any) -> dict[str, Any]:
        raw = value.get("bytes") if isinstance(value, dict) else value
        if raw is None and isinstance(value, dict) and value.get("path"):
            try:
                raw = Path(value["path"]).read_bytes() if self._files else None
            except OSError:
                raw = None
            if raw is None:
                return {"bytes": None, CODE: NO_INPUT}
        return self._scrub(None, raw)


def scrubbed(
    dataset: Any,
    policy: Policy | None = None,
    *,
    column: str = "image",
    others: Literal["drop", "pass"] = "drop",
    files: bool = False,
    rows: int = 16,
    workers: int | None = None,
    **options: Unpack[WorkerOptions],
) -> Any:
    """A Dataset (or one that is iterated, or a dict of splits) whose images are scrubbed, with a column ``code``.

    Args:
        dataset: with a column of images that has not been decoded.
        policy: for all rows.
        column: of the images.
        others: other columns: "drop", or "pass", which keeps them and does not look into them.
        files: read an image from the file that its row names, where it has no bytes.
        rows: images in one batch.
        workers: processes; None works in this one.
        options: as for ``Scrub``.

    Raises:
        InvalidPolicy: an option is out of range, or there is no such column.
        MissingDependency: datasets is not installed.
    """
    try:
        from datasets import Image
    except ImportError as error:
        raise MissingDependency("datasets is not installed: pip install datasets") from error
    if others not in ("drop", "pass"):
        raise InvalidPolicy(f"others must be one of drop, pass, got {others!r}")
    names = dataset.column_names
    names = sorted({name for split in names.values() for name in split}) if isinstance(names, dict) else names
    if column not in names:
        raise InvalidPolicy(f"column must be one of {', '.join(names)}, got {column!r}")
    dropped = [name for name in names if name != column] if others == "drop" else None
    more: dict[str, Any] = {} if workers is None else {"num_proc": workers}
    return dataset.cast_column(column, Image(decode=False)).map(
        Scrub(policy, column=column, files=files, **options),
        batched=True,
        batch_size=rows,
        remove_columns=dropped,
        **more,
    )

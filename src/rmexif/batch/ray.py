"""Ray Data: a callable class for ``Dataset.map_batches``, and the call that sets it up with one core per actor.

>>> dataset = ray.data.read_binary_files("s3://bucket/in", include_paths=True)  # doctest: +SKIP
>>> scrubbed(dataset, Policy(), actors=16).write_parquet(...)  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from rmexif.batch.rows import COLUMNS, RowScrubber
from rmexif.errors import MissingDependency
from rmexif.io.quiet_stderr import silence_stderr
from rmexif.workers.limits import limits_of

if TYPE_CHECKING:
    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerOptions

__all__ = ["Scrub", "schema", "scrubbed"]


class Scrub:
    """Takes a batch with the columns ``path`` and ``bytes``, gives a table with the columns of ``rows.COLUMNS``.

    Any other column is dropped: it may say what the picture no longer says.

    Args:
        policy: for all rows.
        options: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``, ``lock_memory`` of ``scrub_many``.

    Raises:
        InvalidPolicy: an option is out of range.
    """

    def __init__(self, policy: Policy | None = None, **options: Unpack[WorkerOptions]) -> None:
        self._scrub = RowScrubber(policy, limits_of(**options))

    def __call__(self, batch: Any) -> Any:
        """Scrub a batch, in whatever form Ray hands it over (numpy, pandas, pyarrow).

        Raises:
            SetupError: the installation or the policy is at fault, not a row.
        """
        import pyarrow as pa

        images = _values(batch["bytes"])
        names = batch.column_names if hasattr(batch, "column_names") else batch
        paths = _values(batch["path"]) if "path" in names else [None] * len(images)
        with silence_stderr():  # what codecs print can quote the file, and Ray logs it to a disk
            table = [self._scrub(path, raw) for path, raw in zip(paths, images, strict=True)]
        return pa.table({name: [row[name] for row in table] for name in COLUMNS}, schema=schema())


def scrubbed(
    dataset: Any,
    policy: Policy | None = None,
    *,
    actors: int = 1,
    gpus: float = 0,
    rows: int = 16,
    **options: Unpack[WorkerOptions],
) -> Any:
    """A Dataset scrubbed by actors that load the model once and take one core each.

    Args:
        dataset: with the columns ``path`` and ``bytes``. Whatever reads it needs a core beside the actors'.
        policy: for all rows.
        actors: how many at once.
        gpus: share of a GPU that each actor books, for a detector of your own; the built-in ones use none.
        rows: images in one batch; a worker holds one batch of originals and one of results.
        options: as for ``Scrub``.

    Raises:
        InvalidPolicy: an option is out of range.
        MissingDependency: Ray is not installed.
    """
    try:
        from ray.data import ActorPoolStrategy
    except ImportError as error:
        raise MissingDependency("Ray is not installed: pip install 'rmexif[ray]'") from error
    limits_of(**options)  # refused here, not in an actor
    return dataset.map_batches(
        Scrub,
        fn_constructor_args=(policy,),
        fn_constructor_kwargs=options,
        compute=ActorPoolStrategy(size=actors),
        num_cpus=1,
        num_gpus=gpus,
        batch_size=rows,
        batch_format="pyarrow",
    )


def schema() -> Any:
    """The Arrow schema of what comes out."""
    import pyarrow as pa

    return pa.schema(
        {
            "path": pa.string(),
            "bytes": pa.large_binary(),  # an array of pictures passes 2 GiB
            "format": pa.string(),
            "faces_detected": pa.int32(),
            "findings": pa.map_(pa.string(), pa.int32()),
            "original_hash": pa.string(),
            "new_hash": pa.string(),
            "code": pa.string(),
        }
    )


def _values(column: Any) -> list[Any]:
    for name in ("to_pylist", "tolist"):
        if hasattr(column, name):
            values: list[Any] = getattr(column, name)()
            return values
    return list(column)

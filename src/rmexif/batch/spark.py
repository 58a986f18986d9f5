"""Spark: a function for ``mapInPandas`` over ``binaryFile``, with its schema, and a ``pandas_udf`` for a bytes column.

>>> frame = spark.read.format("binaryFile").load("s3a://bucket/in")  # doctest: +SKIP
>>> frame.mapInPandas(scrubbing(Policy()), SCHEMA).write.parquet(...)  # doctest: +SKIP
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, Unpack

from rmexif.batch.rows import COLUMNS, clean
from rmexif.errors import InvalidPolicy, MissingDependency
from rmexif.workers.limits import limits_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerOptions

__all__ = ["SCHEMA", "UDF_SCHEMA", "scrub_udf", "scrubbing"]

_TYPES = {
    "path": "string",
    "bytes": "binary",
    "format": "string",
    "faces_detected": "int",
    "findings": "map<string,int>",
    "original_hash": "string",
    "new_hash": "string",
    "code": "string",
}
SCHEMA = ", ".join(f"{name} {_TYPES[name]}" for name in COLUMNS)
UDF_SCHEMA = ", ".join(f"{name} {_TYPES[name]}" for name in COLUMNS if name != "path")
AT_ONCE = 4  # rows of one answer: the results of a complete Arrow batch would be held otherwise


def scrubbing(
    policy: Policy | None = None, **options: Unpack[WorkerOptions]
) -> Callable[[Iterator[Any]], Iterator[Any]]:
    """A function for ``DataFrame.mapInPandas(..., SCHEMA)``.

    The images stand in a column ``content`` (as ``binaryFile`` calls it) or ``bytes``; ``path`` is handed through, and
    any other column is dropped: ``modificationTime`` says what the picture no longer says.

    Args:
        policy: for all rows.
        options: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``, ``lock_memory`` of ``scrub_many``.

    Raises:
        InvalidPolicy: an option is out of range.
    """
    limits = limits_of(**options)

    def scrub(frames: Iterator[Any]) -> Iterator[Any]:
        for frame in frames:
            names = [name for name in ("content", "bytes") if name in frame]
            if not names:
                raise InvalidPolicy("the frame must have a column content or bytes, and has neither")
            paths = frame["path"] if "path" in frame else [None] * len(frame)
            yield from _frames(clean(zip(paths, frame[names[0]], strict=True), policy, limits), COLUMNS)

    return scrub


def scrub_udf(policy: Policy | None = None, **options: Unpack[WorkerOptions]) -> Any:
    """A ``pandas_udf`` from a bytes column to a struct of ``UDF_SCHEMA``.

    Args:
        policy: for all rows.
        options: as for ``scrubbing``.

    Raises:
        MissingDependency: Spark is not installed.
    """
    try:
        import pandas as pd
        from pyspark.sql.functions import pandas_udf
    except ImportError as error:
        raise MissingDependency("Spark is not installed: pip install 'rmexif[spark]'") from error

    limits = limits_of(**options)

    def scrub(columns: Any) -> Any:
        names = [name for name in COLUMNS if name != "path"]
        for column in columns:
            yield from _frames(clean(((None, raw) for raw in column), policy, limits), names)

    scrub.__annotations__ = {"columns": Iterator[pd.Series], "return": Iterator[pd.DataFrame]}  # Spark goes by these
    return pandas_udf(scrub, UDF_SCHEMA)


def _frames(rows: Iterator[dict[str, Any]], names: Any) -> Iterator[Any]:
    import pandas as pd

    held: list[dict[str, Any]] = []
    for row in rows:
        held.append(row)
        if len(held) == AT_ONCE:
            yield pd.DataFrame(held, columns=list(names), dtype=object)
            held = []
    if held:
        yield pd.DataFrame(held, columns=list(names), dtype=object)

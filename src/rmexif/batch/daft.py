"""Daft: a function from a column of bytes to one of structs, for ``DataFrame.with_column``.

>>> frame = daft.read_parquet("s3://bucket/in")  # doctest: +SKIP
>>> frame.with_column("clean", scrub_udf(Policy())(daft.col("bytes")))  # doctest: +SKIP
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Unpack

from rmexif.batch.ray import schema
from rmexif.batch.rows import RowScrubber
from rmexif.errors import MissingDependency
from rmexif.workers.limits import limits_of

if TYPE_CHECKING:
    from rmexif.policy import Policy
    from rmexif.workers.limits import WorkerOptions

__all__ = ["scrub_udf"]


def scrub_udf(policy: Policy | None = None, *, workers: int | None = None, **options: Unpack[WorkerOptions]) -> Any:
    """A function of an expression: its bytes to a struct of ``rows.COLUMNS`` without the path.

    Args:
        policy: for all rows.
        workers: images at once; as many as Daft takes by default.
        options: ``pool``, ``deadline``, ``memory``, ``recycle``, ``sandbox``, ``lock_memory`` of ``scrub_many``.

    Raises:
        InvalidPolicy: an option is out of range.
        MissingDependency: Daft is not installed.
    """
    try:
        import daft
    except ImportError as error:
        raise MissingDependency("Daft is not installed: pip install daft") from error
    limits = limits_of(**options)
    fields = {field.name: daft.DataType.from_arrow_type(field.type) for field in schema() if field.name != "path"}

    @daft.cls(max_concurrency=workers)
    class Scrub:
        """One for each that works at the same time: the model is loaded once for all its rows."""

        def __init__(self) -> None:
            self._scrub = RowScrubber(policy, limits)

        @daft.method(return_dtype=daft.DataType.struct(fields))  # type: ignore[untyped-decorator]
        def row(self, raw: Any) -> dict[str, Any]:
            """The struct of one image."""
            made = self._scrub(None, raw)
            return {name: made[name] for name in fields}

    return Scrub().row

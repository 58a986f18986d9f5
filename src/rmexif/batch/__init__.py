"""Beyond one machine: the same function over rows on Ray and Spark, and a run from one store to another.

``rmexif.batch.ray`` and ``rmexif.batch.spark`` are for programs that have a Dataset or a DataFrame already; ``run()``
(``rmexif batch SRC DST``) is for those who have a bucket. A run sends names through the engine, never pictures: a
worker reads an object, scrubs it and writes the result by itself, so that no engine can spill an original to a disk.
"""

from __future__ import annotations

from rmexif.batch.flow import Shards
from rmexif.batch.run import Summary, run

__all__ = ["Shards", "Summary", "run"]

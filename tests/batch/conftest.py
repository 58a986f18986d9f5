"""What every batch test may use."""

from __future__ import annotations

import os
import secrets
import sys
from collections.abc import Iterator
from typing import Any

import pytest

from tests.batch.server import Server, serving


@pytest.fixture(scope="session")
def s3() -> Iterator[Server]:
    """One server for the tests of this process; every test takes buckets of its own."""
    pytest.importorskip("s3fs", reason="the extra rmexif[batch] is not installed")
    pytest.importorskip("moto.server", reason="moto[server] is not installed")
    with pytest.MonkeyPatch.context() as patch, serving() as server:
        for name, value in server.environment.items():
            patch.setenv(name, value)
        yield server


@pytest.fixture
def bucket() -> str:
    """A name that no other test has."""
    return f"bucket-{secrets.token_hex(6)}"


STORE = 150 << 20  # byte of Ray's objects on each node


@pytest.fixture(scope="session")
def cluster(s3: Server) -> Iterator[Any]:
    """Ray of two nodes of two cores each, as it sees them, which inherit where the S3 server is."""
    import ray
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        patch.setenv("PYTHONPATH", os.pathsep.join(path for path in sys.path if path))
        # Ray books what it is told, not what is there.
        node = {"num_cpus": 2, "num_gpus": 1, "object_store_memory": STORE}
        made = Cluster(initialize_head=True, head_node_args=node | {"include_dashboard": False})
        made.add_node(**node)
        ray.init(address=made.address, log_to_driver=False, logging_level="error")
        yield made
        ray.shutdown()
        made.shutdown()


@pytest.fixture(scope="session")
def spark(s3: Server) -> Iterator[Any]:
    """A session of Spark in local[2,4]: two cores, up to four tries of a task; it knows where the S3 server is."""
    from pyspark.sql import SparkSession

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("PYTHONPATH", os.pathsep.join(sys.path))
        builder = SparkSession.builder.master("local[2,4]").appName("rmexif").config("spark.ui.enabled", "false")
        builder = builder.config("spark.driver.bindAddress", "127.0.0.1").config("spark.driver.host", "127.0.0.1")
        session = builder.config("spark.driver.memory", "512m").getOrCreate()
        session.sparkContext.setLogLevel("OFF")
        yield session
        session.stop()

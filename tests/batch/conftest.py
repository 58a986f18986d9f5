"""What every batch test may use."""

from __future__ import annotations

import secrets
from collections.abc import Iterator

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

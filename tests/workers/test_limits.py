"""What a worker may cost: one value, checked when it is made, and what a service's settings make of it."""

from __future__ import annotations

import sys

import pytest

from rmexif import InvalidPolicy
from rmexif.workers.limits import WorkerLimits, limits_of


@pytest.mark.parametrize("name", ["deadline", "memory", "recycle"])
@pytest.mark.parametrize("number", [0, -1])
def test_numbers_out_of_range(name: str, number: int) -> None:
    """Named, with what was given."""
    with pytest.raises(InvalidPolicy, match=f"{name} must be more than 0, got {number}"):
        WorkerLimits(**{name: number})  # type: ignore[arg-type]


def test_threads_have_none() -> None:
    """A limit that a thread cannot keep is refused, not ignored."""
    assert limits_of() is None
    assert limits_of("thread", sandbox="auto") is None
    assert limits_of("process", deadline=2.0) == WorkerLimits(deadline=2.0, sandbox="auto")
    with pytest.raises(InvalidPolicy, match="deadline, sandbox must be left out"):
        limits_of("thread", deadline=2.0, sandbox=True)
    with pytest.raises(InvalidPolicy, match="pool must be one of thread, process, got 'fibre'"):
        limits_of("fibre")
    with pytest.raises(TypeError, match="wrokers"):
        limits_of("process", wrokers=2)


@pytest.mark.skipif(sys.platform != "linux", reason="limits of memory are Linux's")
def test_a_service_has_the_same_limits() -> None:
    """RMEXIF_SANDBOX, and the name that it had before."""
    workers = pytest.importorskip("rmexif.service.workers", reason="the extra rmexif[serve] is not installed")
    from rmexif.service.settings import Settings

    default = workers.worker_limits(Settings())
    other = workers.worker_limits(
        Settings.from_environment({"RMEXIF_WORKER_MEMORY": "0", "RMEXIF_WORKER_IMAGES": "0", "RMEXIF_SANDBOX": "0"})
    )

    assert default == WorkerLimits(deadline=30.0, memory=3 << 30, recycle=500, sandbox=True)
    assert other == WorkerLimits(deadline=30.0, sandbox=False)
    assert Settings.from_environment({"RMEXIF_FENCE": "0"}).sandbox is False
    assert Settings.from_environment({"RMEXIF_FENCE": "0", "RMEXIF_SANDBOX": "1"}).sandbox is True

"""Many images in threads: order, bounds, errors as values."""

from __future__ import annotations

import itertools
from collections.abc import Iterator

import pytest

from rmexif import InvalidPolicy, Policy, RmexifError, scrub_many, strip_many, verify
from rmexif.bulk import StripTask
from tests import samples

PLAIN = Policy(faces=False)


def small(count: int) -> list[bytes]:
    """Different small pictures."""
    return [samples.saved(samples.picture(48 + i), "PNG") for i in range(count)]


@pytest.mark.parametrize("workers", [1, 3])
def test_results_come_in_input_order(workers: int) -> None:
    """One outcome per item, whichever was ready first; bad ones among them."""
    raws = [samples.saved(samples.picture(600, 400), "PNG"), b"no image", *small(6), b""]

    out = list(scrub_many(raws, PLAIN, workers=workers))

    assert [o.index for o in out] == list(range(len(raws)))
    assert [o.ok for o in out] == [bool(raw) and raw != b"no image" for raw in raws]
    assert all((o.data is None) == (o.report is None) == (o.error is not None) for o in out)
    assert all(isinstance(o.error, RmexifError) for o in out if not o.ok)
    assert all(o.report.stats["width"] == 47 + i for i, o in enumerate(out[2:8], 1) if o.report)


def test_unordered_results_are_complete() -> None:
    """Every index once."""
    out = list(scrub_many(small(7), PLAIN, workers=2, ordered=False))

    assert sorted(o.index for o in out) == list(range(7))


@pytest.mark.parametrize("in_flight", [1, 3])
def test_the_input_is_read_no_faster_than_results_are_taken(in_flight: int) -> None:
    """At most so many items are held at once."""
    taken = 0

    def items() -> Iterator[bytes]:
        nonlocal taken
        for raw in itertools.cycle(small(2)):
            taken += 1
            yield raw

    run = strip_many(items(), workers=2, in_flight=in_flight)
    for handed in range(1, 6):
        next(run)
        assert taken <= handed + in_flight
    run.close()  # type: ignore[attr-defined]


def test_an_input_that_fails_ends_the_run() -> None:
    """The caller's own error comes through, and no thread stays."""

    def items() -> Iterator[bytes]:
        yield from small(2)
        raise ConnectionError("gone")

    with pytest.raises(ConnectionError):
        list(strip_many(items(), workers=2))


@pytest.mark.parametrize("numbers", [{"workers": 0}, {"in_flight": 0}, {"pool": "fibre"}])
def test_numbers_that_cannot_be_meant(numbers: dict) -> None:
    """Refused at once, before anything is read."""
    with pytest.raises(InvalidPolicy):
        scrub_many(iter(int, 1), **numbers)


def test_opencv_gets_its_threads_back() -> None:
    """While many pictures run side by side each takes one thread; afterwards it is as it was."""
    import cv2

    before = cv2.getNumThreads()
    run = scrub_many(small(3), PLAIN, workers=2)
    next(run)
    during = cv2.getNumThreads()
    run.close()  # type: ignore[attr-defined]

    assert (during, cv2.getNumThreads()) == (1, before)


def test_outcomes_are_clean() -> None:
    """The law holds for many as for one."""
    raws = [next(iter(samples.of(name).values())) for name in samples.MAKERS]

    for o in scrub_many(raws, PLAIN, workers=2):
        assert o.data is not None
        assert verify(o.data, canonical=True) == []
        assert samples.CANARY not in o.data


def test_two_strips_that_keep_something_else_are_not_the_same() -> None:
    """A second run does what another ``keep`` or ``set`` asks for."""
    tasks = [StripTask(), StripTask(keep=("copyright",)), StripTask(keep=("date",)), StripTask(set=("creator=Doe",))]
    assert len({task.fingerprint() for task in tasks}) == len(tasks)
    assert StripTask().fingerprint() == StripTask(keep=(), set=()).fingerprint()

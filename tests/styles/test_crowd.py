"""What a crowd costs: redaction beside the search, in one process."""

from __future__ import annotations

import pytest
from benchmarks.crowd.run import crowd, measure


@pytest.mark.slow
def test_a_crowd_costs_no_more_to_redact_than_to_find() -> None:
    """Hundreds of faces; twice the search at the most, so that a busy machine does not decide (it is 1.1 on a free one)."""
    faces, find, redact = measure(crowd(), rounds=3)

    assert faces > 300
    assert redact < 2 * find

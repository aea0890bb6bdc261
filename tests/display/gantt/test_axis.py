"""The time axis of a Gantt chart."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.display.gantt.axis import ticks


@pytest.mark.parametrize(
    ("end", "labels"),
    [
        (0.0, ["0 s"]),
        (-1.0, ["0 s"]),
        (math.inf, ["0 s"]),
        (math.nan, ["0 s"]),
        (0.0004, ["0 ms", "0.1 ms", "0.2 ms", "0.3 ms", "0.4 ms"]),
        (0.012, ["0 ms", "5 ms", "10 ms"]),
        (0.5, ["0 s", "0.2 s", "0.4 s"]),
        (1.0, ["0 s", "0.5 s", "1 s"]),
        (59.0, ["0 s", "20 s", "40 s"]),
        (90.0, ["0 min", "0.5 min", "1 min", "1.5 min"]),
        (1500.0, ["0 min", "10 min", "20 min"]),
        (7200.0, ["0 h", "0.5 h", "1 h", "1.5 h", "2 h"]),
        (100000.0, ["0 h", "12 h", "24 h"]),
        (36e6, ["0 h", "5,000 h", "10,000 h"]),
    ],
)
def test_ticks_are_round_and_in_one_unit(end, labels):
    assert [label for _, label in ticks(end, 4)] == labels


@given(st.floats(1e-9, 1e12), st.integers(2, 20))
def test_ticks_are_few_begin_at_zero_and_none_is_beyond_the_end(end, most):
    found = list(ticks(end, most))
    assert 1 <= len(found) <= most + 1
    assert found[0][0] == 0.0
    assert all(at <= end * (1 + 1e-9) for at, _ in found)
    assert len({label for _, label in found}) == len(found)
    assert len({label.split()[1] for _, label in found}) == 1

"""What circuits look like: one row each, every name harmless, columns also where there is nothing."""

from __future__ import annotations

import pytest

from orchestra_nb.config import BreakerPolicy
from orchestra_nb.recovery.breakers import Breakers


def used():
    circuits = Breakers(BreakerPolicy(threshold=1, rest=90.0), clock=lambda: 5.0)
    circuits.call("api", lambda: 1)
    with pytest.raises(KeyError):
        circuits.call("<b>db</b>", lambda: {}["<i>gone</i>"])
    return circuits


def test_the_frame_has_one_row_for_each_circuit():
    frame = used().frame.set_index("circuit")
    assert list(frame.index) == ["<b>db</b>", "api"]
    assert frame.loc["<b>db</b>", ["state", "retry_after", "failed", "opened"]].tolist() == ["open", 90.0, 1, 1]
    assert frame.loc["api", ["state", "retry_after", "succeeded"]].tolist() == ["closed", 0.0, 1]


def test_no_circuits_have_the_same_columns():
    empty, full = Breakers().frame, used().statistics().frame
    assert len(empty) == 0
    assert list(empty.columns) == list(full.columns)
    assert list(empty.dtypes) == list(full.dtypes)


def test_the_bundle_says_which_are_open_and_escapes_names_and_failures():
    bundle = used()._repr_mimebundle_()
    assert bundle["text/plain"].splitlines()[0] == "2 circuits, 1 not closed"
    assert "open for 1 min 30 s more" in bundle["text/plain"]
    assert "<b>" not in bundle["text/html"]
    assert "<i>" not in bundle["text/html"]
    assert "&lt;b&gt;db&lt;/b&gt;" in bundle["text/html"]

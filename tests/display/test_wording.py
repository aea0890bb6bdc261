from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.display.wording import clean, count, duration, short


@given(st.text())
def test_clean_text_is_one_line_without_control_characters(text):
    shown = clean(text)
    assert len(shown.splitlines()) <= 1
    assert not any(ord(c) < 32 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in shown)
    assert clean(shown) == shown


@given(st.text(), st.integers(1, 20))
def test_short_text_is_no_longer_than_asked(text, most):
    assert len(short(text, most)) <= most


@pytest.mark.parametrize(
    ("text", "said"),
    [("x" * 10**6, "xxxx…"), ("\n" * 10 + "x" * 10**6, " xxx…"), ("ab" + "\n" * 10**6 + "c", "ab …")],
    ids=["one word", "blank at first", "blank"],
)
def test_of_a_very_long_text_only_the_beginning_is_looked_at(text, said, monkeypatch):
    looked = []
    monkeypatch.setattr("orchestra_nb.wording.clean", lambda text: looked.append(len(text)) or clean(text))
    assert short(text, 5) == said
    assert max(looked) < 5_000


def test_a_name_cannot_turn_the_reading_direction():
    assert clean("safe\u202egpj.exe") == "safe\ufffdgpj.exe"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [
        (-1, "0 s"),
        (0.0001, "< 1 ms"),
        (0.9994, "999 ms"),
        (0.9996, "1.0 s"),
        (59.94, "59.9 s"),
        (59.96, "1 min 00 s"),
        (3661, "61 min 01 s"),
        (float("nan"), "?"),
        (float("inf"), "?"),
    ],
)
def test_durations_at_their_borders(seconds, said):
    assert duration(seconds) == said


def test_counts():
    assert (count(0, "node"), count(1, "level"), count(1234, "edge")) == ("0 nodes", "1 level", "1,234 edges")

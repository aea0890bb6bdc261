"""Each kind of column is the same on every pandas, with rows and without, and no value is lost or breaks it."""

from __future__ import annotations

import pandas as pd
import pytest

from orchestra_nb.display.columns import Column, category, count, epoch_of, flag, framed, moment, number, seconds, text
from orchestra_nb.display.wording import clean

COLUMNS = {
    "text": text("t"),
    "word": category("w", ("low", "high"), ordered=True),
    "took": seconds("s"),
    "share": number("n"),
    "many": count("c"),
    "line": count("l", optional=True),
    "over": flag("f"),
    "when": moment("m"),
}
NOON = epoch_of("2026-05-01T12:00:00.250001+00:00")
FULL = [("a", "high", 1, 2, 3, 4, True, NOON), (None, None, None, None, 0, None, False, None)]


def test_an_empty_frame_has_the_dtypes_of_a_full_one():
    empty, full = framed(COLUMNS, []), framed(COLUMNS, FULL)
    assert list(empty.columns) == list(full.columns) == list(COLUMNS)
    assert list(empty.dtypes) == list(full.dtypes)
    assert [str(dtype) for dtype in full.dtypes] == [column.dtype for column in COLUMNS.values()]


def test_what_is_missing_is_missing_in_the_way_of_its_kind():
    row = framed(COLUMNS, FULL).iloc[1]
    assert row["text"] == ""
    assert row[["word", "took", "share", "line", "when"]].isna().all()


def test_a_moment_is_of_utc_and_to_the_microsecond():
    assert framed(COLUMNS, FULL)["when"][0] == pd.Timestamp("2026-05-01T12:00:00.250001", tz="UTC")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), 1e300, -1e300, None])
def test_a_time_that_no_clock_shows_is_missing(value):
    assert framed({"when": moment("m")}, [(value,)])["when"].isna().all()


@pytest.mark.parametrize("told", ["", "soon", "2026-13-45", "9999-12-31T23:59:59-23:59", "<b>"])
def test_what_is_no_time_of_the_wall_clock_is_none_or_a_time(told):
    found = epoch_of(told)
    assert found is None or found > 0


def test_words_have_an_order_and_those_nobody_knows_come_last_and_are_not_lost():
    frame = framed({"word": COLUMNS["word"]}, [("new",), ("low",), ("high",)])
    assert list(frame["word"].cat.categories) == ["low", "high", "new"]
    assert frame["word"].tolist() == ["new", "low", "high"]
    assert (frame["word"] > "low").tolist() == [True, False, True]


@pytest.mark.parametrize("odd", ["\ud800", "\0", "<img src=x onerror=alert(1)>", "a\u202eb", "\N{PILE OF POO}" * 1000])
def test_any_text_can_stand_in_a_text_as_it_is_and_cleaned_in_a_category(odd):
    frame = framed({"text": text("t"), "word": category("w", ("a",))}, [(odd, odd)])
    assert frame["text"].tolist() == [odd]
    assert frame.iloc[0].tolist() == [odd, clean(odd)]


@pytest.mark.parametrize("row", [(), ("a",), ("a", 1, 2)])
def test_a_row_of_another_length_is_refused(row):
    with pytest.raises(ValueError, match="needs 2 values, one for each of a, b"):
        framed({"a": Column("a"), "b": count("b")}, [row])

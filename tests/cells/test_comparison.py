"""What counts as a difference between two runs, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra_nb.cells.comparison import RunRecord, compare, noise, opaque_names


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def result(**data: str) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 3}


SAME = [
    ([stream("a\n"), stream("b\n")], [stream("a\nb\n")]),
    ([result(text="<Foo at 0x7f0000000001>")], [result(text="<Foo at 0x7fffffffffff>")]),
    ([{**result(text="1")}], [{**result(text="1"), "execution_count": 9}]),
    ([{"output_type": "stream", "name": "stdout", "text": ["a", "b"]}], [stream("ab")]),
    ([result(html='<div id="sk-container-id-1">')], [result(html='<div id="sk-container-id-7">')]),
    ([{"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["1"]}],
     [{"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["2"]}]),
]  # fmt: skip
OTHER = [
    ([stream("a")], [stream("b")]),
    ([stream("a")], [stream("a", "stderr")]),
    ([stream("a")], []),
    ([result(text="1")], [result(text="2")]),
    ([{"output_type": "error", "ename": "E", "evalue": "v"}], [{"output_type": "error", "ename": "E", "evalue": "w"}]),
    ([result(text="x" * 500)], [result(text="y" * 500)]),
]


@pytest.mark.parametrize(("one", "two"), SAME)
def test_incidental_differences_do_not_count(one: Any, two: Any) -> None:
    assert compare(RunRecord({}, {"cell-1": one}), RunRecord({}, {"cell-1": two})) == ()


@pytest.mark.parametrize(("one", "two"), OTHER)
def test_visible_differences_count(one: Any, two: Any) -> None:
    (found,) = compare(RunRecord({}, {"cell-1": one}), RunRecord({}, {"cell-1": two}))
    assert (found.kind, found.where) == ("output", "cell-1")
    assert len(str(found)) < 400


def test_names_that_are_missing_extra_or_other_are_told_apart() -> None:
    found = compare(RunRecord({"a": "1", "b": "2"}, {}), RunRecord({"b": "3", "c": "4"}, {}))
    assert [(d.kind, d.where) for d in found] == [("missing", "a"), ("value", "b"), ("extra", "c")]


def test_noise_is_what_two_linear_runs_do_not_share() -> None:
    assert noise(RunRecord({"t": "1", "x": "2"}, {}), RunRecord({"t": "9", "x": "2"}, {})) == {"t"}


def test_opaque_values_are_named() -> None:
    assert opaque_names(RunRecord({"lock": "opaque:1", "x": "2"}, {})) == ("lock",)

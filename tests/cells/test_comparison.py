"""What counts as a difference between two runs, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra_nb.cells.comparison import RunRecord, compare, noise, opaque_names
from orchestra_nb.cells.description import describe


def stream(text: str, name: str = "stdout") -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


def result(**data: str) -> dict[str, Any]:
    return {"output_type": "execute_result", "data": data, "metadata": {}, "execution_count": 3}


SAME = [
    ([stream("/x/ipykernel_17/1.py:1: Hot", "stderr")], [stream("/x/ipykernel_4242/1.py:1: Hot", "stderr")]),
    ([stream("a\nb\n"), stream("careful\n", "stderr")], [stream("a\n"), stream("careful\n", "stderr"), stream("b\n")]),
    ([stream("a\n"), stream("b\n")], [stream("a\nb\n")]),
    ([result(text="<Foo at 0x7f0000000001>")], [result(text="<Foo at 0x7fffffffffff>")]),
    ([{**result(text="1")}], [{**result(text="1"), "execution_count": 9}]),
    ([{"output_type": "stream", "name": "stdout", "text": ["a", "b"]}], [stream("ab")]),
    ([result(html='<div id="sk-container-id-1">')], [result(html='<div id="sk-container-id-7">')]),
    ([{"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["1"]}],
     [{"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["2"]}]),
]  # fmt: skip
OTHER = [
    ([stream("a"), result(text="1"), stream("b")], [stream("ab"), result(text="1")]),
    ([stream("a"), stream("b", "stderr")], [stream("b"), stream("a", "stderr")]),
    ([stream("a"), result(text="1")], [result(text="1"), stream("a")]),
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


PICTURE = {"output_type": "display_data", "data": {"image/png": "AA", "text/plain": "<Figure>"}, "metadata": {}}
MESSAGES = [
    ([stream("a\nb\nc\n")], [stream("a\nx\nc\n")], "cell-1: shows stdout 'x\\n' instead of 'b\\n', in line 2"),
    ([stream("a\n")], [stream("a\nb\n")], "cell-1: shows stdout 'b\\n' instead of nothing, in line 2"),
    ([stream("a")], [stream("a\n")], "cell-1: shows stdout 'a\\n' instead of 'a', in line 1"),
    ([PICTURE], [{**PICTURE, "data": {"image/png": "BB"}}], "cell-1: shows another picture (image/png)"),
    ([stream("a")], [stream("b", "stderr")], "cell-1: shows stderr: 'b' instead of stdout: 'a'"),
    ([stream("a")], [stream("a"), result(text="1")], "cell-1: has 2 outputs instead of 1"),
    ([result(**{"text/plain": "1", "text/html": "<b>1"})], [result(**{"text/plain": "2", "text/html": "<b>2"})],
     "cell-1: shows text/plain '2' instead of '1', in line 1"),
    ([{"output_type": "error", "ename": "E", "evalue": "v"}], [{"output_type": "error", "ename": "E", "evalue": "w"}],
     "cell-1: shows error 'E: w' instead of 'E: v', in line 1"),
]  # fmt: skip


@pytest.mark.parametrize(("one", "two", "message"), MESSAGES)
def test_the_message_says_what_a_reader_would_see(one: Any, two: Any, message: str) -> None:
    (found,) = compare(RunRecord({}, {"cell-1": one}), RunRecord({}, {"cell-1": two}))
    assert str(found) == message


def test_texts_come_as_a_short_diff_however_long_they_are() -> None:
    one = "".join(f"line {n}\n" for n in range(100_000))
    two = one.replace("line 70000\n", "other\n").replace("line 70003\n", "more\n")
    (found,) = compare(RunRecord({}, {"c": [stream(one)]}), RunRecord({}, {"c": [stream(two)]}))
    assert (found.linear, found.other) == ("'line 70000\\n'", "'other\\n'")
    assert found.diff[:3] == (" line 69999", "-line 70000", "+other")
    assert len(found.diff) <= 12


def test_values_say_where_they_part() -> None:
    one, two = [1, {"k": 2}], [1, {"k": 3}, 4]
    records = [RunRecord({"x": str(v)}, {}, values={"x": describe(v)}) for v in (one, two)]
    (found,) = compare(*records)
    assert str(found) == "x: at [1]['k'] is 3 instead of 2; in all 3 elements instead of 2 elements"
    assert (found.path, found.linear, found.other, found.subject) == ("[1]['k']", "2", "3", ("name", "x"))


def test_values_that_part_too_deep_to_be_described_say_so() -> None:
    deep = [RunRecord({"x": str(n)}, {}, values={"x": describe([[[[[[n]]]]]])}) for n in (1, 2)]
    assert "has another value than in the linear run, deep inside: list, 1 element" in str(compare(*deep)[0])


def test_files_are_told_by_their_paths() -> None:
    linear = RunRecord({}, {}, files={"same": "1", "other": "1", "unwritten": "1", "gone": "", "kept": "", "lost": "1"})
    other = RunRecord({}, {}, files={"same": "1", "other": "2", "gone": "", "lost": "", "new": "3", "removed": ""})
    assert [str(found) for found in compare(linear, other)] == [
        "kept: is not deleted",
        "lost: is deleted, and the linear run leaves it",
        "new: is written, and the linear run does not",
        "other: has another content than after the linear run",
        "removed: is deleted, and the linear run does not",
        "unwritten: is not written",
    ]


def test_a_failure_hides_what_it_kept_from_happening_and_not_what_came_before() -> None:
    linear = RunRecord({"x": "1"}, {"a": [stream("a")], "b": [stream("b")], "c": [stream("c")]}, files={"f": "1"})
    failed = RunRecord(
        {}, {"a": [stream("z")], "b": [], "c": []}, times={"a": (0, 1), "b": (1, 2)}, failures={"b": "fails with E: e"}
    )
    assert [(found.kind, found.where) for found in compare(linear, failed)] == [("failure", "b"), ("output", "a")]
    assert str(compare(linear, failed)[0]) == "b: fails with E: e; the linear run does not"

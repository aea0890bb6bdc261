"""What was written is read again; what is damaged costs its line, and is named."""

from __future__ import annotations

import json
import math

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.bench import Measured, Setting, Sweep, Turn, load
from orchestra_nb.bench.environment import Environment, environment_of
from orchestra_nb.bench.files import ResultsFile, read, run_of, run_to_json
from orchestra_nb.errors import ConfigError

from .timed_worlds import WHERE, sweep_of

SOME = sweep_of({Setting(1): [2.0, 2.1], Setting(2, "loky"): [1.0, math.inf]})
numbers = st.one_of(st.just(math.nan), st.floats(1e-9, 1e9))
texts = st.text(max_size=6)
hows = st.builds(Setting, st.integers(1, 99), texts, texts, texts)
turns = st.builds(Turn, st.integers(0, 999), texts, hows, st.integers(-3, 99))


def same(one, other) -> bool:
    return json.dumps(run_to_json(one)) == json.dumps(run_to_json(other))


@settings(max_examples=50)
@given(st.builds(Measured, turns, st.floats(0, 9), st.floats(0, 9), st.floats(1e-9, 9), numbers, numbers,
                 st.integers(0, 9), numbers, numbers, texts))  # fmt: skip
def test_a_run_comes_back_as_it_was(run):
    assert same(run_of(json.loads(json.dumps(run_to_json(run)))), run)


def test_sweeps_are_appended_and_come_back_in_order(tmp_path):
    path = tmp_path / "results.jsonl"
    other = Sweep("other", "x\n\u202e", SOME.runs[:1], 9, WHERE, 0.9)
    SOME.save(path)
    other.save(path)
    found = load(path)
    assert [(sweep.name, len(sweep.runs), sweep.planned, sweep.confidence) for sweep in found] == [
        ("graph", 4, 4, 0.95),
        ("x\n\u202e", 1, 9, 0.9),
    ]
    assert found[0].environment == WHERE
    assert all(same(one, two) for one, two in zip(found[0].runs, SOME.runs, strict=True))


@pytest.mark.parametrize("cut", [1, 20, 60])
def test_a_line_that_was_cut_short_is_left_out_and_the_next_sweep_is_whole(tmp_path, cut):
    path = tmp_path / "results.jsonl"
    SOME.save(path)
    path.write_bytes(path.read_bytes()[:-cut])
    Sweep("later", "later", SOME.runs, 4, WHERE).save(path)
    with pytest.warns(UserWarning, match=r"results.jsonl, line 5: this line is left out") if cut > 1 else _quiet():
        found = load(path)
    assert [len(sweep.runs) for sweep in found] == [4 if cut == 1 else 3, 4]


class _quiet:
    def __enter__(self):
        return self

    def __exit__(self, *_):
        return False


def damaged(line: bytes) -> list[bytes]:
    told = json.loads(line)
    return [
        b"\xff\xfe",
        b"[" * 5000,
        b"{}",
        b"null",
        line.replace(b'"bench": 1', b'"bench": 2'),
        json.dumps({**told, "setting": None}).encode(),
        json.dumps({**told, "seconds": -1}).encode(),
        json.dumps({**told, "seconds": "1"}).encode(),
        json.dumps({**told, "number": True}).encode(),
        json.dumps({**told, "id": "nobody"}).encode(),
        json.dumps({key: value for key, value in told.items() if key != "round"}).encode(),
    ]


def test_every_kind_of_damage_is_named_with_its_line(tmp_path):
    path = tmp_path / "results.jsonl"
    SOME.save(path)
    lines = path.read_bytes().splitlines()
    for broken in damaged(lines[2]):
        path.write_bytes(b"\n".join([*lines[:2], broken, *lines[3:]]) + b"\n")
        (sweep,), (fault,) = read(path)
        assert len(sweep.runs) == 3
        assert fault.path.endswith("results.jsonl, line 3")
        assert fault.severity == "warning"


def test_what_a_newer_version_adds_is_passed_over(tmp_path):
    path = tmp_path / "results.jsonl"
    SOME.save(path)
    lines = [json.loads(line) | {"humidity": 0.4} for line in path.read_text().splitlines()]
    lines.append({"bench": 1, "line": "weather", "id": "graph"})
    path.write_text("\n".join(map(json.dumps, lines)))
    assert [len(sweep.runs) for sweep in load(path)] == [4]


@pytest.mark.parametrize("content", [b"time;value\n1;2\n", b'{"a": 1}', b"\x00\x01", b'{"bench": 7}'])
def test_a_file_of_something_else_is_refused_and_left_alone(tmp_path, content):
    path = tmp_path / "data.csv"
    path.write_bytes(content)
    for ask in (lambda: load(path), lambda: SOME.save(path)):
        with pytest.raises(ConfigError, match=r"data.csv is no file of bench results: .*; give one"):
            ask()
    assert path.read_bytes() == content


@pytest.mark.parametrize(
    ("name", "message"), [("", "is a folder"), ("no/file", "cannot be read"), ("a\0b", "cannot be")]
)
def test_what_is_no_file_is_refused(tmp_path, name, message):
    with pytest.raises(ConfigError, match=f"(?i){message}"):
        load(tmp_path / name if name else tmp_path)


def test_an_empty_file_has_no_sweeps_and_takes_some(tmp_path):
    path = tmp_path / "empty.jsonl"
    path.touch()
    assert load(path) == ()
    SOME.save(path)
    assert len(load(path)) == 1


def test_an_environment_comes_back_as_it_was():
    full = Environment("3", "L", "cpu", 8, 2**34, {"joblib": "1.5"}, {"OMP_NUM_THREADS": "1"}, "abc+", "2026")
    assert environment_of(json.loads(json.dumps(full.to_json()))) == full


def outcome(path):
    try:
        return read(path)
    except ConfigError:
        return (), ()  # nothing is left of it


@pytest.mark.parametrize("odd", [10**400, 10**18, -1, 1.5, 1e308, "x", None, [], True])
@pytest.mark.parametrize(
    "field", ["planned", "number", "round", "nodes", "jobs", "cores", "memory", "load_before", "wall"]
)
def test_whatever_stands_for_a_number_is_shown_or_told_of(tmp_path, field, odd):
    path = tmp_path / "results.jsonl"
    SOME.save(path)
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in (lines[0], lines[0]["environment"], lines[1], lines[1]["setting"]):
        if field in line:
            line[field] = odd
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    sweeps, faults = outcome(path)
    for sweep in sweeps:
        assert len(sweep.frame) == len(sweep.runs) == len(SOME.runs) - len(faults)
        assert len(sweep.summary)


@pytest.mark.parametrize("name", [None, 5, [], b"a.jsonl", "a\0b", "x" * 5000, "/dev/zero", "."])
def test_what_can_be_no_file_of_results_is_refused_before_anything_runs(name):
    with pytest.raises(ConfigError, match=r"must be the path|cannot be|is no ordinary file|is a folder"):
        ResultsFile(name)

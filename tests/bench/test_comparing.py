"""False alarms are as rare as is said, what is slower is found, and what cannot be shown is said to be so."""

from __future__ import annotations

import math
from dataclasses import replace
from random import Random

import pytest

from orchestra_nb.bench import Setting, compare
from orchestra_nb.bench.verdicts import needed
from orchestra_nb.errors import ConfigError

from .timed_worlds import WHERE, noisy, sweep_of

FOUR = [Setting(jobs, backend) for jobs in (1, 2) for backend in ("threading", "loky")]


def measured(random: Random, factor: float, n: int, settings=FOUR, noise: float = 0.04):
    return sweep_of({setting: noisy(random, factor * 2 / setting.jobs, n, noise) for setting in settings})


def test_of_equal_sweeps_no_more_than_one_in_twenty_alarms_anywhere_in_the_table():
    random, rounds = Random(7), 400
    alarms = sum(compare(measured(random, 1.0, 6), measured(random, 1.0, 6)).differs for _ in range(rounds))
    assert alarms / rounds <= 0.05 + 2 * math.sqrt(0.05 * 0.95 / rounds)


def test_a_fifth_slower_is_found_through_usual_noise():
    random, found = Random(8), 0
    for _ in range(60):
        comparison = compare(measured(random, 1.0, 8), measured(random, 1.2, 8))
        assert comparison.rows[0].verdict == "slower"
        assert not any(row.verdict == "faster" for row in comparison.rows)
        found += sum(row.verdict == "slower" for row in comparison.rows[1:])
    assert found / (60 * 4) > 0.8


def test_what_is_said_to_be_detectable_is_found_about_four_times_in_five():
    random, one = Random(9), [Setting(2)]
    sizes, found = [], 0
    for _ in range(150):
        comparison = compare(measured(random, 1.0, 10, one), measured(random, 1.0, 10, one))
        sizes.append(comparison.rows[0].detectable)
    typical = sorted(sizes)[75]
    for _ in range(150):
        found += compare(measured(random, 1.0, 10, one), measured(random, typical, 10, one)).differs
    assert 0.65 < found / 150 < 0.95


@pytest.mark.parametrize(
    ("before", "after", "told"),
    [
        ([1.0, 1.01, 1.02, 1.03, 1.04], [0.8, 0.81, 0.82, 0.83, 0.84], "faster by 20 % (17 to 22)"),
        ([1.0, 1.01, 1.02, 1.03, 1.04], [2.0, 2.01, 2.02, 2.03, 2.04], "slower by 98 % (94 to 102)"),
        ([1.0, 1.1, 1.2, 1.3, 1.4], [1.05, 1.15, 1.25, 1.35, 1.11], "no difference that this noise could show"),
        ([1.0, 1.0], [9.0, 9.0], "so few runs (2 before, 2 after) could show no difference of any size"),
        ([1.0, 1.1], [math.inf, math.inf], "not compared: no run before or after has ended well"),
    ],
)
def test_verdicts_in_words(before, after, told):
    comparison = compare(sweep_of({Setting(2): before}), sweep_of({Setting(2): after}))
    assert str(comparison.rows[0]).startswith(told)
    assert len(comparison.rows) == 1


def test_what_this_noise_would_have_shown_is_said_beside_no_difference():
    random = Random(4)
    calm = compare(measured(random, 1, 6, FOUR[:1], 0.01), measured(random, 1, 6, FOUR[:1], 0.01))
    wild = compare(measured(random, 1, 6, FOUR[:1], 0.2), measured(random, 1, 6, FOUR[:1], 0.2))
    assert 1 < calm.rows[0].detectable < wild.rows[0].detectable


def test_where_so_many_comparisons_cannot_show_anything_it_says_how_many_repeats_would():
    random = Random(1)
    few = compare(measured(random, 1.0, 4), measured(random, 5.0, 4))
    assert {row.verdict for row in few.rows[1:]} == {"nothing could be shown"}
    assert needed(few) == "5 comparisons need 5 repeats or more, before and after, to show any difference"
    enough = compare(measured(random, 1.0, 5), measured(random, 5.0, 5))
    assert {row.verdict for row in enough.rows} == {"slower"}
    assert needed(enough) == ""


def test_how_many_comparisons_there_were_is_said():
    random = Random(2)
    comparison = compare(measured(random, 1.0, 5), measured(random, 1.0, 5))
    assert "5 comparisons: a false alarm among all of them is as rare as 5 % (Holm)" in comparison.notes
    assert comparison.rows[0].name == "all together"


def test_what_else_is_different_stands_beside_the_numbers():
    times = {Setting(1): [1.0, 1.1], Setting(2): [1.0, 1.1]}
    before = sweep_of({**times, Setting(4): [1.0]})
    after = sweep_of(times, where=replace(WHERE, cpu="another", python="3.12"))
    after = replace(after, runs=tuple(replace(run, nodes=7, load_before=9.0) for run in after.runs))
    before = replace(before, runs=tuple(replace(run, load_before=0.1) for run in before.runs))
    notes = compare(before, after).notes
    assert [note for note in notes if "(Holm)" not in note] == [
        "only measured before: graph: 4 jobs, threading, eager, critical-path",
        "Python: 3.11.9 CPython before, 3.12 after",
        "processor: none before, another after",
        "load before runs: 0.1 before, 9.0 after",
        "nodes: 3 before, 7 after",
    ]


def test_that_the_machine_was_busy_both_times_is_said():
    calm = sweep_of({Setting(1): [1.0, 1.1]})
    busy = replace(calm, runs=tuple(replace(run, load_before=3 * WHERE.cores) for run in calm.runs))
    said = [[note for note in compare(both, both).notes if "was busy" in note] for both in (calm, busy)]
    load = f"{3 * WHERE.cores:.1f}"
    told = f"the machine was busy: a load of {load} before and {load} after on {WHERE.cores} cores; what is found"
    assert said == [[], [f"{told} may be due to that"]]


def test_a_file_is_compared_with_itself_by_its_last_two_sweeps_of_a_name(tmp_path):
    path, other = tmp_path / "a.jsonl", tmp_path / "b.jsonl"
    first, second = sweep_of({Setting(2): [1.0, 1.1]}), sweep_of({Setting(2): [1.2, 1.3]})
    for number, sweep in enumerate((first, second, sweep_of({Setting(2): [5.0, 5.0]}, "other", "other"), second)):
        replace(sweep, id=str(number)).save(path)
    replace(first, id="9").save(other)
    found = compare(path)
    assert (found.before.id, found.after.id) == ("1", "3")
    found = compare(other, path)
    assert (found.before.id, found.after.id) == ("9", "3")


def test_what_cannot_be_compared_is_refused(tmp_path):
    path = tmp_path / "a.jsonl"
    one = sweep_of({Setting(2): [1.0]})
    one.save(path)
    cases = [
        (lambda: compare(path), "there is one sweep of 'graph' only"),
        (lambda: compare(one), "one sweep cannot be compared"),
        (lambda: compare(one, 3), "not int"),
        (lambda: compare(one, one, alpha=0), "alpha=0"),
        (lambda: compare(one, sweep_of({Setting(2): [1.0]}, "b", "b")), "of 'b' and of 'graph'"),
    ]
    for ask, message in cases:
        with pytest.raises(ConfigError, match=message):
            ask()
    empty = tmp_path / "empty.jsonl"
    replace(one, id="x", runs=()).save(empty)
    with pytest.raises(ConfigError, match="no sweep has measured anything"):
        compare(empty)
    with pytest.raises(ConfigError, match="no sweep has measured anything"):
        compare(one, empty)

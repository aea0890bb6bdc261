"""What a sweep and a comparison look like: nothing is said twice, and nothing that matters is left out."""

from __future__ import annotations

import math
import subprocess
import sys
from dataclasses import replace

import pytest
from rich.console import Console

from orchestra_nb.bench import Setting, compare
from orchestra_nb.display.benches import comparison_text, sweep_text
from orchestra_nb.display.plots.sweeps import sweep_figure
from orchestra_nb.display.terminal import of_value
from orchestra_nb.errors import ConfigError

from ..bench.timed_worlds import sweep_of
from .judges import assert_harmless_svg
from .specimens import bench_sweep

TIMES = {Setting(1): [4.0, 4.02, 4.04], Setting(2): [2.0, 2.02, 2.04], Setting(4): [1.25, 1.26, math.inf]}
SWEEP = sweep_of(TIMES)


def test_the_text_of_a_sweep():
    assert sweep_text(SWEEP).splitlines() == [
        "graph: 9 runs of 3 configurations, threading, eager, critical-path",
        "  jobs  time                      speed-up  efficiency  serial  over bound  failed",
        "  1     4.02 s  4.00 s to 4.04 s  1.00      1.00                1.25 ×",
        "  2     2.02 s  2.00 s to 2.04 s  1.99      1.00        0.00    1.25 ×",
        "  4     1.25 s  1.25 s to 1.26 s  3.20      0.80        0.08    1.25 ×      1",
        "1 of 9 runs failed and are left out: node 'fit' failed",
        "4 jobs are more than the 2 cores that the runs could use",
        "intervals of medians of 2 runs are from the least to the greatest, and 50 % sure",
        "Python 3.11.9 CPython, Linux x86_64, 2 cores",
    ]


def test_what_differs_between_rows_has_a_column_and_what_does_not_stands_above():
    two = sweep_of({Setting(2, "threading", "eager", "fifo"): [1.0], Setting(2, "loky", "eager", "fifo"): [1.0]})
    first, heading, *rows = sweep_text(two).splitlines()
    assert first.endswith("configurations, eager, fifo")
    assert heading.split()[:2] == ["jobs", "backend"]
    assert [row.split()[1] for row in rows[:2]] == ["loky", "threading"]
    assert "nothing ran with one job, so there is no speed-up; add 1 to the jobs" in rows


def test_the_text_of_a_comparison():
    after = sweep_of({how: [1.5 * took for took in found] for how, found in TIMES.items()})
    assert comparison_text(compare(SWEEP, after)).splitlines() == [
        "all together: slower by 50 % (49 to 51); of 3 configurations none by itself",
        "  jobs          before  after   what follows",
        "  all together                  slower by 50 % (49 to 51)",
        "  1             4.02 s  6.03 s  so few runs (3 before, 3 after) could show no difference of any size",
        "  2             2.02 s  3.03 s  so few runs (3 before, 3 after) could show no difference of any size",
        "  4             1.25 s  1.88 s  so few runs (2 before, 2 after) could show no difference of any size",
        "4 comparisons: a false alarm among all of them is as rare as 5 % (Holm)",
        "4 comparisons need 5 repeats or more, before and after, to show any difference",
    ]


def test_a_narrow_terminal_gets_fewer_columns_and_verdicts_in_lines_of_their_own():
    after = sweep_of({how: [1.5 * took for took in found] for how, found in TIMES.items()})
    for width, titles in ((34, "jobs time speed-up failed"), (52, "jobs time speed-up failed")):
        console = Console(width=width, color_system=None)
        with console.capture() as captured:
            console.print(of_value(SWEEP, ""))
        lines = captured.get().splitlines()
        heading = next(i for i, line in enumerate(lines) if line.split()[:1] == ["jobs"])
        assert " ".join(lines[heading].split()) == titles
        assert ("4.00 s to 4.04 s" in lines[heading + 1]) == (width == 52)
    console = Console(width=60, color_system=None)
    with console.capture() as captured:
        console.print(of_value(compare(SWEEP, after), ""))
    assert "    slower by 50 % (49 to 51)" in captured.get().splitlines()


def test_a_page_has_the_table_and_the_figure():
    shown = SWEEP._repr_mimebundle_()["text/html"]
    assert shown.count("<table") == shown.count("<img") == 1
    assert 'alt="speed-up and efficiency of graph over the number of jobs"' in shown


def test_without_matplotlib_the_table_is_there_and_the_figure_says_how_to_get_it(monkeypatch):
    monkeypatch.setattr("orchestra_nb.display.benches.drawable", lambda: False)
    assert "<img" not in SWEEP._repr_mimebundle_()["text/html"]


def test_a_figure_has_the_ideal_the_bound_and_a_line_with_intervals_for_each_series():
    five = {Setting(jobs, backend): [4 / jobs + i / 100 for i in range(5)] for jobs in (1, 2) for backend in ("a", "b")}
    figure = SWEEP.plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["speed-up", "efficiency"]
    names = [text.get_text() for text in sweep_figure(sweep_of(five)).axes[0].get_legend().get_texts()]
    assert names == ["ideal", "bound", "a", "b"]


def test_without_one_job_times_and_their_distance_to_the_bound_are_drawn():
    figure = sweep_of({Setting(16): [1.0, 1.1], Setting(2): [2.0, 2.2]}).plot()
    assert [axes.get_ylabel() for axes in figure.axes] == ["seconds", "time over bound"]
    assert figure.axes[0].get_xscale() == "log"
    assert [tick.get_text() for tick in figure.axes[0].get_xticklabels()] == ["2", "16"]


def test_nothing_that_ended_well_is_no_figure():
    for empty in (replace(SWEEP, runs=()), sweep_of({Setting(2): [math.inf]})):
        with pytest.raises(ConfigError, match="no run has ended well"):
            empty.plot()
        assert "<img" not in empty._repr_mimebundle_()["text/html"]


def test_a_figure_is_the_same_each_time_and_harmless_whatever_the_names():
    hostile = bench_sweep()
    few = replace(hostile, runs=hostile.runs[:32])
    assert_harmless_svg(sweep_figure(few).plain_svg())
    assert sweep_figure(SWEEP).plain_svg() == sweep_figure(SWEEP).plain_svg()


def test_measuring_needs_neither_pandas_nor_matplotlib():
    code = (
        "import sys; from orchestra_nb import Node, bench; bench.sweep([Node('a', fn=int)], [1], repeats=1);"
        "print({'pandas', 'matplotlib', 'ipywidgets'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "set()"

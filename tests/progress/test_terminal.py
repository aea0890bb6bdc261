"""The line of a run: plain, and through rich."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.progress.eta import NOTHING, Estimate
from orchestra_nb.progress.stats import Counts, ProgressStats
from orchestra_nb.progress.terminal import left, plain_line, renderable

HALF = Counts(pending=1, in_progress=1, completed=2)
LINES = [
    (ProgressStats("", 0.0, Counts(pending=2), 0.0), "0 %, 0 of 2, 0 s so far"),
    (
        ProgressStats("today", 50.0, HALF, 9.0, Estimate(8.0, 10.0, 70.0), active=("fit",)),
        "today: 50 %, 2 of 4, 9.0 s so far, 10.0 s left (8.0 s to 1 min 10 s); running: fit",
    ),
    (
        ProgressStats("", 50.0, HALF, 9.0, paused=True, active=("fit",)),
        "50 %, 2 of 4, 9.0 s so far, paused; running: fit",
    ),
    (ProgressStats("", 99.9, Counts(completed=3), 1.0), "99 %, 3 of 3, 1.0 s so far"),
    (
        ProgressStats("", 100.0, Counts(completed=1, failed=1, skipped=1200), 75.0, NOTHING, over=True),
        "100 %, 1,202 of 1,202 (1 failed, 1,200 skipped), in 1 min 15 s",
    ),
    (
        ProgressStats("", 10.0, Counts(in_progress=5), 1.0, active=("a", "b\n\x1b[31m", "c", "d", "e")),
        "10 %, 0 of 5, 1.0 s so far; running: a, b \ufffd[31m, c and 2 more",
    ),
]


@pytest.mark.parametrize(("stats", "line"), LINES)
def test_a_plain_line_says_how_far_it_is_and_who_runs(stats, line):
    assert plain_line(stats) == line


def rendered(stats, width=120):
    from rich.console import Console

    console = Console(width=width, color_system=None)
    with console.capture() as captured:
        console.print(renderable(stats))
    return captured.get()


@pytest.mark.parametrize("width", [80, 200])
@pytest.mark.parametrize("stats", [stats for stats, _ in LINES])
def test_rich_shows_the_same_numbers_whatever_is_cut(stats, width):
    shown = rendered(stats, width)
    assert f"{int(stats.percent)} %" in shown
    assert f"{stats.counts.done:,} of {stats.counts.total:,}" in shown
    assert left(stats.eta) in shown


@pytest.mark.parametrize(("width", "bar", "name"), [(59, 0, False), (60, 12, False), (99, 12, False), (100, 24, True)])
def test_a_narrow_terminal_has_what_fits(width, bar, name):
    shown = rendered(replace(LINES[1][0], percent=100.0), width)
    assert (shown.count("━"), "today" in shown) == (bar, name)


def test_numbers_keep_their_places_while_they_grow():
    def at(done):
        counts = Counts(pending=120 - done, completed=done)
        return rendered(ProgressStats("", done / 1.2, counts, 1.0, Estimate(1.0, 2.0, 3.0)))

    assert len({(at(done).index(" %"), at(done).index(" of 120"), at(done).index("left")) for done in (0, 9, 99)}) == 1


def test_what_is_left_is_told_no_finer_than_it_is_known():
    assert left(Estimate(0.0312, 0.987, 61.0)) == "1.0 s left (0.0 s to 1 min 01 s)"
    assert left(Estimate(3599.4, 3599.6, 7290.0)) == "1 h 00 min left (59 min 59 s to 2 h 02 min)"


def test_names_are_never_markup():
    assert "[red]x" in rendered(ProgressStats("[red]x", 0.0, Counts(), 0.0, active=("[/bold]y",)))
    assert "[/bold]y" in rendered(ProgressStats("", 0.0, Counts(), 0.0, active=("[/bold]y",)))


@given(st.text(max_size=40), st.text(max_size=40), st.integers(20, 200))
def test_any_name_can_be_shown_at_any_width(name, node, width):
    stats = ProgressStats(name, 33.3, HALF, 5.0, Estimate(1.0, 2.0, 3.0), active=(node,))
    assert rendered(stats, width).count("\n") == 1
    assert len(plain_line(stats).splitlines()) == 1

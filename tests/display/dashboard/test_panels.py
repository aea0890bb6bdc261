"""What the panels of a dashboard show, and that the frames behind them have every number."""

from __future__ import annotations

import re
from dataclasses import replace

import pandas as pd
import pytest

from orchestra_nb.display.dashboard import KEYS, Snapshot, panels_of
from orchestra_nb.display.dashboard.pictures import chart_of
from orchestra_nb.events import RunPaused, RunUnpaused, Stalled
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.replay.following import Following
from orchestra_nb.simulation import simulate

from ..judges import Reader
from . import moments

MOMENTS = {
    "good": moments.good,
    "bad": moments.bad,
    "middle": moments.middle,
    "locked": moments.locked,
    "empty": lambda: Snapshot(Following(DAG(())).state(0.0)),
    "ended": moments.ended,
}
_UNITS = {"ms": 1e3, "s": 1.0, "%": 100.0, "kB": 1e-3, "MB": 1e-6, "bytes": 1.0}
_NUMBER = re.compile(r"(?<![\w.\-])(\d[\d,]*(?:\.\d+)?)(?![\w.\-])(?: (ms|s|kB|MB|bytes)\b| (%))?")
_MINUTES = re.compile(r"(\d+) min (\d\d) s")
_IN_PERCENT = ("percent",)


def panels(snapshot):
    return {panel.key: panel for panel in panels_of(snapshot)}


def said(panel) -> str:
    reader = Reader()
    reader.feed(panel.html)
    return " | ".join(reader.texts)


def cells(frame):
    """All numbers of a frame, and all words that its texts have."""
    numbers, texts = [], []
    for column in frame.columns:
        if pd.api.types.is_numeric_dtype(frame[column]):
            scale = 0.01 if column in _IN_PERCENT else 1.0
            numbers += [scale * float(value) for value in frame[column].dropna()]
        else:
            texts += map(str, frame[column])
    return numbers, " ".join(texts)


def is_cell(number: str, unit: str, numbers) -> bool:
    plain = number.replace(",", "")
    digits = len(plain.partition(".")[2])
    wanted, scale, step = float(plain), _UNITS.get(unit, 1.0), 10.0**-digits
    return any(-step / 2 - 1e-9 <= value * scale - wanted < step + 1e-9 for value in numbers)


@pytest.mark.parametrize("moment", MOMENTS)
def test_every_number_of_a_panel_is_a_cell_of_its_frame(moment):
    for panel in panels(MOMENTS[moment]()).values():
        if panel.key in ("graph", "gantt", "todos"):
            continue
        numbers, texts = cells(panel.frame())
        shown = _MINUTES.sub(lambda found: f"{60 * int(found[1]) + int(found[2])} s", said(panel))
        for number, unit, percent in _NUMBER.findall(shown):
            unit = unit or percent
            assert is_cell(number, unit, numbers) or number in texts, (panel.key, number, unit)


def test_a_number_that_is_in_no_frame_would_be_noticed():
    numbers, _ = cells(pd.DataFrame({"seconds": [2.04], "percent": [37.5]}))
    assert is_cell("2.0", "s", numbers)
    assert is_cell("37", "%", numbers)
    assert not is_cell("3.0", "s", numbers)
    assert not is_cell("2.0", "%", numbers)


@pytest.mark.parametrize("moment", MOMENTS)
def test_frames_have_the_same_types_whatever_they_hold(moment):
    def types(frame):
        return [(name, str(kind)) for name, kind in frame.dtypes.items()]

    full = panels(moments.locked())
    for key, panel in panels(MOMENTS[moment]()).items():
        assert types(panel.frame()) == types(full[key].frame()), key


def test_the_keys_are_those_of_the_panels_and_each_has_a_title():
    found = panels_of(moments.middle())
    assert tuple(panel.key for panel in found) == KEYS
    assert all(panel.title for panel in found)


def test_panels_without_anything_to_say_say_none():
    silent = panels(MOMENTS["empty"]())
    assert [key for key, panel in silent.items() if panel.says] == ["progress"]
    assert {said(panel) for key, panel in silent.items() if not panel.says} == {"none"}


def test_progress_says_percent_counts_time_and_what_is_left_as_an_interval():
    shown = said(panels(moments.middle())["progress"])
    assert re.search(
        r"▶ running: 37 %, 3 of 8 nodes ended, 7\.5 s so far, [\d.]+ s left \([\d.]+ s to [\d.]+ s\)", shown
    )
    assert " ".join(shown.split(" | ")[1:]).replace("  ", " ") == (
        "○ waiting 2 » queued 1 ▶ running 1 ◷ resting 1 ✓ done 2 ↺ cached 1"
    )


def paused_and_on():
    following = moments.followed(RunPaused(1.0, "a person said so"))
    yield following.state(2.0)
    following.hear(RunUnpaused(2.0, 1.0))
    yield following.state(3.0)
    following.hear(Stalled(70.0, 65.0, (), ()))
    yield following.state(70.0)


def test_progress_says_in_words_whether_it_is_paused_silent_or_over():
    words = [said(panels(Snapshot(state))["progress"]) for state in paused_and_on()]
    assert words[0].startswith("◫ paused: 0 %")
    assert words[1].startswith("▶ running: 0 %")
    assert words[2].startswith("! nothing has happened for 1 min 05 s: 0 %")
    assert said(panels(moments.ended())["progress"]).startswith("✗ failed: 100 %, 8 of 8 nodes ended, in 2.0 s")
    assert said(panels(moments.good())["progress"]).startswith("✓ done: 8 nodes (8 done) in 13.7 s")
    assert said(panels(Snapshot(moments.middle().state, paused=True))["progress"]).startswith("◫ paused: 37 %")


def test_now_says_who_runs_for_how_long_who_rests_until_when_and_who_waits_for_what():
    frame = panels(moments.middle())["running"].frame().set_index("node")
    assert frame.index.to_list() == ["train", "plot", "tune"]
    assert frame["state"].to_list() == ["running", "resting", "queued"]
    assert frame.loc["train", ["seconds", "worker", "attempts"]].to_list() == [2.25, "process", 1]
    assert frame.loc["plot", "rests"] == 2.5
    assert frame.loc["tune", "waits_for"] == "a worker"
    assert panels(moments.locked())["running"].frame()["node"].to_list() == ["load"]


def test_levels_say_how_many_of_how_many_have_ended_and_how_long_that_took():
    frame = panels(moments.bad())["levels"].frame()
    assert frame[["level", "ended", "nodes", "failed", "skipped"]].values.tolist()[3] == [3, 3, 3, 2, 1]
    assert frame.loc[3, "seconds"] == pytest.approx(2.9)
    assert pd.isna(frame.loc[5, "seconds"])


def test_of_many_levels_those_are_shown_that_go_on():
    dag = DAG([Node(f"n{i}", after=[f"n{i - 1}"] if i else []) for i in range(200)])
    events = [event for i in range(100) for event in moments.of(moments.done(f"n{i}", float(i), i + 0.9))]
    panel = panels(Snapshot(moments.followed(*events, dag=dag).state(100.0)))["levels"]
    shown = said(panel)
    assert "| 97 |" in shown
    assert "| 126 |" in shown
    assert "| 96 |" not in shown
    assert "and 170 more; the frame has all of them" in shown
    assert len(panel.frame()) == 200


def test_the_cache_is_counted_by_key_and_by_node_with_the_reasons():
    frame = panels(moments.middle())["cache"].frame()
    found = {(row.about, row.measure): row.value for row in frame.itertuples()}
    assert found["keys", "hit rate"] == 0.75
    assert found["nodes", "found"] == 1
    assert found["nodes", "looked up in vain"] == 1
    assert found["reasons", "its file data.csv has changed"] == 1
    shown = said(panels(moments.middle())["cache"])
    assert "1.23 MB" in shown
    assert "105 MB" in shown


def test_an_engines_cache_counts_nodes_apart_from_keys():
    from orchestra_nb.context.metrics import CacheMetrics
    from orchestra_nb.engine.stats import EngineCacheMetrics

    counted = EngineCacheMetrics.of(CacheMetrics(hits=3, misses=1), 5, 2)
    frame = panels(Snapshot(Following(DAG(())).state(0.0), cache=counted))["cache"].frame()
    found = {(row.about, row.measure): row.value for row in frame.itertuples()}
    assert (found["keys", "hits"], found["keys", "misses"]) == (3, 1)
    assert (found["nodes", "found"], found["nodes", "looked up in vain"]) == (5, 2)


def test_locks_say_who_holds_who_waits_and_who_gave_way_with_a_picture():
    panel = panels(moments.locked())["locks"]
    shown = said(panel)
    assert "tune waits for gpu, held by train" in shown
    assert (
        "deadlock: train waits for database, held by plot; plot waits for gpu, held by train · plot gave way" in shown
    )
    assert 'src="data:image/svg+xml;base64,' in panel.html
    frame = panel.frame()
    assert frame["kind"].value_counts().to_dict() == {"resource": 3, "wait": 3, "circle": 2, "held": 0}


def test_where_no_resources_are_at_hand_the_events_say_who_holds_and_waits():
    panel = panels(Snapshot(moments.locked().state))["locks"]
    assert "tune waits for gpu, held by train" in said(panel)
    assert panel.frame()["kind"].to_list() == ["held", "wait", "circle", "circle"]


def test_locks_that_nobody_waits_for_need_no_picture():
    snapshot = Snapshot(moments.middle().state, resources=moments.manager().get_resource_stats())
    panel = panels(snapshot)["locks"]
    assert "load" in said(panel)
    assert "<img" not in panel.html


def test_circuits_say_which_are_open_until_when_and_why_those_that_are_not_closed_first():
    frame = panels(moments.locked())["breakers"].frame()
    assert frame["circuit"].to_list() == ["agent reviewer", "mail"]
    assert frame["state"].to_list() == ["open", "closed"]
    assert frame["retry_after"].to_list()[0] == 90.0
    assert "1 min 30 s" in said(panels(moments.locked())["breakers"])
    known = panels(Snapshot(moments.locked().state))["breakers"].frame()
    assert known[["circuit", "state"]].values.tolist() == [["agent reviewer", "open"]]


def test_the_last_events_stand_with_the_newest_first_and_the_frame_has_more():
    panel = panels(moments.middle())["events"]
    assert said(panel).split(" | ")[4:7] == ["6.000 s", "execution:node-retrying", "plot"]
    names = panel.frame()["name"].to_list()
    assert names[0] == "dag:built"
    assert names[-1] == "execution:node-retrying"


def test_todos_are_those_of_the_run():
    frame = panels(moments.middle())["todos"].frame()
    assert frame.query("phase").content.to_list() == ["Read", "Model (1 of 3)", "Report (0 of 3)"]
    assert frame.query("content == 'Run train'").status.item() == "in_progress"


def test_what_nobody_looks_at_is_not_made():
    found = panels(moments.middle())
    assert "html" not in vars(found["graph"])
    assert found["graph"].html is found["graph"].html


def test_the_frame_of_a_snapshot_has_the_numbers_of_all_panels():
    frame = moments.middle().frame
    assert list(frame.columns) == ["panel", "item", "measure", "value"]
    assert frame.query("panel == 'progress' and measure == 'percent'").value.item() == 37.5
    assert frame.query("panel == 'running' and item == 'train' and measure == 'seconds'").value.item() == 2.25
    assert set(frame["panel"]) == {"progress", "running", "levels", "cache", "events", "graph", "gantt", "todos"}


def test_a_guess_stands_behind_a_run_only_until_it_is_over() -> None:
    guess = simulate(moments.DAG_.with_costs(dict.fromkeys(moments.DAG_.nodes, 1000.0)), 2)
    running, over = (chart_of(replace(snapshot, planned=guess)) for snapshot in (moments.middle(), moments.good()))
    assert running.behind is not None
    assert running.behind.end == guess.makespan > 1000
    assert over.behind is not None
    assert over.behind.end <= over.timeline.end < 20

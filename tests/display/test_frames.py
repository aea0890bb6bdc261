from __future__ import annotations

import pandas as pd

from orchestra_nb.display import frames, simulation_frames
from orchestra_nb.errors import Issue
from orchestra_nb.graph import DAG
from orchestra_nb.model import Edge, Evidence, Node, Outcome
from orchestra_nb.simulation import simulate

DAG_ = DAG(
    [
        Node("load", cost=2, writes=("df", "n"), verdicts={"loky": "", "threading": ""}),
        Node("fit", cost=3, reads=("df",), verdicts={"loky": "x is a generator"}),
        Node("plot", after=["load"]),
    ],
    [Edge("load", "fit", "value", "possible", (Evidence("df", 2, 1, "writes df"), Evidence("n")))],
)


def test_nodes_with_their_numbers_and_verdicts():
    frame = frames.nodes(DAG_).set_index("id")
    assert frame.loc["fit", ["level", "cost", "critical", "slack"]].tolist() == [1, 3.0, True, 0.0]
    assert frame.loc["load", "writes"] == "df, n"
    assert frame.loc["plot", ["after", "slack"]].tolist() == ["load", 2.0]
    assert frame["verdict_loky"].tolist() == ["safe", "x is a generator", "safe"]


def test_one_row_per_piece_of_evidence():
    frame = frames.edges(DAG_)
    assert frame["variable"].tolist() == ["df", "n", "load"]
    assert frame.loc[0, ["source", "target", "kind", "certainty"]].tolist() == ["load", "fit", "value", "possible"]
    assert frame.loc[0, ["source_line", "target_line"]].tolist() == [2, 1]
    assert frame["source_line"].isna().tolist() == [False, True, True]
    assert frames.edges(DAG([Node("a"), Node("b")], [Edge("a", "b")]))["evidence"].tolist() == [""]


def test_levels_with_their_seconds():
    assert frames.levels(DAG_).values.tolist() == [[0, "load", 1, 2.0, 2.0], [1, "fit, plot", 2, 4.0, 3.0]]


def test_issues_schedule_and_outcomes():
    assert frames.issues([Issue("cycle", "m", ("a", "b"))]).loc[0, "nodes"] == "a, b"
    assert simulation_frames.schedule(simulate(DAG_, 2))["seconds"].tolist() == [2.0, 3.0, 1.0]
    done = Outcome("load", "done", started=1.0, ended=2.5, attempts=1, worker="w", queued=0.5, lock_wait=0.25)
    frame = frames.outcomes({"load": done, "fit": Outcome("fit", "skipped")}, DAG_)
    assert frame["seconds"].tolist() == [1.5, 0.0]
    assert frame["level"].tolist() == [0, 1]
    assert frame.loc[0, ["queued", "lock_wait", "cached"]].tolist() == [0.5, 0.25, False]
    assert frame["started"].isna().tolist() == [False, True]


def test_empty_frames_have_their_columns():
    empty = DAG([])
    for frame in (
        frames.nodes(empty),
        frames.edges(empty),
        frames.levels(empty),
        frames.issues([]),
        simulation_frames.schedule(simulate(empty, 1)),
        frames.outcomes({}, empty),
    ):
        assert isinstance(frame, pd.DataFrame)
        assert len(frame) == 0
        assert len(frame.columns) >= 5

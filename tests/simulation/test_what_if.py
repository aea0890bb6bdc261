"""What a run would have taken, had something been different."""

from __future__ import annotations

import time

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError
from orchestra_nb.graph import DAG
from orchestra_nb.model import Node, Outcome, RunId
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.simulation import Schedule, simulate
from orchestra_nb.simulation.what_if import what_if

DAG_ = DAG(
    [
        Node("load", cost=2),
        Node("fit", after=["load"], cost=6, uses=["db"]),
        Node("plot", after=["load"], cost=3, uses=["db"]),
        Node("report", after=["fit", "plot"], cost=1),
    ]
)


def ran(dag: DAG = DAG_, jobs: int = 2, **took: float) -> RunResult:
    """A run in which each node took its cost, unless it says otherwise."""
    slots = simulate(dag.with_costs({name: took.get(name, node.cost) for name, node in dag.nodes.items()}), jobs)
    outcomes = {
        row.node: Outcome(row.node, "done", started=row.start, ended=row.end, attempts=1, worker=f"Thread-{row.worker}")
        for row in slots.rows
    }
    measured = dag.with_costs({name: outcome.seconds for name, outcome in outcomes.items()})
    config = RunConfig(jobs=jobs, history=False)
    total = slots.makespan + 0.5
    return RunResult(outcomes, {}, measured, jobs, "threading", total, RunId("r"), "", config=config)


@pytest.mark.parametrize(
    ("changes", "predicted"),
    [
        ({}, 12.0),
        ({"lock": {"db": 2}}, 9.0),
        ({"workers": 1}, 12.0),
        ({"workers": [2.0, 2.0]}, 6.0),
        ({"faster": {"fit": 2}}, 9.0),
        ({"faster": {"fit": 0.5}}, 18.0),
        ({"cached": ["load"]}, 10.0),
        ({"cached": ["fit", "plot"]}, 3.0),
        ({"schedule": "levels", "policy": "fifo"}, 12.0),
        ({"lock": {"db": "1/min"}}, 66.0),
    ],
    ids=str,
)
@pytest.mark.parametrize("of", [DAG_, simulate(DAG_, 2), ran()], ids=["graph", "schedule", "run"])
def test_a_change_is_simulated_on_the_run_as_it_was(of, changes, predicted):
    found = what_if(of, **changes)
    assert found.before.makespan == 12.0
    assert found.predicted == predicted
    assert found.saved == 12.0 - predicted
    assert found.speedup == 12.0 / predicted


def test_a_run_is_reproduced_by_what_it_took():
    found = what_if(ran(fit=8.0))
    assert (found.before.makespan, found.measured, found.unexplained) == (14.0, 14.5, 0.5)
    assert found.critical_path == ("load", "fit", "report")


def test_of_a_graph_alone_nothing_was_measured():
    assert what_if(DAG_).measured is None
    assert what_if(DAG_).unexplained == 0.0


def test_everything_from_the_cache_leaves_nothing_to_do():
    found = what_if(DAG_, cached=list(DAG_.nodes))
    assert (found.predicted, found.speedup, found.after.rows) == (0.0, float("inf"), ())


def test_a_run_knows_its_settings_and_its_resources():
    def work() -> None:
        time.sleep(0.02)

    dag = DAG([Node(f"n{i}", fn=work, uses=["db"], index=i) for i in range(4)])
    run = ParallelScheduler(RunConfig(jobs=4, history=False, resources={"db": 2})).execute(dag)
    assert run.config is not None
    found = what_if(run)
    assert {use.resource: use.amount for use in found.before.resources} == {"db": 2}
    assert [use.amount for use in what_if(run, lock={"db": 4}).after.resources] == [4]
    assert what_if(run, lock={"db": 1}).predicted == pytest.approx(run.work)


async def asks() -> None:
    """Nothing."""


def test_what_awaited_on_the_event_loop_does_so_again():
    dag = DAG([Node(f"ask {n}", fn=asks, cost=1, index=n) for n in range(4)])
    outcomes = {name: Outcome(name, "done", started=0.0, ended=3.0, worker="event loop") for name in dag.nodes}
    run = RunResult(outcomes, {}, dag, 2, "threading", 3.0, RunId("r"), "")
    found = what_if(run)
    assert (found.before.makespan, what_if(run, workers=1).predicted) == (3.0, 12.0)


def test_what_is_cached_in_the_run_takes_no_time():
    outcomes = {name: Outcome(name, "cached") for name in ("load", "fit")}
    outcomes |= {name: Outcome(name, "done", started=0.0, ended=1.0) for name in ("plot", "report")}
    run = RunResult(outcomes, {}, DAG_, 2, "threading", 2.0, RunId("r"), "")
    assert what_if(run).before.makespan == 2.0


def test_it_shows_both():
    shown = what_if(ran(), lock={"db": 2})._repr_mimebundle_()
    first = "what if db: 2: 9.0 s in place of 12.0 s (1.33 times as fast)"
    assert shown["text/plain"].startswith(first)
    assert shown["text/html"].count("<img") == 2
    frame = what_if(DAG_, faster={"fit": 2}).frame.set_index("node")
    assert frame.loc["fit", ["seconds_before", "seconds_after"]].tolist() == [6.0, 3.0]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"faster": {"fitt": 2}}, "faster: there is no node 'fitt'; did you mean 'fit'"),
        ({"faster": {"fit": 0}}, "faster: 0 of node 'fit' must be a number from"),
        ({"faster": ["fit"]}, r"faster=\['fit'\] must be a mapping"),
        ({"cached": "fit"}, "cached='fit' must be a sequence of nodes"),
        ({"cached": ["fot"]}, "cached: there is no node 'fot'; did you mean 'fit'"),
        ({"lock": {"bd": 2}}, "lock: no node uses 'bd'; known: db"),
        ({"lock": {"db": 0}}, "resource 'db': 0 must be"),
        ({"workers": 0}, "workers=0 can run nothing"),
        ({"policy": "fiffo"}, "did you mean 'fifo'"),
        ({"locks": {"db": 2}}, "there is no change 'locks'; did you mean 'lock'"),
    ],
    ids=str,
)
def test_what_cannot_be_meant_is_refused_with_its_place(changes, told):
    with pytest.raises(ConfigError, match=told):
        what_if(DAG_, **changes)


@pytest.mark.parametrize(
    ("of", "told"),
    [
        ({}, "this is a dict"),
        (Schedule((), 2, 0.0, 0.0, 0.0), "this is a schedule of no graph"),
        (RunResult({}, {}, DAG_, 2, "threading", 0.0, RunId("r"), ""), "nothing of this run has begun"),
    ],
    ids=["dict", "schedule", "run"],
)
def test_what_has_not_run_has_no_other_past(of, told):
    with pytest.raises(ConfigError, match=told):
        what_if(of)

"""Moments of runs for tests of the dashboard: a good end, a bad one, the middle, locks waited for, a large run."""

from __future__ import annotations

from orchestra_nb.bus import Event
from orchestra_nb.config import BreakerPolicy
from orchestra_nb.context.metrics import CacheMetrics
from orchestra_nb.display.dashboard import Snapshot
from orchestra_nb.errors import NodeFailed
from orchestra_nb.events import (
    CacheHit,
    CacheMissed,
    LevelEnded,
    NodeEnded,
    NodeQueued,
    NodeRetrying,
    NodeStarted,
    RunEnded,
    RunStarted,
)
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import Edge, Evidence, Node, Outcome
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.recovery.events import CircuitOpened
from orchestra_nb.replay.following import Following
from orchestra_nb.resources.events import DeadlockFound, LockGranted, LockQueued
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.statistics import OwnerUse, ResourceStats, ResourceUse
from orchestra_nb.running.result import RunResult
from orchestra_nb.simulation import simulate

NODES = (
    Node("load", cost=2.0, phase="Read"),
    Node("clean", after=["load"], cost=1.0, phase="Read"),
    Node("features", after=["clean"], cost=3.0, phase="Model"),
    Node("train", after=["features"], cost=5.0, phase="Model", uses=("gpu",)),
    Node("tune", after=["features"], cost=4.0, phase="Model", uses=("gpu",)),
    Node("score", after=["train", "tune"], cost=1.0, phase="Report"),
    Node("plot", after=["features"], cost=1.0, phase="Report"),
    Node("report", after=["score", "plot"], cost=0.5, phase="Report"),
)
DAG_ = DAG(NODES, [Edge("load", "plot", "value", evidence=(Evidence("df", 1, 2, "writes df, then reads df"),))])


def done(name: str, started: float, ended: float, status: str = "done", **more: object) -> Outcome:
    queued = max(0.0, started - 0.05)
    return Outcome(name, status, started=started, ended=ended, attempts=1, worker="w-1", queued=queued, **more)


def of(outcome: Outcome) -> tuple[Event, ...]:
    at = outcome.started
    return (
        NodeQueued(outcome.queued, outcome.node),
        NodeStarted(at, outcome.node, "thread"),
        NodeEnded(outcome.ended, outcome),
    )


def result(outcomes: list[Outcome], total: float, dag: DAG = DAG_, **more: object) -> RunResult:
    ended = {str(outcome.node): outcome for outcome in outcomes}
    return RunResult(ended, {}, dag, 2, "threading", total, "r-1", "2026-01-01T00:00:00Z", **more)


def good() -> Snapshot:
    names = [node.id for node in NODES]
    starts = {"load": 0.1, "clean": 2.1, "features": 3.2, "train": 6.3, "tune": 6.3, "plot": 10.4, "score": 11.5}
    outcomes = [done(name, starts.get(name, 12.6), starts.get(name, 12.6) + 1.05) for name in names]
    return Snapshot.of(result(outcomes, 13.7))


def bad() -> Snapshot:
    error = NodeFailed("ValueError: the target column has 17 missing values, give impute= or drop them", "train")
    outcomes = [
        done("load", 0.1, 2.0),
        Outcome("clean", "cached", started=2.0, ended=2.0, queued=2.0, attempts=0, worker="cache"),
        done("features", 2.1, 5.2),
        done("train", 5.3, 8.1, "failed", error=error),
        Outcome(
            "tune", "cancelled", error=NodeFailed("cancelled because 'train' failed", "tune"), started=5.3, ended=8.2
        ),
        *(Outcome(n, "skipped", reason="'train' failed, and it needs that") for n in ("score", "report")),
        Outcome("plot", "skipped", reason="its condition was false: rows > 10 (rows is 3)"),
    ]
    return Snapshot.of(result(outcomes, 8.3))


def followed(*events: Event, dag: DAG = DAG_) -> Following:
    following = Following(dag)
    for event in (
        DagBuilt(0.0, "r-1", "2026-01-01T00:00:00Z", dag),
        RunStarted(0.0, len(dag), 2, "threading"),
        *events,
    ):
        following.hear(event)
    return following


def middle(**more: object) -> Snapshot:
    following = followed(
        CacheMissed(0.0, "load", "its file data.csv has changed"),
        *of(done("load", 0.1, 2.0)),
        LevelEnded(2.0, 0),
        CacheHit(2.0, "clean"),
        NodeEnded(2.0, Outcome("clean", "cached", started=2.0, ended=2.0)),
        LevelEnded(2.0, 1),
        *of(done("features", 2.1, 5.2)),
        LevelEnded(5.2, 2),
        *(NodeQueued(5.2, name) for name in ("train", "tune", "plot")),
        NodeStarted(5.25, "train", "process"),
        NodeStarted(5.25, "plot", "thread"),
        NodeRetrying(6.0, "plot", 1, 4.0, "ConnectionError: refused"),
    )
    counted = CacheMetrics(hits=12, misses=4, evictions=1, entries=9, bytes=1_234_567, max_bytes=104_857_600)
    planned = simulate(DAG_, 2)
    return Snapshot(following.state(7.5), cache=counted, planned=planned, **more)


def use(name: str, holders: dict[str, float], waiting: dict[str, float], **more: object) -> ResourceUse:
    kind = {"type": "device", "scope": "process", "kind": "held", "capacity": 1.0, "period": None}
    waits = {"wait_p50": 0.012, "wait_p90": 1.2, "wait_p99": 2.4, "wait_max": 2.5, "utilisation": 0.87}
    counts = {"granted": 1_204, "timed_out": 3, "victims": 1, "expired": 0}
    return ResourceUse(name, used=1.0, left=0.0, holders=holders, waiting=waiting, **kind | waits | counts | more)


def locked() -> Snapshot:
    base = middle()
    resources = {
        "gpu": use("gpu", {"train": 1.0}, {"tune": 1.0, "plot": 1.0}),
        "database": use("database", {"plot": 2.0}, {"train": 1.0}, capacity=4.0),
        "api calls": use("api calls", {}, {}, kind="rate", period=60.0, capacity=60.0),
    }
    owners = {
        "train": OwnerUse("train", {"gpu": 1.0}, {"database": 1.0}, {}),
        "plot": OwnerUse("plot", {"database": 2.0}, {"gpu": 1.0}, {}),
        "tune": OwnerUse("tune", {}, {"gpu": 1.0}, {}),
    }
    following = followed(
        NodeQueued(0.0, "load"),
        NodeStarted(0.1, "load", "thread"),
        LockGranted(0.1, "train", ("gpu",), 1, 0.0),
        LockQueued(0.2, "tune", ("gpu",), 0.0),
        DeadlockFound(0.3, (("train", "database", "plot"), ("plot", "gpu", "train")), "plot", True),
        CircuitOpened(0.3, "agent reviewer", 30.0, "TimeoutError: no answer"),
    )
    stats = ResourceStats(7.5, resources, owners, 1)
    return Snapshot(following.state(1.5), base.cache, stats, circuits().statistics())


def circuits() -> Breakers:
    made = Breakers(BreakerPolicy(threshold=1, rest=90.0), clock=lambda: 5.0)
    made.call("mail", lambda: 1)
    try:
        made.call("agent reviewer", lambda: 1 / 0)
    except ZeroDivisionError:
        return made
    raise AssertionError("that did not fail")


def large(nodes: int = 10_000, errors: int = 1_000) -> Snapshot:
    """A run of many nodes with long names, of which many failed."""
    names = [f"{i}-" + "a rather long name of a node, with a story " * 4 for i in range(nodes)]
    dag = DAG([Node(name, after=[names[i - 100]] if i >= 100 else []) for i, name in enumerate(names)])
    outcomes = [
        done(name, i / 100, i / 100 + 0.4)
        if i >= errors
        else done(name, i / 100, i / 100 + 0.4, "failed", error=NodeFailed(f"ValueError: {'wrong ' * 300}", name))
        for i, name in enumerate(names)
    ]
    return Snapshot.of(result(outcomes, 102.0, dag))


def ended(**more: object) -> Snapshot:
    """The middle, over."""
    following = followed(*of(done("load", 0.1, 2.0)), RunEnded(2.0, False))
    return Snapshot(following.state(9.0), **more)


def manager() -> ResourceManager:
    made = ResourceManager()
    made.register_resource("db", type="database", max_concurrent=1)
    made.acquire_lock("db", owner="load")
    return made

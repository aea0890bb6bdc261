"""One specimen of each thing that shows itself, as a stranger would like it: every name and text of it is hostile.

:data:`SPECIMENS` has an entry for each class that the display presents; whoever adds a presenter adds one here, or
``test_every_presenter_has_a_hostile_specimen`` fails.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from typing import Any

from orchestra_nb import Replay, breaker_lab, deadlock_lab, retry_lab
from orchestra_nb.bench import Comparison, Environment, Measured, Setting, Sweep, Turn, compare
from orchestra_nb.bus import Event, EventBus
from orchestra_nb.context.events import CacheRefused
from orchestra_nb.context.manager import ContextManager
from orchestra_nb.context.metrics import CacheMetrics
from orchestra_nb.display.dashboard import Snapshot
from orchestra_nb.errors import CommandError, Issue, NodeFailed
from orchestra_nb.eventlog.reading import LoggedRun
from orchestra_nb.events import CacheMissed, NodeEnded, NodeRetrying, NodeStarted, RunEnded, RunStarted, Stalled
from orchestra_nb.graph import DAG, ValidationResult
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.labs.breaker import BreakerLab
from orchestra_nb.labs.deadlock import DeadlockLab
from orchestra_nb.labs.retry import RetryLab
from orchestra_nb.labs.walk import Walk, step_through
from orchestra_nb.model import Edge, Evidence, Node, Outcome, UnforeseenChange
from orchestra_nb.progress.handle import RunHandle
from orchestra_nb.progress.state import Progress
from orchestra_nb.progress.stats import Counts, PhaseStats, ProgressStats, SinkStats
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.recovery.breakers import Breakers
from orchestra_nb.recovery.events import CircuitOpened
from orchestra_nb.recovery.manager import RecoveryManager
from orchestra_nb.recovery.saga_result import SagaResult, StepFate
from orchestra_nb.recovery.statistics import ActionStats, BreakerStats, CircuitStats, RecoveryStats
from orchestra_nb.replay import ReplayState, RunReplay
from orchestra_nb.replay.following import Following
from orchestra_nb.resources.circles import DeadlockResult, Wait
from orchestra_nb.resources.events import DeadlockFound, LockGranted, LockQueued
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.statistics import OwnerUse, ResourceStats, ResourceUse
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.simulation import simulate
from orchestra_nb.simulation.comparison import compare_policies
from orchestra_nb.simulation.many import Distribution, simulate_many
from orchestra_nb.simulation.policy_comparison import PolicyComparison
from orchestra_nb.simulation.schedule import Schedule
from orchestra_nb.simulation.waits import Gap, Gaps, Waits
from orchestra_nb.simulation.what_if import WhatIf, what_if

from .payloads import PAYLOADS

FATES = ("done", "undone", "needs-person", "kept", "in-doubt", "failed", "left", "never-begun")


def graph_of(names: list[str]) -> DAG:
    first, *others = names
    nodes = [Node(name, index=i, phase=name, reads=(name,), cost=i + 1) for i, name in enumerate(names)]
    return DAG(nodes, [Edge(first, name, "file", evidence=(Evidence(name, reason=name),)) for name in others])


def troubled() -> Schedule:
    """A simulated schedule in which nodes with such names wait for resources with such names, and fail."""
    dag = graph_of(PAYLOADS)
    uses = [name if name.strip() and ":" not in name else "db" for name in PAYLOADS]
    nodes = [replace(node, uses=(use,)) for node, use in zip(dag.nodes.values(), uses, strict=True)]
    again = [replace(node, uses=("db",), retry=2, id=f"{node.id} again") for node in nodes[:2]]
    return simulate(DAG([*nodes, *again], dag.given), 3, "fifo", failures={PAYLOADS[-1]: 1.0, again[1].id: 1.0})


def outcomes_of(dag: DAG) -> dict[str, Outcome]:
    return {
        name: Outcome(name, "failed", error=NodeFailed(name, name), started=0.0, ended=1.0, worker=name, reason=name)
        for name in dag.nodes
    }


def issues() -> tuple[Issue, ...]:
    return tuple(Issue(text, text, (text,), text, text) for text in PAYLOADS)


def saga() -> SagaResult:
    steps = tuple(
        StepFate(text, FATES[i % len(FATES)], 2, 2, text, text, i % 2 == 0, (text,)) for i, text in enumerate(PAYLOADS)
    )
    return SagaResult(False, steps, tuple(PAYLOADS), tuple(PAYLOADS[::2]), f"step {PAYLOADS[0]!r}: {PAYLOADS[1]}")


def run() -> RunResult:
    dag = graph_of(PAYLOADS)
    noticed = tuple(UnforeseenChange(text, (text,), (text, text)) for text in PAYLOADS)
    told = {"unforeseen": noticed, "undone": saga(), "checkpoints": tuple(PAYLOADS), "unsaved": PAYLOADS[4]}
    return RunResult(outcomes_of(dag), {}, dag, 2, PAYLOADS[0], 1.0, PAYLOADS[1], PAYLOADS[2], PAYLOADS[3], **told)


def cache() -> ContextManager:
    made = ContextManager()
    for text in PAYLOADS:
        made.set(text, text)
        made.get(text)
    return made


def resource_stats() -> ResourceStats:
    return ResourceStats(
        1.0,
        {
            text: ResourceUse(
                *(text, text, text, text, 1.0, None, 1.0, 0.0, {text: 1.0}, {text: 2.0}),
                *(1, 0, 0, 0, 0.0, 0.0, 0.0, 0.0, 0.5),
            )
            for text in PAYLOADS
        },
        {},
    )


def resources() -> ResourceManager:
    made = ResourceManager()
    for text in (text for text in PAYLOADS if text.strip() == text and ":" not in text):
        made.register_resource(text, max_concurrent=1)
        made.acquire_lock(text, owner=text)
    return made


def deadlock() -> DeadlockResult:
    return DeadlockResult(tuple((Wait(text, text, text), Wait(text, text, text)) for text in PAYLOADS), PAYLOADS[0])


def circuits() -> BreakerStats:
    of = ("open", "closed", "half-open")
    return BreakerStats(
        1.0,
        {text: CircuitStats(text, of[i % 3], 0.0, 1.0, 1, 0.5, 0, text, *(1,) * 6) for i, text in enumerate(PAYLOADS)},
    )


def breakers() -> Breakers:
    made = Breakers()
    for text in PAYLOADS:
        try:
            made.call(text, lambda text=text: {}[text])
        except KeyError:
            continue
    return made


def recovery() -> RecoveryManager:
    made = RecoveryManager()
    for text in PAYLOADS:
        made.run_with_retry(text, lambda: 1)
        made.run_with_circuit_breaker(text, lambda: 1)
    return made


def progress() -> Progress:
    made = Progress(graph_of(PAYLOADS))
    for i, text in enumerate(PAYLOADS):
        if i % 3:
            made.started(text, 0.0)
        if i % 3 == 2:
            made.ended(text, "failed", 1.0)
    return made


def progress_stats() -> ProgressStats:
    return ProgressStats(
        *(PAYLOADS[0], 50.0, Counts(2, 1, 1, 1), 3.0),
        active=tuple(PAYLOADS),
        phases=tuple(PhaseStats(text, Counts(1)) for text in PAYLOADS),
        sinks=tuple(SinkStats(text, 1, 1, text) for text in PAYLOADS),
    )


def handle() -> RunHandle:
    def refused() -> RunResult:
        raise CommandError(PAYLOADS[1])

    made = RunHandle(PAYLOADS[0], ParallelScheduler(), tracker())
    with suppress(CommandError):
        made.begin(refused, EventBus())
    return made


def comparison() -> PolicyComparison:
    def named(text: str) -> Callable[[DAG], dict[str, float]]:
        def policy(dag: DAG) -> dict[str, float]:
            return dict.fromkeys(dag.nodes, 0.0)

        policy.__name__ = text
        return policy

    found = compare_policies(graph_of(PAYLOADS), 2, ["random", *map(named, PAYLOADS[:9])], seeds=2)
    return replace(found, remarks=tuple(PAYLOADS))


def tracker() -> ProgressTracker:
    made = ProgressTracker()
    made.initialize(graph_of(PAYLOADS), PAYLOADS[0])
    for text in PAYLOADS[::2]:
        made.mark_started(text)
    return made


def facts(names: list[str]) -> tuple[Event, ...]:
    """Give events in all of whose fields a stranger had a say; a third of the nodes ends, a third rests."""
    told: list[Event] = [RunStarted(0.0, len(names), 1, names[0])]
    for i, name in enumerate(names):
        failed = Outcome(name, "failed", error=NodeFailed(name, name), started=0.0, ended=1.0, worker=name, reason=name)
        told += [NodeStarted(1.0, name, name), CircuitOpened(0.0, name, 30.0, name), CacheRefused(0.0, name, name)]
        told += [LockGranted(0.0, name, (name,), i, 0.0), LockQueued(0.0, name, (name,), 0.0)]
        told += (
            [NodeEnded(1.0, failed)] if i % 3 == 0 else [NodeRetrying(1.0, name, 2, 3.0, name)] if i % 3 == 1 else []
        )
    return (*told, Stalled(9.0, 8.0, tuple(names), tuple((name, name) for name in names)))


def log() -> Replay:
    told = facts(PAYLOADS)
    built = DagBuilt(0.0, PAYLOADS[0], PAYLOADS[1], graph_of(PAYLOADS))
    ended = (*told, RunEnded(9.0, False))
    return Replay(
        (LoggedRun(built, ended, tuple(range(len(ended)))), LoggedRun(built, told, tuple(range(len(told))))), issues()
    )


def snapshot() -> Snapshot:
    asked = CacheMissed(0.0, PAYLOADS[0], PAYLOADS[1])
    circle = DeadlockFound(0.0, tuple((text, text, text) for text in PAYLOADS), PAYLOADS[0], True)
    following = Following(graph_of(PAYLOADS))
    told = *facts(PAYLOADS), circle, *(replace(asked, node=text, reason=text) for text in PAYLOADS)
    for event in told:
        following.hear(event)
    owners = {text: OwnerUse(text, {text: 1.0}, {text: 1.0}, {}) for text in PAYLOADS}
    known = {"resources": replace(resource_stats(), owners=owners), "breakers": circuits()}
    return Snapshot(following.state(2.0), planned=simulate(graph_of(PAYLOADS), 2), **known)


def lab() -> DeadlockLab:
    """Let strangers wait for one another in a circle of what has their names, and one of them give way."""
    names = [text for text in PAYLOADS if text.strip() and ":" not in text]
    first, few = [(text, "takes", text) for text in names], names[:6]
    return deadlock_lab([*first, *((text, "takes", few[i - 1]) for i, text in enumerate(few))])


def walk() -> Walk:
    first, *others = PAYLOADS
    used = [text for text in PAYLOADS if text.strip() == text and ":" not in text][:1]
    nodes = [Node(first), *(Node(name, after=[first], cost=2.0, uses=used) for name in others)]
    return step_through(DAG(nodes), 2, failures={others[-1]: 1.0})


def bench_sweep() -> Sweep:
    where = Environment(
        PAYLOADS[0], PAYLOADS[1], PAYLOADS[2], packages={PAYLOADS[3]: PAYLOADS[4]}, revision=PAYLOADS[5]
    )
    ways = [(text, Setting(jobs, text, text, text)) for text in PAYLOADS for jobs in (1, 2)]
    runs = [Measured(Turn(i, *way, 1), 0.0, 1.0, 1.0 + i % 2, 1.0, 1.0, 1) for way in ways for i in range(2)]
    runs += [Measured(Turn(0, *way, 1), 0.0, 1.0, error=way[0]) for way in ways]
    return Sweep(PAYLOADS[0], PAYLOADS[0], tuple(runs), len(runs) + 1, where)


def bench_comparison() -> Comparison:
    other = replace(bench_sweep(), environment=Environment(PAYLOADS[6], PAYLOADS[7], PAYLOADS[8]))
    return compare(bench_sweep(), other)


SPECIMENS: Mapping[type, Callable[[], Any]] = {
    BreakerLab: lambda: breaker_lab(seconds=10.0),
    Breakers: breakers,
    BreakerStats: circuits,
    Comparison: bench_comparison,
    Sweep: bench_sweep,
    CacheMetrics: lambda: cache().get_metrics(),
    ContextManager: cache,
    DAG: lambda: graph_of(PAYLOADS),
    DeadlockLab: lab,
    DeadlockResult: deadlock,
    PolicyComparison: comparison,
    ProgressStats: progress_stats,
    ProgressTracker: tracker,
    RecoveryManager: recovery,
    RecoveryStats: lambda: RecoveryStats(1.0, {text: ActionStats(text, 1, 1, 1) for text in PAYLOADS}, circuits()),
    Replay: log,
    ReplayState: lambda: log().at(),
    ResourceManager: resources,
    ResourceStats: resource_stats,
    RetryLab: lambda: retry_lab(clients=4, outage=2.0),
    RunHandle: handle,
    RunReplay: lambda: log().last,
    RunResult: run,
    SagaResult: saga,
    Snapshot: snapshot,
    Schedule: troubled,
    Walk: walk,
    Waits: lambda: troubled().waits,
    Gaps: lambda: Gaps(Gap(0, i, i + 1.0, "lock", name, name) for i, name in enumerate(PAYLOADS)),
    Distribution: lambda: simulate_many(graph_of(PAYLOADS), 2, runs=9),
    WhatIf: lambda: what_if(graph_of(PAYLOADS), cached=PAYLOADS[1:2], faster=dict.fromkeys(PAYLOADS[:3], 2)),
    ValidationResult: lambda: ValidationResult(issues()),
}

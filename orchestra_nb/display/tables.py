"""Every frame: its columns, what each means, its kind and unit. ``docs/frames.md`` is made from this, and checked.

A name that a column has once is kept: notebooks read it. What is new stands behind what was there.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import get_args

from orchestra_nb.display.bench_tables import COMPARISON, SUMMARY, SWEEP
from orchestra_nb.display.columns import Column, Table, category, count, flag, moment, number, seconds, text
from orchestra_nb.display.comparison_tables import POLICIES
from orchestra_nb.display.gantt.bars import PIECES
from orchestra_nb.display.labs.tables import LABS
from orchestra_nb.display.simulation_tables import SIMULATION
from orchestra_nb.display.walk_tables import WALK
from orchestra_nb.errors import Severity
from orchestra_nb.eventlog.registry import EVENTS
from orchestra_nb.model import Certainty, EdgeKind, NodeKind, Status
from orchestra_nb.progress.state import STANDINGS
from orchestra_nb.recovery.breaker import State
from orchestra_nb.recovery.saga_result import Fate
from orchestra_nb.replay.fold import STATES
from orchestra_nb.resources.pools import Kind, Scope, Type

PLACES = ("main", "thread", "process", "async", "cluster")
"""Kinds of worker: the main thread, another one, another process, the event loop, another machine's process."""
_STATUSES: tuple[str, ...] = get_args(Status)
_CERTAINTIES = tuple(reversed(get_args(Certainty)))  # the less certain first
_SEVERITIES = tuple(reversed(get_args(Severity)))
_CIRCUITS = ("closed", "half-open", "open")
assert set(_CIRCUITS) == set(get_args(State))
SAFE = "for each backend, why the node must not run there; `safe` where it may"

NODES = Table(
    "dag.frame",
    "node, in document order",
    {
        "id": text("the node's name"),
        "level": count("how many nodes have to end before it, at least, one after another"),
        "cost": seconds("what it is expected to take"),
        "critical": flag("whether it lies on a longest way, of which there may be several"),
        "slack": seconds("how much later it could end without the whole ending later"),
        "earliest": seconds("its earliest start"),
        "latest": seconds("its latest start"),
        "rank": seconds("from its start to the end of all that needs it"),
        "gain": seconds("what the whole would save if it were twice as fast"),
        "kind": category("what its body is", get_args(NodeKind)),
        "reads": text("names that it uses, as `a, b`"),
        "writes": text("names that it binds"),
        "mutates": text("names that it changes in place"),
        "after": text("nodes that it waits for"),
    },
    f"`verdict_BACKEND` (text): {SAFE}. `not_kept` (text), where any node says `cache`: why its result is not kept.",
)
EDGES = Table(
    "(%orchestrate why A B).frame",
    "edge and piece of evidence",
    {
        "source": text("who is waited for"),
        "target": text("who waits"),
        "kind": category("what the two share", get_args(EdgeKind)),
        "certainty": category("how certain it is", _CERTAINTIES, ordered=True),
        "evidence": text("the reason in words; empty for an edge that somebody has declared"),
        "variable": text("the name, path or state that both touch"),
        "source_line": count("in the source's own cell", "line, from 1", optional=True),
        "target_line": count("in the target's own cell", "line, from 1", optional=True),
    },
)
LEVELS = Table(
    "(%orchestrate levels).frame",
    "level of a graph",
    {
        "level": count("which, from 0"),
        "nodes": text("its nodes, as `a, b`"),
        "width": count("how many", "nodes"),
        "cost": seconds("what they take together"),
        "longest": seconds("what the longest of them takes"),
    },
)
ISSUES = Table(
    "builder.validate(dag).frame",
    "fault",
    {
        "severity": category("whether it stops a run", _SEVERITIES, ordered=True),
        "code": text("the kind of fault"),
        "message": text("what was found and what was expected"),
        "nodes": text("the nodes concerned, as `a, b`"),
        "path": text("where"),
        "suggestion": text("what to do next"),
    },
)
GANTT = Table(
    "run.gantt().frame",
    "time that a node waited, ran or rested, by when it began; `replay.at(2.0).gantt().frame` too",
    {
        "node": text("its name"),
        "lane": text("the row of the chart: its worker; empty while it waits"),
        "kind": category(
            "what it did: it waited for locks, for a worker, or for either (told when it has ended); it had earlier "
            "attempts that are not known one by one; it ran; it rested before another attempt; in a simulation: it "
            "waited for the barrier of its level, it had rested before this attempt",
            PIECES,
        ),
        "start": seconds("when that began, since the run began"),
        "end": seconds("when that ended, since the run began"),
        "seconds": seconds("how long that was"),
        "status": category("how the node stands or has ended", (*STATES, "planned")),
        "attempts": count("how often its body was begun"),
        "critical": flag("whether it is on the critical path of the times measured"),
    },
)
OUTCOMES = Table(
    "run.frame",
    "node of a run, in document order",
    {
        "node": text("its name"),
        "level": count("its level, from 0"),
        "status": category("how it ended", _STATUSES),
        "seconds": seconds("time in its body; 0 where it never started"),
        "worker": text("the thread or process that ran it"),
        "queued": seconds("when all that it needs had ended, since the run began"),
        "lock_wait": seconds("the part of its wait that was for resources"),
        "started": seconds("when its body began, since the run began"),
        "ended": seconds("when its body ended, since the run began"),
        "attempts": count("how often its body was begun"),
        "cached": flag("whether an earlier run had its result"),
        "bytes_in": count("what travelled to another process for it", "bytes"),
        "bytes_out": count("what travelled back", "bytes"),
        "reason": text("why it was skipped or cancelled, or ran elsewhere than asked"),
        "kind": category("what its body is", get_args(NodeKind)),
        "phase": text("its group"),
        "place": category("the kind of its worker; missing where nothing ran it", PLACES),
        "queued_at": moment("`queued` on the wall clock"),
        "started_at": moment("`started` on the wall clock"),
        "ended_at": moment("`ended` on the wall clock"),
    },
)
RUN_LEVELS = Table(
    "run.levels",
    "level of a run",
    {
        "level": count("which, from 0"),
        "nodes": text("its nodes, as `a, b`"),
        "width": count("how many", "nodes"),
        **{status: count(f"how many ended as `{status}`", "nodes") for status in _STATUSES},
        "started": seconds("when the first body began, since the run began"),
        "ended": seconds("when the last body ended, since the run began"),
        "seconds": seconds("from the one to the other"),
        "work": seconds("all bodies together"),
        "started_at": moment("`started` on the wall clock"),
        "ended_at": moment("`ended` on the wall clock"),
    },
)
HAPPENED = Table(
    "run.events",
    "event, in the order of time; `replay.last.events` and `replay.at(2.0).events` too",
    {
        "at": seconds("when, since the run began"),
        "name": category("which event", EVENTS),
        "about": text("the node, key, owner, circuit or resource that it is about"),
        "said": text("what else it says, as `key=value`"),
        "when": moment("`at` on the wall clock"),
    },
)
STATES_OF_NODES = Table(
    "replay.at(2.0).frame",
    "node of a run at one moment",
    {
        "node": text("its name"),
        "level": count("its level, from 0"),
        "phase": text("its group"),
        "state": category("how it stood", STATES),
        "since": seconds("since when, from the beginning of the run; of one that rests, until when"),
        "worker": text("the lane that it ran in, or who ran it"),
        "attempts": count("how often its body had been begun"),
        "started": seconds("when its body began, since the run began"),
        "ended": seconds("when its body ended, since the run began"),
        "seconds": seconds("time in its body"),
        "reason": text("why it failed, was skipped or cancelled, or ran elsewhere than asked"),
    },
)
RUNS = Table(
    "Replay.read(path).frame",
    "run of a log",
    {
        "run": text("its id"),
        "started_at": moment("when it began"),
        "nodes": count("how many it had"),
        "events": count("how many the log has of it"),
        "seconds": seconds("how long the log tells of it"),
        "percent": number("how far it was at the end of the log", "%"),
        "over": flag("whether it had ended"),
        "success": flag("whether it had ended well"),
        "faults": count("contradictions in what the log says"),
    },
)
HISTORY = Table(
    "history(subject)",
    "node and earlier run that is remembered, the newest first",
    {
        "node": text("its name; empty where nothing tells whose durations these are"),
        "ago": count("the last run of this node is 1, the one before it 2"),
        "seconds": seconds("what it took then"),
        "expected": seconds("what the next run expects: the median of what is remembered"),
        "source": text("the digest of its code, which it is remembered by"),
    },
)
_COUNTED: Mapping[str, Column] = {
    "hits": count("questions that memory answered"),
    "misses": count("questions that it did not"),
    "hit_rate": number("share of questions that it answered", "0 to 1"),
    "sets": count("values that came in"),
    "evictions": count("values that went for want of room"),
    "expirations": count("values whose time was up"),
    "invalidations": count("values that somebody has dropped"),
    "refusals": count("values that were not kept: too large, or not to be copied"),
    "promotions": count("misses that the store on disk could answer"),
    "computations": count("functions that were called for a missing key"),
    "joined": count("askers that waited for one instead of calling theirs"),
    "seconds_saved": seconds("what computing would have taken where a hit answered"),
}
CACHE_KEYS = Table(
    "cache.frame",
    "key that a cache has a value of, or had",
    {
        "key": text("which"),
        "cached": flag("whether there is a value now"),
        "bytes": count("what it weighs, with what it shares with others", "bytes"),
        "ttl": seconds("what it has left; missing where it has no end"),
        **_COUNTED,
    },
)
CACHE = Table(
    "cache.get_metrics().frame",
    "cache",
    {
        "entries": count("keys with a value"),
        "bytes": count("what they weigh together", "bytes"),
        "max_bytes": count("what they may weigh", "bytes"),
        "deduplicated": count("what equal values would weigh more if each key had its own", "bytes"),
        **_COUNTED,
    },
)
RESULTS = Table(
    "(%orchestrate cache).frame",
    "place where results of nodes are kept: one",
    {
        "folder": text("where; empty when the cache is off"),
        "results": count("results of nodes that are kept"),
        "entries": count("everything that is kept there"),
        "bytes": count("what it weighs together", "bytes"),
        "found": count("nodes of the last run that had their result from there"),
        "in_vain": count("nodes that say `cache` and had not"),
    },
)
RESOURCES = Table(
    "resources.frame",
    "resource",
    {
        "resource": text("its name"),
        "type": category("what it stands for", get_args(Type)),
        "scope": category("who shares it", get_args(Scope)),
        "kind": category("held and given back, so many in a time, or so much in all", get_args(Kind)),
        "capacity": number("how much there is"),
        "period": seconds("of a rate: the time that the capacity is for; missing where there is none"),
        "used": number("how much is held or spent now"),
        "left": number("how much is not"),
        "utilisation": number("share that was held on average since it was registered", "0 to 1"),
        "holders": text("who holds how much, as `load 1, fit 2`"),
        "waiting": text("who waits for how much"),
        "granted": count("locks that were given"),
        "timed_out": count("waits that were in vain"),
        "victims": count("requests that gave way in a circle of waits"),
        "expired": count("locks that were taken back because their time was up"),
        "wait_p50": seconds("half of the grants had to wait no longer"),
        "wait_p90": seconds("nine of ten had to wait no longer"),
        "wait_p99": seconds("all but one of a hundred had to wait no longer"),
        "wait_max": seconds("the longest wait"),
    },
)
WAITS = Table(
    "resources.detect_deadlock().frame",
    "wait in a circle",
    {
        "circle": count("which circle, from 0"),
        "owner": text("who waits"),
        "resource": text("for what"),
        "holder": text("who holds it"),
    },
)
ACTIONS = Table(
    "recovery.frame",
    "action that was called with retries",
    {
        "action": text("its id"),
        "calls": count("how often it was called"),
        "attempts": count("how often it was tried"),
        "succeeded": count("calls that ended well"),
        "failed": count("calls that did not"),
    },
)
CIRCUITS = Table(
    "recovery.circuits.frame",
    "circuit",
    {
        "circuit": text("its name"),
        "state": category("how much it lets through, from all to nothing", _CIRCUITS, ordered=True),
        "since": seconds("when it got into this state, since the breakers were made"),
        "retry_after": seconds("until an open circuit lets a probe through"),
        "failures_in_a_row": count("of a closed one, up to now"),
        "failure_rate": number("share of calls that failed within the policy's window", "0 to 1"),
        "probes": count("how many are under way"),
        "last_failure": text("in words"),
        "succeeded": count("calls that ended well"),
        "failed": count("calls that failed"),
        "abandoned": count("calls that were cancelled or interrupted"),
        "late": count("calls that began before it changed its state, and do not count"),
        "rejected": count("calls that it let not through"),
        "opened": count("how often it has opened"),
    },
)
SAGA = Table(
    "saga_result.frame",
    "step of a saga",
    {
        "step": text("its name"),
        "fate": category("what became of it", get_args(Fate)),
        "attempts": count("how often it was tried"),
        "undo_attempts": count("how often its compensation was"),
        "error": text("what it raised last"),
        "undo_error": text("what its compensation raised last"),
        "in_doubt": flag("whether nobody knows if it was done"),
        "despite": text("who had used what it made, and was not undone"),
    },
)
PROGRESS = Table(
    "tracker.frame",
    "run that is followed: one",
    {
        "name": text("of the run"),
        "percent": number("how far it is", "%"),
        **{standing: count(f"nodes that are {standing.replace('_', ' ')}", "nodes") for standing in STANDINGS},
        "total": count("all", "nodes"),
        "elapsed": seconds("since it began"),
        "eta_low": seconds("what is left, if things go well"),
        "eta_expected": seconds("what is probably left"),
        "eta_high": seconds("what is left, if they do not"),
        "over": flag("whether it has ended"),
        "paused": flag("whether somebody has paused it"),
    },
)
PARTS = ("progress", "cache", "resources", "recovery", "circuits")
ENGINE = Table(
    "engine.frame",
    "number of a part of an engine",
    {
        "part": category("which part", PARTS),
        "item": text("the resource, action, circuit or run; empty for the part as a whole"),
        "measure": text("the column of that part's own frame"),
        "value": number("as a number"),
    },
)
PANELS = ("progress", "running", "levels", "todos", "cache", "locks", "breakers", "events", "graph", "gantt")
DASHBOARD = Table(
    "snapshot.frame",
    "number of a panel of a dashboard",
    {
        "panel": category("which panel", PANELS),
        "item": text("what its row is about: the first column of that panel's own frame, where that is no number"),
        "measure": text("the column of that panel's own frame"),
        "value": number("as a number"),
    },
)

TABLES: Mapping[str, Table] = MappingProxyType(
    {
        table.found: table
        for table in (
            *(OUTCOMES, RUN_LEVELS, HAPPENED, HISTORY, NODES, EDGES, LEVELS, ISSUES, *SIMULATION, CACHE_KEYS, CACHE),
            *(RESULTS, SWEEP, SUMMARY, COMPARISON),
            *(WALK, POLICIES),
            *(RESOURCES, WAITS, ACTIONS, CIRCUITS, SAGA, PROGRESS, ENGINE, DASHBOARD, STATES_OF_NODES, RUNS, GANTT),
            *LABS,
        )
    }
)
"""Every frame, by the expression that gives it."""

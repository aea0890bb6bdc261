"""How a log shows itself, and a run of it at one moment: how far it was, each node, locks, circuits, and the picture.

Policy: the first line is the one that a person who watched the run would have read at that moment; the rest is
evidence. What is wrong with the log stands below, each with its line and what is still true.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Any

from orchestra_nb.bus import Event
from orchestra_nb.display import html, tables
from orchestra_nb.display.columns import after, epoch_of, framed
from orchestra_nb.display.gantt.chart import Gantt, gantt_of
from orchestra_nb.display.graphs import picture_block
from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.text import aligned, some
from orchestra_nb.display.wording import clean, count, duration, short
from orchestra_nb.errors import Issue
from orchestra_nb.eventlog.codec import event_to_json
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.presentation import Bundle, presents
from orchestra_nb.progress.terminal import plain_line
from orchestra_nb.replay import NodeState, Replay, ReplayState, RunReplay

if TYPE_CHECKING:
    import pandas as pd

_HEADINGS = ("node", "state", "when", "worker", "attempts", "why")
_MOST = 200
"""Lines of a text that are shown of one thing."""


@presents(ReplayState)
class ReplayStatePresenter:
    """Shows one moment of a run."""

    def bundle(self, value: ReplayState) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        head, rows = headline(value), [node_row(node) for node in value.nodes.values()]
        lines = list(_beside(value))
        markup = [html.paragraph(head), *map(html.paragraph, lines)]
        states = {name: node.state for name, node in value.nodes.items()}
        markup.append(picture_block(value.dag, value.outcomes, states=states, said=head))
        markup.append(html.details(count(len(rows), "node"), html.table(_HEADINGS, rows), shown=len(rows) <= 40))
        return {"text/plain": state_text(value), "text/html": "".join(markup)}

    def frame(self, value: ReplayState) -> pd.DataFrame:
        """Make the frame of nodes."""
        rows = []
        for name, node in value.nodes.items():
            outcome = value.outcomes.get(name)
            times = (None, None, None) if outcome is None else (outcome.started, outcome.ended, outcome.seconds)
            told = (node.state, node.since, node.worker, node.attempts, *times, node.reason)
            rows.append((name, node.level, node.phase, *told))
        return framed(tables.STATES_OF_NODES.columns, rows)

    def events(self, value: ReplayState) -> pd.DataFrame:
        """Make the frame of what had happened."""
        return events_frame(value.facts, value.started_at)

    def gantt(self, value: ReplayState, *, plan: bool) -> Gantt:
        """Make the Gantt chart."""
        return gantt_of(value, headline(value), plan=plan)


@presents(RunReplay)
class RunReplayPresenter:
    """Shows a run of a log as it ended."""

    def bundle(self, value: RunReplay) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        shown, faults = ReplayStatePresenter().bundle(value.end), fault_lines(value.faults)
        text = "\n".join([str(shown["text/plain"]), *faults])
        return {"text/plain": text, "text/html": str(shown["text/html"]) + "".join(map(html.paragraph, faults))}

    def frame(self, value: RunReplay) -> pd.DataFrame:
        """Make the frame of nodes."""
        return ReplayStatePresenter().frame(value.end)

    def events(self, value: RunReplay) -> pd.DataFrame:
        """Make the frame of everything that happened."""
        return events_frame(value.facts, value.started_at)


@presents(Replay)
class ReplayPresenter:
    """Shows a log: its last run in full, the others in a line each, and what is wrong."""

    def bundle(self, value: Replay) -> Bundle:
        """Make ``text/plain`` and ``text/html``."""
        others = [headline(run.end) for run in value.runs[:-1]]
        shown, faults = ReplayStatePresenter().bundle(value.last.end), fault_lines(value.faults)
        text = "\n".join([*some(others, _MOST), str(shown["text/plain"]), *faults])
        markup = [*map(html.paragraph, others), str(shown["text/html"]), *map(html.paragraph, faults)]
        return {"text/plain": text, "text/html": "".join(markup)}

    def frame(self, value: Replay) -> pd.DataFrame:
        """Make the frame of runs."""
        rows = []
        for run in value.runs:
            end = run.end
            progress = end.stats
            told = (progress.percent, end.over, bool(end.success), len(run.faults))
            rows.append((str(run.run), epoch_of(run.started_at), len(end.dag), len(run.facts), end.at, *told))
        return framed(tables.RUNS.columns, rows)


def headline(state: ReplayState) -> str:
    """Say how far a run was, in one line."""
    how = "" if not state.over else " · done" if state.success else " · failed"
    how += f" · the log ends at {duration(state.at)}" if state.beyond else ""
    return f"run {plain_line(state.stats)}{how}" if state.run else f"{plain_line(state.stats)}{how}"


def state_text(state: ReplayState) -> str:
    """Describe one moment of a run in plain text."""
    rows = [node_row(node) for node in state.nodes.values()]
    return "\n".join([headline(state), *some(list(aligned(rows)) if rows else [], _MOST), *_beside(state)])


def node_row(node: NodeState) -> tuple[str, ...]:
    """Describe one node: name, state, since when or at what moment, on which worker, in which attempt, and why."""
    mark = LOOKS[node.state].mark
    word = {"running": "since", "queued": "since", "resting": "until"}.get(node.state, "at")
    when = "" if node.state == "waiting" else f"{word} {duration(node.since)}"
    attempts = f"attempt {node.attempts}" if node.attempts > 1 else ""
    return (f"{mark} {clean(node.node)}", node.state, when, clean(node.worker), attempts, clean(node.reason))


def fault_lines(faults: Iterable[Issue]) -> list[str]:
    """Say what is wrong with a log, a line each."""
    return [f"{fault.severity} [{clean(fault.code)}] {clean(fault)}" for fault in faults]


def event_row(event: Event) -> tuple[str, ...]:
    """Say one event: when, which, what it is about, and what else it says.

    Examples
    --------
    >>> from orchestra_nb.events import NodeStarted
    >>> event_row(NodeStarted(0.5, "load", "thread"))
    ('0.500 s', 'execution:node-started', 'load', 'lane=thread')
    """
    return (f"{event.at:.3f} s", event.name, *about(event))


def events_text(state: ReplayState) -> str:
    """List what had happened, a line each."""
    return "\n".join(aligned([event_row(event) for event in state.facts]) if state.facts else ())


def events_frame(events: Iterable[Event], started_at: str = "") -> pd.DataFrame:
    """One row for each event: when, which, what it is about, what else it says, and when that was on the wall clock.

    Parameters
    ----------
    events
        In the order of the rows.
    started_at
        When their run began, in ISO 8601; empty where that is not known.
    """
    began = epoch_of(started_at)
    rows = ((event.at, event.name, *about(event), after(began, event.at)) for event in events)
    return framed(tables.HAPPENED.columns, rows)


def about(event: Event) -> tuple[str, str]:
    """What an event is about (a node, a key, an owner, a circuit), and the rest of what it says."""
    if isinstance(event, DagBuilt):  # without its graph
        return clean(event.run), f"nodes={len(event.dag):,}"
    record = event_to_json(event)
    outcome = record.pop("outcome", None)
    if outcome is not None:
        record |= {key: outcome[key] for key in ("node", "status", "attempts", "worker", "reason") if outcome[key]}
    del record["name"], record["at"]
    about = ""
    for key in ("node", "key", "owner", "circuit", "resource", "step", "call", "tracked"):
        if key in record:
            about = clean(record.pop(key))
            break
    return about, " ".join(f"{key}={short(_worded(value), 60)}" for key, value in record.items())


def _worded(value: Any) -> str:
    if isinstance(value, list):
        return ",".join(" ".join(map(str, item)) if isinstance(item, list) else str(item) for item in value)
    return str(value)


def _beside(state: ReplayState) -> Iterator[str]:
    """What there was to say beside the nodes."""
    if state.pause is not None:
        yield clean(f"paused at {duration(state.pause.at)}: {short(state.pause.reason)}")
    if state.levels_done:
        yield f"levels done: {state.levels_done:,} of {len(state.dag.levels):,}"
    for owner, resources in state.locks[:_MOST]:
        yield clean(f"lock: {owner} holds {', '.join(resources)}")
    for owner, resources in state.lock_waits[:_MOST]:
        yield clean(f"lock: {owner} waits for {', '.join(resources)}")
    for circuit, how in state.circuits.items():
        yield clean(f"circuit {circuit}: {how}")
    told = {name: number for name, number in state.counts.items() if name.startswith("cache:")}
    if told:
        yield "cache: " + ", ".join(f"{number:,} {name.partition(':')[2]}" for name, number in sorted(told.items()))
    if state.stalled is not None:
        waiting = ", ".join(f"{name} ({what})" for name, what in state.stalled.waiting[:5])
        yield clean(f"silent for {duration(state.stalled.silent)}: {', '.join(state.stalled.running[:5])}; {waiting}")

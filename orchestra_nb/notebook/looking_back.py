"""What a session answers about its last run, or the one that goes on: cache, locks, events, and how long others took.

Each answer is a value with a frame; the words above it say what a person wants to know first. Failure: a name that is
not there is a :class:`~orchestra_nb.errors.CommandError` that names the nearest; nothing to tell is an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fnmatch import fnmatchcase
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.display import frames, html, text
from orchestra_nb.display.replays import event_row, events_frame
from orchestra_nb.display.wording import clean, count, duration
from orchestra_nb.errors import CommandError, nearest
from orchestra_nb.eventlog.registry import check_pattern
from orchestra_nb.events import Event
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook.reports import Report, table_report, told
from orchestra_nb.replay.happened import happened
from orchestra_nb.resources.manager import ResourceManager
from orchestra_nb.resources.statistics import ResourceStats
from orchestra_nb.running.history import remembered
from orchestra_nb.running.recall import forget_results
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.results_kept import results_kept

NOTHING_RAN = "nothing has run yet; %orchestrate run"


def cache(config: RunConfig, result: RunResult | None, *, clear: bool = False) -> Report:
    """Say what is kept of nodes' results, and what a run found of it.

    Parameters
    ----------
    config
        Says where results are kept.
    result
        Of the last run.
    clear
        Forget them first.
    """
    gone = forget_results(config) if clear else 0
    kept = results_kept(config)
    asked = [o for o in result.outcomes.values() if result.dag.nodes[o.node].cache] if result is not None else []
    found = [outcome for outcome in asked if outcome.status == "cached"]
    where = f"in {clean(kept.folder)}" if kept.folder else "as the cache is off"
    size = f"{kept.bytes / 1e6:,.1f} MB" if kept.bytes >= 1e5 else f"{kept.bytes:,} bytes"
    lines = [f"forgotten: {count(gone, 'result')}"] if clear else []
    lines.append(f"{count(kept.results, 'result')} of nodes kept {where}; {size} in {kept.entries:,} entries")
    none = "none of its nodes says cache" if result is not None else "there was none yet"
    lines.append(f"last run: {f'{len(found):,} of {len(asked):,} results found' if asked else none}")
    rows = [(clean(o.node), o.status, duration(o.seconds), clean(o.reason)) for o in asked]
    table = table_report(("node", "status", "time", "why"), rows)
    numbers = (kept.folder, kept.results, kept.entries, kept.bytes, len(found), len(asked) - len(found))
    markup = "".join(map(html.paragraph, lines)) + (table.markup if rows else "")
    return Report("\n".join([*lines, *filter(None, [table.plain])]), markup, lambda: frames.results(numbers))


def locks(manager: ResourceManager | None, names: Sequence[str], ran: bool) -> ResourceStats | Report:
    """Say who holds what and who waits, of all resources or of some.

    Parameters
    ----------
    manager
        Of the run; ``None``: nothing was used.
    names
        Only these; none: all.
    ran
        Whether there was a run.

    Raises
    ------
    CommandError
        There is no such resource.
    """
    stats = manager.get_resource_stats() if manager is not None else ResourceStats(0.0, {}, {})
    for name in names:
        if name not in stats.resources:
            hint = nearest(name, stats.resources) or "no node of the last run uses a resource"
            raise CommandError(f"%orchestrate locks: no resource {name!r}; {hint}")
    if manager is None:
        words = "no node of the last run uses a resource; #| uses: gpu says that one does" if ran else NOTHING_RAN
        return replace(told(words), make_frame=lambda: frames.resources(stats))
    return replace(stats, resources={name: stats[name] for name in names}) if names else stats


def events(
    result: RunResult | None, pattern: str = "*", last: int | None = None, so_far: Sequence[Event] | None = None
) -> Report:
    """List what happened in a run.

    Parameters
    ----------
    result
        Of the last run.
    pattern
        Only events of such names.
    last
        Only the last so many.
    so_far
        What was heard of a run that goes on, which is then the one that is asked for.

    Raises
    ------
    ConfigError
        No event has such a name.
    """
    check_pattern(pattern)
    if result is None and so_far is None:
        return replace(told(NOTHING_RAN), make_frame=lambda: events_frame([]))
    known = so_far if so_far is not None or result is None else happened(result)
    began = result.started_at if so_far is None and result is not None else ""
    every = [event for event in known or () if fnmatchcase(event.name, pattern)]
    found = every if last is None else every[-last:]
    rows = [event_row(event) for event in found]
    of = "the last run" if so_far is None else "the run that goes on; those of its nodes are told when it is over"
    head = f"{count(len(every), 'event')} of {of}" + (f", the last {len(rows):,}" if len(rows) < len(every) else "")
    lines = text.some(list(text.aligned(rows)) if rows else [], html.MOST_ROWS)
    markup = html.paragraph(head) + html.table(("at", "event", "about", "says"), rows)
    return Report("\n".join([head, *lines]), markup, lambda: events_frame(found, began))


def history(config: RunConfig, dag: DAG | None, nodes: Sequence[str]) -> Report:
    """Say what nodes took in earlier runs.

    Parameters
    ----------
    config
        Says whether anything is remembered.
    dag
        Whose nodes; ``None``: all that is remembered.
    nodes
        Only these; none: all.

    Raises
    ------
    CommandError
        There is no such node.
    """
    found = remembered(config, dag, nodes)
    rows: list[tuple[Any, ...]] = [
        (
            clean(each.node or f"({each.source[:8]})"),
            duration(each.expected),
            f"{len(each.seconds)}",
            ", ".join(duration(seconds) for seconds in reversed(each.seconds)),
        )
        for each in found
    ]
    head = f"{count(len(rows), 'node')} remembered" if rows else "nothing is remembered of earlier runs"
    report = table_report(("node", "expected", "runs", "the latest first"), rows, head)
    return replace(report, make_frame=lambda: frames.history(found))

"""Pipelines of Microsoft Fabric as JSON: read and written.

Two forms are read: what ``notebookutils.notebook.runMultiple`` takes (``activities`` with ``dependencies``), which is
also what is written, and a pipeline of Data Factory (``properties.activities`` with ``dependsOn``). Neither says how
long an activity takes: a node costs what ``missing`` says, else 1.0, which counts as not known. Attempts and rests,
time limits, paths and arguments are kept; a dependency on anything but success is a fault, because a run here goes on
only after what it needs went well.
"""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from orchestra_nb.config import RetryPolicy
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.taskgraphs.drafts import Draft

_SPAN = re.compile(r"(?:(\d+)\.)?(\d{1,2}):(\d{2}):(\d{2})")
_KEPT = ("path", "args", "workspace", "type", "description")
_ON = ("Succeeded", "Completed")


def recognises(data: object) -> bool:
    """Whether a JSON document is such a pipeline.

    Examples
    --------
    >>> recognises({"activities": []}), recognises({"properties": {"activities": []}}), recognises({"phases": []})
    (True, True, False)
    """
    return _holder(data) is not None


def _holder(data: object) -> tuple[Mapping[str, Any], str] | None:
    if not isinstance(data, Mapping):
        return None
    if isinstance(data.get("activities"), list):
        return data, "activities"
    inner = data.get("properties")
    if isinstance(inner, Mapping) and isinstance(inner.get("activities"), list):
        return inner, "properties.activities"
    return None


def read(data: Mapping[str, Any], draft: Draft) -> DAG:
    """Read a pipeline.

    Raises
    ------
    DefinitionError
        Every fault, with its place.

    Examples
    --------
    >>> dag = read({"activities": [{"name": "a"}, {"name": "b", "dependencies": ["a"], "retry": 1}]}, Draft("p.json"))
    >>> dag.levels, dag.nodes["b"].retry.attempts
    ((('a',), ('b',)), 2)
    """
    found = _holder(data)
    assert found is not None
    holder, root = found
    for i, activity in enumerate(holder["activities"]):
        place = f"{root}[{i}]"
        if not isinstance(activity, Mapping):
            draft.fault("not-a-task", f"an activity must be a mapping, not {activity!r:.60}", place)
            continue
        name = draft.task(activity.get("name"), place)
        if name:
            draft.settle(
                name, cost=1.0 if draft.missing is None else draft.missing, **_settings(activity, place, draft)
            )
            _needs(activity, name, place, draft)
    named = data.get("name")
    kept = {key: holder[key] for key in ("timeoutInSeconds", "concurrency") if key in holder}
    return draft.made({"name": named if isinstance(named, str) else "", "format": "fabric", **kept})


def _settings(activity: Mapping[str, Any], place: str, draft: Draft) -> dict[str, Any]:
    inner = activity.get("policy")
    policy = inner if isinstance(inner, Mapping) else {}
    where = f"{place}.policy" if policy else place
    again = _number(policy.get("retry", activity.get("retry", 0)), f"{where}.retry", draft)
    given = policy.get("retryIntervalInSeconds", activity.get("retryIntervalInSeconds", 0))
    rest = _number(given, f"{where}.retryIntervalInSeconds", draft)
    settings: dict[str, Any] = {"metadata": {key: activity[key] for key in _KEPT if key in activity}}
    if again:
        rests: dict[str, Any] = (
            {"initial_delay": rest, "max_delay": max(rest, 60.0), "multiplier": 1.0, "jitter": 0.0} if rest else {}
        )
        settings["retry"] = RetryPolicy(attempts=int(again) + 1, **rests)
    limit = activity.get("timeoutPerCellInSeconds")
    if limit is not None:
        settings["timeout"] = _number(limit, f"{place}.timeoutPerCellInSeconds", draft) or None
    elif isinstance(policy.get("timeout"), str):
        span = _SPAN.fullmatch(policy["timeout"])
        if span is None:
            told = f"must be days.hours:minutes:seconds, as 0.12:00:00, not {policy['timeout']!r:.60}"
            draft.fault("not-a-number", told, f"{place}.policy.timeout")
        else:
            days, hours, minutes, seconds = (int(part or 0) for part in span.groups())
            settings["timeout"] = float(((days * 24 + hours) * 60 + minutes) * 60 + seconds) or None
    return settings


def _number(value: object, place: str, draft: Draft) -> float:
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not math.isfinite(value) or not 0 <= value < 1e9:  # type: ignore[arg-type,operator]
        draft.fault("not-a-number", f"must be a number, zero or more, not {value!r:.60}", place)
        return 0.0
    return float(value)  # type: ignore[arg-type]


def _needs(activity: Mapping[str, Any], name: str, place: str, draft: Draft) -> None:
    for key in ("dependencies", "dependsOn"):
        listed = activity.get(key, [])
        if not isinstance(listed, list):
            draft.fault("not-a-list", f"must be a list of activities, not {listed!r:.60}", f"{place}.{key}")
            continue
        for i, item in enumerate(listed):
            where = f"{place}.{key}[{i}]"
            source = item.get("activity") if isinstance(item, Mapping) else item
            if not isinstance(source, str):
                draft.fault("no-name", f"must name an activity, not {item!r:.60}", where)
                continue
            when = item.get("dependencyConditions", ["Succeeded"]) if isinstance(item, Mapping) else ["Succeeded"]
            if not isinstance(when, list) or not when or any(each not in _ON for each in when):
                told = f"{name!r} is to come after {source!r} on {when!r:.60}; here nodes come after what went well"
                draft.fault("not-understood", told, where, "take the condition away", [source, name])
            draft.need(source, name, where)


def document(dag: DAG) -> dict[str, Any]:
    """Make what ``runMultiple`` takes: each node as a notebook of its name, unless its metadata has a ``path``.

    Examples
    --------
    >>> document(DAG([Node("a"), Node("b", after=["a"], timeout=60)]))["activities"][1]
    {'name': 'b', 'path': 'b', 'timeoutPerCellInSeconds': 60, 'dependencies': ['a']}
    """
    activities = [_activity(dag, node) for node in dag.nodes.values()]
    kept = {key: dag.metadata[key] for key in ("timeoutInSeconds", "concurrency") if key in dag.metadata}
    return {"activities": activities, **kept}


def _activity(dag: DAG, node: Node) -> dict[str, Any]:
    made: dict[str, Any] = {"name": node.id, "path": str(node.metadata.get("path", node.id))}
    if node.timeout is not None:
        made["timeoutPerCellInSeconds"] = node.timeout
    if isinstance(node.metadata.get("args"), Mapping):
        made["args"] = dict(node.metadata["args"])
    attempts = node.retry.attempts if isinstance(node.retry, RetryPolicy) else node.retry
    if isinstance(attempts, int) and not isinstance(attempts, bool) and attempts > 1:
        made["retry"] = attempts - 1
        if isinstance(node.retry, RetryPolicy):
            made["retryIntervalInSeconds"] = node.retry.initial_delay
    made["dependencies"] = list(dag.predecessors(node.id))
    return made

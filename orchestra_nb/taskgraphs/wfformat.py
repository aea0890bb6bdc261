"""WfFormat, in which WfCommons publishes executions of scientific workflows: read, versions 1.0 to 1.5.

Up to 1.4 a task has everything (``workflow.tasks``, in 1.2 and before ``jobs``); since 1.5 what is to be done and what
was done stand apart (``workflow.specification`` and ``workflow.execution``). A file is read by what is in it and not by
the version it claims, which published files get wrong. Coleman, Casanova, Pottier, Kaushik, Deelman and Ferreira da
Silva, "WfCommons: A framework for enabling scientific workflow research and development", Future Generation Computer
Systems 128 (2022).

Policy: a node is named as its task where no two tasks share a name, else by its id. Parents and children must agree
where a file has both; a file in which nobody has children, or nobody parents, has only the other. What the simulator
has no use for (files, memory, machines) is kept in metadata.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

from orchestra_nb.graph.dag import DAG
from orchestra_nb.taskgraphs.drafts import Draft

_RUNTIMES = ("runtimeInSeconds", "runtime")
_KEPT = {
    "inputFiles": "inputs",
    "outputFiles": "outputs",
    "files": "files",
    "coreCount": "cores",
    "cores": "cores",
    "machines": "machines",
    "machine": "machines",
    "memoryInBytes": "memory",
    "memory": "memory",
    "readBytes": "read",
    "writtenBytes": "written",
    "avgCPU": "cpu",
    "command": "command",
    "priority": "priority",
}
"""What is kept of a task, and under which key of the node's metadata."""


_NUMBER = re.compile(r"[_-]?(?:ID)?\d+")
"""What tells a task from others of its kind, at the end of its name."""


def recognises(data: object) -> bool:
    """Whether a JSON document is a workflow of this format.

    Examples
    --------
    >>> recognises({"workflow": {"tasks": []}}), recognises({"tasks": []})
    (True, False)
    """
    inner = data.get("workflow") if isinstance(data, Mapping) else None
    return isinstance(inner, Mapping) and bool(inner.keys() & {"tasks", "jobs", "specification"})


def read(data: Mapping[str, Any], draft: Draft) -> DAG:
    """Read a workflow.

    Raises
    ------
    DefinitionError
        Every fault, with its place.

    Examples
    --------
    >>> tasks = [{"name": "a", "runtime": 2.0}, {"name": "b", "runtime": 3.0, "parents": ["a"]}]
    >>> read({"name": "two", "workflow": {"tasks": tasks}}, Draft("two.json")).critical_time
    5.0
    """
    return _Workflow(data, draft).made()


def _kind(task: Mapping[str, Any], name: str) -> str:
    """Say what kind of work a task is: as it says itself, or its program, or its name without the number."""
    command = task.get("command")
    program = command.get("program") if isinstance(command, Mapping) else None
    for told in (task.get("category"), program):
        if isinstance(told, str) and told:
            return told
    called = str(task.get("name") or name)
    end = _NUMBER.search(called, len(called.rstrip("0123456789")) - 4 if len(called) > 4 else 0)
    return called[: end.start()] if end is not None and end.end() == len(called) and end.start() else called


class _Workflow:
    """One file while it is read."""

    def __init__(self, data: Mapping[str, Any], draft: Draft) -> None:
        self._data = data
        self._draft = draft
        inner = data["workflow"]
        split = isinstance(inner.get("specification"), Mapping)
        self._workflow = inner
        root = "workflow.specification" if split else "workflow"
        holder = inner["specification"] if split else inner
        key = "tasks" if "tasks" in holder or "jobs" not in holder else "jobs"
        self._tasks = self._listed(holder.get(key), f"{root}.{key}")
        execution = inner.get("execution") if split else None
        self._executed = self._executions(execution) if split else None
        self._facts = execution if isinstance(execution, Mapping) else inner
        self._files = holder.get("files")

    def made(self) -> DAG:
        """Read everything."""
        names = self._names()
        for place, task, name in names:
            self._task(place, task, name)
        if self._executed is not None:
            self._check_executed()
        self._relations(names)
        facts = {"makespanInSeconds": "makespan", "makespan": "makespan", "machines": "machines", "executedAt": "ran"}
        metadata = {key: self._facts[given] for given, key in facts.items() if given in self._facts}
        sizes = self._sizes()
        metadata |= {"files": sizes} if sizes else {}
        title = self._data.get("name")
        return self._draft.made({"name": title if isinstance(title, str) else "", "format": "wfformat", **metadata})

    def _sizes(self) -> dict[str, int]:
        """How large files are, as far as that can be understood: nothing hangs on it."""
        files = [each for each in self._files if isinstance(each, Mapping)] if isinstance(self._files, list) else []
        told = [(each.get("id"), each.get("sizeInBytes")) for each in files]
        return {name: size for name, size in told if isinstance(name, str) and type(size) is int and size >= 0}

    def _listed(self, value: object, place: str) -> list[tuple[str, Mapping[str, Any]]]:
        """Give the mappings of a list with their places; whatever else is in it is a fault."""
        if not isinstance(value, list):
            told = "is missing" if value is None else f"must be a list, not {value!r:.60}"
            self._draft.fault("not-a-list", f"the list of tasks {told}", place)
            return []
        for i, item in enumerate(value):
            if not isinstance(item, Mapping):
                self._draft.fault("not-a-task", f"a task must be a mapping, not {item!r:.60}", f"{place}[{i}]")
        return [(f"{place}[{i}]", item) for i, item in enumerate(value) if isinstance(item, Mapping)]

    def _executions(self, execution: object) -> dict[str, tuple[str, Mapping[str, Any]]]:
        """What was measured of each task, by its id; nothing where nothing was executed."""
        if not isinstance(execution, Mapping):
            return {}
        found: dict[str, tuple[str, Mapping[str, Any]]] = {}
        for place, task in self._listed(execution.get("tasks"), "workflow.execution.tasks"):
            key = str(task.get("id"))
            if key in found:
                told = f"what was measured of {key!r} is there already, at {found[key][0]}"
                self._draft.fault("duplicate-name", told, place, "keep one", [key])
            else:
                found[key] = (place, task)
        return found

    def _names(self) -> list[tuple[str, Mapping[str, Any], str]]:
        """Give each task its name, or its id where names are shared."""
        counts = Counter(str(task.get("name")) for _, task in self._tasks)
        shared = any(number > 1 for number in counts.values()) or "None" in counts
        first, second = ("id", "name") if shared and all("id" in task for _, task in self._tasks) else ("name", "id")
        named = []
        for place, task in self._tasks:
            used = self._draft.task(task.get(first, task.get(second)), place)
            if used:
                named.append((place, task, used))
        return named

    def _task(self, place: str, task: Mapping[str, Any], name: str) -> None:
        measured: Mapping[str, Any] = task
        where = place
        if self._executed is not None:
            where, measured = self._executed.get(str(task.get("id")), (place, {}))
        key: str = next((key for key in _RUNTIMES if key in measured), _RUNTIMES[0])
        seconds = self._draft.seconds(measured.get(key), f"{where}.{key}" if key in measured else where, name)
        given = {**task, **measured}
        kept = {_KEPT[key]: given[key] for key in _KEPT if key in given}
        metadata = {"task": _kind(given, name), **kept, "id": task.get("id", name)}
        self._draft.settle(name, cost=seconds, metadata=metadata)

    def _check_executed(self) -> None:
        known = {str(task.get("id")) for _, task in self._tasks}
        for key, (place, _) in (self._executed or {}).items():
            if key not in known:
                told = f"{key!r} was executed, and is no task of the specification"
                self._draft.fault("unknown-node", told, f"{place}.id", nodes=[key])

    def _relations(self, named: list[tuple[str, Mapping[str, Any], str]]) -> None:
        """Note who needs whom, and where parents and children say otherwise."""
        alias = {str(task.get("name")): name for _, task, name in named}
        alias |= {str(task["id"]): name for _, task, name in named if "id" in task}
        alias |= {name: name for _, _, name in named}
        parents = self._pairs(named, alias, "parents")
        children = {
            (target, source): place for (source, target), place in self._pairs(named, alias, "children").items()
        }
        has = {
            key: {name for _, task, name in named if isinstance(task.get(key), list)} for key in ("parents", "children")
        }
        for source, target in parents if children else ():
            if (source, target) not in children and source in has["children"]:
                told = f"{target!r} names {source!r} as a parent, which does not name it as a child"
                self._draft.fault(
                    "contradiction", told, parents[source, target], "mend one of the two", [source, target]
                )
        for source, target in children if parents else ():
            if (source, target) not in parents and target in has["parents"]:
                told = f"{source!r} names {target!r} as a child, which does not name it as a parent"
                self._draft.fault(
                    "contradiction", told, children[source, target], "mend one of the two", [source, target]
                )
        for (source, target), place in {**children, **parents}.items():
            self._draft.need(source, target, place)

    def _pairs(
        self, named: list[tuple[str, Mapping[str, Any], str]], alias: Mapping[str, str], key: str
    ) -> dict[tuple[str, str], str]:
        """Who names whom, and where."""
        found: dict[tuple[str, str], str] = {}
        for place, task, name in named:
            listed = task.get(key, [])
            if not isinstance(listed, Sequence) or isinstance(listed, str):
                self._draft.fault("not-a-list", f"must be a list of tasks, not {listed!r:.60}", f"{place}.{key}")
                continue
            for i, other in enumerate(listed):
                known = alias.get(other, other) if isinstance(other, str) else str(other)
                found.setdefault((known, name), f"{place}.{key}[{i}]")
        return found

"""Plain data to a :class:`.CommandDefinition`: every spelling settled, every duration in seconds, every fault noted.

Which keys mean what was read off definitions in use; it is all in this file, one function per noun. Nothing here looks
at how agents hang together: that is :mod:`.wiring`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from orchestra_nb.definitions.agents import (
    FOR_PEOPLE,
    MINUTES,
    MS,
    key_of,
    read_agents,
    read_condition,
    read_output,
    read_output_name,
)
from orchestra_nb.definitions.command import Agent, CommandDefinition, Dynamic, Phase, ResourceSpec
from orchestra_nb.definitions.fields import Fields, shown
from orchestra_nb.definitions.markdown import slug
from orchestra_nb.errors import Issue, nearest

_MOST_VALUES = 200_000
_MOST_DEPTH = 60
_TYPES = ("agent", "file", "database", "api", "custom")


def read_definition(data: Mapping[str, Any]) -> tuple[CommandDefinition, list[Issue]]:
    """Read a definition.

    Returns
    -------
    CommandDefinition, list of Issue
        As much as could be read, and every fault in it.

    Examples
    --------
    >>> command, issues = read_definition({"phases": [{"agents": [{"id": "a", "estimatedTime": 1500}, {"id": 3.5}]}]})
    >>> command.phases[0].agents[0].cost, [issue.code for issue in issues]
    (1.5, [])
    """
    issues: list[Issue] = []
    check_plain(data, "", issues)
    if issues:
        return CommandDefinition(), issues
    top = Fields(data, "", issues)
    required, optional = _inputs(top.mapping("inputs"))
    saga = _saga(top)
    known: dict[str, Any] = {
        "name": top.text("name"),
        "version": top.text("version"),
        "description": top.text("description"),
        "required": required,
        "optional": optional,
        "shared": _shared(top),
        "resources": _resources(top),
        "saga": saga,
        "phases": _phases(top),
    }
    stated = top.mapping("metadata")
    kept = {**(stated.values if stated is not None else {}), **top.rest()}
    return CommandDefinition(**known, metadata=kept), issues


def check_plain(value: Any, path: str, issues: list[Issue]) -> None:
    """Refuse what only data made in Python can hold: keys that are no text, itself, or millions of values."""
    todo, seen = [(value, path)], 0
    while todo:
        item, place = todo.pop()
        seen += 1
        if seen > _MOST_VALUES or place.count(".") > _MOST_DEPTH:
            told = "is nested too deeply, or holds itself, or is too large"
            hint = "write it flatter, or leave data out of it"
            issues.append(Issue("too-large", told, path=place[:80], suggestion=hint))
            return
        if isinstance(item, Mapping):
            for key, inner in item.items():
                if isinstance(key, str):
                    todo.append((inner, f"{place}.{key[:80]}" if place else key[:80]))
                else:
                    told = f"the key {shown(key)} is not text"
                    issues.append(Issue("key-not-text", told, path=place, suggestion="use texts as keys"))
        elif isinstance(item, list | tuple):
            todo += [(inner, f"{place}.[{number}]") for number, inner in enumerate(item[: _MOST_VALUES + 1])]


def _phases(top: Fields) -> tuple[Phase, ...]:
    key = top.find(("phases",))
    if key is None:
        told = "the definition has no phases"
        hint = nearest("phases", [k for k in top.values if k != "phases"])
        hint = hint if hint.startswith("did") else 'write "phases": [{"name": …, "agents": […]}]'
        top.issues.append(Issue("no-phases", told, path="phases", suggestion=hint))
        return ()
    found = []
    for number, (path, item) in enumerate(top.entries("phases", expected="a list of phases")):
        if isinstance(item, Mapping):
            found.append(_phase(Fields(item, path, top.issues), number))
        else:
            told = f"{shown(item)} is not a phase"
            hint = 'write {"name": …, "agents": […]}'
            top.issues.append(Issue("wrong-type", told, path=path, suggestion=hint))
    if not found and not top.issues:
        top.issues.append(Issue("no-phases", "the list of phases is empty", path=key, suggestion="add a phase"))
    faulty = any(issue.severity == "error" for issue in top.issues)
    if found and not faulty and not any(phase.agents or phase.dynamic for phase in found):
        told = "no phase has an agent: there is nothing to run"
        top.issues.append(Issue("no-agents", told, path=key, suggestion='write "agents": [{"id": …}]'))
    return tuple(found)


def _phase(fields: Fields, number: int) -> Phase:
    parallel, sequential = fields.flag("parallel"), fields.flag("sequential")
    limits = fields.mapping("parallelism")
    limit = limits.whole("maxConcurrent", least=1) if limits is not None else None
    if parallel is not None and sequential is not None and parallel == sequential:
        told = f"'parallel' and 'sequential' are both {str(parallel).lower()}; 'parallel' is taken"
        fields.caution("sequential", told, "keep one", "twice")
    if parallel is None:
        parallel = not sequential if sequential is not None else (limit or 0) > 1
    cost = fields.seconds({"estimatedTime": MS, "estimatedDuration": MINUTES})
    name = fields.text("name", "title", default="") or fields.text("id") or f"Phase {number + 1}"
    agents = read_agents(fields)
    if cost is not None and agents:
        share = cost if parallel else cost / len(agents)
        agents = tuple(_with_cost(agent, share) for agent in agents)
    dynamic = _dynamic(fields)
    known: dict[str, Any] = {
        "id": fields.text("id") or slug(name) or f"phase-{number + 1}",
        "name": name,
        "parallel": parallel,
        "max_concurrent": limit,
        "condition": read_condition(fields),
        "agents": agents,
        "dynamic": dynamic,
        "path": fields.path,
    }
    if not agents and dynamic is None and not any(i.path.startswith(f"{fields.path}.agents") for i in fields.issues):
        _empty(fields, name)
    return Phase(**known, metadata=fields.rest(FOR_PEOPLE))


def _empty(fields: Fields, name: str) -> None:
    """A phase without agents is odd; one that has them under a word that is not quite the right one is wrong."""
    told, close = (
        f"the phase {name!r} has no agents",
        nearest("agents", [key for key in fields.values if key != "agents"]),
    )
    if close.startswith("did"):
        hint = f"call {close[13:-1]} 'agents'"
        fields.issues.append(Issue("missing-key", told, path=fields.at("agents"), suggestion=hint))
    else:
        fields.caution("agents", told, "add some, or take the phase away", "empty-phase")


def _with_cost(agent: Agent, cost: float) -> Agent:
    return agent if agent.cost is not None else replace(agent, cost=cost)


def _dynamic(fields: Fields) -> Dynamic | None:
    wanted = fields.flag("dynamic")
    inner = fields.mapping("dynamicAgents")
    if inner is None:
        if wanted and not fields.mentions("agents"):
            fields.caution("dynamic", "the phase is dynamic and has no 'dynamicAgents'", "say where they come from")
        return None
    source = inner.text("source", "from")
    mapping = inner.mapping("mapping", "template", "agent")
    if not source:
        inner.issues.append(
            Issue("missing-key", "'dynamicAgents' has no 'source'", path=inner.path, suggestion="name a context value")
        )
    inner.rest()
    return Dynamic(source, dict(mapping.values) if mapping is not None else {})


def _inputs(fields: Fields | None) -> tuple[tuple[str, ...], Mapping[str, Any]]:
    if fields is None:
        return (), {}
    named: dict[str, dict[str, Any]] = {}
    for kind in ("required", "optional"):
        given = fields.values.get(kind)
        if isinstance(given, Mapping):  # name: default, or name: {default: …}
            fields.find((kind,))
            named[kind] = {k: v.get("default") if isinstance(v, Mapping) else v for k, v in given.items()}
        else:
            named[kind] = dict(fields.records((kind,), lambda name, path: (name, None), _given_input))
    fields.rest(FOR_PEOPLE)
    return tuple(named["required"]), named["optional"]


def _given_input(fields: Fields) -> tuple[str, Any] | None:
    key = key_of(fields)
    default = fields.values.get("default")
    fields.rest((*FOR_PEOPLE, "type", "default", "enum", "required", "example"))
    return (key, default) if key else None


def _shared(top: Fields) -> tuple[str, ...]:
    context = top.mapping("context")
    found = context.records(("shared",), read_output_name, read_output) if context is not None else ()
    if context is not None:
        context.rest(FOR_PEOPLE)
    key = top.find(("contextSharing",))
    if key is not None and isinstance(top.values[key], Mapping) and "shared" in top.values[key]:
        inner = top.mapping(key)
        assert inner is not None
        found += inner.records(("shared",), read_output_name, read_output)
        inner.rest((*FOR_PEOPLE, "enabled", "strategy", "ttl"))
    elif key is not None and not isinstance(top.values[key], bool):
        found += top.records((key,), read_output_name, read_output)
    return tuple(dict.fromkeys(item.key for item in found))


def _resources(top: Fields) -> tuple[ResourceSpec, ...]:
    found: tuple[ResourceSpec, ...] = ()
    for outer, keys in (("resourceManagement", ("globalLocks", "resources")), ("resourceLocking", ("resources",))):
        inner = top.mapping(outer)
        if inner is not None:
            found += inner.records(keys, _resource_name, _resource)
            inner.rest((*FOR_PEOPLE, "enabled", "strategy", "deadlockDetection", "lockTimeout"))
    return found


def _resource_name(name: str, path: str) -> ResourceSpec:
    return ResourceSpec(name, path=path)


def _resource(fields: Fields) -> ResourceSpec | None:
    name = fields.text("resourceId", "id", "name")
    if not name:
        told = "the resource has no 'id'"
        fields.issues.append(Issue("missing-key", told, path=fields.path, suggestion='write {"id": "db"}'))
        return None
    kind = fields.text("type", default="custom")
    if kind not in _TYPES:
        told = f"{kind!r} is no type of resource, and is taken as 'custom'"
        fields.caution("type", told, nearest(kind, _TYPES), "unknown-type")
        kind = "custom"
    capacity = fields.whole("maxConcurrent", "capacity", least=1) or 1
    fields.rest((*FOR_PEOPLE, "timeout", "priority"))
    return ResourceSpec(name, kind, capacity, fields.path)


def _saga(top: Fields) -> bool | None:
    key = top.find(("saga", "sagaCompensation"))
    if key is None:
        return None
    if isinstance(top.values[key], bool):
        return bool(top.values[key])
    inner = top.mapping(key)
    if inner is None:
        return None
    enabled = inner.flag("enabled")
    inner.rest()
    return enabled is not False

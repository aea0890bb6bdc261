"""Agents of a definition, and what can be said about each: plain data to nouns, one function per noun."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra_nb.definitions.command import Agent, ContextInput, ContextOutput, LockRequest
from orchestra_nb.definitions.condition import Condition, parse_condition
from orchestra_nb.definitions.fields import Fields, shown
from orchestra_nb.definitions.markdown import slug
from orchestra_nb.errors import ConditionError, Issue, nearest
from orchestra_nb.recovery.error_words import is_known, nearest_word

MS, MINUTES = 1e-3, 60.0
FOR_PEOPLE = (
    *("estimatedTimeReadable", "estimatedTime", "objective", "purpose", "notes"),
    *("title", "label", "description"),
)
"""Keys that tell their reader something and change nothing: kept, and not warned about."""
_DEFAULT_ATTEMPTS = 3


def read_agents(fields: Fields) -> tuple[Agent, ...]:
    """Read the agents of a phase."""
    found = []
    for path, item in fields.entries("agents", expected="a list of agents"):
        if isinstance(item, Mapping):
            agent = _agent(Fields(item, path, fields.issues))
            if agent is not None:
                found.append(agent)
        elif isinstance(item, str) and item.strip():
            found.append(Agent(item.strip(), item.strip(), path=path))
        else:
            told = f"{shown(item)} is not an agent"
            fields.issues.append(Issue("wrong-type", told, path=path, suggestion='write {"id": …, "type": …}'))
    return tuple(found)


def _agent(fields: Fields) -> Agent | None:
    name = fields.text("id").strip()
    kind = fields.text("type", "name")
    if not name:
        if not kind:
            told, hint = "the agent has no 'id'", nearest("id", fields.values)
            hint = hint if hint.startswith("did") else 'give it one: "id": "reviewer"'
            fields.issues.append(Issue("missing-key", told, path=fields.path, suggestion=hint))
            return None
        name = slug(kind) or kind
        told = f"the agent has no 'id'; it is called {name!r} after its type"
        fields.caution("id", told, "give it one", "missing-id")
    context = fields.mapping("context")
    inputs = context.records(("inputs",), _input_name, _input) if context is not None else ()
    outputs = context.records(("outputs",), read_output_name, read_output) if context is not None else ()
    undo, compensation = _compensation(fields)
    known: dict[str, Any] = {
        "id": name,
        "type": kind,
        "task": fields.text("task", "description", "prompt"),
        "input": _given(fields),
        "dependencies": tuple(item for _, item in fields.names("dependencies", "dependsOn", "depends_on", "after")),
        "inputs": inputs,
        "outputs": outputs + fields.records(("outputs",), read_output_name, read_output),
        "priority": fields.whole("priority", least=-(2**31)) or 0,
        "locks": _locks(fields),
        "cost": fields.seconds({"estimatedTime": MS, "estimatedDuration": MINUTES}),
        "timeout": fields.seconds({"timeout": MS}, positive=True),
        "retry": _retry(fields),
        "breaker": _breaker(fields, name),
        "cache": _cache(fields),
        "condition": read_condition(fields),
        "undo": undo,
        "compensation": compensation,
        "path": fields.path,
    }
    if context is not None:
        context.rest()
    return Agent(**known, metadata=fields.rest(FOR_PEOPLE))


def _given(fields: Fields) -> Mapping[str, Any]:
    key = fields.find(("input", "inputs", "parameters", "params"))
    if key is None:
        return {}
    value = fields.values[key]
    return dict(value) if isinstance(value, Mapping) else {"input": value}


def _input_name(name: str, path: str) -> ContextInput:
    return ContextInput(name, path=path)


def _input(fields: Fields) -> ContextInput | None:
    key = key_of(fields)
    required = fields.flag("required")
    fields.rest((*FOR_PEOPLE, "type", "default", "from", "source", "ttl"))
    return ContextInput(key, bool(required), fields.path) if key else None


def read_output_name(name: str, path: str) -> ContextOutput:
    """Make the output of which only the name is said."""
    return ContextOutput(name, path=path)


def read_output(fields: Fields) -> ContextOutput | None:
    """Read an output that is said as a mapping."""
    key = key_of(fields)
    ttl = fields.seconds({"ttl": 1.0}, positive=True)
    fields.rest((*FOR_PEOPLE, "type", "required", "schema", "format"))
    return ContextOutput(key, ttl, fields.path) if key else None


def key_of(fields: Fields) -> str:
    """Read the key of a context value; empty, and a fault, when there is none."""
    key = fields.text("key", "name", "id")
    if not key and not fields.mentions("key", "name", "id"):
        hint = 'write {"key": "report"}'
        fields.issues.append(Issue("missing-key", "there is no 'key'", path=fields.path, suggestion=hint))
    return key


def _locks(fields: Fields) -> tuple[LockRequest, ...]:
    key = fields.find(("resources", "locks"))
    if key is not None and isinstance(fields.values[key], Mapping):
        inner = fields.mapping(key)
        assert inner is not None
        found = inner.records(("locks",), _lock_name, _lock)
        inner.rest()
        return found
    return fields.records(("resources", "locks"), _lock_name, _lock)


def _lock_name(name: str, path: str) -> LockRequest:
    resource, _, amount = name.partition(":")
    return LockRequest(resource, int(amount), path=path) if amount.isdigit() else LockRequest(name, path=path)


def _lock(fields: Fields) -> LockRequest | None:
    resource = fields.text("resourceId", "id", "resource", "name")
    if not resource:
        told = "the lock names no resource"
        fields.issues.append(Issue("missing-key", told, path=fields.path, suggestion='write {"resourceId": "db"}'))
        return None
    amount = fields.whole("amount", least=1) or 1
    priority = fields.whole("priority", least=-(2**31))
    timeout = fields.seconds({"timeout": 1.0}, positive=True)
    fields.rest((*FOR_PEOPLE, "type", "mode"))
    return LockRequest(resource, amount, priority, timeout, fields.path)


def _retry(fields: Fields) -> Mapping[str, Any] | None:
    inner = fields.mapping("retry", "retryPolicy")
    if inner is None:
        return None
    found = {
        "attempts": inner.whole("maxAttempts", "attempts", least=1) or _DEFAULT_ATTEMPTS,
        "initial_delay": inner.seconds({"initialDelay": MS}),
        "max_delay": inner.seconds({"maxDelay": MS}),
        "multiplier": inner.number("backoffMultiplier", "multiplier", least=1.0),
        "on": _errors(inner) or None,
        "keep_locks": inner.flag("keepLocks"),
    }
    inner.rest()
    return {key: value for key, value in found.items() if value is not None}


def _errors(fields: Fields) -> tuple[str, ...]:
    """Read which errors are worth another attempt: words, numbers, classes; a word that nobody knows is a warning."""
    found = []
    for path, name in fields.names("retryableErrors", "retryOn", numbers=True):
        found.append(name)
        if not is_known(name):
            told = f"{name!r} is neither a word for errors nor the name of a class, and probably matches nothing"
            hint = nearest_word(name)
            fields.issues.append(Issue("unknown-error", told, path=path, suggestion=hint, severity="warning"))
    return tuple(found)


def _breaker(fields: Fields, agent: str) -> str | Mapping[str, Any] | None:
    """Read a circuit: its name, or a mapping; one without a name is the agent's own."""
    key = fields.find(("breaker", "circuitBreaker"))
    if key is None:
        return None
    if not isinstance(fields.values[key], Mapping):
        return fields.text(key) or None
    inner = fields.mapping(key)
    assert inner is not None
    found = {
        "name": inner.text("name", "id") or agent,
        "threshold": inner.whole("failureThreshold", "threshold", least=1),
        "rest": inner.seconds({"resetTimeout": MS, "rest": 1.0}, positive=True),
    }
    inner.rest(FOR_PEOPLE)
    return {key: value for key, value in found.items() if value is not None}


def _cache(fields: Fields) -> bool | float:
    """Read ``cache``: a yes or no, or seconds."""
    key = fields.find(("cache",))
    if key is None or isinstance(fields.values[key], bool):
        return key is not None and bool(fields.values[key])
    return fields.seconds({key: 1.0}, positive=True) or False


def read_condition(fields: Fields) -> Condition | None:
    """Read ``conditional: {condition: …}``, or a text in its place."""
    key = fields.find(("conditional", "condition", "when"))
    if key is None:
        return None
    if isinstance(fields.values[key], Mapping):
        inner = fields.mapping(key)
        assert inner is not None
        text, path = inner.text("condition", "expression", "if"), inner.at("condition")
        inner.rest(FOR_PEOPLE)
    else:
        text, path = fields.text(key), fields.at(key)
    if not text:
        return None
    try:
        return parse_condition(text)
    except ConditionError as error:
        fields.issues.append(Issue("bad-condition", str(error), path=path))
        return None


def _compensation(fields: Fields) -> tuple[str | None, Mapping[str, Any]]:
    key = fields.find(("compensation", "undo"))
    if key is None:
        return None, {}
    if isinstance(fields.values[key], str):
        return fields.text(key) or None, {}
    inner = fields.mapping(key)
    if inner is None:
        return None, {}
    named = inner.find(("agent", "agentId"))
    undo = (inner.text(named) or None) if named is not None else None
    if undo is None and inner.values:
        told, hint = "the compensation names no agent, so nothing is undone", 'name one: {"agent": "free-seat"}'
        fields.caution(key, told, hint, "no-compensation")
    return undo, dict(inner.values)

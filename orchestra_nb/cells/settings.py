"""A node's settings: the schema of what a user may say about one node.

Values are checked strictly (``timeout: "30"`` is text, and an error), because YAML and JSON carry types. A list may be
written as a list or as a comma-separated string everywhere. ``name`` is the node's id. Where settings are written and
which of them wins is the business of :mod:`.merging`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import MappingProxyType
from typing import Annotated

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

_NAME = re.compile(r"[^\s,\x00-\x1f\x7f](?:[^,\x00-\x1f\x7f]*[^\s,\x00-\x1f\x7f])?")
_USE = re.compile(r"[^\s:,]+(?::[1-9]\d*)?")


def _listed(value: object) -> object:
    if isinstance(value, str):
        value = [part.strip() for part in value.split(",") if part.strip()]
    return tuple(dict.fromkeys(value)) if isinstance(value, list | tuple) and _hashable(value) else value


def _amounts(value: object) -> object:
    """Read ``{gpu: 2}`` as ``gpu:2``."""
    if isinstance(value, Mapping) and all(isinstance(name, str) and type(much) is int for name, much in value.items()):
        value = [f"{name}:{much}" for name, much in value.items()]
    return _listed(value)


def _hashable(items: Iterable[object]) -> bool:
    return all(isinstance(item, str) for item in items)


def _a_name(value: str) -> str:
    if not _NAME.fullmatch(value):
        raise ValueError("not a name")
    return value


def _a_use(value: str) -> str:
    if not _USE.fullmatch(value):
        raise ValueError("not a resource")
    return value


Name = Annotated[str, AfterValidator(_a_name)]
Names = Annotated[tuple[Name, ...], BeforeValidator(_listed)]
Uses = Annotated[tuple[Annotated[str, AfterValidator(_a_use)], ...], BeforeValidator(_amounts)]
Seconds = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Delay = Annotated[float, Field(ge=0, allow_inf_nan=False)]
_CONFIG = ConfigDict(frozen=True, extra="forbid", strict=True)


class RetrySettings(BaseModel):
    """How often, and how patiently; what is ``None`` is the retry policy's own default."""

    model_config = _CONFIG
    attempts: Annotated[int, Field(ge=1)] = 3
    initial_delay: Delay | None = None
    max_delay: Delay | None = None
    multiplier: Annotated[float, Field(ge=1, allow_inf_nan=False)] | None = None
    jitter: Annotated[float, Field(ge=0, le=1)] | bool | None = None
    on: Names | None = None
    keep_locks: bool | None = None


class BreakerSettings(BaseModel):
    """A named circuit breaker: how many failures open it, and how many seconds it rests."""

    model_config = _CONFIG
    name: Name
    threshold: Annotated[int, Field(ge=1)] | None = None
    rest: Seconds | None = None


class NodeSettings(BaseModel):
    """What a user said about one node. ``None`` in ``reads``, ``writes`` and ``mutates`` means: inferred.

    Examples
    --------
    >>> NodeSettings(after="load, clean", timeout=30).after
    ('load', 'clean')
    """

    model_config = _CONFIG
    name: Name | None = None
    after: Names = ()
    reads: Names | None = None
    writes: Names | None = None
    mutates: Names | None = None
    uses: Uses = ()
    priority: int = 0
    cost: Delay | None = None
    timeout: Seconds | None = None
    retry: Annotated[int, Field(ge=1)] | RetrySettings = 1
    breaker: Name | BreakerSettings | None = None
    cache: bool | Seconds = False
    when: Annotated[str, Field(min_length=1)] | None = None
    undo: Name | None = None
    phase: Name | None = None
    backend: Name = "inherit"


KEYS: tuple[str, ...] = tuple(NodeSettings.model_fields)
LIST_KEYS = ("after", "reads", "writes", "mutates", "uses")
NESTED: Mapping[str, type[BaseModel]] = MappingProxyType({"retry": RetrySettings, "breaker": BreakerSettings})
_NAMES = "a name or a list of names"
EXPECTED: Mapping[str, str] = MappingProxyType(
    {
        "name": "a name without commas",
        "label": "a name without commas",
        "after": "a node's name or a list of them",
        "reads": _NAMES,
        "writes": _NAMES,
        "mutates": _NAMES,
        "uses": "resources such as 'db' or 'gpu:2', or a mapping of amounts",
        "priority": "a whole number",
        "cost": "seconds, zero or more",
        "timeout": "a positive number of seconds",
        "retry": "a whole number of attempts from 1, or a mapping",
        "retry.attempts": "a whole number from 1",
        "retry.initial_delay": "seconds, zero or more",
        "retry.max_delay": "seconds, zero or more",
        "retry.multiplier": "a number from 1",
        "retry.jitter": "a number from 0 to 1",
        "retry.on": "an exception's name or a list of them",
        "retry.keep_locks": "true or false",
        "breaker": "a circuit's name, or a mapping",
        "breaker.name": "a circuit's name",
        "breaker.threshold": "a whole number from 1",
        "breaker.rest": "a positive number of seconds",
        "cache": "true, false, or a positive number of seconds",
        "when": "a condition, as text",
        "undo": "a node's or function's name",
        "phase": "a name",
        "backend": "'inherit' or the name of a joblib backend",
    }
)

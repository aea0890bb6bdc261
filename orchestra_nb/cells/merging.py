"""The places where a node's settings are written, settled into one record.

Policy: later places win, key by key and not item by item: inference from the code, then the cell's tags and metadata,
then its ``#|`` block, then the options of the magic line. A place is a :class:`Place`: its values, where it is, and the
line of each key, so that every fault names the cell, the line, the key and the nearest valid key. Places that only
carry text (tags, ``# %%`` markers, the magic line) go through :func:`from_text` first. A Quarto ``label`` names the
node when no place gives a ``name``.

A place either belongs to us (metadata ``orchestrate``, tags, markers, the magic line), and then every unknown key is an
error, or it is shared with other tools (a ``#|`` block); :mod:`.directives` decides there. What only the whole graph
can tell (a name used twice, ``after`` naming nobody or the node itself) is found by
:func:`orchestra_nb.graph.validation.check`.

Failure: nothing raises here. Every fault is an :class:`~orchestra_nb.errors.Issue`, and the faulty key is left out, so
that all faults of all cells are found in one pass.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError

from orchestra_nb.cells.settings import EXPECTED, KEYS, NESTED, NodeSettings, RetrySettings
from orchestra_nb.errors import Issue, nearest


@dataclass(frozen=True, slots=True)
class Place:
    """One of the places where a node's settings are written.

    Parameters
    ----------
    values
        Keys and values as they were written.
    path
        Where, for messages: ``"cell 3"``, ``"cell 3, metadata"``.
    lines
        The line of each key (from 1, within the cell), where the place has lines; appended to ``path``.
    """

    values: Mapping[str, Any]
    path: str = ""
    lines: Mapping[str, int] = field(default_factory=dict)

    def where(self, key: str) -> str:
        """Name the place of one key: ``"cell 3, line 2"``."""
        line = self.lines.get(key) or self.lines.get(key.split(".")[0])
        if line is None:
            return self.path
        return f"{self.path}, line {line}" if self.path else f"line {line}"


@dataclass(frozen=True, slots=True)
class Merged:
    """Settings that were settled from all places, where each key was given, and every fault found on the way."""

    settings: NodeSettings
    places: Mapping[str, str] = field(default_factory=dict)
    issues: tuple[Issue, ...] = ()


def merge(places: Sequence[Place]) -> Merged:
    """Settle the places into one record; later ones win.

    Parameters
    ----------
    places
        In order of precedence, weakest first.

    Examples
    --------
    >>> low, high = Place({"after": "load", "cost": 2.0}), Place({"after": ["clean"]})
    >>> merge([low, high]).settings.after
    ('clean',)
    >>> print(*merge([Place({"aftr": "load"}, "cell 3")]).issues)
    cell 3: unknown setting 'aftr'; did you mean 'after'?
    """
    issues: list[Issue] = []
    settled: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for place in places:
        good, faults = _check(place)
        issues += faults
        settled |= good
        origin |= {key: place.where(key) for key in good}
    label = settled.pop("label", None)
    if label is not None and "name" not in settled:
        settled["name"] = label
        origin["name"] = origin["label"]
    settings = NodeSettings.model_validate(settled)
    issues += _contradictions(settings, origin)
    return Merged(settings, MappingProxyType(origin), tuple(issues))


def _contradictions(settings: NodeSettings, origin: Mapping[str, str]) -> list[Issue]:
    """Values that are right each by itself and cannot be meant together."""
    retry = settings.retry
    if not isinstance(retry, RetrySettings) or retry.max_delay is None or retry.initial_delay is None:
        return []
    if retry.max_delay >= retry.initial_delay:
        return []
    message = f"'retry' has max_delay {retry.max_delay:g} below its initial_delay {retry.initial_delay:g}"
    return [Issue("contradiction", message, path=origin["retry"], suggestion="swap the two")]


def _check(place: Place) -> tuple[dict[str, Any], list[Issue]]:
    """Split one place into checked values and faults."""
    good: dict[str, Any] = {}
    issues: list[Issue] = []
    for key, value in place.values.items():
        if key == "label":
            faults = _faults(place, "label", NodeSettings, "name", value)
        elif key not in KEYS:
            faults = [_unknown(place, key, KEYS)]
        elif key in NESTED and isinstance(value, Mapping):
            faults = _nested_faults(place, key, value)
        else:
            faults = _faults(place, key, NodeSettings, key, value)
        issues += faults
        if not faults:
            good[key] = value
    return good, issues


def _faults(place: Place, key: str, model: type[BaseModel], field_name: str, value: object) -> list[Issue]:
    try:
        model.model_validate({field_name: value})
    except ValidationError as error:
        if not any(fault["loc"][:1] == (field_name,) for fault in error.errors()):
            return []  # only a missing sibling, which the whole mapping is checked for
        shown = _shown(value)
        message = f"{key!r} is {shown}, expected {EXPECTED[key]}"
        return [Issue("bad-setting", message, path=place.where(key))]
    return []


def _nested_faults(place: Place, key: str, values: Mapping[Any, Any]) -> list[Issue]:
    model = NESTED[key]
    issues: list[Issue] = []
    for name, value in values.items():
        path = f"{key}.{name}"
        if name not in model.model_fields:
            issues.append(_unknown(place, path, [f"{key}.{known}" for known in model.model_fields]))
        else:
            issues += _faults(place, path, model, name, value)
    required = [name for name, info in model.model_fields.items() if info.is_required() and name not in values]
    for name in required:
        path = f"{key}.{name}"
        issues.append(Issue("bad-setting", f"{path!r} is missing, expected {EXPECTED[path]}", path=place.where(key)))
    return issues


def _unknown(place: Place, key: str, known: Iterable[str]) -> Issue:
    return Issue(
        "unknown-setting", f"unknown setting {key!r}", path=place.where(key), suggestion=nearest(str(key), known)
    )


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def from_text(values: Mapping[str, str]) -> dict[str, Any]:
    """Give the values of a place that only carries text the types they were meant to have.

    A value that does not look like its key's type stays text, and the check of the place says so.

    Examples
    --------
    >>> from_text({"timeout": "30", "cache": "true", "phase": "12"})
    {'timeout': 30.0, 'cache': True, 'phase': '12'}
    """
    return {key: _typed(key, value) for key, value in values.items()}


def _typed(key: str, text: str) -> Any:
    readers: Mapping[str, tuple[Any, ...]] = {
        "priority": (int,),
        "retry": (int,),
        "cost": (float,),
        "timeout": (float,),
        "cache": (_truth, float),
    }
    for read in readers.get(key, ()):
        try:
            return read(text)
        except ValueError:
            continue
    return text


def _truth(text: str) -> bool:
    lowered = text.strip().lower()
    if lowered not in ("true", "false"):
        raise ValueError(text)
    return lowered == "true"

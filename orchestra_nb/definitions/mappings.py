"""Nodes that are written as mappings: ``{"load": {"fn": load}, "train": {"after": ["load"], "cost": 2}}``."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from orchestra_nb.definitions.fields import shown
from orchestra_nb.errors import ConfigError, Issue, nearest
from orchestra_nb.model import Node, NodeId

_OTHER_WORDS = {"name": "id", "dependencies": "after", "depends_on": "after"}
_SETTINGS = tuple(
    field.name for field in fields(Node) if field.name not in ("index", "kind", "verdicts", "source", "parts")
)
_LISTS = ("after", "reads", "writes", "mutates", "uses")


def node_from(values: Mapping[Any, Any], name: str | None, path: str) -> Node | list[Issue]:
    """Make a node of a mapping of its settings, or list what is wrong with it.

    Examples
    --------
    >>> node_from({"after": "load", "cost": 2}, "train", "key 'train'").after
    ('load',)
    >>> print(*node_from({"afetr": ["load"]}, "train", "key 'train'"))
    key 'train': 'afetr' is no setting of a node; did you mean 'after'?
    """
    settings: dict[str, Any] = {}
    issues = []
    for key, value in values.items():
        word = _OTHER_WORDS.get(key, key)
        if word not in _SETTINGS:
            told = f"{shown(key)} is no setting of a node"
            issues.append(Issue("unknown-setting", told, path=path, suggestion=nearest(str(key), _SETTINGS)))
        elif word in settings:
            told = f"{key!r} and another key both say {word!r}"
            issues.append(Issue("twice", told, path=path, suggestion="keep one"))
        else:
            settings[word] = [value] if word in _LISTS and isinstance(value, str) else value
    if name is not None:
        settings.setdefault("id", name)
    if settings.get("fn") is not None and not callable(settings["fn"]):
        issues.append(Issue("not-a-node", f"'fn' is {shown(settings['fn'])}, which cannot be called", path=path))
    elif "id" not in settings and callable(settings.get("fn")):
        settings["id"] = getattr(settings["fn"], "__name__", "")
    if "id" not in settings:
        issues.append(Issue("missing-key", "there is no 'id'", path=path, suggestion='write {"id": "load"}'))
    if issues:
        return issues
    try:
        return Node(NodeId(settings.pop("id")), **settings)
    except (ConfigError, TypeError) as error:
        return [Issue("wrong-type", str(error), path=path)]

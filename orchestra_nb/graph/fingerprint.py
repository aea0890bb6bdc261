"""A graph's content hash: equal content, equal hash, in every process, on every machine, in every order of its nodes.

Policy: what can change a result counts, and nothing else. A result is what a node makes and what it leaves behind.

* Counts: name, kind, code (:mod:`.content`), condition, compensation, caching (an old value in place of a new one), the
  names that a cell reads, writes and changes (they decide what travels), whether a cell may raise, what an agent is
  told, parts, declared cost (what simulated work is made of, but not a cell's, which is measured), and what waits for
  what.
* Does not count: whether and when a node gets to its value (timeout, tries, breaker, priority, resources, backend,
  phase), because a checkpoint taken before such a change still fits, and it is what one changes before resuming;
  position and order in the document, because every order that matters is an edge; verdicts; why an edge exists
  (evidence); metadata but for what is named above.

Failure: none. Rejected: ``hash()`` (salted), pickle (not canonical), all fields (no resuming after a longer timeout).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from dataclasses import fields, is_dataclass
from hashlib import blake2b
from typing import Any

from orchestra_nb.graph.content import content_of, value_of
from orchestra_nb.model import Node

_TOLD = ("agent", "task", "input", "dynamic")
"""Metadata of an agent that says what it does."""
_ASIDE = frozenset({"path", "metadata", "priority", "locks", "timeout", "retry", "cost", "dependencies"})
"""What an agent's definition says beside that: where it stands, how it is run, what the node says too."""


def fingerprint(nodes: Iterable[Node], edges: Iterable[Sequence[str]]) -> str:
    """Hash nodes and edges (source, target, kind, certainty), in any order; 32 hexadecimal digits.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> a = [Node("load", source="x = 1")]
    >>> fingerprint(a, []) == fingerprint([Node("load", source="x = 1", timeout=9)], [])
    True
    >>> fingerprint(a, []) == fingerprint([Node("load", source="x = 2")], [])
    False
    """
    rows = sorted((_row(node) for node in nodes), key=json.dumps)
    content = [rows, sorted(map(list, {tuple(edge) for edge in edges}))]
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def _row(node: Node) -> list[Any]:
    names = [sorted(set(found)) for found in (node.reads, node.writes, node.mutates)]
    cost = None if node.kind == "cell" else float(node.cost)
    undo = node.undo if node.undo is None or isinstance(node.undo, str) else content_of(node.undo)
    row = [node.id, node.kind, node.source, content_of(node.fn), cost, node.when, undo, node.cache]
    return [*row, names, _extra(node), [_row(part) for part in node.parts]]


def _extra(node: Node) -> Any:
    """Describe the metadata that can change a result."""
    if node.kind == "cell":
        return "raises-exception" in node.metadata.get("tags", ())
    if node.kind == "agent":
        return [[name, _told(node.metadata[name])] for name in _TOLD if name in node.metadata]
    return None


def _told(said: Any) -> Any:
    if not is_dataclass(said):
        return value_of(said)
    kept = [field.name for field in fields(said) if field.name not in _ASIDE]
    return [[name, value_of(getattr(said, name))] for name in kept]

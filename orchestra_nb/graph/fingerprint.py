"""A graph's content hash: equal content, equal hash, in every process and on every machine.

Policy: what a node is (name, kind, code, condition, declared cost) and what it waits for counts; how it is run
(priority, backend, resources) and why an edge exists (evidence) do not, because a checkpoint taken before such a change
still fits. Functions count by name, byte code, names and plain constants: their addresses and ``marshal`` bytes differ
between processes. Rejected: ``hash()`` (salted), pickle (not canonical).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from types import CodeType
from typing import Any

from orchestra_nb.model import Node

_PLAIN = (str, int, float, complex, bytes, type(None), type(...))


def fingerprint(nodes: Iterable[Node], edges: Iterable[Sequence[str]]) -> str:
    """Hash nodes and edges (source, target, kind, certainty) in their order; 32 hexadecimal digits.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> a = [Node("load", source="x = 1")]
    >>> fingerprint(a, []) == fingerprint([Node("load", source="x = 1")], [])
    True
    >>> fingerprint(a, []) == fingerprint([Node("load", source="x = 2")], [])
    False
    """
    content = [
        [[n.id, n.kind, n.source, _function(n.fn), float(n.cost), n.when] for n in nodes],
        [list(edge) for edge in edges],
    ]
    text = json.dumps(content, ensure_ascii=True, separators=(",", ":"))
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def _function(fn: Any) -> Any:
    if fn is None:
        return None
    code = getattr(fn, "__code__", None)
    named = fn if hasattr(fn, "__qualname__") else type(fn)
    name = f"{getattr(named, '__module__', '')}.{named.__qualname__}"
    return [name, _code(code)] if isinstance(code, CodeType) else [name]


def _code(code: CodeType) -> list[Any]:
    return [code.co_code.hex(), list(code.co_names), [_constant(value) for value in code.co_consts]]


def _constant(value: object) -> Any:
    if isinstance(value, CodeType):
        return _code(value)
    if isinstance(value, tuple):
        return [_constant(item) for item in value]
    if isinstance(value, frozenset):
        return sorted((_constant(item) for item in value), key=repr)
    return repr(value) if isinstance(value, _PLAIN) else type(value).__qualname__

"""Events of every kind, made by chance."""

from __future__ import annotations

import types
from dataclasses import fields
from typing import Union, get_args, get_origin, get_type_hints

from hypothesis import strategies as st

from orchestra_nb.errors import NodeCancelled, NodeFailed, NodeTimeout
from orchestra_nb.eventlog.registry import EVENTS
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Outcome

TEXTS = st.text(max_size=20)
SECONDS = st.floats(0, 1e9) | st.sampled_from([float("inf"), float("-inf")])
TIMES = st.none() | st.floats(0, 1e6)
ERRORS = st.one_of(
    st.none(),
    st.builds(NodeFailed, TEXTS, TEXTS, st.lists(TEXTS, max_size=3), TEXTS, TEXTS),
    st.builds(NodeTimeout, TEXTS, TEXTS),
    st.builds(NodeCancelled, TEXTS, TEXTS),
)
OUTCOMES = st.builds(
    Outcome,
    TEXTS,
    st.sampled_from(["done", "cached", "failed", "skipped", "cancelled"]),
    value=st.sampled_from([None, 1, "text", [1, 2], object()]),
    error=ERRORS,
    started=TIMES,
    ended=TIMES,
    attempts=st.integers(0, 9),
    worker=TEXTS,
    reason=TEXTS,
    queued=TIMES,
    lock_wait=st.floats(0, 100),
    bytes_in=st.integers(0, 2**40),
    bytes_out=st.integers(0, 2**40),
)


@st.composite
def dags(draw):
    names = draw(st.lists(st.text(min_size=1, max_size=6), unique=True, max_size=6))
    return DAG(
        Node(
            name,
            after=draw(st.lists(st.sampled_from(names[:i]), unique=True)) if i else (),
            cost=draw(st.floats(0, 100)),
            phase=draw(st.none() | TEXTS),
            kind=draw(st.sampled_from(["function", "cell", "agent"])),
            index=i,
        )
        for i, name in enumerate(names)
    )


def of_type(hint):
    hint = getattr(hint, "__supertype__", hint)
    origin, args = get_origin(hint), get_args(hint)
    if origin in (Union, types.UnionType):
        return st.one_of(*[st.none() if each is type(None) else of_type(each) for each in args])
    if origin is tuple and args[-1] is ...:
        return st.lists(of_type(args[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of_type, args))
    known = {str: TEXTS, int: st.integers(-(2**53), 2**53), bool: st.booleans(), float: SECONDS}
    return {**known, Outcome: OUTCOMES, DAG: dags()}[hint]


def of_kind(kind):
    hints = get_type_hints(kind)
    return st.builds(kind, **{field.name: of_type(hints[field.name]) for field in fields(kind)})


ANY = st.sampled_from(sorted(EVENTS)).flatmap(lambda name: of_kind(EVENTS[name]))

"""Graphs that tests of schedules draw: small, uneven, some nodes without time, some that share a resource."""

from __future__ import annotations

from hypothesis import strategies as st

from orchestra_nb.graph import DAG
from orchestra_nb.model import Node

USES = ((), (), (), ("db",), ("gpu",), ("gpu:2", "db"))


@st.composite
def dags(draw: st.DrawFn, most: int = 12, uses: bool = True, costs: st.SearchStrategy[float] | None = None) -> DAG:
    """Draw a graph of 1 to ``most`` nodes; of ``gpu`` there must be two for those that use it."""
    size = draw(st.integers(1, most))
    times = st.one_of(st.just(0.0), st.floats(0.01, 10)) if costs is None else costs
    return DAG(
        Node(
            f"n{i}",
            index=i,
            after=[f"n{j}" for j in draw(st.sets(st.integers(0, i - 1), max_size=3))] if i else (),
            cost=draw(times),
            uses=draw(st.sampled_from(USES)) if uses else (),
        )
        for i in range(size)
    )

"""The rule that makes edges, as a pure function over tables of accesses."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.conflicts import _may_be_one, inferred_edges, names_of, without_implied_order
from orchestra_nb.cells.effects.records import ANYTHING, OPEN_TO_ALL, UNKNOWN_CODE, Access, Barrier, Effects
from orchestra_nb.model import Edge, NodeId

IDS = [NodeId(f"n{i}") for i in range(8)]


def effects(*accesses: Access, barrier: str = "") -> Effects:
    out = Effects()
    for access in accesses:
        out.add(access)
    if barrier:
        out.barriers.append(Barrier(1, barrier))
    return out


def pairs(*cells: Effects) -> set[tuple[int, int, str]]:
    return {(int(e.source[1:]), int(e.target[1:]), e.kind) for e in inferred_edges(cells, IDS[: len(cells)])}


def read(name: str) -> Access:
    return Access("name", name, "read", 1)


def write(name: str, *, certain: bool = True) -> Access:
    return Access("name", name, "write", 1, certain)


def test_names_follow_bernsteins_conditions() -> None:
    assert pairs(effects(write("x")), effects(read("x"))) == {(0, 1, "value")}
    assert pairs(effects(read("x")), effects(write("x"))) == {(0, 1, "order")}
    assert pairs(effects(write("x")), effects(write("x"))) == {(0, 1, "order")}
    assert pairs(effects(read("x")), effects(read("x"))) == set()


def test_a_possible_binding_does_not_hide_the_one_before() -> None:
    found = pairs(effects(write("x")), effects(write("x", certain=False)), effects(read("x")))
    assert found == {(0, 1, "order"), (0, 2, "value"), (1, 2, "value")}


def test_a_certain_binding_hides_the_one_before() -> None:
    assert (0, 2, "value") not in pairs(effects(write("x")), effects(write("x")), effects(read("x")))


def test_certainty_needs_both_sides() -> None:
    (edge,) = inferred_edges([effects(write("x", certain=False)), effects(read("x"))], IDS[:2])
    assert edge.certainty == "possible"


@pytest.mark.parametrize("key", sorted(OPEN_TO_ALL - {UNKNOWN_CODE}))
def test_unknown_code_may_use_any_open_state(key: str) -> None:
    known = effects(Access("state", key, "write", 1))
    unknown = effects(Access("state", UNKNOWN_CODE, "write", 1, certain=False))
    assert pairs(known, unknown) == {(0, 1, "state")}
    assert pairs(unknown, unknown) == {(0, 1, "state")}


def test_unknown_code_does_not_set_options_but_importing_it_may() -> None:
    options = effects(Access("state", "options", "read", 1))
    assert pairs(options, effects(Access("state", UNKNOWN_CODE, "write", 1))) == set()
    assert pairs(options, effects(Access("state", ANYTHING, "write", 1))) == {(0, 1, "state")}
    assert pairs(effects(Access("file", "a", "read", 1)), effects(Access("state", ANYTHING, "write", 1))) == {
        (0, 1, "file")
    }


@pytest.mark.parametrize(
    ("one", "two", "same"),
    [("a", "a", True), ("a", "b", False), ("d", "d/a", True), (".", "a", True), ("/x/a", "a", True),
     ("/x/a", "b", False), ("../a", "a", True), (ANYTHING, "a", True), ("d/a", "d/b", False)],
)  # fmt: skip
def test_paths_that_may_be_one_file(one: str, two: str, same: bool) -> None:
    assert _may_be_one(one, two) is _may_be_one(two, one) is same


def test_a_barrier_keeps_its_place_among_all() -> None:
    assert pairs(effects(), effects(barrier="runs a magic"), effects()) == {(0, 1, "order"), (1, 2, "order")}


def test_names_of_accesses_are_listed_once() -> None:
    assert names_of([Access("object", 3, "write", 1, via="x"), Access("object", 4, "write", 1, via="x")]) == ("x",)


@given(st.sets(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda p: p[0] < p[1])), st.randoms())
def test_dropping_implied_order_keeps_reachability(links: set[tuple[int, int]], rng: object) -> None:
    edges = [Edge(IDS[a], IDS[b], "order" if (a + b) % 2 else "value") for a, b in sorted(links)]
    kept = without_implied_order(edges, IDS)
    assert reach({(e.source, e.target) for e in kept}) == reach({(e.source, e.target) for e in edges})
    assert [e for e in kept if e.kind == "value"] == [e for e in edges if e.kind == "value"]


def reach(links: set[tuple[NodeId, NodeId]]) -> set[tuple[NodeId, NodeId]]:
    out = set(links)
    while True:
        more = {(a, d) for a, b in out for c, d in out if b == c} - out
        if not more:
            return out
        out |= more

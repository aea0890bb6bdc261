"""The law of the product where it is tempted most: programs that use few names for many things.

Every statement binds or reads one of a handful of names; loops may be empty, branches may not be taken, comprehensions
and lambdas look names up at once or later. Whatever order the DAG allows, each cell prints, and the namespace holds at
the end, what a linear run gives.
"""

from __future__ import annotations

import random
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag

from .test_linear_law import check

OPENING = "import contextlib, math\nlog, data, word = [], {'k': [1]}, 'word'\na, b, c, x, i = 1, 2, 3, 4, 5"
NAMES = st.sampled_from(["a", "b", "c", "x", "i"])
STATEMENTS = [
    "{x} = {n}", "{x} = {y}", "{x} = {x} + {n} if isinstance({x}, int) else {n}", "print({x})", "print({x}, {y})",
    "for {x} in range({n}):\n    print({x})", "for {x} in range({n}):\n    {y} = {x}",
    "print([{x} for _ in range({n})])", "print([{x} for {x} in range({n})], {x})",
    "print(sum({x} == {y} for _ in range(2)))", "{x} += {n} if 0 else []",
    "print(sorted([2, 1], key=lambda v: ({x} == v, v)))", "if {x} == {y}:\n    {z} = {n}", "{x}, {y} = {y}, {x}",
    "if {x} == {n}:\n    {y} = 1\nelse:\n    {y} = 2",
    "try:\n    {x} = 1 // {n}\nexcept ZeroDivisionError as err:\n    print(err, {y})",
    "while {x} in (0, 1):\n    {x} = 7", "with contextlib.suppress(TypeError):\n    {x} = {y} + 'no'", "({x} := {n})",
    "print([{y} := v for v in range({n})])",
    "match {x}:\n    case int() as {y}:\n        print({y})\n    case _:\n        {z} = 0", "{x} = [{n}]",
    "data['k'] = {x}", "print(data)", "{x} = data['k']", "import math as {x}m", "{x} = (lambda v: v)({y})",
    "{x} = {y} = {n}", "*{x}, {y} = [1, 2, {n}]", "for {x}, {y} in [(1, 2), (3, {n})]:\n    pass\nprint({x}, {y})",
    "{x} = [{x}, {x}]", "print({x} is {y})", "log.append({x})", "print(log)", "assert True, {x}",
    "print(f'{{{x}!r:>9}}')", "del {x}\n{x} = {n}", "{x} = list(map(lambda v: (v, {y}), range({n})))",
    "{x} = max([{n}, 1], key=lambda v: -v)",
    "for {x} in [{n}, 1]:\n    if {x}:\n        break\nelse:\n    {y} = 'none'\nprint({x})",
    "{x} = {n}; {y} = {x}; {x} = 0", "print(word); word = '{n}'", "f = lambda: {x}\nprint(f())",
    "print(any({x} for _ in range({n})), {y})", "{x} = {{{y}: {n} for {y} in range({n})}}",
    "def show({x}={y}):\n    print({x}, {z})\nshow()", "{x}: int = {n}",
]  # fmt: skip
PLAIN = [text for text in STATEMENTS if not any(word in text for word in ("def ", "f = ", "del ", "import", ": int"))]


@st.composite
def programs(draw: st.DrawFn) -> list[str]:
    """A few cells of a few statements; most programs have none that pins names down for all cells."""
    statements = draw(st.sampled_from([PLAIN, PLAIN, PLAIN, STATEMENTS]))
    cells = [OPENING]
    for _ in range(draw(st.integers(2, 9))):
        lines = []
        for _ in range(draw(st.integers(1, 4))):
            parts = {key: draw(NAMES) for key in "xyz"} | {"n": draw(st.integers(0, 3))}
            lines.append(draw(st.sampled_from(statements)).format(**parts))
        cells.append("\n".join(lines))
    return cells


def drawn(seed: int) -> list[str]:
    """The same without hypothesis, for many seeds by hand."""
    rng = random.Random(seed)
    statements = rng.choice([PLAIN, PLAIN, PLAIN, STATEMENTS])
    cells = [OPENING]
    for _ in range(rng.randint(2, 9)):
        parts = [
            rng.choice(statements).format(**{key: rng.choice("abcxi") for key in "xyz"}, n=rng.randint(0, 3))
            for _ in range(rng.randint(1, 4))
        ]
        cells.append("\n".join(parts))
    return cells


def renamings(cells: Sequence[str]) -> int:
    """How many slots the DAG of some cells has."""
    dag = cell_dag([Cell(number + 1, source) for number, source in enumerate(cells)])
    told = [node.metadata.get("slots", {}) for node in dag.nodes.values()]
    return len({slot for slots in told for part in slots.values() for slot in part.values()})


@settings(max_examples=400)
@given(programs(), st.integers(0, 2**20))
def test_every_order_gives_the_results_of_the_linear_one(cells: list[str], seed: int) -> None:
    check(cells, [seed, seed + 1, seed + 2])


def test_the_programs_do_have_versions() -> None:
    several = sum(renamings(drawn(seed)) > 3 for seed in range(100))
    assert several > 40

"""Whatever a node is given, makes or raises, wherever it runs: the right value, or an error that names the node.

One run for each backend: every value is made by a node and read by the next, and given to a third from outside.
"""

from __future__ import annotations

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import NodeFailed
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.scheduler import ParallelScheduler

from .odd_values import EXCEPTIONS, VALUES, kind


def raising(make):
    def body():
        raise make()

    return body


def looking(look, name):
    """A function whose parameter has that name."""
    return eval(f"lambda {name}: look({name})", {"look": look})


def graph():
    nodes = [Node(f"make_{odd.name}", fn=odd.make) for odd in VALUES]
    nodes += [Node(f"read_{o.name}", fn=looking(o.look, f"make_{o.name}"), after=[f"make_{o.name}"]) for o in VALUES]
    nodes += [Node(f"take_{o.name}", fn=looking(o.look, f"given_{o.name}")) for o in VALUES]
    nodes += [Node(f"raise_{name}", fn=raising(make)) for name, make in EXCEPTIONS.items()]
    return DAG(nodes)


@pytest.fixture(scope="module", params=["threading", "loky"])
def run(request):
    given = {f"given_{odd.name}": odd.make() for odd in VALUES}
    config = RunConfig(jobs=2, backend=request.param, keep_going=True, timeout=150)
    result = ParallelScheduler(config).execute(graph(), given)
    return result


def test_there_are_more_than_two_hundred_of_them():
    assert 2 * len(VALUES) + len(EXCEPTIONS) > 200


def test_nothing_hangs_and_no_pool_breaks(run):
    assert not run.stopped
    lost = [name for name, outcome in run.outcomes.items() if "was lost" in str(outcome.error)]
    assert lost == []


@pytest.mark.parametrize("odd", VALUES, ids=[odd.name for odd in VALUES])
def test_a_value_is_right_wherever_it_goes(run, odd):
    made = odd.make()
    expected = odd.look(made)
    fields = {"make": "its result", "read": f"its input 'make_{odd.name}'", "take": f"its input 'given_{odd.name}'"}
    for node, field in fields.items():
        outcome = run.outcomes[f"{node}_{odd.name}"]
        assert outcome.status == "done", outcome.error
        assert not outcome.reason or field in outcome.reason or "its function" in outcome.reason
    assert kind(run.values[f"make_{odd.name}"]) == kind(made)
    assert run.values[f"read_{odd.name}"] == expected
    assert run.values[f"take_{odd.name}"] == expected


@pytest.mark.parametrize("name", EXCEPTIONS)
def test_an_exception_is_its_nodes_failure_under_its_own_name(run, name):
    outcome = run.outcomes[f"raise_{name}"]
    error = EXCEPTIONS[name]()
    assert outcome.status == "failed"
    assert isinstance(outcome.error, NodeFailed)
    assert (outcome.error.node, outcome.error.ename) == (f"raise_{name}", type(error).__name__)
    assert f"raise_{name}" in str(outcome.error)
    assert "raise make()" in "".join(outcome.error.traceback)

"""What nodes see of each other's large values: as the documentation says, in any mixture of threads and processes.

The law, as a model: nodes of this process share their inputs and may change them, nodes elsewhere get copies. Chains of
random nodes are run for real and compared with it, so no file may ever be used for a value that has changed since.
"""

from __future__ import annotations

import copy
import random
import sys

import cloudpickle
import joblib
import numpy as np
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.scheduler import ParallelScheduler

cloudpickle.register_pickle_by_value(sys.modules[__name__])
SIZE = 4096
"""Numbers of an array; what counts as large is less."""


def new(step, *inputs):
    return np.full(SIZE, float(step + sum(int(one.sum()) for one in inputs) % 1000))


def same(step, *inputs):
    return inputs[0] if inputs else new(step)


def part(step, *inputs):
    return inputs[0][1:] if inputs else new(step)


def change(step, *inputs):
    before = new(step, *inputs)
    for one in inputs:
        one[step % len(one)] += step
    return before


def change_and_keep(step, *inputs):
    change(step, *inputs)
    return {"a": inputs[0], "n": step}["a"] if inputs else new(step)


BODIES = (new, same, part, change, change_and_keep)


def chain(seed, length=14):
    """Random steps: body, the earlier nodes that it reads, and where it runs."""
    draw = random.Random(seed)
    for step in range(length):
        reads = draw.sample(range(step), min(step, draw.choice((0, 1, 1, 2))))
        yield step, draw.choice(BODIES), reads, draw.choice(("loky", "loky", "threading"))


def modelled(steps):
    values = []
    for step, body, reads, backend in steps:
        inputs = [values[read] for read in reads]
        if backend == "loky":  # in one pickle: what is the same object stays one, what only shares memory does not
            inputs = copy.deepcopy(inputs)
        values.append(body(step, *inputs))
        if backend == "loky":
            values[-1] = copy.deepcopy(values[-1])
    return values


def graph(steps):
    nodes = []
    for step, body, reads, backend in steps:
        names = ", ".join(f"n{read}" for read in reads)
        fn = eval(f"lambda {names}: body(step, {names})", {"body": body, "step": step})
        nodes.append(Node(f"n{step}", fn=fn, after=[f"n{step - 1}"] if step else [], backend=backend))
    return DAG(nodes)


@pytest.mark.parametrize("wanted", [None, "last"])
@pytest.mark.parametrize("seed", range(25))
def test_every_mixture_of_threads_and_processes_gives_the_values_of_the_model(seed, wanted):
    steps = list(chain(seed))
    expected = {f"n{step}": value for step, value in enumerate(modelled(steps))}
    results = None if wanted is None else [f"n{len(steps) - 1}"]
    with joblib.parallel_config(max_nbytes=1024):
        result = ParallelScheduler(RunConfig(jobs=2, backend="loky")).execute(graph(steps), results=results)
    assert result.success, result.errors
    assert [outcome.reason for outcome in result.outcomes.values() if outcome.reason] == []
    assert list(result.values) == (list(expected) if results is None else results)
    for name, value in result.values.items():
        assert np.array_equal(value, expected[name]), name

from __future__ import annotations

import functools
import pickle

import cloudpickle
import pytest

from orchestra_nb.errors import ConfigError
from orchestra_nb.graph.signature import parameters
from orchestra_nb.graph.task import node_of, task
from orchestra_nb.model import Node


@task
def load() -> int:
    """Load."""
    return 1


@task(cost=2, after=[load, "setup"], id="fit-it", priority=3)
def fit(load: int) -> int:
    return load + 1


def test_the_function_stays_what_it_was():
    assert (load(), fit(1), load.__doc__) == (1, 2, "Load.")
    assert pickle.loads(pickle.dumps(fit)) is fit


def test_the_node_hangs_on_the_function():
    assert load.node == Node("load", fn=load)
    assert fit.node == Node("fit-it", fn=fit, after=("load", "setup"), cost=2, priority=3)


def test_after_may_be_one_name():
    assert task(after="load")(lambda: 1).node.after == ("load",)


def test_a_task_travels_to_a_process_by_value():
    @task(cost=3)
    def local(x: int) -> int:
        return x + 1

    again = cloudpickle.loads(cloudpickle.dumps(local))
    assert again(1) == 2
    assert again.node.cost == 3


def test_settings_that_cannot_be_meant_are_told_at_the_decorator():
    with pytest.raises(ConfigError, match=r"task 'load'.*colour"):
        task(colour="red")(load.node.fn)
    with pytest.raises(ConfigError, match="cost must be seconds"):
        task(cost=-1)(lambda: 1)
    with pytest.raises(ConfigError, match="task 'len'"):
        task(len)


def plain(a, /, b, *rest, c=1, **others):
    return a


class Model:
    def fit(self, x):
        return x

    def __call__(self, y):
        return y


@pytest.mark.parametrize(
    ("fn", "names"),
    [
        (plain, ("a", "b", "c")),
        (functools.partial(plain, 1), ("b", "c")),
        (Model().fit, ("x",)),
        (Model(), ("y",)),
        (functools.wraps(plain)(lambda *args: None), ("a", "b", "c")),
        (dict.fromkeys, ("iterable", "value")),
        (max, ()),
    ],
)
def test_parameters_of_every_kind_of_callable(fn, names):
    assert tuple(parameter.name for parameter in parameters(fn)) == names


def test_what_carries_a_node():
    node = Node("a")
    assert node_of(node) is node
    assert node_of(fit) is fit.node
    assert node_of(plain) == Node("plain", fn=plain)
    assert node_of(Model()).id == "Model"
    assert [node_of(thing) for thing in ("a", 1, None, Model)] == [None] * 4

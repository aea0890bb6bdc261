"""A worker that dies takes down its own node and nobody else's (target W1)."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path

import cloudpickle
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.blame import blamed
from orchestra_nb.running.scheduler import ParallelScheduler

cloudpickle.register_pickle_by_value(sys.modules[__name__])
pytestmark = pytest.mark.filterwarnings("ignore:This process .* is multi-threaded:DeprecationWarning")


def leave():
    os._exit(3)


def be_killed():
    os.kill(os.getpid(), signal.SIGKILL)


def crash():
    import faulthandler

    faulthandler.disable()
    os.kill(os.getpid(), signal.SIGSEGV)


def abort():
    """As C code does that finds itself in a state that cannot be."""
    import resource

    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.abort()


def run(nodes, **config):
    return ParallelScheduler(RunConfig(**{"jobs": 3, "keep_going": True, "history": False, **config})).execute(
        DAG(nodes)
    )


@pytest.mark.parametrize("backend", ["loky", "multiprocessing"])
@pytest.mark.parametrize("end", [leave, be_killed, crash, abort])
def test_of_many_nodes_only_the_one_whose_worker_died_fails(backend, end):
    nodes = [Node(f"n{i}", fn=end if i == 7 else os.getpid) for i in range(16)]
    result = run(nodes, backend=backend)
    assert [name for name, outcome in result.outcomes.items() if not outcome.ok] == ["n7"]
    assert "its worker was lost" in str(result.errors[0])
    assert len(result.values) == 15


def test_a_node_whose_worker_died_is_tried_again_if_its_policy_says_so(tmp_path):
    sign = tmp_path / "been here"

    def die_once(path=str(sign)):
        if not Path(path).exists():
            Path(path).touch()
            os._exit(3)
        return "alive"

    policy = {"attempts": 2, "initial_delay": 0, "on": ["WorkerLost"]}
    result = run([Node("a", fn=die_once, retry=policy)], backend="loky")
    assert (result.values["a"], result.outcomes["a"].attempts) == ("alive", 2)


def test_a_pool_whose_workers_die_again_and_again_ends_with_every_outcome_known():
    nodes = [Node(f"n{i}", fn=leave if i % 3 == 0 else os.getpid) for i in range(12)]
    result = run(nodes, backend="loky")
    assert [outcome.status for outcome in result.outcomes.values()] == ["failed", "done", "done"] * 4


def test_who_had_begun_in_a_dead_process_is_to_blame(tmp_path):
    mark = tmp_path / "mark"
    assert blamed(str(mark), (17,), others=2) is False
    mark.write_text("17")
    assert blamed(str(mark), (17,), others=2) is True
    assert blamed(str(mark), (18,), others=2) is False
    assert blamed(str(mark), (), others=2) is None
    mark.write_text("x")
    assert blamed(str(mark), (17,), others=2) is False

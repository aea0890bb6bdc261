"""A run in a thread of its own: begun when it says so, held, stopped, waited for; and what went wrong with it."""

from __future__ import annotations

import contextvars
import pickle
import threading

import pytest

from orchestra_nb import (
    CheckpointError,
    ConfigError,
    DefinitionError,
    EventBus,
    Node,
    NodeFailed,
    Notebook,
    Pipeline,
    ProgressTracker,
    RunConfig,
    RunHandle,
    RunNotOver,
)
from orchestra_nb.events import RunStarted
from orchestra_nb.running.control import RunControl

PATIENCE = 60.0


def pipeline(*nodes, jobs=2, **settings):
    return Pipeline(nodes, config=RunConfig(jobs=jobs, history=False, cache=False, **settings))


@pytest.fixture
def gate():
    event = threading.Event()
    yield event
    event.set()


@pytest.mark.parametrize("jobs", [1, 2])
def test_it_goes_on_by_itself_says_how_far_it_is_and_has_the_result_in_the_end(gate, jobs):
    made = pipeline(Node("first", fn=lambda: gate.wait(PATIENCE)), Node("second", fn=lambda first: 2), jobs=jobs)
    run = made.start()
    assert (run.over, run.state, run.result, run.stats.percent) == (False, "running", None, 0.0)
    with pytest.raises(RunNotOver, match="the run is not over after 10 ms; wait longer, or cancel"):
        run.wait(timeout=0.01)
    gate.set()
    assert run.wait(timeout=PATIENCE).values == {"first": True, "second": 2}
    assert (run.over, run.state, run.stats.percent, run.result.success) == (True, "done", 100.0, True)
    assert run.wait() is run.result


def test_when_it_has_begun_it_is_held_let_go_on_and_stopped(gate):
    made = pipeline(Node("first", fn=lambda: gate.wait(PATIENCE)), Node("second", fn=lambda first: 2))
    paused, unpaused = threading.Event(), threading.Event()
    made.bus.on("execution:run-paused", lambda event: paused.set())
    made.bus.on("execution:run-unpaused", lambda event: unpaused.set())
    run = made.start()
    assert isinstance(run, RunControl)
    run.pause("for a look")
    assert paused.wait(PATIENCE)
    assert (run.paused, run.state) == (True, "paused")
    run.unpause()
    assert unpaused.wait(PATIENCE)
    run.cancel("enough")
    gate.set()
    result = run.wait(timeout=PATIENCE)
    assert (result.stopped, run.state, result.outcomes["second"].reason) == ("cancelled", "cancelled", "enough")
    for harmless in (run.cancel, run.pause, run.unpause):
        harmless()
    assert not run.paused


def test_what_is_wrong_before_the_first_node_is_raised_where_it_is_begun():
    with pytest.raises(DefinitionError, match="uses 2 of 'db', and there is 1"):
        pipeline(Node("a", fn=lambda: 1, uses=["db:2"])).start()
    with pytest.raises(DefinitionError, match="there is no node 'b' whose result could be kept"):
        pipeline(Node("a", fn=lambda: 1)).start(results=["b"])


def test_a_failed_node_is_in_the_result_and_what_ends_the_run_is_raised_each_time():
    made = pipeline(Node("a", fn=lambda: 1 // 0))
    run = made.start()
    assert isinstance(run.wait(timeout=PATIENCE).errors[0], NodeFailed)
    assert run.state == "failed"

    bus = EventBus()

    def broken():
        bus.publish(RunStarted(0.0, 1, 1, "threading"))
        raise CheckpointError("<b>no room")

    run = RunHandle("<b>it", made, ProgressTracker())
    run.begin(broken, bus)
    depths = set()
    for _ in range(3):
        with pytest.raises(CheckpointError, match="no room") as caught:
            run.wait(timeout=PATIENCE)
        depths.add(len(caught.traceback))
    assert len(depths) == 1
    assert (run.result, run.state, type(run.error)) == (None, "failed", CheckpointError)
    assert run._repr_mimebundle_()["text/plain"].startswith("<b>it: failed (CheckpointError: <b>no room)")
    assert "<b>" not in run._repr_mimebundle_()["text/html"]


def test_one_pipeline_is_started_again_only_when_it_is_over(gate):
    made = pipeline(Node("a", fn=lambda: gate.wait(PATIENCE)))
    run = made.start()
    for again in (made.start, made.run):
        with pytest.raises(ConfigError, match="this pipeline runs already"):
            again()
    gate.set()
    run.wait(timeout=PATIENCE)
    assert made.run().success
    assert made.start().wait(timeout=PATIENCE).success


def test_bodies_have_the_context_variables_of_who_began_it():
    var = contextvars.ContextVar("var", default="another")
    made = pipeline(Node("a", fn=var.get), jobs=1)
    token = var.set("this one")
    run = made.start()
    var.reset(token)
    assert run.wait(timeout=PATIENCE).values == {"a": "this one"}


@pytest.mark.parametrize("timeout", [float("nan"), "soon"])
def test_what_is_no_time_to_wait_is_refused_at_once(gate, timeout):
    run = pipeline(Node("first", fn=lambda: gate.wait(PATIENCE))).start()
    with pytest.raises(ConfigError, match="is no number of seconds; give None to wait as long as it takes"):
        run.wait(timeout)
    gate.set()
    assert run.wait(PATIENCE).success


def test_it_shows_how_it_stands_and_has_a_frame(gate):
    made = pipeline(Node("<b>a", fn=lambda: gate.wait(PATIENCE)))
    run = made.start()
    bundle = run._repr_mimebundle_()
    assert bundle["text/plain"].startswith("run: running\n0 %, 0 of 1")
    assert "<b>a" not in bundle["text/html"]
    assert run.frame["total"].tolist() == [1]
    assert repr(run) == "<RunHandle of a run: running>"
    gate.set()
    run.wait(timeout=PATIENCE)


def test_whoever_was_not_over_in_time_can_travel():
    error = pickle.loads(pickle.dumps(RunNotOver("not yet")))
    assert isinstance(error, TimeoutError)
    assert str(error) == "not yet"


def test_cells_that_belong_to_the_main_thread_are_refused_with_the_reason():
    notebook = Notebook.from_sources(["x = 1", "import signal\nsignal.signal(signal.SIGUSR2, signal.SIG_IGN)"])
    with pytest.raises(DefinitionError, match="it cannot run in the background: "):
        Pipeline(notebook, config=RunConfig(jobs=2)).start()


def test_cells_run_in_a_thread_of_their_own_and_leave_their_names_where_they_are_told():
    space = {"x": 20}
    notebook = Notebook.from_sources(["y = x + 1", "z = 2 * y\nprint(z)\nz"])
    result = Pipeline(notebook, config=RunConfig(jobs=2, history=False)).start(namespace=space).wait(timeout=PATIENCE)
    assert (space["z"], [output["output_type"] for output in result.outcomes["cell-2"].outputs]) == (
        42,
        ["stream", "execute_result"],
    )


def test_a_handle_is_a_public_name():
    assert RunHandle.__module__ == "orchestra_nb.progress.handle"


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_node_that_raises_an_interrupt_stops_its_run_and_interrupts_nobody_else(jobs):
    def interrupt():
        raise KeyboardInterrupt

    run = pipeline(Node("first", fn=lambda: 1), Node("second", fn=lambda first: interrupt()), jobs=jobs).start()
    result = run.wait(PATIENCE)
    assert {name: outcome.status for name, outcome in result.outcomes.items()} == {
        "first": "done",
        "second": "cancelled",
    }
    assert run.error is None
    assert run.state in ("failed", "interrupted")

"""What a failed run of functions or agents undoes, with what it is called, and how that is told."""

from __future__ import annotations

import asyncio
import pickle
import threading
import time
from dataclasses import replace

import pytest

from orchestra_nb.config import RetryPolicy, RunConfig
from orchestra_nb.definitions.builder import DAGBuilder
from orchestra_nb.definitions.loading import load_command
from orchestra_nb.errors import DefinitionError, NodeFailed
from orchestra_nb.events import EventBus
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.task import task
from orchestra_nb.graph.undoing import undo_faults
from orchestra_nb.model import Expand, Node, Outcome
from orchestra_nb.recovery.saga_result import SagaResult, StepFate, Unknown
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.undoing import told

AT_ONCE = {"attempts": 2, "initial_delay": 0.0}


def fail():
    raise ValueError("no room")


def run(nodes, context=None, *, scheduler=None, bus=None, results=None, **config):
    scheduler = scheduler or ParallelScheduler(RunConfig(**{"jobs": 2, "history": False, **config}), bus)
    return scheduler.execute(DAGBuilder().build_dag(nodes), context, results=results)


def statuses(result):
    return {name: outcome.status for name, outcome in result.outcomes.items()}


@pytest.fixture
def said():
    return []


def chain(said, **last):
    """Three steps, each undone by a function of its own; the fourth fails."""

    def step(number):
        return Node(
            f"s{number}",
            fn=lambda: said.append(f"do {number}") or number,
            after=[f"s{number - 1}"] if number else [],
            undo=lambda result: said.append(f"undo {result}"),
        )

    return [step(0), step(1), step(2), Node("last", fn=fail, after=["s2"], **last)]


# Who is undone, and when.


@pytest.mark.parametrize("config", [{"jobs": 1}, {"jobs": 2}, {"jobs": 2, "schedule": "levels"}, {"backend": "loky"}])
def test_what_was_done_is_undone_the_latest_first(said, config):
    nodes = [replace(node, backend="threading") if "backend" in config else node for node in chain(said)]
    result = run(nodes, **config)
    assert said == ["do 0", "do 1", "do 2", "undo 2", "undo 1", "undo 0"]
    assert result.undone.compensated == ("s2", "s1", "s0")
    assert not result.success


def test_a_run_that_succeeds_undoes_nothing_and_its_compensating_nodes_are_skipped(said):
    nodes = [Node("load", fn=lambda: 1, undo="drop"), Node("drop", fn=lambda load: said.append(load))]
    result = run(nodes)
    assert result.success
    assert result.undone is None
    assert result.outcomes["drop"].status == "skipped"
    assert result.outcomes["drop"].reason == "it compensates 'load', and nothing had to be undone"
    assert said == []


def test_undo_false_leaves_everything_as_it_is(said):
    result = run(chain(said), undo=False)
    assert said == ["do 0", "do 1", "do 2"]
    assert result.undone is None
    assert [outcome.reason for outcome in result.outcomes.values()] == ["", "", "", ""]


def test_what_failed_is_not_undone_and_a_retried_node_is_undone_once(said):
    tries = []

    def flaky():
        tries.append(1)
        if len(tries) < 2:
            raise OSError("once")

    nodes = [
        Node("flaky", fn=flaky, retry=AT_ONCE, undo=lambda: said.append("undo flaky")),
        Node("broken", fn=fail, after=["flaky"], undo=lambda: said.append("never")),
    ]
    run(nodes)
    assert said == ["undo flaky"]


def test_with_keep_going_everything_that_can_run_has_run_before_anything_is_undone(said):
    begun = threading.Event()

    def broken():
        raise ValueError

    def slow():
        said.append("slow")

    nodes = [
        Node("early", fn=lambda: said.append("early"), undo=lambda: said.append("undo early")),
        Node("broken", fn=broken, after=["early"]),
        Node("slow", fn=slow, after=["early"], undo=lambda: said.append("undo slow")),
        Node("slower", fn=lambda: said.append("slower"), after=["slow"]),
    ]
    run(nodes, keep_going=True)
    assert said == ["early", "slow", "slower", "undo slow", "undo early"]
    assert not begun.is_set()


def test_a_run_that_outlived_its_time_is_undone_and_one_that_was_cancelled_is_not(said):
    release = threading.Event()

    def stuck():
        release.wait(60)

    def nodes():
        return [
            Node("first", fn=lambda: 1, undo=lambda: said.append("undo")),
            Node("stuck", fn=stuck, after=["first"]),
        ]

    result = run(nodes(), timeout=2)  # the first one is done by then
    assert result.stopped == "timeout"
    assert said == ["undo"]
    bus = EventBus()
    scheduler = ParallelScheduler(RunConfig(jobs=2, history=False), bus)
    bus.on("execution:node-started", lambda event: event.node == "stuck" and scheduler.cancel("enough"))
    result = run(nodes(), scheduler=scheduler)
    release.set()
    assert result.stopped == "cancelled"
    assert result.undone is None
    assert said == ["undo"]


def test_what_can_be_undone_is_never_taken_from_a_cache(said, tmp_path):
    def nodes(last):
        load = Node("load", fn=lambda: said.append("load"), cache=60, undo=lambda: said.append("undo"))
        return [load, Node("last", fn=last, after=["load"])]

    first = run(nodes(lambda: 1), cache=str(tmp_path))
    assert (
        first.outcomes["load"].reason
        == "its result was not kept: it can be undone, and what was kept would outlive that"
    )
    run(nodes(fail), cache=str(tmp_path))
    assert said == ["load", "load", "undo"]


def test_what_an_earlier_run_has_done_is_not_undone(said):
    nodes = [
        Node("load", fn=lambda: 1, undo=lambda: said.append("undo load")),
        Node("fit", fn=lambda load: 2, after=["load"]),
        Node("late", fn=lambda: 3, after=["fit"], undo=lambda: said.append("undo late")),
        Node("end", fn=fail, after=["late"]),
    ]
    dag = DAGBuilder().build_dag(nodes)
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False, undo=False))
    first = scheduler.execute(dag)
    scheduler.config = RunConfig(jobs=1, history=False)
    level = f"{first.run_id}/level-1"
    second = scheduler.resume_from_checkpoint(level, dag)
    assert statuses(second) == {"load": "cached", "fit": "cached", "late": "done", "end": "failed"}
    assert said == ["undo late"]
    assert second.undone.completed == ("late",)


def test_nodes_that_joined_the_run_are_undone_with_the_rest(said):
    def split():
        parts = [Node(f"part{n}", fn=lambda n=n: n, undo="tidy", after=[f"part{n - 1}"] if n else []) for n in range(2)]
        return Expand([*parts, Node("tidy", fn=lambda result: said.append(result))])

    result = run([Node("split", fn=split, undo=lambda: said.append("split")), Node("end", fn=fail, after=["split"])])
    assert said == [1, 0, "split"]
    assert statuses(result)["tidy"] == "done"


@pytest.mark.parametrize(
    ("last", "undo", "reason"),
    [
        (fail, True, "compensates 'load'"),
        (fail, False, "it compensates 'load', and nothing was undone"),
        (int, True, "it compensates 'load', and nothing had to be undone"),
    ],
)
def test_whether_it_will_have_to_compensate_nobody_knows_before_the_end(last, undo, reason):
    nodes = [
        Node("load", fn=lambda: 1, undo="drop"),
        Node("drop", fn=lambda: None),
        Node("end", fn=last, after=["load"]),
    ]
    ended, bus = {}, EventBus()
    bus.on("execution:node-ended", lambda event: ended.update({event.outcome.node: event.outcome}), inline=True)
    result = run(nodes, bus=bus, undo=undo)
    assert ended["drop"].reason == "it compensates 'load' when the run fails"
    assert result.outcomes["drop"].reason == reason


@pytest.mark.parametrize(
    ("fate", "reason"),
    [
        ("left", "it compensates 'load', still to be undone"),
        ("failed", "it compensates 'load', and nothing had to be undone"),
    ],
)
def test_what_compensates_and_has_not_run_on_the_way_back_says_why(fate, reason):
    dag = DAG([Node("load", undo="drop"), Node("drop"), Node("end")])
    outcomes = {
        "load": Outcome("load", "done"),
        "drop": Outcome("drop", "skipped", reason="it compensates 'load', and nothing was undone"),
        "end": Outcome("end", "failed"),
    }
    found = told(outcomes, dag, SagaResult(False, (StepFate("load", fate),)), {})
    assert (found["drop"].status, found["drop"].reason) == ("skipped", reason)


# What a compensation is given.


def test_a_compensation_is_given_what_its_parameters_name(said):
    def drop(load, fit, place, result, context, spare="spare", lost=None):
        said.append((load, fit, place, result, dict(context), spare, lost))

    nodes = [
        Node("load", fn=lambda: 7, undo="drop"),
        Node("fit", fn=lambda load: load + 1),
        Node("lost", fn=lambda end: end),
        Node("end", fn=fail, after=["fit"]),
        Node("drop", fn=drop),
    ]
    run(nodes, {"place": "here"})
    assert said == [(7, 8, "here", 7, {"place": "here", "load": 7, "fit": 8}, "spare", None)]


def test_a_value_that_nobody_knows_is_named_and_no_error(said):
    nodes = [
        Node("load", fn=lambda: 7, undo=lambda end: said.append(end)),
        Node("end", fn=fail, after=["load"]),
    ]
    run(nodes)
    assert said == [Unknown("end", "it was not done")]


def test_values_that_a_compensation_needs_are_kept_though_nobody_asked_for_them(said):
    nodes = [
        Node("load", fn=lambda: [7]),
        Node("fit", fn=lambda load: [*load, 8], undo="drop"),
        Node("score", fn=lambda fit: len(fit)),
        Node("end", fn=fail, after=["score"]),
        Node("drop", fn=lambda result, load: said.append((result, load))),
    ]
    run(nodes, results=["score"])
    assert said == [([7, 8], [7])]


def test_coroutine_functions_compensate_too(said):
    async def drop(result):
        await asyncio.sleep(0)
        said.append(("node", result))

    async def forget(result):
        await asyncio.sleep(0)
        said.append(("function", result))

    nodes = [
        Node("a", fn=lambda: 1, undo="drop"),
        Node("b", fn=lambda a: 2, undo=forget),
        Node("end", fn=fail, after=["b"]),
        Node("drop", fn=drop),
    ]
    run(nodes)
    assert said == [("function", 2), ("node", 1)]


def drop_in_process(result):
    if result != 7:
        raise ValueError(result)
    return threading.current_thread().name


def test_a_compensating_node_runs_where_it_says():
    nodes = [
        Node("load", fn=lambda: 7, undo="drop"),
        Node("drop", fn=drop_in_process, backend="loky"),
        Node("end", fn=fail, after=["load"]),
    ]
    result = run(nodes, backend="threading")
    assert result.undone.clean
    assert result.outcomes["drop"].bytes_out > 0


def test_values_of_merged_nodes_are_known_by_the_names_of_their_parts(said):
    nodes = [
        Node("load", fn=lambda: 7),
        Node("fit", fn=lambda load: load + 1, after=["load"]),
        Node("save", fn=lambda fit: "saved", undo=lambda load, fit: said.append((load, fit))),
        Node("end", fn=fail, after=["save"]),
    ]
    dag = DAGBuilder().optimize(DAGBuilder().build_dag(nodes), merge_below=3)
    assert "load+fit" in dag.nodes
    run(dag)
    assert said == [(7, 8)]


def test_a_function_that_is_a_node_of_the_graph_compensates_as_that_node(said):
    @task
    def drop(result):
        said.append(result)

    @task(undo=drop)
    def load():
        return 7

    @task(after=[load])
    def end():
        raise ValueError

    result = run([load, drop, end])
    assert said == [7]
    assert result.outcomes["load"].reason == "undone by 'drop'"


# What can go wrong on the way back.


def test_a_failing_compensation_is_tried_as_its_node_says_and_the_rest_goes_on(said):
    def drop():
        said.append("drop")
        raise OSError("locked")

    nodes = [
        Node("a", fn=lambda: 1, undo=lambda: said.append("undo a")),
        Node("b", fn=lambda: 2, after=["a"], undo="drop"),
        Node("drop", fn=drop, retry=AT_ONCE),
        Node("end", fn=fail, after=["b"]),
    ]
    result = run(nodes)
    assert said == ["drop", "drop", "undo a"]
    (stuck,) = result.undone.failed_compensations
    assert (stuck.step, stuck.undo_attempts, stuck.undo_error) == ("b", 2, "OSError: locked")
    assert result.undone.compensated == ("a",)
    assert result.outcomes["b"].reason == "could not be undone: OSError: locked"
    assert result.outcomes["a"].reason == "undone"
    assert statuses(result) == {"a": "done", "b": "done", "drop": "failed", "end": "failed"}
    assert [error.node for error in result.errors] == ["end", "drop"]
    assert str(result.errors[0]) == "node 'end' failed: ValueError: no room"
    with pytest.raises(NodeFailed, match="no room"):
        result.raise_for_errors()


def test_a_compensation_is_tried_again_only_for_what_its_node_names(said):
    def drop():
        said.append("drop")
        raise KeyError("gone")

    retry = RetryPolicy(attempts=3, initial_delay=0.0, on=("OSError",))
    nodes = [
        Node("a", fn=lambda: 1, undo="drop"),
        Node("drop", fn=drop, retry=retry),
        Node("end", fn=fail, after=["a"]),
    ]
    run(nodes)
    assert said == ["drop"]


def test_a_compensation_that_outlives_its_timeout_has_failed(said):
    release = threading.Event()
    nodes = [
        Node("a", fn=lambda: 1, undo=lambda: said.append("undo a")),
        Node("b", fn=lambda: 1, after=["a"], undo="hangs"),
        Node("hangs", fn=lambda: release.wait(60), timeout=0.1),
        Node("end", fn=fail, after=["b"]),
    ]
    result = run(nodes)
    release.set()
    assert [step.undo_error for step in result.undone.failed_compensations] == [
        "NodeTimeout: node 'hangs' outlived its timeout of 0.1 s"
    ]
    assert said == ["undo a"]


def test_an_interrupt_stops_the_way_back_and_going_on_finishes_it_first(said):
    armed = [True]

    def undo_b():
        if armed.pop() if armed else False:
            raise KeyboardInterrupt
        said.append("undo b")

    fair = []

    def end():
        if not fair:
            raise ValueError("storm")
        return "home"

    nodes = [
        Node("a", fn=lambda: said.append("a"), undo=lambda: said.append("undo a")),
        Node("b", fn=lambda: said.append("b"), after=["a"], undo="drop"),
        Node("drop", fn=undo_b),
        Node("end", fn=end, after=["b"]),
    ]
    dag = DAGBuilder().build_dag(nodes)
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False))
    with pytest.raises(KeyboardInterrupt) as caught:
        scheduler.execute(dag)
    stopped = scheduler.last_result
    assert stopped.undone.left == ("a", "b")
    assert stopped.outcomes["a"].reason == "still to be undone"
    assert any(f"resume_from_checkpoint('{stopped.run_id}', dag)" in note for note in caught.value.__notes__)
    fair.append(True)
    result = scheduler.resume_from_checkpoint(str(stopped.run_id), dag)
    assert said == ["a", "b", "undo b", "undo a", "a", "b"]
    assert result.success
    assert result.values["end"] == "home"


def test_what_was_undone_runs_again_and_so_does_what_came_after_it(said):
    fair = []

    def end(fill):
        if not fair:
            raise ValueError("storm")
        return fill

    table = []
    nodes = [
        Node("other", fn=lambda: said.append("other")),
        Node("create", fn=lambda: table.append("made") or said.append("create"), undo=lambda: table.clear()),
        Node("fill", fn=lambda create: said.append("fill") or list(table), after=["create"]),
        Node("end", fn=end),
    ]
    dag = DAGBuilder().build_dag(nodes)
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False))
    failed = scheduler.execute(dag)
    fair.append(True)
    assert table == []
    result = scheduler.resume_from_checkpoint(failed.checkpoints[-1], dag)
    assert statuses(result) == {"other": "cached", "create": "done", "fill": "done", "end": "done"}
    assert said == ["other", "create", "fill", "create", "fill"]
    assert result.values["end"] == ["made"]


def test_a_run_of_which_everything_was_undone_can_be_gone_on_with(said):
    fair = []

    def end():
        if not fair:
            raise ValueError("storm")

    nodes = [Node("a", fn=lambda: said.append("a"), undo=lambda: None), Node("end", fn=end, after=["a"])]
    scheduler = ParallelScheduler(RunConfig(jobs=1, history=False))
    dag = DAG(nodes)
    failed = scheduler.execute(dag)
    fair.append(True)
    assert scheduler.resume_from_checkpoint(str(failed.run_id), dag).success
    assert said == ["a", "a"]


# How it is told.


def test_a_node_that_compensates_several_has_one_outcome_for_all(said):
    def tidy(result):
        said.append(result)
        if result == 1:
            raise OSError("stuck")

    nodes = [
        Node("a", fn=lambda: 1, undo="tidy"),
        Node("b", fn=lambda a: 2, undo="tidy"),
        Node("tidy", fn=tidy),
        Node("end", fn=fail, after=["b"]),
    ]
    result = run(nodes)
    assert said == [2, 1]
    assert result.outcomes["tidy"].status == "failed"
    assert result.outcomes["tidy"].attempts == 2
    assert result.outcomes["tidy"].reason == "compensates 'a', 'b'"
    assert result.outcomes["b"].reason == "undone by 'tidy'"


def test_a_compensation_that_went_well_in_the_end_has_not_failed(said):
    def tidy(result):
        said.append(result)
        if len(said) < 2:
            raise OSError("once")

    nodes = [
        Node("a", fn=lambda: 1, undo="tidy"),
        Node("tidy", fn=tidy, retry=AT_ONCE),
        Node("end", fn=fail, after=["a"]),
    ]
    result = run(nodes)
    assert said == [1, 1]
    assert (result.outcomes["tidy"].status, result.outcomes["tidy"].attempts) == ("done", 2)
    assert [error.node for error in result.errors] == ["end"]


def test_errors_name_compensations_that_are_functions_last_and_the_repr_counts(said):
    nodes = [
        Node("a", fn=lambda: 1, undo=lambda: None),
        Node("b", fn=lambda a: 1, undo=fail),
        Node("end", fn=fail, after=["b"]),
    ]
    nodes[1] = replace(nodes[1], undo="drop")
    by_node = run([*nodes, Node("drop", fn=fail)])
    assert [error.node for error in by_node.errors] == ["end", "drop"]

    def gone():
        raise OSError("locked")

    nodes[1] = replace(nodes[1], undo=gone)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("orchestra_nb.running.undoing.THRICE", RetryPolicy())
        result = run(nodes)
    failed, not_undone = result.errors
    assert (failed.node, not_undone.node, not_undone.ename) == ("end", "b", "OSError")
    assert str(not_undone) == "node 'b' could not be undone: OSError: locked"
    assert "(1 undone, 1 could not be)" in repr(result)
    assert "undone although what used it was not: a (used by b)" in str(result.undone)


def test_what_happens_on_the_way_back_tells_the_time_of_the_run():
    bus, events = EventBus(), []
    bus.on("*", events.append, inline=True)
    nodes = [
        Node("a", fn=lambda: time.sleep(0.01), undo=lambda: None),
        Node("end", fn=fail, after=["a"]),
    ]
    run(nodes, bus=bus)
    times = [event.at for event in events]
    assert times == sorted(times)
    assert times[-1] > 0.01


def test_what_happens_on_the_way_back_is_published_after_the_run_has_ended(said):
    bus = EventBus()
    bus.on("*", lambda event: said.append(event.name))
    nodes = [Node("a", fn=lambda: 1, undo=lambda: None), Node("end", fn=fail, after=["a"])]
    run(nodes, bus=bus)
    assert said[-5:] == [
        "execution:run-ended",
        "recovery:saga-started",
        "recovery:undo-started",
        "recovery:undone",
        "recovery:saga-ended",
    ]


def test_the_report_is_shown_in_text_and_html_and_the_frame(said):
    nodes = [
        Node("a", fn=lambda: 1, undo=lambda: None),
        Node("b", fn=lambda a: 1, undo="drop"),
        Node("drop", fn=fail),
        Node("end", fn=fail, after=["b"]),
    ]
    result = run(nodes)
    shown = result._repr_mimebundle_()
    for text in (shown["text/plain"], shown["text/html"]):
        assert "undone: a" in text
        assert "needs a person: b (tried once: ValueError: no room)" in text
    reasons = dict(zip(result.frame["node"], result.frame["reason"], strict=True))
    assert reasons["a"] == "undone"
    assert reasons["b"] == "could not be undone: ValueError: no room"


def test_the_result_pickles_with_its_report():
    result = run([Node("a", fn=int, undo=int), Node("end", fn=fail, after=["a"])])
    assert pickle.loads(pickle.dumps(result)).undone.compensated == ("a",)


def test_times_of_compensations_are_told_by_the_clock_of_the_run():
    nodes = [
        Node("a", fn=lambda: time.perf_counter(), undo="drop"),
        Node("drop", fn=int),
        Node("end", fn=fail, after=["a"]),
    ]
    result = run(nodes)
    assert result.outcomes["drop"].started >= result.outcomes["end"].ended


# Agents.


def command(*agents, **settings):
    return {"name": "/book", "phases": [{"name": "Book", "sequential": True, "agents": list(agents)}], **settings}


BOOKING = command(
    {"id": "seat", "type": "clerk", "compensation": {"agent": "free-seat", "action": "free", "grace": 3}},
    {"id": "free-seat", "type": "clerk"},
    {"id": "pay", "type": "bank"},
)


@pytest.mark.parametrize("kind", ["sync", "async"])
def test_an_agent_is_compensated_by_its_agent_which_has_its_result_and_what_the_definition_says(said, kind):
    def work(node, context):
        said.append(node.id)
        if node.id == "pay":
            raise OSError("no money")
        if node.id == "free-seat":
            said.append((context["seat"], context["result"], dict(context["compensation"]), context["town"]))
        return 7

    async def work_async(node, context):
        return work(node, context)

    scheduler = ParallelScheduler(RunConfig(jobs=2, history=False))
    scheduler.set_agent_executor(work if kind == "sync" else work_async)
    result = scheduler.execute(load_command(BOOKING).dag, {"town": "Ulm"})
    asked = {"agent": "free-seat", "action": "free", "grace": 3}
    assert said == ["seat", "pay", "free-seat", (7, 7, asked, "Ulm")]
    assert result.undone.compensated == ("seat",)
    assert statuses(result) == {"seat": "done", "free-seat": "done", "pay": "failed"}


def test_who_compensates_stands_outside_of_the_order_of_phases():
    dag = load_command(BOOKING).dag
    assert {(edge.source, edge.target) for edge in dag.edges} == {("seat", "free-seat"), ("seat", "pay")}
    assert dag.critical_path == ("seat", "pay")


def test_a_compensation_without_an_agent_is_a_warning():
    agent = {"id": "seat", "compensation": {"action": "free it"}}
    loaded = load_command(command(agent))
    assert [(issue.code, issue.path) for issue in loaded.warnings if "compensation" in issue.path] == [
        ("no-compensation", "phases[0].agents[0].compensation")
    ]


def test_a_command_that_says_so_is_not_undone(said):
    def work(node, context):
        said.append(node.id)
        if node.id == "pay":
            raise OSError("no money")

    scheduler = ParallelScheduler(RunConfig(jobs=2, history=False))
    scheduler.set_agent_executor(work)
    result = scheduler.execute(load_command({**BOOKING, "saga": {"enabled": False}}).dag)
    assert said == ["seat", "pay"]
    assert result.undone is None


# What cannot be meant.


def yields():
    yield


def test_what_gives_a_generator_has_undone_nothing(said):
    result = run([Node("a", fn=int, undo=lambda: yields()), Node("end", fn=fail, after=["a"])])
    told = "could not be undone: TypeError: it gave a generator, whose body nobody has run"
    assert result.outcomes["a"].reason == told
    assert result.undone.compensated == ()


FAULTY = [
    ([Node("load", fn=int, undo="dorp"), Node("drop", fn=int)], "unknown-undo", "did you mean 'drop'?"),
    ([Node("load", fn=int, undo="load")], "undo-itself", "name another node"),
    (
        [Node("a", fn=int, undo="b"), Node("b", fn=int, undo="a")],
        "undo-cycle",
        "what compensates runs only after a failure, so none of them would ever run",
    ),
    (
        [Node("a", fn=int, undo="b"), Node("b", fn=int), Node("c", fn=int, after=["b"])],
        "undo-needed",
        "take 'b' from what 'c' needs, or compensate with another node",
    ),
    (
        [Node("a", fn=int, undo="b"), Node("b", fn=int), Node("c", fn=lambda b: b)],
        "undo-needed",
        "take 'b' from what 'c' needs, or compensate with another node",
    ),
]


@pytest.mark.parametrize(("nodes", "code", "hint"), FAULTY)
def test_a_compensation_that_cannot_be_meant_is_found_and_nothing_runs(nodes, code, hint):
    (issue,) = DAGBuilder().validate(nodes).errors
    assert (issue.code, issue.suggestion) == (code, hint)
    if code != "unknown-undo":
        (again,) = DAGBuilder().validate(DAGBuilder().build_dag(nodes)).errors
        assert again == issue
    with pytest.raises(DefinitionError) as caught:
        run(nodes)
    assert [issue.code for issue in caught.value.issues] == [code]


def test_a_graph_is_not_built_where_undo_names_nobody():
    nodes = [Node("a", fn=int, undo="bb"), Node("b", fn=int)]
    with pytest.raises(DefinitionError, match="did you mean 'b'") as caught:
        DAGBuilder().build_dag(nodes)
    assert caught.value.issues == DAGBuilder().validate(nodes).errors
    (issue,) = DAGBuilder().validate(DAG(nodes)).errors
    assert issue.code == "unknown-undo"


def test_a_circle_of_compensations_is_named_once():
    nodes = [Node(name, undo=undo) for name, undo in ["ab", "bc", "ca", "db"]]
    circles = [issue for issue in undo_faults(nodes) if issue.code == "undo-cycle"]
    assert [issue.nodes for issue in circles] == [("b", "c", "a")]


def test_what_compensates_and_says_undo_is_a_warning():
    found = DAGBuilder().validate([Node("a", undo="b"), Node("b", undo="c"), Node("c")])
    assert found.valid
    assert [issue.code for issue in found.warnings] == ["undo-of-undo"]


@pytest.mark.parametrize(
    ("nodes", "told"),
    [
        (
            [Node("a", fn=int, undo=lambda reslt: None)],
            "node 'a': nothing fills the parameter of its 'undo' 'reslt'; did you mean 'result'?",
        ),
        (
            [Node("a", fn=int, undo="b"), Node("b", fn=lambda aa: None)],
            "node 'b': nothing fills its parameter 'aa'",
        ),
        ([Node("a", fn=int, undo="b"), Node("b")], "node 'b' has no function to call"),
        ([Node("a", fn=int, undo=yields)], "node 'a': what compensates is a generator, and calling it runs nothing"),
        ([Node("a", fn=int, undo="b"), Node("b", fn=yields)], "node 'b': what compensates is a generator"),
    ],
)
def test_a_compensation_that_could_not_be_called_is_found_before_anything_runs(nodes, told):
    with pytest.raises(DefinitionError) as caught:
        run(nodes)
    assert str(caught.value).startswith(told)


def test_a_new_node_cannot_be_undone_by_one_that_has_run(said):
    def split():
        return Expand([Node("part", fn=int, undo="first")])

    result = run([Node("first", fn=lambda: said.append("first")), Node("split", fn=split, after=["first"])])
    assert "'part' is to be compensated by 'first', which has begun already" in str(result.errors[0])
    assert said == ["first"]


def test_only_these_nodes_and_what_compensates_them():
    nodes = [
        Node("load", fn=int, undo="drop"),
        Node("fit", fn=lambda load: load),
        Node("plot", fn=lambda fit: fit, undo="wipe"),
        Node("drop", fn=lambda load, fit: None),
        Node("wipe", fn=int),
    ]
    part = DAGBuilder().build_dag(nodes).subgraph(["load"])
    assert list(part.nodes) == ["load", "drop"]


def test_undo_must_be_a_name_or_a_function():
    with pytest.raises(Exception, match="node 'a': undo must be the name of a node, or a function, not 3"):
        Node("a", undo=3)


def test_the_code_of_a_compensation_counts_for_the_graphs_hash():
    def graph(undo):
        return DAG([Node("a", fn=int, undo=undo)]).hash

    assert graph(lambda: 1) == graph(lambda: 1)
    assert len({graph(lambda: 1), graph(lambda: 2), graph(None), graph("b")}) == 4

"""A cell that was given up and goes on all the same: nobody sees anything of it any more."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.body import run_body
from orchestra_nb.notebook.code import cell_code
from orchestra_nb.notebook.execution import Execution, Names, looks_at_locals
from orchestra_nb.notebook.program import CellProgram, run_cells
from orchestra_nb.notebook.routing import StreamRouter, routing
from orchestra_nb.running.result import RunResult
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.stopping import Gate, Stopped


def cell(source: str, **settings: Any) -> Node:
    return Node(NodeId("cell-1"), kind="cell", source=source, index=0, **settings)


def until(condition: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.002)


def over() -> None:
    """Wait until no body is left: the routers go with the last one."""
    until(lambda: not isinstance(sys.stdout, StreamRouter))


@pytest.fixture
def held(namespace: dict[str, Any]) -> Iterator[threading.Event]:
    """Cells call ``hold()``, which nothing can stop until this is set."""
    go_on = threading.Event()

    def hold(value: Any = None) -> Any:
        namespace["begun"].set()
        while not go_on.is_set():
            try:
                go_on.wait(60)
            except BaseException:
                continue
        return value

    namespace.update(hold=hold, begun=threading.Event())
    yield go_on
    go_on.set()
    over()


def give_up(node: Node, namespace: dict[str, Any], shell: Any = None) -> RunResult:
    """Run a cell beside another one, and stop the run when it has begun."""
    dag = DAG([node, Node(NodeId("cell-2"), kind="cell", source="", index=1)])
    scheduler = ParallelScheduler(RunConfig(jobs=2))

    def stop() -> None:
        if namespace["begun"].is_set():
            scheduler.cancel()

    result = run_cells(dag, CellProgram(dag, namespace, shell), scheduler, stop)
    assert result.outcomes["cell-1"].status == "cancelled"
    return result


SAME = [
    "x = 1\ny = x + 1\ny",
    "x: int = 1\ny: 'str' = 'a'",
    "x: int",
    "from math import *\nr = sqrt(4)",
    "import os.path as p, json\nfrom os import sep as s",
    "a = 2\nclass A:\n    b = a\n    c = [a for _ in 'ab']\n    def f(self):\n        return a\nr = A().f(), A.b, A.c",
    "a = 2\nr = [i * a for i in range(a)], {i: a for i in range(a)}, list(a + i for i in range(2))",
    "a = 2\ndef f():\n    return a\na = 3\nr = f()",
    "def f():\n    global made\n    made = 1\nf()\nr = made",
    "if True:\n    global g\n    g = 1\nr = g",
    "x = 1\ndel x",
    "del nothing",
    "nothing",
    "try:\n    1 / 0\nexcept ZeroDivisionError as e:\n    r = str(e)\nr",
    "e = 1\ntry:\n    1 / 0\nexcept ZeroDivisionError as e:\n    pass\ne",
    "r = [y := i for i in range(3)]\ny",
    "if (n := 3) > 2:\n    r = n",
    "for i in range(3):\n    pass\nelse:\n    r = i",
    "with open(__import__('os').devnull) as f:\n    r = f.name",
    "match [1, 2]:\n    case [a, b]:\n        r = a + b",
    "a = b = [1]\na += [2]\n(c, *d), e = (1, 2, 3), 4",
    "r = (lambda: x0)() if 'x0' in globals() else None",
    "import asyncio\na = 1\nr = await asyncio.sleep(0, a)\nasync def f():\n    return r\nb = await f()",
    "import asyncio\nr = [await asyncio.sleep(0, i) for i in range(2)]",
    "from __future__ import annotations\ndef f(a: Later): pass\nr = f.__annotations__",
    "from dataclasses import dataclass\n@dataclass\nclass P:\n    a: int = 1\nr = P().a, P.__module__",
    "from typing import NamedTuple\nclass P(NamedTuple):\n    a: int\nr = P(1).a, P.__module__",
    "import pandas as pd\nlow = 1\nr = pd.DataFrame({'a': [1, 2]}).query('a > @low').a.tolist()",
    "r = __name__, print.__name__",
]


def seen(source: str, names: bool) -> tuple[Any, ...]:
    """Everything that a cell leaves; functions and classes by their names."""
    namespace: dict[str, Any] = {"__name__": "__main__", "x0": 5}
    execution = Execution(Names.of(namespace) if names else None)
    with routing():
        reply = run_body(cell_code(cell(source)), namespace, None, execution)
    for name in ("__builtins__", "__warningregistry__"):
        namespace.pop(name, None)
    left = {name: getattr(value, "__qualname__", repr(value)) for name, value in namespace.items()}
    return reply.status, reply.evalue, reply.outputs, left


@pytest.mark.parametrize("source", SAME)
def test_a_cell_that_can_be_detached_does_the_same_as_any_other(source: str) -> None:
    plain = seen(source, names=False)
    assert seen(source, names=True) == plain
    assert len(plain[3]) > 2 or plain[0] == "failed" or "x" in source


def test_a_cell_finds_the_annotations_of_earlier_ones() -> None:
    namespace: dict[str, Any] = {}
    for source in ("a: int = 1", "b: str = ''"):
        run_body(cell_code(cell(source)), namespace, None, Execution(Names.of(namespace)))
    assert namespace["__annotations__"] == {"a": int, "b": str}


def test_names_of_versions_pass_too() -> None:
    namespace: dict[str, Any] = {"i @cell-1": 1}
    slots = {"before": {"i": "i @cell-1"}, "after": {"i": "i @cell-3"}}
    code = cell_code(cell("i = i + 1\nr = [i for _ in 'a']", metadata={"slots": slots}))
    run_body(code, namespace, None, Execution(Names.of(namespace)))
    assert namespace["i @cell-3"] == 2
    assert namespace["r"] == [2]


def test_a_library_that_clears_the_locals_of_its_caller_clears_nothing() -> None:
    namespace: dict[str, Any] = {"sys": sys, "a": 1}
    names = Names.of(namespace)
    exec("def lib():\n    sys._getframe(1).f_locals.clear()\n", namespace)
    exec("lib(); b = a", namespace, names)
    assert namespace["b"] == 1


LOOKING = ["r = 'hold' in locals()", "r = 'hold' in vars()", "import sys\nr = 'hold' in sys._getframe().f_locals"]


@pytest.mark.parametrize("source", LOOKING)
def test_a_cell_that_looks_at_its_locals_finds_the_namespace(namespace: dict[str, Any], source: str) -> None:
    namespace["hold"] = None
    node = cell(source, timeout=60.0)
    assert CellProgram(DAG([node]), namespace).task(node, "thread")().status == "done"
    assert namespace["r"] is True


def test_code_that_does_not_parse_looks_at_nothing() -> None:
    assert not looks_at_locals("locals( =")


def test_a_cell_with_a_timeout_binds_nothing_after_it_was_given_up(
    namespace: dict[str, Any], held: threading.Event
) -> None:
    namespace["kept"] = 1
    give_up(cell("early = 1\nlate = hold(2)\ndel kept\nnever = 3", timeout=60.0), namespace)
    held.set()
    over()
    assert namespace["early"] == namespace["kept"] == 1
    assert not {"late", "never"} & namespace.keys()


def test_a_cell_that_outlives_its_timeout_is_given_up(namespace: dict[str, Any], held: threading.Event) -> None:
    dag = DAG([cell("late = hold(2)", timeout=0.05)])
    result = run_cells(dag, CellProgram(dag, namespace), ParallelScheduler(RunConfig(jobs=2)))
    assert result.outcomes["cell-1"].status == "failed"
    held.set()
    over()
    assert "late" not in namespace


@pytest.mark.parametrize(
    "source", ["del hold", "import json", "from math import *", "class A: pass", "def f(): pass", "for a in 'b': pass"]
)
def test_a_detached_cell_cannot_bind_or_delete_in_any_way(namespace: dict[str, Any], source: str) -> None:
    namespace["hold"] = 1
    names = Names.of(namespace)
    names.detach()
    before = dict(namespace) | {"__builtins__": __builtins__}
    with pytest.raises((Stopped, NameError)):  # CPython makes a NameError of whatever ``del`` raises
        exec(source, namespace, names)
    assert namespace.keys() == before.keys()


def test_a_cell_of_a_stopped_run_begins_no_further_statement(namespace: dict[str, Any], held: threading.Event) -> None:
    give_up(cell("hold()\nnever = 3"), namespace)
    held.set()
    over()
    assert "never" not in namespace


def test_an_async_cell_that_swallows_its_cancellation_binds_nothing(namespace: dict[str, Any]) -> None:
    swallowed = threading.Event()
    namespace.update(swallowed=swallowed, begun=threading.Event())
    source = """
import asyncio
async def deaf():
    try:
        begun.set()
        await asyncio.sleep(60)
    except asyncio.CancelledError:
        swallowed.set()
    return 1
late = await deaf()
never = 1
"""
    give_up(cell(source, timeout=60.0), namespace)
    assert swallowed.wait(60)
    over()
    assert not {"late", "never"} & namespace.keys()


SPEAKING = [
    "print('late')",
    "import sys; sys.stderr.write('late'); sys.stderr.flush()",
    "import sys; sys.displayhook('late')",
    "import threading\nt = threading.Thread(target=print, args=('late',)); t.start(); t.join(60)",
    "1 / 0",
]


@pytest.mark.parametrize("source", SPEAKING)
def test_what_it_says_later_goes_nowhere(
    namespace: dict[str, Any], held: threading.Event, source: str, capfd: pytest.CaptureFixture[str]
) -> None:
    speak = "\n".join(f"    {line}" for line in source.splitlines())
    result = give_up(cell(f"if True:\n    hold()\n{speak}"), namespace)
    assert isinstance(sys.stdout, StreamRouter)  # the run is over, and the body is not
    print("the next cell")
    held.set()
    over()
    assert result.outcomes["cell-1"].outputs == ()
    assert capfd.readouterr() == ("the next cell\n", "")


def test_what_it_had_said_when_it_ends_in_time_is_kept(namespace: dict[str, Any]) -> None:
    namespace["begun"] = threading.Event()
    result = give_up(cell("print('before')\nbegun.set()\nwhile True:\n    pass", timeout=60.0), namespace)
    assert [output["text"] for output in result.outcomes["cell-1"].outputs] == ["before\n"]


def test_what_it_displays_later_goes_nowhere(namespace: dict[str, Any], held: threading.Event, shell: Any) -> None:
    published: list[Any] = []
    shell.user_ns.update(hold=namespace["hold"], begun=namespace["begun"])
    shell.display_pub.publish = lambda *args, **kwargs: published.append(args)
    source = "from IPython.display import display, clear_output\nif True:\n    hold()\n    display('late')"
    give_up(cell(source), shell.user_ns, shell)
    held.set()
    over()
    assert not published


def test_features_that_it_turns_on_stay_off(namespace: dict[str, Any], held: threading.Event, shell: Any) -> None:
    shell.user_ns.update(hold=namespace["hold"], begun=namespace["begun"])
    flags = shell.compile.flags
    give_up(cell("from __future__ import annotations\nhold()"), shell.user_ns, shell)
    held.set()
    over()
    assert shell.compile.flags == flags


def test_the_guard_looks_at_nothing_when_it_ends(
    namespace: dict[str, Any], held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    from orchestra_nb.notebook.guard import Guard

    ended: list[str] = []
    monkeypatch.setattr(Guard, "ended", lambda self, node, seconds: ended.append(node.id))
    give_up(cell("hold()"), namespace)
    held.set()
    over()
    assert ended == ["cell-2"]


def test_the_next_run_is_captured_while_it_lasts(
    namespace: dict[str, Any], held: threading.Event, monkeypatch: pytest.MonkeyPatch
) -> None:
    give_up(cell("if True:\n    hold()\n    print('late')"), namespace)
    monkeypatch.setattr(sys, "displayhook", sys.__displayhook__)  # as a kernel does after each cell
    dag = DAG([cell("print('mine')\n42")])
    result = run_cells(dag, CellProgram(dag, namespace), ParallelScheduler(RunConfig(jobs=2)))
    said = [output.get("text") or output["data"]["text/plain"] for output in result.outcomes["cell-1"].outputs]
    assert said == ["mine\n", "42"]
    assert isinstance(sys.stdout, StreamRouter)


def test_a_cell_that_is_waited_for_is_not_given_up(namespace: dict[str, Any]) -> None:
    execution = Execution(waited=True)
    namespace["cancel"] = execution.cancel
    with routing():
        reply = run_body(cell_code(cell("cancel()\nprint('after')\nx = 1")), namespace, None, execution)
    assert reply.status == "done"
    assert [output["text"] for output in reply.outputs] == ["after\n"]


def test_a_cell_that_was_given_up_before_it_began_does_not_begin(namespace: dict[str, Any]) -> None:
    execution = Execution()
    execution.cancel()
    assert run_body(cell_code(cell("x = 1")), namespace, None, execution).status == "cancelled"
    assert "x" not in namespace


def test_a_stop_ends_a_cell_in_a_loop_and_says_what_it_printed(namespace: dict[str, Any]) -> None:
    started = threading.Event()
    namespace["started"] = started
    node = cell("print('before')\nstarted.set()\nwhile True:\n    pass")
    task = CellProgram(DAG([node]), namespace, guard=0.02).task(node, "thread")
    gates: list[Gate] = []
    replies: list[Reply] = []

    def work() -> None:
        gates.append(Gate())
        replies.append(gates[0].perform(1, task))

    with routing():
        thread = threading.Thread(target=work)
        thread.start()
        assert started.wait(60)
        gates[0].stop(1)
        thread.join(60)
    assert replies[0].status == "cancelled"
    assert [output["text"] for output in replies[0].outputs] == ["before\n"]

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable
from typing import Any

import pytest

from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.body import failure, run_body
from orchestra_nb.notebook.capture import current_sink
from orchestra_nb.notebook.code import cell_code
from orchestra_nb.notebook.execution import Execution
from orchestra_nb.running.seams import Reply

Run = Callable[..., Reply]


def plain(lines: tuple[str, ...]) -> str:
    return re.sub(r"\x1b\[[0-9;]*m", "", "\n".join(lines))


def shown(reply: Reply) -> list[str]:
    return [
        item["text"] if item["output_type"] == "stream" else item.get("data", {}).get("text/plain", item["output_type"])
        for item in reply.outputs
    ]


SHOWN = [
    ("x = 1", []),
    ("x = 1\nx", ["1"]),
    ("1\n2", ["2"]),
    ("1;", []),
    ("None", []),
    ("print('a')\n'b'", ["a\n", "'b'"]),
    ("import sys; sys.displayhook(7)", ["7"]),
]


@pytest.mark.parametrize(("source", "expected"), SHOWN)
def test_a_cell_shows_what_it_prints_and_its_last_value(run: Run, source: str, expected: list[str]) -> None:
    reply = run(source)
    assert reply.status == "done"
    assert shown(reply) == expected


def test_a_cell_writes_the_namespace_it_was_given(run: Run, namespace: dict[str, Any]) -> None:
    namespace["a"] = [1]
    run("a.append(2)\nb = a")
    assert namespace["b"] is namespace["a"] == [1, 2]


def test_every_expression_is_shown_where_the_shell_says_so(run: Run, shell: Any) -> None:
    shell.ast_node_interactivity = "all"
    node = Node(NodeId("cell-1"), kind="cell", source="1\nfor i in range(2):\n    i\n2")
    from orchestra_nb.notebook.routing import routing

    with routing(shell):
        reply = run_body(cell_code(node, interactivity="all"), shell.user_ns, shell)
    assert shown(reply) == ["1", "0", "1", "2"]


def test_a_value_that_displays_itself_is_not_shown_again(run: Run, shell: Any) -> None:
    reply = run(
        "class Own:\n    def _ipython_display_(self):\n        from IPython.display import display\n"
        "        display('own')\nOwn()",
        shell,
    )
    assert [(item["output_type"], item["data"]["text/plain"]) for item in reply.outputs] == [("display_data", "'own'")]


def test_a_display_is_updated_within_its_cell(run: Run, shell: Any) -> None:
    reply = run("h = display('0 %', display_id=True)\nh.update('100 %')", shell)
    assert shown(reply) == ["'100 %'"]


def test_a_failing_cell_shows_its_own_line_and_none_of_ours(run: Run) -> None:
    reply = run("def f(x):\n    return 1 / x\n\nf(0)")
    text = plain(reply.traceback)
    assert (reply.status, reply.ename, reply.evalue) == ("failed", "ZeroDivisionError", "division by zero")
    assert "return 1 / x" in text
    assert "4 f(0)" in text
    assert "body.py" not in text
    assert reply.outputs[-1]["ename"] == "ZeroDivisionError"
    assert isinstance(reply.exception, ZeroDivisionError)


def test_under_a_shell_the_traceback_names_the_cell(run: Run, shell: Any) -> None:
    text = plain(run("x = 1\nraise ValueError('no rows')", shell).traceback)
    assert "Cell In[3], line 2" in text
    assert "ValueError: no rows" in text


FAILURES = [
    ("import sys\nsys.exit(3)", "SystemExit", "3"),
    ("x = (", "SyntaxError", ""),
    ("return 3", "SyntaxError", "return"),
    ("raise ExceptionGroup('two', [ValueError(1)])", "ExceptionGroup", "two"),
    ("class E(Exception):\n    def __str__(self): raise ValueError\nraise E", "E", "cannot be made"),
    ("class E(Exception):\n    def _render_traceback_(self): return ['drawn']\nraise E('x')", "E", "x"),
    ("import asyncio\nawait asyncio.sleep(0)\nraise SystemExit(4)", "SystemExit", "4"),
    ("import asyncio\nt = asyncio.ensure_future(asyncio.sleep(9))\nt.cancel()\nawait t", "CancelledError", ""),
]


@pytest.mark.parametrize(("source", "ename", "evalue"), FAILURES)
@pytest.mark.parametrize("with_shell", [False, True])
def test_whatever_a_body_raises_is_its_own_failure(
    run: Run, shell: Any, source: str, ename: str, evalue: str, with_shell: bool
) -> None:
    reply = run(source, shell if with_shell else None)
    assert (reply.status, reply.ename) == ("failed", ename)
    assert evalue in reply.evalue
    assert reply.traceback


def test_an_error_without_a_traceback_of_its_own_is_still_told() -> None:
    reply = failure(ValueError("never raised"))
    assert reply.traceback
    assert "never raised" in reply.traceback[-1]


def test_an_interrupt_is_no_failure(run: Run) -> None:
    reply = run("print('so far')\nraise KeyboardInterrupt")
    assert (reply.status, reply.traceback) == ("cancelled", ())
    assert shown(reply) == ["so far\n"]


def test_an_interrupt_beside_the_body_keeps_what_it_said(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted() -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("orchestra_nb.notebook.body.drain_descriptors", interrupted)
    reply = run("print('so far')", verdicts={"threading": "may start processes"})
    assert (reply.status, reply.reason) == ("cancelled", "interrupted")
    assert reply.outputs[0]["text"] == "so far\n"
    assert current_sink() is None


def test_an_expected_error_is_an_output_of_a_node_that_is_done(run: Run, namespace: dict[str, Any]) -> None:
    reply = run("x = 1\n1 / 0", metadata={"tags": ("raises-exception",)})
    assert reply.status == "done"
    assert reply.outputs[-1]["output_type"] == "error"
    assert namespace["x"] == 1


def test_async_cells_share_one_event_loop(run: Run, namespace: dict[str, Any]) -> None:
    run("import asyncio\nawait asyncio.sleep(0)\nloop = asyncio.get_running_loop()\nqueue = asyncio.Queue()")
    reply = run(
        "queue.put_nowait(1)\nsame = asyncio.get_running_loop() is loop\nprint('from the loop')\nawait queue.get()"
    )
    assert namespace["same"] is True
    assert shown(reply) == ["from the loop\n", "1"]


def test_two_async_cells_wait_for_each_other_without_blocking(namespace: dict[str, Any]) -> None:
    from orchestra_nb.notebook.routing import routing

    def cell(source: str) -> Callable[[], Reply]:
        code = cell_code(Node(NodeId("cell-1"), kind="cell", source=source))
        return lambda: run_body(code, namespace)

    replies: list[Reply] = []
    with routing():
        cell("import asyncio\nawait asyncio.sleep(0)\nhere, there = asyncio.Event(), asyncio.Event()")()
        bodies = [
            cell("print('a')\nhere.set()\nawait there.wait()\nprint('b')"),
            cell("print('c')\nawait here.wait()\nthere.set()\nprint('d')"),
        ]
        threads = [threading.Thread(target=lambda body=body: replies.append(body())) for body in bodies]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(30)
    assert sorted(shown(reply)[0] for reply in replies) == ["a\nb\n", "c\nd\n"]


def test_a_coroutine_can_be_cancelled_from_outside(namespace: dict[str, Any]) -> None:
    execution = Execution()
    started = threading.Event()
    namespace["started"] = started
    code = cell_code(
        Node(NodeId("cell-1"), kind="cell", source="import asyncio\nstarted.set()\nawait asyncio.sleep(99)")
    )
    replies: list[Reply] = []
    thread = threading.Thread(target=lambda: replies.append(run_body(code, namespace, None, execution)))
    thread.start()
    assert started.wait(30)
    execution.cancels[0]()
    thread.join(30)
    assert replies[0].status == "cancelled"
    assert "awaited" in replies[0].reason


def test_a_coroutine_that_is_run_by_the_cell_itself_is_its_own_affair(run: Run, namespace: dict[str, Any]) -> None:
    async def answer() -> int:
        await asyncio.sleep(0)
        return 42

    namespace.update(asyncio=asyncio, answer=answer)
    assert shown(run("asyncio.run(answer())")) == ["42"]


def test_figures_land_in_the_cell_that_drew_them(run: Run, shell: Any) -> None:
    pytest.importorskip("matplotlib")
    import matplotlib
    from IPython.core.pylabtools import select_figure_formats

    before = matplotlib.get_backend()
    matplotlib.use("module://matplotlib_inline.backend_inline")
    select_figure_formats(shell, {"png"})
    matplotlib.interactive(True)
    try:
        uses = {"state": ("matplotlib",)}
        reply = run("import matplotlib.pyplot as plt\nplt.plot([1, 2]);", shell, metadata=uses)
        other = run("plt.figure()\nplt.bar([1], [2])\n1/0", shell, metadata=uses)
        nothing = run("x = 1", shell, metadata=uses)
    finally:
        matplotlib.interactive(False)
        matplotlib.use(before)
    assert [sorted(item["data"]) for item in reply.outputs] == [["image/png", "text/plain"]]
    assert [item["output_type"] for item in other.outputs] == ["error", "display_data"]
    assert nothing.outputs == ()


def test_magics_and_shell_escapes_run_in_the_shell(run: Run, shell: Any) -> None:
    reply = run("%precision 2\n!echo out", shell, verdicts={"threading": "runs a magic"})
    assert "out" in "".join(shown(reply))


def test_time_is_that_of_the_body(run: Run) -> None:
    reply = run("x = sum(range(1000))")
    assert reply.seconds > 0
    assert reply.worker == threading.current_thread().name


def test_a_task_that_a_cell_of_the_main_thread_starts_can_be_awaited_by_the_next(run: Run, namespace: Any) -> None:
    async def in_a_kernel() -> list[Reply]:
        start = "import asyncio\ntask = asyncio.create_task(asyncio.sleep(0, 5))"
        return [run(start), run("got = await task")]

    assert [reply.status for reply in asyncio.run(in_a_kernel())] == ["done", "done"]
    assert namespace["got"] == 5

"""Runs on a loop that is running already; each in a process of its own, because nesting is for good."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import textwrap
import types
from pathlib import Path

import pytest

from orchestra_nb.errors import BackendError
from orchestra_nb.running.loop import LOOP, current_loop
from orchestra_nb.running.notebook_loop import NotebookLoop, loop_in_force

HEAD = """
import _thread, asyncio, contextvars, signal, threading
from orchestra_nb.running.scheduler import ParallelScheduler as Scheduler
from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running.loop import current_loop
from orchestra_nb.running.notebook_loop import NotebookLoop

def execute(*nodes, **settings):
    return Scheduler(RunConfig(**{"jobs": 2, "loop": "notebook", **settings})).execute(DAG(nodes))

async def main():
    mine = asyncio.get_running_loop()
    as_asyncio_has_it = signal.signal(signal.SIGINT, signal.default_int_handler)  # and this is how a kernel has it
"""


def script(body: str) -> None:
    """Run the body of a coroutine in a process of its own."""
    text = HEAD + textwrap.indent(textwrap.dedent(body), "    ") + "\nasyncio.run(main())\n"
    paths = [str(Path(__file__).parents[2]), os.environ.get("PYTHONPATH", "")]
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", text],
        env={**os.environ, "PYTHONPATH": os.pathsep.join(filter(None, paths))},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stderr


def test_coroutines_run_together_on_the_loop_that_was_running() -> None:
    script("""
        met = []

        async def meet():
            met.append(asyncio.get_running_loop() is mine)
            while len(met) < 3:
                await asyncio.sleep(0)
            return threading.current_thread() is threading.main_thread()

        result = execute(*(Node(name, fn=meet) for name in "abc"))
        assert result.values == {"a": True, "b": True, "c": True}
        assert met == [True] * 3
        assert current_loop() is not mine
    """)


def test_one_job_after_another_runs_there_too() -> None:
    script("""
        var = contextvars.ContextVar("var", default=0)

        async def own():
            await asyncio.sleep(0)
            var.set(1)
            return asyncio.get_running_loop() is mine

        async def fail():
            raise ValueError("no")

        result = execute(Node("a", fn=own), Node("b", fn=fail), jobs=1, keep_going=True)
        assert result.values == {"a": True}
        assert result.outcomes["b"].error.ename == "ValueError"
        assert var.get() == 0
    """)


def test_threads_wait_for_coroutines_that_run_on_it() -> None:
    script("""
        async def inner():
            await asyncio.sleep(0)
            return asyncio.get_running_loop() is mine

        def outer():
            return inner(), threading.current_thread() is threading.main_thread()

        def call():
            coroutine, on_main = outer()
            return current_loop().run(coroutine), on_main

        result = execute(Node("a", fn=call), Node("b", fn=call))
        assert result.values == {"a": (True, False), "b": (True, False)}, result.outcomes
    """)


def test_what_a_body_of_the_calling_thread_starts_can_be_awaited_later() -> None:
    script("""
        loop = NotebookLoop.here()
        task = loop.lend(lambda: asyncio.ensure_future(asyncio.sleep(0, "done")))

        async def outcome():
            return await task

        assert loop.run(outcome()) == "done"
    """)


def test_an_interrupt_while_it_waits_stops_the_run_and_cancels_its_coroutines() -> None:
    script("""
        cancelled = []

        async def forever():
            try:
                threading.Thread(target=_thread.interrupt_main).start()
                await asyncio.sleep(60)
            except BaseException:  # the interrupt itself, when it comes up before this sleeps
                cancelled.append(True)
                raise

        scheduler = Scheduler(RunConfig(jobs=2, loop="notebook"))
        try:
            scheduler.execute(DAG([Node("a", fn=forever), Node("b", fn=lambda a: a, after=["a"])]))
            raise AssertionError("no interrupt")
        except KeyboardInterrupt:
            pass
        assert scheduler.last_result.stopped == "interrupted"
        assert {o.status for o in scheduler.last_result.outcomes.values()} <= {"cancelled", "skipped"}
        await asyncio.sleep(0.05)
        assert cancelled
        assert execute(Node("c", fn=lambda: 1)).success
    """)


def test_an_interrupt_in_a_coroutine_stops_the_run() -> None:
    script("""
        async def busy():
            raise KeyboardInterrupt  # as the handler of the signal does, wherever the thread is

        async def other():
            await asyncio.sleep(60)

        scheduler = Scheduler(RunConfig(jobs=2, loop="notebook"))
        try:
            scheduler.execute(DAG([Node("a", fn=busy), Node("b", fn=other)]))
            raise AssertionError("no interrupt")
        except KeyboardInterrupt:
            pass
        assert {o.status for o in scheduler.last_result.outcomes.values()} == {"cancelled"}
        assert execute(Node("c", fn=lambda: 1)).success
    """)


def test_an_interrupt_in_the_coroutine_of_a_thread_stops_the_run() -> None:
    script("""
        async def busy():
            raise KeyboardInterrupt

        def call():
            return current_loop().run(busy())

        scheduler = Scheduler(RunConfig(jobs=2, loop="notebook"))
        try:
            scheduler.execute(DAG([Node("a", fn=call)]))
            raise AssertionError("no interrupt")
        except KeyboardInterrupt:
            pass
        assert scheduler.last_result.stopped == "interrupted"
    """)


def test_an_interrupt_as_asyncio_has_it_stops_the_run() -> None:
    script("""
        signal.signal(signal.SIGINT, as_asyncio_has_it)

        async def forever():
            threading.Thread(target=_thread.interrupt_main).start()
            await asyncio.sleep(60)

        try:
            execute(Node("a", fn=forever))
            raise AssertionError("no interrupt")
        except KeyboardInterrupt:
            asyncio.current_task().uncancel()
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError:
            pass
    """)


def test_an_interrupted_wait_of_the_calling_thread_lets_its_coroutine_clean_up() -> None:
    script("""
        loop, seen = NotebookLoop.here(), []

        async def forever():
            try:
                threading.Thread(target=_thread.interrupt_main).start()
                await asyncio.sleep(60)
            finally:
                seen.append("cleaned up")

        try:
            loop.run(forever())
            raise AssertionError("no interrupt")
        except KeyboardInterrupt:
            pass
        assert seen == ["cleaned up"]
    """)


def test_what_a_coroutine_raises_or_that_it_was_cancelled_is_raised() -> None:
    script("""
        loop, running = NotebookLoop.here(), []

        async def bad():
            raise SystemExit(3)

        async def forever():
            await asyncio.sleep(60)

        for coroutine, expected in ((bad(), SystemExit), (forever(), asyncio.CancelledError)):
            mine.call_later(0.01, lambda: running[-1]())
            try:
                loop.run(coroutine, running)
                raise AssertionError("nothing raised")
            except expected:
                pass

        coroutine = forever()
        mine.call_soon(lambda: running[-1].task.cancel())  # before its first step
        try:
            loop.run(coroutine, running)
            raise AssertionError("nothing raised")
        except asyncio.CancelledError:
            pass
    """)


def test_a_run_in_a_coroutine_of_a_run() -> None:
    script("""
        async def own():
            await asyncio.sleep(0)
            return asyncio.get_running_loop() is mine

        async def outer():
            return execute(Node("inner", fn=own)).values["inner"]

        assert execute(Node("outer", fn=outer)).values == {"outer": True}
    """)


def test_outside_of_a_running_loop_the_default_is_named() -> None:
    with pytest.raises(BackendError, match=r'running, as in a cell; use the default, loop="background"'):
        NotebookLoop.here()


def test_the_default_is_the_background_loop_whatever_was_in_force() -> None:
    with loop_in_force("background"):
        assert current_loop() is LOOP


def test_nesting_that_would_lose_cells_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    def run() -> None:
        """As ``nest_asyncio.run``."""

    async def main() -> None:
        run.__module__ = "nest_asyncio"
        monkeypatch.setattr(asyncio, "run", run)
        monkeypatch.setattr(asyncio, "_nest_patched", True, raising=False)
        monkeypatch.setitem(sys.modules, "ipykernel", types.SimpleNamespace(__version__="7.4.0"))
        with pytest.raises(BackendError, match="nest_asyncio was applied in this session"):
            NotebookLoop.here()
        monkeypatch.undo()

    asyncio.run(main())


def test_a_loop_that_cannot_be_entered_again_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    import nest_asyncio

    def apply(loop: object) -> None:
        raise ValueError("Can't patch loop of type Other")

    async def main() -> None:
        monkeypatch.setattr(nest_asyncio, "apply", apply)
        monkeypatch.setitem(sys.modules, "ipykernel", types.SimpleNamespace(__version__="6.31.0"))
        with pytest.raises(BackendError, match=r"cannot be entered again .*type Other.*; use the default"):
            NotebookLoop.here()
        monkeypatch.undo()

    asyncio.run(main())

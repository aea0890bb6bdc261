"""Notebook files in real kernels. Kernels are slow to start, so one notebook shows as much as it can."""

from __future__ import annotations

import _thread
import json
import re
import threading
from collections.abc import Mapping
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import nbformat
import pytest

from orchestra_nb.cells.comparison import compare
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, ComparisonError, DefinitionError
from orchestra_nb.events import RunEnded
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.notebook.following import tracker_of
from orchestra_nb.notebook.headless import HeadlessRun, record_of, run_file, verify_file
from orchestra_nb.notebook.kernel_side import _Teller
from orchestra_nb.notebook.kernels import environment, kernel, kernel_name, private_sockets
from orchestra_nb.notebook.live import Live

SOURCES = [
    "from __future__ import annotations\nimport sys, warnings\nx = 1",
    "for line in range(50):\n    print('two', line)\ny = x + 1",
    "for line in range(50):\n    print('three', line)\nz = [x]\nz",
    "import asyncio\nawait asyncio.sleep(0)\nq = asyncio.Queue()",
    "await asyncio.sleep(0)\nq.put_nowait(5)\ngot = await q.get()\ngot",
    "print('careful', file=sys.stderr)\nwarnings.warn('hot')",
    "import matplotlib.pyplot as plt\nplt.plot([1, 2]);",
    "import subprocess\nsubprocess.run(['echo', 'from a child']).returncode",
    "bar = display('0 %', display_id='bar')",
    "from IPython.display import update_display\nupdate_display('100 %', display_id='bar')",
    "%time None\n!echo shell",
    "def f(a: Later):\n    return a + x\nf(y)",
    "z.append(2)",
    "z",
    "1 / 0",
]
TAGS = {15: ["raises-exception"]}


def write(path: Path, sources: list[str], kernelspec: str = "python3", tags: Any = None) -> Path:
    v4: Any = nbformat.v4
    cells = [
        v4.new_code_cell(source, metadata={"tags": (tags or {}).get(n, [])}) for n, source in enumerate(sources, 1)
    ]
    metadata = {"kernelspec": {"name": kernelspec, "display_name": kernelspec, "language": "python"}}
    path.write_text(nbformat.writes(v4.new_notebook(cells=cells, metadata=metadata)))
    return path


@pytest.fixture(scope="module")
def notebook(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write(tmp_path_factory.mktemp("headless") / "all.ipynb", SOURCES, "surely-not-installed", TAGS)


@pytest.fixture(scope="module")
def events() -> list[Mapping[str, Any]]:
    return []


@pytest.fixture(scope="module")
def parallel(notebook: Path, events: list[Mapping[str, Any]]) -> HeadlessRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)  # or ipykernel leaves the file descriptors alone
        return run_file(notebook, RunConfig(jobs=3), on_event=events.append)


@pytest.fixture(scope="module")
def linear(notebook: Path) -> HeadlessRun:
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        return run_file(notebook, linear=True)


def texts(run: HeadlessRun, node: str) -> list[str]:
    return [
        output.get("text") or output.get("data", {}).get("text/plain") or output["output_type"]
        for output in run.outcomes[node].outputs
    ]


def test_a_parallel_run_leaves_what_a_linear_run_leaves(parallel: HeadlessRun, linear: HeadlessRun) -> None:
    def without_times(run: HeadlessRun) -> Any:
        record = record_of(run)
        clean = json.dumps(dict(record.outputs), default=dict)
        outputs = json.loads(
            re.sub(r"[\d.]+(e\+\d+)? (ns|µs|μs|us|ms|s)\b|ipykernel_\d+/\d+", "T", clean.replace("\\u03bc", "u"))
        )
        # what a child process writes reaches the kernel when it does, before or after the cell's own value
        outputs["cell-8"] = sorted(outputs["cell-8"], key=lambda output: output["output_type"])
        names = {name: digest for name, digest in record.names.items() if name != "bar"}
        return type(record)(names, outputs)

    assert compare(without_times(linear), without_times(parallel)) == ()
    assert set(parallel.fingerprints) == set(linear.fingerprints)
    assert {"x", "y", "z", "q", "f", "plt", "got"} <= set(parallel.fingerprints)
    assert not {"In", "Out", "exit", "quit", "get_ipython", "open"} & set(parallel.fingerprints)


def test_every_node_has_its_own_outputs(parallel: HeadlessRun) -> None:
    assert texts(parallel, "cell-2") == ["".join(f"two {n}\n" for n in range(50))]
    assert texts(parallel, "cell-3")[0] == "".join(f"three {n}\n" for n in range(50))
    assert texts(parallel, "cell-3")[1] == "[1]"
    assert texts(parallel, "cell-5") == ["5"]
    assert "careful" in texts(parallel, "cell-6")[0]
    assert "UserWarning: hot" in texts(parallel, "cell-6")[0]
    assert "image/png" in parallel.outcomes["cell-7"].outputs[0]["data"]
    assert texts(parallel, "cell-8") == ["from a child\n", "0"]
    assert texts(parallel, "cell-9") == ["'100 %'"]
    assert texts(parallel, "cell-10") == []
    assert "shell" in "".join(texts(parallel, "cell-11"))
    assert texts(parallel, "cell-14") == ["[1, 2]"]


def test_an_expected_error_ends_neither_run(parallel: HeadlessRun, linear: HeadlessRun) -> None:
    for run in (parallel, linear):
        assert run.run.success
        assert run.outcomes["cell-15"].outputs[0]["ename"] == "ZeroDivisionError"
        assert any("line 1" in line for line in run.outcomes["cell-15"].outputs[0]["traceback"])


def test_events_tell_of_every_node_once(parallel: HeadlessRun, events: list[Mapping[str, Any]]) -> None:
    ended = [event["node"] for event in events if event["name"] == "execution:node-ended"]
    assert sorted(ended) == sorted(parallel.outcomes)
    assert events[0]["name"] == "execution:run-started"
    assert events[-1]["name"] == "execution:run-ended"


@pytest.mark.parametrize(("last", "told"), [("1 / 0", "was"), ("2", "had to be")])
def test_a_linear_run_undoes_nothing_and_says_so(tmp_path: Path, last: str, told: str) -> None:
    cells = ["#| undo: free\nseat = 7", last, "#| name: free\nseat = None"]
    run = run_file(write(tmp_path / "book.ipynb", cells), linear=True)
    free = run.outcomes["free"]
    assert (free.status, free.reason) == ("skipped", f"it compensates 'cell-1', and nothing {told} undone")


def test_the_result_is_one_json_object(parallel: HeadlessRun, linear: HeadlessRun) -> None:
    record = json.loads(json.dumps(parallel.result))
    assert record["success"] is True
    assert record["jobs"] == 3
    assert len(record["nodes"]) == len(SOURCES)
    assert linear.result["backend"] == "linear"
    assert all(outcome.worker == "MainThread" for outcome in linear.outcomes.values())


def test_a_failed_cell_is_an_outcome_in_both_ways(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", ["x = 1", "def g():\n    return 1 / 0\ng()", "print('never')", "y = x"])
    parallel, linear = run_file(path, RunConfig(jobs=1)), run_file(path, linear=True)
    for run in (parallel, linear):
        assert not run.run.success
        assert [o.status for o in run.outcomes.values()][:2] == ["done", "failed"]
        error = run.result["errors"][0]
        assert error["ename"] == "ZeroDivisionError"
        assert any("return" in line for line in error["traceback"])
        assert run.outcomes["cell-2"].outputs[-1]["output_type"] == "error"
        assert "x" in run.fingerprints
    assert [o.status for o in linear.outcomes.values()] == ["done", "failed", "skipped", "skipped"]
    with pytest.raises(ComparisonError, match="the linear run failed"):
        verify_file(path, RunConfig(jobs=2))


def test_only_the_targets_and_what_they_need_run(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", ["x = 1", "1 / 0", "y = x"])
    run = run_file(path, targets=["cell-3"])
    assert list(run.outcomes) == ["cell-1", "cell-3"]
    assert run.run.success


def test_the_kernel_knows_what_the_project_says_of_its_library(tmp_path: Path) -> None:
    (tmp_path / "mylib.py").write_text("def f(x):\n    return x")
    told = '[[tool.orchestra_nb.effects.call]]\nmatch = "mylib.*"\nreturns = "fresh"'
    (tmp_path / "pyproject.toml").write_text(told)
    run = run_file(write(tmp_path / "n.ipynb", ["import mylib", "x = mylib.f(1)"]))
    assert run.run.success
    assert all(outcome.worker != "MainThread" for outcome in run.outcomes.values())


def test_a_kernel_that_dies_is_a_clear_error(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", ["import os", "print('last words')\nos._exit(3)"])
    with pytest.raises(BackendError, match=r"kernel died.*cell-2"):
        run_file(path, RunConfig(jobs=2))
    with pytest.raises(BackendError, match=r"kernel died while it ran cell-2"):
        run_file(path, linear=True)


def interrupter(node: str) -> Any:
    """Interrupt this process a moment after a node has started, as Ctrl-C would."""

    def listen(event: Mapping[str, Any]) -> None:
        if event["name"] == "execution:node-started" and event["node"] == node:
            threading.Timer(0.3, _thread.interrupt_main).start()

    return listen


@pytest.mark.parametrize("linear", [False, True])
def test_an_interrupt_stops_the_kernel_and_returns_what_there_is(tmp_path: Path, linear: bool) -> None:
    path = write(tmp_path / "n.ipynb", ["import time\nx = 1", "print('begun', x)\ntime.sleep(600)", "y = x\nprint(y)"])
    run = run_file(path, RunConfig(jobs=1), linear=linear, on_event=interrupter("cell-2"))
    statuses = [outcome.status for outcome in run.outcomes.values()]
    assert statuses == ["done", "cancelled", "skipped"]
    assert run.run.stopped == "interrupted"
    assert not run.result["success"]


def test_a_kernel_that_ignores_the_interrupt_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra_nb.notebook.kernels._STOPPING", 0.5)
    deaf = "import signal, time\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nx = 1"
    path = write(tmp_path / "n.ipynb", [deaf, "time.sleep(600)", "y = x\nprint(y)"])
    run = run_file(path, RunConfig(jobs=1), on_event=interrupter("cell-2"))
    assert [o.status for o in run.outcomes.values()] == ["done", "cancelled", "skipped"]
    assert run.run.stopped == "interrupted"


def test_a_linear_run_keeps_to_its_time(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", ["import time\ntime.sleep(600)", "x = 1"])
    run = run_file(path, RunConfig(timeout=0.5), linear=True)
    assert [o.status for o in run.outcomes.values()] == ["failed", "skipped"]
    assert run.result["errors"][0]["code"] == "NodeTimeout"


def test_a_faulty_file_starts_no_kernel(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("orchestra_nb.notebook.file_run.kernel", None)
    with pytest.raises(DefinitionError):
        run_file(tmp_path / "missing.ipynb")
    with pytest.raises(DefinitionError, match="not Python"):
        run_file(write(tmp_path / "n.ipynb", ["x = ("]))


def test_a_cell_that_does_not_parse_stops_what_comes_after_it_as_in_a_linear_run(tmp_path: Path) -> None:
    path = write(tmp_path / "n.ipynb", ["x = 1", "print('before', x)", "from __future__ import (", "print('after')"])
    config = RunConfig(jobs=2, keep_going=True)
    runs = [run_file(path, config), run_file(path, config, linear=True)]
    for run in runs:
        assert [outcome.status for outcome in run.outcomes.values()] == ["done", "done", "failed", "skipped"]
        assert texts(run, "cell-2") == ["before 1\n"]
        assert run.outcomes["cell-3"].outputs[0]["ename"] == "SyntaxError"
    assert runs[0].fingerprints == runs[1].fingerprints


def test_a_cell_that_is_expected_not_to_parse_stops_nothing(tmp_path: Path) -> None:
    sources = ["x = 1", "x = 2\nreturn", "x = = 3", "print('after', x)"]
    path = write(tmp_path / "n.ipynb", sources, tags={2: ["raises-exception"], 3: ["raises-exception"]})
    runs = [run_file(path, RunConfig(jobs=2)), run_file(path, linear=True)]
    for run in runs:
        assert run.run.success
        assert [run.outcomes[name].outputs[0]["ename"] for name in ("cell-2", "cell-3")] == ["SyntaxError"] * 2
    assert runs[0].fingerprints == runs[1].fingerprints
    assert texts(runs[0], "cell-4") == texts(runs[1], "cell-4")


def spec(folder: Path, argv: list[str]) -> None:
    place = folder / "kernels" / "odd"
    place.mkdir(parents=True)
    (place / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": "odd", "language": "python"}))


def test_a_kernel_that_does_not_start_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    spec(tmp_path, ["python", "-c", "raise SystemExit('no such thing')", "{connection_file}"])
    assert kernel_name({"kernelspec": {"name": "odd"}}) == "odd"
    with pytest.raises(BackendError, match="no such thing"), kernel("odd", tmp_path):
        pass


def test_a_program_that_is_not_there_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    spec(tmp_path, ["/nowhere/python", "{connection_file}"])
    with pytest.raises(BackendError, match=r"'odd' does not start"), kernel("odd", tmp_path):
        pass


def test_code_that_the_kernel_cannot_run_is_an_error(tmp_path: Path) -> None:
    messages: list[Any] = []
    with kernel("python3", tmp_path) as running:
        running.execute("print(1)", messages.append)
        with pytest.raises(BackendError, match=r"ModuleNotFoundError.*install orchestra_nb"):
            running.execute("import not_installed_here", messages.append)
    assert any(message["msg_type"] == "stream" for message in messages)


def test_the_search_path_means_the_same_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PYTHONPATH", "lib:/opt/x")
    assert environment()["PYTHONPATH"] == f"{tmp_path}/lib:/opt/x"
    monkeypatch.delenv("PYTHONPATH")
    assert "PYTHONPATH" not in environment()


@pytest.mark.parametrize(("folder", "transport"), [("/tmp/k", "ipc"), ("/tmp/" + "k" * 100, None)])
def test_a_kernel_is_spoken_to_through_private_sockets_where_their_path_is_short_enough(
    folder: str, transport: str | None
) -> None:
    assert private_sockets(folder).KernelManager.get("transport") == transport


def test_no_other_process_can_take_the_ports_of_a_headless_kernel(tmp_path: Path) -> None:
    with kernel("python3", tmp_path) as running:
        assert running._client.transport == "ipc"
        folder = Path(running._client.ip).parent
        assert folder.stat().st_mode & 0o077 == 0
    assert not folder.exists()


class Published:
    def __init__(self) -> None:
        self.seen: list[Any] = []

    def publish(self, data: Any = None, *args: Any, **kwargs: Any) -> None:
        self.seen.append(data)


def test_what_is_told_of_a_run_is_not_captured_by_a_cell_that_captures_displays(tmp_path: Path) -> None:
    shell = SimpleNamespace(display_pub=Published())
    told = shell.display_pub
    dag = DAG([Node("a")])
    teller, live = _Teller(shell, str(tmp_path / "journal")), Live(shell, dag, tracker_of(dag, RunConfig()))
    before = len(told.seen)
    shell.display_pub = Published()  # as %%capture does for the time of a cell
    teller(RunEnded(1.0, success=True))
    live.finish({"text/plain": "done"})
    assert len(told.seen) == before + 2
    assert not shell.display_pub.seen

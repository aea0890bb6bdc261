from __future__ import annotations

import io
import logging
import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from orchestra_nb.notebook.capture import Sink, current_sink, drain_descriptors, speaking
from orchestra_nb.notebook.routing import PublisherRouter, StreamRouter, routing


def texts(sink: Sink, name: str = "stdout") -> str:
    return "".join(item["text"] for item in sink.close() if item.get("name") == name)


def test_eight_nodes_that_print_at_once_are_never_mixed_up() -> None:
    barrier = threading.Barrier(8)

    def node(number: int) -> Sink:
        sink = Sink()
        with speaking(sink):
            barrier.wait(timeout=120)
            for line in range(200):
                print(number, "says", line)
        return sink

    with routing(), ThreadPoolExecutor(8) as pool:
        sinks = list(pool.map(node, range(8)))
    for number, sink in enumerate(sinks):
        assert texts(sink) == "".join(f"{number} says {line}\n" for line in range(200))


def test_a_print_on_the_main_thread_is_captured_too_and_what_nobody_says_passes(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sink = Sink()
    with routing():
        print("before")
        with speaking(sink):
            print("inside")
            print("aside", file=sys.stderr)
        print("after")
    outputs = sink.close()
    assert [(item["name"], item["text"]) for item in outputs] == [("stdout", "inside\n"), ("stderr", "aside\n")]
    assert capsys.readouterr().out == "before\nafter\n"


def test_a_logging_handler_made_before_the_run_is_routed_and_then_given_back() -> None:
    stream = sys.stderr
    handler = logging.StreamHandler(stream)
    log = logging.getLogger("orchestra-test")
    log.addHandler(handler)
    sink = Sink()
    try:
        with routing(), speaking(sink):
            log.warning("noted")
        assert handler.stream is stream
    finally:
        log.removeHandler(handler)
    assert texts(sink, "stderr") == "noted\n"


def test_a_thread_belongs_to_the_node_that_started_it_and_so_do_its_own_threads() -> None:
    sink = Sink()

    def outer() -> None:
        print("outer")
        inner = threading.Thread(target=print, args=("inner",))
        inner.start()
        inner.join()

    with routing():
        with speaking(sink):
            thread = threading.Thread(target=outer)
            thread.start()
        thread.join()
    assert texts(sink) == "outer\ninner\n"


def test_what_a_thread_says_after_its_node_has_ended_goes_to_the_real_stream(
    capsys: pytest.CaptureFixture[str],
) -> None:
    sink, ended = Sink(), threading.Event()

    def late() -> None:
        ended.wait(30)
        print("late")

    with routing():
        with speaking(sink):
            thread = threading.Thread(target=late)
            thread.start()
        outputs = sink.close()
        ended.set()
        thread.join()
    assert outputs == ()
    assert capsys.readouterr().out == "late\n"


def test_a_sink_that_closes_between_question_and_answer_loses_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    sink, real = Sink(), io.StringIO()
    sink.close()
    monkeypatch.setattr("orchestra_nb.notebook.routing.current_sink", lambda: sink)
    assert StreamRouter(real, "stdout").write("text") == 4
    assert real.getvalue() == "text"


def test_everything_is_put_back_when_the_last_run_ends() -> None:
    before = (sys.stdout, sys.stderr, sys.displayhook, threading.Thread.start)
    with routing():
        with routing():
            assert isinstance(sys.stdout, StreamRouter)
        assert isinstance(sys.stdout, StreamRouter)
    assert (sys.stdout, sys.stderr, sys.displayhook, threading.Thread.start) == before


def test_an_interrupt_of_the_installing_leaves_nothing_fronted(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sys.stdout, sys.stderr, sys.displayhook, threading.Thread.start)
    monkeypatch.setattr("orchestra_nb.notebook.routing._Installed._front_handlers", interrupted)
    with pytest.raises(KeyboardInterrupt), routing():
        raise AssertionError("the block is not entered")
    assert (sys.stdout, sys.stderr, sys.displayhook, threading.Thread.start) == before
    monkeypatch.undo()
    with routing():
        assert isinstance(sys.stdout, StreamRouter)
    assert sys.stdout is before[0]


def test_an_interrupt_of_the_putting_back_comes_when_everything_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    before = (sys.stdout, sys.stderr, sys.displayhook, threading.Thread.start)
    undo = [interrupted]

    def run() -> None:
        with routing():
            installed = sys.modules["orchestra_nb.notebook.routing"]._installed
            installed.undo.append(lambda: undo.pop()() if undo else None)

    with pytest.raises(KeyboardInterrupt):
        run()
    assert (sys.stdout, sys.stderr, sys.displayhook, threading.Thread.start) == before


def interrupted(*_: Any) -> None:
    raise KeyboardInterrupt


def test_what_user_code_put_in_the_place_of_a_stream_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdout", sys.stdout)
    mine = io.StringIO()
    with routing():
        sys.stdout = mine
    assert sys.stdout is mine


def test_a_router_is_not_put_before_a_router() -> None:
    with routing():
        kept = sys.stdout
    try:
        sys.stdout = kept
        with routing():
            assert sys.stdout is kept
    finally:
        sys.stdout = kept._real  # type: ignore[union-attr]


def test_a_stream_router_is_the_real_stream_in_everything_else() -> None:
    real = io.TextIOWrapper(io.BytesIO(), encoding="latin-1", errors="replace", line_buffering=True)
    router = StreamRouter(real, "stdout")
    assert (router.encoding, router.errors, router.line_buffering, router.buffer) == (
        "latin-1",
        "replace",
        True,
        real.buffer,
    )
    assert router.isatty() is False
    assert router.writable()
    router.close()
    assert not real.closed
    router.writelines(["a", "b"])
    router.flush()
    assert real.buffer.getvalue() == b"ab"  # type: ignore[attr-defined]
    with pytest.raises(TypeError, match="must be str"):
        router.write(b"bytes")  # type: ignore[arg-type]
    with pytest.raises(io.UnsupportedOperation):
        router.fileno()


def test_displays_and_clear_output_reach_the_speaking_node(shell: Any) -> None:
    from IPython.display import HTML, clear_output, display

    sink = Sink(shell)
    with routing(shell), speaking(sink):
        display("gone")
        clear_output()
        handle = display(HTML("<b>0</b>"), display_id="bar")
        handle.update(HTML("<b>1</b>"))
    (shown,) = sink.close()
    assert shown["data"]["text/html"] == "<b>1</b>"


def test_displays_of_nobody_pass_through_and_the_publisher_comes_back(shell: Any) -> None:
    from IPython.display import clear_output, display
    from IPython.utils.capture import capture_output

    with capture_output() as captured:
        real = shell.display_pub
        with routing(shell):
            assert isinstance(shell.display_pub, PublisherRouter)
            assert shell.display_pub.outputs is real.outputs
            shell.display_pub.seen = True
            assert real.seen
            display("here")
        assert shell.display_pub is real
    assert [output.data["text/plain"] for output in captured.outputs] == ["'here'"]
    with capture_output() as captured, routing(shell):
        display("here")
        clear_output()
    assert captured.outputs == []


def test_a_formatter_that_fails_shows_its_error_in_its_node(shell: Any) -> None:
    class Bad:
        def _repr_html_(self) -> str:
            raise ValueError("no picture")

    sink = Sink(shell)
    with routing(shell), speaking(sink):
        sys.displayhook(Bad())
    kinds = {item["output_type"]: item for item in sink.close()}
    assert kinds["error"]["evalue"] == "no picture"
    assert "text/plain" in kinds["execute_result"]["data"]
    assert "_showtraceback" not in vars(shell)


def test_an_error_shown_by_nobody_is_shown_as_ever(shell: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with routing(shell):
        try:
            raise ValueError("loud")
        except ValueError:
            shell.showtraceback()
    assert "loud" in capsys.readouterr().out


def test_the_displayhook_of_nobody_is_the_real_one(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[Any] = []
    monkeypatch.setattr(sys, "displayhook", seen.append)
    with routing():
        sys.displayhook(3)
        assert sys.displayhook.__self__ is seen  # type: ignore[attr-defined]
    assert seen == [3]


@pytest.mark.parametrize("value", [None, 5])
def test_a_value_is_shown_unless_it_is_none_or_the_cell_is_quiet(value: Any) -> None:
    loud, quiet = Sink(), Sink(quiet=True)
    loud.show(value)
    quiet.show(value)
    assert [item["data"] for item in loud.close()] == ([] if value is None else [{"text/plain": "5"}])
    assert quiet.close() == ()


def test_what_a_watched_descriptor_brings_goes_to_the_body_on_the_main_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    class Watched(io.StringIO):
        watch_fd_thread: threading.Thread

    stream = Watched()
    monkeypatch.setattr(sys, "stdout", stream)
    begin = threading.Event()

    def watch() -> None:
        begin.wait(30)
        stream.write("from a child")

    stream.watch_fd_thread = threading.Thread(target=watch)
    stream.watch_fd_thread.start()
    sink = Sink()
    with routing():
        stream.write("by hand ")
        with speaking(sink):
            begin.set()
            stream.watch_fd_thread.join()
    assert texts(sink) == "from a child"
    assert stream.getvalue() == "by hand "
    assert "write" not in vars(stream)


def test_draining_waits_until_a_watched_pipe_is_empty(monkeypatch: pytest.MonkeyPatch) -> None:
    import os

    reader, writer = os.pipe()
    stream = io.StringIO()
    stream._fid = reader  # type: ignore[attr-defined]
    monkeypatch.setattr(sys, "stdout", stream)
    os.write(writer, b"x" * 10)
    thread = threading.Timer(0.0, os.read, (reader, 10))
    thread.start()
    drain_descriptors()
    thread.join()
    os.close(reader)
    os.close(writer)


def test_nobody_speaks_outside_a_node() -> None:
    assert current_sink() is None

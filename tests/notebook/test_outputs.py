from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from orchestra_nb.model import NodeId
from orchestra_nb.notebook.outputs import OutputLog, display_id_of, jsonable, settle, strays


def text(value: str) -> dict[str, str]:
    return {"text/plain": value}


def show(log: OutputLog, value: str, display_id: str | None = None) -> None:
    log.display(text(value), None, display_id)


def brief(log: OutputLog) -> list[str]:
    """Each output in a few characters."""
    made = []
    for item in log.outputs:
        kind = item["output_type"]
        if kind == "stream":
            made.append(f"{item['name']}:{item['text']}")
        elif kind == "error":
            made.append(f"error:{item['ename']}")
        else:
            made.append(f"{kind}:{item['data']['text/plain']}")
    return made


TABLE: list[tuple[str, Callable[[OutputLog], Any], list[str]]] = [
    ("nothing", lambda log: None, []),
    ("empty text is no output", lambda log: log.stream("stdout", ""), []),
    (
        "neighbouring text of a stream is one output",
        lambda log: (log.stream("stdout", "a"), log.stream("stdout", "b"), log.stream("stderr", "c")),
        ["stdout:ab", "stderr:c"],
    ),
    (
        "a display between two texts keeps them apart",
        lambda log: (log.stream("stdout", "a"), show(log, "x"), log.stream("stdout", "b")),
        ["stdout:a", "display_data:x", "stdout:b"],
    ),
    (
        "clear_output forgets at once",
        lambda log: (log.stream("stdout", "a"), log.clear(), log.stream("stdout", "b")),
        ["stdout:b"],
    ),
    (
        "a waiting clear waits for the next output",
        lambda log: (show(log, "x"), log.clear(wait=True)),
        ["display_data:x"],
    ),
    (
        "a waiting clear happens with the next output",
        lambda log: (show(log, "x"), log.clear(wait=True), log.result(text("y")), log.stream("stdout", "z")),
        ["execute_result:y", "stdout:z"],
    ),
    (
        "a waiting clear is overtaken by one at once",
        lambda log: (log.clear(wait=True), log.clear(), show(log, "x"), show(log, "y")),
        ["display_data:x", "display_data:y"],
    ),
    (
        "an update replaces the display of its id in place",
        lambda log: (show(log, "0", "bar"), log.stream("stdout", "a"), log.update(text("1"), None, "bar")),
        ["display_data:1", "stdout:a"],
    ),
    (
        "a second display of an id changes the first one too",
        lambda log: (show(log, "0", "bar"), show(log, "1", "bar")),
        ["display_data:1", "display_data:1"],
    ),
    (
        "an update of somebody else's display is kept",
        lambda log: log.update(text("1"), None, "theirs"),
        ["update_display_data:1"],
    ),
    (
        "clearing does not take back what was sent to others",
        lambda log: (log.update(text("1"), None, "theirs"), show(log, "x"), log.clear()),
        ["update_display_data:1"],
    ),
    ("an error is an output", lambda log: log.error("ValueError", "no", ["line"]), ["error:ValueError"]),
    (
        "a waiting clear also clears before an error",
        lambda log: (show(log, "x"), log.clear(wait=True), log.error("ValueError", "no", [])),
        ["error:ValueError"],
    ),
]


def write(log: OutputLog, *names: str) -> None:
    for name in names:
        log.stream(name, name[3])


TABLE += [
    (
        "until something flushes them, each stream collects its text, stdout first",
        lambda log: write(log, "stderr", "stdout", "stderr", "stdout"),
        ["stdout:oo", "stderr:ee"],
    ),
    (
        "a stream that is flushed does not wait for the other",
        lambda log: (write(log, "stdout", "stderr"), log.flush("stderr"), write(log, "stdout")),
        ["stderr:e", "stdout:oo"],
    ),
    (
        "text comes before what is displayed after it",
        lambda log: (write(log, "stderr", "stdout"), log.result(text("x")), write(log, "stderr")),
        ["stdout:o", "stderr:e", "execute_result:x", "stderr:e"],
    ),
    (
        "text that was written before a clear is cleared",
        lambda log: (write(log, "stdout"), log.clear(), write(log, "stderr")),
        ["stderr:e"],
    ),
    (
        "text that was written before a waiting clear is there until the next output",
        lambda log: (write(log, "stdout"), log.clear(wait=True)),
        ["stdout:o"],
    ),
]


def test_text_waits_a_fifth_of_a_second_and_then_goes_in_the_order_of_its_beginning() -> None:
    now = [0.0]
    log = OutputLog(lambda: now[0])
    for moment, name in [(0.0, "stderr"), (0.1, "stdout"), (0.19, "stderr"), (0.25, "stderr"), (0.35, "stdout")]:
        now[0] = moment
        write(log, name)
    assert brief(log) == ["stderr:ee", "stdout:oo", "stderr:e"]


@pytest.mark.parametrize(("happens", "expected"), [row[1:] for row in TABLE], ids=[row[0] for row in TABLE])
def test_outputs_are_collected_as_a_front_end_would(happens: Callable[[OutputLog], Any], expected: list[str]) -> None:
    log = OutputLog()
    happens(log)
    assert brief(log) == expected


def test_the_outputs_so_far_are_a_value_that_later_output_does_not_change() -> None:
    log = OutputLog()
    log.stream("stdout", "a")
    before = log.outputs
    log.stream("stdout", "b")
    assert before[0]["text"] == "a"


def test_updates_across_nodes_apply_in_document_order() -> None:
    first, second, third = OutputLog(), OutputLog(), OutputLog()
    show(first, "0", "bar")
    third.update(text("2"), None, "bar")
    second.update(text("1"), None, "bar")
    nodes = {NodeId(name): log.outputs for name, log in [("a", first), ("b", second), ("c", third)]}
    settled = settle(nodes)
    assert [item["data"] for item in settled[NodeId("a")]] == [text("2")]
    assert "transient" not in settled[NodeId("a")][0]
    assert settled[NodeId("b")] == settled[NodeId("c")] == ()
    assert display_id_of(settle(nodes, keep_ids=True)[NodeId("a")][0]) == "bar"


def test_updates_of_displays_that_no_node_made_are_strays() -> None:
    log = OutputLog()
    show(log, "0", "mine")
    log.update(text("1"), None, "mine")
    log.update(text("2"), None, "elsewhere")
    assert [display_id_of(item) for item in strays({NodeId("a"): log.outputs})] == ["elsewhere"]


def test_outputs_are_json_whatever_was_displayed() -> None:
    class Odd:
        def __str__(self) -> str:
            return "odd"

    assert jsonable({"a": (b"x", bytearray(b"y"), Odd(), {1: None})}) == {"a": ["eA==", "eQ==", "odd", {"1": None}]}

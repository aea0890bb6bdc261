"""What resources look like: one row each, every name harmless, columns also where there is nothing."""

from __future__ import annotations

import threading

import pytest

from orchestra_nb import ResourceManager
from orchestra_nb.errors import DeadlockError
from orchestra_nb.resources.circles import DeadlockResult, Wait


def busy(name="db"):
    manager = ResourceManager()
    manager.register_resource(name, type="database")
    manager.register_resource("calls", type="api", rate="60/min")
    manager.acquire_lock(name, "<b>load</b>")
    manager.acquire_lock("calls", "plan", amount=7)
    assert manager.acquire_lock(name, "clean", timeout=0) is None
    return manager


def test_the_frame_has_one_row_for_each_resource():
    frame = busy().frame.set_index("resource")
    assert list(frame.index) == ["db", "calls"]
    assert frame.loc["db", ["type", "kind", "capacity", "used", "left", "holders"]].tolist() == [
        *("database", "held", 1.0, 1.0, 0.0, "<b>load</b> 1"),
    ]
    assert frame.loc["db", ["granted", "timed_out"]].tolist() == [1, 1]
    assert frame.loc["calls", ["kind", "period", "used", "left"]].tolist() == ["rate", 60.0, 7.0, 53.0]
    assert frame["wait_p99"].dtype == "float64"


def test_a_manager_without_resources_has_the_same_columns():
    empty = ResourceManager().frame
    assert len(empty) == 0
    assert list(empty.columns) == list(busy().frame.columns)
    assert list(empty.dtypes) == list(busy().frame.dtypes)


def test_the_bundle_says_who_holds_what_and_escapes_names():
    bundle = busy("<i>db</i>")._repr_mimebundle_()
    assert bundle["text/plain"].splitlines()[0] == "2 resources, 0 owners waiting, 0 deadlocks so far"
    assert "7 of 60 in 1 min 00 s" in bundle["text/plain"]
    assert "<b>" not in bundle["text/html"]
    assert "<i>" not in bundle["text/html"]
    assert "&lt;b&gt;load&lt;/b&gt;" in bundle["text/html"]


def test_many_names_are_cut_and_the_frame_has_all():
    manager = ResourceManager()
    manager.register_resource("gpu", max_concurrent=20)
    for number in range(12):
        manager.acquire_lock("gpu", f"o{number}")
    assert "o4 and 7 more" in manager._repr_mimebundle_()["text/plain"]
    assert "o11 1" in manager.frame["holders"][0]


def test_a_deadlock_shows_its_circle():
    circle = (Wait("clean", "db", "load"), Wait("load", "gpu", "clean"))
    result = DeadlockResult((circle,), "clean")
    text = result._repr_mimebundle_()["text/plain"]
    assert text == "clean waits for db held by load; load waits for gpu held by clean\nclean would give way first"
    assert result.frame.to_dict("list") == {
        "circle": [0, 0],
        "owner": ["clean", "load"],
        "resource": ["db", "gpu"],
        "holder": ["load", "clean"],
    }
    assert DeadlockResult()._repr_mimebundle_()["text/plain"] == "no deadlock"


def test_a_resolved_deadlock_is_counted():
    manager = ResourceManager()
    for name in ("db", "gpu"):
        manager.register_resource(name)
    manager.acquire_lock("db", "a")
    manager.acquire_lock("gpu", "b")
    waits = threading.Event()
    manager.on("resource:lock-queued", lambda event: waits.set())
    thread = threading.Thread(target=lambda: manager.acquire_lock("gpu", "a"))
    thread.start()
    assert waits.wait(60)
    with pytest.raises(DeadlockError):
        manager.acquire_lock("db", "b")
    thread.join(60)
    assert "1 deadlock so far" in manager._repr_mimebundle_()["text/plain"]

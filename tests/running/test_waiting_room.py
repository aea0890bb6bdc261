"""Who waits, and in which order they go in; what the driver makes of it is in ``test_driver_laws.py``."""

from __future__ import annotations

from orchestra_nb.resources.claims import Claims
from orchestra_nb.running.waiting_room import Waiter, WaitingRoom


def is_open(lane):
    return lane == "thread"


def test_a_room_is_as_long_as_there_are_nodes_that_wait():
    room = WaitingRoom(Claims())
    for rank, (node, wants) in enumerate((("a", (("db", 1),)), ("b", (("db", 1),)), ("c", ()))):
        room.enter("thread", Waiter(rank, node, wants))
    lengths = [len(room)]
    while room.next(is_open, 0.0) is not None:
        lengths.append(len(room))
    assert lengths == [3, 2, 1]
    assert [waiter.node for waiter in room.empty()] == ["b"]
    assert len(room) == 0


def test_new_ranks_hold_for_all_that_wait_whatever_for():
    claims = Claims()
    room = WaitingRoom(claims)
    claims.claim("holder", (("db", 1),), 0.0)
    for rank, (node, wants) in enumerate((("a", (("db", 1),)), ("b", (("db", 1),)), ("c", ()), ("d", ()))):
        room.enter("main" if node > "b" else "thread", Waiter(rank, node, wants))
    assert room.next(is_open, 0.0) is None
    room.renumber({"a": 9, "b": 8, "c": 7, "d": 6}.__getitem__)
    claims.release("holder")
    assert room.next(is_open, 1.0).node == "b"
    assert [waiter.node for waiter in room.empty()] == ["d", "c", "a"]

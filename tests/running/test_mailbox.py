"""A queue whose reader is woken by items, by time, and by nothing else."""

from __future__ import annotations

import signal
import threading
from queue import Empty

import pytest

from orchestra_nb.running.mailbox import Mailbox


def test_items_come_out_in_the_order_in_which_they_were_put():
    box = Mailbox()
    for number in range(5):
        box.put(number)
    assert [box.get(timeout=0) for _ in range(5)] == list(range(5))
    assert box.empty()


def test_a_reader_is_woken_by_an_item():
    box, got = Mailbox(), []
    reader = threading.Thread(target=lambda: got.append(box.get(timeout=60)))
    reader.start()
    box.put("news")
    reader.join(60)
    assert got == ["news"]


def test_many_writers_lose_nothing():
    box = Mailbox()
    writers = [threading.Thread(target=lambda: [box.put(n) for n in range(2000)]) for _ in range(4)]
    for writer in writers:
        writer.start()
    got = []
    while len(got) < 8000:
        got.append(box.get(timeout=60))
    for writer in writers:
        writer.join(60)
    with pytest.raises(Empty):
        box.get(timeout=0.01)


def test_signals_that_come_as_the_time_is_up_do_not_make_it_wait_for_ever():
    box, over = Mailbox(), threading.Event()
    before = signal.signal(signal.SIGUSR1, lambda *_: None)
    main = threading.main_thread().ident

    def disturb():
        while not over.wait(0.0005):
            signal.pthread_kill(main, signal.SIGUSR1)

    disturber = threading.Thread(target=disturb)
    disturber.start()
    try:
        for _ in range(300):
            with pytest.raises(Empty):
                box.get(timeout=0.001)
    finally:
        over.set()
        disturber.join(60)
        signal.signal(signal.SIGUSR1, before)

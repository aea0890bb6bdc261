"""The event loop of a dask cluster in the tests.

distributed begins one by itself, and gives up when it does not run within ten seconds, which is what a busy machine may
need to begin a thread. A loop that is given is waited for as long as it takes.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def running_loop() -> Iterator[Any]:
    """A tornado loop that runs in a thread of its own."""
    from tornado.ioloop import IOLoop

    begun, over = threading.Event(), asyncio.Event()
    made: list[Any] = []

    async def live() -> None:
        made.append(IOLoop.current())
        begun.set()
        await over.wait()

    thread = threading.Thread(target=asyncio.run, args=(live(),), name="dask loop of the tests", daemon=True)
    thread.start()
    assert begun.wait(120)
    try:
        yield made[0]
    finally:
        made[0].add_callback(over.set)
        thread.join(120)

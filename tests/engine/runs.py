"""What the tests of the engine run, and from where."""

from __future__ import annotations

import threading

from orchestra_nb import Node, RunConfig

QUICK = RunConfig(jobs=2, history=False, cache=False)
PATIENCE = 60.0
"""Seconds after which a test gives up."""


def nodes():
    return [Node("load", fn=lambda: [3, 1, 2]), Node("top", fn=lambda load: max(load))]


async def awaited(engine, definition, **options):
    return await engine.execute(definition, **options)


def in_a_thread(call):
    answers = []
    thread = threading.Thread(target=lambda: answers.append(call()))
    thread.start()
    thread.join(PATIENCE)
    return answers[0]


async def inside_a_loop(call):
    return call()

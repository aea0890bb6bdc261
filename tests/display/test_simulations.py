"""What simulations look like: workers that did nothing are seen, two schedules have one axis, words can be read."""

from __future__ import annotations

import base64
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from orchestra_nb import DAG, Node, simulate, what_if
from orchestra_nb.display.histogram import histogram_svg
from orchestra_nb.display.plans import schedule_gantt
from orchestra_nb.simulation.schedule import Schedule

CHAIN = [Node("load", cost=4), Node("fit", after=["load"], cost=6)]


async def _await() -> None: ...


IDLE = {
    "a chain has one at work at a time": (simulate(DAG(CHAIN), 3), ("worker 1", "worker 2", "worker 3")),
    "the loop comes last": (
        simulate(DAG([*CHAIN, Node("ask", fn=_await)]), 3),
        ("worker 1", "worker 2", "worker 3", "event loop"),
    ),
    "not a thousand of them": (simulate(DAG(CHAIN), 1000), tuple(f"worker {n}" for n in range(1, 17))),
    "nobody at all": (simulate(DAG([]), 3), ()),
}


@pytest.mark.parametrize(("schedule", "lanes"), IDLE.values(), ids=IDLE)
def test_workers_that_did_nothing_have_a_lane(schedule: Schedule, lanes: tuple[str, ...]) -> None:
    timeline = schedule_gantt(schedule).timeline
    assert timeline.lanes == lanes
    where = {bar.node: timeline.lanes[bar.lane] for bar in timeline.bars}
    assert where == {slot.node: f"worker {slot.worker + 1}" for slot in schedule.rows if slot.node != "ask"} | (
        {"ask": "event loop"} if "ask" in where else {}
    )


def test_what_was_and_what_would_be_stand_on_one_time_axis() -> None:
    found = what_if(DAG(CHAIN), faster={"fit": 6})
    assert (found.before.makespan, found.after.makespan) == (10.0, 5.0)
    pictures = re.findall(r'base64,([^"]+)"', found._repr_mimebundle_()["text/html"])
    ticks = [re.findall(r">(\d+) s<", base64.b64decode(picture).decode()) for picture in pictures]
    assert ticks[0] == ticks[1]
    assert ticks[0][-1] == "10"


def test_words_of_marks_that_lie_together_do_not_overlap() -> None:
    drawn = ElementTree.fromstring(histogram_svg([1.0, 2.0, 3.0], {"expected": 2.0, "median": 2.01, "95 %": 2.02}))
    words = [one for one in drawn.iter() if one.tag.endswith("text") and " s" in (one.text or "")]
    rows = [float(one.get("y", "0")) for one in words[:3]]
    assert sorted({b - a for a, b in pairwise(rows)}) == [12.0]
    assert all(0 < row < float(drawn.get("height", "0")) for row in rows)

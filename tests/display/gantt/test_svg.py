"""The Gantt chart as SVG: what is in it, and that nothing of it does harm."""

from __future__ import annotations

import random
import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest

from orchestra_nb.display.gantt.bars import Bar, Piece, Timeline
from orchestra_nb.display.gantt.crowding import MOST_LANES, crowds
from orchestra_nb.display.gantt.svg import MOST_BYTES, WIDTH, gantt_svg
from orchestra_nb.display.gantt.text import WIDTH as COLUMNS
from orchestra_nb.display.gantt.text import columns, gantt_text
from orchestra_nb.display.looks import LOOKS
from orchestra_nb.display.picture.parts import CRITICAL
from orchestra_nb.replay.fold import STATES

from ..judges import assert_harmless_svg, assert_harmless_text
from ..payloads import PAYLOADS


def bar(node, start, end, state="done", *, lane=0, waits=(), **more):
    return Bar(node, lane, start, end, (*waits, Piece("attempt", start, end)), state, **more)


def timeline(*bars, lanes=("thread 1",), **more):
    end = max((one.end for one in bars), default=0.0)
    return Timeline(lanes, tuple(bars), **{"end": end, **more})


def drawn(*given, **more):
    return ElementTree.fromstring(gantt_svg(timeline(*given, **more)))


def elements(root, tag):
    return [element for element in root.iter() if element.tag.endswith("}" + tag)]


def texts(root):
    return [_said(element) for element in elements(root, "text")]


def _said(element):
    """What a text shows: not its tooltip."""
    return (element.text or "") + "".join(child.tail or "" for child in element)


def tooltips(root):
    return [element.text for element in elements(root, "title")]


def test_a_bar_lies_where_its_time_is_and_says_its_name_and_status():
    root = drawn(bar("load", 0.0, 2.0), bar("fit", 2.0, 8.0, "failed"), bar("plot", 8.0, 10.0, attempts=3))
    boxes = [e for e in elements(root, "rect") if e.get("height") == "16" and float(e.get("width")) > 20]
    (a, b, c) = [(float(e.get("x")), float(e.get("width"))) for e in boxes]
    assert b[1] == pytest.approx(3 * a[1], abs=0.2)
    assert (b[0], c[0]) == (pytest.approx(a[0] + a[1], abs=0.2), pytest.approx(b[0] + b[1], abs=0.2))
    assert {"✓ load", "✗ fit", "✓ plot ×3"} <= set(texts(root))
    assert boxes[1].get("fill") == LOOKS["failed"].fill


@pytest.mark.parametrize("state", [*STATES, "planned"])
def test_every_state_can_be_drawn_and_is_explained(state):
    root = drawn(bar("n", 0.0, 1.0, state))
    assert any(state in text for text in texts(root)), "the legend"
    assert any(f"n · {state}" in tip for tip in tooltips(root))


def test_the_tooltip_tells_the_whole_story():
    waits = (Piece("locks", 0.0, 2.0), Piece("worker", 2.0, 2.5))
    root = drawn(
        bar("fit", 2.5, 8.0, "failed", waits=waits, attempts=2, worker="Thread-1", reason="no luck", critical=True)
    )
    assert (
        tooltips(root).count(
            "fit · failed: no luck · 2 attempts · waited for locks 2.0 s · waited for a worker 500 ms · "
            "ran 5.5 s, from 2.5 s to 8.0 s · on Thread-1 · on the critical path"
        )
        == 2
    ), "on the bar, and on the strip of its waiting"


def test_what_was_waited_for_is_told_apart_by_colour_and_by_stroke():
    waits = (Piece("locks", 0.0, 2.0), Piece("worker", 2.0, 4.0))
    root = drawn(bar("fit", 4.0, 8.0, waits=waits))
    strips = [e for e in elements(root, "path") if e.get("stroke-width") == "3"]
    assert len({(e.get("stroke"), e.get("stroke-dasharray")) for e in strips}) == 2
    assert {"waited for locks", "waited for a worker"} <= set(texts(root))


def test_rests_stand_between_attempts_and_failed_attempts_look_failed():
    pieces = Piece("attempt", 0.0, 3.0), Piece("rest", 3.0, 6.0), Piece("attempt", 6.0, 10.0)
    root = drawn(Bar("n", 0, 0.0, 10.0, pieces, "done", 2))
    fills = [e.get("fill") for e in elements(root, "rect") if e.get("height") == "16"]
    assert fills == [LOOKS["failed"].fill, LOOKS["done"].fill]
    (name,) = [e for e in elements(root, "text") if _said(e) == "✓ n ×2"]
    last = [e for e in elements(root, "rect") if e.get("height") == "16"][-1]
    assert float(name.get("x")) > float(last.get("x")), "the mark of how it ended stands in the last attempt"
    assert "rested" in texts(root)


def test_the_critical_path_is_heavy_and_connected():
    bars = bar("a", 0.0, 1.0, critical=True), bar("b", 0.0, 3.0, lane=1), bar("c", 4.0, 5.0, lane=1, critical=True)
    root = drawn(*bars, lanes=("thread 1", "thread 2"), path=("a", "c"))
    heavy = [e for e in elements(root, "rect") if e.get("stroke") == CRITICAL and e.get("height") == "16"]
    assert len(heavy) == 2
    (line,) = [e for e in elements(root, "path") if e.get("stroke") == CRITICAL]
    ends = [float(e.get("x")) for e in heavy]
    _, x, _, _, over, _ = re.split("[MVH,]", line.get("d"))[:6]
    assert float(x) == pytest.approx(ends[0] + float(heavy[0].get("width")), abs=1)
    assert float(over) == pytest.approx(ends[1], abs=1)


def test_the_plan_stands_behind_and_its_workers_beyond_the_lanes_have_rows():
    plan = timeline(
        bar("a", 0.0, 1.0, "planned"), bar("b", 0.0, 1.0, "planned", lane=1), lanes=("worker 1", "worker 2")
    )
    drawing = gantt_svg(timeline(bar("a", 0.0, 3.0)), plan)
    root = ElementTree.fromstring(drawing)
    assert {"worker 2 (planned)", "planned (simulated)", "thread 1"} <= set(texts(root))
    assert drawing.index("a · planned") < drawing.index("a · done"), "what is drawn first lies behind"


def test_while_the_run_goes_on_there_is_a_line_for_now_and_who_waits():
    waiting = [Bar(f"w{i}", -1, 4.0, 4.0, (Piece("either", 1.0, 4.0),), "queued", 0) for i in range(9)]
    root = drawn(bar("a", 0.0, 4.0, "running"), now=4.0, waiting=tuple(waiting))
    said = texts(root)
    assert "now: 4.0 s" in said
    assert "and 3 more wait" in said
    assert {"w0", "w5"} <= set(said)
    assert "w6" not in said


def test_what_was_undone_is_behind_the_end_of_the_run():
    root = drawn(bar("a", 0.0, 4.0), bar("b", 5.0, 6.0, lane=1, compensates=True), lanes=("main", "undo"), over=4.0)
    assert "the run's end; then undone" in texts(root)
    assert any("b · done, and compensates" in tip for tip in tooltips(root))


def test_what_never_began_is_counted_by_how_it_ended():
    said = texts(drawn(bar("a", 0.0, 1.0), absent=(("b", "skipped"), ("c", "skipped"), ("d", "cached"))))
    assert {"– 2 skipped, never begun", "↺ 1 cached, never begun"} <= set(said)


def test_what_came_from_the_cache_in_no_time_is_a_mark():
    root = drawn(bar("a", 0.0, 10.0), bar("hit", 10.0, 10.0001, "cached"))
    (mark,) = [e for e in elements(root, "rect") if e.get("fill") == LOOKS["cached"].border]
    assert float(mark.get("width")) <= 4


def test_a_chart_of_nothing_says_so():
    for empty in (timeline(), timeline(lanes=())):
        assert "nothing has run" in texts(ElementTree.fromstring(gantt_svg(empty)))
        assert "nothing has run" in gantt_text(empty)


def test_a_name_that_does_not_fit_is_cut_and_then_left_out():
    long = "a-node-with-quite-a-long-name"
    root = drawn(bar(long, 0.0, 1.0), bar("tiny", 1.0, 1.02), bar("rest", 1.02, 10.0))
    inside = [text for text in texts(root) if text.startswith("✓ a-")]
    assert inside
    assert all(text.endswith("…") for text in inside)
    assert not any("tiny" in text for text in texts(root))
    assert any(tip.startswith("tiny · done") for tip in tooltips(root))


def test_no_text_is_written_beyond_the_picture():
    bars = [bar(f"node-{i}", i / 3, (i + 1) / 3, lane=i % 7) for i in range(60)]
    root = drawn(*bars, lanes=tuple(f"a lane with a rather long name {i}" for i in range(7)), now=20.0)
    box = [float(number) for number in root.get("viewBox").split()]
    for element in elements(root, "text"):
        width = 6.1 * len(_said(element))
        shift = {"end": -width, "middle": -width / 2}.get(element.get("text-anchor"), 0.0)
        x, y = float(element.get("x")) + shift, float(element.get("y"))
        assert x >= -1
        assert x + width <= box[2] + 1
        assert 8 <= y <= box[3] - 2


def big(count, lanes, statuses=("done",), seed=1):
    chance, free, bars = random.Random(seed), [0.0] * lanes, []
    for i in range(count):
        lane = free.index(min(free))
        start, end = free[lane], free[lane] + chance.expovariate(1)
        waits = (Piece("worker", max(0.0, start - chance.random()), start),)
        state = statuses[i % len(statuses)] if i != count // 2 else "failed"
        bars.append(bar(PAYLOADS[i % len(PAYLOADS)] * 3 + str(i), start, end, state, lane=lane, waits=waits))
        free[lane] = end
    bars.sort(key=lambda one: one.start)
    return timeline(*bars, lanes=tuple(f"thread {i + 1}" for i in range(lanes)))


@pytest.mark.parametrize(("count", "lanes"), [(10_000, 4), (10_000, 40), (10_000, 300), (600, 600), (3_000, 1)])
def test_ten_thousand_bars_are_a_small_picture_in_which_the_one_failure_is_to_be_seen(count, lanes):
    whole = big(count, lanes)
    drawing = gantt_svg(whole, whole)
    assert len(drawing.encode()) <= MOST_BYTES < 300_000
    assert_harmless_svg(drawing)
    root = ElementTree.fromstring(drawing)
    assert any(e.get("fill") == LOOKS["failed"].fill for e in elements(root, "rect"))
    said = texts(root)
    assert ("more lanes" in " ".join(said)) == (lanes > MOST_LANES)
    assert sum(said.count(f"thread {i + 1}") for i in range(lanes)) == (
        lanes if lanes <= MOST_LANES else MOST_LANES - 1
    )


def test_each_node_is_in_one_crowd_and_crowds_do_not_overlap():
    bars = big(2_000, 1).bars
    for least in (0.0, 0.5, 5.0, 1e9):
        found = list(crowds(bars, least))
        assert [one for crowd in found for one in crowd.bars] == list(bars)
        assert all(one.end <= other.start for one, other in pairwise(found))
    assert len(list(crowds(bars, 0.0))) == len(bars)


def hostile():
    bars = []
    for i, name in enumerate(PAYLOADS):
        waits = (Piece("locks", float(i), i + 0.5),)
        bars.append(bar(name, i + 0.5, i + 1.0, "failed", waits=waits, worker=name, reason=name, critical=True))
    waiting = tuple(Bar(name, -1, 9.0, 9.0, (Piece("either", 0.0, 9.0),), "queued", 0) for name in PAYLOADS)
    return timeline(*bars, lanes=(PAYLOADS[0],), waiting=waiting, path=tuple(PAYLOADS), now=float(len(PAYLOADS)))


def test_hostile_names_do_no_harm():
    assert_harmless_svg(gantt_svg(hostile(), hostile()))
    assert_harmless_text(gantt_text(hostile()))
    for name in PAYLOADS:
        one = timeline(bar(name, 0.0, 1.0, worker=name, reason=name), lanes=(name,), path=(name,))
        assert_harmless_svg(gantt_svg(one, one))
        assert_harmless_text(gantt_text(one))


def test_a_picture_may_stand_in_a_page_twice():
    for element in ElementTree.fromstring(gantt_svg(hostile())).iter():
        assert not {"id", "class", "href", "style"} & element.attrib.keys()
        assert not any("url(" in value for value in element.attrib.values())


def test_the_picture_is_as_wide_as_it_says():
    root = drawn(bar("a", 0.0, 1.0))
    assert (root.get("width"), root.get("viewBox").split()[2]) == (f"{WIDTH:.0f}", f"{WIDTH:.0f}")


# ---- in characters -------------------------------------------------------------------------------------------


def test_in_characters_each_lane_is_a_line_and_none_is_too_wide():
    bars = [bar(name, float(i), i + 1.0, lane=i % 3) for i, name in enumerate(("load", "漢字漢字漢字", "e\u0301" * 9))]
    lines = gantt_text(timeline(*bars, lanes=("thread 1", "thread 2", "event loop"))).split("\n")
    assert all(columns(line) == COLUMNS for line in lines[:3])
    assert all(columns(line) <= COLUMNS for line in lines)
    assert "[load-" in lines[0]
    assert "[漢字" in lines[1]


@pytest.mark.parametrize(
    ("given", "line"),
    [
        ([bar("a", 0.0, 5.0), bar("b", 5.0, 10.0)], "main |[a--][b--]|"),
        ([bar("a", 0.0, 10.0, critical=True)], "main |[a=======]|"),
        ([bar("a", 0.0, 10.0, "failed")], "main |[✗a------]|"),
        ([bar("a", 5.0, 10.0, waits=(Piece("locks", 0.0, 5.0),))], "main |:::::[a--]|"),
        ([bar("a", 5.0, 10.0, waits=(Piece("worker", 1.0, 5.0),))], "main | ····[a--]|"),
        ([bar("a", 0.0, 1.0), bar("b", 9.0, 10.0, "failed")], "main |█        ✗|"),
        ([bar("a-long-name", 0.0, 6.0), bar("b", 6.0, 10.0)], "main |[a-l…][b-]|"),
        ([bar(str(i), i / 20, (i + 1) / 20) for i in range(200)], None),
    ],
)
def test_a_lane_in_characters(given, line):
    shown = gantt_text(timeline(*given, lanes=("main",)), 17).split("\n")[0]
    assert len(shown) == 17
    if line is not None:
        assert shown == line


def test_in_characters_it_says_who_waits_and_what_is_critical():
    waiting = tuple(Bar(f"w{i}", -1, 4.0, 4.0, (Piece("either", 1.0, 4.0),), "queued", 0) for i in range(8))
    said = gantt_text(timeline(bar("a", 0.0, 4.0, "running", critical=True), path=("a",), waiting=waiting, now=4.0))
    assert "[▶a=" in said
    assert "w0 has waited for 3.0 s" in said
    assert "and 2 more wait" in said
    assert "critical path: a" in said

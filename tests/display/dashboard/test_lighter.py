"""Pictures that weigh less and show the same."""

from __future__ import annotations

import random
import re

import pytest

from orchestra_nb.display.dashboard.lighter import plainer, plainest
from orchestra_nb.display.gantt.svg import gantt_svg
from orchestra_nb.display.gantt.timeline import timeline_of
from orchestra_nb.display.picture import svg
from orchestra_nb.display.picture.parts import CRITICAL
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node

from ..judges import assert_harmless_svg
from ..payloads import PAYLOADS
from . import moments

MADE = {
    "graph": svg(moments.DAG_, moments.bad().result.outcomes),
    "chain": svg(DAG([Node("a"), Node("b 3.14159", after=["a"]), Node("c", after=["a", "b 3.14159"])])),
    "hostile": svg(DAG([Node(text, after=[PAYLOADS[0]] if i else []) for i, text in enumerate(PAYLOADS[:60])])),
    "gantt": gantt_svg(timeline_of(moments.bad().result)),
}


def texts(drawn: str) -> list[str]:
    return re.findall(r">([^<>]*)</(?:text|tspan)>", drawn)


@pytest.mark.parametrize("name", MADE)
@pytest.mark.parametrize("make", [plainer, plainest])
def test_it_is_lighter_and_harmless_and_has_the_same_texts(name, make):
    lighter = make(MADE[name])
    assert len(lighter) < len(MADE[name])
    assert texts(lighter) == texts(MADE[name])
    assert "<title>" not in lighter.partition("</svg>")[0]
    assert_harmless_svg(lighter)


def test_every_line_but_the_faint_ones_is_still_there():
    drawn, lighter = MADE["chain"], plainest(MADE["chain"])
    assert drawn.count("<polygon") == 3
    ways = re.findall(r'<path d="([^"]*)" fill="none"', lighter)
    assert sum(way.count("M") for way in ways) == 2
    assert CRITICAL in lighter
    assert "b 3.14159" in lighter


def test_a_graph_of_three_hundred_nodes_weighs_less_than_half():
    chance = random.Random(1)
    names = [f"node-{i:03}" for i in range(300)]
    nodes = [Node(n, after=chance.sample(names[max(0, i - 30) : i], 3) if i > 8 else []) for i, n in enumerate(names)]
    drawn = svg(DAG(nodes))
    assert len(plainest(drawn)) < len(drawn) / 2

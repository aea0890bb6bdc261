"""Labs as a reader sees them: pictures that are harmless and say what they show, pages that are not too heavy."""

import re

import pytest

from orchestra_nb import breaker_lab, deadlock_lab, retry_lab
from orchestra_nb.display.labs import allocation, circuit, paper
from orchestra_nb.display.steps import painted
from orchestra_nb.labs.lock_scenarios import SCENARIOS

from ..judges import assert_harmless_html, assert_harmless_svg
from ..test_looks import contrast

LABS = {
    **{name: lambda name=name: deadlock_lab(name) for name in SCENARIOS},
    "twelve philosophers": lambda: deadlock_lab("dining philosophers", owners=12),
    "an outage": lambda: breaker_lab(3.0, seconds=20.0),
    "two outages": lambda: breaker_lab(outage=[(2, 6), (10, 18)], probes=2),
    "a herd": lambda: retry_lab(clients=50, outage=8.0, breaker=True),
}


@pytest.mark.parametrize("name", LABS)
def test_every_panel_of_some_frames_is_a_picture_that_does_nothing_or_a_table(name):
    story = LABS[name]().story
    panels = [*story.overview, *story.frames[0].panels, *story.frames[len(story.frames) // 2].panels]
    for panel in [*panels, *story.frames[-1].panels]:
        shown = painted(panel)
        if shown.draw is not None:
            assert_harmless_svg(shown.svg)
            assert shown.said
        assert shown.lines


@pytest.mark.parametrize("name", LABS)
def test_the_saved_page_is_whole_and_light(name):
    value = LABS[name]()
    bundle = value._repr_mimebundle_()
    assert len(bundle["text/html"].encode()) <= 300_000
    assert_harmless_html(bundle["text/html"])
    assert bundle["text/plain"].count("\n") >= min(len(value.story.frames), 200)
    assert len(value.frame) >= len(value.story.frames) or name == "a herd"


def test_all_text_on_white_has_contrast():
    for colour in (paper.INK, paper.GREY):
        assert contrast(colour, "#ffffff") >= 7


def test_a_circle_is_heavy_in_the_picture_and_a_harmless_one_has_another_colour():
    deadly, harmless = (
        allocation.allocation_svg(next(f.panels[0] for f in deadlock_lab(name).story.frames if f.panels[0].circle))
        for name in ("two locks in opposite order", "a circle that is no deadlock")
    )
    assert deadly.count('stroke="#a83800" stroke-width="4"') == 4 + 1
    assert "#a83800" not in harmless
    assert harmless.count('stroke="#736600" stroke-width="4"') == 4 + 1


def test_what_comes_later_is_not_drawn():
    story = breaker_lab().story
    early, late = (painted(story.frames[place].panels[0]).svg for place in (3, -1))
    assert "call 2 succeeded" in early
    assert "call 6" not in early
    assert "call 6 failed after 2.0 s" in late


def test_calls_that_overlap_stand_below_each_other_and_very_many_share_a_lane():
    calls = breaker_lab([0.0] * 20, outage=(0, 30)).others
    assert [lane for _, lane in circuit.lanes(calls)][:9] == [0, 1, 2, 3, 4, 5, 6, 7, 7]


def test_twelve_philosophers_do_not_lie_on_each_other():
    lab = deadlock_lab("dining philosophers", owners=12)
    svg = allocation.allocation_svg(lab.story.frames[-1].panels[0])
    corners = [tuple(map(float, found)) for found in re.findall(r'<rect x="([\d.]+)" y="([\d.]+)" width="132.0"', svg)]
    assert len(corners) == 24
    for place, (x, y) in enumerate(corners):
        assert not any(abs(x - u) < 132 and abs(y - v) < 42 for u, v in corners[:place])

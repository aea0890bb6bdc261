"""The wait-for graph as a picture."""

from __future__ import annotations

from orchestra_nb.display.dashboard.waits import MOST, Wait, waits_svg
from orchestra_nb.display.picture.parts import CRITICAL

from ..judges import assert_harmless_svg
from ..payloads import PAYLOADS


def test_who_waits_stands_beside_what_is_waited_for_and_who_holds_it():
    drawn = waits_svg([Wait("tune", "gpu", ("train",)), Wait("plot", "gpu", ("train",))])
    for text in ("tune", "plot", "gpu", "train", "waits", "is waited for", "holds it"):
        assert f">{text}</text>" in drawn
    assert CRITICAL not in drawn


def test_the_lines_of_a_circle_are_heavy():
    waits = [Wait("a", "gpu", ("b",)), Wait("b", "db", ("a",)), Wait("c", "db", ("a",))]
    drawn = waits_svg(waits, (("a", "gpu", "b"), ("b", "db", "a")))
    heavy = drawn.count(f'stroke="{CRITICAL}"')
    assert heavy == waits_svg(waits[:2], (("a", "gpu", "b"), ("b", "db", "a"))).count(f'stroke="{CRITICAL}"') > 0


def test_many_waits_are_drawn_in_part_and_hostile_names_are_texts():
    assert waits_svg([Wait(f"o{i}", "db", ()) for i in range(500)]).count(">waits</text>") == MOST
    for i in range(0, len(PAYLOADS), MOST):
        assert_harmless_svg(waits_svg([Wait(text, text, (text,)) for text in PAYLOADS[i : i + MOST]]))

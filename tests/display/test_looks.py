from __future__ import annotations

from itertools import combinations

import pytest

from orchestra_nb.display.looks import ENDED, LOOKS, WORST, tally, worst
from orchestra_nb.display.picture.painting import _INK
from orchestra_nb.display.picture.parts import CRITICAL, LINES
from orchestra_nb.replay.fold import STATES

Colour = tuple[float, float, float]

# What is left of a linear colour for those who lack a cone: Machado, Oliveira and Fernandes (2009), severity 1.
SIGHTS = {
    "full": ((1.0, 0.0, 0.0), (0.0, 1.0, 0.0), (0.0, 0.0, 1.0)),
    "protanopia": (
        (0.152286, 1.052583, -0.204868),
        (0.114503, 0.786281, 0.099216),
        (-0.003882, -0.048116, 1.051998),
    ),
    "deuteranopia": (
        (0.367322, 0.860646, -0.227968),
        (0.280085, 0.672501, 0.047413),
        (-0.011820, 0.042940, 0.968881),
    ),
}


def linear(colour: str) -> Colour:
    parts = (int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5))
    red, green, blue = (part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return red, green, blue


def lab(colour: Colour) -> Colour:
    """The colour in CIELAB, where a distance of about 2.3 can just be seen."""
    red, green, blue = (min(1.0, max(0.0, part)) for part in colour)
    x = (0.4124564 * red + 0.3575761 * green + 0.1804375 * blue) / 0.95047
    y = 0.2126729 * red + 0.7151522 * green + 0.0721750 * blue
    z = (0.0193339 * red + 0.1191920 * green + 0.9503041 * blue) / 1.08883

    def root(part: float) -> float:
        return part ** (1 / 3) if part > 0.008856 else 7.787 * part + 16 / 116

    return 116 * root(y) - 16, 500 * (root(x) - root(y)), 200 * (root(y) - root(z))


def distance(one: str, other: str, sight: str) -> float:
    seen = []
    for colour in (one, other):
        parts = linear(colour)
        red, green, blue = (sum(a * b for a, b in zip(row, parts, strict=True)) for row in SIGHTS[sight])
        seen.append(lab((red, green, blue)))
    return sum((a - b) ** 2 for a, b in zip(*seen, strict=True)) ** 0.5


def contrast(one: str, other: str) -> float:
    light = sorted(0.2126 * red + 0.7152 * green + 0.0722 * blue for red, green, blue in map(linear, (one, other)))
    return (light[1] + 0.05) / (light[0] + 0.05)


def test_black_and_white_are_as_far_apart_as_can_be():
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert distance("#000000", "#ffffff", "full") == pytest.approx(100, abs=0.1)
    assert distance("#d55e00", "#7f9e00", "deuteranopia") < distance("#d55e00", "#7f9e00", "full") / 2


def test_every_state_has_a_look_and_a_mark_of_its_own():
    assert set(LOOKS) == {"", *STATES}
    assert len({look.mark for look in LOOKS.values()}) == len(LOOKS)
    assert set(WORST) == set(STATES)
    assert set(WORST) > ENDED


@pytest.mark.parametrize("sight", SIGHTS)
@pytest.mark.parametrize("pair", list(combinations(STATES, 2)), ids="-".join)
def test_fills_of_two_states_are_told_apart(pair, sight):
    one, other = (LOOKS[state] for state in pair)
    assert distance(one.fill, other.fill, sight) > 9


def test_cached_and_skipped_differ_in_all_that_they_have():
    cached, skipped = LOOKS["cached"], LOOKS["skipped"]
    assert all(distance(cached.fill, skipped.fill, sight) > 20 for sight in SIGHTS)
    assert all(distance(cached.border, skipped.border, sight) > 20 for sight in SIGHTS)
    assert (cached.dash, skipped.dash) == ("", "4,2")
    assert cached.mark != skipped.mark


@pytest.mark.parametrize("state", LOOKS)
def test_text_and_borders_have_contrast(state):
    look = LOOKS[state]
    assert contrast(_INK, look.fill) >= 7
    assert contrast(look.border, "#ffffff") >= 4.5
    assert contrast(CRITICAL, look.fill) >= 3


@pytest.mark.parametrize("kind", sorted(set(LINES) - {"order"}))
def test_lines_are_seen_on_white(kind):
    assert contrast(LINES[kind], "#ffffff") >= 3


@pytest.mark.parametrize(
    ("states", "shown"),
    [
        ([], ""),
        (["done", "cached"], "done"),
        (["done", "skipped"], "skipped"),
        (["done", "waiting", "skipped"], "waiting"),
        (["waiting", "queued", "running", "done"], "running"),
        (["running", "resting"], "resting"),
        (["running", "cancelled"], "cancelled"),
        (["cancelled", "failed"], "failed"),
    ],
)
def test_the_worst_state_is_the_one_to_look_at_first(states, shown):
    assert worst(states) == shown


def test_states_are_counted_in_the_order_of_a_life():
    assert tally(["failed", "done", "waiting", "done", ""]) == (("waiting", 1), ("done", 2), ("failed", 1))

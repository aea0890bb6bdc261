"""Parts that fit into so many bytes."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.display.dashboard.fitting import Part, fitted, weight


def part(share, *sizes):
    return Part(share, [lambda size=size: "x" * size for size in sizes])


def test_where_all_fits_the_best_is_taken_whatever_the_shares():
    assert len(fitted([part(0.1, 90, 5), part(0.9, 10)], 100)) == 100


def test_what_is_furthest_beyond_its_share_gives_way_first():
    assert fitted([part(0.5, 70, 1), part(0.5, 60, 2)], 100) == "x" * 61
    assert fitted([part(0.9, 70, 1), part(0.1, 60, 2)], 100) == "x" * 72
    assert fitted([part(0.5, 90, 1), part(0.5, 20, 2)], 100) == "x" * 21
    assert fitted([part(0.5, 90, 60, 1), part(0.5, 30, 2)], 100) == "x" * 90


def test_what_is_within_its_share_is_left_alone_and_what_cannot_shrink_stays():
    assert fitted([part(0.5, 90), part(0.5, 20, 2)], 100) == "x" * 110


def test_bytes_count_and_not_characters():
    assert weight("漢") == 3
    assert fitted([Part(0.5, [lambda: "漢" * 20, lambda: "cut"])], 30) == "cut"


@given(
    st.lists(
        st.tuples(st.lists(st.integers(0, 400), min_size=1, max_size=5), st.integers(0, 40)), min_size=1, max_size=8
    )
)
def test_what_has_a_small_version_always_fits(given_parts):
    most = 400
    parts = [part(1 / len(given_parts), *sizes, min(least, most // len(given_parts))) for sizes, least in given_parts]
    assert len(fitted(parts, most)) <= most

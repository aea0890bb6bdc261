from __future__ import annotations

import io
import sys
import warnings
from itertools import combinations

import matplotlib as mpl
import pytest

from orchestra_nb.display.plots.figure import COLUMN, SERIES, drawable, figure, figure_html, figure_svg, named, series
from orchestra_nb.errors import ConfigError

from ..judges import assert_harmless_html, assert_harmless_svg
from ..payloads import PAYLOADS
from ..test_looks import SIGHTS, contrast, distance


def of_names(names):
    """A figure with bars, lines, error bars, markers and a legend, all of whose texts are given."""
    with figure(COLUMN, 2.4, names[0]) as made:
        axes = made.add_subplot()
        axes.bar(range(len(names)), range(len(names)), label=named(names[0]))
        for number, name in enumerate(names[:8]):
            look = series(number)
            marked = {"marker": look.marker, "markerfacecolor": look.fill, "color": look.line, "label": named(name)}
            axes.errorbar([0, 1], [number, 2], yerr=[0.1, 0.2], **marked)
        axes.set_xticks(range(len(names)), [named(name) for name in names])
        axes.set_title(named(names[-1]))
        axes.legend()
    return made


def test_a_figure_becomes_a_harmless_picture_whatever_its_names():
    made = of_names(PAYLOADS[::4])
    assert_harmless_svg(figure_svg(made))
    shown = assert_harmless_html(figure_html(made))
    assert ("alt", PAYLOADS[0]) in shown.attributes


def test_the_same_numbers_make_the_same_bytes_in_every_form():
    for kind in ("svg", "pdf", "png"):
        written = []
        for _ in range(2):
            stream = io.BytesIO()
            of_names(["a", "$c$"]).savefig(stream, format=kind)
            written.append(stream.getvalue())
        assert written[0] == written[1]
    assert figure_svg(of_names(["a"])) == figure_svg(of_names(["a"]))


def test_names_are_no_formulae():
    assert ">$\\alpha$ costs $2<" in figure_svg(of_names(["$\\alpha$ costs $2"]))


def test_what_stands_in_two_places_is_drawn_in_both():
    with figure() as made:
        made.add_subplot().plot([0, 1, 2], marker="o", color="#123456", linestyle="none")
    assert figure_svg(made).count('stroke="#123456"') == 3


def test_a_character_that_the_font_lacks_is_no_warning():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        made = of_names(["漢字", "\U0001f600"])
        assert "漢字" in figure_svg(made)
        made.savefig(io.BytesIO(), format="png")


def test_the_users_own_style_is_theirs_again():
    before = dict(mpl.rcParams)
    with mpl.rc_context({"lines.linewidth": 7.0, "text.usetex": True}):
        figure_svg(of_names(["a"]))
        assert mpl.rcParams["lines.linewidth"] == 7.0
    assert dict(mpl.rcParams) == before
    assert "matplotlib.pyplot" not in sys.modules or mpl.rcParams["backend"] == before["backend"]


def test_a_figure_shows_itself():
    bundle = of_names(["one"])._repr_mimebundle_()
    assert (set(bundle), bundle["text/plain"]) == ({"text/plain", "text/html"}, "<figure: one>")


@pytest.mark.parametrize("pair", list(combinations(SERIES[:6], 2)), ids=lambda pair: pair[0].marker + pair[1].marker)
def test_the_first_six_series_are_told_apart_by_colour_and_all_by_their_markers(pair):
    one, other = pair
    assert all(distance(one.fill, other.fill, sight) > 15 for sight in SIGHTS)
    assert len({look.marker for look in SERIES}) == len(SERIES)


@pytest.mark.parametrize("look", SERIES, ids=lambda look: look.marker)
def test_lines_are_seen_on_white(look):
    assert contrast(look.line, "#ffffff") >= 4.5


def test_without_matplotlib_the_error_says_how_to_get_it(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib", None)
    monkeypatch.delitem(sys.modules, "orchestra_nb.display.plots.paper", raising=False)
    monkeypatch.setitem(drawable.__globals__, "find_spec", lambda name: None)
    with pytest.raises(ConfigError, match=r"pip install 'orchestra_nb\[plots\]'"), figure():
        pass

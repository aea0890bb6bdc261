"""Libraries by small cells: exactly the pairs that must keep their order."""

from __future__ import annotations

import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.effects import frames
from orchestra_nb.cells.inference import infer


def pairs(*cells: str) -> str:
    found = infer([Cell(number + 1, source) for number, source in enumerate(cells)])
    return " ".join(sorted({f"{e.source[5:]}>{e.target[5:]}" for e in found.edges}))


FRAME = "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': [3, 4]})"
LOGGING = "import logging\nlogging.basicConfig(level=logging.INFO{0})\nlog = logging.getLogger('a')"


@pytest.mark.parametrize(
    ("expected", "cells"),
    [
        ("1>2 1>4 2>3", (FRAME, "s = df[df.a > 1]", "s['z'] = 1", "print(df)")),
        ("1>2 1>4 2>3", (FRAME, "s = df[['a']]", "s['z'] = 1", "print(df)")),
        ("1>2 1>3 2>3 2>4", (FRAME, "n = df.shape", "df['z'] = 1", "print(n)")),
        ("1>2 1>3 2>3 2>4 3>4", (FRAME, "x = df['a'].values", "df.iloc[0, 0] = 9", "print(x)")),
        ("1>2 1>4 2>4", (LOGGING.format(""), "log.info('x')", "y = sum([1])", "log.info('y')")),
        ("1>2 2>3 2>4", (LOGGING.format(", filename='l'"), "log.info('x')", "y = 1", "print(open('l').read())")),
        (
            "1>2 1>3 1>4 2>3 3>4",
            ("import numpy, logging", "numpy.ones(1)", "logging.disable(9)", "numpy.ones(2)"),
        ),
        ("1>2 1>3 2>3", ("import requests", "requests.post('u')", "requests.get('u')", "x = 1")),
        ("1>2 2>3", ("import httpx", "c = httpx.Client()", "c.get('u')")),
    ],
)
def test_exactly_these_pairs_keep_their_order(expected: str, cells: tuple[str, ...]) -> None:
    assert pairs(*cells) == expected


def test_before_pandas_3_a_selection_may_be_a_view(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(frames, "copies_on_write", lambda: False)
    assert "3>4" in pairs(FRAME, "s = df['a']", "s.iloc[0] = 1", "print(df)")
    assert "3>4" in pairs(FRAME, "s = df.head()", "s.iloc[0, 0] = 1", "print(df)")

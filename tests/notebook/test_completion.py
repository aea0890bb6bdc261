from __future__ import annotations

import pytest

from orchestra_nb.notebook.completion import suggestions

TABLE = [
    ("%orchestrate", []),
    ("%orchestrate le", ["levels"]),
    ("%orchestrate run --keep", ["--keep-going"]),
    ("%orchestrate run --backend lo", ["loky"]),
    ("%orchestrate run --backend ", ["threading", "loky", "sequential", "multiprocessing", "async", "inherit"]),
    ("%orchestrate run --policy f", ["fifo"]),
    ("%orchestrate why lo", ["load"]),
    ("%orchestrate why load ", ["load", "train"]),
    ("%orchestrate --h", ["--help"]),
    ("%orchestrate nonsense --", ["--help"]),
    ("%%orchestrate x --prio", ["--priority"]),
    ("%%orchestrate x --after tr", ["train"]),
    ("%%orchestrate x --backend th", ["threading"]),
]


@pytest.mark.parametrize(("line", "expected"), TABLE)
def test_the_end_of_a_line_may_become(line: str, expected: list[str]) -> None:
    _, found = suggestions(line, ["load", "train"])
    assert [text for text, _ in found] == expected

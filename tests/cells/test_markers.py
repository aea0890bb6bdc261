from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.markers import split_parts


def names(body: str) -> list[str] | None:
    parts = split_parts(body)
    return None if parts is None else [part.name for part in parts]


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("x = 1", None),
        ("", None),
        ("# %%%% no marker", None),
        ("x = 1  # %% not at the start", None),
        ("  # %% indented", None),
        ("# %% a\nx\n# %% b\ny", ["a", "b"]),
        ("#%% a\nx", ["a"]),
        ("# %%\nx", [""]),
        ("# %% load the data\nx", ["load the data"]),
        ("# a comment\n\n# %% a\nx", ["a"]),
        ("x = 1\n# %% a\ny", ["", "a"]),
        ("# %% a\nx\n# %% [markdown]\n# text\n# %% b\ny", ["a", "b"]),
        ("# %% Title [markdown] key=1\n# text\n# %% b\ny", ["b"]),
        ("# %% [markdown]\n# text", []),
        ('# %% a\ns = """\n# %% no\n"""\n# %% b\ny', ["a", "b"]),
        ("# %% a\ns = f'''\n# %% no {1}\n'''\n# %% b\ny", ["a", "b"]),
        ("# %% a\nx = [\n# %% no\n1]\n# %% b\ny", ["a", "b"]),
        ("# %% a\n!echo (\n# %% b\ny", ["a", "b"]),
        ("# %% a\n%timeit '''\n# %% b\ny", ["a", "b"]),
        ("# %% a\n!echo it's\n# %% b\ny", ["a", "b"]),
        ("# %% a\n!echo it's\ns = '''\n# %% no\n'''\n# %% b\ny", ["a", "b"]),
        ("# %% a\ns = '''\n%'''\n# %% b\ny", ["a", "b"]),
        ("# %% a\nif x:\n    y\n  z\n# %% b\ny", ["a", "b"]),
        ("# %% a\nx = 'open\n# %% b\ny", ["a", "b"]),
        ("# %% a\r\nx\r\n# %% b\r\ny", ["a", "b"]),
    ],
)
def test_a_body_is_split_where_python_sees_a_marker(body: str, expected: list[str] | None) -> None:
    assert names(body) == expected


def test_settings_stand_behind_the_name() -> None:
    (part,) = split_parts("# %% train after=load,clean phase='model building' timeout=3 cache=true\ny = x") or ()
    assert part.place.values == {
        "name": "train",
        "after": "load,clean",
        "phase": "model building",
        "timeout": 3.0,
        "cache": True,
    }
    assert part.issues == ()


def test_lines_are_those_of_the_jupyter_cell() -> None:
    parts = split_parts("import x\n# %% a\ny\n\n# %% b cost=1\nz", "cell 3", first_line=2)
    assert parts is not None
    assert [(part.first_line, part.source) for part in parts] == [(2, "import x"), (4, "y\n"), (7, "z")]
    assert parts[2].place.where("cost") == "cell 3, line 6"


@pytest.mark.parametrize(
    ("marker", "text"),
    [
        ("# %% a 'open", "has an open quote"),
        ("# %% a after=x after=y", "gives 'after' twice"),
        ("# %% a name=b", "has two names, 'a' and 'b'"),
        ("# %% a after load", "write after=…"),
    ],
)
def test_a_faulty_marker_is_an_error_with_its_line(marker: str, text: str) -> None:
    parts = split_parts(f"# %% ok\nx\n{marker}\ny", "cell 2", 2)
    assert parts is not None
    (issue,) = parts[1].issues
    assert (issue.code, issue.path) == ("bad-marker", "cell 2, line 4")
    assert text in str(issue)


SOURCE = st.text(st.sampled_from("abc =1\n()'#\"%"), max_size=60)


@given(SOURCE, st.integers(1, 5))
def test_every_line_below_the_first_marker_is_in_one_part_at_its_own_number(body: str, first: int) -> None:
    lines = body.split("\n")
    for part in split_parts(body, first_line=first) or ():
        begin = part.first_line - first
        assert part.source.split("\n") == lines[begin : begin + part.source.count("\n") + 1] or not part.source

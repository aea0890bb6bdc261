from __future__ import annotations

from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.directives import read_directives
from orchestra_nb.yaml_text import MAX_BYTES, YamlFault, read_mapping


@pytest.mark.parametrize(
    ("source", "values"),
    [
        ("x = 1", {}),
        ("", {}),
        ("#| name: load\nx = 1", {"name": "load"}),
        ("#| orchestrate: {name: load, after: [a, b]}", {"name": "load", "after": ["a", "b"]}),
        ("#| orchestrate:\n#|   name: load\n#|   timeout: 3", {"name": "load", "timeout": 3}),
        ("#| orchestrate.after: a, b", {"after": "a, b"}),
        ("#|after: a", {"after": "a"}),
        ("#| after:\n#| - a\n#| - b", {"after": ["a", "b"]}),
        ("#| label: fig-plot\n#| fig-cap: A plot", {"label": "fig-plot"}),
        ("\n\n# a comment\n#| name: load\n# more\n#| after: a\nx", {"name": "load", "after": "a"}),
        ("%%orchestrate load\n#| after: a", {"after": "a"}),
        ("%%time\n#| after: a", {"after": "a"}),
        ("#| name: no\r\nx = 1\r\n", {"name": "no"}),
        ("x = 1\n#| name: load", {}),
        ("  #| name: load", {}),
    ],
)
def test_the_block_is_the_directive_lines_at_the_top(source: str, values: dict[str, Any]) -> None:
    found = read_directives(source)
    assert (found.place.values, found.issues) == (values, ())


@pytest.mark.parametrize(
    "source",
    [
        "#| echo: false",
        "#| eval: false",
        "#| output: asis\n#| warning: false",
        "#| fig-cap: 'A: b'\n#| fig-width: 3",
        "#| code-fold: true\n#| layout-ncol: 2\n#| tbl-cap: x",
        "#| export",
        "#|export",
        "#| export core.sub",
        "#| default_exp core",
        "#| hide\n#| eval: false",
        "#|",
        "#| # a YAML comment",
    ],
)
def test_what_quarto_and_nbdev_write_is_left_alone(source: str) -> None:
    found = read_directives(source)
    assert (found.place.values, found.issues) == ({}, ())


@pytest.mark.parametrize(
    ("source", "path", "text"),
    [
        ("#| aftr: load", "cell 3, line 1", "did you mean 'after'?"),
        ("\n#| echo: true\n#| nmae: load", "cell 3, line 3", "did you mean 'name'?"),
        ("#| after: [load", "cell 3, line 1", "is not YAML"),
        ("#| name: a\n#| name: b", "cell 3, line 2", "duplicate key"),
        ("#| name: a\n#| orchestrate.name: b", "cell 3, line 2", "'name' is given twice, on lines 1 and 2"),
        ("#| name: &a b\n#| after: *a", "cell 3, line 2", "alias"),
        ("#| name: !!python/object:os.system a", "cell 3, line 1", "is not YAML"),
        ("#| after load", "cell 3, line 1", "'after' without a colon"),
        ("#| what is this", "cell 3, line 1", "is not made of 'key: value' lines"),
        ("#| - a\n#| - b", "cell 3, line 1", "is not made of 'key: value' lines"),
        ("#| 3: a", "cell 3, line 1", "'3', which is not text"),
        ("#| name: a\n#|  after: b", "cell 3, line 2", "is not YAML"),
        ("#| orchestrate: true", "cell 3, line 1", "'orchestrate' is True, expected a mapping"),
        ("#| name: \x07", "cell 3, line 1", "is not YAML"),
        ("#| a: " + "[" * 30 + "]" * 30, "cell 3, line 1", "nested deeper than 20"),
        ("#| a: " + "x" * MAX_BYTES, "cell 3, line 1", "longer than 64 KB"),
    ],
)
def test_a_faulty_block_is_one_error_with_its_line(source: str, path: str, text: str) -> None:
    (issue,) = read_directives(source + "\nx = 1", "cell 3").issues
    assert (issue.path, issue.severity) == (path, "error")
    assert text in str(issue)


def test_an_unknown_key_that_is_near_none_of_ours_is_a_warning() -> None:
    (issue,) = read_directives("#| zzz-quux: 1", "cell 3").issues
    assert (issue.code, issue.severity, issue.path) == ("unknown-setting", "warning", "cell 3, line 1")


def test_an_unknown_key_under_orchestrate_is_left_for_the_check_that_makes_it_an_error() -> None:
    found = read_directives("#| orchestrate:\n#|   zzz: 1\n#|   retry: {atempts: 2}", "cell 3")
    assert found.place.where("zzz") == "cell 3, line 2"
    assert found.place.where("retry.atempts") == "cell 3, line 3"


def test_lines_are_counted_from_where_a_part_begins() -> None:
    found = read_directives("\n#| after: a\n#| aftr: b", "cell 3", first_line=10)
    assert found.place.where("after") == "cell 3, line 11"
    assert found.issues[0].path == "cell 3, line 12"
    assert read_directives("#| after: [", "", first_line=10).issues[0].path == "line 10"


@given(st.lists(st.text(max_size=12), max_size=5))
def test_no_text_makes_reading_raise(lines: list[str]) -> None:
    read_directives("\n".join(f"#| {line}" for line in lines))


@given(st.text(max_size=60))
def test_yaml_is_a_mapping_or_a_fault(text: str) -> None:
    with suppress(YamlFault):
        found = read_mapping(text)
        assert set(found.values) <= set(found.lines)


def test_an_alias_bomb_is_refused_before_it_is_built() -> None:
    bomb = "a: &a [x, x]\n" + "\n".join(f"{c}: &{c} [*{p}, *{p}]" for p, c in zip("abcdefgh", "bcdefghi", strict=True))
    with pytest.raises(YamlFault, match="alias"):
        read_mapping(bomb)

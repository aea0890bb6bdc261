"""Whatever is in a file, it is a graph or one clear error; and what was read can be written."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from orchestra_nb import ConfigError, DefinitionError
from orchestra_nb.taskgraphs import chain, graph_text, read_graph, write_graph
from orchestra_nb.taskgraphs import reading as limits

DATA = Path(__file__).parent / "data"
JSONS = [json.loads(each.read_text()) for each in sorted(DATA.glob("*.json"))]
TEXTS = [each.read_text() for each in sorted(DATA.iterdir()) if each.suffix != ".json"]
ODD = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=4), inner, max_size=2),
    max_leaves=4,
)
FORMATS = ("wfformat", "fabric", "json", "graphml", "stg")


def ways(data: Any) -> list[tuple[Any, ...]]:
    """All the places in a document."""
    inner = data.items() if isinstance(data, dict) else enumerate(data) if isinstance(data, list) else ()
    return [(), *((key, *way) for key, item in inner for way in ways(item))]


def changed(data: Any, way: tuple[Any, ...], value: Any) -> Any:
    if not way:
        return value
    made = dict(data) if isinstance(data, dict) else list(data)
    made[way[0]] = changed(data[way[0]], way[1:], value)
    return made


def read_and_written(text: str) -> None:
    try:
        dag = read_graph(text)
    except DefinitionError:
        return
    for format in FORMATS:
        try:
            again = graph_text(dag, format)
        except DefinitionError:
            assert not dag.nodes
        else:
            assert len(read_graph(again, format=format)) == len(dag)


@given(data=st.data(), document=st.sampled_from(JSONS), value=ODD)
@settings(max_examples=120, deadline=None)
def test_any_value_anywhere_is_taken_or_refused(data: st.DataObject, document: Any, value: Any) -> None:
    way = data.draw(st.sampled_from(ways(document)))
    read_and_written(" " + json.dumps(changed(document, way, value)) + "\n")


@given(text=st.sampled_from(TEXTS), at=st.integers(0, 400), length=st.integers(0, 12), put=st.text(max_size=6))
@example(TEXTS[0], 0, 12, "\n\n")
@settings(max_examples=80, deadline=None)
def test_any_change_of_a_text_is_taken_or_refused(text: str, at: int, length: int, put: str) -> None:
    read_and_written(text[:at] + put + text[at + length :] + "\n")


def test_what_is_too_long_is_refused_before_it_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MOST_BYTES", 100)
    (tmp_path / "a.json").write_text('{"nodes": [], "edges": []}' + " " * 100)
    for source in (tmp_path / "a.json", '{"nodes": [], "edges": []}' + " " * 100):
        with pytest.raises(DefinitionError, match="is longer than 0 MB; leave data out of it"):
            read_graph(source)


@pytest.mark.parametrize("source", [None, 5, True, [], b"a.stg"])
def test_what_is_no_path_is_refused(source: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="source must be the path of a file, or its text"):
        read_graph(source)
    with pytest.raises(ConfigError, match="path must be the path of a file"):
        write_graph(chain(2), source)


@pytest.mark.parametrize("format", [5, True, b"stg"])
def test_what_is_no_name_of_a_format_is_refused(format: Any, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no format is called"):
        read_graph("2\n0 0 0\n", format=format)
    with pytest.raises(ConfigError, match="no format is called"):
        write_graph(chain(2), tmp_path / "a.stg", format=format)


def test_what_never_ends_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.stg")
    for path in (tmp_path / "pipe.stg", "/dev/zero"):
        with pytest.raises(DefinitionError, match="is no ordinary file"):
            read_graph(path)


def test_the_folder_of_nobody_is_no_file() -> None:
    with pytest.raises(DefinitionError, match="there is no such file"):
        read_graph("~nobody-of-this-name/a.stg")


def test_a_number_of_thousands_of_digits_in_a_remark_names_nothing() -> None:
    text = "2\n0 0 0\n1 5 1 0\n2 3 1 1\n3 0 1 2\n# name " + "9" * 5000 + " x\n"
    assert list(read_graph(text).nodes) == ["1", "2"]

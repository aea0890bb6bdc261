"""Keys of results: which parts they have, what differs, and what is remembered of them."""

from __future__ import annotations

import pytest

from orchestra_nb.context.node_keys import NodeKey, read, remembered

CODE, ROWS = "its code", "its input 'rows'"


def key(**parts):
    return NodeKey({name.replace("_", " "): value for name, value in parts.items()})


def test_the_digest_is_that_of_the_parts_whatever_their_order():
    assert NodeKey({CODE: "a", ROWS: "b"}).digest == NodeKey({ROWS: "b", CODE: "a"}).digest
    assert len(NodeKey({CODE: "a"}).digest) == 64


@pytest.mark.parametrize(
    "other",
    [{CODE: "b"}, {}, {CODE: "a", ROWS: ""}, {ROWS: "a"}, {CODE + "a": ""}, {CODE: "a", "a": "a"}],
)
def test_another_part_or_another_content_is_another_digest(other):
    assert NodeKey(other).digest != NodeKey({CODE: "a"}).digest


def test_the_digest_is_the_same_in_every_process_and_version_of_the_scheme():
    assert NodeKey({CODE: "a", ROWS: "b"}).digest[:16] == "d47fd435be888694"


@pytest.mark.parametrize(
    ("earlier", "told"),
    [
        ([], "it was not kept before"),
        ([{"code": "x", "rows": "1"}], "code has changed"),
        ([{"code": "x", "rows": "2"}], "code and rows have changed"),
        ([{"code": "x", "rows": "2"}, {"code": "a", "rows": "2"}], "rows has changed"),
        ([{"code": "a"}], "rows has changed"),
        ([{"code": "a", "rows": "1", "numpy": "2"}], "numpy has changed"),
        ([{"code": "a", "rows": "1"}], "what was kept is there no longer"),
    ],
)
def test_a_miss_is_explained_by_the_nearest_earlier_key(earlier, told):
    assert NodeKey({"code": "a", "rows": "1"}).explained([NodeKey(parts) for parts in earlier]) == told


def test_the_last_keys_are_remembered_the_newest_first_and_each_once():
    text = ""
    for number in [*range(20), 15]:
        text = remembered(read(text), key(code=str(number)))
    assert [found.parts["code"] for found in read(text)] == ["15", "19", "18", "17", "16", "14", "13", "12"]


@pytest.mark.parametrize("text", [None, 1, "", "{", "[1]", '{"a": 1}', "[" * 100_000, b"[]"])
def test_what_is_no_list_of_keys_is_read_as_none(text):
    assert read(text) == []

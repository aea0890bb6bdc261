from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.merging import Place, from_text, merge
from orchestra_nb.cells.settings import KEYS, NodeSettings

VALUES = st.fixed_dictionaries(
    {},
    optional={
        "name": st.sampled_from(["a", "b"]),
        "after": st.lists(st.sampled_from(["x", "y"]), unique=True),
        "priority": st.integers(-5, 5),
        "cost": st.floats(0, 10),
        "cache": st.booleans() | st.floats(1, 10),
    },
)


@given(st.lists(VALUES, max_size=4))
def test_the_last_place_that_gives_a_key_wins(places: list[dict[str, Any]]) -> None:
    merged = merge([Place(values, f"place {number}") for number, values in enumerate(places)])
    expected: dict[str, Any] = {}
    origin: dict[str, str] = {}
    for number, values in enumerate(places):
        expected |= values
        origin |= dict.fromkeys(values, f"place {number}")
    assert merged.issues == ()
    assert merged.settings == NodeSettings.model_validate(expected)
    assert merged.places == origin


@given(
    st.dictionaries(
        st.text(max_size=8) | st.sampled_from([*KEYS, "label"]),
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    )
)
def test_whatever_is_written_gives_settings_and_one_issue_per_faulty_key(values: dict[str, Any]) -> None:
    lines = {key: number for number, key in enumerate(values, 1)}
    merged = merge([Place(values, "cell 1", lines)])
    assert isinstance(merged.settings, NodeSettings)
    right = set(merged.places.values())  # a name that a label gave stands in the label's line
    assert sorted([*right, *(issue.path for issue in merged.issues)]) == sorted(
        f"cell 1, line {n}" for n in lines.values()
    )


@pytest.mark.parametrize(
    ("places", "name"),
    [
        ([{"label": "fig"}], "fig"),
        ([{"name": "a"}, {"label": "fig"}], "a"),
        ([{"label": "fig", "name": "a"}], "a"),
        ([{}], None),
    ],
)
def test_a_label_names_a_node_that_has_no_name(places: list[dict[str, Any]], name: str | None) -> None:
    assert merge([Place(values) for values in places]).settings.name == name


@pytest.mark.parametrize(
    ("values", "message"),
    [
        ({"aftr": "x"}, "cell 3, line 2: unknown setting 'aftr'; did you mean 'after'?"),
        ({"timeout": "soon"}, "cell 3, line 2: 'timeout' is 'soon', expected a positive number of seconds"),
        ({"name": 3}, "cell 3, line 2: 'name' is 3, expected a name without commas"),
        ({"label": ""}, "cell 3, line 2: 'label' is '', expected a name without commas"),
        ({"retry": {"atempts": 3}}, "unknown setting 'retry.atempts'; did you mean 'retry.attempts'?"),
        ({"retry": {"attempts": "3"}}, "'retry.attempts' is '3', expected a whole number from 1"),
        ({"retry": {"initial_delay": 5, "max_delay": 1}}, "'retry' has max_delay 1 below its initial_delay 5"),
        ({"breaker": {"threshold": 3}}, "'breaker.name' is missing, expected a circuit's name"),
        ({"cache": "x" * 100}, "'cache' is 'xxxxx"),
    ],
)
def test_a_fault_names_its_place_its_key_and_the_way_out(values: dict[str, Any], message: str) -> None:
    merged = merge([Place(values, "cell 3", dict.fromkeys(values, 2))])
    (issue,) = merged.issues
    assert message in str(issue)
    assert str(issue).startswith("cell 3, line 2: ")
    assert len(str(issue)) < 250


def test_all_faults_are_found_and_the_right_keys_are_kept() -> None:
    merged = merge([Place({"after": 1, "cost": -1, "priority": 2}), Place({"nmae": "x"}, lines={"nmae": 4})])
    assert [(issue.code, issue.path) for issue in merged.issues] == [
        ("bad-setting", ""),
        ("bad-setting", ""),
        ("unknown-setting", "line 4"),
    ]
    assert merged.settings == NodeSettings(priority=2)


@pytest.mark.parametrize(
    ("key", "text", "value"),
    [
        ("priority", "3", 3),
        ("priority", "high", "high"),
        ("cost", "1e-1", 0.1),
        ("retry", "2", 2),
        ("cache", "False", False),
        ("cache", "60", 60.0),
        ("cache", "perhaps", "perhaps"),
        ("name", "3", "3"),
    ],
)
def test_text_gets_the_type_of_its_key(key: str, text: str, value: object) -> None:
    (read,) = from_text({key: text}).values()
    assert (read, type(read)) == (value, type(value))


def test_the_keys_are_those_of_the_contract() -> None:
    keys = "name after reads writes mutates uses priority cost timeout retry breaker cache when undo phase backend"
    assert set(KEYS) == set(keys.split())

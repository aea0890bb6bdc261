from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from orchestra_nb.cells.settings import EXPECTED, KEYS, NESTED, BreakerSettings, NodeSettings, RetrySettings

RIGHT: list[tuple[str, Any, Any]] = [
    ("name", "load data", "load data"),
    ("after", "a, b,a", ("a", "b")),
    ("after", ["a", "b"], ("a", "b")),
    ("after", "", ()),
    ("reads", "df", ("df",)),
    ("writes", [], ()),
    ("uses", "db, gpu:2", ("db", "gpu:2")),
    ("uses", {"llm-tokens": 1200, "db": 1}, ("llm-tokens:1200", "db:1")),
    ("priority", -3, -3),
    ("cost", 0, 0.0),
    ("timeout", 1.5, 1.5),
    ("retry", 3, 3),
    ("retry", {"attempts": 2, "on": "OSError, ValueError"}, RetrySettings(attempts=2, on=("OSError", "ValueError"))),
    ("retry", {"jitter": True}, RetrySettings(jitter=True)),
    ("breaker", "db", "db"),
    ("breaker", {"name": "db", "threshold": 2, "rest": 5}, BreakerSettings(name="db", threshold=2, rest=5.0)),
    ("cache", True, True),
    ("cache", 60, 60.0),
    ("when", "x > 1", "x > 1"),
    ("backend", "loky", "loky"),
]
WRONG: list[tuple[str, Any]] = [
    ("name", ""),
    ("name", "a,b"),
    ("name", " a"),
    ("name", 3),
    ("after", 3),
    ("after", [1]),
    ("after", [["a"]]),
    ("uses", "gpu:0"),
    ("uses", {"gpu": 0}),
    ("uses", {"gpu": 1.5}),
    ("uses", "gpu:two"),
    ("priority", 1.5),
    ("priority", True),
    ("cost", -1),
    ("cost", float("inf")),
    ("timeout", 0),
    ("timeout", "30"),
    ("timeout", True),
    ("retry", 0),
    ("retry", True),
    ("retry", {"attempts": 0}),
    ("retry", {"jitter": 2}),
    ("breaker", {"threshold": 2}),
    ("cache", "yes"),
    ("cache", 0),
    ("when", ""),
]


@pytest.mark.parametrize(("key", "written", "read"), RIGHT)
def test_a_right_value_is_read(key: str, written: Any, read: Any) -> None:
    assert getattr(NodeSettings.model_validate({key: written}), key) == read


@pytest.mark.parametrize(("key", "written"), WRONG)
def test_a_wrong_value_is_refused(key: str, written: Any) -> None:
    with pytest.raises(ValidationError):
        NodeSettings.model_validate({key: written})


def test_settings_cannot_be_changed() -> None:
    with pytest.raises(ValidationError):
        NodeSettings().name = "a"


def test_every_key_says_what_it_expects() -> None:
    nested = {f"{key}.{name}" for key, model in NESTED.items() for name in model.model_fields}
    assert set(EXPECTED) == {*KEYS, "label", *nested}

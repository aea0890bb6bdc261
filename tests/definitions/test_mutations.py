"""Definitions that something happened to: whatever it was, there is a DAG or one clear error."""

from __future__ import annotations

import copy
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.definitions.loading import load_command
from orchestra_nb.errors import DefinitionError
from orchestra_nb.graph.dag import DAG

from .examples import MARKDOWN, RELEASE, YAML

REAL = Path(__file__).parents[3] / "shared" / "data" / "review-all.json"
ODD: list[Any] = [
    *(
        None,
        True,
        0,
        -1,
        1e308,
        2**70,
        float("inf"),
        float("nan"),
        "",
        " ",
        "x" * 5000,
        "\x00",
        "\u202e",
        "a-b",
        "$",
        "_",
    ),
    *([], {}, [None], [[]], {"": 1}, {"key": {}}, ["publish"], "publish", "context.risk", "1 ===", "a.b.c.d > 1"),
    *({"condition": "x"}, "\u202e", "_"),
]


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every container in a value with each of its keys."""
    todo = [value]
    while todo:
        item = todo.pop()
        if isinstance(item, dict | list):
            for key in list(item) if isinstance(item, dict) else range(len(item)):
                yield item, key
                todo.append(item[key])


def mutated(original: Any, rng: random.Random) -> Any:
    """A copy with one to five things wrong."""
    copied = copy.deepcopy(original)
    for _ in range(rng.randint(1, 5)):
        spots = list(places(copied))
        if not spots:
            break
        holder, key = rng.choice(spots)
        other_holder, other_key = rng.choice(spots)
        kind = rng.randrange(6)
        if kind == 0:
            del holder[key]
        elif kind == 1:
            holder[key] = copy.deepcopy(rng.choice(ODD))
        elif kind == 2 and isinstance(holder, dict):
            name = str(key)
            at = rng.randrange(len(name) + 1)
            holder[name[:at] + rng.choice("xA_ -") + name[at + 1 :]] = holder.pop(key)
        elif kind == 3:
            holder[key] = copy.deepcopy(other_holder[other_key]) if other_key in _keys(other_holder) else None
        elif kind == 4 and isinstance(holder, list):
            holder.append(copy.deepcopy(holder[key]))
        else:
            holder[key] = [holder[key]] if rng.random() < 0.5 else {"key": holder[key]}
    return copied


def _keys(holder: Any) -> Any:
    return holder if isinstance(holder, dict) else range(len(holder))


def originals() -> list[Any]:
    found = [RELEASE, {"phases": [{"agents": [{"id": "a", "outputs": ["v"]}, {"id": "b", "dependencies": ["a"]}]}]}]
    return [*found, json.loads(REAL.read_text(encoding="utf-8"))] if REAL.exists() else found


def outcome(source: Any) -> DAG | DefinitionError:
    try:
        return load_command(source).dag
    except DefinitionError as error:
        return error


def is_clear(error: DefinitionError) -> bool:
    told = all(issue.code and issue.message for issue in error.issues)
    return told and any(issue.severity == "error" for issue in error.issues)


@pytest.mark.parametrize("part", range(10))
def test_a_mutated_definition_is_a_dag_or_a_clear_error(part: int) -> None:
    rng, kinds = random.Random(part), originals()
    found = [outcome(mutated(kinds[number % len(kinds)], rng)) for number in range(1000)]
    assert all(isinstance(item, DAG) or is_clear(item) for item in found)
    assert sum(isinstance(item, DAG) for item in found) > 20, "some mutations harm nobody"


def scrambled(text: str, letters: str, rng: random.Random) -> str:
    found = list(text)
    for _ in range(rng.randint(1, 6)):
        found[rng.randrange(len(found))] = rng.choice(letters)
    return "".join(found)


@pytest.mark.parametrize(
    ("name", "text", "letters"),
    [
        ("a.json", json.dumps(RELEASE, indent=1), '{}[]",:\n\t#\\\x00é x0'),
        ("a.yaml", YAML, '{}[]",:\n\t#&*!|>%@\\\x00é x0'),
        ("a.md", MARKDOWN, "#-*`:\n ~[]{}"),
    ],
)
def test_a_scrambled_file_is_a_dag_or_a_clear_error(tmp_path: Path, name: str, text: str, letters: str) -> None:
    rng, path = random.Random(7), tmp_path / name
    for _ in range(250):
        path.write_text(scrambled(text, letters, rng), encoding="utf-8")
        found = outcome(path)
        assert isinstance(found, DAG) or is_clear(found)

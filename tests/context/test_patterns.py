"""Patterns against brute force, and those that would take for ever."""

from __future__ import annotations

import random
import re
import time
from fnmatch import fnmatchcase
from typing import Any

import pytest

from orchestra_nb import CacheError, ContextManager
from orchestra_nb.context import patterns
from orchestra_nb.context.patterns import matching, ways

ALPHABET = "ab:*?[]!-.\\^$\n"
EVIL = [
    "(a+)+$",
    "(a*)*b",
    "(a|a)*b",
    "(a|ab|b)*c",
    "(?:a?){40}a{40}",
    "((a+)(b*))+c",
    "(.*)(.*)(.*)(.*)(.*)(.*)x",
    "(?=(a+)+b)a",
    "(a{1,20}){1,20}b",
    "^(([a-z])+.)+[A-Z]([a-z])+$",
    "(?:(?:a|b)+|c)*d",
]
HARMLESS = [
    "user:", r"^user:\d+$", "a*b*c", "(user|group):[0-9]+$", "(foo|bar)*", "(?i)USER", r"(\w+):(\d+)", "a{2,5}",
    "(?<=:)1", r"(a)\1", "", "^$", "(?>a+)b", "a++b", "[^:]+:", "(?x) a  b # text",
]  # fmt: skip


def words(draw: random.Random, alphabet: str, count: int, longest: int) -> list[str]:
    return ["".join(draw.choices(alphabet, k=draw.randint(1, longest))) for _ in range(count)]


def test_ten_thousand_random_globs_mean_what_brute_force_says() -> None:
    draw = random.Random(5)
    keys = words(draw, ALPHABET, 30, 6)
    for glob in words(draw, ALPHABET, 10_000, 6):
        assert matching(glob, keys) == [key for key in keys if fnmatchcase(key, glob)], glob


@pytest.mark.parametrize("text", HARMLESS)
def test_harmless_expressions_are_searched_for(text: str) -> None:
    draw = random.Random(text)
    keys = ["user:1", "group:22", "foobar", "aabbc", "a b", *words(draw, "ab:1", 50, 8)]
    pattern = re.compile(text)
    assert matching(pattern, keys) == [key for key in keys if pattern.search(key)]


@pytest.mark.parametrize("text", EVIL)
def test_expressions_that_could_take_for_ever_are_refused_before_anything_changes(text: str) -> None:
    cache = ContextManager()
    cache.set("a" * 60, 1)
    cache.set("b", 2)
    with pytest.raises(CacheError, match=r"may try more than .* give a glob"):
        cache.invalidate_pattern(re.compile(text))
    assert cache.get_metrics().entries == 2


@pytest.mark.parametrize("text", [text for text in EVIL if text[0] != "^"])
def test_the_same_expressions_are_run_where_keys_are_short(text: str) -> None:
    assert isinstance(matching(re.compile(text), ["a", "b"]), list)


def steps(pattern: list[Any], text: str) -> int:
    """How many ways a small expression really has to match from the beginning of a text, counted by trying them."""
    if not pattern:
        return 1
    (kind, inner), rest = pattern[0], pattern[1:]
    if kind == "letter":
        return steps(rest, text[1:]) if text[:1] == inner else 0
    if kind == "either":
        return sum(steps([*each, *rest], text) for each in inner)
    total = steps(rest, text)
    for cut in range(1, len(text) + 1):
        whole = steps_exactly(inner, text[:cut])
        if whole:
            total += whole * steps([(kind, inner), *rest], text[cut:])
    return total


def steps_exactly(pattern: list[Any], text: str) -> int:
    return steps([*pattern, ("letter", "$")], text + "$")


def written(pattern: list[Any]) -> str:
    texts = {
        "letter": lambda inner: inner,
        "either": lambda inner: f"(?:{'|'.join(map(written, inner))})",
        "many": lambda inner: f"(?:{written(inner)})*",
    }
    return "".join(texts[kind](inner) for kind, inner in pattern)


def drawn(draw: random.Random, depth: int) -> list[Any]:
    made: list[Any] = []
    for _ in range(draw.randint(1, 3)):
        kind = draw.choice(("letter", "letter", "either", "many")) if depth else "letter"
        if kind == "letter":
            made.append((kind, draw.choice("ab")))
        elif kind == "either":
            made.append((kind, [drawn(draw, depth - 1) for _ in range(draw.randint(2, 3))]))
        else:
            made.append((kind, drawn(draw, depth - 1)))
    return made


def test_the_bound_is_never_below_the_ways_that_there_are() -> None:
    draw, ambiguous = random.Random(3), 0
    for _ in range(600):
        pattern = drawn(draw, 2)
        text = "".join(draw.choices("ab", k=draw.randint(0, 6)))
        real = steps(pattern, text)
        ambiguous += real > 1
        assert ways(re.compile(written(pattern)), len(text)) >= real, (written(pattern), text)
    assert ambiguous > 50


def test_all_keys_together_have_so_much_time(monkeypatch: pytest.MonkeyPatch) -> None:
    now = iter(range(100))
    monkeypatch.setattr(patterns.time, "thread_time", lambda: next(now) * 0.05)
    with pytest.raises(CacheError, match="takes too long on 10 keys"):
        matching(re.compile("a"), ["a"] * 10)
    assert time.thread_time is not None


BAD = [5, None, b"a*", ["a*"], re.compile(b"a"), "x" * 10_001, re.compile("x" * 10_001)]


@pytest.mark.parametrize("place", range(len(BAD)))
def test_what_is_no_pattern_is_refused(place: int) -> None:
    cache = ContextManager()
    cache.set("a", 1)
    with pytest.raises(CacheError):
        cache.invalidate_pattern(BAD[place])  # type: ignore[arg-type]
    assert "a" in cache


def test_a_function_is_asked_about_each_key_without_a_lock() -> None:
    cache = ContextManager()
    for key in ("a", "b", "c"):
        cache.set(key, key)
    assert cache.invalidate_pattern(lambda key: cache.get(key) in ("a", "b")) == 2
    with pytest.raises(ZeroDivisionError):
        cache.invalidate_pattern(lambda key: 1 // 0)
    assert cache.keys() == ["c"]

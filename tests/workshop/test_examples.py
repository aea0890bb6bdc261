"""Every public docstring shows by an example what it is for; pytest runs them as it collects the package."""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator
from functools import cached_property
from inspect import isclass, isfunction
from pathlib import Path
from types import ModuleType

import pytest

import orchestra_nb

FRONTS = ("orchestra_nb", "orchestra_nb.bench", "orchestra_nb.labs", "orchestra_nb.taskgraphs")
SOURCES = Path(orchestra_nb.__file__).parent


def public(front: str) -> Iterator[tuple[str, object]]:
    """The classes and functions that a module names in ``__all__``, by their place."""
    module = importlib.import_module(front)
    for name in module.__all__:
        found = getattr(module, name)
        if isclass(found) or isfunction(found):
            yield f"{front}.{name}", found


def members(cls: type) -> Iterator[tuple[str, object]]:
    """What is public in a class and in those of ours that it inherits from, each where it is defined."""
    for owner in cls.__mro__:
        if owner.__module__.partition(".")[0] != "orchestra_nb":
            continue
        for name, found in vars(owner).items():
            plain = getattr(found, "__func__", found)  # of a class method or a static one
            if not name.startswith("_") and (isfunction(plain) or isinstance(plain, property | cached_property)):
                yield f"{owner.__module__}.{owner.__qualname__}.{name}", plain


def without_example(place: str, found: object) -> Iterator[str]:
    told = vars(found).get("__doc__") if isclass(found) else found.__doc__  # a class may not borrow its parent's
    if ">>>" not in (told or ""):
        yield place
    if isclass(found):
        for where, member in members(found):
            yield from without_example(where, member)


@pytest.mark.parametrize("front", FRONTS)
def test_every_public_docstring_has_an_example(front: str) -> None:
    missing = {where for place, found in public(front) for where in without_example(place, found)}
    assert sorted(missing) == []


@pytest.fixture
def reference(root: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ModuleType]:
    monkeypatch.syspath_prepend(str(root / "tools"))
    yield importlib.import_module("reference")
    sys.modules.pop("reference", None)


def test_so_has_every_record_of_the_reference(reference: ModuleType) -> None:
    missing = set()
    for place in (f"orchestra_nb.{name}" for group in reference.GROUPS for name in group.records):
        module, _, name = place.rpartition(".")
        missing.update(without_example(place, getattr(importlib.import_module(module), name)))
    assert sorted(missing) == []


def test_no_example_is_passed_over() -> None:
    skipping = [file for file in SOURCES.rglob("*.py") if "doctest: +SKIP" in file.read_text(encoding="utf-8")]
    assert skipping == []


class _Parent:
    def inherited(self) -> None:
        """Say nothing by example."""


class _Child(_Parent):
    """A class without an example."""

    @property
    def shown(self) -> int:
        """Give seven.

        >>> 7
        7
        """
        return 7

    @classmethod
    def bare(cls) -> None: ...

    @staticmethod
    def plain() -> None:
        """Say nothing by example."""


def test_what_has_none_is_named_where_it_is_defined(monkeypatch: pytest.MonkeyPatch) -> None:
    for cls in (_Parent, _Child):
        monkeypatch.setattr(cls, "__module__", "orchestra_nb.made_up")
    assert list(without_example("front._Child", _Child)) == [
        "front._Child",
        "orchestra_nb.made_up._Child.bare",
        "orchestra_nb.made_up._Child.plain",
        "orchestra_nb.made_up._Parent.inherited",
    ]

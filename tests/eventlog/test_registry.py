"""The registry of events, against the package itself."""

from __future__ import annotations

import importlib
import pkgutil
from dataclasses import fields

import orchestra_nb
from orchestra_nb.bus import Event
from orchestra_nb.eventlog.registry import EVENTS, NAMESPACES, UnknownEvent

NOT_HERE = ("orchestra_nb.__main__",)
"""Modules that do something when they are imported."""


def everything_below(kind):
    return {each for direct in kind.__subclasses__() for each in (direct, *everything_below(direct))}


def called(kind):
    """By name, because a class with slots is a second one, and the first lives on."""
    return f"{kind.__module__}.{kind.__qualname__}"


def test_every_event_of_the_package_is_known_by_its_name():
    for module in pkgutil.walk_packages(orchestra_nb.__path__, "orchestra_nb."):
        if module.name not in NOT_HERE and "ray" not in module.name:
            importlib.import_module(module.name)
    made = {each for each in everything_below(Event) if each.__module__.startswith("orchestra_nb.")}
    bases = {called(each) for each in made if each.__subclasses__()}
    missing = set(map(called, made)) - bases - set(map(called, EVENTS.values())) - {called(UnknownEvent)}
    assert missing == set(), "add the module of these to orchestra_nb/eventlog/registry.py"


def test_names_are_unique_and_namespaced_and_every_namespace_is_used():
    assert all(kind.name == name for name, kind in EVENTS.items())
    assert {name.partition(":")[0] for name in EVENTS} == set(NAMESPACES)


def test_no_event_says_what_a_line_of_a_log_says_itself():
    for name, kind in EVENTS.items():
        taken = {"name", "run", "log", "version"} & {field.name for field in fields(kind)}
        assert taken <= ({"run"} if name == "dag:built" else set())

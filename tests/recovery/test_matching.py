"""Which exceptions are meant, by the names of classes; the node's own rule is held to the same in tests/running."""

from __future__ import annotations

import asyncio
import concurrent.futures

import pytest

from orchestra_nb.errors import AgentTimeout, RateLimited, ServiceError, ServiceUnreachable
from orchestra_nb.recovery.matching import NEVER, class_names, ended_on_purpose, in_words, matches


class Dropped(asyncio.CancelledError):
    """A subclass, as libraries have them."""


class Mute(Exception):
    def __str__(self):
        raise ValueError("no words")


@pytest.mark.parametrize(
    ("error", "on", "meant"),
    [
        (ValueError(), None, True),
        (ValueError(), ("ValueError",), True),
        (ConnectionError(), ("OSError",), True),
        (ConnectionError(), ("Exception",), True),
        (OSError(), ("ConnectionError",), False),
        (ValueError(), (), False),
        (ValueError(), ("valueerror",), False),
        (TimeoutError(), ("KeyError", "TimeoutError"), True),
        *((kind(), ("BaseException",), False) for kind in (KeyboardInterrupt, SystemExit, GeneratorExit, Dropped)),
        (concurrent.futures.CancelledError(), ("Exception",), False),
    ],
)
def test_a_name_matches_a_class_or_any_of_its_bases_but_never_what_was_ended(error, on, meant):
    assert matches(class_names(error), on) == meant


@pytest.mark.parametrize(
    ("error", "word", "meant"),
    [
        (TimeoutError(), "timeout", True),
        (AgentTimeout(), "timeout", True),
        (ConnectionResetError(), "network_error", True),
        (ServiceUnreachable("gone"), "network-error", True),
        (RateLimited("busy", 429), "rate_limit", True),
        (RateLimited("busy", 429), "Rate limit", True),
        (RateLimited("busy", 429), "server_error", True),
        (ServiceError("broken", 500), "rate_limit", False),
        (AgentTimeout(), "TimeoutError", False),
        (ValueError(), "value_error", False),
    ],
)
def test_the_words_of_definitions_mean_classes_and_the_name_of_a_class_only_that_class(error, word, meant):
    assert matches(class_names(error), ("KeyError", word)) == meant


def test_what_is_no_exception_but_ends_something_was_ended_on_purpose():
    class Cancelled(BaseException):
        """As trio has it."""

    assert ended_on_purpose(Cancelled())
    assert ended_on_purpose(BaseExceptionGroup("both", [KeyboardInterrupt()]))
    assert not ended_on_purpose(ExceptionGroup("both", [ValueError()]))
    assert all(matches({name}, None) is False for name in NEVER)


@pytest.mark.parametrize(
    ("error", "words"),
    [
        (ValueError("one\ntwo"), "ValueError: one"),
        (ValueError(), "ValueError"),
        (Mute(), "Mute"),
        (ValueError("x" * 500), "ValueError: " + "x" * 187 + "…"),
    ],
)
def test_any_exception_can_be_said_in_one_short_line(error, words):
    assert in_words(error) == words

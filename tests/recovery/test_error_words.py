"""What the words of definition files for errors mean, however they are written."""

from __future__ import annotations

import json
import socket
import urllib.error
from email.message import Message

import pytest

from orchestra_nb.definitions.loading import load_command
from orchestra_nb.recovery.error_words import is_known, meaning, said_by
from orchestra_nb.recovery.matching import class_names, matches


def named(name, base=Exception, **said):
    """An error of a class of that name, as a library has it."""
    error = type(name, (base,), {})("it failed")
    for key, value in said.items():
        setattr(error, key, value)
    return error


class Response:
    def __init__(self, status_code):
        self.status_code = status_code


class Rude(Exception):
    @property
    def response(self):
        raise RuntimeError("ask nobody")


HTTP_503 = urllib.error.HTTPError("http://127.0.0.1", 503, "busy", Message(), None)
MEANT = [
    ("timeout", TimeoutError()),
    ("timeout", named("NodeTimeout")),
    ("timeout", named("ReadTimeout")),
    ("timeout", named("APITimeoutError")),
    ("timeout", named("HTTPStatusError", response=Response(504))),
    ("network_error", ConnectionResetError()),
    ("network_error", socket.gaierror()),
    ("networkError", named("ConnectError")),
    ("network-error", named("APIConnectionError")),
    ("NetworkError", named("RemoteProtocolError")),
    ("ECONNRESET", ConnectionResetError()),
    ("rate_limit", named("RateLimitError")),
    ("rateLimit", named("APIStatusError", status_code=429)),
    ("RATE_LIMIT", named("HTTPError", response=Response(429))),
    ("too many requests", named("ClientResponseError", status=429)),
    ("rate_limit", named("AgentError", code="rateLimit")),
    ("server_error", HTTP_503),
    ("ServerError", named("InternalServerError")),
    ("5xx", named("APIError", status_code=599)),
    ("503", HTTP_503),
    ("HTTP 503", HTTP_503),
    ("status-503", HTTP_503),
    ("transient", HTTP_503),
    ("transient", TimeoutError()),
    ("4xx", named("APIError", status_code=418)),
    ("parse_error", json.JSONDecodeError("no", "", 0)),
    ("any", KeyError()),
    ("out_of_paper", named("PrinterError", code="out-of-paper")),
]


@pytest.mark.parametrize(("word", "error"), MEANT)
def test_a_word_means_the_classes_numbers_and_codes_of_many_libraries(word, error):
    assert matches(class_names(error), (word,))


@pytest.mark.parametrize(
    ("word", "error"),
    [
        ("timeout", ValueError()),
        ("timeout", ConnectionError()),
        ("network_error", KeyError()),
        ("rate_limit", HTTP_503),
        ("server_error", named("APIError", status_code=429)),
        ("503", named("APIError", status_code=502)),
        ("TimeoutError", named("ReadTimeout")),
        ("ConnectionError", named("ConnectError")),
        ("5xx", named("APIError", status_code=True)),
        ("any", KeyboardInterrupt()),
        ("transient", named("CancelledError")),
    ],
)
def test_a_word_means_nothing_else_and_pythons_own_classes_mean_themselves(word, error):
    assert not matches(class_names(error), (word,))


def test_an_error_that_cannot_be_asked_has_said_nothing():
    assert said_by(Rude()) == frozenset()


@pytest.mark.parametrize("word", ["rate_limit", "rateLimit", "rate-limit", "RateLimit", "RATE LIMIT", "rate.limit"])
def test_a_word_may_be_written_in_any_way(word):
    assert meaning(word) - {word} == meaning("rate_limit") - {"rate_limit"}


@pytest.mark.parametrize(("word", "known"), [("MyError", True), ("my.errors.Odd", True), ("429", True), ("odd", False)])
def test_what_looks_like_a_class_may_be_anybodys(word, known):
    assert is_known(word) == known


def command(errors):
    agent = {"id": "a", "retry": {"maxAttempts": 2, "retryableErrors": errors}}
    return load_command({"name": "/x", "phases": [{"name": "p", "agents": [agent]}]})


def test_a_word_that_nobody_knows_is_a_warning_when_the_command_is_loaded():
    loaded = command(["timeout", "rate_limt", "HttpError", 503, "zzz"])
    found = [(issue.code, issue.path, issue.suggestion) for issue in loaded.warnings]
    assert found == [
        ("unknown-error", "phases[0].agents[0].retry.retryableErrors[1]", "did you mean 'rate_limit'?"),
        (
            "unknown-error",
            "phases[0].agents[0].retry.retryableErrors[4]",
            "such as 'timeout', 'network_error', 'rate_limit', 'server_error' or 503",
        ),
    ]
    (agent,) = loaded.agents
    assert agent.retry["on"] == ("timeout", "rate_limt", "HttpError", "503", "zzz")

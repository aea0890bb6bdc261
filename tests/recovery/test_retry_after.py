"""How long a service asked to be left alone, in all the ways in which errors carry it."""

from __future__ import annotations

import urllib.error
from email.message import Message
from types import SimpleNamespace

import pytest

from orchestra_nb.errors import CircuitOpenError
from orchestra_nb.recovery.retry_after import retry_after

WALL = 1_700_000_000.0
DATE = "Tue, 14 Nov 2023 22:14:20 GMT"
"""One minute later."""


class Failure(Exception):
    def __init__(self, **facts):
        vars(self).update(facts)


class Unready(Exception):
    """As httpx has it: an attribute that raises where there is nothing yet."""

    @property
    def response(self):
        raise RuntimeError("no response yet")


def header(value, name="Retry-After"):
    return SimpleNamespace(headers={name: value})


def message(value):
    made = Message()
    made["retry-after"] = value
    return made


@pytest.mark.parametrize(
    ("error", "seconds"),
    [
        (Failure(retry_after=7), 7.0),
        (Failure(retry_after="7.5"), 7.5),
        (Failure(retry_after=0), 0.0),
        (Failure(response=header("120")), 120.0),
        (Failure(response=header("120", "retry-after")), 120.0),
        (Failure(response=header(DATE)), 60.0),
        (Failure(response=header("Tue, 14 Nov 2023 22:14:20 -0000")), 60.0),
        (Failure(response=header("Tue, 14 Nov 2023 23:14:20 +0100")), 60.0),
        (Failure(response=header("Tuesday, 14-Nov-23 22:14:20 GMT")), 60.0),
        (Failure(response=header("Wed, 01 Nov 2023 00:00:00 GMT")), 0.0),  # it is past
        (Failure(headers=message("30")), 30.0),
        (urllib.error.HTTPError("http://x", 429, "too many", message("30"), None), 30.0),
        (CircuitOpenError("open", retry_after=12.0), 12.0),
        (Failure(retry_after=None, response=header("5")), 5.0),
        *((Failure(retry_after=told), None) for told in (-1, float("nan"), float("inf"), True, [3], "soon", "")),
        (Failure(response=header("")), None),
        (Failure(response=header("Tue, 99 Nov 2023 22:14:20 GMT")), None),
        (Failure(response=SimpleNamespace(headers=None)), None),
        (Failure(response=SimpleNamespace(headers=["Retry-After"])), None),
        (Failure(response=None), None),
        (Unready(), None),
        (ValueError(), None),
    ],
)
def test_an_error_says_how_long_to_wait_or_nothing(error, seconds):
    found = retry_after(error, WALL)
    if isinstance(error, urllib.error.HTTPError):
        error.close()
    assert found == seconds


@pytest.mark.parametrize("library", ["httpx", "requests"])
def test_errors_of_the_clients_in_use_are_read(library):
    client = pytest.importorskip(library)
    if library == "httpx":
        request = client.Request("GET", "http://x")
        response = client.Response(429, headers={"retry-after": "9"}, request=request)
        error = client.HTTPStatusError("too many", request=request, response=response)
        assert retry_after(client.RequestError("no"), WALL) is None
    else:
        response = client.Response()
        response.headers["retry-after"] = "9"
        error = client.HTTPError(response=response)
    assert retry_after(error, WALL) == 9.0

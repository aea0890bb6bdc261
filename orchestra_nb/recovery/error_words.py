"""What the usual words for errors mean: ``rate_limit``, ``network-error``, ``serverError``, ``503``, ``5xx``.

Definition files name errors by words, not by Python's classes. A word is read without regard to how it is written
(snake, kebab or camel case, blanks, capitals), and means classes by name and answers of a server by number:

====================================================  =================================================================
``timeout``, ``timed_out``, ``etimedout``             ``NodeTimeout``, ``TimeoutError``, ``Timeout``, those of httpx,
                                                      requests, aiohttp and openai; 408, 504
``network_error``, ``connection_error``,              ``ConnectionError``, ``NetworkError``, ``APIConnectionError``, …;
``connection_reset``, ``econnreset``, …               ``gaierror``
``rate_limit``, ``too_many_requests``, ``throttled``  ``RateLimitError``, ``TooManyRequests``, …; 429
``server_error``, ``5xx``                             ``InternalServerError``, ``ServerError``, …; 500 to 599
``internal_error``, ``bad_gateway``,                  500, 502, 503 (and overloaded, 529), 504, and their classes
``service_unavailable``, ``gateway_timeout``
``temporary``, ``transient``, ``retryable``           all of the above
``lock_timeout``, ``deadlock``, ``circuit_open``,     ``LockTimeout``, ``DeadlockError``, ``CircuitOpenError``,
``worker_lost``, ``io_error``, ``parse_error``,       ``WorkerLost``, ``OSError``, ``JSONDecodeError``,
``validation_error``, ``unauthorized``,               ``ValidationError``, 401,
``forbidden``, ``not_found``, ``client_error``        403, 404, 400 to 499
``any``, ``all``, ``*``                               everything
====================================================  =================================================================

The name of one of Python's own exceptions (``TimeoutError``) means that class and nothing more, in this very spelling.
Any other word also means a class of that name, and an error whose ``code`` is that word.

**Numbers.** An error says which answer it stands for by ``status_code``, ``status`` or ``code``, itself or on its
``response``: httpx, requests, aiohttp, urllib and openai all do one of these. An error that did not come home from
another process whole has none of them, only its name.

Pure. Rejected: a class per word (policies are written in files), words that are told apart by case.
"""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterator
from functools import lru_cache

from orchestra_nb.errors import nearest

_TIMEOUT = (
    *("NodeTimeout", "TimeoutError", "Timeout", "TimeoutException", "APITimeoutError", "ServerTimeoutError"),
    *("ReadTimeout", "ConnectTimeout", "WriteTimeout", "PoolTimeout", "ReadTimeoutError", "ConnectTimeoutError"),
    *("DeadlineExceeded", "AgentTimeout", "HTTP 408", "HTTP 504"),
)
_NETWORK = (
    *("ConnectionError", "NetworkError", "APIConnectionError", "ConnectError", "ReadError", "WriteError", "CloseError"),
    *("ProtocolError", "RemoteProtocolError", "ChunkedEncodingError", "ProxyError", "SSLError", "gaierror"),
    *("ClientConnectionError", "ClientConnectorError", "ServerDisconnectedError", "NewConnectionError"),
    *("IncompleteRead", "RemoteDisconnected", "MaxRetryError", "ServiceUnreachable", "AnswerBroken"),
)
_RATE = (
    "RateLimited",
    "RateLimitError",
    "RateLimitExceeded",
    "TooManyRequests",
    "ThrottlingException",
    "ResourceExhausted",
    "HTTP 429",
)
_UNAVAILABLE = ("ServiceUnavailable", "ServiceUnavailableError", "OverloadedError", "HTTP 503", "HTTP 529")
_SERVER = (
    "InternalServerError",
    "ServerError",
    "ServiceError",
    "APIStatusServerError",
    "BadGateway",
    *_UNAVAILABLE,
    "HTTP 5xx",
)
_TEMPORARY = (*_TIMEOUT, *_NETWORK, *_RATE, *_SERVER)
_WORDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("timeout", "timed_out", "time_out", "etimedout", "timeouts", "deadline_exceeded"), _TIMEOUT),
    **dict.fromkeys(("network", "network_error", "networkerror", "network_failure", "connection"), _NETWORK),
    **dict.fromkeys(("connection_error", "connection_reset", "connection_refused", "connection_lost"), _NETWORK),
    **dict.fromkeys(
        ("connection_failed", "econnreset", "econnrefused", "econnaborted", "epipe", "enotfound"), _NETWORK
    ),
    **dict.fromkeys(
        ("unreachable", "dns_error", "dns_failure", "socket_error", "network_timeout"), (*_NETWORK, *_TIMEOUT)
    ),
    **dict.fromkeys(("rate_limit", "rate_limited", "rate_limit_error", "rate_limit_exceeded", "ratelimit"), _RATE),
    **dict.fromkeys(("too_many_requests", "throttled", "throttling", "throttle", "quota_exceeded"), _RATE),
    **dict.fromkeys(("server_error", "server_errors", "5xx", "http_5xx", "api_error"), _SERVER),
    **dict.fromkeys(("internal_error", "internal_server_error"), ("InternalServerError", "ServerError", "HTTP 500")),
    "bad_gateway": ("BadGateway", "HTTP 502"),
    **dict.fromkeys(("service_unavailable", "unavailable", "overloaded", "overloaded_error", "busy"), _UNAVAILABLE),
    "gateway_timeout": ("GatewayTimeout", "HTTP 504"),
    **dict.fromkeys(("temporary", "temporary_error", "temporary_failure", "transient"), _TEMPORARY),
    **dict.fromkeys(("transient_error", "retryable", "retryable_error"), _TEMPORARY),
    **dict.fromkeys(("lock_timeout", "lock_error", "resource_locked"), ("LockTimeout",)),
    **dict.fromkeys(("deadlock", "deadlock_error"), ("DeadlockError",)),
    **dict.fromkeys(("circuit_open", "circuit_breaker_open"), ("CircuitOpenError",)),
    **dict.fromkeys(("worker_lost", "worker_died", "crash", "crashed"), ("WorkerLost",)),
    **dict.fromkeys(("io_error", "os_error", "file_error", "disk_error"), ("OSError",)),
    **dict.fromkeys(("parse_error", "json_error", "invalid_json"), ("JSONDecodeError", "ParseError")),
    **dict.fromkeys(("validation_error", "invalid_output"), ("ValidationError",)),
    **dict.fromkeys(("unauthorized", "authentication_error", "auth_error"), ("AuthenticationError", "HTTP 401")),
    **dict.fromkeys(("forbidden", "permission_denied"), ("PermissionDeniedError", "PermissionError", "HTTP 403")),
    **dict.fromkeys(("not_found", "not_found_error"), ("NotFoundError", "FileNotFoundError", "HTTP 404")),
    **dict.fromkeys(("client_error", "4xx", "http_4xx"), ("BadRequestError", "HTTP 4xx")),
    **dict.fromkeys(("any", "all", "*", "any_error", "error", "exception"), ("Exception",)),
}
_BETWEEN = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])|[^A-Za-z0-9*]+")
_STATUS = re.compile(r"(?:(?:http|status|error|code|http_status|status_code|http_error)_?)?([1-5][0-9]{2})")
_CLASS = re.compile(r"_*[A-Z]\w*[a-z]\w*|\w+\.\w[\w.]*")
_ATTRIBUTES = ("status_code", "status", "code")


@lru_cache(maxsize=1024)
def meaning(word: str) -> frozenset[str]:
    """Give the names that a word stands for: of classes, and of what :func:`said_by` reads from an error.

    Examples
    --------
    >>> sorted(meaning("TimeoutError")), sorted(meaning("http-503"))
    (['TimeoutError'], ['HTTP 503', 'code http_503', 'http-503'])
    >>> meaning("rateLimit") == meaning("rate_limit") - {"rate_limit"} | {"rateLimit"}
    True
    """
    if _is_builtin(word):
        return frozenset({word})
    plain = _plain(word)
    status = _STATUS.fullmatch(plain)
    numbers = {f"HTTP {status.group(1)}"} if status else set()
    return frozenset({word, f"code {plain}", *_WORDS.get(plain, ()), *numbers})


def is_known(word: str) -> bool:
    """Whether a word means more than an error of that very name; what looks like a class may be anybody's.

    Examples
    --------
    >>> is_known("RATE_LIMIT"), is_known("MyError"), is_known("rate_limt")
    (True, True, False)
    """
    plain = _plain(word)
    return bool(_is_builtin(word) or plain in _WORDS or _STATUS.fullmatch(plain) or _CLASS.fullmatch(word))


def nearest_word(word: str) -> str:
    """Say which word was probably meant.

    Examples
    --------
    >>> nearest_word("rate-limt")
    "did you mean 'rate_limit'?"
    """
    hint = nearest(_plain(word), _WORDS)
    return hint if hint.startswith("did") else "such as 'timeout', 'network_error', 'rate_limit', 'server_error' or 503"


def said_by(error: BaseException) -> frozenset[str]:
    """Read what an error says of itself beside its class: the number of an answer, and a code; never raises.

    Examples
    --------
    >>> error = RuntimeError("slow down")
    >>> error.status_code, error.code = 429, "rateLimit"
    >>> sorted(said_by(error))
    ['HTTP 429', 'HTTP 4xx', 'code rate_limit']
    """
    found: set[str] = set()
    for said in _sayings(error):
        if isinstance(said, int) and not isinstance(said, bool) and 400 <= said <= 599:
            found |= {f"HTTP {int(said)}", f"HTTP {int(said) // 100}xx"}
        elif isinstance(said, str) and said:
            found.add(f"code {_plain(said)}")
    return frozenset(found)


def _sayings(error: BaseException) -> Iterator[object]:
    for thing in (error, _attribute(error, "response")):
        for name in _ATTRIBUTES if thing is not None else ():
            yield _attribute(thing, name)


def _attribute(thing: object, name: str) -> object:
    try:
        return getattr(thing, name, None)
    except Exception:  # its own code
        return None


def _plain(word: str) -> str:
    return "_".join(part for part in _BETWEEN.split(word.strip()) if part).lower()


def _is_builtin(word: str) -> bool:
    found = getattr(builtins, word, None)
    return isinstance(found, type) and issubclass(found, BaseException)

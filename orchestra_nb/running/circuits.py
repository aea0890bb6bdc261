"""A node's circuit: what it says about it, leave to begin, and what its ends mean for the service behind it.

The breaker (:mod:`orchestra_nb.recovery.breaker`) is asked when a node has its resources and its place, right before
its body begins, and anew before each attempt. An attempt that gets no leave has failed at once: with
:class:`~orchestra_nb.errors.CircuitOpenError`, which the node's retry policy may cover; its rest is then at least as
long as that of the circuit, see :func:`.rest_before`. It counts as an attempt, and what it took of a rate or a budget
is spent. What was found in the cache is asked nothing.

What an end means: a value is a success, and so is an exception that the circuit's ``on`` does not name, for somebody
has answered. A failure, the node's timeout and the death of a worker by the node's own fault are failures. Whatever was
stopped, cancelled, or lost with another node's worker, or could not come home from a process, says nothing.

Each :class:`Leave` is told once; one that is never told loses its place in time, as the breaker promises.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestra_nb.config import BreakerPolicy, RetryPolicy
from orchestra_nb.errors import ConfigError, Issue, nearest
from orchestra_nb.model import Node
from orchestra_nb.recovery.breakers import Breakers, Leave
from orchestra_nb.recovery.retry_after import retry_after
from orchestra_nb.running.seams import Reply
from orchestra_nb.running.trying import TIMEOUT, names_of


def circuit_of(node: Node) -> tuple[str, BreakerPolicy | None]:
    """Read which circuit a node goes through, and the policy it gives it; ``None``: it gives none.

    Raises
    ------
    ConfigError
        It cannot be meant.

    Examples
    --------
    >>> circuit_of(Node("a", breaker="db"))
    ('db', None)
    >>> name, policy = circuit_of(Node("a", breaker={"name": "db", "threshold": 2}))
    >>> name, policy.threshold, policy.rest
    ('db', 2, 30.0)
    """
    said = node.breaker
    given: dict[str, Any] = dict(said) if isinstance(said, Mapping) else {"name": said}
    name = given.pop("name", None)
    if not isinstance(name, str) or not name:
        raise ConfigError(f"{said!r} must be the name of a circuit, such as 'db', or a mapping with a 'name'")
    known = tuple(BreakerPolicy.__dataclass_fields__)
    for key in given:
        if key not in known:
            raise ConfigError(f"there is no setting {key!r}; {nearest(str(key), known)}")
    given = {key: value for key, value in given.items() if value is not None}
    return name, BreakerPolicy(**given) if given else None


class Circuits:
    """Asks the circuits of nodes.

    Parameters
    ----------
    breakers
        By name; whoever has the same shares their state.
    """

    def __init__(self, breakers: Breakers) -> None:
        self._breakers = breakers

    def ask(self, node: Node) -> Leave:
        """Ask for leave to begin a node that has a circuit.

        Raises
        ------
        CircuitOpenError
            It is not to begin.
        ConfigError
            What it says about its circuit cannot be meant.
        """
        return self._breakers.ask(*circuit_of(node))


def faults_of_circuits(nodes: Iterable[Node]) -> Iterator[Issue]:
    """Find circuits that cannot be meant, or are given two policies by nodes of one run.

    An earlier run may have given another: who changes a cell and runs it again wants what it says now.
    """
    given: dict[str, tuple[str, BreakerPolicy]] = {}
    for node in nodes:
        if node.breaker is None:
            continue
        try:
            name, policy = circuit_of(node)
        except ConfigError as error:
            yield Issue("bad-breaker", f"node {node.id!r}: breaker: {error}", (node.id,))
            continue
        if policy is None:
            continue
        other, first = given.setdefault(name, (node.id, policy))
        if first != policy:
            told = f"node {node.id!r}: breaker: circuit {name!r} has another policy already, from node {other!r}"
            yield Issue("bad-breaker", told, (node.id,), suggestion="say it once, and elsewhere only the name")


def told(leave: Leave, reply: Reply, ending: str) -> None:
    """Tell a circuit how an attempt ended.

    Parameters
    ----------
    leave
        What the attempt had.
    reply
        What came back.
    ending
        Why it had been asked to stop, if it had.
    """
    if ending == "timeout":
        leave.failed(names_of(TIMEOUT), f"{TIMEOUT.ename}: {TIMEOUT.exception}")
    elif not ending and reply.status == "done":
        leave.succeeded()
    elif not ending and (reply.status == "failed" or (reply.status == "lost" and reply.culprit)):
        leave.failed(names_of(reply), f"{reply.ename}: {reply.evalue}" if reply.ename else reply.reason)
    else:
        leave.abandoned()


def rest_before(policy: RetryPolicy, tries: int, reply: Reply, chance: float, wall: float) -> float:
    """Say how long a node rests before another attempt, in seconds: as its policy says, or as the service asked for.

    Examples
    --------
    >>> error = ConnectionError("too many requests")
    >>> error.retry_after = 20.0
    >>> reply = Reply("failed", ename="ConnectionError", exception=error)
    >>> rest_before(RetryPolicy(attempts=2, max_delay=60.0), 1, reply, 0.0, wall=0.0)
    20.0
    """
    rest = policy.delay(tries, chance)
    asked = None if reply.exception is None else retry_after(reply.exception, wall)
    return rest if asked is None else max(rest, min(asked, policy.max_delay))

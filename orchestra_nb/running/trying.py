"""Whether a node that failed is worth another attempt: a pure question about its policy and what came back.

Which names match is written in :mod:`~orchestra_nb.recovery.matching`: never what was cancelled, interrupted, or left
on purpose (``SystemExit``), whatever the policy says. A timeout counts as ``TimeoutError`` and ``NodeTimeout``, the
death of a worker as ``WorkerLost``; of an exception that stayed behind in another process only its own name is known.
"""

from __future__ import annotations

from orchestra_nb.config import RetryPolicy
from orchestra_nb.recovery.matching import class_names, matches
from orchestra_nb.running.decisions import Attempt
from orchestra_nb.running.seams import Reply

TIMEOUT = Reply("failed", ename="NodeTimeout", exception=TimeoutError("it outlived its timeout"))
"""Stands for the reply of an attempt that was ended for its time."""


def worth_another(policy: RetryPolicy, attempt: Attempt, reply: Reply) -> bool:
    """Say whether the node is to be begun again after this reply.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> again = RetryPolicy(attempts=2, on=("OSError",))
    >>> attempt = Attempt(1, Node("a"), "thread")
    >>> worth_another(again, attempt, Reply("failed", ename="ConnectionError", exception=ConnectionError()))
    True
    >>> worth_another(again, attempt, Reply("failed", ename="SystemExit"))
    False
    """
    if attempt.tries >= policy.attempts or attempt.ending == "stop":
        return False
    if attempt.ending == "timeout":
        reply = TIMEOUT
    if reply.status not in ("failed", "lost"):
        return False
    return matches(names_of(reply), policy.on)


def names_of(reply: Reply) -> frozenset[str]:
    """Names of the class that a failure has, and of all its bases, as far as they are known.

    Examples
    --------
    >>> sorted(names_of(Reply("lost", ename="WorkerDied")))
    ['WorkerDied', 'WorkerLost']
    """
    own = {reply.ename, "WorkerLost"} if reply.status == "lost" else {reply.ename}
    return class_names(reply.exception) | own

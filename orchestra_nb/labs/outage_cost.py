"""What an outage has cost those who called: with a circuit breaker, or without. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from orchestra_nb.labs.circuit_course import Service, ServiceCall


@dataclass(frozen=True, slots=True)
class Cost:
    """What an outage has cost.

    Parameters
    ----------
    reached
        Calls that hit the service while it was down.
    lost
        Seconds that callers waited for calls that failed.
    refused
        Calls that were refused at once.
    in_vain
        Those of them that were refused although the service was up.
    succeeded
        Calls that were answered.

    Examples
    --------
    >>> Cost(7, 14.0, 24, 1, 49).lost
    14.0
    """

    reached: int
    lost: float
    refused: int
    in_vain: int
    succeeded: int


def cost_of(calls: Sequence[ServiceCall], service: Service) -> Cost:
    """Add up what calls have cost.

    Examples
    --------
    >>> service = Service(((0.0, 5.0),), 0.2, 2.0)
    >>> cost_of([ServiceCall(1, 1.0, 3.0, "failed"), ServiceCall(2, 6.0, 6.0, "refused")], service).in_vain
    1
    """
    failed = [call for call in calls if call.result == "failed"]
    refused = [call for call in calls if call.result == "refused"]
    in_vain = sum(not service.is_down(call.began) for call in refused)
    lost = sum(call.ended - call.began for call in failed)
    return Cost(len(failed), lost, len(refused), in_vain, sum(call.result == "ok" for call in calls))

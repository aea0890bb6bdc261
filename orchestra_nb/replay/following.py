"""A run followed while it goes on, into the very fold that replays use.

**Hearing costs nothing, folding is paid by who looks.** A run tells some four events for each node, from its own
thread. :meth:`Following.hear` only puts them into a queue (a tenth of a microsecond, no lock, no thread that has to be
woken), so it may be called in step; they are folded when somebody asks for the state, on that one's thread. Who redraws
as seldom as redrawing is dear (:func:`.rest_after`) so pays for no more than it can see, and a run whose last state
nobody looks at is never folded to its end. Memory stays bounded: when :data:`MOST_UNFOLDED` events wait, each that is
heard folds two, unless somebody is folding just then.

**A state is frozen**: a copy of the fold, some microseconds for each thousand nodes. It is taken anew only when
something was heard since; when the run is over and nothing was, the same state is given again, with all that was made
of it. The estimate of what is left is made seldom (:mod:`~orchestra_nb.progress.seldom`).

**Which run.** That of the graph that was given; or, and also when a run begins after that, the one whose ``dag:built``
is heard: a new run begins anew.

**Failure.** What contradicts what is known (an event of another run, of another version of this library) is passed
over, told once in the log, and never reaches the run. Only the last events are kept; ``forgotten`` says how many are
not. Rejected: a listener in the background (a second thread that fights with the run for the interpreter, for each
event, whether anybody looks or not), a fold on the run's own thread (3 µs for each event), a state for each event.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from threading import Lock
from time import monotonic

from orchestra_nb.bus import Event, EventBus
from orchestra_nb.errors import OrchestraError
from orchestra_nb.events import RunStarted
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.events import DagBuilt
from orchestra_nb.model import RunId
from orchestra_nb.progress.eta import Estimator
from orchestra_nb.progress.pace import expected
from orchestra_nb.progress.seldom import Estimates, SeldomEstimator
from orchestra_nb.replay.fold import Fold
from orchestra_nb.replay.state import ReplayState
from orchestra_nb.running.history import History

_log = logging.getLogger("orchestra_nb.events")
MOST_UNFOLDED = 100_000
"""Events that may wait to be folded."""
_LAST = 500


class Following:
    """Follows one run, as its bus tells it.

    Parameters
    ----------
    dag
        What runs; without it nothing is known until a run begins.
    history
        Knows what nodes took in earlier runs.
    most
        How many of the last events are kept.
    clock
        Seconds, monotonic; says how far a run is when nobody says the time.

    Examples
    --------
    >>> from orchestra_nb.events import NodeStarted
    >>> from orchestra_nb.model import Node, NodeId
    >>> following = Following(DAG([Node(NodeId("load"))]))
    >>> following.hear(NodeStarted(0.5, NodeId("load"), "thread"))
    >>> following.state(2.0).nodes["load"].state, following.state(2.0).stats.elapsed
    ('running', 2.0)
    """

    def __init__(
        self,
        dag: DAG | None = None,
        *,
        history: History | None = None,
        most: int = _LAST,
        clock: Callable[[], float] = monotonic,
    ) -> None:
        self._history = history
        self._clock = clock
        self._most = most
        self._lock = Lock()
        self._waiting: deque[Event] = deque()
        self._origin = clock()
        self._warned = False
        self._begin(DAG(()) if dag is None else dag, RunId(""), "")

    def _begin(self, dag: DAG, run: RunId, started_at: str) -> None:
        self._fold, self._run, self._started_at = Fold(dag), run, started_at
        self._last: deque[Event] = deque(maxlen=self._most)
        self._count = 0
        self._estimates: tuple[DAG, Estimates] | None = None
        self._known: ReplayState | None = None

    def attach(self, bus: EventBus) -> Callable[[], None]:
        """Listen to a bus; returns what ends that. In step, because hearing is quick and never waits."""
        return bus.on("*", self.hear, inline=True)

    def hear(self, event: Event) -> None:
        """Take note of an event; from any thread, returns at once, and never raises."""
        if isinstance(event, RunStarted):
            self._origin = self._clock() - event.at
        waiting = self._waiting
        waiting.append(event)
        if len(waiting) > MOST_UNFOLDED and self._lock.acquire(blocking=False):
            try:
                self._fold_some(2)
            finally:
                self._lock.release()

    def state(self, now: float | None = None) -> ReplayState:
        """Say what is known now, as a frozen value.

        Parameters
        ----------
        now
            Seconds since the run began; ``None``: as this one's clock says. Never before what was told last.
        """
        with self._lock:
            self._fold_some(len(self._waiting))
            fold, known = self._fold, self._known
            if now is None:
                now = self._clock() - self._origin
            at = fold.now if fold.success is not None else max(fold.now, now)
            if known is not None and known.count == self._count:
                if known.at == at:
                    return known
                copied, last = known._fold, known._events
            else:
                copied, last = fold.copy(), tuple(self._last)
            forgotten = self._count - len(last)
            told = self._run, at, self._count, copied, self._estimator_of, last
            self._known = ReplayState(*told, forgotten=forgotten, started_at=self._started_at)
            return self._known

    def _fold_some(self, most: int) -> None:
        take, hear, keep = self._waiting.popleft, self._fold.hear, self._last.append
        many = min(most, len(self._waiting))
        self._count += many
        for left in range(many - 1, -1, -1):
            event = take()
            if type(event) is DagBuilt:
                self._begin(event.dag, event.run, event.started_at)
                hear, keep, self._count = self._fold.hear, self._last.append, left + 1
            keep(event)
            try:
                hear(event)
            except OrchestraError as fault:
                self._warn(fault)

    def _warn(self, fault: OrchestraError) -> None:
        if not self._warned:
            self._warned = True
            _log.warning("what a run tells contradicts what is known of it, and is passed over: %s", fault)

    def _estimator_of(self, dag: DAG) -> Estimates:
        known = self._estimates
        if known is None or known[0] is not dag:
            known = self._estimates = dag, SeldomEstimator(lambda: self._estimator(dag))
        return known[1]

    def _estimator(self, dag: DAG) -> Estimator:
        return Estimator(expected(dag, {} if self._history is None else self._history.durations(dag)))

    def __repr__(self) -> str:
        return f"<Following {self.state()!r}>"

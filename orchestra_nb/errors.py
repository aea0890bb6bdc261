"""Everything that can go wrong, as one tree, and the fault records that errors carry.

::

    OrchestraError
    ├── ConfigError               a knob with an impossible value
    ├── DefinitionError           a notebook, directive or definition is faulty: every fault in .issues
    │   └── NotebookError         the notebook file itself cannot be used
    ├── GraphError                the nodes do not form a DAG
    │   ├── CycleError            .path names the circle
    │   └── MissingDependencyError
    ├── NodeError                 a node of a run
    │   ├── NodeFailed            with the node's own traceback
    │   ├── NodeTimeout
    │   └── NodeCancelled
    ├── AgentError                an agent's executor could not do the work, or gave what is no value
    │   ├── AgentTimeout          nothing came in time
    │   ├── CommandFailed         a command ended badly; .code and .stderr
    │   ├── OutputTooLong         a command wrote more than it may; it was ended
    │   ├── AnswerBroken          a service's answer broke off, was cut short, or is not what was asked for
    │   └── ServiceError          a service refused; .status, and what it said of Retry-After
    │       ├── RateLimited
    │       └── ServiceUnreachable
    ├── BackendError              a joblib backend is unknown, missing or refused the work
    ├── CacheError                a key, value or file that a cache or context cannot take, or a use that would hang it
    ├── CheckpointError           a checkpoint is unknown, or of another graph
    ├── SagaFailed                a saga failed and was undone as far as it could be; .report says what is still true
    ├── ConditionError            a condition cannot be read or decided; .column says where
    ├── ResourceError             a resource or lock that cannot be meant, or is not there any more
    │   ├── LockTimeout           a lock was not to be had in time
    │   ├── DeadlockError         .circle says who waits for whom; whoever gets it is the victim
    │   ├── BudgetSpent           more is asked for than is left
    │   └── LeaseExpired          the lock was taken back because its time was up
    ├── ProgressError             a fact about a run that contradicts what is known of it
    ├── EventLogError             a log of events cannot be written, or is damaged; .faults say what is still true
    ├── CircuitOpenError          a circuit breaker lets nothing through; .retry_after says for how many seconds
    ├── RunNotOver                a run was waited for, and goes on; it is a TimeoutError too
    ├── CommandError              a magic or command line that cannot be understood
    └── ComparisonError           two runs could not be compared

Three promises hold for each: it pickles (workers send errors home), its text ends with what to do next, and IPython
shows it short (``_render_traceback_``), because the frames between a magic and its message say nothing to its reader.
A node's failure is the exception to that: it shows the *cell's* traceback, never ours.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any, Literal

Severity = Literal["error", "warning"]
_NOBODY: Mapping[str, float] = {}
_NO_HEADERS: Mapping[str, str] = {}


@dataclass(frozen=True, slots=True)
class Issue:
    """One fault that was found, with its place and the way out.

    Parameters
    ----------
    code
        A stable word for the kind of fault, such as ``"cycle"`` or ``"unknown-node"``.
    message
        One sentence: what was found and what was expected.
    nodes
        The ids of the nodes concerned.
    path
        Where: ``"cell 3, line 2"`` in a notebook, a key path in a definition.
    suggestion
        What to do next; empty when there is nothing to add.
    severity
        ``"error"`` stops a run before it starts, ``"warning"`` does not.

    Examples
    --------
    >>> print(Issue("unknown-node", "'after' names 'laod'", path="cell 3, line 1", suggestion="did you mean 'load'?"))
    cell 3, line 1: 'after' names 'laod'; did you mean 'load'?
    """

    code: str
    message: str
    nodes: tuple[str, ...] = ()
    path: str = ""
    suggestion: str = ""
    severity: Severity = "error"

    def __str__(self) -> str:
        place = f"{self.path}: " if self.path else ""
        hint = f"; {self.suggestion}" if self.suggestion else ""
        return f"{place}{self.message}{hint}"


def nearest(word: str, known: Iterable[str]) -> str:
    """Say which known name was probably meant.

    Returns
    -------
    str
        ``"did you mean 'load'?"``, or the known names when none is close, or ``""`` when there are none.

    Examples
    --------
    >>> nearest("laod", ["load", "train"])
    "did you mean 'load'?"
    >>> nearest("zzz", ["load", "train"])
    'known: load, train'
    """
    names = sorted(set(known))
    close = get_close_matches(word, names, n=1, cutoff=0.6)
    if close:
        return f"did you mean {close[0]!r}?"
    if not names:
        return ""
    shown = ", ".join(names[:8])
    return f"known: {shown}" + (", …" if len(names) > 8 else "")


def _rebuild(cls: type[OrchestraError], args: tuple[Any, ...], state: dict[str, Any]) -> OrchestraError:
    error = cls.__new__(cls, *args)
    error.args = args
    error.__dict__.update(state)
    return error


class OrchestraError(Exception):
    """Root of the tree. Catch this to catch everything that the library raises on purpose.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node
    >>> try:
    ...     DAG([Node("plot", after=["laod"]), Node("load")])
    ... except OrchestraError as error:
    ...     print(f"{type(error).__name__}: {error}")
    MissingDependencyError: 'plot' comes after 'laod', ...

    It pickles, as each error of the tree does:

    >>> import pickle
    >>> pickle.loads(pickle.dumps(CycleError(["a", "b", "a"]))).path
    ('a', 'b', 'a')
    """

    def __reduce__(self) -> tuple[Any, ...]:
        return (_rebuild, (type(self), self.args, self.__dict__.copy()))

    shown_in_full: tuple[str, ...] = ()
    """Lines of a whole traceback, where somebody wants that."""
    place: tuple[str, ...] = ()
    """Lines that say in which cell and line the magic stands that raised it."""
    hint: tuple[str, ...] = ()
    """Lines that say where the rest is."""
    told_as: tuple[tuple[str, str], ...] = ()
    """Words of the message that its reader would look for in vain, each with what is shown for them."""

    def _render_traceback_(self) -> list[str]:
        """Lines that IPython shows in place of a traceback: the message, and nothing between it and its reader."""
        return list(self.shown_in_full) or [*self.place, *self._told(), *self.hint]

    def _told(self) -> list[str]:
        text = f"{type(self).__name__}: {self}"
        for words, instead in self.told_as:
            text = text.replace(words, instead)
        return text.splitlines()


class ConfigError(OrchestraError):
    """A setting has a value that cannot be meant.

    Examples
    --------
    >>> from orchestra_nb import RunConfig
    >>> RunConfig(jobs=0)
    Traceback (most recent call last):
    orchestra_nb.errors.ConfigError: jobs=0 can run nothing; give 1 or more, or -1 for all cores
    """


class BackendError(OrchestraError):
    """The joblib backend is unknown, not installed, or refused the work.

    Examples
    --------
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> Pipeline([Node("load", fn=lambda: 1)], RunConfig(jobs=1, cluster="tcp://127.0.0.1:8786")).run()
    Traceback (most recent call last):
    orchestra_nb.errors.BackendError: nothing runs on the cluster at 'tcp://127.0.0.1:8786'; say backend='dask', or
    'ray'
    """


class AgentError(OrchestraError):
    """An agent's executor could not do the work that it was given, or gave what is no value.

    Examples
    --------
    >>> import asyncio
    >>> from orchestra_nb import AgentCommand, Node
    >>> asyncio.run(AgentCommand(("cat", "{input.path}"))(Node("read", kind="agent"), {}))
    Traceback (most recent call last):
    orchestra_nb.errors.AgentError: '{input.path}' has a hole for input.path, which comes out as nothing
    """


class AgentTimeout(AgentError):
    """Nothing came in time: a command did not end, or a service fell silent.

    Examples
    --------
    >>> import asyncio
    >>> from orchestra_nb import AgentCommand, Node
    >>> asyncio.run(AgentCommand(("sleep", "60"), timeout=0.01)(Node("wait", kind="agent"), {}))
    Traceback (most recent call last):
    orchestra_nb.errors.AgentTimeout: 'sleep' had not ended after 0.01 s, and was ended
    """


class CommandFailed(AgentError):
    """An agent's command could not be started, or ended with a code that does not count as success.

    Parameters
    ----------
    message
        The program, its code, and the end of what it complained.
    code
        The exit code; the negative number of a signal; ``None`` when it did not start.
    stderr
        The end of its standard error, as text.

    Examples
    --------
    >>> import asyncio
    >>> from orchestra_nb import AgentCommand, Node
    >>> try:
    ...     asyncio.run(AgentCommand(("false",))(Node("check", kind="agent"), {}))
    ... except CommandFailed as failed:
    ...     print(failed.code, repr(failed.stderr), failed)
    1 '' 'false' ended with code 1; codes that count as success: 0
    """

    def __init__(self, message: str, code: int | None = None, stderr: str = "") -> None:
        self.code = code
        self.stderr = stderr
        super().__init__(message)


class OutputTooLong(AgentError):
    """An agent's command wrote more than it may, and was ended; nothing of it is used.

    Examples
    --------
    >>> import asyncio
    >>> from orchestra_nb import AgentCommand, Node
    >>> asyncio.run(AgentCommand(("yes",), max_output=1000)(Node("talk", kind="agent"), {}))
    Traceback (most recent call last):
    orchestra_nb.errors.OutputTooLong: 'yes' wrote more than 1,000 bytes, and was ended
    """


class AnswerBroken(AgentError):
    r"""A service's answer broke off, was cut short, or is not what was asked for; nothing of it is used.

    Examples
    --------
    >>> import asyncio
    >>> from orchestra_nb import AgentCommand, Node
    >>> asyncio.run(AgentCommand(("echo", "{'a': 1}"), parse="json")(Node("count", kind="agent"), {}))
    Traceback (most recent call last):
    orchestra_nb.errors.AnswerBroken: the output of 'echo' is not JSON: Expecting property name enclosed in double
    quotes: line 1 column 2 (char 1); it begins with "{'a': 1}\n"
    """


class ServiceError(AgentError):
    """A service did not do what it was asked.

    Parameters
    ----------
    message
        What it said.
    status
        Its HTTP status; ``None`` when there is none.
    headers
        Those that say when to come again; retries read them.

    Examples
    --------
    >>> refused = ServiceError("the model is overloaded", 503, {"retry-after": "20"})
    >>> refused.status, refused.headers["retry-after"]
    (503, '20')
    """

    def __init__(self, message: str, status: int | None = None, headers: Mapping[str, str] = _NO_HEADERS) -> None:
        self.status = status
        self.headers = dict(headers)
        super().__init__(message)


class RateLimited(ServiceError):
    """A service was asked too often, or for too much at once.

    Examples
    --------
    What a service says of when to come again is how long a retry rests:

    >>> import asyncio
    >>> from orchestra_nb import RecoveryManager
    >>> rests = []
    >>> manager = RecoveryManager(sleep=rests.append)
    >>> answers = iter([RateLimited("too many requests", 429, {"retry-after": "7"}), "hello"])
    >>> def ask():
    ...     answer = next(answers)
    ...     if isinstance(answer, Exception):
    ...         raise answer
    ...     return answer
    >>> manager.run_with_retry("chat", ask), rests
    ('hello', [7.0])
    """


class ServiceUnreachable(ServiceError):
    """No connection to a service came about, or it was lost before anything came.

    Examples
    --------
    A retry that waits for the network, and for nothing else:

    >>> from orchestra_nb import RecoveryManager, RetryPolicy
    >>> rests = []
    >>> manager = RecoveryManager(retry=RetryPolicy(attempts=3, jitter=0, on="ServiceUnreachable"), sleep=rests.append)
    >>> def ask():
    ...     raise ServiceUnreachable("no connection") if len(rests) < 2 else AnswerBroken("it broke off")
    >>> manager.run_with_retry("chat", ask)
    Traceback (most recent call last):
    orchestra_nb.errors.AnswerBroken: it broke off
    ...
    >>> rests
    [0.5, 1.0]
    """


class CacheError(OrchestraError):
    """A cache or a context cannot do what it was asked: a bad key or lifetime, a faulty import, a circle of keys.

    Examples
    --------
    >>> from orchestra_nb import ContextManager
    >>> ContextManager().set("", 42)
    Traceback (most recent call last):
    orchestra_nb.errors.CacheError: '' is no key; a key is a text that is not empty, such as 'user:1'
    """


class CheckpointError(OrchestraError):
    """A checkpoint is not there, or does not fit what is to go on from it.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
    >>> scheduler = ParallelScheduler(RunConfig(jobs=1, cache=False))
    >>> scheduler.resume_from_checkpoint("r1/2", DAG([Node("load", fn=lambda: 1)]))
    Traceback (most recent call last):
    orchestra_nb.errors.CheckpointError: there is no checkpoint 'r1/2'; no run has left one here
    """


class SagaFailed(OrchestraError):
    """A step of a saga failed for good, and what had been done was undone as far as it could be.

    Parameters
    ----------
    message
        Which step failed, what was undone, what could not be, and what to do next.
    report
        The saga's report.

    Examples
    --------
    >>> from orchestra_nb import SagaStep
    >>> from orchestra_nb.recovery.sagas import execute_saga
    >>> def pay(context):
    ...     raise ValueError("the card was refused")
    >>> steps = [SagaStep("seat", lambda context: "12A", lambda context, seat: None), SagaStep("pay", pay)]
    >>> try:
    ...     execute_saga(steps)
    ... except SagaFailed as failed:
    ...     print(failed.report)
    failed at step 'pay': ValueError: the card was refused
    undone: seat
    """

    def __init__(self, message: str, report: Any = None) -> None:
        self.report = report
        super().__init__(message)


class ConditionError(OrchestraError):
    """A condition of a definition cannot be read, or cannot be decided from the values that it is given.

    Parameters
    ----------
    message
        What was found, what was expected, and what to write instead.
    column
        Where in the condition's text, counted from 1.

    Examples
    --------
    >>> from orchestra_nb.definitions.condition import parse_condition
    >>> try:
    ...     parse_condition("rows.length >> 3")
    ... except ConditionError as error:
    ...     print(error.column, error, sep=" | ")
    14 | column 14: found '>', expected a value such as a name, a number or a text
    """

    def __init__(self, message: str, column: int) -> None:
        self.message = message
        self.column = column
        super().__init__(f"column {column}: {message}")


class ResourceError(OrchestraError):
    """A resource is unknown or asked for what it cannot give, or a lock is not held.

    Examples
    --------
    >>> from orchestra_nb import ResourceManager
    >>> manager = ResourceManager()
    >>> manager.register_resource("gpu", max_concurrent=2)
    >>> manager.acquire_lock("gpu:3")
    Traceback (most recent call last):
    orchestra_nb.errors.ResourceError: 3 of 'gpu' can never be had: there is 2; ask for less, or register more
    """


class LockTimeout(ResourceError):
    """A lock was not to be had in time; nothing is held.

    Examples
    --------
    >>> from orchestra_nb import ResourceManager
    >>> manager = ResourceManager()
    >>> manager.register_resource("db")
    >>> held = manager.acquire_lock("db", owner="load")
    >>> with manager.lock("db", owner="clean", timeout=0):
    ...     print("never")
    Traceback (most recent call last):
    orchestra_nb.errors.LockTimeout: clean waited in vain for db; give it a longer timeout, or see .frame for who holds
    """


class DeadlockError(ResourceError):
    """Owners wait for each other in a circle, and this request is the one that gives way.

    Parameters
    ----------
    message
        The circle in words, and what to do next.
    circle
        One entry for each wait, in order: who waits, for what, and who holds it.
    victim
        The owner whose request was refused.

    Examples
    --------
    >>> refused = DeadlockError(
    ...     "anna waits for 'gpu', which ben holds; ben waits for 'db', which anna holds",
    ...     circle=[("anna", "gpu", "ben"), ("ben", "db", "anna")],
    ...     victim="ben",
    ... )
    >>> refused.victim, refused.circle[0]
    ('ben', ('anna', 'gpu', 'ben'))

    Two threads that take two locks in opposite orders meet it:

    >>> import threading
    >>> from orchestra_nb import ResourceManager
    >>> manager, both, victims = ResourceManager(), threading.Barrier(2), []
    >>> for name in ("db", "gpu"):
    ...     manager.register_resource(name)
    >>> def take(owner, first, second):
    ...     try:
    ...         with manager.lock(first, owner=owner):
    ...             both.wait()
    ...             with manager.lock(second, owner=owner):
    ...                 pass
    ...     except DeadlockError as error:
    ...         victims.append(len(error.circle))
    >>> threads = [
    ...     threading.Thread(target=take, args=("anna", "db", "gpu")),
    ...     threading.Thread(target=take, args=("ben", "gpu", "db")),
    ... ]
    >>> for thread in threads:
    ...     thread.start()
    >>> for thread in threads:
    ...     thread.join()
    >>> victims
    [2]
    """

    def __init__(self, message: str, circle: Iterable[tuple[str, str, str]] = (), victim: str = "") -> None:
        self.circle = tuple(circle)
        self.victim = victim
        super().__init__(message)


class BudgetSpent(ResourceError):
    """A budget has less left than was asked for; nothing was spent.

    Parameters
    ----------
    message
        What was asked for, what is left, and who spent the rest.
    resource
        The budget.
    left
        What can still be spent, in the budget's own unit.
    spent
        What was spent, by owner.

    Examples
    --------
    >>> from orchestra_nb import ResourceManager
    >>> manager = ResourceManager()
    >>> manager.register_resource("tokens", budget=1000)
    >>> _ = manager.acquire_lock("tokens:800", owner="draft")
    >>> try:
    ...     manager.acquire_lock("tokens:300", owner="review")
    ... except BudgetSpent as error:
    ...     print(error.resource, error.left, error.spent)
    tokens 200.0 {'draft': 800.0}
    """

    def __init__(
        self, message: str, resource: str = "", left: float = 0.0, spent: Mapping[str, float] = _NOBODY
    ) -> None:
        self.resource = resource
        self.left = left
        self.spent = dict(spent)
        super().__init__(message)


class LeaseExpired(ResourceError):
    """A lock was held longer than its lease, and may be somebody else's by now.

    Examples
    --------
    >>> from orchestra_nb import ResourceManager
    >>> now = [0.0]
    >>> manager = ResourceManager(clock=lambda: now[0])
    >>> manager.register_resource("db")
    >>> lock_id = manager.acquire_lock("db", owner="load", lease=10)
    >>> now[0] = 11.0
    >>> _ = manager.get_resource_stats()
    >>> manager.release_lock(lock_id)
    Traceback (most recent call last):
    orchestra_nb.errors.LeaseExpired: lock 1 was taken back: its lease had expired; ask again, and renew in time
    """


class ProgressError(OrchestraError):
    """A fact about a run that contradicts what is known of it: another end, an unknown node, a graph of another run.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node, ProgressTracker
    >>> tracker = ProgressTracker()
    >>> tracker.initialize(DAG([Node("load")]))
    >>> tracker.mark_completed("load")
    >>> tracker.update("load", "failed")
    Traceback (most recent call last):
    orchestra_nb.errors.ProgressError: 'load' has ended as completed and cannot end as failed too
    """


class EventLogError(OrchestraError):
    r"""A log of events cannot be written, is damaged, or does not tell what was asked for.

    Parameters
    ----------
    message
        Where, what is wrong, and what is still true.
    faults
        Every fault that was found, each with its line in ``path``.

    Examples
    --------
    >>> from orchestra_nb import Replay
    >>> log = b'{"run": "r", "name": "execution:run-ended", "at": 2.0, "success": true}\n{"run": "r", "na'
    >>> try:
    ...     Replay.parse(log, strict=True)
    ... except EventLogError as error:
    ...     print(*[(fault.code, fault.path) for fault in error.faults], sep=", ")
    ('cut-off', 'line 2'), ('no-beginning', 'line 1')
    """

    def __init__(self, message: str, faults: Iterable[Issue] = ()) -> None:
        self.faults = tuple(faults)
        super().__init__(message)


class CircuitOpenError(OrchestraError):
    """A circuit breaker refused a call, which was not made.

    Parameters
    ----------
    message
        The circuit, why it is open, and for how many seconds.
    circuit
        Its name.
    last_failure
        The failure that opened it, in words.
    until
        When it may let a call through, as its clock counts seconds; while probes are under way, when the first of
        them loses its place.
    retry_after
        Seconds from the refusal until it lets a probe through; 0 while a probe is under way, because that may end at
        any time.

    Examples
    --------
    >>> from orchestra_nb import BreakerPolicy, RecoveryManager
    >>> manager = RecoveryManager(breaker=BreakerPolicy(threshold=1, rest=30), clock=lambda: 0.0)
    >>> def ask():
    ...     raise OSError("no answer")
    >>> try:
    ...     manager.run_with_circuit_breaker("weather", ask)
    ... except OSError:
    ...     pass
    >>> try:
    ...     manager.run_with_circuit_breaker("weather", ask)
    ... except CircuitOpenError as error:
    ...     print(error.circuit, error.retry_after, error.last_failure)
    weather 30.0 OSError: no answer
    """

    def __init__(
        self, message: str, circuit: str = "", last_failure: str = "", until: float = 0.0, retry_after: float = 0.0
    ) -> None:
        self.circuit = circuit
        self.last_failure = last_failure
        self.until = until
        self.retry_after = retry_after
        super().__init__(message)


class RunNotOver(OrchestraError, TimeoutError):
    """A run was waited for, and was not over in time: it goes on.

    Examples
    --------
    >>> import threading
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> gate = threading.Event()
    >>> run = Pipeline([Node("wait", fn=gate.wait)], RunConfig(jobs=1)).start()
    >>> try:
    ...     run.wait(timeout=0)
    ... except TimeoutError as error:
    ...     print(error)
    the run is not over after 0 s; wait longer, or cancel() it
    >>> gate.set()
    >>> run.wait(timeout=60).success
    True
    """


class CommandError(OrchestraError):
    """A magic line or command line that cannot be understood.

    Examples
    --------
    >>> from orchestra_nb.grammar import parse
    >>> parse("rnu --notebook")
    Traceback (most recent call last):
    orchestra_nb.errors.CommandError: %orchestrate: no subcommand 'rnu'; did you mean 'run'?
    """


class ComparisonError(OrchestraError):
    """Two runs could not be compared: there is no sound linear run to measure the others by.

    Examples
    --------
    >>> error = ComparisonError("the linear run failed, so there is nothing to compare with: ZeroDivisionError")
    >>> isinstance(error, OrchestraError)
    True
    """


class DefinitionError(OrchestraError):
    """A definition, notebook or directive is faulty; nothing has run.

    Parameters
    ----------
    issues
        Every fault that was found, in document order.

    Examples
    --------
    >>> from orchestra_nb import DAGBuilder
    >>> try:
    ...     DAGBuilder().build_dag([42, {"id": "load", "afer": []}])
    ... except DefinitionError as error:
    ...     print(*[(issue.code, issue.path) for issue in error.issues])
    ('not-a-node', 'item 1') ('unknown-setting', 'item 2')
    """

    def __init__(self, issues: Iterable[Issue]) -> None:
        self.issues = tuple(issues)
        super().__init__("\n".join(str(issue) for issue in self.issues))


class NotebookError(DefinitionError):
    """The notebook file cannot be used: missing, not JSON, empty, another language, a syntax error.

    Examples
    --------
    >>> from orchestra_nb import Notebook
    >>> Notebook.from_sources(["", "  "])
    Traceback (most recent call last):
    orchestra_nb.errors.NotebookError: the notebook has no cell that could run; write some code, or take away the
    'skip-execution' tags
    """


class GraphError(OrchestraError):
    """The nodes do not form a DAG.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node
    >>> DAG([Node("load"), Node("load")])
    Traceback (most recent call last):
    orchestra_nb.errors.GraphError: two nodes are named 'load'; give one of them another name
    """


class CycleError(GraphError):
    """Nodes wait for each other in a circle.

    Parameters
    ----------
    path
        The ids around the circle; the first is repeated at the end.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node
    >>> DAG([Node("a", after=["b"]), Node("b", after=["a"])])
    Traceback (most recent call last):
    orchestra_nb.errors.CycleError: cycle: a → b → a; drop one of these 'after' settings
    """

    def __init__(self, path: Iterable[str]) -> None:
        self.path = tuple(path)
        super().__init__(f"cycle: {' → '.join(self.path)}; drop one of these 'after' settings")


class MissingDependencyError(GraphError):
    """A node names another that does not exist.

    Examples
    --------
    >>> from orchestra_nb import DAG, Node
    >>> DAG([Node("load"), Node("plot", after=["laod"])])
    Traceback (most recent call last):
    orchestra_nb.errors.MissingDependencyError: 'plot' comes after 'laod', which does not exist; did you mean 'load'?
    """


class NodeError(OrchestraError):
    """Something about one node of a run; ``.node`` is its id.

    Examples
    --------
    >>> NodeError("node 'load' needs more memory", "load").node
    'load'
    """

    def __init__(self, message: str, node: str = "") -> None:
        self.node = node
        super().__init__(message)


class NodeFailed(NodeError):
    """A node's body raised.

    Parameters
    ----------
    message
        The error in one line.
    node
        The node's id.
    traceback
        Lines of the body's own traceback, the library's frames left out.
    ename, evalue
        The original exception's class name and text.

    Examples
    --------
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> result = Pipeline([Node("half", fn=lambda: 1 / 0)], RunConfig(jobs=1)).run()
    >>> error = result.errors[0]
    >>> error.node, error.ename, error.evalue
    ('half', 'ZeroDivisionError', 'division by zero')
    >>> result.raise_for_errors()
    Traceback (most recent call last):
    orchestra_nb.errors.NodeFailed: node 'half' failed: ZeroDivisionError: division by zero
    """

    def __init__(
        self, message: str, node: str = "", traceback: Iterable[str] = (), ename: str = "", evalue: str = ""
    ) -> None:
        super().__init__(message, node)
        self.traceback = tuple(traceback)
        self.ename = ename
        self.evalue = evalue

    def _told(self) -> list[str]:
        return [*self.traceback, f"{type(self).__name__}: {self}"]


class NodeTimeout(NodeError):
    """A node outlived its timeout.

    Examples
    --------
    >>> import asyncio
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> async def dawdle():
    ...     await asyncio.sleep(60)
    >>> Pipeline([Node("dawdle", fn=dawdle, timeout=0.01)], RunConfig(jobs=2)).run().raise_for_errors()
    Traceback (most recent call last):
    orchestra_nb.errors.NodeTimeout: node 'dawdle' outlived its timeout of 0.01 s
    """


class NodeCancelled(NodeError):
    """A node was stopped before it ended.

    Examples
    --------
    >>> import asyncio
    >>> from orchestra_nb import Node, Pipeline, RunConfig
    >>> async def ask():
    ...     pipeline.cancel("nobody wants it")
    ...     await asyncio.sleep(60)
    >>> pipeline = Pipeline([Node("ask", fn=ask)], RunConfig(jobs=2))
    >>> pipeline.run().raise_for_errors()
    Traceback (most recent call last):
    orchestra_nb.errors.NodeCancelled: node 'ask' was cancelled: nobody wants it
    """

"""What is to be undone when a run has failed for good, and how a result tells what became of it. Pure.

**When.** Something failed after all its attempts, or the run outlived its time or got stuck; every node has ended (with
``keep_going``, all that could run has run). A run that its user interrupted or cancelled is left as it is: it can be
gone on with. So is every run with ``RunConfig(undo=False)``.

**Which.** The nodes that this run has done. What came from a cache or a checkpoint was done by another run, and is not
undone. What failed, was cancelled or timed out had no effect: that is what failing means for a saga, so what can fail
halfway is two nodes. (A body that was abandoned in its thread may still be at work meanwhile; its outcome says so.)

**In which order.** The latest first, by when it was done, and none before all that used it; that is
:class:`~orchestra_nb.recovery.saga.Saga`, which takes any partial order. Here the graph becomes that order: a node
uses each done node that it waits for, directly or through nodes that were not done here.

**What a compensation is given**: what its parameters name. A name of a node is that node's value, one of a context key
is that, ``result`` is the value of the node that it compensates, and ``context`` is a mapping of all of these by name
(so ``undo(context, result)`` is what :class:`.SagaStep` has, too). A node or key that has one of these two names goes
before. A parameter whose value nobody knows (its node was not done, or its value was let go) gets its default, or else
an :class:`~orchestra_nb.recovery.saga_result.Unknown`, never an error: it is too late for one.

**How it is told.** What was undone stays ``"done"``, for so it was, with its fate as the reason; what compensates has
the outcome of its own work, and its errors stand behind those that the run failed with.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Container, Iterable, Mapping
from dataclasses import replace
from typing import Any

from orchestra_nb.config import RetryPolicy
from orchestra_nb.errors import Issue, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.signature import is_generator_function, parameters
from orchestra_nb.graph.undoing import compensators, never_runs, runs_later
from orchestra_nb.model import Node, NodeId, Outcome
from orchestra_nb.recovery.compensating import Done
from orchestra_nb.recovery.saga_facts import THRICE, Fact, Failure, Part
from orchestra_nb.recovery.saga_lines import exact_json
from orchestra_nb.recovery.saga_result import SagaResult, StepFate, Unknown
from orchestra_nb.running.decisions import Stopped, retry_policy

RESULT, CONTEXT = "result", "context"
"""Parameters of a compensation that stand for what it undoes, and for everything."""
_ALWAYS = (RESULT, CONTEXT)
_LEFT_ALONE: tuple[Stopped, ...] = ("interrupted", "cancelled")


def failed_for_good(outcomes: Iterable[Outcome], stopped: str) -> bool:
    """Say whether a run that has ended is one whose work is to be undone.

    Examples
    --------
    >>> failed_for_good([Outcome("a", "failed")], ""), failed_for_good([Outcome("a", "cancelled")], "interrupted")
    (True, False)
    """
    return stopped not in _LEFT_ALONE and (bool(stopped) or any(outcome.bad for outcome in outcomes))


def to_undo(dag: DAG, ended: Mapping[NodeId, Outcome], *, durable: bool = False) -> Done:
    """Say what a run has done, as the facts of a saga whose way leads back.

    Parameters
    ----------
    dag
        The graph as it was in the end.
    ended
        The outcomes, in the order in which the nodes ended.
    durable
        Whether the values are to be found by another process: then those that JSON holds are in the facts.

    Examples
    --------
    >>> dag = DAG([Node("a", undo="tidy"), Node("b", after=["a"]), Node("tidy")])
    >>> done = to_undo(dag, {"a": Outcome("a", "done"), "b": Outcome("b", "failed")})
    >>> [(fact.kind, fact.step) for fact in done.facts]
    [('step-begun', 'a'), ('step-done', 'a'), ('compensating', 'b')]
    """
    nodes, aside = dag.nodes, compensators(dag.nodes.values())
    done = [name for name, outcome in ended.items() if outcome.status == "done" and name not in aside]
    used = _used(dag, frozenset(done))
    parts, facts = [], []
    for name in done:
        node = nodes[name]
        parts.append(Part(name, used[name], node.undo is not None, compensation_retry=retry_of(node, nodes)))
        value = exact_json(ended[name].value) if durable and node.undo is not None else None
        facts += [Fact("step-begun", name), Fact("step-done", name, value=value)]
    return Done(tuple(parts), (*facts, _cause(ended, nodes)))


def retry_of(node: Node, nodes: Mapping[str, Node]) -> RetryPolicy:
    """Say how often the compensation of a node is tried: as its own node says, and a function as in every saga."""
    by = nodes.get(node.undo) if isinstance(node.undo, str) else None
    return THRICE if by is None else retry_policy(by)


def _used(dag: DAG, done: frozenset[str]) -> dict[str, tuple[str, ...]]:
    """For each node, the done ones that it waits for, directly or through others."""
    ids, found = dag.table.ids, dict[str, tuple[str, ...]]()
    for level in dag.table.levels:
        for i in level:
            near: dict[str, None] = {}
            for name in (ids[j] for j in dag.table.preds[i]):
                near.update(dict.fromkeys((name,) if name in done else found[name]))
            found[ids[i]] = tuple(near)
    return found


def _cause(ended: Mapping[NodeId, Outcome], nodes: Mapping[str, Node]) -> Fact:
    """What the run failed with: the first node in the document that did."""
    bad = [ended[NodeId(name)] for name in nodes if name in ended and ended[NodeId(name)].bad]
    bad.sort(key=lambda outcome: outcome.status != "failed")
    for outcome in bad:
        error = outcome.error
        told = Failure(type(error).__name__, str(error)) if error is not None else Failure("NodeError", outcome.reason)
        ename = getattr(error, "ename", "")
        return Fact("compensating", outcome.node, error=Failure(ename, getattr(error, "evalue", "")) if ename else told)
    return Fact("compensating")


def arguments(
    fn: Callable[..., Any], context: Mapping[str, Any], result: Any
) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Say what a compensation is called with, by position and by name.

    Parameters
    ----------
    fn
        The function.
    context
        All that is known, by name; reading what nobody knows any more raises.
    result
        The value of the node that is undone.

    Examples
    --------
    >>> arguments(lambda order, /, result, reason="", *, context: None, {"order": 7}, 8)
    ((7,), {'result': 8, 'context': {'order': 7}})
    >>> arguments(lambda lost, found=1: None, {}, 8)
    ((), {'lost': Unknown(step='lost', why='it was not done')})
    """
    positional: list[Any] = []
    named: dict[str, Any] = {}
    gap = False  # behind a place that keeps its default, only names can be given
    for name, required, by_place in parameters(fn):
        if name in context:
            value = _value(name, context)
        elif name == RESULT:
            value = result
        elif name == CONTEXT:
            value = context
        elif required:
            value = Unknown(name, "it was not done")
        else:
            gap = gap or by_place
            continue
        if by_place:
            positional += [] if gap else [value]
        else:
            named[name] = value
    return tuple(positional), named


def known_of(context: Mapping[str, Any]) -> dict[str, Any]:
    """Give what is known of a compensation's context; the rest is an :class:`.Unknown`."""
    return {name: _value(name, context) for name in context}


def _value(name: str, context: Mapping[str, Any]) -> Any:
    try:
        return context[name]
    except Exception as error:
        return Unknown(name, str(error))


def faults_of_undoing(new: Iterable[Node], aside: Container[str], known: Collection[str]) -> list[Issue]:
    """Find the compensations of functions that could not be called: all before anything runs.

    Parameters
    ----------
    new
        The nodes to look at.
    aside
        Those that compensate.
    known
        Names of all nodes, and of the context's values.
    """
    issues = []
    for node in new:
        fn = node.fn if node.id in aside else None if isinstance(node.undo, str) else node.undo
        if node.id in aside and fn is None:
            told, hint = f"node {node.id!r} has no function to call", "give it fn="
            issues.append(Issue("no-function", told, (node.id,), suggestion=hint))
        if fn is not None and is_generator_function(fn):
            told = f"node {node.id!r}: what compensates is a generator, and calling it runs nothing of it"
            hint = "undo with return, not with yield"
            issues.append(Issue("undo-generator", told, (node.id,), suggestion=hint))
        for name, required, _ in parameters(fn) if fn is not None else ():
            if required and name not in known and name not in _ALWAYS:
                what = "its parameter" if node.id in aside else "the parameter of its 'undo'"
                told, hint = (
                    f"node {node.id!r}: nothing fills {what} {name!r}",
                    nearest(name, (*known, *_ALWAYS)),
                )
                issues.append(Issue("unfilled-parameter", told, (node.id,), suggestion=hint))
    return issues


def needed_to_undo(dag: DAG) -> frozenset[str]:
    """Name the values that compensations would need: those have to stay until the run is over."""
    found: set[str] = set()
    aside = compensators(dag.nodes.values())
    for node in dag.nodes.values():
        fn = node.fn if node.id in aside else None if isinstance(node.undo, str) else node.undo
        found |= {node.id} if node.undo is not None else set()
        found |= {name for name, _, _ in parameters(fn) if name in dag.nodes} if fn is not None else set()
    return frozenset(found)


def not_needed(
    outcomes: Mapping[NodeId, Outcome], aside: Mapping[NodeId, tuple[NodeId, ...]], stopped: str
) -> dict[NodeId, Outcome]:
    """Tell of the nodes that compensate why they have not run, now that the run has ended.

    Until then it was only known that they wait for a failure. What a way back makes of them, :func:`told` says.

    Examples
    --------
    >>> waits = Outcome("drop", "skipped", reason="it compensates 'load' when the run fails")
    >>> not_needed({"load": Outcome("load", "done"), "drop": waits}, {"drop": ("load",)}, "")["drop"].reason
    "it compensates 'load', and nothing had to be undone"
    """
    later = runs_later(()).removeprefix("it compensates ")  # whom it compensates may have become more since
    failed = bool(stopped) or any(outcome.bad for outcome in outcomes.values()) if aside else False
    return {
        name: replace(outcomes[name], reason=never_runs(whom, failed=failed))
        for name, whom in aside.items()
        if name in outcomes and outcomes[name].reason.endswith(later)
    }


def told(
    outcomes: Mapping[str, Outcome], dag: DAG, report: SagaResult, by: Mapping[str, list[Outcome]]
) -> dict[str, Outcome]:
    """Tell what became of the nodes when the way back has ended, or was stopped.

    Parameters
    ----------
    outcomes
        How each node ended in the run.
    dag
        The graph.
    report
        What was undone.
    by
        What each compensating node, or the compensation of each node that a function undoes, came to.
    """
    aside = compensators(dag.nodes.values())
    fates = {step.step: step for step in report.steps}
    found = dict(outcomes)
    for name, outcome in outcomes.items():
        works = by.get(name, [])
        if name in aside:
            whom = aside[NodeId(name)]
            left = [each for each in whom if each in fates and fates[each].fate == "left"]
            found[name] = _worked(works, whom) if works else _not_run(outcome, whom, left)
        elif name in fates and (fate := told_fate(fates[name], dag.nodes[name])):
            said = tuple(output for work in works for output in work.outputs)
            reason = f"{outcome.reason}; {fate}" if outcome.reason else fate
            found[name] = replace(outcome, reason=reason, outputs=(*outcome.outputs, *said))
    return found


def told_fate(step: StepFate, node: Node) -> str:
    """Say what became of a done node; empty where nothing was to be undone.

    Examples
    --------
    >>> told_fate(StepFate("a", "needs-person", undo_error="OSError: no"), Node("a", undo="b"))
    'could not be undone: OSError: no'
    """
    if step.fate == "undone":
        return f"undone by {node.undo!r}" if isinstance(node.undo, str) else "undone"
    if step.fate == "needs-person":
        return f"could not be undone: {step.undo_error}"
    return "still to be undone" if step.fate == "left" else ""


def _not_run(outcome: Outcome, whom: tuple[NodeId, ...], left: list[NodeId]) -> Outcome:
    """An outcome for what compensates and has not run, though others have; another reason than that stands."""
    ours = outcome.reason in ("", never_runs(whom, failed=True))
    why = f"it compensates {', '.join(map(repr, left))}, still to be undone" if left else never_runs(whom)
    return replace(outcome, status="skipped", error=None, reason=why if ours else outcome.reason)


def _worked(works: list[Outcome], whom: tuple[NodeId, ...]) -> Outcome:
    """One outcome for all that a compensating node did; the last bad one counts most."""
    worst = next((work for work in reversed(works) if not work.ok), works[-1])
    said = tuple(output for work in works for output in work.outputs)
    reason = f"compensates {', '.join(map(repr, whom))}"
    return replace(
        worst,
        outputs=said,
        attempts=sum(work.attempts for work in works),
        reason=f"{reason}; {worst.reason}" if worst.reason else reason,
    )

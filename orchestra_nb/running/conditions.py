"""The conditions of a run's nodes: read before the run, decided when a node's needs are met.

A condition is data in the safe language of :mod:`orchestra_nb.definitions.condition`. Its root names are looked up
wherever the program keeps values; a name may also be a node's id in camelCase, since a condition cannot hold a ``-``.
Failure: every condition that cannot be read is named, all at once, before anything ran; one that cannot be decided is
its node's failure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from orchestra_nb.definitions.condition import Condition, parse_condition
from orchestra_nb.definitions.condition_values import UNDEFINED
from orchestra_nb.definitions.fields import shown
from orchestra_nb.errors import ConditionError, Issue
from orchestra_nb.model import Node, NodeId

_MOST = 5
"""Values that are named when a condition was false."""
_PLAIN = (type(None), bool, int, float, str, list, tuple, dict)
"""What is shown as it is; of anything else only the kind."""


class Conditions:
    """The conditions of a graph's nodes.

    Parameters
    ----------
    nodes
        Whose ``when`` to read.
    issues
        Receives the faults.

    Examples
    --------
    >>> issues = []
    >>> conditions = Conditions([Node("deploy", when="tests.failed === 0")], issues)
    >>> conditions.false("deploy", {"tests": {"failed": 2}}.__getitem__)
    'its condition was false: tests.failed === 0 (tests.failed is 2)'
    """

    def __init__(self, nodes: Iterable[Node], issues: list[Issue]) -> None:
        self._read: dict[NodeId, Condition] = {}
        for node in nodes:
            if node.when is None:
                continue
            try:
                self._read[node.id] = parse_condition(node.when)
            except ConditionError as error:
                told = f"node {node.id!r}: its condition cannot be read: {error}"
                issues.append(Issue("bad-condition", told, (node.id,), suggestion=f"it says {node.when!r}"))

    def __len__(self) -> int:
        return len(self._read)

    def names(self, node: str) -> tuple[str, ...]:
        """Give the root names that a node's condition reads."""
        condition = self._read.get(NodeId(node))
        return () if condition is None else condition.names

    def false(self, node: str, value_of: Callable[[str], Any]) -> str:
        """Say which condition was false, and of what; empty when the node is to run.

        Parameters
        ----------
        node
            Its id.
        value_of
            Looks a root name up; raises ``KeyError`` when there is none.

        Raises
        ------
        ConditionError
            The condition cannot be decided.
        """
        condition = self._read.get(NodeId(node))
        if condition is None:
            return ""
        values = {}
        for name in condition.names:
            try:
                values[name] = value_of(name)
            except KeyError:
                continue  # the condition says so itself, with the column
        if condition.evaluate(values):
            return ""
        facts = [fact for path in condition.paths[:_MOST] if (fact := _fact(".".join(path), values))]
        more = ", …" if len(condition.paths) > _MOST else ""
        return f"its condition was false: {condition.source}" + (f" ({', '.join(facts)}{more})" if facts else "")


def _fact(path: str, values: Mapping[str, Any]) -> str:
    """Say in a few words what a condition found somewhere; empty where that cannot be asked for by itself."""
    try:
        found = parse_condition(path).value(values)
    except ConditionError:
        return ""
    if found is UNDEFINED:
        return f"{path} is not there"
    if isinstance(found, float) and found.is_integer():  # numbers are doubles in conditions
        found = int(found)
    return f"{path} is {shown(found) if isinstance(found, _PLAIN) else type(found).__name__}"

"""A graph while it is read from a file: tasks and needs with their places, and every fault that was found.

Policy: whatever a reader notices is noted here with the place where it stands, and reading goes on; only at the end is
the whole refused, with all faults at once. A need of a task that does not exist is left out of the graph and told of,
so that circles are found all the same. Order: faults as they were found, then circles. Failure: one
:class:`.DefinitionError`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra_nb.errors import DefinitionError, Issue, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.validation import check
from orchestra_nb.model import Edge, Node, NodeId, is_duration

MOST_FAULTS = 200
"""How many faults are told; of more, how many there are."""


@dataclass(slots=True)
class Draft:
    """What was read so far.

    Parameters
    ----------
    file
        What the file is called in errors.
    missing
        Seconds of a task for which the file has none; ``None``: that is a fault.

    Examples
    --------
    >>> draft = Draft("a.stg")
    >>> draft.task("1", "line 2", cost=2.0) and draft.need("0", "1", "line 2")
    >>> draft.made({})
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: a.stg, line 2: '1' needs '0', which does not exist; known: 1
    """

    file: str
    missing: float | None = None
    issues: list[Issue] = field(default_factory=list)
    _tasks: dict[str, Node] = field(default_factory=dict)
    _places: dict[str, str] = field(default_factory=dict)
    _needs: dict[tuple[str, str], str] = field(default_factory=dict)
    _edges: list[Edge] = field(default_factory=list)

    def fault(self, code: str, message: str, place: str = "", hint: str = "", nodes: Iterable[str] = ()) -> None:
        """Note a fault.

        Examples
        --------
        >>> draft = Draft("a.stg")
        >>> draft.fault("wrong-count", "has 3 tasks, and says 4", "line 1")
        >>> print(draft.issues[0])
        a.stg, line 1: has 3 tasks, and says 4
        """
        where = f"{self.file}, {place}" if place else self.file
        self.issues.append(Issue(code, message, tuple(nodes), where, hint))

    def task(self, name: object, place: str, **settings: Any) -> str:
        """Note a task; returns its name, or nothing where it has none that can be used.

        Examples
        --------
        >>> draft = Draft("a.json")
        >>> draft.task("load", "tasks[0]"), draft.task("load", "tasks[1]"), draft.task(3, "tasks[2]")
        ('load', '', '')
        >>> [issue.code for issue in draft.issues]
        ['duplicate-name', 'no-name']
        """
        if not isinstance(name, str) or not name:
            self.fault("no-name", f"a task must have a name, not {name!r}", place, "give it one")
            return ""
        if name in self._tasks:
            first = self._places[name]
            self.fault("duplicate-name", f"{name!r} is there already, at {first}", place, "name one otherwise", [name])
            return ""
        self._tasks[name] = Node(NodeId(name), index=len(self._tasks), **settings)
        self._places[name] = place
        return name

    def settle(self, name: str, **settings: Any) -> None:
        """Say more of a task that was noted.

        Examples
        --------
        >>> draft = Draft("a.json")
        >>> draft.settle(draft.task("load", "tasks[0]"), cost=3.0)
        >>> draft.made({}).critical_time
        3.0
        """
        self._tasks[name] = replace(self._tasks[name], **settings)

    def seconds(self, value: object, place: str, name: str, what: str = "runtime") -> float:
        """Check what a task takes; where that is a fault, it is noted.

        Examples
        --------
        >>> draft = Draft("a.json")
        >>> draft.seconds(2, "tasks[0].runtime", "load"), draft.seconds(-2, "tasks[1].runtime", "fit")
        (2.0, 0.0)
        >>> print(draft.issues[0])
        a.json, tasks[1].runtime: the runtime of 'fit' must be seconds, zero or more, not -2
        >>> Draft("a.json", missing=5).seconds(None, "tasks[0]", "load")
        5.0
        """
        if value is None:
            if self.missing is None:
                hint = "add it, or say missing=SECONDS (--missing SECONDS) for all that have none"
                self.fault("no-runtime", f"{name!r} has no {what}", place, hint, [name])
            return float(self.missing or 0.0)
        if not is_duration(value) or value > 1e15:
            told = f"the {what} of {name!r} must be seconds, zero or more, not {value!r}"
            self.fault("bad-runtime", told, place, nodes=[name])
            return 0.0
        return float(value)

    def need(self, source: str, target: str, place: str, edge: Edge | None = None) -> None:
        """Note that a task needs another; with an edge of its own where there is more to say of it.

        Examples
        --------
        >>> draft = Draft("a.json")
        >>> draft.task("a", "tasks[0]") and draft.task("b", "tasks[1]") and draft.need("a", "b", "tasks[1].parents[0]")
        >>> draft.made({}).levels
        (('a',), ('b',))
        """
        self._needs.setdefault((source, target), place)
        if edge is not None:
            self._edges.append(edge)

    def known(self, name: str) -> bool:
        """Whether there is such a task by now.

        Examples
        --------
        >>> Draft("a.json").known("a")
        False
        """
        return name in self._tasks

    def made(self, metadata: Mapping[str, Any]) -> DAG:
        """Make the graph.

        Raises
        ------
        DefinitionError
            There were faults; all of them.

        Examples
        --------
        >>> Draft("a.json").made({"name": "nothing"}).metadata["name"]
        'nothing'
        """
        self._check_names()
        nodes, edges = self._wired()
        self.issues += self._circles(nodes, edges)
        if self.issues:
            more = len(self.issues) - MOST_FAULTS
            rest = [Issue("more", f"and {more} faults more", path=self.file)] if more > 0 else []
            raise DefinitionError([*self.issues[:MOST_FAULTS], *rest])
        return DAG(nodes, edges, metadata)

    def _check_names(self) -> None:
        for (source, target), place in self._needs.items():
            for name, told in ((source, f"{target!r} needs {source!r}"), (target, f"{target!r} is to need {source!r}")):
                if name not in self._tasks:
                    gone = "which does not exist" if name == source else "and does not exist"
                    self.fault("unknown-node", f"{told}, {gone}", place, self._near(name), [source, target])

    def _near(self, name: str) -> str:
        few = len(self._tasks) <= 5000  # looking for what is alike takes time with each name
        return nearest(name, self._tasks) if few and len(self.issues) < MOST_FAULTS else ""

    def _wired(self) -> tuple[list[Node], list[Edge]]:
        after: dict[str, list[NodeId]] = {name: [] for name in self._tasks}
        drawn = {(edge.source, edge.target) for edge in self._edges}
        for source, target in self._needs:
            if source in after and target in after and (source, target) not in drawn:
                after[target].append(NodeId(source))
        nodes = [replace(node, after=tuple(after[name])) if after[name] else node for name, node in self._tasks.items()]
        return nodes, [edge for edge in self._edges if edge.source in after and edge.target in after]

    def _circles(self, nodes: list[Node], edges: list[Edge]) -> list[Issue]:
        def place(node: Node, _: str) -> str:
            return f"{self.file}, {self._places[node.id]}"

        return [issue for issue in check(nodes, edges, place=place) if issue.severity == "error"]

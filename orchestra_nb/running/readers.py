"""Who still needs which value: when the last reader of one has ended, it can go.

Pure bookkeeping, by names: values are named after the nodes, or the parts of nodes, that make them. It does not matter
how a node ends (a failed reader will not read again, a skipped one never will). What the user asked for stays.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from orchestra_nb.errors import ConfigError, Issue, nearest
from orchestra_nb.running.parcels import Several
from orchestra_nb.running.pickling import kind_of
from orchestra_nb.running.seams import is_kept


@dataclass(frozen=True, slots=True)
class Released:
    """Stands in an outcome for a value that was not asked for.

    Parameters
    ----------
    kind
        The name of its class.
    nbytes
        Its size, as far as it tells: of an array with its elements, of a list without them.

    Examples
    --------
    >>> Released("numpy.ndarray", 8_000_000)
    <released: numpy.ndarray, 8000000 bytes>
    """

    kind: str
    nbytes: int

    @classmethod
    def of(cls, value: Any) -> Released:
        """Describe a value, without calling any code of its own."""
        if is_kept(value):
            return cls(getattr(value, "kind", "object"), value.nbytes)
        kind = kind_of(value)
        size = (
            value.nbytes if kind.startswith("numpy.") and hasattr(type(value), "nbytes") else object.__sizeof__(value)
        )
        return cls(kind, int(size))

    def __repr__(self) -> str:
        return f"<released: {self.kind}, {self.nbytes} bytes>"


def is_released(value: Any) -> bool:
    """Whether a value was let go, or one of several was."""
    parts = value.values() if type(value) is Several else (value,)
    return any(type(part) is Released for part in parts)


class Readers:
    """The readers of each value.

    Parameters
    ----------
    reads
        For each node, the values that it reads, its own left out.
    makes
        For each node, the values that it makes.
    wanted
        Values that stay; ``None``: all.

    Examples
    --------
    >>> readers = Readers({"a": (), "b": ["a"], "c": ["a"]}, {"a": ["a"], "b": ["b"], "c": ["c"]}, {"c"})
    >>> readers.ended("a"), readers.ended("c"), sorted(readers.ended("b"))
    ([], [], ['a', 'b'])
    """

    def __init__(
        self, reads: Mapping[str, Iterable[str]], makes: Mapping[str, Iterable[str]], wanted: Collection[str] | None
    ) -> None:
        self._reads: dict[str, Iterable[str]] = {}
        self._makes: dict[str, Iterable[str]] = {}
        self._wanted = wanted
        self._waiting: dict[str, set[str]] = {}
        self.add(reads, makes)

    def __contains__(self, node: str) -> bool:
        return node in self._makes

    def add(self, reads: Mapping[str, Iterable[str]], makes: Mapping[str, Iterable[str]]) -> None:
        """Get to know more nodes; what they read must still be there (:meth:`gone`)."""
        self._reads |= reads
        self._makes |= makes
        if self._wanted is None:
            return
        for node, names in makes.items():
            for name in names:
                self._waiting[name] = {node}
        for node, names in reads.items():
            for name in names:
                self._waiting[name].add(node)

    def gone(self, reads: Mapping[str, Iterable[str]]) -> list[Issue]:
        """Find the new nodes that read a value which was let go: nobody knew then that they would come."""
        return [
            Issue(
                "released-value",
                f"node {node!r} reads the value of {name!r}, which nobody needed any more",
                (node, name),
                suggestion=f"add {name!r} to the results of the run",
            )
            for node, names in reads.items()
            for name in names
            if name in self._waiting and not self._waiting[name] and not self.stays(name)
        ]

    @property
    def lean(self) -> bool:
        """Whether anything is to go."""
        return self._wanted is not None

    def reads(self, node: str) -> Iterable[str]:
        """The values that a node reads."""
        return self._reads[node]

    def stays(self, value: str) -> bool:
        """Whether a value outlives its readers."""
        return self._wanted is None or value in self._wanted

    def ended(self, node: str) -> list[str]:
        """Take note that a node has ended; returns the values that nobody needs any more."""
        if self._wanted is None:
            return []
        free = []
        for name in (*self._makes[node], *self._reads[node]):
            waiting = self._waiting[name]
            waiting.discard(node)  # a node waits for its own values: they are not free before it has made them
            if not waiting and name not in self._wanted:
                free.append(name)
        return free


def wanted_of(
    results: Iterable[str], known: Collection[str], merged: Mapping[str, Iterable[str]], issues: list[Issue]
) -> frozenset[str]:
    """Check the names of the results that a user wants; what is wrong with them is added to ``issues``.

    Parameters
    ----------
    results
        The names.
    known
        The values that there will be.
    merged
        Names that stand for several of them.
    issues
        What was found to be wrong so far.

    Raises
    ------
    ConfigError
        It is no list of names, or one text: a list of one name was meant.
    """
    if isinstance(results, str):
        raise ConfigError(f"results must be several names, not one text; write [{results!r}]")
    if not isinstance(results, Iterable):
        raise ConfigError(f"results must be the names of nodes, not {results!r}")
    wanted: set[str] = set()
    for name in results:
        if name not in known and name not in merged:
            hint = nearest(str(name), (*known, *merged))
            message = f"there is no node {name!r} whose result could be kept"
            issues.append(Issue("unknown-result", message, (str(name),), suggestion=hint))
        wanted.update(merged.get(name, (name,)))
    return frozenset(wanted)

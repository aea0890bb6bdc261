"""Earlier results of nodes: found by what they follow from, and kept when they can be given back exactly.

A result may be kept only if nobody can tell the copy of it that a later run gets from what the node would make: the
node must not have changed an input in place, nor a file that an input names, since a run that finds the result would
leave it as it is; the result must share no mutable object with an input, since the copy will not; it must be readable
again; and the modules that it used, here or in a worker, must be what their files say. Whatever stands against it is
one line, which the outcome of the node shows, and the run goes on.

The key (:mod:`orchestra_nb.context.node_keys`) has the function with all of its module that it names, every input by
content, the content of the file that an input names, the libraries by version, the user's modules by content, and
Python. A function that opens a file which no input names is taken at its word. Nothing is looked up, or kept, for a
node that does not say ``cache``, nor for one whose result follows from outside of all that, unless it says for how many
seconds (:mod:`.not_kept`).

Results are on disk, in the store of :mod:`orchestra_nb.context.disk`; a worker process writes what it made itself.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import Any, Protocol

from orchestra_nb.config import RunConfig
from orchestra_nb.context.node_keys import NodeKey, read, remembered
from orchestra_nb.durable.place import FOLDER as FOLDER
from orchestra_nb.durable.place import VARIABLE as VARIABLE
from orchestra_nb.durable.place import cache_folder
from orchestra_nb.model import Expand, Node
from orchestra_nb.running.census import Census
from orchestra_nb.running.libraries import file_digest, uncovered, versions_of
from orchestra_nb.running.pickling import told
from orchestra_nb.running.seams import is_kept
from orchestra_nb.running.seen_values import SeenValues

_FILE = "the file"
_LONGEST_PATH = 4096
_RESULTS, _KEYS = "node/", "node-keys/"
NOT_KEPT = "its result was not kept"


class Found(Protocol):
    """What a store gives back."""

    @property
    def value(self) -> Any:
        """The value, which nobody else has."""


class ResultStore(Protocol):
    """Where results are kept between runs."""

    def get(self, key: str) -> Found | None:
        """Give what was kept; ``None`` when there is nothing that can be used."""

    def put(self, key: str, value: Any, ttl: float | None = None) -> bool:
        """Keep a value, for some seconds at most; says whether that was possible."""

    def keys(self) -> list[str]:
        """List what is kept."""

    def delete(self, key: str) -> bool:
        """Forget what was kept; says whether there was something."""


@dataclass(frozen=True, slots=True)
class Recall:
    """Looks for results, and keeps them.

    Parameters
    ----------
    opened
        Gives the store, in this process or in a worker's.
    digest
        Makes a digest of any value; raises ``TypeError`` with the reason for one that has none.
    """

    opened: Callable[[], ResultStore]
    digest: Callable[[Any], str]

    def key(self, fn: Callable[..., Any], inputs: Mapping[str, Any]) -> NodeKey:
        """Make the key of a call, from the inputs as they are now.

        Raises
        ------
        TypeError
            An input has no digest, or what the call runs is not what lies on disk; the text names it.
        """
        parts = {"its code": self.digest(fn)}
        for name, value in inputs.items():
            parts |= self.input_part(name, value)
        versions, seen = self.used([fn, *inputs.values()])
        return NodeKey({**parts, **seen, **_files(inputs), **versions, "Python": python_version()})

    def used(
        self, things: Iterable[object], imports: Iterable[str] = ()
    ) -> tuple[Mapping[str, str], Mapping[str, str]]:
        """Make the parts of a key that some things bring along: modules, and what code among them sees.

        Raises
        ------
        TypeError
            A module was edited after it was imported, or something that is seen has no digest; the text names it.
        """
        walk = SeenValues()
        versions = versions_of(None, more=things, imports=imports, walk=walk)
        return versions, walk.digests(self.digest)

    def against_of_used(self, key: NodeKey, things: Iterable[object], imports: Iterable[str] = ()) -> list[str]:
        """Name what some things bring along in this process that is not what the key has.

        Another process loads modules itself, at other times, from where it finds them. What it knows nothing of came to
        it as a copy, like the things.
        """
        versions, seen = self.used(things, imports)
        return [*uncovered(versions, key.parts), *(name for name in seen if key.parts.get(name) != seen[name])]

    def input_part(self, name: str, value: Any) -> dict[str, str]:
        """Make the part of a key that an input is.

        Raises
        ------
        TypeError
            It has no digest; the text names it.
        """
        try:
            return {f"its input {name!r}": self.digest(value)}
        except TypeError as error:
            raise TypeError(f"its input {name!r} cannot be told from others: {error}") from error

    def against(self, key: NodeKey, fn: Callable[..., Any], inputs: Mapping[str, Any], value: Any) -> str:
        """Say why a result that was made of this process's own objects is not to be kept, empty if it may."""
        try:
            changed = self.key(fn, inputs).differences(key)
        except TypeError as error:
            return f"{NOT_KEPT}: {error}"
        return _changed(changed) or told_apart(inputs, value)

    def against_of_copies(self, key: NodeKey, fn: Callable[..., Any], inputs: Mapping[str, Any]) -> str:
        """Say why a result is not to be kept whose inputs were copies: only files can have changed for others."""
        try:
            other = self.against_of_used(key, [fn, *inputs.values()])
        except TypeError as error:
            return f"{NOT_KEPT}: {error}"
        now, before = _files(inputs), {name: part for name, part in key.parts.items() if name.startswith(_FILE)}
        return _changed([*NodeKey(now).differences(NodeKey(before)), *other])

    def find(self, key: NodeKey) -> Found | None:
        """Give the result that was kept under a key."""
        return self.opened().get(f"{_RESULTS}{key.digest}")

    def why_not(self, node: str, key: NodeKey) -> str:
        """Say why there is none, by the nearest of the node's earlier keys."""
        return key.explained(self.earlier(node))

    def keep(self, node: str, key: NodeKey, value: Any, ttl: float | None = None) -> str:
        """Keep a result; returns why it was not kept, empty when it was.

        Parameters
        ----------
        ttl
            Seconds; ``None``: as long as there is room.
        """
        if isinstance(value, Expand):
            return f"{NOT_KEPT}: it makes nodes"
        if is_kept(value):
            return f"{NOT_KEPT}: it stayed where it was made"
        try:
            store = self.opened()
            if not store.put(f"{_RESULTS}{key.digest}", value, ttl):
                return f"{NOT_KEPT}: the cache could not write it"
            store.put(f"{_KEYS}{node}", remembered(self.earlier(node), key))
        except Exception as fault:
            return f"{NOT_KEPT}: {told(fault)}"
        return ""

    def earlier(self, node: str) -> list[NodeKey]:
        """Give the last keys of a node under which something was kept, the newest first."""
        found = self.opened().get(f"{_KEYS}{node}")
        return read(found.value) if found is not None else []


def life_of(node: Node) -> float | None:
    """Say for how many seconds a node's result may be given back; ``None``: no limit."""
    return None if isinstance(node.cache, bool) else node.cache


def python_version() -> str:
    """Name the Python that runs, as far as results follow from it."""
    return f"{sys.implementation.name} {sys.version_info[0]}.{sys.version_info[1]}"


def folder_of(config: RunConfig, base: str = "") -> str:
    """Name the folder where results are kept; empty where none are.

    Parameters
    ----------
    config
        Of the run.
    base
        The working directory of the run; empty: this process's.
    """
    return cache_folder(config.cache, base)


def open_recall(config: RunConfig, nodes: Iterable[Node]) -> Recall | None:
    """Say where results are kept, if they are; that is opened when the first node asks for it.

    Raises
    ------
    CacheError
        The folder cannot be used.
    """
    folder = folder_of(config)
    if not folder:
        return None
    opened = partial(_opened, folder)
    if any(node.cache for node in nodes):
        opened()  # what is wrong with it is found before anything runs
    return Recall(opened, _digest)


def forget_results(config: RunConfig) -> int:
    """Forget the results of earlier runs that runs of this config would find; returns how many there were."""
    folder = folder_of(config)
    if not folder or not os.path.isdir(folder):
        return 0
    store, gone = _opened(folder), 0
    kept = store.keys()
    for key in kept:
        if key.startswith(_KEYS):
            store.delete(key)
        elif is_result(key):
            gone += store.delete(key)
    return gone


def is_result(key: str) -> bool:
    """Whether a key of the store is that of a node's result."""
    return key.startswith(_RESULTS)


@cache
def _opened(folder: str) -> ResultStore:
    """Open each folder once in a process, a worker's too."""
    from orchestra_nb.context.disk import DiskStore

    return DiskStore(folder)


def _digest(value: Any) -> str:
    from orchestra_nb.context.content import content_digest

    return content_digest(value)


def _files(inputs: Mapping[str, Any]) -> dict[str, str]:
    """Digest the files that inputs name."""
    paths = [path for value in inputs.values() if (path := _path_of(value))]
    return {f"{_FILE} {path!r}": file_digest(path) for path in paths}


def _changed(parts: Iterable[str]) -> str:
    names = ", ".join(parts)
    return f"{NOT_KEPT}: {names} changed while it ran" if names else ""


def _path_of(value: Any) -> str:
    """Give the path of the file that an input names, if it names one."""
    if not isinstance(value, str | os.PathLike):
        return ""
    try:
        path = os.fspath(value)
        return path if isinstance(path, str) and len(path) <= _LONGEST_PATH and os.path.isfile(path) else ""
    except (OSError, ValueError):
        return ""


def told_apart(inputs: Mapping[str, Any], value: Any) -> str:
    """Say which mutable object a result shares with an input, so that a copy would mean something else.

    Examples
    --------
    >>> rows = [1, 2]
    >>> told_apart({"rows": rows}, {"first": rows})
    "its result was not kept: it shares a list with its input 'rows'"
    >>> told_apart({"rows": rows}, [1, 2])
    ''
    """
    before, after = Census(), Census()
    try:
        before.scan(inputs)
        after.scan({"result": value})
    except Exception as fault:
        return f"{NOT_KEPT}: {told(fault)}"
    shared = after.shared_with(before)
    if shared is None:
        return f"{NOT_KEPT}: it holds an array that shares memory with another" if after.overlap else ""
    return f"{NOT_KEPT}: it shares {_a(shared[2])} with its input {shared[1]!r}"


def _a(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"

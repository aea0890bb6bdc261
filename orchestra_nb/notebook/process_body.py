"""A cell's body in a worker process, exact or not at all.

The cell runs on copies. It counts only when nobody can tell: no input was changed in place, but for the content of
lists and dictionaries that the cell is known to change, which is put into the originals (:mod:`.edits`); nothing was
bound or deleted that the analysis did not foresee, every result is the same after its journey (it is unpacked and
compared right there), and none shares a mutable object with an input. Otherwise the reply is ``"refused"`` with one
line that says why, and the driver runs the cell again in a thread, on the originals. A :class:`NameError` is a refusal
as well: here it may only mean that a name was not sent.

Prints and displays are collected as in a thread, through a bare IPython shell that the worker makes once: without
one, ``display`` would show nothing but text. The worker's ``__main__`` is the cell's namespace while it runs, so that
code which pickles notebook objects by name finds them.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from orchestra_nb.cells.fingerprint import fingerprint
from orchestra_nb.notebook.body import run_body
from orchestra_nb.notebook.code import CellCode
from orchestra_nb.notebook.edits import Edit, Originals
from orchestra_nb.notebook.routing import routing
from orchestra_nb.notebook.shipping import NotShippable, pack_results, unpack_inputs, unpack_results
from orchestra_nb.notebook.surroundings import Surroundings
from orchestra_nb.running.census import Census
from orchestra_nb.running.seams import Reply

FRESH = "new elements of what was changed"
"""Stands beside the names of a parcel for what is new in its containers."""


@dataclass(frozen=True, slots=True)
class Parcel:
    """What came back: names that were bound and deleted, what was changed in place, and all values in one pickle."""

    bound: tuple[str, ...]
    deleted: tuple[str, ...]
    values: bytes
    edits: tuple[Edit, ...] = ()

    def unpack(self, namespace: Mapping[str, Any]) -> tuple[dict[str, Any], list[Any]]:
        """In the notebook: the bound values by name, and what is new in the containers that were changed."""
        values = unpack_results(self.values, (*self.bound, FRESH), namespace)
        return values, values.pop(FRESH)


@dataclass(frozen=True, slots=True)
class ProcessTask:
    """One cell with its inputs, to be called in a worker process.

    Parameters
    ----------
    code
        The cell.
    inputs
        From :func:`.shipping.pack_inputs`.
    names
        The names in it.
    writes
        What the cell is expected to bind or delete.
    changes
        Names of what it is expected to change in place.
    surroundings
        Where it is to run.
    """

    code: CellCode
    inputs: bytes
    names: tuple[str, ...]
    writes: frozenset[str]
    changes: frozenset[str] = frozenset()
    surroundings: Surroundings = field(default_factory=Surroundings.here)

    def __call__(self) -> Reply:
        """Run; the value of a ``"done"`` reply is a :class:`Parcel`."""
        main = sys.modules.get("__main__")
        try:
            reply = self._run()
        except NotShippable as error:
            reply = Reply("refused", reason=str(error))
        except Exception as error:
            reply = Reply("refused", reason=f"its inputs did not arrive: {type(error).__name__}: {error}")
        finally:
            if main is not None:
                sys.modules["__main__"] = main
        return replace(reply, worker=f"process {os.getpid()}")

    def _run(self) -> Reply:
        self.surroundings.enter()
        shell = worker_shell()
        namespace = unpack_inputs(self.inputs, self.names)
        before = dict(namespace)
        inputs = {name: value for name, value in before.items() if not _is_dunder(name)}
        census = Census(namespace)
        digests = census.scan(inputs)
        originals = Originals(inputs, sorted(self.changes))
        with routing(shell):
            reply = run_body(self.code, namespace, shell)
        if isinstance(reply.exception, NameError):
            return Reply("refused", reason=f"in a process, {reply.evalue}")
        if reply.status != "done":
            return replace(reply, exception=None)
        bound, deleted = self._changes(before, namespace)
        edits, fresh = originals.edits()
        made = {**{name: namespace[name] for name in bound}, FRESH: fresh}
        values = pack_results(made, before, census)
        check_journey(values, made, before)
        originals.put_back()
        _check_unchanged(digests, inputs, namespace)
        return replace(reply, value=Parcel(bound, deleted, values, tuple(edits)), exception=None)

    def _changes(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> tuple[tuple[str, ...], tuple[str, ...]]:
        """What was bound and deleted; all of it must have been foreseen."""
        bound = tuple(
            name
            for name, value in after.items()
            if not _is_dunder(name) and (name not in before or before[name] is not value)
        )
        deleted = tuple(name for name in before if not _is_dunder(name) and name not in after)
        for name in (*bound, *deleted):
            if name not in self.writes:
                raise NotShippable(f"it binds or deletes {name!r}, which its code did not show")
        return bound, deleted


def _check_unchanged(digests: Mapping[str, str], inputs: Mapping[str, Any], namespace: dict[str, Any]) -> None:
    again = Census(namespace)
    try:
        now = again.scan(inputs)
    except Exception:  # it pickled before the cell ran
        raise NotShippable(f"the input {again.name!r} was changed in place") from None
    for name, digest in digests.items():
        if now[name] != digest:
            raise NotShippable(f"the input {name!r} was changed in place")


def check_journey(values: bytes, made: Mapping[str, Any], namespace: Mapping[str, Any]) -> None:
    """Unpack the results here: some types do not survive pickling, or leave a part of themselves behind."""
    try:
        copies = unpack_results(values, made, namespace)
    except Exception as error:  # any class may fail to rebuild its instances
        raise NotShippable(f"its results pickle but cannot be rebuilt: {type(error).__name__}: {error}") from None
    for name, copy in copies.items():
        if fingerprint(copy) != fingerprint(made[name]):
            raise NotShippable(f"{name!r} ({type(copy).__name__}) is not the same after pickling")


def _is_dunder(name: str) -> bool:
    return name.startswith("__") and name.endswith("__")


def worker_shell() -> Any:
    """The IPython shell of this process; made, without history, when there is none."""
    from IPython.core.interactiveshell import InteractiveShell

    if not InteractiveShell.initialized():
        from traitlets.config import Config

        config = Config()
        config.HistoryManager.enabled = False
        made = InteractiveShell.instance(config=config)
        from ipykernel.compiler import XCachingCompiler

        made.compile = XCachingCompiler()  # warnings and tracebacks then name cells as they do in a kernel
    return InteractiveShell.instance()

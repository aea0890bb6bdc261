"""Where a cell may run without changing its meaning.

=============  ==========================================================================================
lane           a cell is kept out of it when
=============  ==========================================================================================
``threading``  it runs code that is not known, uses something that belongs to one thread, or is a barrier: it then
               runs on the main thread, where a linear run would run it
``loky``       any of those; or it changes an object that other cells see (but for the content of a list or a
               dictionary that has a name), sets hidden state or uses what another cell sets, writes files,
               awaits, or makes functions, classes or instances of the notebook's classes, whose globals and
               identity would come back as copies
``async``      it has no top-level ``await``
=============  ==========================================================================================

A process node that passes is still checked in the worker, where values can be looked at: results that do not pickle or
that share objects with the inputs are refused and the node is run in a thread. That is harmless, because a cell that
passes here has no effect but its results.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from types import MappingProxyType

from orchestra_nb.cells.effects import ANYTHING, UNKNOWN_CODE, Access, Effects, Interpreter
from orchestra_nb.cells.effects.records import OPEN_TO_ALL

_STAY = {
    "function": "defines the function {0}, which belongs to this namespace",
    "class": "defines the class {0}, which belongs to this namespace",
    "instance": "makes an instance of the notebook's class {0}",
    "bound": "keeps the bound method {0}",
    "handle": "keeps the open file {0}",
    "iterator": "keeps an iterator",
}


def verdicts(effects: Effects, machine: Interpreter) -> Mapping[str, str]:
    """For each lane, why the cell just interpreted must not run there; empty when it may.

    Examples
    --------
    >>> from orchestra_nb.cells.effects import step
    >>> from orchestra_nb.cells.source import prepare
    >>> machine = Interpreter()
    >>> _ = step(machine, 0, prepare("xs = set()"))
    >>> print(verdicts(step(machine, 1, prepare("xs.add(1)")), machine)["loky"])
    changes xs, which other cells see
    """
    thread = effects.main_thread[0] if effects.main_thread else ""
    return MappingProxyType(
        {
            "threading": thread,
            "loky": thread or _process(effects, machine),
            "async": "" if effects.is_async else "has no top-level await",
        }
    )


def uses_what_others_set(effects: Sequence[Effects]) -> list[str]:
    """For each cell, why hidden state that another cell sets keeps it in this process; empty when nothing does.

    A worker process has its own options, directory and environment: what a cell sets here is not set there.
    """
    setters: dict[str | int, int] = {}
    for number, cell in enumerate(effects):
        for access in cell.of("state", "write"):
            setters.setdefault(access.key, number)
    unknown = setters.keys() & {ANYTHING, UNKNOWN_CODE}
    reasons = []
    for number, cell in enumerate(effects):
        keys = [a.key for a in cell.of("state", "read") if setters.get(a.key, number) != number]
        open_ones = [a.key for a in cell.of("state", "read") if unknown and a.key in OPEN_TO_ALL]
        reasons.append(f"uses {(keys or open_ones)[0]}, which another cell may set" if keys or open_ones else "")
    return reasons


def can_be_edited(access: Access, machine: Interpreter) -> bool:
    """Whether an object is a list or a dictionary with a name, whose new content can be put into it from outside."""
    item = machine.heap[int(access.key)]
    named = machine.module.names.get(access.via)
    direct = named is not None and item.number in named.objects
    return direct and item.kind == "container" and item.detail in ("list", "dict")


def _process(effects: Effects, machine: Interpreter) -> str:
    if effects.is_async:
        return "awaits on the session's event loop"
    for access in effects.accesses.values():
        if access.mode == "write" and access.family == "object" and not can_be_edited(access, machine):
            return f"changes {access.via or 'an object'}, which other cells see"
        if access.mode == "write" and access.family == "state":
            return (
                f"sets hidden state ({access.key}: {access.why})" if access.why else f"sets hidden state ({access.key})"
            )
        if access.mode == "write" and access.family == "file":
            return f"writes a file ({access.why})"
    for access in effects.of("name", "write"):
        if access.why == "del":
            return f"deletes {access.key}"
    return what_stays(effects, machine)


def what_stays(effects: Effects, machine: Interpreter, aside: Collection[str] = ()) -> str:
    """Say what the cell just interpreted leaves that a copy would not be; empty for plain values.

    Parameters
    ----------
    effects, machine
        What was found.
    aside
        Kinds of objects that are somebody else's to judge; if there are any, then so is what other cells made.
    """
    for access in effects.of("name", "write"):
        value = machine.module.names.get(str(access.key))
        for number in sorted(machine.heap.reachable(value)) if value is not None else ():
            item = machine.heap[number]
            if item.kind in _STAY and item.kind not in aside and not (aside and item.cell != machine.cell):
                return _STAY[item.kind].format(item.detail)
    return ""

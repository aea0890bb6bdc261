"""What each cell of a notebook follows from, as a digest: its own code, and the lineage of all that it waits for.

A cell is found again by its lineage in another version of the notebook, whatever number or name it has there: a cell
that was put in above, or taken out, concerns only what waits for it. Everything a cell waits for counts, also where it
only keeps an order: who changes an object after others have read it found it as it was then. Equal cells that wait for
equal ones are told apart by counting them in document order.

Comments, formatting and outputs do not count; settings do where they decide what a cell does: its condition, and
whether an error is expected of it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import blake2b

from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.notebook.cell_keys import code_digest
from orchestra_nb.notebook.code import CellCode, codes_of

Lineages = Mapping[NodeId, str]
Known = tuple[Mapping[NodeId, str], Lineages]
"""Digests of the cells' code, and their lineages."""


def code_digests(dag: DAG, codes: Mapping[NodeId, CellCode] | None = None) -> dict[NodeId, str]:
    """Digest what each cell does, by itself.

    Parameters
    ----------
    dag
        The cells.
    codes
        From :func:`.codes_of`, where somebody has them.

    Examples
    --------
    >>> from orchestra_nb.cells.notebook_file import Notebook
    >>> code_digests(Notebook.from_sources(["x = 1"]).dag) == code_digests(Notebook.from_sources(["x=1 # one"]).dag)
    True
    """
    found = {}
    for name, code in (codes if codes is not None else codes_of(dag)).items():
        plain = replace(code, interactivity="last_expr")  # which expressions are shown is the kernel's to say
        found[name] = _digest(code_digest(plain), dag.nodes[name].when or "", str(code.may_raise))
    return found


def known_of(dag: DAG, codes: Mapping[NodeId, CellCode] | None = None) -> Known:
    """Digest each cell's code, and what it follows from."""
    digests = code_digests(dag, codes)
    return digests, lineages(dag, digests)


def lineages(dag: DAG, digests: Mapping[NodeId, str]) -> dict[NodeId, str]:
    """Digest what each cell follows from.

    Parameters
    ----------
    dag
        The cells.
    digests
        From :func:`code_digests`.

    Examples
    --------
    >>> from orchestra_nb.cells.notebook_file import Notebook
    >>> first = ["x = 1", "y = x"]
    >>> dags = [Notebook.from_sources(cells).dag for cells in (first, ["z = 0", *first])]
    >>> before, after = (lineages(dag, code_digests(dag)) for dag in dags)
    >>> before["cell-1"] == after["cell-2"], before["cell-2"] == after["cell-3"]
    (True, True)
    """
    found: dict[NodeId, str] = {}
    seen: dict[str, int] = {}
    for level in dag.levels:
        for name in sorted(level, key=lambda each: dag.nodes[each].index):
            own = _digest(digests[NodeId(name)], *sorted(found[need] for need in dag.predecessors(name)))
            count = seen[own] = seen.get(own, 0) + 1
            found[NodeId(name)] = f"{own}-{count}"
    return found


def _digest(*parts: str) -> str:
    return blake2b("\0".join(parts).encode(), digest_size=16).hexdigest()

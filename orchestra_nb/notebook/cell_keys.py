"""What the result of a cell follows from, as a key: made when it is about to run, and again when it has run.

The key (:class:`.NodeKey`) has the cell's code without comments and formatting; what it reads, by content, with what
functions and classes among it see; names that it binds on some paths only, as they were before; the files that it
reads; hidden state (:mod:`.hidden_state`); the cells before that set hidden state which it uses, by their code and that
of all they wait for; the libraries by version, the user's modules by content; Python. Which of these a cell uses was
found with the plan (:mod:`orchestra_nb.cells.keepable`).
"""

from __future__ import annotations

import ast
import os
from collections.abc import Mapping
from hashlib import blake2b
from typing import Any

from orchestra_nb.context.node_keys import NodeKey
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.code import CellCode, is_quiet
from orchestra_nb.notebook.hidden_state import READERS, open_figures, random_state
from orchestra_nb.running.libraries import file_digest, imports_in
from orchestra_nb.running.recall import Recall, python_version
from orchestra_nb.syntax import tree_of

ABSENT = "not there"
"""In a key: an input that nobody has made."""
NOTHING = object()
"""What a name is bound to that is not bound."""


class CellKeys:
    """Makes the keys of a notebook's cells.

    Parameters
    ----------
    recall
        Makes digests.
    dag, codes
        The notebook.
    """

    def __init__(self, recall: Recall, dag: DAG, codes: Mapping[NodeId, CellCode]) -> None:
        self._recall = recall
        self._dag = dag
        self._codes = codes
        self._lineages: dict[str, str] = {}

    def key(self, node: Node, inputs: Mapping[str, Any], before: Mapping[str, Any]) -> NodeKey:
        """Make the key of a cell.

        Parameters
        ----------
        node
            The cell.
        inputs
            What it reads, by name, as far as it is there; what is not is :data:`ABSENT` in the key.
        before
            What the names that it writes are bound to, :data:`NOTHING` where they are not.

        Raises
        ------
        TypeError
            Some of it has no digest; the text says what.
        """
        code, keeping = self._codes[node.id], node.metadata["keeping"]
        parts = {"its code": code_digest(code)}
        for name in node.reads:
            parts |= self._recall.input_part(name, inputs[name]) if name in inputs else {f"its input {name!r}": ABSENT}
        for name in keeping["maybe"]:
            if name not in node.reads:
                there = before[name] is not NOTHING
                parts |= self._recall.input_part(name, before[name]) if there else {f"its input {name!r}": ABSENT}
        parts |= {f"the file {path!r}": read_file(path) for path in keeping["files"]}
        for key, setters in keeping["states"].items():
            if key in READERS:
                parts[f"hidden state ({key})"] = self._recall.digest(READERS[key]())
            for setter in setters:
                parts[f"what sets {key} ({setter})"] = self._lineage(setter)
        for key in keeping["draws"]:
            if key not in keeping["started"]:
                parts[f"the global random state ({key})"] = self._recall.digest(random_state(key))
        if "matplotlib" in keeping["states"] and open_figures():
            raise TypeError("a figure is open, and it may draw into that")
        versions, seen = self._recall.used(inputs.values(), imports_in(code.text))
        return NodeKey({**parts, **seen, **versions, "Python": python_version()})

    def _lineage(self, name: str) -> str:
        """Digest the code of a cell and of all that it waits for."""
        waiting = [name]
        while waiting:
            asked = waiting[-1]
            needs = self._dag.predecessors(asked)
            open_ones = [need for need in needs if need not in self._lineages]
            if open_ones:
                waiting += open_ones
                continue
            said = "\0".join([code_digest(self._codes[NodeId(asked)]), *sorted(self._lineages[need] for need in needs)])
            self._lineages[asked] = blake2b(said.encode(), digest_size=16).hexdigest()
            waiting.pop()
        return self._lineages[name]


def code_digest(code: CellCode) -> str:
    """Digest what a cell's code means and how its values are shown; comments and formatting do not count.

    Examples
    --------
    >>> one, two = CellCode("a", "1", "x=1", "x=1"), CellCode("b", "2", "x = 1  # one", "x = 1  # one")
    >>> code_digest(one) == code_digest(two)
    True
    """
    try:
        tree = ast.dump(tree_of(code.text))
    except (SyntaxError, ValueError):  # it was planned around
        tree = code.text
    said = repr((tree, code.flags, code.interactivity, is_quiet(code.text)))
    return blake2b(said.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def read_file(path: str) -> str:
    """Digest a file that a cell reads.

    Raises
    ------
    TypeError
        It is a folder.
    """
    full = os.path.expanduser(path)
    if os.path.isdir(full):
        raise TypeError(f"it reads the folder {path!r}, which has no content of its own")
    return file_digest(full)

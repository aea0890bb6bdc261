"""Whether a cell's result would be found, and if not, which part has changed since one was kept.

The question is asked between runs. In a session the cell's inputs are there, if it ran before: the answer is the one
that a run would find. Of a notebook file only the code, the files it reads and what sets hidden state are known; its
inputs are told to be known when it runs.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.context.node_keys import NodeKey
from orchestra_nb.errors import OrchestraError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import NodeId
from orchestra_nb.notebook.cell_keys import ABSENT
from orchestra_nb.notebook.code import codes_of
from orchestra_nb.notebook.kept_cells import CellKeeper
from orchestra_nb.running.not_kept import not_kept
from orchestra_nb.running.recall import Recall, folder_of, open_recall

_AS_BEFORE, _CHANGED, _NEW, _GONE = "as before", "has changed", "is new", "is gone"
_OF_THE_FILE = ("its code", "the file", "what sets")
_LATER = "known when it runs"


@dataclass(frozen=True, slots=True)
class WhyKept:
    """The answer.

    Parameters
    ----------
    node
        About whom.
    told
        In one line.
    parts
        Of the key, each with what became of it since the nearest result that was kept.
    """

    node: str
    told: str
    parts: tuple[tuple[str, str], ...] = ()

    @property
    def lines(self) -> list[str]:
        """All of it, for people."""
        width = max((len(part) for part, _ in self.parts), default=0)
        return [f"{self.node}: {self.told}", *(f"  {part:<{width}}  {state}" for part, state in self.parts)]


def why_kept(
    dag: DAG, name: str, config: RunConfig, namespace: dict[str, Any] | None = None, shell: Any = None, base: str = ""
) -> WhyKept:
    """Say whether a cell's result would be found.

    Parameters
    ----------
    dag
        The cells.
    name
        Which of them.
    config
        Says where results are kept.
    namespace, shell
        The session's; without one, nothing is known of the cell's inputs.
    base
        The folder in which the notebook runs; empty: the working directory.

    Raises
    ------
    MissingDependencyError
        There is no node of that name.
    """
    dag.predecessors(name)  # complains of an unknown one
    node = dag.nodes[NodeId(name)]
    if not node.cache:
        return WhyKept(name, "it does not say cache, so it runs each time")
    if against := not_kept(node):
        return WhyKept(name, f"it is not kept: it {against}")
    folder = folder_of(config, base)
    if not folder:
        return WhyKept(name, "nothing is kept: the cache is off")
    if not os.path.isdir(folder):
        return WhyKept(name, "nothing was kept here before")
    recall = open_recall(RunConfig(cache=folder), [node])
    assert recall is not None
    keeper = CellKeeper(recall, dag, codes_of(dag, shell), namespace if namespace is not None else {})
    try:
        key = keeper.asked(node).key
    except (TypeError, OrchestraError) as error:
        return WhyKept(name, f"it is not looked for: {error}")
    return _answer(name, key, recall, live=namespace is not None)


def _answer(name: str, key: NodeKey, recall: Recall, live: bool) -> WhyKept:
    earlier = recall.earlier(name)
    if not earlier:
        return WhyKept(name, "no result of it was kept before")
    absent = [part for part, digest in key.parts.items() if digest == ABSENT]
    nearest = min(earlier, key=lambda other: len([part for part in key.differences(other) if live or _in_file(part)]))
    parts = tuple(_parts(key, nearest, live))
    changed = [f"{part} {state}" for part, state in parts if state not in (_AS_BEFORE, _LATER)]
    if live and absent:
        told = f"{', '.join(absent)}: not there yet; what makes it runs first"
    elif changed:
        told = f"its result would not be found: {', '.join(changed)}"
    elif not live:
        told = "its result will be found if its inputs are as before"
    elif recall.find(key) is None:
        told = "what was kept is there no longer"
    else:
        told = "its result would be found"
    return WhyKept(name, told, parts)


def _in_file(part: str) -> bool:
    """Whether a part of a key is known without a kernel."""
    return part.startswith(_OF_THE_FILE)


def _parts(now: NodeKey, before: NodeKey, live: bool) -> Iterator[tuple[str, str]]:
    for part in {**now.parts, **before.parts}:
        if not live and not _in_file(part):
            yield part, _LATER
        elif part not in before.parts:
            yield part, _NEW
        elif part not in now.parts:
            yield part, _GONE
        else:
            yield part, _AS_BEFORE if now.parts[part] == before.parts[part] else _CHANGED

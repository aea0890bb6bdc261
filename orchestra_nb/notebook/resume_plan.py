"""What going on with a run will take over, and what will run again, and why: known before anything runs. Pure.

A cell is taken over when it ran before with all it waits for as it is now (:mod:`.lineage`), its result is kept, and
the files that it read are as they were. Everything else runs:

* a cell that was edited, and all that needs it;
* a cell whose result is not kept. It runs again on the very inputs that it had, and so makes what it made: who needs it
  is taken over all the same, if what it makes again is by content what it was. Where it follows from something outside
  (the time, chance, the network) it may make something else; then all that needs what it makes runs again;
* a cell that read a file which has changed since. A file that a cell of the notebook may have written is judged by the
  cells that write it: each puts back what it left there, when it is its turn. A cell whose code does not show which
  files it writes counts where a file that others read was another one when it had run. Of one that was cut short nobody
  knows: then the file is taken to be what a run that begins now would read, and all who had read another run again.

The run looks again when a cell's turn has come (:mod:`.cell_checkpoint`): what is not as it should be then runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from difflib import SequenceMatcher
from typing import Literal

from orchestra_nb.cells.effects import ANYTHING
from orchestra_nb.cells.effects.records import RANDOM
from orchestra_nb.cells.resumable import resuming_of
from orchestra_nb.durable.facts import Head, ValueRef
from orchestra_nb.graph.dag import DAG
from orchestra_nb.graph.undoing import UNDONE, compensators, only_undoes
from orchestra_nb.model import Node, NodeId
from orchestra_nb.notebook.cell_commits import CellCommit
from orchestra_nb.notebook.lineage import Known
from orchestra_nb.running.taken_over import NOT_ENDED

Fate = Literal["taken-over", "not-stored", "changed", "new"]
_BRINGS = frozenset({"value", "mutation", "alias", "file", "state"})
"""Kinds of edges by which something comes from one cell to the other; the others only keep an order."""
_ANY_WILL_DO = frozenset({"network", *RANDOM})
"""Hidden state of which it does not matter in what it was left by a cell that follows from something outside."""


def _is_there(_: ValueRef) -> bool:
    return True


@dataclass(frozen=True, slots=True)
class Now:
    """What is there now.

    Parameters
    ----------
    file_digest
        Digests a file.
    has
        Whether what was stored is there.
    """

    file_digest: Callable[[str], str] = str
    has: Callable[[ValueRef], bool] = _is_there


@dataclass(frozen=True, slots=True)
class Verdict:
    """What becomes of one cell.

    Parameters
    ----------
    fate
        ``"taken-over"``; or it runs: ``"not-stored"``, ``"changed"`` (it, or something that it needs), or ``"new"``.
    told
        The same in words.
    commit
        What the earlier run wrote down of it, where it is taken over.
    differs
        Whether it may make something else than it did.
    """

    fate: Fate
    told: str
    commit: CellCommit | None = None
    differs: bool = False


@dataclass(frozen=True, slots=True)
class ResumePlan:
    """What becomes of each cell.

    Parameters
    ----------
    run_id
        Of the run that is gone on with.
    verdicts
        By node id.
    """

    run_id: str
    verdicts: Mapping[NodeId, Verdict]

    @property
    def taken(self) -> Mapping[NodeId, CellCommit]:
        """What is to be taken over."""
        return {name: verdict.commit for name, verdict in self.verdicts.items() if verdict.commit is not None}

    @property
    def lines(self) -> list[str]:
        """All of it, for people."""
        width = max((len(name) for name in self.verdicts), default=0)
        return [f"{name:<{width}}  {verdict.told}" for name, verdict in self.verdicts.items()]


def plan_resume(
    dag: DAG,
    known: Known,
    commits: Iterable[CellCommit],
    now: Now,
    head: Head,
) -> ResumePlan:
    """Say what becomes of each cell.

    Parameters
    ----------
    dag
        The notebook as it is now.
    known
        Digests of its cells' code, and their lineages.
    commits
        What the run wrote down, in order; the last one of a lineage counts.
    now
        What is there now.
    head
        Of the run: its id, and the digests of the cells' code when it began.

    Examples
    --------
    >>> from orchestra_nb.cells.notebook_file import Notebook
    >>> from orchestra_nb.durable.facts import Head, ValueRef
    >>> from orchestra_nb.notebook.lineage import code_digests, lineages
    >>> before = Notebook.from_sources(["x = 1", "y = 2", "z = x + y", "1 / 0"]).dag
    >>> codes, of = code_digests(before), lineages(before, code_digests(before))
    >>> where = ValueRef(1, b"", (), 0, "")
    >>> commits = [CellCommit(name, of[name], codes[name], where) for name in ("cell-1", "cell-2", "cell-3")]
    >>> head = Head("R", nodes=codes)
    >>> after = Notebook.from_sources(["new = 0", "x = 1", "y = 3", "z = x + y", "1 / 0"]).dag
    >>> codes = code_digests(after)
    >>> for line in plan_resume(after, (codes, lineages(after, codes)), commits, Now(), head).lines:
    ...     print(line)
    cell-1  it is new: runs
    cell-2  taken over from run R
    cell-3  runs again: its code changed
    cell-4  runs again: needs cell-3, which runs again
    cell-5  had not ended well: runs
    """
    return _Planner(dag, known, list(commits), now, head).plan()


class _Planner:
    def __init__(
        self,
        dag: DAG,
        known: Known,
        commits: list[CellCommit],
        now: Now,
        head: Head,
    ) -> None:
        self._dag = dag
        self._codes, self._lineages = known
        self._now = now
        self._run_id = str(head.run_id)
        self._were = _paired(head.nodes, self._codes)
        self._compensates = compensators(dag.nodes.values())
        self._commits = {commit.lineage: commit for commit in commits}
        self._old_codes = {commit.code for commit in commits}
        self._old_names = {commit.node for commit in commits}
        self._rewritten = {path for commit in commits for path in commit.wrote}
        self._verdicts: dict[NodeId, Verdict] = {}
        self._brings = _brings(dag)
        self._writers = _writers(dag.nodes.values())

    def plan(self) -> ResumePlan:
        for level in self._dag.levels:
            for name in level:
                node = self._dag.nodes[name]
                self._verdicts[node.id] = self._verdict(node)
        return ResumePlan(self._run_id, {node.id: self._verdicts[node.id] for node in self._dag.nodes.values()})

    def _verdict(self, node: Node) -> Verdict:
        commit = self._commits.get(self._lineages[node.id])
        if commit is None:
            return self._unknown(node)
        if other := next((need for need in self._brings.get(node.id, ()) if self._verdicts[need].differs), None):
            return Verdict("changed", f"runs again: needs {other}, which runs again", differs=True)
        if path := self._changed_file(node, commit):
            return Verdict("changed", f"runs again: the file {path!r} has changed", differs=True)
        if against := self._not_there(commit):
            changing = str(resuming_of(node)["changing"])
            return Verdict("not-stored", f"runs again: {against}", differs=bool(changing))
        told = resuming_of(node)
        files = {"read": told["reads"], "wrote": (*told["writes"], *told["logs"])}
        unseen = " and ".join(verb for verb, paths in files.items() if ANYTHING in paths)
        more = f"; files that it {unseen} under names that its code does not show are not looked at" if unseen else ""
        return Verdict("taken-over", f"taken over from run {self._run_id}{more}", commit)

    def _unknown(self, node: Node) -> Verdict:
        """Say why a cell has not run before as it is now."""
        if self._codes[node.id] in self._old_codes:
            needs = self._dag.predecessors(node.id)
            again = next((need for need in needs if self._verdicts[need].differs), None)
            told = f"needs {again}, which runs again" if again else "what it comes after has changed"
            return Verdict("changed", f"runs again: {told}", differs=True)
        if who := self._compensates.get(node.id):
            return Verdict("new", only_undoes(who), differs=True)
        was = self._were.get(node.id)
        if was in self._old_names:
            return Verdict("changed", "runs again: its code changed", differs=True)
        told = {None: "it is new: runs", "": "it is new, or its code changed: runs"}.get(was, NOT_ENDED)
        return Verdict("new", told, differs=True)

    def _not_there(self, commit: CellCommit) -> str:
        """Say why the result of a cell cannot be given back; empty when it can."""
        if commit.value is None and commit.why == UNDONE:
            return UNDONE
        if commit.value is None:
            return f"not stored: {commit.why or 'nobody knows why'}"
        if not self._now.has(commit.value):
            return "what was stored of it is gone"
        changed = [path for path, digest in commit.left.items() if self._now.file_digest(path) != digest]
        return f"the file {changed[0]!r} is not as it left it" if changed else ""

    def _changed_file(self, node: Node, commit: CellCommit) -> str:
        """Name a file that the cell read, that nobody in the notebook has written, and that is another one now."""
        if any("cwd" in self._dag.nodes[name].metadata.get("sets", ()) for name in self._dag.ancestors(node.id)):
            return ""  # nobody knows where it is, before its turn
        for path, digest in commit.read.items():
            ours = path in self._rewritten or any(map(self._may_have_begun, self._writers.get(path, ())))
            if not ours and self._now.file_digest(path) != digest:
                return path
        return ""

    def _may_have_begun(self, name: NodeId) -> bool:
        """Whether a cell may have run before: then it may have written over what another had read."""
        needs = self._dag.predecessors(name)
        return self._lineages[name] in self._commits or all(self._lineages[need] in self._commits for need in needs)


def _paired(before: Mapping[str, str], now: Mapping[NodeId, str]) -> dict[NodeId, str]:
    """Name what each cell was that was there before, by its code or its place; empty: it was one of several, or new."""
    old, new, found = list(before.items()), list(now.items()), dict[NodeId, str]()
    matcher = SequenceMatcher(None, [code for _, code in old], [code for _, code in new], autojunk=False)
    for kind, start, end, first, last in matcher.get_opcodes():
        names = [name if last - first <= end - start else "" for name, _ in old[start:end]]
        if kind in ("equal", "replace"):
            names += [""] * (last - first)
            found.update(zip((name for name, _ in new[first:last]), names, strict=False))
    places = {code: name for name, code in old}
    return {**found, **{name: places[code] for name, code in new if code in places}}


def _brings(dag: DAG) -> dict[NodeId, list[NodeId]]:
    """For each cell, from whom something comes to it; a module is the same whoever imports it."""
    found: dict[NodeId, list[NodeId]] = {}
    for edge in dag.edges:
        same = {*resuming_of(dag.nodes[edge.source])["modules"], *_ANY_WILL_DO}
        if edge.kind in _BRINGS and not {item.variable for item in edge.evidence} <= same:
            found.setdefault(edge.target, []).append(edge.source)
    return found


def _writers(nodes: Iterable[Node]) -> dict[str, list[NodeId]]:
    found: dict[str, list[NodeId]] = {}
    for node in nodes:
        for path in _written(node):
            found.setdefault(path, []).append(node.id)
    return found


def _written(node: Node) -> Iterator[str]:
    told = resuming_of(node)
    yield from told["writes"]
    yield from told["logs"]

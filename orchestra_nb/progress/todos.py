"""Todos: a graph and how it stands, as what a person or an assistant ticks off.

Each is exactly ``{"content", "status", "activeForm"}``: what is to be done in the imperative, and what is being done in
the present participle. Flat, one for each node in document order; or by phase: one for each phase with how many of its
nodes have ended, and beneath it its nodes, whose texts are set in by two blanks. A node without a phase stands alone.

There are three statuses and six ways to stand. **A box that is ticked was done, and nothing else is ticked**:
``completed`` is a node that ended well, or a phase of which all nodes did. What failed, was skipped or cancelled is
``pending``, for it is still to be done, and its text says how it ended: ``"Run load (failed)"``; so is what a replay
shows as undone. A reader who counts ticks counts results. Rejected: ``completed`` for everything that is over (a tick
on a failure), and ``in_progress`` for what failed (somebody would wait for it).

What compensates another is a todo when it has to, and not before: else a list of which everything is done would have
an open box.

Wording: an agent's task is taken by its first sentence. If that begins with a verb of :data:`_VERBS`, it is imperative
already, and the verb is turned into a participle; any other text, and every bare name, is something to run. A verb that
is not in the list so costs a clumsy "Run ...", and a noun is never conjugated ("Databasing"). Names are cleaned to one
line (:func:`.clean`). In Markdown they are escaped, so that no name can make a heading, a link, HTML or a second item.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Iterator, Sequence
from typing import Literal, TypedDict

from orchestra_nb.definitions.command import Agent
from orchestra_nb.graph.undoing import compensators
from orchestra_nb.model import Node
from orchestra_nb.progress.state import Progress, Standing
from orchestra_nb.wording import clean, short

TodoStatus = Literal["pending", "in_progress", "completed"]


class Todo(TypedDict):
    """One thing to do.

    Examples
    --------
    >>> from orchestra_nb import DAG, ProgressTracker
    >>> tracker = ProgressTracker()
    >>> tracker.initialize(DAG([Node("load")]))
    >>> tracker.todos[0]["content"], tracker.todos[0]["status"]
    ('Run load', 'pending')
    """

    content: str
    status: TodoStatus
    activeForm: str


_MOST = 100
"""Characters of a text."""
_WORDS = """
add aggregate align analyse analyze apply approve archive assemble assess audit benchmark build calculate check
classify clean clear cluster collect combine compare compile compress compute configure convert copy count create
debug decide define deliver deploy describe design detect diagnose discover document download draft draw edit encode
estimate evaluate examine execute explain explore export extract fetch fill filter find fit fix format gather generate
get grade group handle identify implement import improve index infer inspect install integrate interpret investigate
join label list load make map measure merge migrate model monitor normalise normalize notify open optimise optimize
order parse partition patch perform plan plot post predict prepare process profile propose prove provide publish pull
push query rank read rebuild record reduce refactor refine release remove rename render repair replace report
reproduce research resolve review revise rewrite run sample save scan scope score scrape search select send set
simulate sketch solve sort split start stop store study submit suggest summarise summarize synthesise synthesize tag
test trace track train transform translate trim tune turn update upgrade upload validate verify visit visualise
visualize wait warn weigh wrap write
"""
_VERBS = frozenset(_WORDS.split())
_DOUBLED = _VERBS & {
    "fit",
    "map",
    "plan",
    "plot",
    "run",
    "scan",
    "set",
    "split",
    "stop",
    "submit",
    "tag",
    "trim",
    "wrap",
    "get",
}
"""Those whose last letter is doubled: short, or stressed at the end."""
_SENTENCE = re.compile(r"(?<=[.!?])\s")
_LIVE = ("pending", "in_progress")
_Told = Standing | Literal["undone"]
_STATUS: dict[_Told, TodoStatus] = {"in_progress": "in_progress", "completed": "completed"}


def participle(verb: str) -> str:
    """Make the present participle of a verb of the list.

    Examples
    --------
    >>> [participle(verb) for verb in ("Review", "analyze", "Plan", "fix", "Scan")]
    ['Reviewing', 'analyzing', 'Planning', 'fixing', 'Scanning']
    """
    if verb.lower() in _DOUBLED:
        return verb + verb[-1] + "ing"
    return (verb[:-1] if verb.endswith("e") else verb) + "ing"


def worded(text: str) -> tuple[str, str]:
    """Say a task in the imperative, and in the present participle.

    Examples
    --------
    >>> worded("Review security")
    ('Review security', 'Reviewing security')
    >>> worded("security of the api. Look at tokens first.")
    ('Run security of the api', 'Running security of the api')
    """
    said = _SENTENCE.split(clean(text).strip(), maxsplit=1)[0].rstrip(" .")
    verb, blank, rest = said.partition(" ")
    if verb.lower() in _VERBS and rest:
        return short(verb[0].upper() + verb[1:] + blank + rest, _MOST), short(
            participle(verb[0].upper() + verb[1:]) + blank + rest, _MOST
        )
    return short(f"Run {said}", _MOST), short(f"Running {said}", _MOST)


def words_of(node: Node) -> tuple[str, str]:
    """Say what a node is to do, and what it is doing.

    Examples
    --------
    >>> words_of(Node("load"))
    ('Run load', 'Running load')
    """
    agent = node.metadata.get("agent") if node.kind == "agent" else None
    if isinstance(agent, Agent) and agent.task.strip(" .\n\t"):
        return worded(agent.task)
    return short(f"Run {clean(node.id)}", _MOST), short(f"Running {clean(node.id)}", _MOST)


def todos_of(progress: Progress, *, by_phase: bool = False, undone: Container[str] = ()) -> list[Todo]:
    """List what a run has to do, as it stands.

    Parameters
    ----------
    progress
        The graph, and how its nodes stand.
    by_phase
        Whether nodes stand beneath their phase, phases in the order in which they first occur.
    undone
        Nodes that were done, and undone after the run had failed: they are still to be done.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> progress = Progress(DAG([Node("scan", phase="Look"), Node("grep", phase="Look")]))
    >>> progress.ended("scan", "failed", 1.0)
    >>> for todo in todos_of(progress, by_phase=True):
    ...     print(todo)
    {'content': 'Look (1 of 2)', 'status': 'in_progress', 'activeForm': 'Look (1 of 2)'}
    {'content': '  Run scan (failed)', 'status': 'pending', 'activeForm': '  Running scan (failed)'}
    {'content': '  Run grep', 'status': 'pending', 'activeForm': '  Running grep'}
    """
    return [todo for _, todo in _placed(progress, by_phase, undone)]


def checklist(progress: Progress, *, title: str = "", by_phase: bool = False) -> str:
    r"""Write the todos as a Markdown checklist: ``- [x]`` is done, an arrow marks what is in progress.

    Examples
    --------
    >>> from orchestra_nb.graph.dag import DAG
    >>> progress = Progress(DAG([Node("load"), Node("<b>_fit_")]))
    >>> progress.started("load", 0.0)
    >>> print(checklist(progress, title="Today"), end="")
    # Today
    <BLANKLINE>
    - [ ] ▶ Running load
    - [ ] Run &lt;b&gt;\_fit\_
    """
    lines = [f"# {escaped(title)}", ""] if title else []
    for depth, todo in _placed(progress, by_phase):
        active = todo["status"] == "in_progress"
        said = f"▶ {escaped(todo['activeForm'])}" if active else escaped(todo["content"])
        lines.append(f"{'  ' * depth}- [{'x' if todo['status'] == 'completed' else ' '}] {said}")
    return "\n".join([*lines, ""])


_SIGNS = re.compile(r"([\\`*_{}\[\]()#+\-.!|~=:^$])")
_HTML = str.maketrans({"&": "&amp;", "<": "&lt;", ">": "&gt;", "@": "&#64;"})


def escaped(text: str) -> str:
    r"""Make text mean itself in Markdown; one line.

    Examples
    --------
    >>> escaped("[x](http://a) # <b>")
    '\\[x\\]\\(http\\://a\\) \\# &lt;b&gt;'
    """
    return _SIGNS.sub(r"\\\1", clean(text).strip()).translate(_HTML)


def _placed(progress: Progress, by_phase: bool, undone: Container[str] = ()) -> Iterator[tuple[int, Todo]]:
    """Each todo with how deep it stands."""
    nodes = progress.dag.nodes.values()
    aside = compensators(nodes)
    pairs: list[tuple[Node, _Told]] = [
        (node, "undone" if node.id in undone else standing)
        for node, standing in zip(nodes, progress.standings, strict=True)
        if node.id not in aside or standing not in ("pending", "skipped")
    ]
    if not by_phase:
        yield from ((0, _of_node(node, standing)) for node, standing in pairs)
        return
    phases: dict[object, list[tuple[Node, _Told]]] = {}
    for node, standing in pairs:
        phases.setdefault(("alone", node.id) if node.phase is None else node.phase, []).append((node, standing))
    for members in phases.values():
        phase = members[0][0].phase
        if phase is not None:
            yield 0, _of_phase(phase, [standing for _, standing in members])
        for node, standing in members:
            todo = _of_node(node, standing)
            yield (0, todo) if phase is None else (1, _set_in(todo))


def _of_node(node: Node, standing: _Told) -> Todo:
    content, active = words_of(node)
    how = "" if standing in _LIVE or standing == "completed" else f" ({standing})"
    return {"content": content + how, "status": _STATUS.get(standing, "pending"), "activeForm": active + how}


def _of_phase(phase: str, standings: Sequence[_Told]) -> Todo:
    counts = Counter(standings)
    ended = len(standings) - counts["pending"] - counts["in_progress"]
    bad = ", ".join(f"{counts[how]} {how}" for how in ("failed", "cancelled", "skipped", "undone") if counts[how])
    status: TodoStatus = "pending"
    if counts["completed"] == len(standings):
        status = "completed"
    elif counts["in_progress"] or 0 < ended < len(standings):
        status = "in_progress"
    said = f" ({ended} of {len(standings)})" if status == "in_progress" else f" ({bad})" if bad else ""
    title = short(phase, _MOST)
    return {"content": title + said, "status": status, "activeForm": title + said}


def _set_in(todo: Todo) -> Todo:
    return {"content": f"  {todo['content']}", "status": todo["status"], "activeForm": f"  {todo['activeForm']}"}

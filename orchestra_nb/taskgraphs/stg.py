"""The Standard Task Graph Set's format: read and written.

Tobita and Kasahara, "A standard task graph set for fair evaluation of multiprocessor scheduling algorithms", Journal of
Scheduling 5 (2002). The first line says how many tasks there are; each further line has a task's number, its time, how
many tasks it needs, and their numbers. Tasks 0 and n + 1 are a dummy entry and a dummy exit without time, which are not
counted and not made nodes; a file without them is read too. In the variant with communication costs the first line also
says how many processors there are, and each need has a line of its own with what it costs to send; that is kept in the
node's metadata under ``communication`` and not simulated. What begins with ``#`` is told and not read; one line of ours
keeps a node's name: ``# name 3 gemm_2_1_0``, unless one of the names does not fit into a line.

Numbers are written as the set has them, in columns of eleven; times that are no whole numbers keep their fractions,
which the set does not have and most readers take.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import chain
from typing import Any

from orchestra_nb.graph.dag import DAG
from orchestra_nb.taskgraphs.drafts import Draft

_NAME = re.compile(r"#\s*name\s+(\d{1,99})\s(.*)")
_WIDTH = 11


def recognises(text: str) -> bool:
    r"""Whether a text looks like such a file: whole numbers in its first line, and three and more in the second.

    Examples
    --------
    >>> recognises("1\n0 0 0\n1 5 1 0\n2 0 1 1\n"), recognises("digraph {}")
    (True, False)
    """
    rows = [line.split() for line in text[:2000].splitlines() if line.strip() and not line.lstrip().startswith("#")]
    numbers = all(_is_number(word) for row in rows[:2] for word in row)
    return len(rows) > 1 and numbers and len(rows[0]) in (1, 2) and len(rows[1]) >= 3


@dataclass(slots=True)
class _Task:
    line: int
    number: int
    time: float
    needs: list[int]
    sending: dict[str, float] = field(default_factory=dict)


def read(text: str, draft: Draft) -> DAG:
    r"""Read such a file; nodes are named by their numbers, or as our own lines say.

    Raises
    ------
    DefinitionError
        Every fault, with its line.

    Examples
    --------
    >>> read("2\n0 0 0\n1 5 1 0\n2 3 1 1\n3 0 1 2\n", Draft("a.stg")).levels
    (('1',), ('2',))
    """
    names = {int(found[1]): found[2].strip() for line in text.splitlines() if (found := _NAME.fullmatch(line.strip()))}
    count, tasks = _tasks(text, draft)
    by_number = {task.number: task for task in tasks}
    dummies = {0, count + 1} if len(tasks) == count + 2 else set()
    dummies = {each for each in dummies if each in by_number and by_number[each].time == 0}
    if count >= 0 and len(tasks) not in (count, count + 2):
        told = f"says that there are {count} tasks, and a dummy entry and exit; there are {len(tasks)} lines of tasks"
        draft.fault("wrong-count", told, "line 1", f"give {count + 2} lines, or {count} without dummies")
    _check_numbers(tasks, draft)
    called = {task.number: names.get(task.number, str(task.number)) for task in tasks}
    for task in tasks:
        if task.number not in dummies and by_number[task.number] is task:
            kept: dict[str, Any] = {"number": task.number}
            kept |= {"communication": task.sending} if task.sending else {}
            draft.task(called[task.number], f"line {task.line}", cost=task.time, metadata=kept)
            for need in task.needs:
                if need not in dummies:
                    draft.need(called.get(need, str(need)), called[task.number], f"line {task.line}")
    return draft.made({"format": "stg"})


def _check_numbers(tasks: list[_Task], draft: Draft) -> None:
    seen: dict[int, int] = {}
    for task in tasks:
        if task.number in seen:
            told = f"task {task.number} is there already, at line {seen[task.number]}"
            draft.fault("duplicate-name", told, f"line {task.line}", "number one otherwise", [str(task.number)])
        seen.setdefault(task.number, task.line)


def _rows(text: str) -> Iterator[tuple[int, list[str]]]:
    for number, line in enumerate(text.splitlines(), 1):
        words = line.split("#", 1)[0].split()
        if words:
            yield number, words


def _tasks(text: str, draft: Draft) -> tuple[int, list[_Task]]:
    """Read the lines; returns how many tasks the first one tells of, -1 for none, and what the others say."""
    rows = _rows(text)
    first, words = next(rows, (1, []))
    count = int(words[0]) if words and len(words) <= 2 and words[0].isdecimal() and len(words[0]) < 10 else -1
    if count < 0:
        draft.fault("wrong-count", f"must say how many tasks there are, not {' '.join(words)!r:.60}", f"line {first}")
    found: list[_Task] = []
    for line, words in rows:
        if not all(map(_is_number, words)):
            draft.fault("not-a-number", f"must be numbers, not {' '.join(words)!r:.60}", f"line {line}")
            continue
        task = _task(line, words, draft)
        if task is None:
            continue
        apart = task.needs == [] and int(words[2]) > 0  # each need in a line of its own, with what it costs to send
        for at, sent in _sent(rows, int(words[2]), draft) if apart else ():
            task.needs.append(at)
            task.sending[str(at)] = sent
        found.append(task)
    return count, found


def _task(line: int, words: list[str], draft: Draft) -> _Task | None:
    place = f"line {line}"
    if len(words) < 3 or not words[0].isdecimal() or not words[2].isdecimal():
        told = f"must have a task's number, its time, how many it needs, and which, not {' '.join(words)!r:.60}"
        draft.fault("not-a-task", told, place)
        return None
    needs, asked = words[3:], int(words[2])
    if needs and len(needs) != asked:
        told = f"task {words[0]} is said to need {asked} tasks, and {len(needs)} are named"
        draft.fault("wrong-count", told, place, "mend the number, or the names", [words[0]])
    if not all(need.isdecimal() for need in needs):
        draft.fault("not-a-number", f"numbers of tasks must be whole, not {' '.join(needs)!r:.60}", place)
        needs = []
    return _Task(line, int(words[0]), draft.seconds(float(words[1]), place, words[0], "time"), list(map(int, needs)))


def _sent(rows: Iterator[tuple[int, list[str]]], many: int, draft: Draft) -> Iterator[tuple[int, float]]:
    for _ in range(many):
        line, words = next(rows, (0, []))
        if not line:
            draft.fault("wrong-count", "ends before the last need")
            return
        if len(words) == 2 and words[0].isdecimal() and _is_number(words[1]):
            yield int(words[0]), float(words[1])
        else:
            told = f"must have the number of a needed task and what it costs to send, not {' '.join(words)!r:.60}"
            draft.fault("not-a-need", told, f"line {line}")


def text_of(dag: DAG) -> str:
    """Write a graph: nodes numbered from 1, each after what it needs, between a dummy entry and a dummy exit.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> print(text_of(DAG([Node("a", cost=2), Node("b", after=["a"], cost=1.5)])))
              2
              0          0          0
              1          2          1          0
              2        1.5          1          1
              3          0          1          2
    # name 1 a
    # name 2 b
    <BLANKLINE>
    """
    order = list(chain.from_iterable(dag.levels))
    number = {name: at for at, name in enumerate(order, 1)}
    rows: list[list[str]] = [[str(len(order))], ["0", "0", "0"]]
    for name in order:
        needs = sorted(number[need] for need in dag.predecessors(name)) or [0]
        rows.append([str(number[name]), _time(dag.nodes[name].cost), str(len(needs)), *map(str, needs)])
    ends = [number[name] for name in order if not dag.successors(name)] or [0]
    rows.append([str(len(order) + 1), "0", str(len(ends)), *map(str, ends)])
    lines = ["".join(word.rjust(_WIDTH) if len(word) < _WIDTH else f" {word}" for word in row) for row in rows]
    if all(name.strip() == name and name.isprintable() for name in order):
        lines += [f"# name {number[name]} {name}" for name in order]
    return "\n".join([*lines, ""])


def _time(seconds: float) -> str:
    return str(int(seconds)) if seconds == int(seconds) and seconds < 1e15 else repr(float(seconds))


def _is_number(word: str) -> bool:
    try:
        float(word)
    except ValueError:
        return False
    return len(word) < 100

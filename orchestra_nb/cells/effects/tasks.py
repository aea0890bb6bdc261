"""Tasks in flight: what a cell has started and has not surely waited for goes on while later cells run.

Where tasks get turns, and what follows for the cells after the one that started them:

- A cell that awaits lets every task go on: it does what they may do, besides what it does itself.
- A cell that does not await runs, while there are tasks in flight that it has to do with, on the main thread, where the
  loop is lent to it and stands still. After it, the loop takes some turns, as a kernel's does between two cells: what
  the cell has set, put or started is then acted upon. So a cell that changes anything that tasks look at, or calls a
  method of asyncio that may wake one, does what they may do as well.
- Any other cell has nothing to do with them. What a task does meanwhile because time passes, is a matter of chance in a
  linear run too, and not promised.

What a task may do is found by running its coroutine, or calling its callback, abstractly once more in each such cell. A
task that the same code surely waits for (:mod:`.awaited`) is never in flight, so ``await asyncio.gather(...)`` costs
nothing. An ``await`` that a handler may leave early waits surely for one task only, not for a group.
"""

from __future__ import annotations

import ast
from dataclasses import dataclass, replace

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.awaited import awaited_calls
from orchestra_nb.cells.effects.context_managers import ContextManagers
from orchestra_nb.cells.effects.knowledge import Knowledge, Rule
from orchestra_nb.cells.effects.records import ANYTHING, UNKNOWN_CODE, Access, Effects
from orchestra_nb.cells.effects.values import NOTHING, Value

_STARTS = frozenset(
    f"asyncio.{name}"
    for name in (
        *("create_task", "ensure_future", "Task", "gather", "as_completed", "wait", "shield", "wait_for"),
        *("run_coroutine_threadsafe", "start_server", "start_unix_server", "open_connection"),
    )
)
_STARTS_AS_METHOD = frozenset(
    (
        *("create_task", "call_soon", "call_soon_threadsafe", "call_later", "call_at", "run_in_executor", "add_reader"),
        *("add_writer", "add_signal_handler", "create_server", "create_unix_server", "create_connection"),
        *("create_datagram_endpoint", "add_done_callback"),
    )
)
_OVER_WHEN_AWAITED = frozenset(("create_task", "ensure_future", "Task", "wait_for", "run_in_executor"))
_OVER_UNLESS_LEFT = frozenset(("gather", "wait", "as_completed"))
_NEEDS_NO_LOOP = frozenset(
    f"asyncio.{name}"
    for name in (
        *("sleep", "to_thread", "Lock", "Semaphore", "BoundedSemaphore", "Queue", "PriorityQueue", "LifoQueue"),
        *("Event", "Condition", "Barrier", "iscoroutine", "iscoroutinefunction", "isfuture"),
    )
)
_ONLY_LOOKS = frozenset(
    ("done", "result", "exception", "cancelled", "get_name", "qsize", "empty", "full", "locked", "is_set")
)


@dataclass(slots=True)
class Started:
    """What may be in flight: what was handed to the loop, and the task object that came back."""

    given: Value
    made: Value
    single: bool
    """Whether it is one task, and not one of several that the same place in the code started."""


class Tasks(ContextManagers):
    """Knows what is in flight, and what later cells do by letting it go on."""

    def __init__(self, table: Knowledge | None = None) -> None:
        self.in_flight: dict[tuple[int, int], Started] = {}
        """By the cell and the place in the code that started it."""
        self.awaited: dict[int, ast.Call | None] = {}
        self.groups: dict[int, int] = {}
        """The place that made each task group."""
        self.entered: list[int] = []
        """The places of the managers whose bodies are being run."""
        self.ahead = Effects()
        """What tasks may do before the cell at hand."""
        self.wakes = False
        """Whether the cell starts a task, or may wake one."""
        self._places: dict[int, ast.AST] = {}
        super().__init__(table)

    def begin(self, cell: int) -> None:
        """Start on the next cell."""
        super().begin(cell)
        self.wakes = False

    def let_tasks_begin(self, tree: ast.AST) -> None:
        """What tasks may do before the cell's own code, which has yet to show whether it lets them go on."""
        self.awaited.update(awaited_calls(tree))
        outer, self.effects = self.effects, Effects()
        self._go_on()
        self.ahead, self.effects = self.effects, outer
        self.used, self.hidden = {}, 0

    def let_tasks_end(self) -> None:
        """What tasks may do during the cell and right after it, if it has to do with them."""
        if not self.in_flight:
            return
        reads, writes = _meets(self.ahead, self.effects)
        if self.effects.is_async or self.wakes or writes:
            for access in self.ahead.accesses.values():
                self.record(replace(access, certain=False))
            for barrier in self.ahead.barriers:
                self.barrier(barrier.why)
            self._go_on()
        if not self.effects.is_async and (self.wakes or writes or reads):
            self.on_main("has to do with tasks that go on in the background")

    def _go_on(self) -> None:
        if not self.in_flight:
            return
        self.memo.clear()  # this must be recorded again, even if nothing has changed since
        self.doubt += 1
        with self.perhaps():
            for (cell, place), task in list(self.in_flight.items()):
                node = self._places[place]
                self.state(f"tasks of cell {cell + 1}", "read", "lets them go on")
                if self.of_kind(task.given, "foreign"):
                    self._call_unknown(task.given, Arguments(), "lets code go on that is not known", node)
                for number in sorted(self._held(task.given)):
                    if self.heap[number].kind in ("iterator", "instance"):
                        self.consume(Value(frozenset((number,))), node)
                self._call_held(task.given, node)
                self.mutate(
                    Value(frozenset(item.number for item in self.of_kind(task.made, "result"))), "lets it go on"
                )
        self.doubt -= 1
        self.memo.clear()

    # -- what starts and ends tasks --------------------------------------------------------------------------------

    def _apply(
        self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str, method: str = ""
    ) -> Value:
        out = super()._apply(rule, args, node, receiver=receiver, maker=maker, method=method)
        if not maker.startswith("asyncio."):
            return out
        if receiver is None:
            starts = maker in _STARTS
            if maker not in _NEEDS_NO_LOOP and not maker.endswith("Error") and not self.effects.is_async:
                self.on_main("needs the running event loop")
        else:
            starts = method in _STARTS_AS_METHOD and not self._in_group(receiver)
            self.wakes = self.wakes or method not in _ONLY_LOOKS
        if maker == "asyncio.TaskGroup" and receiver is None:
            self.groups.update(dict.fromkeys(out.objects, id(node)))
        if starts and not self._is_waited_for(node, method or maker.rpartition(".")[2], args):
            self._start(
                args.everything | (receiver or NOTHING if method == "add_done_callback" else NOTHING), out, node
            )
        return out

    def _start(self, given: Value, made: Value, node: ast.AST) -> None:
        self.wakes = True
        self.state(f"tasks of cell {self.cell + 1}", "write", "starts them")
        key = (self.cell, id(node))
        known = self.in_flight.get(key)
        self._places[id(node)] = node
        if known is None:
            self.in_flight[key] = Started(given, made, self.weak == 0)
            self.changes += 1
        elif not (given.objects <= known.given.objects and made.objects <= known.made.objects):
            self.in_flight[key] = Started(known.given | given, known.made | made, False)
            self.changes += 1

    def _in_group(self, receiver: Value) -> bool:
        """Whether it is a task group whose ``async with`` is being run, which waits for all of its tasks."""
        return bool(receiver.objects) and all(self.groups.get(n) in self.entered for n in receiver.objects)

    def _is_waited_for(self, node: ast.AST, what: str, args: Arguments) -> bool:
        """Whether the code that starts a task waits until it is over."""
        if id(node) not in self.awaited:
            return False
        through = self.awaited[id(node)]
        if through is node:
            safe = args.keywords.get("return_exceptions")
            stays = not self.trying or (safe is not None and safe.const is True)
            partly = what != "gather" and (args.keywords or args.spread is not None)
            return what in _OVER_WHEN_AWAITED or (what in _OVER_UNLESS_LEFT and stays and not partly)
        if through is None or self.trying:
            return not self.trying and what in _OVER_WHEN_AWAITED | _OVER_UNLESS_LEFT
        waiters = {item.detail for item in map(self.heap.__getitem__, self.eval(through.func).objects)}
        if not waiters:
            return False
        return waiters <= {"asyncio.gather"} or (
            waiters <= {"asyncio.wait", "asyncio.as_completed"} and not through.keywords
        )

    def _eval_Await(self, node: ast.Await) -> Value:
        value = self.eval(node.value)
        strange = self._strangers(value)
        out = self.consume(value, node)
        if strange.objects:
            self._start(strange, NOTHING, node)
        elif self.weak == 0 and not self.trying:
            over = [k for k, t in self.in_flight.items() if t.single and value.objects == t.made.objects]
            for key in over:
                del self.in_flight[key]
        return out

    def _run_With(self, node: ast.With | ast.AsyncWith) -> None:
        places = [id(item.context_expr) for item in node.items]
        self.entered += places
        super()._run_With(node)
        del self.entered[len(self.entered) - len(places) :]

    _run_AsyncWith = _run_With


def _meets(tasks: Effects, cell: Effects) -> tuple[bool, bool]:
    """Whether a cell looks at what tasks change, and whether it changes what they look at."""
    reads = writes = False
    for access in cell.accesses.values():
        for other in tasks.accesses.values():
            if "write" in (access.mode, other.mode) and _overlap(access, other):
                writes = writes or access.mode == "write"
                reads = True
    return reads, writes


def _overlap(one: Access, two: Access) -> bool:
    if one.family != two.family:
        return one.family in ("file", "state") and two.family in ("file", "state") and ANYTHING in (one.key, two.key)
    if one.family == "file":
        return True
    return one.key == two.key or (one.family == "state" and not {ANYTHING, UNKNOWN_CODE}.isdisjoint((one.key, two.key)))

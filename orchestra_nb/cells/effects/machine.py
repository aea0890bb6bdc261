"""The state of the abstract interpreter, and the few operations through which everything else records an effect.

Reading order of the package: :mod:`.records` (what comes out), :mod:`.values`, :mod:`.arguments`, this file, then the
interpreter, each of whose files builds on the one before: :mod:`.fixpoint`, :mod:`.names`, :mod:`.members`,
:mod:`.lifetimes`, :mod:`.expressions`, :mod:`.following` (functions of the notebook), :mod:`.iteration`,
:mod:`.known_effects`, :mod:`.sharing`, :mod:`.frames`, :mod:`.selections`, :mod:`.builtin_calls`, :mod:`.libraries`,
:mod:`.overrides`, :mod:`.classes`, :mod:`.containers`, :mod:`.calls`, :mod:`.definitions`, :mod:`.context_managers`,
:mod:`.tasks`, :mod:`.loops`, :mod:`.statements`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from orchestra_nb.cells.effects.arguments import Arguments, Frame
from orchestra_nb.cells.effects.constants import CONSTANTS
from orchestra_nb.cells.effects.knowledge import Knowledge
from orchestra_nb.cells.effects.records import ANYTHING, UNKNOWN_CODE, Access, Barrier, Effects
from orchestra_nb.cells.effects.scopes import Scope
from orchestra_nb.cells.effects.sources import knowledge
from orchestra_nb.cells.effects.values import NOTHING, Heap, Object, Value
from orchestra_nb.context.outside import CHANCE, outside, outside_text

STATE_OF = {"os.environ": "env", "pandas.options": "options", "numpy.random": "numpy.random", "sys": "sys"}
_SEEN_BY_NAME = ("os.environ", "pandas.options")
"""State that is looked at by naming it, as opposed to calling something."""
_IMMUTABLE = frozenset({"tuple", "frozenset", "str", "bytes"})
_LONGEST_PATH = 6
WORK_PER_CELL = 4_000
"""Steps spent on one cell before the analysis gives up on it and keeps it in document order; see :mod:`.fixpoint`.

An ordinary cell takes some hundreds, the hardest that end take some 2,000; the limit is a tenth of a second or two."""
WORK_PER_NODE = 2
"""Steps in addition, for each node of the syntax trees so far: long code takes long even if it is simple."""


class Machine:
    """Interpreter state: heap, namespace, the effects of the cell at hand."""

    def __init__(self, table: Knowledge | None = None) -> None:
        self.table = table or knowledge()
        self.heap = Heap()
        self.module = Scope("module")
        self.names: dict[int, str] = {}
        """The last module-level name of each object, for evidence."""
        self.stars: list[str] = []
        self.trees: list[ast.Module] = []
        """Kept alive: allocation sites are told apart by the identity of their syntax nodes."""
        self.allowance = 1.0
        """Which part of the usual work may be spent on a cell."""
        self.nodes = 0
        """Nodes of all syntax trees so far."""
        self.watched: dict[int, Value] = {}
        """Objects whose end can be noticed, and what is called then; see :mod:`.lifetimes`."""
        self.origins: dict[int, int] = {}
        """Of a copy, the object that it goes back to."""
        self.raised = NOTHING
        """What ``raise`` has thrown so far: any handler may get hold of it."""
        self.bound_imports: dict[str, frozenset[str]] = {}
        """Names that mean what one import or another of these has bound, whatever path was taken."""
        self.anything = NOTHING
        """What names may be that code may have bound which is not followed."""
        self.logs_kept = False
        """Whether a cell has sent what is logged to where other cells may look."""
        self.begin(0)

    def begin(self, cell: int) -> None:
        """Start on the next cell."""
        self.cell = cell
        self.effects = Effects()
        self.scope = self.module
        self.line = 1
        self.weak = 0
        self.doubt = 0
        """Above zero while one of several objects or functions is meant, and it is not known which."""
        self.trying = 0
        """Above zero where what is raised may be caught, and so need not end the cell."""
        self.own: set[str] = set()
        self.used: dict[str, None] = {}
        """The names that the cell reads, in order."""
        self.context: tuple[int, ...] = ()
        self.home: int | None = None
        """The cell whose generator is being advanced: what that makes is the generator's, whoever advances it."""
        self.sent = NOTHING
        """What was sent to it."""
        self.turn: tuple[int, ...] = ()
        """Which elements of the comprehensions at hand are being made, where these are counted out."""
        self.frames: dict[int, Frame] = {}
        self.memo: dict[Any, tuple[Any, ...]] = {}
        self.changes = 0
        self.renewals = 0
        """Grows when something remembered may no longer hold, though nothing was learned; see :mod:`.fixpoint`."""
        self.left: dict[Any, dict[str, Value]] = {}
        """The variables that functions left to what closes over them, when they ended."""
        self.rounds: list[Any] = []
        """The passes at hand that are repeated until nothing is learned in them, from the outermost."""
        self.hidden = 0
        """Grows with each effect other than reading: tells whether a cached function may stay unordered."""
        self.work = 0
        self.most_work = self.allowance * (WORK_PER_CELL + WORK_PER_NODE * self.nodes)
        self.visited = self.heap.visited // 100
        self.discarded: ast.AST | None = None
        """The call that the statement at hand consists of, unless it is a cell's last word."""
        self.shown: ast.AST | None = None
        """The call that is a cell's last word, and may be there to be looked at."""
        self.observed: dict[int, Value] = {}
        """Instances that are being looked at, each with what it may be compared to, until :attr:`observing` ends."""
        self.observing = False
        self.depth = 0
        self.dropping = False
        self.comprehending: list[Scope] = []
        """The scopes of the comprehensions at hand: ``:=`` binds outside them."""
        self.unsettled: dict[Any, Any] = {}
        """What is being worked out, for when it is met again; see :mod:`.fixpoint`."""

    @property
    def version(self) -> int:
        """Grows whenever anything that can be seen changes: what was worked out at an equal version still holds."""
        return self.heap.version + self.changes + self.renewals

    @contextmanager
    def perhaps(self) -> Iterator[None]:
        """A part that may not run: what it binds is bound on some paths only."""
        before = set(self.own)
        self.weak += 1
        try:
            yield
        finally:
            self.weak -= 1
            self.own = before

    @contextmanager
    def one_of(self, candidates: int) -> Iterator[None]:
        """One of several parts that may run; with a single one, that is it."""
        if candidates < 2:
            yield
            return
        self.doubt += 1
        try:
            with self.perhaps():
                yield
        finally:
            self.doubt -= 1

    # -- recording -----------------------------------------------------------------------------------------------

    def record(self, access: Access) -> None:
        """Add one access to the cell's effects."""
        if access.mode == "write" and access.family != "name":
            self.hidden += 1
        if access.family == "name" and access.mode == "read":
            self.used[str(access.key)] = None
        if self.effects.add(access):
            self.changes += 1

    def state(self, key: str, mode: str, why: str = "", *, certain: bool = True) -> None:
        """The cell reads or sets hidden state."""
        self.record(Access("state", key, "write" if mode == "write" else "read", self.line, certain, why=why))

    def file(self, path: str, mode: str, why: str = "", *, appends: bool = False) -> None:
        """The cell reads or writes a file; ``"*"`` is any file."""
        if mode == "write" and not appends and path not in self.effects.rewrites:
            self.effects.rewrites.add(path)
            self.changes += 1
        self.record(Access("file", path, "write" if mode == "write" else "read", self.line, path != ANYTHING, why=why))
        self.state("cwd", "read", why)

    def use_file(self, handle: Object, why: str) -> None:
        """An open file is used: that reads it, unless it may have been opened to be written; opening it said how."""
        self.file(handle.detail, "read" if handle.opened == "reading" else "write", why, appends=True)

    def barrier(self, why: str) -> None:
        """The cell keeps its place among all others, and runs where a linear run would run it."""
        self.hidden += 1
        self.bound_imports.clear()
        if all(known.why != why for known in self.effects.barriers):
            self.effects.barriers.append(Barrier(self.line, why))
            self.changes += 1
        self.on_main(why)

    def on_main(self, why: str) -> None:
        """The cell must run on the main thread."""
        if why not in self.effects.main_thread:
            self.effects.main_thread.append(why)
            self.changes += 1

    def reach_outside(self, path: str, args: Arguments, method: bool = False) -> None:
        """The cell calls something: it is noted if its result follows from more than what it is given.

        What the method of a generator draws follows from that object, however it was made.
        """
        given = (*args.positional, *args.keywords.values())
        what = outside(path, bool(given or args.spread is not None))
        texts = [value.const for value in given if isinstance(value.const, str)]
        found = ["" if method and what == CHANCE else what, *(outside_text(path, text) for text in texts)]
        for told in dict.fromkeys(f"{each} ({path}, line {self.line})" for each in found if each):
            if told not in self.effects.outside:
                self.effects.outside.append(told)
                self.changes += 1

    def unknown_code(self, why: str) -> None:
        """Code that is not known may use any hidden state and any file."""
        self.state(UNKNOWN_CODE, "write", why, certain=False)
        self.file(ANYTHING, "write", why)
        self.on_main(why)

    # -- objects -------------------------------------------------------------------------------------------------

    def make(self, node: ast.AST, kind: Any, detail: str) -> Object:
        """The object that this place in the code makes, in this cell and through these calls."""
        cell = self.cell if self.home is None else self.home
        return self.heap.make((cell, self.context, self.turn, id(node)), kind, detail, cell)

    def imported(self, path: str) -> Value:
        """A module's attribute, by dotted path; a long path stands for what lies below it too, so paths are finite."""
        if path in CONSTANTS:
            return NOTHING
        path = ".".join(path.split(".", _LONGEST_PATH)[:_LONGEST_PATH])
        return Value(frozenset((self.heap.make(("library", path), "library", path, -1).number,)))

    def foreign(self, label: str) -> Value:
        """An object about which nothing is known, made before the notebook began."""
        return Value(frozenset((self.heap.make(("foreign", label), "foreign", label, -1).number,)))

    def of_kind(self, value: Value, *kinds: str) -> list[Object]:
        """The objects of a value that are of given kinds."""
        return [item for item in map(self.heap.__getitem__, value.objects) if item.kind in kinds]

    def look(self, value: Value, via: str = "") -> None:
        """The cell sees what a value holds."""
        for number in self.heap.reachable(value):
            item = self.heap[number]
            if item.kind in ("module", "library"):
                self._use_module(item.detail)
            elif item.cell != self.cell:
                name = via or self.name_of(number)
                self.record(Access("object", number, "read", self.line, via=name))
                if item.kind == "handle":
                    self.use_file(item, f"uses the open file {name}".rstrip())
                elif item.kind == "result" and item.detail.startswith("matplotlib."):
                    self.state("matplotlib", "read", name and f"looks at {name}")
                elif item.kind == "result" and item.detail.startswith("decimal."):
                    self.state("context", "read", name and f"may compute with {name}")

    def _use_module(self, path: str) -> None:
        root = path.partition(".")[0]
        if root != "builtins":
            self.state(f"module:{root}", "read")
        for prefix in _SEEN_BY_NAME:
            if f"{path}.".startswith(f"{prefix}."):
                self.state(STATE_OF[prefix], "read", path)

    def name_of(self, number: int) -> str:
        """A variable through which an object can be got at, one that the cell uses first; empty when there is none."""
        direct = self.names.get(number)
        used, known = self.used, self.module.names
        if direct is not None and direct not in used:
            return next((name for name in used if number in known.get(name, NOTHING).objects), direct)
        if direct is not None:
            return direct
        for name in (*used, *known):
            if number in self.heap.reachable(known.get(name, NOTHING)):
                return name
        item = self.heap[number]
        return item.detail if item.kind == "foreign" and item.detail.isidentifier() else ""

    def mutate(self, value: Value, why: str = "", *, certain: bool = True, via: str = "") -> None:
        """The cell changes the objects of a value in place."""
        certain = certain and len(value.objects) == 1 and self.doubt == 0
        for number in value.objects:
            item = self.heap[number]
            if item.kind in ("module", "library"):
                self._mutate_library(item.detail, why)
            elif item.kind == "container" and item.detail in _IMMUTABLE:
                continue
            elif item.cell != self.cell:
                name = via or self.name_of(number)
                self.record(Access("object", number, "write", self.line, certain, via=name, why=why))
            else:
                self.hidden += 1
            if item.kind == "container":
                self.heap.blur(item)
            if self.watched and item.kind not in ("module", "library"):
                held = self.heap.inside(Value(frozenset((number,)))).objects
                self.drop(Value(held - {number}), self.trees[-1])

    def _mutate_library(self, path: str, why: str) -> None:
        root = path.partition(".")[0]
        self.state(f"module:{root}", "write", why or f"changes {path}")
        for prefix, key in STATE_OF.items():
            if path == prefix or path.startswith(prefix + "."):
                self.state(key, "write", why or f"changes {path}")
        if root == "matplotlib":
            self.state("matplotlib", "write", why or f"changes {path}")

    def mutate_deeply(self, value: Value, why: str) -> None:
        """Whatever can be reached from a value may be changed."""
        for number in self.heap.reachable(value):
            if self.heap[number].kind not in ("function", "class", "module", "library"):
                self.mutate(Value(frozenset((number,))), why, certain=False)

    # -- implemented further up in the interpreter ---------------------------------------------------------

    def eval(self, node: ast.expr | None) -> Value:
        """What an expression may yield."""
        raise AssertionError("Expressions")

    def run(self, body: Iterable[ast.stmt]) -> None:
        """Execute statements."""
        raise AssertionError("Statements")

    def call(self, callee: Value, args: Arguments, node: ast.AST) -> Value:
        """Call a value."""
        raise AssertionError("Calls")

    def call_method(self, receiver: Value, name: str, args: Arguments, node: ast.AST) -> Value:
        """Call a method of a value."""
        raise AssertionError("Calls")

    def drop(self, value: Value, node: ast.AST) -> None:
        """References to a value may go here."""
        raise AssertionError("Lifetimes")

    def consume(self, value: Value, node: ast.AST) -> Value:
        """Iterate or await a value; yields what comes out."""
        raise AssertionError("Calls")

    def assign(self, target: ast.expr, value: Value) -> None:
        """Store to a target."""
        raise AssertionError("Statements")

"""Calls into libraries, by the table; and into code that is not known, by the worst that it could do.

A function that reaches a library as an argument counts as called there and then, with anything it could be given.
"""

from __future__ import annotations

import ast
import posixpath
import sys
from typing import Any

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.builtin_calls import BuiltinCalls
from orchestra_nb.cells.effects.following import CHANGES_WHAT_IT_IS_GIVEN
from orchestra_nb.cells.effects.knowledge import Rule
from orchestra_nb.cells.effects.known_effects import (
    FITS_ITS_PARTS,
    STYLER,
    is_fresh,
    is_mapped,
    is_uncopied,
    makes_object,
)
from orchestra_nb.cells.effects.members import ENTERING
from orchestra_nb.cells.effects.records import ANYTHING, RANDOM
from orchestra_nb.cells.effects.values import NOTHING, UNKNOWN, Value, join

_MAKES_CONTAINER = {
    "builtins.list": "list", "builtins.dict": "dict", "builtins.set": "set", "builtins.tuple": "tuple",
    "builtins.frozenset": "frozenset", "builtins.sorted": "list", "builtins.bytearray": "list",
}  # fmt: skip
_TAKES_ELEMENT = frozenset({"builtins.next", "builtins.anext", "builtins.min", "builtins.max", "builtins.sum"})
_HARMLESS_MAGICS = frozenset({"matplotlib", "config", "load_ext", "pip", "conda", "precision", "pwd", "ls", "time"})
_SHOWS_LOGS = frozenset({"logging.basicConfig", "logging.StreamHandler"})
"""They send what is logged to the standard error stream, which is each cell's own, unless they are told otherwise."""
_SEEDS = frozenset({"random.seed", "random.setstate", "numpy.random.seed", "numpy.random.set_state"})
_WATCHES = frozenset({"weakref.ref", "weakref.proxy", "weakref.finalize", "weakref.WeakMethod"})
_YIELDS_WHAT_IT_HAS = ("builtins.", "itertools.", "heapq.", "difflib.", "glob.", "csv.", "re.", "struct.", "calendar.")
"""Makers of iterators that yield what they were given, or what cannot be changed."""
_CLASSES = frozenset({"object", "type", "list", "dict", "set", "deque", "defaultdict", "array", "ndarray", "bytearray"})
_LOOKING = frozenset(
    f"__{name}__"
    for name in (
        *("getitem", "getattribute", "repr", "str", "len", "eq", "ne", "lt", "le", "gt", "ge", "hash", "contains"),
        *("format", "new", "iter", "bool", "reduce", "reduce_ex", "sizeof", "dir", "init_subclass"),
    )
)
_ITERATES = ("builtins.", "itertools.", "collections.", "csv.", "json.")

_EVALUATORS = ("patsy.", "statsmodels.formula.", "statsmodels.api.formula.", "numexpr.")
"""What computes with the caller's variables that a text names."""


class Libraries(BuiltinCalls):
    """Applies what is known of libraries."""

    def _call_library(self, path: str, args: Arguments, node: ast.AST) -> Value:
        if path.startswith("builtins."):
            special = getattr(self, f"_builtin_{path[9:]}", None)
            if special is not None:
                result: Value = special(args, node)
                return result
        rule = self.table.call(path)
        self._reach_outside(rule, path, args)
        if rule is None:
            return self._call_unknown(NOTHING, args, f"calls {path}(), which is not known", node)
        self._use_module(path)
        if path.startswith(_EVALUATORS):
            self.look_up_in_texts(args)
        out = self._apply(rule, args, node, receiver=None, maker=path)
        if path.endswith("_accessor") and args.positional and isinstance(args.positional[0].const, str):
            self.accessors.add(args.positional[0].const)
        more = self._unbound_method(path, args, node)
        return out | more if more.objects else out

    def mutate(self, value: Value, why: str = "", *, certain: bool = True, via: str = "") -> None:
        """Change objects; what is set on a logger decides what libraries say."""
        super().mutate(value, why, certain=certain, via=via)
        if why.endswith(" = …") and any(o.detail.startswith("logging.") for o in self.of_kind(value, "result")):
            self.state("logging.levels", "write", why)

    def _unbound_method(self, path: str, args: Arguments, node: ast.AST) -> Value:
        """``list.append(xs, 1)``: a method taken off its class does to its first argument what it does to its own."""
        owner, _, name = path.rpartition(".")
        if not _is_class(owner) or not args.positional:
            return NOTHING
        rest = Arguments(args.positional[1:], args.keywords, args.spread)
        things = self.of_kind(args.positional[0], "container", "result", "iterator", "handle")
        for item in self.of_kind(args.positional[0], "instance", "class", "foreign"):
            if owner == "builtins.object" and name == "__setattr__":
                self._store(item, args.pick(1), args.pick(2) or args.everything)
            if name not in _LOOKING:
                self.mutate(Value(frozenset((item.number,))), f"{path}()", certain=False)
                self.heap.hold(item, args.everything)
        given = Value(frozenset(item.number for item in things))
        return self.call_method(given, name, rest, node) if given.objects else NOTHING

    def _reach_outside(self, rule: Rule | None, path: str, args: Arguments, method: bool = False) -> None:
        """Note what a call follows from beside its arguments. Of a global random state the cell's effects tell."""
        chance = set() if rule is None else set(RANDOM) & set(rule.sets)
        if not chance:
            self.reach_outside(path, args, method)
        elif path in _SEEDS and (args.positional or args.keywords or args.spread is not None):
            self.effects.seeds |= chance
            surely = not (self.weak or self.doubt or self.trying)
            drawn = {access.key for access in self.effects.of("state", "write")}
            self.effects.begins_with |= chance - drawn if surely else set()

    def _apply(
        self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str, method: str = ""
    ) -> Value:
        """Record what a known call does, and say what it returns."""
        label = f".{method}()" if method else f"{maker.removeprefix('builtins.')}()"
        if rule.barrier:
            self.barrier(f"{label} {rule.barrier}")
        if rule.main:
            self.on_main(f"{label}: {rule.main}")
        self.state("warnings", "read", label)
        if maker.partition(".")[0] not in sys.stdlib_module_names and "." in maker:
            self.state("logging.levels", "read", label)
        if maker.startswith("logging."):
            self.logs_kept = self.logs_kept or _keeps_logs(maker, method, args)
            if self.logs_kept:
                self.barrier("logs to where other cells may look")
        for key in rule.gets:
            self.state(key, "read", label)
        for key in rule.sets:
            self.state(key, "write", label)
        if receiver is not None and "." in maker:
            self._reach_outside(rule, f"{maker}.{method}", args, method=True)
            self._use_module(maker)  # methods can be added to the classes of a library
            self.state("options", "read", label)
            self._enter(receiver, label)
        self._touch_files(rule, args, receiver, label, method)
        whole = args.everything | (receiver or NOTHING)
        self._draw(rule, args, whole, label, node, maker if receiver is None else "")
        if maker in ("builtins.print", "builtins.display"):
            self.hidden += 1
        kinds = ("iterator", "instance", "handle", *(["foreign"] if maker.startswith(_ITERATES) else []))
        for value in (*args.positional, *args.keywords.values()):
            if self.of_kind(value, *kinds):
                self.consume(value, node)
        self.observe(self.heap.inside(args.everything), node)
        if maker in CHANGES_WHAT_IT_IS_GIVEN and receiver is not None:
            self.mutate_deeply(args.everything, f"{maker}()")
        if maker.startswith("contextlib."):  # enters it, now or later; what was entered is left
            for item in self.of_kind(Value(self.heap.reachable(whole)), "instance"):
                for name in ENTERING:
                    self._dunder(Value(frozenset((item.number,))), name, [NOTHING] * 3, node)
        if maker in _WATCHES and receiver is None:
            self.watch(args.pick(0) or NOTHING, args.everything)
        calls = rule.calls == "now" and rule.returns != "argument"
        calls = calls or (receiver is not None and rule.calls != "never")
        made = self._call_held(whole, node) if calls else NOTHING
        self._change(rule, args, receiver, label, method, maker)
        out = self._returned(rule, args, node, receiver=receiver, maker=maker, method=method)
        for item in self.of_kind(out, "container", "iterator", "result"):
            self.heap.hold(item, made)
        return out | made if made.objects and rule.returns == "same" else out

    def _returned(
        self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str, method: str
    ) -> Value:
        whole = args.everything
        if rule.returns == "plain":
            return _folded(maker, args)
        if rule.returns == "argument":
            return self._decorated(args.pick(0) or NOTHING, maker, node)
        if maker in _MAKES_CONTAINER:
            made = self.make(node, "container", _MAKES_CONTAINER[maker])
            named = join(args.keywords.values()) if maker == "builtins.dict" else NOTHING  # and not a sort's key
            self.heap.hold(made, self.heap.inside(whole) | named)
            return Value(frozenset((made.number,)))
        if maker in _TAKES_ELEMENT:
            return self.heap.inside(whole) | whole.plain
        if rule.returns == "iterator" or (maker.startswith("pandas.read_") and _in_pieces(args)):
            return self._iterator(rule, args, node, maker, receiver, method)
        if self.makes_frame(rule, args):
            return self.framed(rule, args, receiver, node, method or maker)
        if rule.returns == "handle" or is_mapped(rule, args):
            path = receiver if rule.reads == "self" else self._path(args, 0)
            const = path.const if path is not None else UNKNOWN
            made = self.make(node, "handle", posixpath.normpath(const) if isinstance(const, str) else ANYTHING)
            return Value(frozenset((made.number,)))
        return self._made(rule, args, node, receiver=receiver, maker=maker, method=method)

    def _iterator(
        self, rule: Rule, args: Arguments, node: ast.AST, maker: str, receiver: Value | None, method: str
    ) -> Value:
        made = self.make(node, "iterator", f"{maker}.{method}" if method else maker)
        if rule.calls == "later" and args.positional:
            called, args = args.positional[0], Arguments(args.positional[1:], args.keywords, args.spread)
            if not called.objects <= made.calls:
                made.calls |= called.objects
                self.heap.version += 1
        whole = args.everything | (receiver or NOTHING)
        inside = self.heap.inside(whole)
        self.heap.hold(made, whole | inside | self.heap.inside(inside))
        if not maker.startswith(_YIELDS_WHAT_IT_HAS):  # what comes out may be new, and be changed
            detail = "pathlib.Path" if maker.startswith("pathlib.") else f"{maker.partition('.')[0]}.result"
            self.heap.hold(made, Value(frozenset((self.make(node, "result", detail).number,))))
        return Value(frozenset((made.number,)))

    def _made(
        self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str, method: str
    ) -> Value:
        """A new object of a library; unless it is known to be fresh it may share with what it was made from."""
        whole = args.everything
        if receiver is None:
            made = self.make(node, "result", maker)
            self._remember_habits(made, args)
        else:
            root = maker.partition(".")[0]
            kept = maker.startswith("pathlib.") or maker == STYLER
            made = self.make(node, "result", maker if kept else f"{root}.result")
        one = Value(frozenset((made.number,)))
        if is_fresh(rule, args) and not self._works_in_place(receiver):
            cells = self._shared(args, receiver, maker)
            self.heap.hold(made, cells)
            self.relate(made, whole | (receiver or NOTHING), maker)
            outs = [args.pick(place) or NOTHING for place in (*rule.changes, "out") if place != "self"]
            return join([one, cells, *outs, *map(self.heap.inside, outs)])
        if method in ("fit", "partial_fit") and receiver is not None and self._forgets(receiver, method):
            return receiver.plain
        self.heap.hold(made, whole | (receiver or NOTHING))
        kin = self.shares(made, whole | (receiver or NOTHING), maker)
        if maker in FITS_ITS_PARTS and receiver is None:  # its steps can be had by name or by number
            reached = self.of_kind(Value(self.heap.reachable(whole)), "result", "instance", "foreign")
            self.heap.hold(made, Value(frozenset(item.number for item in reached)))
        if maker.startswith("pathlib.") and (receiver is None or method == "joinpath"):
            return Value(one.objects, _joined([*([receiver] if receiver is not None else []), *args.positional], args))
        if receiver is not None:
            return one | receiver.plain | kin
        return one if makes_object(maker) and not rule.wraps and not is_uncopied(args) else one | whole | kin

    def _decorated(self, value: Value, maker: str, node: ast.AST) -> Value:
        bindings = {"builtins.staticmethod": "static", "builtins.classmethod": "class"}
        for item in self.of_kind(value, "function"):
            assert item.body is not None
            if maker in bindings:
                item.body.binding = bindings[maker]  # type: ignore[assignment]
            elif maker == "functools.cached_property":
                item.body.binding, item.body.cached = "property", True
            elif maker in ("functools.lru_cache", "functools.cache"):
                item.body.cached = True
        if not value.objects:  # a decorator with options: what it returns is the decorator
            return self.imported(maker)
        return value

    def _call_unknown(self, callee: Value, args: Arguments, why: str, node: ast.AST) -> Value:
        """Whatever is reachable may change, be called, be kept by one another; any hidden state may be used."""
        if any(self.heap[n].detail == "IPython" for n in callee.objects):
            return self._magic(args, node)
        whole = callee | args.everything
        self.unknown_code(why)
        self.look_up_in_texts(args)
        self.mutate_deeply(whole, why)
        made = self.make(node, "foreign", "made by unknown code")
        one = Value(frozenset((made.number,)))
        for number in sorted(self.heap.reachable(whole)):
            item = self.heap[number]
            if item.kind in ("function", "bound") and item.body is not None:
                owner = [Value(frozenset((item.owner or 0,)))] if item.kind == "bound" else []
                self.consume(self._follow(item, Arguments([*owner, *[whole] * 8], {}, whole), node), node)
            elif item.kind == "iterator":
                self.consume(Value(frozenset((number,))), node)
            if item.cell >= 0 and item.kind not in ("function", "class"):
                self.heap.hold(item, one)  # through it all of them reach each other, without a link for every pair
        self.heap.hold(made, whole)
        self.take_out(made, whole)
        return one

    def _magic(self, args: Arguments, node: ast.AST) -> Value:
        name = args.pick(0)
        method = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
        shell = method in ("system", "getoutput")
        if not shell and not (method == "run_line_magic" and name is not None and name.const in _HARMLESS_MAGICS):
            self.forget_types("a magic binds")
        return self.foreign("output of a magic")


def _is_class(path: str) -> bool:
    """Whether a dotted name is a class's, by how classes are named; the modules of PIL are named like classes."""
    last = path.rpartition(".")[2]
    return last in _CLASSES or (last[:1].isupper() and not (path.startswith("PIL.") and path.count(".") == 1))


def _keeps_logs(maker: str, method: str, args: Arguments) -> bool:
    """Whether a call of logging sends what is logged to where other cells may look."""
    if maker in _SHOWS_LOGS and not method:
        told = set(args.keywords) - {"level", "format", "datefmt", "style", "force"}
        return bool(args.positional or told or args.spread is not None)
    return method == "addHandler" or maker.startswith(("logging.FileHandler", "logging.handlers.", "logging.config."))


def _in_pieces(args: Arguments) -> bool:
    """Whether a file is, or may be, read piece by piece."""
    if args.spread is not None:
        return True
    asked = (args.keywords.get("chunksize"), args.keywords.get("iterator"))
    return any(value is not None and value.const not in (None, False) for value in asked)


def _folded(maker: str, args: Arguments) -> Value:
    """The constant that a path is put together to."""
    if maker == "os.path.join":
        return Value(const=_joined(args.positional, args))
    return NOTHING


def _joined(parts: list[Value], args: Arguments) -> Any:
    consts = [part.const for part in parts]
    known = bool(consts) and args.spread is None and all(isinstance(const, str) for const in consts)
    return posixpath.join(*consts) if known else UNKNOWN

"""Calls into libraries, by the table; and into code that is not known, by the worst that it could do.

A function that reaches a library as an argument counts as called there and then, with anything it could be given.
"""

from __future__ import annotations

import ast
import posixpath

from orchestra_nb.cells.effects.following import CHANGES_WHAT_IT_IS_GIVEN
from orchestra_nb.cells.effects.iteration import Iteration
from orchestra_nb.cells.effects.knowledge import Rule
from orchestra_nb.cells.effects.machine import Arguments
from orchestra_nb.cells.effects.members import ENTERING
from orchestra_nb.cells.effects.records import ANYTHING
from orchestra_nb.cells.effects.scopes import Scope
from orchestra_nb.cells.effects.values import NOTHING, UNKNOWN, Object, Value, join

_MAKES_CONTAINER = {
    "builtins.list": "list", "builtins.dict": "dict", "builtins.set": "set", "builtins.tuple": "tuple",
    "builtins.frozenset": "frozenset", "builtins.sorted": "list", "builtins.bytearray": "list",
}  # fmt: skip
_TAKES_ELEMENT = frozenset({"builtins.next", "builtins.anext", "builtins.min", "builtins.max", "builtins.sum"})
_HARMLESS_MAGICS = frozenset({"matplotlib", "config", "load_ext", "pip", "conda", "precision", "pwd", "ls", "time"})
_WRITTEN_TO = ("out", "buf", "file", "stream", "dst")
"""Keywords whose argument a call writes to, whatever it is."""
_FITS_ITS_PARTS = frozenset(
    f"sklearn.{name}"
    for name in (
        *("pipeline.Pipeline", "pipeline.make_pipeline", "pipeline.FeatureUnion", "pipeline.make_union"),
        *("compose.ColumnTransformer", "compose.make_column_transformer"),
    )
)
_KEEPS_LOGS = frozenset({"logging.basicConfig", "logging.FileHandler", "logging.StreamHandler"})
_WATCHES = frozenset({"weakref.ref", "weakref.proxy", "weakref.finalize", "weakref.WeakMethod"})
_ITERATES = ("builtins.", "itertools.", "collections.", "csv.", "json.")


class Libraries(Iteration):
    """Applies what is known of libraries."""

    def _call_library(self, path: str, args: Arguments, node: ast.AST) -> Value:
        if path.startswith("builtins."):
            special = getattr(self, f"_builtin_{path[9:]}", None)
            if special is not None:
                result: Value = special(args, node)
                return result
        rule = self.table.call(path)
        if rule is None:
            return self._call_unknown(NOTHING, args, f"calls {path}(), which is not known", node)
        self._use_module(path)
        return self._apply(rule, args, node, receiver=None, maker=path)

    def _builtin_super(self, args: Arguments, node: ast.AST) -> Value:
        scope: Scope | None = self.scope
        while scope is not None and scope.kind != "function":
            scope = scope.parent
        first = next(iter(scope.names.values()), NOTHING) if scope is not None else NOTHING
        return join(self._bound(item, "super", None, node) for item in self.of_kind(first, "instance", "class"))

    def _builtin_getattr(self, args: Arguments, node: ast.AST) -> Value:
        receiver, name = args.pick(0) or NOTHING, args.pick(1)
        default = args.pick(2) or NOTHING
        if name is not None and isinstance(name.const, str):
            return self.attribute(receiver, name.const, node) | default
        methods = [
            self.member(item, field, node)
            for item in self.of_kind(receiver, "instance", "class")
            for field in self.all_fields(self.heap[item.owner if item.owner is not None else item.number])
        ]
        return join([self.heap.inside(receiver), receiver, default, *methods])

    def _builtin_setattr(self, args: Arguments, node: ast.AST) -> Value:
        receiver, name = args.pick(0) or args.everything, args.pick(1)
        value = args.pick(2) or args.everything
        self.mutate(receiver, "setattr()")
        for item in self.of_kind(receiver, "instance", "class"):
            known = [*item.fields, *self.all_fields(item if item.kind == "class" else self.heap[item.owner or 0])]
            names = [name.const] if name is not None and isinstance(name.const, str) else known
            for field in names:
                self.heap.set_field(item, field, value.plain, weak=True)
            self.heap.hold(item, value)
            self._dunder(Value(frozenset((item.number,))), "__setattr__", [value], node)
        for item in self.of_kind(receiver, "result", "foreign", "function"):
            self.heap.hold(item, value)
        if self.of_kind(receiver, "module", "library"):
            self.forget_types("setattr")
        return NOTHING

    def _builtin_type(self, args: Arguments, node: ast.AST) -> Value:
        owners = [item.owner for item in self.of_kind(args.everything, "instance") if item.owner is not None]
        return Value(frozenset(owners))

    def _builtin_get_ipython(self, args: Arguments, node: ast.AST) -> Value:
        self.barrier("runs a magic or a shell command, which may touch anything")
        return self.foreign("IPython")

    def _builtin_exec(self, args: Arguments, node: ast.AST) -> Value:
        self.barrier("exec() or eval() may touch anything")
        self.forget_types("exec")
        return self.foreign("exec")

    _builtin_eval = _builtin_exec

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
        if maker.startswith("logging."):
            self.logs_kept = self.logs_kept or method == "addHandler" or maker in _KEEPS_LOGS
            if self.logs_kept:
                self.barrier("logs to where other cells may look")
        for key in rule.gets:
            self.state(key, "read", label)
        for key in rule.sets:
            self.state(key, "write", label)
        self._touch_files(rule, args, receiver, label)
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
        calls = receiver is not None or (rule.calls == "now" and rule.returns != "argument")
        made = self._call_held(whole, node) if calls else NOTHING
        self._change(rule, args, receiver, label, method)
        out = self._returned(rule, args, node, receiver=receiver, maker=maker)
        for item in self.of_kind(out, "container", "iterator", "result"):
            self.heap.hold(item, made)
        return out | made if made.objects and rule.returns == "same" else out

    def _change(self, rule: Rule, args: Arguments, receiver: Value | None, label: str, method: str = "") -> None:
        targets = []
        for position in rule.changes:
            target = receiver if position == "self" else args.pick(position)
            if target is not None:
                targets.append(target)
                self.mutate(target, label)
            elif args.spread is not None:
                self.mutate(args.spread, label, certain=False)
        for name in _WRITTEN_TO:
            if name in args.keywords:
                target = args.keywords[name]
                self.mutate(target, f"{label} with {name}=")
                self.mutate(self.heap.inside(target), f"{label} with {name}=", certain=False)
        if receiver is not None and method.startswith("fit"):  # a pipeline fits its steps in place
            for item in self.of_kind(receiver, "result"):
                if item.detail in _FITS_ITS_PARTS:
                    self.mutate_deeply(Value(frozenset(item.contents)), f"{label} fits the steps in place")
        in_place = args.keywords.get("inplace")
        if in_place is not None and in_place.const is not False and receiver is not None:
            self.mutate(receiver, f"{label} with inplace=True", certain=in_place.const is True)
        for target in targets:
            for number in target.objects:
                self.keep_track(self.heap[number], args.everything)
                self.heap.hold(self.heap[number], args.everything | self.heap.inside(args.everything))

    def _touch_files(self, rule: Rule, args: Arguments, receiver: Value | None, label: str) -> None:
        for which, mode in ((rule.reads, "read"), (rule.writes, "write")):
            if which is None:
                continue
            opened = args.pick(rule.mode) or args.pick("mode") if rule.mode is not None else None
            if opened is not None and not (isinstance(opened.const, str) and set(opened.const) <= set("rbtU")):
                mode = "write"
            path = receiver if which == "self" else None if which == "?" else args.pick(which)
            if path is not None and which != "self":
                streams = [k for k in self.of_kind(path, "handle", "result", "foreign", "instance") if _is_stream(k)]
                if streams:
                    self.mutate(path, label)
                    continue
            const = path.const if path is not None else UNKNOWN
            self.file(posixpath.normpath(const) if isinstance(const, str) else ANYTHING, mode, label)

    def _draw(self, rule: Rule, args: Arguments, whole: Value, label: str, node: ast.AST, maker: str) -> None:
        """Whether numpy's global random state is used; ``maker`` is empty for methods."""
        seeds = [args.keywords[k] for k in rule.seed if k in args.keywords]
        draws = bool(rule.seed) and not any(s.const is not None for s in seeds)
        for seed in seeds:
            if seed.objects:
                self.mutate(seed, f"{label} draws from it", certain=False)
        if draws and rule.seed_if and args.spread is None:
            draws = any(k in args.keywords for k in rule.seed_if)
        if rule.lazy and maker:
            if draws:
                self.make(node, "result", maker).unseeded = True
            return
        if draws or (not _makes_object(maker) and any(self.heap[n].unseeded for n in self.heap.reachable(whole))):
            self.state("numpy.random", "write", f"{label} without a random_state", certain=draws)

    def _returned(self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str) -> Value:
        whole = args.everything
        if rule.returns == "plain":
            return NOTHING
        if rule.returns == "argument":
            return self._decorated(args.pick(0) or NOTHING, maker, node)
        if maker in _MAKES_CONTAINER:
            made = self.make(node, "container", _MAKES_CONTAINER[maker])
            self.heap.hold(made, self.heap.inside(whole) | join(args.keywords.values()))
            return Value(frozenset((made.number,)))
        if maker in _TAKES_ELEMENT:
            return self.heap.inside(whole) | whole.plain
        if rule.returns in ("iterator", "handle"):
            return self._opened(rule, args, node, maker, receiver)
        return self._made(rule, args, node, receiver=receiver, maker=maker)

    def _opened(self, rule: Rule, args: Arguments, node: ast.AST, maker: str, receiver: Value | None) -> Value:
        if rule.returns == "iterator":
            made = self.make(node, "iterator", maker)
            if rule.calls == "later" and args.positional:
                called, args = args.positional[0], Arguments(args.positional[1:], args.keywords, args.spread)
                made.calls |= called.objects
                self.heap.version += 1
            inside = self.heap.inside(args.everything | (receiver or NOTHING))
            self.heap.hold(made, args.everything | (receiver or NOTHING) | inside | self.heap.inside(inside))
        else:
            path = receiver if rule.reads == "self" else args.pick(0)
            const = path.const if path is not None else UNKNOWN
            made = self.make(node, "handle", posixpath.normpath(const) if isinstance(const, str) else ANYTHING)
        return Value(frozenset((made.number,)))

    def _made(self, rule: Rule, args: Arguments, node: ast.AST, *, receiver: Value | None, maker: str) -> Value:
        """A new object of a library; unless it is known to be fresh it may share with what it was made from."""
        whole = args.everything
        if receiver is None:
            made = self.make(node, "result", maker)
        else:
            root = maker.partition(".")[0]
            made = self.make(node, "result", maker if maker.startswith("pathlib.") else f"{root}.result")
        one = Value(frozenset((made.number,)))
        if rule.returns == "fresh":
            return one
        self.heap.hold(made, whole | (receiver or NOTHING))
        if maker.startswith("pathlib.") and receiver is None:
            first = args.pick(0)
            const = first.const if first is not None and len(args.positional) == 1 else UNKNOWN
            return Value(one.objects, const)
        if receiver is not None:
            return one | receiver.plain
        return one if _makes_object(maker) else one | whole

    def _decorated(self, value: Value, maker: str, node: ast.AST) -> Value:
        bindings = {"builtins.property": "property", "builtins.staticmethod": "static", "builtins.classmethod": "class"}
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
        self.mutate_deeply(whole, why)
        for number in sorted(self.heap.reachable(whole)):
            item = self.heap[number]
            if item.kind in ("function", "bound") and item.body is not None:
                owner = [Value(frozenset((item.owner or 0,)))] if item.kind == "bound" else []
                self.consume(self._follow(item, Arguments([*owner, *[whole] * 8], {}, whole), node), node)
            elif item.kind == "iterator":
                self.consume(Value(frozenset((number,))), node)
            if item.cell >= 0 and item.kind not in ("function", "class"):
                self.heap.hold(item, whole)
        made = self.make(node, "foreign", why)
        self.heap.hold(made, whole)
        return Value(frozenset((made.number,)))

    def _magic(self, args: Arguments, node: ast.AST) -> Value:
        name = args.pick(0)
        method = node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""
        shell = method in ("system", "getoutput")
        if not shell and not (method == "run_line_magic" and name is not None and name.const in _HARMLESS_MAGICS):
            self.forget_types("a magic binds")
        return self.foreign("output of a magic")


def _is_stream(item: Object) -> bool:
    """Whether something in a path's place is written to as a stream; a ``Path`` is a path."""
    return not (item.kind == "result" and item.detail.startswith(("pathlib.", "os.")))


def _makes_object(path: str) -> bool:
    last = path.rpartition(".")[2]
    return last[:1].isupper() or last.startswith(("make_pipeline", "make_union", "make_column_transformer"))

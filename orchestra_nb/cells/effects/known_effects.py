"""What calls into libraries touch: what they change in place, files, random states; and what using their objects does.

The rules of the table say most of it. What is here are the conventions that hold across libraries: ``out=``, ``copy=``,
``inplace=``, streams in the place of paths, estimators that remember how they were made.
"""

from __future__ import annotations

import ast
import posixpath
from typing import TYPE_CHECKING

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.iteration import Iteration
from orchestra_nb.cells.effects.knowledge import PURE, Rule
from orchestra_nb.cells.effects.records import ANYTHING
from orchestra_nb.cells.effects.values import NOTHING, UNKNOWN, Object, Value, join

if TYPE_CHECKING:
    from orchestra_nb.cells.effects.knowledge import Knowledge

APPENDING = ("a", "at", "ta", "ab", "ba")
"""Modes of :func:`open` in which what a file has stays in it."""
_WRITTEN_TO = ("out", "buf", "file", "stream", "dst", "fp", "fname", "path_or_buf", "path_or_buffer", "excel_writer")
"""Keywords whose argument a call writes to, whatever it is; a path among them is a file's."""
_PATHS = (
    *("path", "path_or_buf", "path_or_buffer", "filepath_or_buffer", "fname", "filename", "file", "fp", "io", "buf"),
    *("excel_writer", "f"),
)
"""Keywords that name the file where the table gives a position."""
FITS_ITS_PARTS = frozenset(
    f"sklearn.{name}"
    for name in (
        *("pipeline.Pipeline", "pipeline.make_pipeline", "pipeline.FeatureUnion", "pipeline.make_union"),
        *("compose.ColumnTransformer", "compose.make_column_transformer"),
    )
)
_LISTS_FILES = ("os.", "glob.", "pathlib.", "pandas.", "fileinput.")
"""Makers of iterators that look at the files while they are consumed."""
_STREAMS = ("io.", "tempfile.", "zipfile.", "tarfile.")
_SURELY_STREAMS = frozenset(
    {
        *("io.StringIO", "io.BytesIO", "io.TextIOWrapper", "io.BufferedReader", "io.BufferedWriter"),
        *("tempfile.TemporaryFile", "tempfile.NamedTemporaryFile", "tempfile.SpooledTemporaryFile"),
    }
)
STYLER = "pandas.io.formats.style.Styler"


class KnownEffects(Iteration):
    """Records what is known of libraries."""

    def __init__(self, table: Knowledge | None = None) -> None:
        super().__init__(table)
        self.overwriting: set[int] = set()
        """Estimators that were told not to copy: they work in what they are given."""
        self.caching: set[int] = set()
        """Estimators that keep intermediate results in files."""
        self.accessors: set[str] = set()
        """Attributes of all frames that cells registered: what runs behind them is not followed."""

    # -- using what a library made ---------------------------------------------------------------------------------

    def attribute(self, receiver: Value, name: str, node: ast.AST) -> Value:
        """What ``receiver.name`` may be; attributes of a library's objects can be added to its classes."""
        results = self.of_kind(receiver, "result")
        for item in results:
            self._use_module(item.detail)
        frames = [item for item in results if item.detail.startswith("pandas.") and item.detail != STYLER]
        if name == "style" and frames:  # renders the frame as it is then, and has methods of its own
            made = self.make(node, "result", STYLER)
            self.heap.hold(made, receiver)
            rest = receiver.objects - {item.number for item in frames}
            return Value(frozenset((made.number,))) | super().attribute(Value(rest), name, node)
        if frames and name in self.accessors:
            self.barrier(f".{name} is an accessor that a cell registered")
        return super().attribute(receiver, name, node)

    def consume(self, value: Value, node: ast.AST) -> Value:
        """Iterate, await or enter a value."""
        self._enter(value, "enters it")
        return super().consume(value, node)

    def _enter(self, value: Value, why: str) -> None:
        for item in self.of_kind(value, "result"):
            for key in (self.table.call(item.detail) or PURE).enters:
                self.state(key, "write", why)

    def _drain_once(self, item: Object, node: ast.AST) -> Value:
        if item.detail.startswith(_LISTS_FILES):
            self.file(ANYTHING, "read", "looks at the files as it goes")
            streams = [n for n in item.contents if self.heap[n].detail.startswith(_STREAMS)]
            self.mutate(Value(frozenset(streams)), "reads on", certain=False)
        return super()._drain_once(item, node)

    # -- changes in place --------------------------------------------------------------------------------------------

    def _change(self, rule: Rule, args: Arguments, receiver: Value | None, label: str, method: str, maker: str) -> None:
        targets = []
        for position in rule.changes:
            target = receiver if position == "self" else args.pick(position)
            if target is not None:
                targets.append(target)
                self.mutate(target, label)
            elif args.spread is not None:
                self.mutate(args.spread, label, certain=False)
        if receiver is not None and "self" in rule.changes:
            self._change_wrapped(receiver, label)
        for name in _WRITTEN_TO:
            for item in map(self.heap.__getitem__, args.keywords.get(name, NOTHING).objects):
                if not _is_path(item):
                    one = Value(frozenset((item.number,)))
                    self.mutate(one, f"{label} with {name}=")
                    self.mutate(self.heap.inside(one), f"{label} with {name}=", certain=False)
        self._change_by_convention(rule, args, receiver, label, method, maker)
        if not targets or (receiver is not None and self._forgets(receiver, method)):
            return
        given = args.everything | self.heap.inside(args.everything)
        for number in join(targets).objects:
            self.keep_track(self.heap[number], args.everything)
            self.heap.hold(self.heap[number], given)
            self.take_out(self.heap[number], given)

    def take_out(self, made: Object, given: Value) -> Value:
        """Hook: what else something that was made of ``given`` may show."""
        return NOTHING

    def _works_in_place(self, receiver: Value | None) -> bool:
        """Whether an estimator was told not to copy what it is given."""
        return bool(self.overwriting) and bool(self.heap.reachable(receiver or NOTHING) & self.overwriting)

    def _forgets(self, receiver: Value, method: str) -> bool:
        """Whether an estimator, and each in it, keeps nothing of what it is fitted to."""
        if not method.startswith(("fit", "partial_fit")):
            return False
        reached = self.heap.reachable(receiver)
        items = [item for item in map(self.heap.__getitem__, reached) if item.kind != "container"]
        return not reached & self.overwriting and all(
            item.kind == "result" and (item.detail.startswith("numpy.") or self.table.forgets(item.detail))
            for item in items
        )

    def _change_wrapped(self, receiver: Value, label: str) -> None:
        """What a writer or a view changes is what it was made from."""
        for item in self.of_kind(receiver, "result"):
            if (self.table.call(item.detail) or PURE).wraps:
                held = Value(frozenset(item.contents - receiver.objects))
                self.mutate(held, f"{label} of what wraps it", certain=False)
                self._change_wrapped(held, label)

    def _change_by_convention(
        self, rule: Rule, args: Arguments, receiver: Value | None, label: str, method: str, maker: str
    ) -> None:
        parts = Value(frozenset(n for item in self.of_kind(receiver or NOTHING, "result") for n in item.contents))
        if method.startswith("fit"):  # a pipeline fits its steps in place
            for item in self.of_kind(receiver or NOTHING, "result"):
                if item.detail in FITS_ITS_PARTS:
                    self.mutate_deeply(Value(frozenset(item.contents)), f"{label} fits the steps in place")
        if method == "set_params" and (args.spread is not None or any("__" in name for name in args.keywords)):
            self.mutate_deeply(parts, f"{label} reaches into its parts")
        in_place = args.keywords.get("inplace")
        if in_place is not None and in_place.const is not False and receiver is not None:
            self.mutate(receiver, f"{label} with inplace=True", certain=in_place.const is True)
        elif args.spread is not None and receiver is not None and maker.startswith("pandas."):
            self.mutate(receiver, f"{label}, perhaps with inplace=True", certain=False)
        first = Value(args.positional[0].objects if args.positional else args.everything.objects)
        if any(name.startswith("overwrite_") and value.const is not False for name, value in args.keywords.items()):
            self.mutate(args.everything, f"{label} may overwrite it", certain=False)
        if "store_pos_as" in args.keywords or _overwrites(rule, args, maker if receiver is None else ""):
            self.mutate(first, f"{label} without a copy", certain=False)
        reached = self.heap.reachable(receiver or NOTHING) if self.overwriting or self.caching else frozenset()
        if reached & self.overwriting:
            self.mutate(first, f"{label} of what was told not to copy", certain=False)
        if reached & self.caching:
            self.file(ANYTHING, "write", f"{label} keeps results in files")
        if receiver is not None and method == "set_params":
            for item in self.of_kind(receiver, "result"):
                self._remember_habits(item, args)

    def _remember_habits(self, made: Object, args: Arguments) -> None:
        """An estimator does later what it was told when it was made."""
        if not made.detail.startswith("sklearn."):
            return
        if any(
            name.rpartition("__")[2].startswith("copy") and v.const is not True for name, v in args.keywords.items()
        ):
            self.overwriting.add(made.number)
        if any(name.rpartition("__")[2] == "memory" and v.const is not None for name, v in args.keywords.items()):
            self.caching.add(made.number)

    # -- files and random states -------------------------------------------------------------------------------------

    def _path(self, args: Arguments, which: int | str) -> Value | None:
        """The argument that names a file."""
        given = args.pick(which)
        return given if given is not None else next((args.keywords[n] for n in _PATHS if n in args.keywords), None)

    def _touch_files(self, rule: Rule, args: Arguments, receiver: Value | None, label: str, method: str) -> None:
        for which, mode in ((rule.reads, "read"), (rule.writes, "write")):
            if which is None:
                continue
            opened = args.pick(rule.mode) or args.pick("mode") if rule.mode is not None else None
            if opened is not None and not (isinstance(opened.const, str) and set(opened.const) <= set("rbtU")):
                mode = "write"
            if is_mapped(rule, args):
                mode = "write"
                self.on_main("maps a file into memory")
            path = receiver if which == "self" else None if which == "?" else self._path(args, which)
            if path is None and method.startswith("to_") and which != "?" and args.spread is None:
                continue  # without a path, what it would write is what it returns
            if path is not None and which != "self":
                streams = [item for item in map(self.heap.__getitem__, path.objects) if not _is_path(item)]
                self.mutate(Value(frozenset(item.number for item in streams)), label)
                if streams and len(streams) == len(path.objects) and all(_is_stream(item) for item in streams):
                    continue
            const = path.const if path is not None else UNKNOWN
            appends = opened is not None and opened.const in APPENDING
            self.file(posixpath.normpath(const) if isinstance(const, str) else ANYTHING, mode, label, appends=appends)

    def _draw(self, rule: Rule, args: Arguments, whole: Value, label: str, node: ast.AST, maker: str) -> None:
        """Whether a global random state is used; ``maker`` is empty for methods."""
        seeds = [seed for seed in map(args.pick, rule.seed) if seed is not None]
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
        if draws:
            for key in rule.draws:
                self.state(key, "write", f"{label} without a seed")
        elif not makes_object(maker) and any(self.heap[n].unseeded for n in self.heap.reachable(whole)):
            self.state("numpy.random", "write", f"{label} without a random_state", certain=False)


def is_mapped(rule: Rule, args: Arguments) -> bool:
    """Whether a file becomes the memory of what is returned."""
    asked = args.pick("mmap_mode") or args.pick(1)
    return rule.maps and asked is not None and asked.const is not None


def makes_object(path: str) -> bool:
    """Whether a call makes an object of its own, by how libraries name their classes."""
    last = path.rpartition(".")[2]
    return last[:1].isupper() or last.startswith(("make_pipeline", "make_union", "make_column_transformer"))


def is_fresh(rule: Rule, args: Arguments) -> bool:
    """Whether what a call returns shares nothing with what it was given, as it was called."""
    if rule.copied:
        asked = args.keywords.get(rule.copied)
        return asked is not None and asked.const is True
    if rule.returns == "fresh":
        return not is_uncopied(args) and not is_told(rule, args)
    return rule.returns in ("frame", "new frame") and (rule.parts or is_told(rule, args)) and not is_uncopied(args)


def is_told(rule: Rule, args: Arguments) -> bool:
    """Whether a call is given something that makes an exception of it."""
    return any(args.pick(place) is not None for place in rule.unless) or bool(rule.unless and args.spread is not None)


def is_uncopied(args: Arguments) -> bool:
    """Whether a call was told that it need not copy."""
    return "copy" in args.keywords and args.keywords["copy"].const is not True


def _overwrites(rule: Rule, args: Arguments, maker: str) -> bool:
    """Whether a function was told to work in its first argument."""
    if rule.copies is None and not (maker.startswith("sklearn.") and not makes_object(maker)):
        return False
    flags = [value for name, value in args.keywords.items() if name.startswith("copy")]
    at = args.pick(rule.copies) if rule.copies is not None else None
    return any(flag.const is not True for flag in (*flags, *([at] if at is not None else [])))


def _is_path(item: Object) -> bool:
    """Whether something in a path's place is one, not a stream that is read or written."""
    return item.kind == "result" and item.detail.startswith(("pathlib.", "os.", "glob."))


def _is_stream(item: Object) -> bool:
    """Whether something in a path's place is no path for certain."""
    return item.kind == "handle" or item.detail in _SURELY_STREAMS

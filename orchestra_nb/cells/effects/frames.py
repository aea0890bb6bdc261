"""Frames and series of pandas 3, which copy on write: what is derived from one is an object of its own.

From pandas 3 on, a change made through one frame or series is never seen through another; so ``df[mask]``, ``df["a"]``
and ``df.rename(…)`` share nothing that a cell could notice. Underneath they may share memory until either is written
to, and two ways lead down there: an array taken out of a frame (``.to_numpy()``, ``.values``) shows later changes of
*any* frame that has its memory, and what is written through ``.array`` or to an index's name shows in all of them. So
each frame remembers its *kin*, the frames that its memory may come from or go to:

- an array that is taken out counts as part of all of them;
- a change of it, or of an axis, counts as a change of all of them.

Before pandas 3 a frame may be a view of another, and everything derived counts as the frame itself. The version is that
of the installed pandas, read once: nothing of pandas is imported here.
"""

from __future__ import annotations

import ast
from functools import cache
from importlib.metadata import PackageNotFoundError, version

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.knowledge import Knowledge, Rule
from orchestra_nb.cells.effects.known_effects import is_told, is_uncopied
from orchestra_nb.cells.effects.sharing import Sharing
from orchestra_nb.cells.effects.values import NOTHING, Object, Value

FRAME, EITHER = "pandas.DataFrame", "pandas.Series"
"""What is a frame for certain; what is a frame or a series."""
_FRAMES = (FRAME, EITHER)
_MAKE_FRAMES = frozenset(
    {FRAME, "pandas.merge", "pandas.pivot_table", "pandas.crosstab", "pandas.get_dummies", "pandas.melt"}
    | {f"pandas.read_{name}" for name in ("csv", "table", "parquet", "feather", "fwf", "excel")}
)
KEEP_FRAMES = frozenset(
    {"add_prefix", "add_suffix", "assign", "astype", "bfill", "convert_dtypes", "copy", "drop", "drop_duplicates"}
    | {"dropna", "ffill", "fillna", "head", "infer_objects", "join", "mask", "merge", "nlargest", "nsmallest", "query"}
    | {"rename", "rename_axis", "replace", "reset_index", "round", "sample", "select_dtypes", "set_axis", "set_index"}
    | {"sort_index", "sort_values", "tail", "take", "truncate", "where"}
)
"""Methods by which a frame becomes a frame, and a series perhaps something else."""
GROUPING = "pandas.grouping"
_NUMBERS = frozenset({"shape", "size", "ndim", "nbytes", "dtype", "itemsize", "strides", "empty"})
"""Attributes of frames and arrays that are nothing which can be changed."""
_INDEXERS = frozenset({"loc", "iloc", "at", "iat"})
_LOOKERS = frozenset({"str", "dt", "cat", "T", "style", "plot", "hist", "name"})
"""Attributes that are the frame, or a frame, under another name."""
_AXES = frozenset({"columns", "index", "axes"})
"""Attributes that frames share as they are: their names can be changed, and nothing else."""
_ARRAYS = ("numpy.", "sklearn.", "pandas.")
"""Makers whose objects pandas copies when it makes a frame of them."""


class Frames(Sharing):
    """Tells apart what only shares memory."""

    def __init__(self, table: Knowledge | None = None) -> None:
        super().__init__(table)
        self.kin: dict[int, set[int]] = {}
        """Frames that may share memory, both ways."""
        self.escaped: dict[int, set[int]] = {}
        """Arrays and axes, and the frames that they were taken out of."""

    def is_frame(self, item: Object) -> bool:
        """Whether an object is a frame or a series for certain, and shares nothing."""
        return item.kind == "result" and item.detail in _FRAMES and copies_on_write()

    def makes_frame(self, rule: Rule, args: Arguments) -> bool:
        """Whether a call returns frames for certain, as it was called."""
        told = is_told(rule, args) or is_uncopied(args)
        if rule.parts:  # one for each that it is given, of the same type
            told = told or not all(self.is_frame(self.heap[n]) for n in args.everything.objects)
        return rule.returns in ("frame", "new frame", "grouping") and copies_on_write() and not told

    def framed(self, rule: Rule, args: Arguments, receiver: Value | None, node: ast.AST, called: str) -> Value:
        """A new frame, or a list of them, made from what a call was given; ``called`` is a method or a dotted name."""
        given = args.everything | (receiver or NOTHING)
        kept = called in KEEP_FRAMES or rule.parts
        frames = all(self.heap[number].detail == FRAME for number in (args.everything if rule.parts else given).objects)
        of_frame = receiver is not None and all(self.heap[number].detail == FRAME for number in receiver.objects)
        certain = called in _MAKE_FRAMES or (kept and (frames if rule.parts else of_frame))
        detail = GROUPING if rule.returns == "grouping" else FRAME if certain else EITHER
        made = self.make(node, "result", detail)
        if rule.returns == "grouping":
            self.heap.hold(made, given)
        related = rule.returns != "new frame"
        self._derive(made, given, related=related, data=args.pick(0) or NOTHING if called in _FRAMES else None)
        one = Value(frozenset((made.number,)))
        if not rule.parts:
            return one
        box = self.make(node, "container", "list")
        self.heap.hold(box, one)
        return Value(frozenset((box.number,)))

    def _derive(self, made: Object, given: Value, *, related: bool, data: Value | None = None) -> None:
        """What a new frame has in its cells, and whose memory it may have; a frame made of ``data`` copies its arrays.

        What else such a frame is given is an axis of it, which may be the very memory of an array or a series.
        """
        columns = [item.contents for item in self.of_kind(data or NOTHING, "container") if item.detail == "dict"]
        copied = (data or NOTHING).objects.union(*columns)
        todo, seen = list(given.objects), {made.number}
        while todo:
            number = todo.pop()
            if number in seen:
                continue
            seen.add(number)
            item = self.heap[number]
            if item.detail == GROUPING:
                todo += item.contents
            elif self.is_frame(item) and (data is None or number in copied):
                if related:
                    self._relate(made.number, number)
                self.heap.hold(made, Value(frozenset(item.contents)))
            elif item.kind == "container":
                todo += item.contents
                by_name = item.detail == "dict" and data is not None and number in data.objects
                if item.contents and not by_name:
                    self.heap.hold(made, Value(frozenset((number,))))
            elif number in copied and item.kind == "result" and item.detail.startswith(_ARRAYS):
                self.heap.hold(made, Value(frozenset(item.contents)))
            elif item.kind not in ("function", "bound", "class", "module", "library"):
                self.heap.hold(made, Value(frozenset((number,))))

    def _relate(self, one: int, two: int) -> None:
        if one != two and two not in self.kin.setdefault(one, set()):
            self.kin[one].add(two)
            self.kin.setdefault(two, set()).add(one)
            self.heap.version += 1

    def relate(self, made: Object, given: Value, maker: str) -> None:
        """A new object of pandas, or of a function of numpy that gives frames back, may have the memory of others."""
        if maker.startswith("pandas."):
            given = Value(self.heap.reachable(given))
        if maker.startswith(("pandas.", "numpy.")):
            for number in given.objects:
                if self.is_frame(self.heap[number]) or number in self.kin:
                    self._relate(made.number, number)

    def _related(self, numbers: frozenset[int] | set[int]) -> set[int]:
        """Everything that may share memory with some frames."""
        seen: set[int] = set()
        todo = [number for number in numbers if number in self.kin]
        while todo:
            number = todo.pop()
            if number not in seen:
                seen.add(number)
                todo += self.kin[number]
        return seen

    def take_out(self, made: Object, given: Value) -> Value:
        """An array or the like that was made from frames: it shows changes of all that share their memory."""
        if not self.kin:
            return NOTHING
        kin = Value(frozenset(self._related(self.heap.reachable(given))))
        self.heap.hold(made, kin)
        return kin

    def _escape(self, made: Object, frames: set[int]) -> None:
        known = self.escaped.setdefault(made.number, set())
        if not frames <= known:
            known |= frames
            self.heap.version += 1

    def mutate(self, value: Value, why: str = "", *, certain: bool = True, via: str = "") -> None:
        """Change objects; what was taken out of a frame changes with everything that has the frame's memory."""
        super().mutate(value, why, certain=certain, via=via)
        if self.escaped:
            frames = {frame for number in value.objects for frame in self.escaped.get(number, ())}
            rest = (frames | self._related(frames)) - value.objects
            if rest:
                super().mutate(Value(frozenset(rest)), why, certain=False)

    def element(self, receiver: Value, index: Value, node: ast.Subscript) -> Value:
        """What a subscript yields: of a frame, a new frame, or what is in a cell."""
        frames = [item for item in map(self.heap.__getitem__, receiver.objects) if self.is_frame(item)]
        if not frames:
            return super().element(receiver, index, node)
        columns = isinstance(node.slice, ast.List) and not isinstance(node.value, ast.Attribute)
        certain = columns and all(item.detail == FRAME for item in frames)
        made = self.make(node, "result", FRAME if certain else EITHER)
        one = Value(frozenset(item.number for item in frames))
        self._derive(made, one, related=True)
        cells = self.heap.inside(one).objects - one.objects
        rest = Value(receiver.objects - one.objects)
        return Value(cells | {made.number}) | super().element(rest, index, node)

    def attribute(self, receiver: Value, name: str, node: ast.AST) -> Value:
        """What ``receiver.name`` may be."""
        items = list(map(self.heap.__getitem__, receiver.objects))
        frames = [item for item in items if self.is_frame(item)]
        arrays = [item for item in items if item.kind == "result" and item.detail.startswith("numpy.")]
        if items and len(items) == len(frames) + len(arrays) and name in _NUMBERS:
            super().attribute(receiver, name, node)
            return NOTHING
        found = super().attribute(receiver, name, node)
        if frames and name in _INDEXERS:
            own = Value(frozenset(item.number for item in frames))
            return own | super().attribute(Value(receiver.objects - own.objects), name, node)
        if not frames or name in _LOOKERS or name in self.accessors or name in _NUMBERS:
            return found
        return found | self.view(frames, node, axis=name in _AXES)

    def view(self, frames: list[Object], node: ast.AST, *, axis: bool = False) -> Value:
        """An array, or an axis, that was taken out of frames."""
        made = self.make(node, "result", "pandas.view")
        one = Value(frozenset(item.number for item in frames))
        self.heap.hold(made, one)
        self._escape(made, set(one.objects))
        whole = Value(frozenset((made.number,)))
        return whole if axis else whole | self.take_out(made, one)

    def shares(self, made: Object, given: Value, maker: str) -> Value:
        """What else something made of ``given`` may be: the frames whose memory it may show."""
        kin = self.take_out(made, given)
        if maker.startswith(("pandas.", "numpy.")):
            found = {n for n in self.heap.reachable(given) if self.is_frame(self.heap[n])}
            if found:
                self._escape(made, found)
        return kin


@cache
def copies_on_write() -> bool:
    """Whether the installed pandas never lets one frame change with another.

    Examples
    --------
    >>> import pandas
    >>> copies_on_write() == (int(pandas.__version__.split(".")[0]) >= 3)
    True
    """
    try:
        return int(version("pandas").partition(".")[0]) >= 3
    except (PackageNotFoundError, ValueError):
        return False

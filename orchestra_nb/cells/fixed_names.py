"""Which names must stay one variable each, and what each cell does with the others; see :mod:`.versions` for why.

All of it is read off the cells' own code and effects; where something is not known, a name stays as it is.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.effects import ANYTHING, UNKNOWN_CODE, Effects
from orchestra_nb.cells.occurrences import CONSUMERS, LAZY, Occurrence, mentioned, occurrences
from orchestra_nb.cells.versions import Slots, Use, webs

_REVEALING = frozenset(
    {
        *("__main__", "_getframe", "currentframe", "f_globals", "f_locals", "f_back", "tb_frame", "__globals__"),
        *("user_ns", "user_global_ns", "user_module", "get_type_hints", "get_annotations", "settrace", "setprofile"),
        *("doctest", "testmod", "run_docstring_examples"),
    }
)
"""Words with which code gets at the namespace, or at the frames that lead to it."""
_REVEALING_OF = {"sys": {"modules"}, "inspect": {"stack", "trace", "getmembers"}}
"""The same, where only one module means it."""
_LOOKED_UP = re.compile(r"@\s*([^\W\d]\w*)")
"""How pandas names variables in a text."""
_MEANT_BY_PYTHON = re.compile(r"__|_\w*__\w")
"""Names such as ``__name__``, which Python itself looks up, and what ``__name`` may mean within a class."""
_TRUSTED = CONSUMERS | LAZY


@dataclass(frozen=True, slots=True)
class CellNames:
    """What is known of one cell.

    Parameters
    ----------
    cell
        With its settings and tags.
    tree
        Its syntax tree.
    effects
        As found, before the user's settings were laid over them.
    """

    cell: Cell
    tree: ast.Module
    effects: Effects


def slots_of(cells: Sequence[CellNames], known: Iterable[str] = (), read_outside: Iterable[str] = ()) -> list[Slots]:
    """Find the slots of the names that cells write.

    Parameters
    ----------
    cells
        In document order.
    known
        Names that mean something before the first cell.
    read_outside
        Names that code outside of these cells reads.

    Returns
    -------
    list of Slots
        One for each cell; empty ones where nothing can be gained or nothing is sure.

    Examples
    --------
    >>> from orchestra_nb.cells.effects import analyse
    >>> from orchestra_nb.cells.source import prepare
    >>> sources = ["x = 1", "print(x)", "x = 2", "print(x)"]
    >>> prepared = [prepare(source) for source in sources]
    >>> cells = [CellNames(Cell(n, s), p.tree, e)
    ...          for n, (s, p, e) in enumerate(zip(sources, prepared, analyse(prepared)), 1)]
    >>> [dict(slots.after) for slots in slots_of(cells)]
    [{'x': 'x @cell-1'}, {'x': 'x @cell-1'}, {'x': 'x @cell-3'}, {'x': 'x @cell-3'}]
    """
    known = frozenset(known)
    if not _may_gain(cells, known) or any(_reveals(node) for item in cells for node in ast.walk(item.tree)):
        return [Slots() for _ in cells]
    rebound = frozenset(str(access.key) for item in cells for access in item.effects.of("name", "write")) | known
    found = [tuple(occurrences(item.tree, _TRUSTED & rebound)) for item in cells]
    fixed = _fixed(cells, found, known).union(read_outside)
    uses = [_use(item, places, fixed) for item, places in zip(cells, found, strict=True)]
    return webs(uses, fixed, known)


def _may_gain(cells: Sequence[CellNames], known: frozenset[str]) -> bool:
    """Whether any name is bound twice at all."""
    seen = set(known)
    for item in cells:
        for access in item.effects.of("name", "write"):
            if access.key in seen:
                return True
            seen.add(str(access.key))
    return False


def _reveals(node: ast.AST) -> bool:
    """Whether a piece of code may get at the namespace other than by its names."""
    match node:
        case ast.Name(id=word) | ast.alias(name=word):
            return not _REVEALING.isdisjoint(word.split("."))
        case ast.Attribute(value=ast.Name(id=owner), attr=word):
            return word in _REVEALING or word in _REVEALING_OF.get(owner, ())
        case ast.Attribute(attr=word):
            return word in _REVEALING
        case ast.ImportFrom(module=str(module), names=aliases):
            words = {*module.split("."), *(alias.name for alias in aliases)}
            return not words.isdisjoint(_REVEALING) or not words.isdisjoint(_REVEALING_OF.get(module, ()))
        case ast.Call(args=args):
            return any(isinstance(part, ast.Constant) and part.value in ("__main__", "_getframe") for part in args)
    return False


def _fixed(cells: Sequence[CellNames], found: Sequence[Sequence[Occurrence]], known: frozenset[str]) -> frozenset[str]:
    """The names that anything but their cells' own code may look up."""
    handled: set[str] = set()
    bound: set[str] = set()
    fixed: set[str] = set()
    for item, places in zip(cells, found, strict=True):
        effects = item.effects
        exposed = {str(access.key) for access in effects.of("name", "read")}
        written = {str(access.key) for access in effects.of("name", "write")}
        for place in places:
            if place.mode == "except" and not place.later:
                handled.add(place.name)
                fixed |= {place.name} & exposed
            elif place.mode != "load" and not place.later:
                bound.add(place.name)
            if place.later or place.mode in ("define", "delete"):
                fixed.add(place.name)
            elif place.mode != "load" and place.name not in written:
                fixed.add(place.name)  # the analysis did not come there
        fixed |= (written - {place.name for place in places}) | effects.looked_up
        fixed.update(_named_in_texts(item))
        if _is_declared(item.cell):
            fixed |= {place.name for place in places} | exposed | written
    fixed |= handled & (bound | known)
    return frozenset(fixed | {name for name in bound | handled if _MEANT_BY_PYTHON.match(name)})


def _named_in_texts(item: CellNames) -> Iterator[str]:
    """Names that a library might look up, because a text of the cell holds them."""
    unknown = [("state", UNKNOWN_CODE, "write"), ("state", ANYTHING, "write")]
    if item.effects.barriers or any(key in item.effects.accesses for key in unknown):
        yield from mentioned(item.tree)
    for node in ast.walk(item.tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and "@" in node.value:
            yield from _LOOKED_UP.findall(node.value)
        elif isinstance(node, ast.Assign):
            names = {part.id for target in node.targets for part in ast.walk(target) if isinstance(part, ast.Name)}
            texts = {part.value for part in ast.walk(node.value) if isinstance(part, ast.Constant)}
            yield from names & {text for text in texts if isinstance(text, str)}


def _is_declared(cell: Cell) -> bool:
    said = cell.settings
    return not (said.reads is None and said.writes is None and said.mutates is None)


def _use(item: CellNames, places: Sequence[Occurrence], fixed: frozenset[str]) -> Use:
    """What a cell does with the names that may have versions."""
    effects = item.effects
    sure = "raises-exception" not in item.cell.tags
    reads = frozenset(str(a.key) for a in effects.of("name", "read")) - fixed
    writes = {str(a.key): a.certain and sure for a in effects.of("name", "write") if a.key not in fixed}
    both = (name for name in reads if writes.get(name))
    splits = frozenset(name for name in both if split_at(item.tree, name, places) is not None)
    return Use(item.cell.id, reads, writes, splits, bool(effects.barriers))


def split_at(tree: ast.Module, name: str, places: Iterable[Occurrence]) -> int | None:
    """Number of the statement at which a name's old meaning ends and its new one begins; ``None`` where none does so.

    It must be the first that binds the name, and a plain assignment whose targets do not read it: its right-hand side
    is worked out with the old meaning, and nothing is in between.

    Examples
    --------
    >>> def at(code):
    ...     tree = ast.parse(code)
    ...     return split_at(tree, "df", list(occurrences(tree)))
    >>> at("print(df); df = clean(df); df.plot()"), at("for df in parts: use(df)"), at("df += 1")
    (1, None, None)
    """
    binding = [place for place in places if place.name == name and place.mode != "load" and not place.later]
    if not binding:
        return None
    first = min(place.statement for place in binding)
    statement = tree.body[first]
    if not isinstance(statement, ast.Assign):
        return None
    targets = [node for target in statement.targets for node in ast.walk(target) if isinstance(node, ast.Name)]
    here = [place for place in binding if place.statement == first]
    plain = all(any(place.node is node for node in targets) for place in here)
    reads_itself = any(isinstance(node.ctx, ast.Load) and node.id == name for node in targets)
    return first if plain and not reads_itself else None

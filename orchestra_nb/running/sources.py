"""What is in a file: a digest of its content, and the modules that it imports, as far as its text says.

Policy: a file is read again only when it has changed, and its time of change says so. That time is a clock's that
ticks, so a file that changed a moment ago could change once more within the same tick: such a file is read each time.

Import statements count wherever they stand: in functions, in ``try``, under any condition, even one that never holds.
So do the calls that name a module by a constant (``import_module("b")``). A file that makes other modules out of
computed names, or whose text is no Python, is :attr:`Source.computed`: what it imports cannot be known.

Failure: a file that does not parse imports nothing, for it cannot be loaded either; one that cannot be read has an
empty digest. Only a text that is too deep for the parser raises: what it imports is not known. Rejected: byte code,
which is not there for everything and says less; a search for lines that look like imports.
"""

from __future__ import annotations

import ast
import hashlib
import os
import re
import time
import warnings
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import lru_cache

from orchestra_nb.syntax import tree_of

COMPUTING = frozenset(
    {
        "__import__", "entry_points", "exec_module", "find_spec", "import_module", "iter_modules", "load_module",
        "module_from_spec", "run_module", "run_path", "spec_from_file_location", "spec_from_loader", "walk_packages",
    }
)  # fmt: skip
"""Names whose use may bring in modules that no statement names."""
_NAMING = frozenset({"__import__", "find_spec", "import_module"})
"""Those of them whose first argument names the module."""
_PYTHON = (".py", ".pyw")
_TICK = 50_000_000
_COARSE = 1_000_000_000
_TRIES = 3
_ESCAPE = re.compile(rb"(\\[\n\r'\"\\N])|\\")


@dataclass(frozen=True, slots=True)
class Source:
    """What counts of a file.

    Parameters
    ----------
    digest
        Of its content; empty when it cannot be read.
    imports
        Dotted names; a relative one begins with dots. Of ``from a import b``, ``a.b`` may be a module or not.
        ``a.*`` stands for all that ``a`` exports.
    exports
        Names in its ``__all__``.
    computed
        Whether it may import what it does not name.
    """

    digest: str
    imports: frozenset[str] = frozenset()
    exports: frozenset[str] = frozenset()
    computed: bool = False


def file_digest(path: str) -> str:
    """Digest the content of a file; empty when it cannot be read. Read again only when it has changed since."""
    try:
        status = os.stat(path)
        if is_young(status):
            return _read(path)
        return _digest(path, status.st_ino, status.st_size, status.st_mtime_ns, status.st_ctime_ns)
    except (OSError, ValueError):
        return ""


def source_of(path: str) -> Source:
    """Read a file.

    Raises
    ------
    TypeError
        Its text is too deep for the parser, or changes all the time.

    Examples
    --------
    >>> source_of("no/such/file.py")
    Source(digest='', imports=frozenset(), exports=frozenset(), computed=False)
    """
    for _ in range(_TRIES):
        digest = file_digest(path)
        if not digest or not path.endswith(_PYTHON):
            return Source(digest, computed=bool(digest))
        with suppress(OSError):
            return _parsed(path, digest)
    raise TypeError(f"{os.path.basename(path)} is being written to")


def text_source(text: str, path: str) -> Source:
    """Read the text of a module that is in no file of its own; ``path`` is what it is called in messages."""
    return _statements(text.encode("utf-8", "surrogatepass"), path)


def changed_at(status: os.stat_result) -> int:
    """Say when a file was changed last, in nanoseconds since 1970, by a clock that nobody turns back for one file."""
    return status.st_ctime_ns if os.name == "posix" else max(status.st_mtime_ns, status.st_ctime_ns)


def is_young(status: os.stat_result) -> bool:
    """Whether a file could change once more and have the same time of change."""
    changed = changed_at(status)
    return time.time_ns() - changed < granule(changed)


def granule(changed: int) -> int:
    """Say by how much a time of change may be too early, in nanoseconds: some file systems know only seconds.

    Examples
    --------
    >>> granule(1_700_000_000_123_456_789) < granule(1_700_000_000_000_000_000)
    True
    """
    return _TICK if changed % _COARSE else 2 * _COARSE + _TICK


def _read(path: str) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "blake2b").hexdigest()


@lru_cache(maxsize=16384)
def _digest(path: str, *_: int) -> str:
    return _read(path)


@lru_cache(maxsize=16384)
def _parsed(path: str, digest: str) -> Source:
    """Read a file that had this digest a moment ago; an error, which is not kept, if it has another one now."""
    with open(path, "rb") as file:
        source = _statements(file.read(), path)
    if source.digest != digest:
        raise OSError(f"{path} changed")
    return source


def _statements(data: bytes, path: str) -> Source:
    digest = hashlib.blake2b(data).hexdigest()
    try:
        tree = _tree(data)
    except (SyntaxError, ValueError):
        return Source(digest)
    except (RecursionError, MemoryError):
        raise TypeError(f"{os.path.basename(path)} is too deep for what it imports to be found") from None
    imports: set[str] = set()
    exports: set[str] = set()
    naming: set[int] = set()
    computed = False
    for node in ast.walk(tree):  # a call before what it calls
        kind = type(node)
        if kind is ast.Name or kind is ast.Attribute:
            computed = computed or (_word(node) in COMPUTING and id(node) not in naming)
        elif isinstance(node, ast.Call):
            told = _told(node) if _word(node.func) in _NAMING else ""
            if told:
                imports.add(told)
                naming.add(id(node.func))
        elif isinstance(node, ast.Import):
            imports.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            computed = computed or any(alias.asname and alias.name in COMPUTING for alias in node.names)
            base = "." * node.level + (node.module or "")
            imports.update((base, *(joined(base, alias.name) for alias in node.names)))
        elif isinstance(node, ast.stmt):
            exports.update(_exported(node))
    return Source(digest, frozenset(imports), frozenset(exports), computed)


def _tree(data: bytes) -> ast.Module:
    """Parse without the warnings that a text deserves: who imports it sees them, and as errors they would hide it."""
    try:
        return tree_of(_ESCAPE.sub(lambda found: found[1] or b"_", data))  # most warnings are of escapes
    except SyntaxError:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return tree_of(data)


def joined(base: str, name: str) -> str:
    """Name what a module that is perhaps a package contains; the package may be relative.

    Examples
    --------
    >>> joined("a", "b"), joined("..", "b"), joined(".a", "*")
    ('a.b', '..b', '.a.*')
    """
    return base + name if not base or base.endswith(".") else f"{base}.{name}"


def _word(node: ast.AST) -> str:
    return node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else ""


def _told(call: ast.Call) -> str:
    """Give the module that a call names by a constant; empty where more must be known."""
    match call.args, call.keywords:
        case [[ast.Constant(str(name))], []] if not name.startswith("."):
            return name
        case [[ast.Constant(str(name)), ast.Name("__package__" | "__name__")], []]:
            return name
    return ""


def _exported(node: ast.stmt) -> Iterator[str]:
    """Yield all texts of a statement that sets or changes ``__all__``."""
    inner = [*ast.walk(node)] if "__all__" in {_word(each) for each in _targets(node)} else []
    yield from (each.value for each in inner if isinstance(each, ast.Constant) and isinstance(each.value, str))


def _targets(node: ast.stmt) -> list[ast.expr]:
    match node:
        case ast.Assign(targets):
            return targets
        case ast.AugAssign(target) | ast.AnnAssign(target):
            return [target]
        case ast.Expr(ast.Call(func=ast.Attribute(value))):  # __all__.extend(...)
            return [value]
    return []

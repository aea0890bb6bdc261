"""What functions, classes and modules are, as content: by name where they were installed, by their code where not.

Code that was installed (the standard library, and what lies in ``site-packages``) counts by its name and its package's
version, as the graph's own reading does: it changes with the environment. Everything else, a notebook's functions and
classes first of all, counts by what :func:`orchestra_nb.graph.content.content_of` reads: byte code, constants, what a
function names and closes over. Default arguments count by their content too, whatever they are.

What a function merely sees and could change in place (a list in a closure, a global array) counts by its type, as it
does there: that is state, and whoever reads it has an edge to whoever wrote it. Attributes that somebody hung on a
function do not count.
"""

from __future__ import annotations

import json
import sys
from types import BuiltinFunctionType, ModuleType
from typing import Any

from orchestra_nb.graph.content import content_of

_INSTALLED = ("site-packages", "dist-packages")


def name_of(cls: type) -> str:
    """Name a class, without asking it anything that could be its own code.

    Examples
    --------
    >>> name_of(int), name_of(ModuleType)
    ('builtins.int', 'builtins.module')
    """
    module, name = (type.__getattribute__(cls, word) for word in ("__module__", "__qualname__"))
    return f"{module}.{name}"


def class_content(cls: type) -> type | None:
    """Give what says more about a class than its name: itself, where it is a notebook's or a function's own.

    Examples
    --------
    >>> class_content(dict)
    """
    module, name = (type.__getattribute__(cls, word) for word in ("__module__", "__qualname__"))
    return cls if module == "__main__" or "<locals>" in name else None


def described(thing: Any) -> str:
    """Write down what a callable is."""
    return json.dumps(content_of(thing))


def named(thing: Any) -> Any:
    """Give the name of what can be found under it, and what cannot as it is."""
    module, name = getattr(thing, "__module__", None), getattr(thing, "__qualname__", None)
    if isinstance(module, str) and isinstance(name, str) and module != "__main__" and _found(module, name) is thing:
        return f"{module}.{name}"
    return thing


def installed(thing: Any) -> tuple[str, str] | None:
    """Give name and version of a function or class that was installed; ``None`` for everything else.

    Examples
    --------
    >>> installed(json.dumps), installed(lambda: 1)
    (('json.dumps', ''), None)
    """
    known = named(thing)
    if not isinstance(known, str):
        return None
    package = thing.__module__.partition(".")[0]
    if package in sys.stdlib_module_names or package == "builtins":
        return known, ""
    return (known, version_of(package)) if _is_installed(package) else None


def version_of(package: str) -> str:
    """Give the version that a package says it has; empty where it says nothing."""
    version = getattr(sys.modules.get(package), "__version__", "")
    return version if isinstance(version, str) else ""


def module_parts(module: ModuleType) -> tuple[str, str]:
    """Give name and version of a module."""
    package = module.__name__.partition(".")[0]
    return module.__name__, "" if package in sys.stdlib_module_names else version_of(package)


def is_bound(builtin: BuiltinFunctionType) -> bool:
    """Whether a built-in function is the method of some object."""
    return not isinstance(builtin.__self__, ModuleType | type | None)


def _found(module: str, name: str) -> Any:
    found: Any = sys.modules.get(module)
    for word in name.split("."):
        found = getattr(found, word, None)
    return found


def _is_installed(package: str) -> bool:
    file = getattr(sys.modules.get(package), "__file__", None) or ""
    return any(folder in file for folder in _INSTALLED)

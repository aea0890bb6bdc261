"""Which modules some modules' imports reach, found in files: nothing is imported, and no code of a module runs.

Policy: a module counts with all that its import statements name, and theirs, until nothing is new. A loaded module is
where it was loaded from, any other one where the search path has it now. What was installed counts by version and is
not looked into; the standard library is Python's. What files say is the same before and after a call, and in every
process, so what a call imports late changes no key.

Beside that, apart, counts what no statement names and what is loaded all the same: whatever lies below a top-level
module of the user's that was reached; and every module of the user's, once something that was reached imports computed
names, or has no text to be read. That depends on what the process has done so far. It can cost a hit, and never
makes one.

What is not to be found does not count: once it is, it is a part that is new.

Failure: ``TypeError`` with one line, where what runs may not be what lies on disk (:mod:`.loads`).
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterable, Mapping
from typing import Any

from orchestra_nb.running.installed import Kind
from orchestra_nb.running.loads import loads
from orchestra_nb.running.module_files import (
    NOT_COUNTED,
    STANDARD,
    Module,
    absolutes,
    is_own,
    loaded_module,
    namespace,
    placed_module,
)
from orchestra_nb.running.search_path import Search, is_built_in

ALL = "*"
"""Stands, among names of modules, for whatever is loaded of the user's."""
REST = "the rest of "
"""Begins the name of a part that has what is loaded of a top-level module, and is named nowhere."""
_REMEDY = "restart Python to have results kept"
_ANOTHER = " (another)"
_THERE = "there"


class Reach:
    """What some modules reach: follow names, as many as there are, then ask for the parts."""

    def __init__(self) -> None:
        self._search = Search()
        self._found: dict[str, Module | None] = {}
        self._own: dict[str, Module] = {}
        self._versions: dict[str, str] = {}
        self._waiting: list[str] = []
        self.computed = False
        """Whether something is reached that may import what it does not name."""

    def follow(self, names: Iterable[str]) -> None:
        """Reach modules by their dotted names, and all that they import; ``a.*`` is what ``a`` exports, ``*`` is all.

        Raises
        ------
        TypeError
            A library or a module differs from what was loaded.
        """
        for name in names:
            self._name(name)
        missed = loads().missed()
        while self._waiting:
            importer = self._waiting.pop()
            module = self._own[importer]
            for name in absolutes(module.source.imports, module.package):
                if name not in self._found or name in missed:
                    self._name(name, importer)

    def follow_namespace(self, names: Mapping[str, Any]) -> None:
        """Reach the module that has these globals, which may be in ``sys.modules`` no longer."""
        name = names.get("__name__")
        if not isinstance(name, str) or name.partition(".")[0] in NOT_COUNTED:
            return
        is_module = names.get("__spec__") is not None and isinstance(names.get("__file__"), str)
        if is_module and namespace(name) is not names and name + _ANOTHER not in self._found:
            self._add(name + _ANOTHER, loaded_module(name, names))
        self.follow([name])

    def kind(self, name: str) -> Kind:
        """Say what a module belongs to; what nobody knows is the user's own."""
        if name.partition(".")[0] in ("builtins", "orchestra_nb"):
            return "standard"
        self.follow([name])
        words = name.split(".")
        found = (self._found.get(".".join(words[:at])) for at in range(1, len(words) + 1))
        return next((module.kind for module in found if module is not None and module.kind != "own"), "own")

    def parts(self) -> dict[str, str]:
        """Say what counts: by top-level module, and, apart, what is only there because it is loaded, module by module.

        Raises
        ------
        TypeError
            As :meth:`follow`.
        """
        named = {*self._own}
        self._follow_loaded()
        parts = dict(self._versions)
        for root, names in self._by_root().items():
            told, rest = names & named, names - named
            if told:
                words = self._versions.get(root, ""), self._digest(told)
                parts[root] = " ".join(word for word in words if word) or _THERE
            if rest:
                parts[f"{REST}{root}"] = " ".join(
                    f"{name}={self._own[name].source.digest[:16]}" for name in sorted(rest)
                )
        return dict(sorted(parts.items()))

    def _name(self, name: str, importer: str = "") -> None:
        if name == ALL:
            self.computed = True
            return
        if name.endswith(".*"):
            self._reach(name[:-2])
            package = self._found.get(name[:-2])
            for exported in package.source.exports if package is not None else ():
                if exported.isidentifier():
                    self._name(f"{name[:-1]}{exported}", importer)
            return
        self._reach(name)
        if importer and self._found.get(name) is not None and loads().was_missed_by(importer, name):
            raise TypeError(f"module {name!r} was not there when {importer!r} was imported; {_REMEDY}")

    def _reach(self, name: str) -> None:
        """Reach a module and the packages that it is in."""
        if name in self._found:
            return
        if name.partition(".")[0] in NOT_COUNTED:
            self._found[name] = None
            return
        parent: Module | None = None
        words = name.split(".")
        for at in range(1, len(words) + 1):
            known = ".".join(words[:at])
            if known not in self._found:
                self._add(known, self._module(known, parent))
            parent = self._found[known]
            if parent is None or parent.kind != "own":  # what is below it is its own business, or nowhere
                break
        if name not in self._found:
            alone = parent is None and namespace(name) is not None
            self._add(name, self._module(name, None) if alone else None)

    def _module(self, name: str, parent: Module | None) -> Module | None:
        names = namespace(name)
        if names is not None:
            return loaded_module(name, names)
        if parent is not None:
            place = self._search.within(name, parent.place.folders or ())
        elif is_built_in(name):
            return STANDARD
        else:
            place = self._search.root(name)
        return None if place is None else placed_module(name, place)

    def _add(self, name: str, module: Module | None) -> None:
        self._found[name] = module
        if module is None or module.kind == "standard":
            return
        root = _root(name)
        if module.version is not None:
            if not loads().is_version_that_was_loaded(root, module.version.told, module.version.changed):
                raise TypeError(f"library {root!r} was installed after it was imported, or may have been; {_REMEDY}")
            self._versions[root] = module.version.told
            return
        orphan, known = name.endswith(_ANOTHER), module.known_as
        if not loads().is_what_was_loaded(known, module.place.file, module.source.digest, orphan=orphan):
            raise TypeError(
                f"module {name.removesuffix(_ANOTHER)!r} was edited after it was imported, or may have been; {_REMEDY}"
            )
        self._own[name] = module
        self._waiting.append(name)
        self.computed = self.computed or module.source.computed

    def _follow_loaded(self) -> None:
        """Reach what is loaded and lies below the user's modules that were reached; where names are computed, all."""
        done: set[str] = set()
        everything = False
        while True:
            new = {*self._by_root()} - done
            if new:
                below = tuple(f"{root}." for root in new)
                self.follow([name for name in [*sys.modules] if name in new or name.startswith(below)])
            elif self.computed and not everything:
                everything = True
                self.follow([name for name in [*sys.modules] if is_own(name)])
            else:
                return
            done |= new

    def _by_root(self) -> dict[str, set[str]]:
        roots: dict[str, set[str]] = {}
        for name in self._own:
            roots.setdefault(_root(name), set()).add(name)
        return roots

    def _digest(self, names: Iterable[str]) -> str:
        """Digest modules by names and contents; empty if there is nothing but names."""
        contents = {name: self._own[name].source.digest for name in sorted(names)}
        if not any(contents.values()):
            return ""
        told = "".join(f"{name}\0{content}\0" for name, content in contents.items())
        return hashlib.blake2b(told.encode("utf-8", "surrogatepass"), digest_size=16).hexdigest()


def _root(name: str) -> str:
    return name.partition(".")[0].removesuffix(_ANOTHER)

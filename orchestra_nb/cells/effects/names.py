"""Names: loading, binding and deleting them where Python would."""

from __future__ import annotations

import builtins
import re
from collections.abc import Iterable

from orchestra_nb.cells.effects.arguments import Arguments
from orchestra_nb.cells.effects.fixpoint import FixedPoints
from orchestra_nb.cells.effects.records import AGAIN, Access
from orchestra_nb.cells.effects.scopes import Scope
from orchestra_nb.cells.effects.values import NOTHING, Value

BUILTINS = frozenset(dir(builtins)) | {"display", "get_ipython", "__name__", "__file__", "__doc__"}
_WORD = re.compile(r"[^\W\d]\w*")
HISTORY = "reads the session's history"
_HISTORY = re.compile(r"_+$|_\d+$|_i+$|_i\d+$|_(oh|dh|ih|ii|iii)$|In$|Out$")


class Names(FixedPoints):
    """Resolves names through scopes, the notebook's namespace, and what lies outside it."""

    def load(self, name: str) -> Value:
        """What a name refers to here, with the read recorded where it is the notebook's."""
        scope: Scope | None = self.scope
        first = True
        while scope is not None and scope.kind != "module":
            if name in scope.to_module:
                break
            visible = scope.kind == "function" or first
            if visible and name in scope.names:
                return scope.names[name]
            if scope.kind == "function" and name in scope.own:
                return NOTHING
            first = False
            scope = scope.parent
        return self._load_global(name)

    def _load_global(self, name: str) -> Value:
        if name not in self.own:
            self.record(Access("name", name, "read", self.line))
        value = self.module.names.get(name)
        if value is None:
            value = self._unbound(name)
        self.look(value, name)
        return value

    def _unbound(self, name: str) -> Value:
        """A name that no cell before has bound: a builtin, a star import's, or one from outside the notebook."""
        stars = [self.imported(f"{module}.{name}") for module in self.stars]
        found = Value(frozenset(number for star in stars for number in star.objects))
        if name in BUILTINS:
            return found | (
                NOTHING if name.startswith("__") and name != "__import__" else self.imported(f"builtins.{name}")
            )
        if _HISTORY.match(name):
            self.barrier(f"{HISTORY} ({name})")
        return found if stars else self.foreign(name) | self.anything

    def look_up(self, name: str) -> None:
        """A library finds a variable by its name, so it must be there under this very name."""
        self.effects.looked_up.add(name)
        self.load(name)

    def look_up_in_texts(self, args: Arguments) -> None:
        """Code that knows the caller's frame may mean variables that the texts among its arguments name."""
        texts = [v.const for v in (*args.positional, *args.keywords.values()) if isinstance(v.const, str)]
        for name in sorted({word for text in texts for word in _WORD.findall(text)} & self.module.names.keys()):
            self.look_up(name)

    def bind(self, name: str, value: Value) -> None:
        """Bind a name where Python would."""
        scope = self.scope
        while scope.kind != "module" and name not in scope.to_module:
            if name in scope.outer and scope.parent is not None:
                scope = scope.parent
                if scope.kind == "function" and name in scope.own:
                    if scope.box is not None:
                        self.mutate(Value(frozenset((scope.box,))), f"rebinds {name}")
                    break
                continue
            break
        if scope.kind == "module" or name in scope.to_module:
            self._bind_global(name, value)
            return
        old = scope.names.get(name)
        self._set(scope, name, value if old is None or not self.weak else old | value)

    def _bind_global(self, name: str, value: Value) -> None:
        known = self.effects.accesses.get(("name", name, "write"))
        if known is not None and known.why == AGAIN:
            del self.effects.accesses["name", name, "write"]
        self.record(Access("name", name, "write", self.line, certain=self.weak == 0))
        self.own.add(name)
        self.bound_imports.pop(name, None)
        for number in value.objects:
            self.names[number] = name
        old = self.module.names.get(name)
        if old is not None:
            self.drop(old, self.trees[-1])
        if self.weak and old is None:
            old = self._unbound(name) if name in BUILTINS else None
        self._set(self.module, name, value if old is None or not self.weak else old | value)

    def _set(self, scope: Scope, name: str, value: Value) -> None:
        if scope.names.get(name) != value:
            scope.names[name] = value
            self.bound(scope)

    def unbind(self, name: str) -> None:
        """``del name``: a use of the name, and a change of the namespace."""
        self.drop(self.load(name), self.trees[-1])
        if self.scope.kind == "module" or name in self.scope.to_module:
            self.effects.deletes.add(name)
            self.record(Access("name", name, "write", self.line, certain=self.weak == 0, why="del"))
            self.own.add(name)
            self.bound_imports.pop(name, None)
            if not self.weak:
                self.module.names.pop(name, None)
                self.renewals += 1
        elif not self.weak:
            self.scope.names.pop(name, None)
            self.renewals += 1

    def settle(self, names: Iterable[str]) -> None:
        """Names that every branch binds are bound for certain."""
        if self.weak == 0:
            for name in names:
                self.record(Access("name", name, "write", self.line))

    def forget_types(self, why: str, bound: Iterable[str] = ()) -> None:
        """After code that may bind anything, every name may also be something that is not known.

        It is one object, the same for all names: two of them may have become the same thing.

        Parameters
        ----------
        why
            What binds.
        bound
            Names that it binds, or may bind, of which nothing else is known.
        """
        anything = self.foreign(f"whatever {why}")
        self.anything = self.anything | anything
        for name, value in list(self.module.names.items()):
            self._set(self.module, name, value | anything)
        for name in bound:
            self.record(Access("name", name, "write", self.line, certain=False))
            self._set(self.module, name, self.anything)

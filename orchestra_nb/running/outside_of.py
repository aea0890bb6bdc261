"""What a function's result follows from beside its arguments, as far as its code says.

The code is read, and nothing of it is run: each name that it mentions is followed to what it means now
(:mod:`.scopes`), and that is looked up in :mod:`orchestra_nb.context.outside`. It goes on into the user's own
functions, methods and classes, through partial functions, decorators, default arguments and containers of functions;
into libraries it does not go: what they do is known by name, by a seed that they take and are not given, or not at all.

Policy: to *mention* ``time.time`` is enough, whether it is called or not, and a class counts with all its methods. A
seed makes a generator repeat; ``random.seed(7)`` does not, for what it sets is shared by everything that runs. A
generator, a session or a connection that a function merely sees (a global, a closure) is outside of it. The environment
counts, as no part of a function's key has it.

What is not seen: code that is made or found when it runs (``exec``, ``getattr`` with a name that is computed, a module
of the user's that nobody has imported yet), what the arguments do, an address that is an argument, and what installed
libraries do whose names say nothing.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from itertools import chain, islice
from types import FunctionType, MethodType, ModuleType, NoneType
from typing import Any

from orchestra_nb.context.outside import CHANCE, KNOWN, Fact, Table, outside_text
from orchestra_nb.running.mentions import Call, Given, mentions
from orchestra_nb.running.scopes import Meant, Scope
from orchestra_nb.running.static import MISSING, is_own, members, mro, names_of, stem, unwrapped, variables
from orchestra_nb.running.unseeded import draws

_ENVIRONMENT = "os.environ os.environ.* os.environb os.environb.* os.getenv os.getenvb os.path.expandvars"
_BESIDE = Table({name: Fact("the environment") for name in f"{_ENVIRONMENT} dotenv.* decouple.* environs.*".split()})
"""What counts as outside for a function, and not for a cell, whose key has it."""

_PLAIN = (str, int, float, complex, bytes, NoneType)
_CONTAINERS = (dict, list, tuple, set, frozenset)
_MOST_ITEMS = 1000
"""Items of a container that are looked at."""
_MOST_THINGS = 5000
"""Objects that are looked at in all."""
_NOT_ASKED = frozenset({"__hash__"})
"""Methods that no result follows from."""


def outside_of(fn: Callable[..., Any]) -> tuple[str, ...]:
    """Say what a function's result follows from beside its arguments.

    Parameters
    ----------
    fn
        Any callable.

    Returns
    -------
    tuple of str
        A phrase for each call that its code names, such as ``"the time (time.time)"``; what is nearest comes first.

    Examples
    --------
    >>> import random, time
    >>> def stamp(rows):
    ...     return time.time(), rows
    >>> outside_of(stamp), outside_of(lambda rows: sorted(rows))
    (('the time (time.time)',), ())
    >>> outside_of(lambda: random.Random(7).random()), outside_of(lambda: random.Random().random())
    ((), ('chance (random.Random)',))
    """
    search = _Search(fn)
    search.run()
    return tuple(search.found)


class _Search:
    """Finds what is outside of a callable."""

    def __init__(self, fn: Any) -> None:
        self.found: dict[str, None] = {}
        self._first = fn
        self._waiting: deque[Any] = deque()
        self._seen: dict[int, Any] = {}  # with the things themselves, so that no id is given twice
        self._look(fn)

    def run(self) -> None:
        """Look into everything that is found on the way."""
        while self._waiting:
            self._enter(self._waiting.popleft())

    def _look(self, thing: Any, call: Call | None = None) -> None:
        """Judge a thing by its names, and look into it later."""
        self._judge(Meant(thing, names_of(thing), call))
        self._later(thing)

    def _later(self, thing: Any) -> None:
        if thing is MISSING or issubclass(type(thing), (*_PLAIN, ModuleType)):
            return
        if id(thing) not in self._seen and len(self._seen) < _MOST_THINGS:
            self._seen[id(thing)] = thing
            self._waiting.append(thing)

    def _enter(self, thing: Any) -> None:
        kind = type(thing)
        if kind is FunctionType:
            self._function(thing)
        elif kind is MethodType:
            self._later(thing.__func__)
            self._look_at_all(filter(is_own, [thing.__self__]))
        elif issubclass(kind, partial):
            self._partial(variables(thing))
        elif issubclass(kind, type):
            self._class(thing)
        elif issubclass(kind, _CONTAINERS):
            self._look_at_all(_items(thing))
        else:
            values = variables(thing).values()
            self._look_at_all(values if is_own(thing) else _own_among(values))
            self._later(kind)

    def _look_at_all(self, things: Iterable[Any]) -> None:
        for thing in things:
            if not issubclass(type(thing), _PLAIN):
                self._look(thing)

    def _function(self, fn: FunctionType) -> None:
        """Read the code of the user's functions, and of others what they were made around."""
        scope, wrapped = Scope.of(fn), fn.__dict__.get("__wrapped__")
        if is_own(fn) or (fn is self._first and not self.found):
            self._look_at_all([wrapped])
            self._code(scope)
            self._look_at_all([*(fn.__defaults__ or ()), *(fn.__kwdefaults__ or {}).values()])
        else:
            self._look_at_all(_own_among([wrapped, *scope.closure.values()]))

    def _code(self, scope: Scope) -> None:
        for mention in mentions(scope.code).all:
            for meant in scope.meanings(mention):
                self._judge(meant, scope)
                for thing in (*meant.passed, meant.thing):
                    self._later(thing)
        for inner in scope.inner():
            self._code(inner)

    def _partial(self, own: dict[str, Any]) -> None:
        values = (*own["args"], *own["keywords"].values())
        given: list[Given] = [("none", "") if value is None else ("something", "") for value in values]
        self._look(own["func"], Call(tuple(given), tuple(own["keywords"])))
        self._look_at_all(values)

    def _class(self, cls: type) -> None:
        """Look at what the user's classes define, and at what they are made of."""
        if not is_own(cls):
            return
        for each in filter(is_own, mro(cls)):
            for base in type.__getattribute__(each, "__bases__"):
                self._judge(Meant(base, names_of(base)))
            defined = {name: unwrapped(value) for name, value in [*members(each).items()] if name not in _NOT_ASKED}
            self._look_at_all(
                [thing for name, thing in defined.items() if type(thing) is FunctionType or name[:2] != "__"]
            )

    def _judge(self, meant: Meant, scope: Scope | None = None) -> None:
        """Take note of what a call follows from, or what is no call and might become one."""
        kind = type(meant.thing)
        if issubclass(kind, _PLAIN) or (issubclass(kind, type) and BaseException in mro(meant.thing)):
            return
        call = meant.call
        is_none = scope.is_none if scope is not None else _is_none
        known = KNOWN.find(meant.names) or _BESIDE.find(meant.names)
        if known is not None:
            name, fact = known
            given = sum(not is_none(each) for each in call.given) if call is not None else 0
            if fact.repeats is None or given < fact.repeats:
                self._note(fact.what, name)
        elif meant.names and draws(meant.thing, meant.names, call, is_none):
            self._note(CHANCE, meant.names[0])
        elif scope is not None:
            for name in meant.names:
                for text in scope.texts:
                    self._note(outside_text(name, text), name)
        maker = KNOWN.find(meant.made_by)
        if maker is None or maker[1].repeats is None:
            self._judge_unknown(meant, is_none)

    def _judge_unknown(self, meant: Meant, is_none: Callable[[Given], bool]) -> None:
        """Take note of methods that say by their name what their result follows from."""
        for at, word in enumerate(meant.unknown):
            name, is_last = f"?.{word}", at == len(meant.unknown) - 1
            known = KNOWN.find([name])
            if known is not None:
                self._note(known[1].what, name)
            elif draws(MISSING, [name], meant.call if is_last else None, is_none):
                self._note(CHANCE, name)

    def _note(self, what: str, name: str) -> None:
        if what:
            shown = stem(name).removeprefix("?").removeprefix("builtins.")
            self.found[f"{what} ({shown})"] = None


def _is_none(given: Given) -> bool:
    return given[0] == "none"


def _items(container: Any) -> list[Any]:
    """Give the items of a container, of a dictionary the keys too, without calling what a class of the user's does."""
    base = next(each for each in _CONTAINERS if issubclass(type(container), each))
    if base is dict:
        pairs = islice(dict.items(container), _MOST_ITEMS)
        return [*chain.from_iterable(pairs)]
    return [*islice(base.__iter__(container), _MOST_ITEMS)]


def _own_among(things: Iterable[Any]) -> Iterator[Any]:
    """Give what is the user's of what a library has, also in containers."""
    for thing in things:
        if issubclass(type(thing), _CONTAINERS):
            yield from filter(is_own, _items(thing))
        elif is_own(thing):
            yield thing

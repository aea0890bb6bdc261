"""What byte code mentions: each name with the attributes after it, and the call that follows.

Byte code is there for every function, source text is not. It is read as it stands, without running anything, and what
cannot be told for certain (a call whose arguments hold a condition, ``f(*args)``) counts as not known. Python 3.11 to
3.13 write calls and attributes in different ways; the reader asks only for how many values each instruction leaves on
the stack, which :func:`dis.stack_effect` knows.
"""

from __future__ import annotations

import dis
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from types import CodeType
from typing import Literal

Origin = Literal["global", "local", "import", "value"]
"""Where a mention starts: a name of the module, a variable of the function or of one around it, a module that is
imported there, or a value that has no name."""

Given = tuple[Literal["none", "global", "local", "something"], str]
"""What is given as an argument: ``None``, what has a name, or anything."""

_ATTRIBUTE = ("LOAD_ATTR", "LOAD_METHOD")
_GLOBAL = ("LOAD_GLOBAL", "LOAD_NAME", "LOAD_FROM_DICT_OR_GLOBALS")
_LOCAL = ("LOAD_DEREF", "LOAD_CLASSDEREF", "LOAD_FROM_DICT_OR_DEREF")
_STORE = ("STORE_FAST", "STORE_DEREF", "STORE_FAST_STORE_FAST", "STORE_FAST_LOAD_FAST")
_JUMPS = frozenset({*dis.hasjrel, *dis.hasjabs})
_CALLS = ("CALL", "CALL_KW")
_BEFORE_CALLS = ("PRECALL", "KW_NAMES")
_NULL_FOLLOWS = sys.version_info >= (3, 13)
"""Whether ``PUSH_NULL`` stands behind what is called, and not before it."""
_SOMETHING: Given = ("something", "")


@dataclass(frozen=True, slots=True)
class Call:
    """How something is called.

    Parameters
    ----------
    given
        Its arguments.
    keywords
        The names of the last ones.
    """

    given: tuple[Given, ...] = ()
    keywords: tuple[str, ...] = ()

    @property
    def positional(self) -> tuple[Given, ...]:
        """The arguments that have no keyword."""
        return self.given[: len(self.given) - len(self.keywords)]

    @property
    def named(self) -> Mapping[str, Given]:
        """The others, by keyword."""
        return dict(zip(self.keywords, self.given[len(self.positional) :], strict=True))


@dataclass(frozen=True, slots=True)
class Mention:
    """A name with the attributes after it.

    Parameters
    ----------
    origin
        Where it starts.
    name
        What it starts with; for an import the module, with a dot before it for each level that it is relative.
    attributes
        What follows.
    call
        How that is called; ``None``: not at once, or in a way that cannot be told.
    """

    origin: Origin
    name: str
    attributes: tuple[str, ...] = ()
    call: Call | None = None


@dataclass(frozen=True, slots=True)
class Mentions:
    """What one piece of code mentions.

    Parameters
    ----------
    all
        In order.
    bound
        For each variable, what is stored in it: a mention with a call means what the call gives.
    inner
        Code of the functions and classes that it makes.
    texts
        Its constant texts.
    """

    all: tuple[Mention, ...]
    bound: Mapping[str, tuple[Mention, ...]]
    inner: tuple[CodeType, ...]
    texts: tuple[str, ...]


@lru_cache(maxsize=4096)
def mentions(code: CodeType) -> Mentions:
    """Read what code mentions.

    Examples
    --------
    >>> def load(path):
    ...     import numpy as np
    ...     return np.random.default_rng(7).normal(), open(path)
    >>> for mention in mentions(load.__code__).all:
    ...     print(mention.origin, mention.name, *mention.attributes, mention.call and len(mention.call.given))
    local np random default_rng 1
    value  normal 0
    global open 1
    local path None
    >>> mentions(load.__code__).bound["np"]
    (Mention(origin='import', name='numpy', attributes=(), call=None),)
    """
    cells = {*code.co_cellvars, *code.co_freevars}
    steps = [step for step in dis.get_instructions(code) if step.opname not in ("EXTENDED_ARG", "CACHE", "NOP")]
    found: list[Mention] = []
    bound: dict[str, list[Mention]] = {}
    at = 0
    while at < len(steps):
        step = steps[at]
        if step.opname == "IMPORT_NAME":
            at = _import(steps, at, bound)
            continue
        started = _start(step)
        if started is None or (step.opname == "LOAD_FAST" and step.argval in cells):  # what a closure takes along
            at += 1
            continue
        origin, name = started
        end = at if origin == "value" else at + 1
        while end < len(steps) and steps[end].opname in _ATTRIBUTE:
            end += 1
        attributes = tuple([str(each.argval) for each in steps[at if origin == "value" else at + 1 : end]])
        call, after = _call(code, steps, end)
        mention = Mention(origin, name, attributes, call)
        found.append(mention)
        if after < len(steps) and (variable := _stored(steps[after])):
            bound.setdefault(variable, []).append(mention)
        at = end
    inner = tuple([value for value in code.co_consts if isinstance(value, CodeType)])
    kept = {name: tuple(each) for name, each in bound.items()}
    return Mentions(tuple(found), kept, inner, tuple(_texts(code.co_consts)))


def _start(step: dis.Instruction) -> tuple[Origin, str] | None:
    """Say whether a mention starts here: with a name, or with an attribute of whatever lies on the stack."""
    name = step.argval[-1] if isinstance(step.argval, tuple) and step.argval else step.argval
    if step.opname in _GLOBAL:
        return "global", str(name)
    if step.opname in _LOCAL or step.opname.startswith(("LOAD_FAST", "STORE_FAST_LOAD_FAST")):
        return "local", str(name)
    return ("value", "") if step.opname in _ATTRIBUTE else None


def _stored(step: dis.Instruction) -> str:
    """Name the variable that gets the top of the stack; empty when none does."""
    if step.opname not in _STORE:
        return ""
    return str(step.argval[0] if isinstance(step.argval, tuple) else step.argval)


def _import(steps: Sequence[dis.Instruction], at: int, bound: dict[str, list[Mention]]) -> int:
    """Note what an import binds; returns where the code goes on."""
    names, level = steps[at - 1].argval, steps[at - 2].argval
    module = "." * level + str(steps[at].argval)
    last = ""
    for place in range(at + 1, len(steps)):
        step = steps[place]
        if step.opname == "IMPORT_FROM":
            last = step.argval
        elif variable := _stored(step):
            whole = module if names or last else module.partition(".")[0]  # import a.b binds a; import a.b as c, a.b
            mention = Mention("import", whole, (last,) if names else ())
            bound.setdefault(variable, []).append(mention)
            if not names:
                return place if step.opname.endswith("LOAD_FAST") else place + 1
        elif step.opname == "POP_TOP" and names:
            return place + 1
        elif step.opname not in ("SWAP", "POP_TOP"):
            return place
    return len(steps)


def _call(code: CodeType, steps: Sequence[dis.Instruction], at: int) -> tuple[Call | None, int]:
    """Find the call of what lies on the top of the stack before a step, and the step after it."""
    if _NULL_FOLLOWS and at < len(steps) and steps[at].opname == "PUSH_NULL":
        at += 1
    begin, depth = at, 0
    keywords: tuple[str, ...] = ()
    for at in range(begin, len(steps)):
        step = steps[at]
        if step.opcode in _JUMPS or (at > begin and step.is_jump_target):
            break
        if step.opname == "KW_NAMES":
            keywords = code.co_consts[step.arg or 0]
        elif step.opname == "CALL_KW":
            keywords = steps[at - 1].argval
        before, depth = depth, depth + dis.stack_effect(step.opcode, step.arg, jump=False)
        if depth < 0:  # this takes it
            count = step.arg or 0
            there = count if steps[at - 1].opname == "PRECALL" else before - (step.opname == "CALL_KW")
            if step.opname not in _CALLS or there != count:
                break  # it is stored, or is an argument itself
            loads = steps[begin : at - (step.opname == "CALL_KW")]
            return Call(tuple(_given(loads, count)), keywords), at + 1
        if depth == 0 and step.opname not in _BEFORE_CALLS:
            break  # something else is made of it
        if step.opname in _CALLS:
            keywords = ()
    return None, begin


def _given(steps: Sequence[dis.Instruction], count: int) -> Iterator[Given]:
    """Say what the arguments are, if each is one step."""
    loads = [step for step in steps if step.opname not in _BEFORE_CALLS]
    if len(loads) != count:
        yield from [_SOMETHING] * count
        return
    for step in loads:
        started = _start(step)
        if step.opname == "LOAD_CONST":
            yield ("none", "") if step.argval is None else _SOMETHING
        elif started is not None and step.opname not in _ATTRIBUTE:
            yield ("global" if started[0] == "global" else "local"), started[1]
        else:
            yield _SOMETHING


def _texts(values: Sequence[object]) -> Iterator[str]:
    for value in values:
        if isinstance(value, str):
            yield value
        elif isinstance(value, tuple | frozenset):
            yield from _texts(tuple(value))

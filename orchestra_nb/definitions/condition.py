"""Conditions of a definition: small JavaScript-like expressions, read safely and decided safely.

::

    project_structure.hasPython === true
    inputs.frameworks.length > 0 || context.risk.score > 7
    context.plan.parts.some(p => p.kind === 'api')

Policy: a definition is data, so its conditions are too. A text becomes a tree once, when the definition is loaded, and
a fault is named there with its column. The tree is decided by a walk that knows six methods, calls no function, reads
members of plain mappings, lists, texts and dataclass fields only, runs no code of a value and changes none
(:mod:`~orchestra_nb.definitions.condition_values` says how). What is not there is ``undefined``, and so are its members
and what its methods return: an optional input that is absent makes a comparison false, not faulty. Only the names that
a condition begins with have to be there, all of them, also behind a ``||``: a typing error cannot hide.

Order: the root names are looked up first, then the tree is walked from left to right; ``&&``, ``||``, ``??`` and
``? :`` leave out what they do not need, as in JavaScript. Failure: :class:`~orchestra_nb.errors.ConditionError`, with
the column. Work is bounded by counted steps and not by a clock, so that a condition always ends the same way.

Rejected: ``eval``, with or without a list of allowed syntax (Python reads neither ``===`` nor ``&&`` nor ``=>``, and
``().__class__`` leads out of any namespace). simpleeval (Python's syntax too; until it is locked down
``'%1000000000d' % 1`` makes a text of 1 GB and ``ctx['items'].clear()`` changes the data, and then it takes 280 µs an
evaluation). CEL (neither ``===`` nor ``p => …``; the Rust one runs seven nested loops for more than 25 s, cannot be
interrupted, and panics on 100,000 parentheses; the Python one runs out of stack at 300). A parser generator (a
dependency for six levels of precedence, with messages about its grammar and not about the reader's mistake).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from orchestra_nb.definitions.condition_evaluation import Evaluation, Scope
from orchestra_nb.definitions.condition_nodes import Node
from orchestra_nb.definitions.condition_syntax import WORDS, Parser
from orchestra_nb.definitions.condition_tokens import shown
from orchestra_nb.definitions.condition_values import UNDEFINED, admit, find, mapping_of, truth
from orchestra_nb.errors import ConditionError, nearest

_MOST_NAMES = 200
_LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class Condition:
    """A condition that has been read; made by :func:`parse_condition`, equal to another of the same text.

    Parameters
    ----------
    source
        Its text.
    names
        The root names that it reads, in order of first use.
    paths
        The same with the members that follow, as far as they are known without a value; ``.length`` is not among them.

    Examples
    --------
    >>> condition = parse_condition("inputs.frameworks.length > 0 || context.risk.score > 7")
    >>> condition.names
    ('inputs', 'context')
    >>> condition.paths
    (('inputs', 'frameworks'), ('context', 'risk', 'score'))
    """

    source: str
    names: tuple[str, ...] = field(compare=False)
    paths: tuple[tuple[str, ...], ...] = field(compare=False)
    _columns: tuple[int, ...] = field(compare=False, repr=False)
    _root: Node = field(compare=False, repr=False)

    def __reduce__(self) -> tuple[Any, ...]:
        return (parse_condition, (self.source,))

    def evaluate(self, values: Mapping[str, Any]) -> bool:
        """Decide the condition.

        Parameters
        ----------
        values
            A plain dictionary, or a read-only view of one, with every root name.

        Raises
        ------
        ConditionError
            For a root name that is not there, a computed key that begins with ``_``, or too much work.

        Examples
        --------
        >>> condition = parse_condition("context.plan.parts.some(p => p.kind === 'api')")
        >>> condition.evaluate({"context": {"plan": {"parts": [{"kind": "page"}, {"kind": "api"}]}}})
        True
        >>> condition.evaluate({"context": {}})
        False
        """
        return truth(self.value(values))

    def value(self, values: Mapping[str, Any]) -> Any:
        """Work the condition out as an expression: what it stands for rather than whether that counts as true.

        Numbers are doubles and what is not there is ``UNDEFINED``, as everywhere in conditions.

        Parameters
        ----------
        values
            As for :meth:`evaluate`.

        Raises
        ------
        ConditionError
            As for :meth:`evaluate`.

        Examples
        --------
        >>> parse_condition("item.title ?? item.id").value({"item": {"id": "core"}})
        'core'
        """
        return Evaluation().value(self._root, self._roots(values))

    def _roots(self, values: Any) -> Scope:
        """Look the root names up, all of them."""
        known = mapping_of(values)
        scope: Scope = {}
        for name, column in zip(self.names, self._columns, strict=True):
            if known is None:
                raise ConditionError(f"the values are of type {_kind(values)}, expected a plain dictionary", column)
            found = find(known, name)
            if found is UNDEFINED:
                raise ConditionError(f"found the unknown name {shown(name)}{_hint(name, known)}", column)
            scope[name] = admit(found)
        return scope


def parse_condition(text: str) -> Condition:
    """Read a condition.

    Raises
    ------
    ConditionError
        With the column, what was found, what was expected, and the nearest valid word where one is close.

    Examples
    --------
    >>> parse_condition("inputs.kind === 'api' && !inputs.draft").evaluate({"inputs": {"kind": "api"}})
    True
    >>> parse_condition("x.incldes('crypto')")
    Traceback (most recent call last):
    orchestra_nb.errors.ConditionError: column 3: found 'incldes', expected a method that can be called; did you mean
    'includes'?
    """
    if not issubclass(type(text), str):
        raise ConditionError(f"found a value of type {_kind(text)}, expected a text", 1)
    text = str.__str__(text)
    parser = Parser(text)
    root = parser.whole()
    return Condition(text, tuple(parser.names), tuple(dict.fromkeys(parser.paths)), tuple(parser.names.values()), root)


def _hint(name: str, known: dict[Any, Any]) -> str:
    """Say which root name, or which literal word, was probably meant."""
    texts = (key for key in tuple(dict.keys(known)) if type(key) is str and len(key) <= _LONGEST_NAME)
    hint = nearest(name[:_LONGEST_NAME], islice(texts, _MOST_NAMES))
    word = nearest(name[:_LONGEST_NAME], WORDS)
    better = word if word.startswith("did") and not hint.startswith("did") else hint
    return f"; {better}" if better else ""


def _kind(value: Any) -> str:
    """The name of a value's type, its metaclass not asked."""
    return str.__str__(type.__dict__["__name__"].__get__(type(value)))

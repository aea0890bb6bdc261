"""The walk over a condition's tree.

Policy: one method for each kind of node, chosen by a table; a value from outside is admitted where it is read, so that
the rest sees doubles, texts, booleans, null, undefined and containers only. Functions do not outlive the call that
they are written in, so that one scope serves all elements. Every node costs a step, and what looks at many elements,
keys or characters at once pays for them before it begins.

Rejected: compiling the tree to closures (an evaluation takes microseconds, and a tree can be printed and compared); a
limit in seconds (the same condition would be decided on one day and refused on another).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from operator import contains
from typing import Any

from orchestra_nb.definitions.condition_nodes import (
    Access,
    Arithmetic,
    Array,
    Call,
    Choice,
    Comparison,
    Index,
    Literal,
    Logical,
    Member,
    Name,
    Node,
    Unary,
)
from orchestra_nb.definitions.condition_values import (
    EXACT,
    UNDEFINED,
    UNDERSCORES,
    admit,
    all_text,
    arithmetic,
    element,
    field_of,
    find,
    loosely_equal,
    mapping_of,
    ordered,
    same,
    strictly_equal,
    truth,
)
from orchestra_nb.errors import ConditionError

MOST_STEPS = 5_000
"""Work of one evaluation: a step for each node, for each element that a function is asked about, and for 4 elements
searched, 32 keys or 1,024 characters looked over; 8 steps for a dataclass's field."""

MOST_JOINED = 10_000
"""Characters of a text that ``+`` joins."""

Scope = dict[str, Any]
_Pairs = Iterator[tuple[Any, bool]]

_IN_TEXT: dict[str, Callable[[str, str], bool]] = {
    "endsWith": str.endswith,
    "includes": contains,
    "startsWith": str.startswith,
}
_EACH: dict[str, Callable[[_Pairs], Any]] = {
    "every": lambda pairs: all(fits for _, fits in pairs),
    "filter": lambda pairs: [item for item, fits in pairs if fits],
    "some": lambda pairs: any(fits for _, fits in pairs),
}


class Evaluation:
    """One walk over a tree; counts its steps."""

    __slots__ = ("_left", "_plain")

    def __init__(self) -> None:
        self._left = MOST_STEPS
        self._plain: dict[int, dict[Any, Any]] = {}  # mappings known to have text keys only; kept, so ids stay theirs

    def value(self, node: Node, scope: Scope) -> Any:
        """The value of a node, given that of each name.

        Examples
        --------
        >>> Evaluation().value(Unary(1, "-", Name(2, "a")), {"a": 3.0})
        -3.0
        """
        self._spend(1, node.column)
        return _VALUES[type(node)](self, node, scope)

    def _spend(self, steps: int, column: int) -> None:
        self._left -= steps
        if self._left < 0:
            raise ConditionError(
                f"more than {MOST_STEPS:,} steps; look into less, or prepare the value in an agent", column
            )

    def _array(self, node: Array, scope: Scope) -> Any:
        return [self.value(item, scope) for item in node.items]

    def _unary(self, node: Unary, scope: Scope) -> Any:
        operand = self.value(node.operand, scope)
        if node.sign == "!":
            return not truth(operand)
        return arithmetic("*", operand, -1.0 if node.sign == "-" else 1.0)

    def _arithmetic(self, node: Arithmetic, scope: Scope) -> Any:
        total = self.value(node.first, scope)
        for sign, part in node.rest:
            value = self.value(part, scope)
            if sign == "+" and type(total) is str and type(value) is str:
                if len(total) + len(value) > MOST_JOINED:
                    raise ConditionError(f"+ joins more than {MOST_JOINED:,} characters", node.column)
                total += value
            else:
                total = arithmetic(sign, total, value)
        return total

    def _comparison(self, node: Comparison, scope: Scope) -> Any:
        sign, left, right = node.sign, self.value(node.left, scope), self.value(node.right, scope)
        if type(left) is str and type(right) is str:
            self._spend(min(len(left), len(right)) >> 10, node.column)
        if sign == "===":
            return strictly_equal(left, right)
        if sign == "!==":
            return not strictly_equal(left, right)
        if sign == "==":
            return loosely_equal(left, right)
        return not loosely_equal(left, right) if sign == "!=" else ordered(sign, left, right)

    def _logical(self, node: Logical, scope: Scope) -> Any:
        for part in node.parts:
            value = self.value(part, scope)
            if node.sign == "??":
                if value is not None and value is not UNDEFINED:
                    break
            elif truth(value) is (node.sign == "||"):
                break
        return value

    def _choice(self, node: Choice, scope: Scope) -> Any:
        return self.value(node.yes if truth(self.value(node.test, scope)) else node.no, scope)

    def _access(self, node: Access, scope: Scope) -> Any:
        value = self.value(node.base, scope)
        for link in node.links:
            self._spend(1, link.column)
            if isinstance(link, Member):
                value = self._member(value, link.name, link.column)
            elif isinstance(link, Index):
                value = self._index(value, self.value(link.key, scope), link.column)
            elif isinstance(link, Call):
                value = self._call(value, link, scope)
        return value

    def _member(self, value: Any, name: str, column: int) -> Any:
        kind = type(value)
        if kind is str or kind is list or kind is tuple:
            return float(len(value)) if name == "length" else UNDEFINED
        if value is None or value is UNDEFINED or kind is float or kind is bool:
            return UNDEFINED
        mapping = mapping_of(value)
        if mapping is None:
            self._spend(8, column)
            return admit(field_of(value, name))
        if id(mapping) not in self._plain:
            self._spend(len(mapping) >> 5, column)
            if not all_text(mapping):
                return admit(find(mapping, name))
            self._plain[id(mapping)] = mapping
        return admit(dict.get(mapping, name, UNDEFINED))

    def _index(self, value: Any, key: Any, column: int) -> Any:
        kind = type(value)
        if type(key) is str:
            if key and key[0] in UNDERSCORES:
                raise ConditionError(f"the key {key[:30]!r} begins with '_', and such a key is never read", column)
            return self._member(value, key, column)
        if type(key) is not float:
            return UNDEFINED
        if kind is str or kind is list or kind is tuple:
            return element(value, key)
        return self._member(value, str(int(key)), column) if key.is_integer() and abs(key) <= EXACT else UNDEFINED

    def _call(self, value: Any, node: Call, scope: Scope) -> Any:
        """A method of a list or a text; of anything else, undefined."""
        listed = type(value) is list or type(value) is tuple
        if node.parameters:
            return _EACH[node.method](self._each(value, node, scope)) if listed else UNDEFINED
        wanted = self.value(node.argument, scope)
        if listed and node.method == "includes":
            weight = 1 + (len(wanted) >> 10 if type(wanted) is str else 0)
            self._spend(len(value) * weight >> 2, node.column)
            return any(same(admit(item), wanted) for item in islice(value, len(value)))
        if type(value) is not str:
            return UNDEFINED
        self._spend(len(value) >> 10, node.column)
        return type(wanted) is str and _IN_TEXT[node.method](value, wanted)

    def _each(self, values: Sequence[Any], node: Call, scope: Scope) -> Iterator[tuple[Any, bool]]:
        """Elements, each with what the function says of it."""
        inner = dict(scope)
        for index, item in enumerate(values):
            self._spend(1, node.column)
            inner.update(zip(node.parameters, (item := admit(item), float(index)), strict=False))
            yield item, truth(self.value(node.argument, inner))


_VALUES: dict[type[Node], Callable[[Evaluation, Any, Scope], Any]] = {
    Literal: lambda _, node, __: node.value,
    Name: lambda _, node, scope: scope[node.name],
    Access: Evaluation._access,
    Arithmetic: Evaluation._arithmetic,
    Array: Evaluation._array,
    Choice: Evaluation._choice,
    Comparison: Evaluation._comparison,
    Logical: Evaluation._logical,
    Unary: Evaluation._unary,
}

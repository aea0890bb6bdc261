"""The grammar of conditions: text to a tree, from left to right in one pass.

The parser climbs precedences (Pratt): one table of levels, one loop. Chains of one level (``a && b && c``, ``a.b.c``,
``1 + 2 - 3``) become one flat node and not a ladder, so that the tree is no deeper than what is nested in the text, and
that is counted: the deepest that is read takes about 300 of Python's 1,000 frames, to parse and to decide.

Stricter than JavaScript where its reading surprises: comparisons do not chain (``1 < x < 10`` would compare a boolean),
unknown escapes and numbers in other bases are refused, and words of Python and of JavaScript's statements are no names.
As in JavaScript, ``??`` does not stand next to ``||`` or ``&&`` without parentheses.

Rejected: Python's own parser after a translation (it reads neither ``===`` nor ``=>`` nor ``&&``, and texts hold them
too); a parser generator (a dependency for six levels of precedence, and its messages are about its grammar).
"""

from __future__ import annotations

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
from orchestra_nb.definitions.condition_tokens import Token, fault, is_reserved, next_token, other_name, unquoted
from orchestra_nb.definitions.condition_values import UNDEFINED, UNDERSCORES
from orchestra_nb.errors import ConditionError, nearest

MOST_TEXT = 2_000
"""Characters of a condition; a longer one is a program."""

MOST_NODES = 300
"""Values, members, calls and operators of a condition."""

DEEPEST = 40
"""How deep parentheses, brackets, functions, signs and tighter operators may stand inside each other."""

FUNCTIONS = ("every", "filter", "some")
"""Methods whose argument is a function."""

METHODS = (*FUNCTIONS, "endsWith", "includes", "startsWith")
"""All that can be called."""

WORDS = {"true": True, "false": False, "null": None, "undefined": UNDEFINED}
"""The literals that are words."""

LEVELS = {
    **{"??": 1, "||": 1, "&&": 2, "===": 3, "!==": 3, "==": 3, "!=": 3, "<": 4, "<=": 4, ">": 4, ">=": 4},
    **{"+": 5, "-": 5, "*": 6, "/": 6, "%": 6},
}
"""How tightly each operator binds."""


class Parser:
    """Reads one condition; ``names`` (with their columns) and ``paths`` are what it reads, in order of first use.

    Examples
    --------
    >>> parser = Parser("a.b['c'][0].d > 1 && list.some(p => p.kind === q)")
    >>> type(parser.whole()).__name__, parser.names
    ('Logical', {'a': 1, 'list': 22, 'q': 48})
    >>> parser.paths
    [('a', 'b', 'c'), ('list',), ('q',)]
    """

    def __init__(self, text: str) -> None:
        if len(text) > MOST_TEXT:
            raise ConditionError(f"the condition has more than {MOST_TEXT:,} characters; split it", MOST_TEXT + 1)
        self.names: dict[str, int] = {}
        self.paths: list[tuple[str, ...]] = []
        self._text = text
        self._nodes = self._depth = self._before = 0
        self._parameters: list[str] = []
        self._token = next_token(text, 0)

    def whole(self) -> Node:
        """The tree of the whole text."""
        root = self._expression(0)
        if self._token.kind != "end":
            fault(self._token, "an operator or the end")
        return root

    def _expression(self, floor: int) -> Node:
        """An operand and the operators after it that bind at least as tightly as ``floor``; 0 includes ``? :``."""
        left, last = self._operand(), ""
        while 0 < LEVELS.get(sign := self._sign(), 0) >= floor:
            self._check_pair(last, sign)
            left, last = self._joined(left, sign), sign
        if floor or sign != "?":
            return left
        column = self._take("?").column
        yes = self._nested(0)
        self._take(":")
        return Choice(column, left, yes, self._nested(0))

    def _joined(self, left: Node, sign: str) -> Node:
        level, column = LEVELS[sign], self._token.column
        if level in (3, 4):
            self._take(sign)
            return Comparison(column, sign, left, self._nested(level + 1))
        if level < 3:
            parts = [left]
            while self._sign() == sign:
                self._take(sign)
                parts.append(self._nested(3 if sign == "??" else level + 1))
            return Logical(column, sign, tuple(parts))
        rest = []
        while LEVELS.get(sign := self._sign()) == level:
            self._take(sign)
            rest.append((sign, self._nested(level + 1)))
        return Arithmetic(column, left, tuple(rest))

    def _check_pair(self, last: str, sign: str) -> None:
        if LEVELS[sign] in (3, 4) and LEVELS.get(last) == LEVELS[sign]:
            fault(self._token, "one comparison at a time", "write a < b && b < c")
        if "??" in (last, sign) and last not in ("", sign) and LEVELS[last] < 3:
            fault(self._token, f"parentheses around one of {last} and {sign}")

    def _nested(self, floor: int) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise ConditionError(f"nested more than {DEEPEST} deep; split the condition", self._before)
        node = self._expression(floor)
        self._depth -= 1
        return node

    def _operand(self) -> Node:
        self._count()
        kind, text, column, _ = token = self._token
        if kind == "name" and not is_reserved(text):
            return self._name()
        if kind == "number":
            return self._linked(Literal(column, float(self._take().text)))
        if kind == "text":
            value = unquoted(token)
            self._take()
            return self._linked(Literal(column, value))
        if text in ("!", "-", "+"):
            self._take()
            return Unary(column, text, self._nested(7))
        if text == "(":
            self._take()
            node = self._nested(0)
            self._take(")")
            return self._linked(node)
        if text == "[":
            return self._linked(self._array())
        fault(token, "a value such as a name, a number or a text")

    def _name(self) -> Node:
        _, name, column, _ = self._take()
        if name in WORDS:
            return self._linked(Literal(column, WORDS[name]))
        if name in self._parameters:
            return self._linked(Name(column, name))
        self.names.setdefault(name, column)
        place = len(self.paths)
        self.paths.append((name,))
        node = self._linked(Name(column, name))
        for link in node.links if isinstance(node, Access) else ():
            if not isinstance(link, Member) or link.name == "length":
                break  # the length of a list is no member of it
            self.paths[place] += (link.name,)
        return node

    def _array(self) -> Node:
        column = self._take("[").column
        items: list[Node] = []
        while self._sign() != "]":
            if items:
                self._take(",", "',' or ']'")
            if self._sign() != "]":
                items.append(self._nested(0))
        self._take("]")
        return Array(column, tuple(items))

    def _linked(self, base: Node) -> Node:
        """A value and the members, indices and calls that follow it."""
        links: list[Node] = []
        while (sign := self._sign()) in (".", "?.", "["):
            self._count()
            if sign != "[":
                self._take()
            links.append(self._index() if self._sign() == "[" and sign != "." else self._member())
        if sign == "(":
            what = base.name if isinstance(base, Name) and not links else ""
            hint = other_name(what) or f"only the methods {', '.join(METHODS)} can be called"
            fault(self._token, "an operator or the end", hint)
        return Access(base.column, base, tuple(links)) if links else base

    def _member(self) -> Node:
        name = self._token
        if name.kind != "name":
            fault(name, "the name of a member")
        self._take()
        if self._sign() != "(":
            return Member(name.column, name.text)
        if name.text not in METHODS:
            fault(name, "a method that can be called", other_name(name.text) or nearest(name.text, METHODS))
        self._take("(")
        parameters = self._function() if name.text in FUNCTIONS else ()
        self._parameters += parameters
        argument = self._nested(0)
        del self._parameters[len(self._parameters) - len(parameters) :]
        self._take(")", "')', because a method takes one argument" if self._sign() == "," else "")
        return Call(name.column, name.text, parameters, argument)

    def _index(self) -> Node:
        column = self._take("[").column
        key = self._nested(0)
        self._take("]")
        if not isinstance(key, Literal) or not isinstance(key.value, str):
            return Index(column, key)
        if key.value[:1] and key.value[0] in UNDERSCORES:
            raise ConditionError(f"found the key {key.value[:30]!r}; what begins with '_' is never read", key.column)
        return Member(key.column, key.value)

    def _function(self) -> tuple[str, ...]:
        """The parameters of ``p =>``, ``(p) =>`` or ``(p, i) =>``."""
        self._count()
        expected = "a function such as p => p.kind === 'api'"
        names: list[str] = []
        inside = self._sign() == "("
        if inside:
            self._take()
        while not names or (inside and len(names) < 2 and self._sign() == ","):
            if names:
                self._take(",")
            token = self._token
            if token.kind != "name" or is_reserved(token.text) or token.text in WORDS or token.text in names:
                fault(token, expected)
            names.append(self._take().text)
        if inside:
            self._take(")", expected)
        self._take("=>", expected)
        return tuple(names)

    def _sign(self) -> str:
        return self._token.text if self._token.kind == "sign" else ""

    def _count(self) -> None:
        self._nodes += 1
        if self._nodes > MOST_NODES:
            raise ConditionError(f"more than {MOST_NODES} parts; split the condition", self._token.column)

    def _take(self, sign: str = "", expected: str = "") -> Token:
        token = self._token
        if sign and (token.kind != "sign" or token.text != sign):
            fault(token, expected or f"{sign!r} or an operator")
        self._before = token.column
        if token.kind != "end":
            self._token = next_token(self._text, token.end)
        return token

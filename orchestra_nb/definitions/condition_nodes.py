"""What a condition is made of: frozen nodes, each with the column that a fault in it is reported at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Node:
    """A part of a condition; ``column`` counts from 1."""

    column: int


@dataclass(frozen=True, slots=True)
class Literal(Node):
    """A number, a text, or one of the literal words."""

    value: Any


@dataclass(frozen=True, slots=True)
class Name(Node):
    """A root name or a function's parameter."""

    name: str


@dataclass(frozen=True, slots=True)
class Array(Node):
    """``[a, b]``."""

    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Unary(Node):
    """``!a``, ``-a`` or ``+a``."""

    sign: str
    operand: Node


@dataclass(frozen=True, slots=True)
class Arithmetic(Node):
    """A first operand and, from left to right, an operator and the next, all of one level."""

    first: Node
    rest: tuple[tuple[str, Node], ...]


@dataclass(frozen=True, slots=True)
class Comparison(Node):
    """``left sign right``."""

    sign: str
    left: Node
    right: Node


@dataclass(frozen=True, slots=True)
class Logical(Node):
    """Parts joined by ``&&``, by ``||`` or by ``??``."""

    sign: str
    parts: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Choice(Node):
    """``test ? yes : no``."""

    test: Node
    yes: Node
    no: Node


@dataclass(frozen=True, slots=True)
class Access(Node):
    """A value and what is read from it, step by step: members, indices and calls."""

    base: Node
    links: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Member(Node):
    """``.name`` or ``['name']``."""

    name: str


@dataclass(frozen=True, slots=True)
class Index(Node):
    """``[key]``."""

    key: Node


@dataclass(frozen=True, slots=True)
class Call(Node):
    """``.method(argument)``; where that is a function, its parameters, and the argument is its body."""

    method: str
    parameters: tuple[str, ...]
    argument: Node

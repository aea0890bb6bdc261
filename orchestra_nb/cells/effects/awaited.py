"""Which calls are surely waited for by the code that makes them, as far as its text says so.

``await f()`` waits for ``f()``; so does ``tasks = [f(x) for x in xs]`` with ``await asyncio.gather(*tasks)`` further
down the same block, if nothing between them leaves the block or takes anything out of the list. All else counts as not
waited for, which is safe. That it is asyncio's own function is checked where it is called (:mod:`.tasks`).
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Sequence
from typing import TypeGuard

_LEAVES = (ast.Return, ast.Raise, ast.Break, ast.Continue, ast.Yield, ast.YieldFrom)
_PERHAPS = (ast.IfExp, ast.BoolOp, ast.Lambda, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp)
_SIMPLE = (ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.Return)


def awaited_calls(tree: ast.AST) -> dict[int, ast.Call | None]:
    """The calls whose outcome is waited for: by the identity of each, the call that it is given to for that.

    Returns
    -------
    dict
        Itself where it is awaited at once, ``None`` where that is what happens to it later.

    Examples
    --------
    >>> tree = ast.parse("await asyncio.gather(f(), g())")
    >>> [found and ast.unparse(found.func) for found in awaited_calls(tree).values()]
    ['asyncio.gather', 'asyncio.gather', 'asyncio.gather']
    """
    found: dict[int, ast.Call | None] = {}
    for node in ast.walk(tree):
        source = node.value if isinstance(node, ast.Await) else node.iter if _awaits_each(node) else None
        if isinstance(source, ast.Call):
            found[id(source)] = source
            for call in _given(source):
                found.setdefault(id(call), source)
        for _, body in ast.iter_fields(node):
            if isinstance(body, list) and body and isinstance(body[0], ast.stmt):
                _find_held(body, found)
    return found


def _given(call: ast.Call) -> Iterator[ast.Call]:
    for item in call.args:
        yield from _made_by(item.value if isinstance(item, ast.Starred) else item)


def _made_by(node: ast.expr | None) -> Iterator[ast.Call]:
    """The calls whose results an expression is, or is a list of."""
    match node:
        case ast.Call():
            yield node
        case ast.List(elts=parts) | ast.Tuple(elts=parts) | ast.Set(elts=parts):
            for part in parts:
                yield from _made_by(part)
        case ast.ListComp(elt=part) | ast.SetComp(elt=part) | ast.GeneratorExp(elt=part):
            yield from _made_by(part)


def _find_held(body: Sequence[ast.stmt], found: dict[int, ast.Call | None]) -> None:
    """Calls whose results a variable holds until a later statement of the block waits for all of them."""
    for position, statement in enumerate(body):
        match statement:
            case ast.Assign(targets=[ast.Name(id=name)], value=value):
                calls = list(_made_by(value))
                if calls or isinstance(value, ast.List):
                    _follow(name, calls, body[position + 1 :], found)


def _follow(name: str, calls: list[ast.Call], rest: Sequence[ast.stmt], found: dict[int, ast.Call | None]) -> None:
    for statement in rest:
        waits, through = _waits(statement, name)
        if waits:
            for call in calls:
                found.setdefault(id(call), through)
            return
        if any(isinstance(part, _LEAVES) for part in ast.walk(statement)):
            return
        harmless = set()
        for part in ast.walk(statement):
            match part:
                case ast.Expr(value=ast.Call(func=ast.Attribute(value=ast.Name() as held, attr="append"), args=[item])):
                    if held.id == name:
                        calls += _made_by(item)
                        harmless.add(held)
                case ast.For(iter=ast.Name() as held):
                    harmless.add(held)
        if any(isinstance(p, ast.Name) and p.id == name and p not in harmless for p in ast.walk(statement)):
            return


def _waits(statement: ast.stmt, name: str) -> tuple[bool, ast.Call | None]:
    """Whether a statement waits for all that a variable holds, and the call through which it does."""
    if isinstance(statement, ast.For):
        source = statement.iter
        through = source if isinstance(source, ast.Call) and any(_is(item, name) for item in source.args) else None
        return _awaits_each(statement) and (through is not None or _is(source, name)), through
    if not isinstance(statement, _SIMPLE) or any(isinstance(part, _PERHAPS) for part in ast.walk(statement)):
        return False, None
    for part in ast.walk(statement):
        match part:
            case ast.Await(value=ast.Call(args=given) as call):
                if any(_is(item.value if isinstance(item, ast.Starred) else item, name) for item in given):
                    return True, call
            case ast.Await(value=value):
                if _is(value, name):
                    return True, None
    return False, None


def _awaits_each(node: ast.AST) -> TypeGuard[ast.For]:
    """Whether it is a loop that awaits whatever it goes through, first thing, and goes to its end."""
    if not isinstance(node, ast.For) or not isinstance(node.target, ast.Name):
        return False
    return _waits(node.body[0], node.target.id) == (True, None) and not any(
        isinstance(part, _LEAVES) for statement in node.body for part in ast.walk(statement)
    )


def _is(node: ast.expr, name: str) -> bool:
    return isinstance(node, ast.Name) and node.id == name

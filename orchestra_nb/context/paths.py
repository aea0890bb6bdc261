"""Where within a value something cannot be read, in the words of whoever made the value.

The stack of the walk is all that is known then; which key or index led from one value to the next is found again by
identity, so that the walk itself need not remember it.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from orchestra_nb.context.code import name_of
from orchestra_nb.context.packing import ATOMS
from orchestra_nb.context.parts import STATE, CannotTell, told
from orchestra_nb.context.unordered import Frame
from orchestra_nb.errors import OrchestraError

_MOST_STEPS = 20
_WIDTH = 40


class UnhashableContent(OrchestraError, TypeError):
    """A value holds something whose content cannot be told.

    Parameters
    ----------
    path
        Where within the value, such as ``"value['model'].lock"``.
    reason
        What is there and why it cannot be told.
    hint
        What to do about it.
    """

    def __init__(self, path: str, reason: str, hint: str = "") -> None:
        self.path, self.reason = path, reason
        super().__init__(f"{path}: {reason}" + (f"; {hint}" if hint else ""))


def explained(error: Exception, stack: Sequence[Frame], culprit: Any) -> UnhashableContent:
    """Make the error that says where, what, why, and what to do.

    Parameters
    ----------
    error
        What reading the culprit raised.
    stack
        What holds it, the outermost first.
    culprit
        What could not be read.
    """
    kind = name_of(type(culprit)).removeprefix("builtins.")
    why = str(error) if isinstance(error, CannotTell) else f"reading it raised {told(error)}"
    owner = next((type(frame.value) for frame in reversed(stack) if _is_somebodys(type(frame.value))), type(culprit))
    hint = f"leave it out of the value, or say what counts: register_content({owner.__qualname__}, fn)"
    return UnhashableContent(path_to(stack, culprit), f"{_article(kind)} {kind} has no content to be told: {why}", hint)


def path_to(stack: Sequence[Frame], culprit: Any) -> str:
    """Say which keys, indices and attributes lead to a value."""
    steps = []
    attributes = False
    children = [*(frame.value for frame in stack[1:]), culprit]
    for frame, child in zip(stack, children, strict=False):
        step, attributes = _step(frame, child, attributes)
        if step:
            steps.append(step)
    if len(steps) > _MOST_STEPS:
        half = _MOST_STEPS // 2
        steps = [*steps[:half], f"…{len(steps) - 2 * half} more…", *steps[-half:]]
    return "value" + "".join(steps)


def _step(frame: Frame, child: Any, attributes: bool) -> tuple[str, bool]:
    """Say how a value leads to its child, and whether that child is a dict of attributes."""
    if frame.value is child:
        return "", attributes
    if frame.parts is not None:
        name = dict(zip(map(id, frame.parts.children), frame.parts.names, strict=False)).get(id(child), "")
        return ("", True) if name == STATE else (name, False)
    value = frame.value
    if isinstance(value, dict):
        for key, item in value.items():
            if item is child:
                return _of_key(key, attributes), False
        return "[a key]", False
    if isinstance(value, set | frozenset):
        return "[an element]", False
    if attributes:
        return "", True
    return next((f"[{place}]" for place, item in enumerate(value) if item is child), ""), False


def _of_key(key: Any, attributes: bool) -> str:
    if attributes and isinstance(key, str):
        return f".{key}"
    text = repr(key) if type(key) in ATOMS else "…"
    return f"[{text if len(text) <= _WIDTH else text[:_WIDTH] + '…'}]"


def _is_somebodys(cls: type) -> bool:
    return cls.__module__ != "builtins"


def _article(word: str) -> str:
    return "an" if word[:1].lower() in "aeiou" else "a"

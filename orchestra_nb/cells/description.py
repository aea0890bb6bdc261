"""A bounded description of a value, to say afterwards where two runs' values part.

A fingerprint says that two values differ; nobody can act on that. So each name is also described where its value is, in
at most some hundred bytes to a few kilobytes: its type, its size, a short text, and its *parts*, the elements that a
walk meets first, each with its path (``['k'][0]``, ``.tags[1]``) and text. Of long sequences and arrays the beginning
is walked, and what follows counts in blocks by digest, so that a difference in the millionth element is found, if not
to the element.

Nothing of the user's is called: texts come from the plain types of Python, arrays and frames; anything else is named by
its type and walked along its ``__dict__``. So a ``__repr__`` that prints, counts or fails does no harm here.
"""

from __future__ import annotations

import hashlib
import sys
from collections.abc import Iterator, Mapping
from itertools import islice
from typing import Any

from orchestra_nb.cells.fingerprint import fingerprint

_PARTS = 48
_TEXT = 80
_DEPTH = 5
_WALKED = 16
"""Elements of a container that are walked one by one."""
_BLOCKS = 8
_LONGEST = 200_000
"""Elements in a list up to which what is not walked is digested: it costs as much as its fingerprint did."""
_PLAIN = (int, float, complex, str, bytes, bool, type(None), type(Ellipsis), range, slice)

Description = Mapping[str, Any]
Part = tuple[str, str]


def describe(value: object) -> dict[str, Any]:
    """Describe a value in plain JSON.

    Returns
    -------
    dict
        ``type``; ``size`` (``"3 elements"``, ``"(2, 3) float64"``, or empty); ``text``, short; ``parts``, a mapping of
        paths to texts.

    Examples
    --------
    >>> found = describe({"k": [1, 2]})
    >>> found["type"], found["size"], found["parts"]
    ('dict', '1 element', {"['k'][0]": '1', "['k'][1]": '2'})
    """
    parts = dict(islice(_walk(value, "", 0, set()), _PARTS))
    own = parts.pop("", "")
    text = own or _joined(parts)
    return {"type": _type(value), "size": _size(value), "text": text, "parts": parts}


def place_of_difference(one: Description, two: Description) -> tuple[str, str, str]:
    """Find where two descriptions part first.

    Returns
    -------
    tuple of str
        The path within the value (empty: as a whole, or too deep to be described), and both texts there.

    Examples
    --------
    >>> place_of_difference(describe({"k": [1, 2]}), describe({"k": [1, 3]}))
    ("['k'][1]", '2', '3')
    >>> place_of_difference(describe([1]), describe({1}))
    ('', 'list, 1 element: 1', 'set, 1 element: 1')
    """
    if one.get("type") == two.get("type"):
        first, second = one.get("parts", {}), two.get("parts", {})
        for path in dict.fromkeys((*first, *second)):
            if first.get(path) != second.get(path):
                return path, first.get(path, "nothing"), second.get(path, "nothing")
    return "", _brief(one), _brief(two)


def _brief(described: Description) -> str:
    if not described.get("size") and described.get("text"):
        return str(described["text"])
    head = ", ".join(str(described[key]) for key in ("type", "size") if described.get(key))
    return f"{head}: {described['text']}" if described.get("text") else head


def _joined(parts: Mapping[str, str]) -> str:
    return _cut(", ".join(islice(parts.values(), 6)) + (", …" if len(parts) > 6 else ""))


def _cut(text: str) -> str:
    return text if len(text) <= _TEXT else text[: _TEXT - 1] + "…"


def _type(value: object) -> str:
    kind = type(value)
    own = kind.__module__ in ("builtins", "__main__")
    return kind.__qualname__ if own else f"{kind.__module__}.{kind.__qualname__}"


def _size(value: Any) -> str:
    if type(value) in (str, bytes, bytearray):
        return "" if len(value) < _TEXT - 10 else f"{len(value):,} characters"
    if _is(value, "numpy", "ndarray"):
        return f"{tuple(value.shape)} {value.dtype}"
    if _is(value, "pandas", "DataFrame") or _is(value, "pandas", "Series"):
        return f"shape {tuple(value.shape)}"
    if type(value) in (list, tuple, dict, set, frozenset):
        return f"{len(value):,} element" + ("" if len(value) == 1 else "s")
    return ""


def _walk(value: Any, path: str, depth: int, above: set[int]) -> Iterator[Part]:
    """The leaves of a value, in the order in which a reader would meet them."""
    if type(value) in _PLAIN:
        yield path, _text(value)
    elif depth >= _DEPTH or id(value) in above:
        yield path, f"<{_type(value)}>"
    else:
        yield from _inside(value, path, depth, above | {id(value)})


def _inside(value: Any, path: str, depth: int, above: set[int]) -> Iterator[Part]:
    if type(value) in (list, tuple):
        yield from _elements(value, path, depth, above)
    elif type(value) is dict:
        for key, item in islice(value.items(), _WALKED):
            yield from _walk(item, f"{path}[{_text(key)}]", depth + 1, above)
        yield from _rest(list(islice(value.items(), _WALKED, None)), path)
    elif type(value) in (set, frozenset):
        texts = sorted(map(_text, value)) if len(value) <= _LONGEST else []
        yield from ((f"{path}{{{number}}}", text) for number, text in enumerate(texts[:_WALKED]))
        yield from _rest(texts[_WALKED:], path)
    elif _is(value, "numpy", "ndarray"):
        yield from _array(value, path)
    elif _is(value, "pandas", "DataFrame"):
        yield from _walk(value.index.to_numpy(), f"{path}.index", depth + 1, above)
        for number, name in islice(enumerate(value.columns), _WALKED):
            column = value.iloc[:, number].to_numpy()
            yield from islice(_walk(column, f"{path}[{_text(name)}]", depth + 1, above), _BLOCKS * 2)
    elif _is(value, "pandas", "Series"):
        yield from _walk(value.index.to_numpy(), f"{path}.index", depth + 1, above)
        yield from _walk(value.to_numpy(), path, depth + 1, above)
    elif _attributes(value):
        for name, item in islice(_attributes(value).items(), _WALKED):
            yield from _walk(item, f"{path}.{name}", depth + 1, above)
    else:
        yield path, f"<{_type(value)}>"


def _attributes(value: Any) -> Mapping[str, Any]:
    """What an object holds, without calling code of its class."""
    try:
        found = object.__getattribute__(value, "__dict__")
    except AttributeError:
        return {}
    return found if type(found) is dict and not isinstance(value, type) and not callable(value) else {}


def _elements(value: Any, path: str, depth: int, above: set[int]) -> Iterator[Part]:
    for number, item in enumerate(value[:_WALKED]):
        yield from _walk(item, f"{path}[{number}]", depth + 1, above)
    yield from _rest(value[_WALKED:], path)


def _rest(items: Any, path: str) -> Iterator[Part]:
    """What is not walked, in blocks."""
    if not items or len(items) > _LONGEST:
        return
    step = -(-len(items) // _BLOCKS)
    for first in range(0, len(items), step):
        block = items[first : first + step]
        yield f"{path}[{_WALKED + first}:{_WALKED + first + len(block)}]", f"other content {fingerprint(block)[-6:]}"


def _array(value: Any, path: str) -> Iterator[Part]:
    numpy = sys.modules["numpy"]
    value = numpy.asarray(value)
    if value.ndim == 0 or value.size <= _WALKED:
        for index in numpy.ndindex(value.shape):
            yield f"{path}[{', '.join(map(str, index))}]", _text(value[index].item() if index else value.item())
        return
    step = max(1, -(-len(value) // _BLOCKS))
    for first in range(0, len(value), step):
        block = value[first : first + step]
        start = ", ".join(_text(item) for item in block.ravel()[:3].tolist())
        yield f"{path}[{first}:{first + len(block)}]", f"{start}, … (content {_digest(block)})"


def _digest(block: Any) -> str:
    if block.dtype.hasobject:
        return fingerprint(block.tolist())[-6:]
    return hashlib.blake2b(block.tobytes(), digest_size=3).hexdigest()


def _text(value: Any) -> str:
    if type(value) in (str, bytes) and len(value) > _TEXT:
        return _cut(repr(value[:_TEXT])) + f" ({len(value):,} long, content {fingerprint(value)[-6:]})"
    if type(value) in _PLAIN:
        return _cut(repr(value))
    if type(value) is tuple and all(type(item) in _PLAIN for item in value):
        return _cut(repr(value))
    return f"<{_type(value)}>"


def _is(value: object, package: str, name: str) -> bool:
    """Whether a value is of a class of a package, without importing it."""
    return any(kind.__name__ == name and kind.__module__.partition(".")[0] == package for kind in type(value).__mro__)

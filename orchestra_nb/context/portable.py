"""A cache as one JSON text that any other cache can read, and the reading of a text that nobody vouches for.

Form: an object with ``format``, ``version``, ``exported_at`` (seconds since 1970), ``left_out`` (how many values needed
pickle) and ``entries``; each of those has its ``key``, the seconds of ``ttl`` that it had left (``null``: without end),
its ``value`` as :mod:`.json_values` writes it, or, where that was allowed, a ``pickle``, and a ``digest`` of these.
The digest finds damage. It is no signature: whoever writes a file can write its digests too.

Reading is all or nothing: every entry is checked and made before the first is given out, and any fault is one
:class:`~orchestra_nb.errors.CacheError` that says where. The time since the export is taken from each lifetime; a clock
that was put back makes none longer.

Trust: this module does not know pickle. An entry that needs it is refused by name, unless ``allow_pickle`` is given;
only then :mod:`.pickled` is loaded, which runs whatever the author of the file wrote.
"""

from __future__ import annotations

import json
import math
import os
import tempfile
from collections.abc import Iterable
from contextlib import suppress
from hashlib import blake2b
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

from orchestra_nb.context.json_values import NotJson, from_json, to_json
from orchestra_nb.errors import CacheError

FORMAT = "orchestra_nb cache"
VERSION = 1
MOST_BYTES = 2**30
"""The largest text that is read."""
_FIELDS = {"key", "ttl", "digest"}


class Item(NamedTuple):
    """A key's value and the seconds that it has left."""

    key: str
    value: Any
    ttl: float | None


class Export(NamedTuple):
    """A text, how many values stand in it, and the keys whose values do not."""

    text: str
    entries: int
    left_out: tuple[str, ...]


def export(items: Iterable[Item], now: float, *, allow_pickle: bool = False) -> Export:
    """Write values as one text; ``now`` is in seconds since 1970.

    Examples
    --------
    >>> made = export([Item("a", 1, None), Item("f", print, None)], now=0.0)
    >>> made.left_out, read(made.text, now=0.0)
    (('f',), [Item(key='a', value=1, ttl=None)])
    """
    entries, left_out = [], []
    for item in items:
        body = _body(item.value, allow_pickle)
        if body is None:
            left_out.append(item.key)
        else:
            entry = {"key": item.key, "ttl": item.ttl, **body}
            entries.append({**entry, "digest": _digest(entry)})
    head = {"format": FORMAT, "version": VERSION, "exported_at": now, "left_out": len(left_out)}
    return Export(json.dumps({**head, "entries": entries}, allow_nan=False), len(entries), tuple(left_out))


def write(text: str, path: str | os.PathLike[str]) -> None:
    """Write a text to a file that only its user may read, whole or not at all.

    Raises
    ------
    CacheError
        The file cannot be written.
    """
    target = Path(path)
    temporary = ""
    try:
        handle, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")
        with open(handle, "w", encoding="utf-8") as file:
            file.write(text)
        os.replace(temporary, target)
    except OSError as error:
        raise CacheError(f"the cache cannot be exported to {str(target)!r}: {error.strerror or error}") from error
    finally:
        if temporary:
            with suppress(OSError):
                os.unlink(temporary)


def load(source: str | bytes | os.PathLike[str]) -> str:
    """Take a text as it is, or from the file that it names; a text that begins with a brace is one.

    Raises
    ------
    CacheError
        It is no text in UTF-8, too large, or no file.
    """
    if isinstance(source, bytes):
        data = source
    elif isinstance(source, str) and source.lstrip()[:1] == "{":
        data = source.encode("utf-8", "surrogatepass")
    elif isinstance(source, str | os.PathLike):
        data = _file(Path(source))
    else:
        raise CacheError(f"an import reads a path or a JSON text, and not a {type(source).__name__}")
    if len(data) > MOST_BYTES:
        _refuse(f"it is larger than {MOST_BYTES:,} bytes; export fewer values")
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        _refuse(f"it is not UTF-8: {error.reason} at byte {error.start}")


def _file(path: Path) -> bytes:
    try:
        if path.stat().st_size > MOST_BYTES:
            _refuse(f"{str(path)!r} is larger than {MOST_BYTES:,} bytes; export fewer values")
        return path.read_bytes()
    except (OSError, ValueError) as error:
        raise CacheError(f"the cache cannot be imported from {str(path)!r}: {error}") from error


def read(text: str, now: float, *, allow_pickle: bool = False) -> list[Item]:
    """Read what :func:`export` wrote; what has expired since is left out.

    Raises
    ------
    CacheError
        Anything in it is not as it was written, or needs pickle, which was not allowed.
    """
    document = _parsed(text)
    if not isinstance(document, dict) or document.get("format") != FORMAT:
        _refuse(f'its "format" is not {FORMAT!r}')
    if document.get("version") != VERSION or type(document["version"]) is not int:
        _refuse(f'its "version" is {document.get("version")!r}, and this library reads {VERSION}')
    if set(document) != {"format", "version", "exported_at", "left_out", "entries"}:
        _refuse("it has other fields than an export has")
    at = document["exported_at"]
    if not _is_number(at):
        _refuse('its "exported_at" is no number of seconds')
    if not isinstance(document["entries"], list):
        _refuse('its "entries" are no list')
    passed = max(0.0, now - at)
    found: dict[str, Item] = {}
    for place, entry in enumerate(document["entries"]):
        item = _item(entry, f"entry {place}", allow_pickle)
        if item.key in found:
            _refuse(f"entry {place}: {item.key!r} is there twice")
        found[item.key] = item if item.ttl is None else item._replace(ttl=item.ttl - passed)
    return [item for item in found.values() if item.ttl is None or item.ttl > 0]


def _parsed(text: str) -> Any:
    try:
        return json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant)
    except RecursionError:
        _refuse("it is nested too deep")
    except ValueError as error:
        _refuse(f"it is no JSON: {error}")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("an object has a key twice")
    return made


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no number of JSON")


def _is_number(found: object) -> bool:
    """Whether it is one that arithmetic does not choke on; JSON's numbers have no bounds."""
    if type(found) is int:
        return abs(found) < 2**63
    return type(found) is float and math.isfinite(found)


def _item(entry: Any, where: str, allow_pickle: bool) -> Item:
    if not isinstance(entry, dict) or set(entry) not in (_FIELDS | {"value"}, _FIELDS | {"pickle"}):
        _refuse(f"{where} does not have the fields of an entry")
    key, ttl = entry["key"], entry["ttl"]
    if not isinstance(key, str) or not key:
        _refuse(f"{where}: its key is no text, or empty")
    if ttl is not None and not (_is_number(ttl) and ttl > 0):
        _refuse(f"{where} ({key!r}): its ttl is no positive number of seconds")
    digest = entry.pop("digest")
    if not isinstance(digest, str) or digest != _digest_of_strange(entry):
        _refuse(f"{where} ({key!r}): its digest does not fit; the file is damaged")
    return Item(key, _value(entry, f"{where} ({key!r})", allow_pickle), ttl)


def _value(entry: dict[str, Any], where: str, allow_pickle: bool) -> Any:
    if "value" in entry:
        try:
            return from_json(entry["value"])
        except NotJson as error:
            _refuse(f"{where}: {error}")
    if not allow_pickle:
        _refuse(
            f"{where} needs pickle, which runs code that the file brings; import_(..., allow_pickle=True) reads files "
            "that you trust"
        )
    from orchestra_nb.context import pickled

    try:
        return pickled.read(entry["pickle"])
    except Exception as error:
        _refuse(f"{where}: its pickle cannot be read: {type(error).__name__}: {error}")


def _body(value: Any, allow_pickle: bool) -> dict[str, Any] | None:
    try:
        return {"value": to_json(value)}
    except NotJson:
        if not allow_pickle:
            return None
    from orchestra_nb.context import pickled

    try:
        return {"pickle": pickled.written(value)}
    except Exception:
        return None


def _digest(entry: dict[str, Any]) -> str:
    text = json.dumps(entry, sort_keys=True, separators=(",", ":"))
    return blake2b(text.encode("ascii"), digest_size=16).hexdigest()


def _digest_of_strange(entry: dict[str, Any]) -> str:
    try:
        return _digest(entry)
    except (RecursionError, ValueError):  # deeper, or a longer number, than anything that was exported
        return ""


def _refuse(why: str) -> NoReturn:
    raise CacheError(f"this is no export of a cache that can be read: {why}; nothing was imported")

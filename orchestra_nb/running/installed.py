"""Which code was installed, and what its version is: that counts by version, and everything else by content.

Policy: what lies in the standard library, or in one of the interpreter's folders for packages, was installed; where a
file really is decides, so that a link from there into somebody's project does not count as such. The version is that of
the distributions which list the module among their files, whatever they are called: ``sklearn`` is scikit-learn's, and
a namespace may belong to several. A distribution that was installed from a folder or a repository often has the same
version with other content, so the digests of its files, which it lists, count as well.

A module's own ``__version__`` does not count: it is not there before the module is loaded. Of versions alone, no
distribution's dependencies are asked: what the user's code does not name does not count.

Failure: none. A module in these folders that belongs to no distribution counts by its content.
"""

from __future__ import annotations

import os
import re
import sys
import sysconfig
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution
from typing import Literal

from orchestra_nb.running.sources import changed_at, file_digest, is_young

Kind = Literal["standard", "installed", "own"]
_SITES = ("site-packages", "dist-packages")
_TOP = re.compile(rb'^"?([^/.,"\r\n]+)(?=[/.])', re.MULTILINE)
_UNKNOWN = sys.maxsize


@dataclass(frozen=True, slots=True)
class Version:
    """What was installed under some name.

    Parameters
    ----------
    told
        Its version; several, with their distributions, where it has several owners.
    changed
        When that was, in nanoseconds since 1970.
    """

    told: str
    changed: int


@dataclass(frozen=True, slots=True)
class _Owner:
    name: str
    version: str
    folder: str


@lru_cache(maxsize=65536)
def kind_of(path: str) -> Kind:
    """Say what a file or a folder belongs to.

    Examples
    --------
    >>> import json, numpy
    >>> kind_of(json.__file__), kind_of(numpy.__file__), kind_of("analysis.py")
    ('standard', 'installed', 'own')
    """
    if _site_of(path):
        return "installed"
    real = os.path.realpath(path)
    return "standard" if any(_is_below(real, folder) for folder in _folders("stdlib", "platstdlib")) else "own"


def version_of(root: str, path: str) -> Version | None:
    """Give the version of a top-level module of which ``path`` is a file; ``None`` if it belongs to no distribution."""
    owners = _owners_in(_site_of(path)).get(root, ())
    if not owners or not all(owner.version for owner in owners):
        return None
    told = [(owner.name, _told(owner)) for owner in owners]
    words = [version for _, version in told] if len(told) == 1 else [" ".join(each) for each in sorted(told)]
    return Version(", ".join(words), max(_changed(owner.folder) for owner in owners))


@lru_cache(maxsize=65536)
def _site_of(path: str) -> str:
    """Give the folder for packages in which a file is, empty if it is in none."""
    real = os.path.realpath(path)
    parts = real.split(os.sep)
    at = max((len(parts) - parts[::-1].index(site) for site in _SITES if site in parts), default=0)
    site = os.sep.join(parts[:at]) or next(
        (each for each in _folders("purelib", "platlib") if _is_below(real, each)), ""
    )
    egg = real[len(site) + 1 :].partition(os.sep)[0] if site else ""
    return os.path.join(site, egg) if egg.endswith(".egg") else site


@lru_cache(maxsize=8)
def _folders(*kinds: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(os.path.realpath(sysconfig.get_path(kind)) for kind in kinds))


def _is_below(real: str, folder: str) -> bool:
    return real == folder or real.startswith(folder + os.sep)


def _owners_in(site: str) -> dict[str, tuple[_Owner, ...]]:
    try:
        status = os.stat(site)
    except OSError:
        return {}
    return (
        _index(site) if is_young(status) else _kept_index(site, status.st_ino, status.st_mtime_ns, status.st_ctime_ns)
    )


@lru_cache(maxsize=16)
def _kept_index(site: str, *_: int) -> dict[str, tuple[_Owner, ...]]:
    return _index(site)


def _index(site: str) -> dict[str, tuple[_Owner, ...]]:
    """List the distributions of a folder by the top-level modules that are theirs."""
    found: dict[str, tuple[_Owner, ...]] = {}
    for folder in _distributions(site):
        owner = _owner(folder)
        for root in _roots_of(owner):
            found[root] = (*found.get(root, ()), owner)
    return found


def _distributions(site: str) -> Iterator[str]:
    if site.endswith(".egg"):
        yield os.path.join(site, "EGG-INFO")
        return
    for entry in os.listdir(site):
        if entry.endswith((".dist-info", ".egg-info")):
            yield os.path.join(site, entry)


def _owner(folder: str) -> _Owner:
    stem, _, ending = os.path.basename(folder).rpartition(".")
    name, _, version = stem.rpartition("-")
    if ending == "dist-info" and name:
        return _Owner(name, version, folder)
    try:
        metadata = Distribution.at(folder).metadata
        return _Owner(metadata["Name"], metadata["Version"], folder)
    except Exception:  # damaged
        return _Owner(stem, "", folder)


def _roots_of(owner: _Owner) -> Iterable[str]:
    record, tops = (_text(owner.folder, name) for name in ("RECORD", "top_level.txt"))
    if record or tops:
        return {each.decode("utf-8", "replace") for each in (*_TOP.findall(record), *tops.split())}
    return {re.sub(r"[-.]+", "_", owner.name)}


def _told(owner: _Owner) -> str:
    if not os.path.exists(os.path.join(owner.folder, "direct_url.json")):
        return owner.version
    return f"{owner.version} {file_digest(os.path.join(owner.folder, 'RECORD'))[:16]}".rstrip()


def _changed(folder: str) -> int:
    try:
        return changed_at(os.stat(folder))
    except OSError:
        return _UNKNOWN


def _text(folder: str, name: str) -> bytes:
    try:
        with open(os.path.join(folder, name), "rb") as file:
            return file.read()
    except OSError:
        return b""

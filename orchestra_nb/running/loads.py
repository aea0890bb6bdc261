"""Whether what runs is still what lies on disk: modules that were edited, or installed anew, since they were imported.

A key counts a module by its file, but what runs is what was loaded. Who edits ``b.py`` and goes on in the same process
runs the old code; under the digest of the new file, its result would be found by the next process, which runs the new
code. So nothing may be kept, or found, for what uses a module whose file differs from the one that was loaded *first*
in this process. To load it again does not help, nor does ``importlib.reload``: whoever took something out of the module
before (``from b import f``) goes on with it. Only a new process knows nothing of the old code. When the old content is
there again, all is well, too.

How that is noticed: a finder stands first on ``sys.meta_path``. It finds nothing, and notes what the file of a module
of the user's contained when Python was about to load it first, and when that was. What was imported before this module,
or past this finder, must not have changed since the earliest moment at which it could have been imported: the beginning
of the process for the former, the import of this module for the latter. A library counts as its distribution: that must
not have been installed later. The same finder knows what was looked for in vain (``try: import fast``), and is there
now.

Rejected: the times in the header of the cached byte code (another process may have written it since); the digest at
first sight (the edit may have come before); comparing functions with what the file compiles to (constants are not
there); an audit hook (never goes away, and costs every audited call); replacing the loaders (would show in tracebacks).

What this cannot see: a clock that was set forward while the process ran, for what was loaded before this module; edits
within a file server's clock error after the beginning of the process.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType

from orchestra_nb.running.installed import kind_of
from orchestra_nb.running.search_path import Search
from orchestra_nb.running.sources import changed_at, file_digest, granule

_SECOND = 1_000_000_000
_FORKED = 0x40
_EARLIEST = 0


class _Watch(MetaPathFinder):
    """Notes what is looked for, and finds nothing."""

    def find_spec(self, name: str, path: Sequence[str] | None, target: ModuleType | None = None) -> ModuleSpec | None:
        with suppress(Exception):  # an import may not fail by this
            _loads.note(name, path)
        return None


class Loads:
    """What is known of the modules that this process has loaded.

    Parameters
    ----------
    before
        The modules that were there before anything was noted.
    process, began
        When the process began, and when noting did, in nanoseconds since 1970.
    """

    def __init__(self, before: frozenset[str], process: int, began: int) -> None:
        self._before, self._process, self._began = before, process, began
        self._first: dict[str, int] = {}
        self._latest: dict[str, int] = {}
        self._missed: dict[str, int] = {}
        self._open: set[str] = set()
        self._content: dict[tuple[str, str], str] = {}

    def note(self, name: str, path: Sequence[str] | None) -> None:
        """Note that a module is about to be loaded, if it is found; ``path`` is where submodules of its package are."""
        self._settle()
        if name in self._before or (path is not None and not any(kind_of(entry) == "own" for entry in path)):
            return
        now = time.time_ns()
        place = Search().root(name) if path is None else Search().within(name, path)
        if place is None:
            self._missed[name] = now
            self._open.add(name)
            return
        if name not in sys.modules:
            self._latest[name] = now
        if name not in self._first:
            self._first[name] = now
            if place.file and kind_of(place.file) == "own":
                self._content[name, place.file] = file_digest(place.file)

    def is_what_was_loaded(self, name: str, file: str, digest: str, *, orphan: bool = False) -> bool:
        """Whether a module's file has the content, of this digest, that it had when the module was loaded first.

        Parameters
        ----------
        name, file, digest
            The module; without a file, the digest is that of a text which its loader gives.
        orphan
            Whether it is loaded, but not, or no longer, under its name.
        """
        if not digest and not file:
            return True
        if not orphan and not self._was_loaded(name):
            return True
        known = self._content.get((name, file)) or self._content.get((name, os.path.abspath(file)))
        if known is None:
            try:
                known = self._unchanged(name, file, digest, changed_at(os.stat(file)) if file else _EARLIEST)
            except (OSError, ValueError):
                return False
        return known == digest

    def is_version_that_was_loaded(self, root: str, told: str, changed: int) -> bool:
        """Whether the version of a library, which was installed at some time, is the one that was loaded, if it was."""
        if not self._was_loaded(root):
            return True
        return told == (self._content.get((root, "")) or self._unchanged(root, "", told, changed))

    def missed(self) -> Mapping[str, int]:
        """Say what was looked for in vain, and when last."""
        self._settle()
        return self._missed

    def was_missed_by(self, importer: str, name: str) -> bool:
        """Whether a module was looked for in vain since another one, which imports it, was loaded."""
        missed = self.missed().get(name)
        if missed is None or not self._was_loaded(importer):
            return False
        return missed > self._latest.get(importer, self._earliest(importer))

    def _settle(self) -> None:
        """Forget that something was not found that another finder found then: it is loaded before anything else is."""
        while self._open:
            name = self._open.pop()
            if name in sys.modules:
                self._missed.pop(name, None)

    def _was_loaded(self, name: str) -> bool:
        return name in sys.modules or name in self._first or name in self._before

    def _unchanged(self, name: str, file: str, content: str, changed: int) -> str | None:
        """Take something to be what was loaded, if it has not changed since it could have been."""
        if changed >= self._earliest(name) - granule(changed):
            return None
        return self._content.setdefault((name, file), content)

    def _earliest(self, name: str) -> int:
        if name in self._first:
            return self._first[name]
        return self._began if name in sys.modules and name not in self._before else self._process


def process_began() -> int:
    """Say when this process began, or earlier, in nanoseconds since 1970."""
    try:
        with open("/proc/self/stat", "rb") as file:
            words = file.read().rpartition(b")")[2].split()
        if int(words[6]) & _FORKED:  # its modules may be older than itself
            return _EARLIEST
        seconds = time.clock_gettime(time.CLOCK_BOOTTIME) - int(words[19]) / os.sysconf("SC_CLK_TCK")
        return time.time_ns() - int((seconds + 0.01) * _SECOND)
    except (OSError, AttributeError, ValueError, IndexError):  # not on Linux
        try:
            import psutil

            return int(psutil.Process().create_time() * _SECOND)
        except Exception:
            return _EARLIEST


kind_of(__file__)  # asks sysconfig, which imports something, and may not do so in the midst of an import
_loads = Loads(frozenset(sys.modules), process_began(), time.time_ns())
sys.meta_path.insert(0, _Watch())


def loads() -> Loads:
    """Give what is known of this process."""
    return _loads

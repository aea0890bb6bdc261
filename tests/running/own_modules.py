"""A user's modules for tests: written, loaded, edited; and what a new process would make of them."""

from __future__ import annotations

import importlib
import os
import sys
import time
import warnings

from orchestra_nb.running import loads
from orchestra_nb.running.libraries import versions_of

_REAL = (os.path.realpath(sys.prefix), os.path.realpath(sys.base_prefix))


def _is_real(name):
    """Whether a module is of the Python that runs, or installed there; without asking it, for it may be a lazy one."""
    try:
        file = object.__getattribute__(sys.modules[name], "__dict__").get("__file__")
    except AttributeError:
        return False
    if isinstance(file, str):
        return os.path.realpath(file).startswith(_REAL)
    return name.partition(".")[0] in sys.stdlib_module_names


class OwnModules:
    """A folder on the search path, and a process that knows nothing of it yet."""

    def __init__(self, folder, monkeypatch):
        self.folder, self._monkeypatch = folder, monkeypatch
        self._before = {*sys.modules}
        monkeypatch.syspath_prepend(str(folder))
        self.new_process()

    def write(self, files):
        for name, text in files.items():
            path = self.folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            if isinstance(text, bytes):
                path.write_bytes(text)
            else:
                path.write_text(text)

    def new_process(self):
        """Forget what was loaded, as a process does that begins now."""
        self.forget()
        now = time.time_ns()
        self._monkeypatch.setattr(loads, "_loads", loads.Loads(frozenset(self._before), now, now))

    def now(self):
        """Give what this process has loaded, for :meth:`become`."""
        return {name: module for name, module in sys.modules.items() if name not in self._before}, loads._loads

    def become(self, process):
        """Be another process again."""
        self.forget()
        modules, known = process
        sys.modules.update(modules)
        self._monkeypatch.setattr(loads, "_loads", known)

    def forget(self):
        """Take the modules out of ``sys.modules``; whoever has something of them goes on with it.

        Real libraries stay: some of them cannot be loaded twice in one process.
        """
        for name in {*sys.modules} - self._before:
            if not _is_real(name):
                del sys.modules[name]
        importlib.invalidate_caches()

    def load(self, *names):
        importlib.invalidate_caches()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return [importlib.import_module(name) for name in names][-1]

    def parts(self, *imports, fn=None, more=()):
        return dict(versions_of(fn, more=more, imports=imports))

    def parts_in_a_new_process(self, *imports):
        self.new_process()
        return self.parts(*imports)

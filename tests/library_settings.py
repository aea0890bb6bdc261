"""The settings that libraries keep for a whole process: left by a test as it found them."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

from orchestra_nb.notebook.hidden_state import READERS


@contextmanager
def library_settings_kept() -> Iterator[None]:
    """Put back how numpy prints and what it makes of errors, and whatever option of pandas was set meanwhile."""
    with ExitStack() as stack:
        if numpy := sys.modules.get("numpy"):
            stack.enter_context(numpy.printoptions())
            stack.enter_context(numpy.errstate())
        before = READERS["options"]()["pandas"]
        try:
            yield
        finally:
            for name in READERS["options"]()["pandas"].keys() - before.keys():
                sys.modules["pandas"].reset_option(name)
            for name, value in before.items():
                sys.modules["pandas"].set_option(name, value)

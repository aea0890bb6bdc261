"""What is shown of a run costs the run nothing: where it cannot be shown, that is one line in the log.

A display can fail for what no run has to do with: a front end that is gone, a package that does not fit the others, a
value that cannot be drawn. Whoever has waited an hour for a result must have it then all the same. So each thing that
is shown is shown within such a block, one by one: what can be shown is. Interrupts are no faults, and pass.

Rejected: to catch it once around all that is shown (the first fault would take the outputs of all nodes along).
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_log = logging.getLogger("orchestra_nb.notebook")


@contextmanager
def unharmed(what: str) -> Iterator[None]:
    """Log what goes wrong in the block, and go on after it.

    Parameters
    ----------
    what
        What is shown there.

    Examples
    --------
    >>> with unharmed("a picture"):
    ...     print("shown")
    shown
    """
    try:
        yield
    except Exception:
        _log.exception("%s could not be shown; the run is as it is", what)

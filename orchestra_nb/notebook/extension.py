"""``%load_ext orchestra_nb`` and ``%unload_ext orchestra_nb``.

The magics and their completion come, and go without a trace. Nothing is put into the user's namespace, and nothing is
patched until a run begins.
"""

from __future__ import annotations

import sys
from typing import Any

_NAME = "Orchestrate"
_IDENTIFIER = "orchestra_nb"


def load_ipython_extension(shell: Any) -> None:
    """Register the magics with a shell; once is enough.

    Parameters
    ----------
    shell
        The IPython shell.
    """
    from orchestra_nb.notebook import at_terminal
    from orchestra_nb.notebook.completion import matcher
    from orchestra_nb.notebook.magics import Orchestrate
    from orchestra_nb.notebook.zooming import Zooming

    if _NAME in shell.magics_manager.registry:
        return
    shell.register_magics(Orchestrate)  # the class: IPython makes it with its config
    magics = shell.magics_manager.registry[_NAME]
    magics.zooming = Zooming(shell)
    magics.zooming.begin()
    shell.Completer.custom_matchers.append(matcher(magics.session.known))
    at_terminal.begin(shell)


def unload_ipython_extension(shell: Any) -> None:
    """Take the magics away again; the session's declarations go with them, and a run that goes on is stopped."""
    from orchestra_nb.notebook import at_terminal

    magics = shell.magics_manager.registry.pop(_NAME, None)
    if magics is None:
        return
    if magics.session.control is not None:
        magics.session.control.cancel("the extension was unloaded")
    magics.zooming.end()
    stories = sys.modules.get("orchestra_nb.display.steps.widget")
    if stories is not None:
        stories.close_all()
    at_terminal.end(shell)
    for kind in ("line", "cell"):
        shell.magics_manager.magics[kind].pop("orchestrate", None)
    if magics in shell.configurables:
        shell.configurables.remove(magics)
    matchers = shell.Completer.custom_matchers
    matchers[:] = [found for found in matchers if getattr(found, "matcher_identifier", "") != _IDENTIFIER]

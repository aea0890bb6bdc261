"""Hidden state of this process, read as content and put back: what a kept result of a cell follows from beside names.

Each reader gives something that :func:`orchestra_nb.context.content.content_digest` can take, the same in every process
that is in the same state, whichever libraries happen to be loaded: of options, only those that are not as their
library has them. Variables of the environment that differ from kernel to kernel by themselves, and do not
concern a computation, are left out; they are named here.
"""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Callable, Mapping
from typing import Any

_OF_EACH_KERNEL = (
    *("JPY_", "KERNEL_", "JUPYTER_", "ORCHESTRA_NB_", "PYTEST_", "COV_", "COVERAGE_", "PYDEVD_", "DEBUGPY_", "VSCODE_"),
    *("SSH_", "XDG_", "DBUS_", "TERM_", "LOKY_", "JOBLIB_"),
)
_OF_EACH_SHELL = frozenset(
    {"_", "PWD", "OLDPWD", "SHLVL", "COLUMNS", "LINES", "PAGER", "GIT_PAGER", "PS1", "DISPLAY", "INVOCATION_ID", "TERM"}
    | {"JOURNAL_STREAM", "CLICOLOR", "CLICOLOR_FORCE", "FORCE_COLOR", "COLORTERM", "LS_COLORS", "MPLBACKEND", "TMUX"}
    | {"TMUX_PANE", "STY", "WINDOWID"}
)
_USUAL_PRINTING = {
    **{"edgeitems": 3, "threshold": 1000, "precision": 8, "linewidth": 75, "suppress": False, "legacy": False},
    **{"nanstr": "nan", "infstr": "inf", "sign": "-", "floatmode": "maxprec", "formatter": None, "override_repr": None},
}
_USUAL_ERRORS = {"divide": "warn", "over": "warn", "under": "ignore", "invalid": "warn"}
_NOT_OF_THE_DRAWING = frozenset({"backend", "backend_fallback", "interactive", "toolbar", "timezone"})


def _environment() -> Any:
    return {
        name: value
        for name, value in os.environ.items()
        if name not in _OF_EACH_SHELL and not name.startswith(_OF_EACH_KERNEL)
    }


def _folder() -> Any:
    try:
        return os.getcwd()
    except FileNotFoundError:
        return ""


def _options() -> Any:
    return {"pandas": _pandas_options(), "numpy": _numpy_options(), "IPython": _precision()}


def _pandas_options() -> Any:
    """Give the options that are not as pandas has them; asking for each would warn of some."""
    config: Any = sys.modules.get("pandas._config.config")
    if config is None:
        return {}
    found = {}
    for name, option in config._registered_options.items():
        value: Any = config._global_config
        for part in name.split("."):
            value = value[part]
        if value is not option.defval and value != option.defval:
            found[name] = value
    return found


def _numpy_options() -> Any:
    numpy = sys.modules.get("numpy")
    if numpy is None:
        return {}
    printed = {name: value for name, value in numpy.get_printoptions().items() if _USUAL_PRINTING.get(name) != value}
    errors = {name: value for name, value in numpy.geterr().items() if _USUAL_ERRORS[name] != value}
    return {**printed, **errors}


def _precision() -> Any:
    from IPython.core.getipython import get_ipython

    shell: Any = get_ipython()
    return "" if shell is None else shell.display_formatter.formatters["text/plain"].float_precision


def _drawing() -> Any:
    matplotlib = sys.modules.get("matplotlib")
    if matplotlib is None or not hasattr(matplotlib, "rcParamsDefault"):
        return {}
    usual = matplotlib.rcParamsDefault
    return {
        name: repr(value)
        for name, value in dict.items(matplotlib.rcParams)
        if name not in _NOT_OF_THE_DRAWING and repr(value) != repr(dict.get(usual, name))
    }


def open_figures() -> list[int]:
    """Number the figures of pyplot that are open."""
    pyplot = sys.modules.get("matplotlib.pyplot")
    return [] if pyplot is None else list(pyplot.get_fignums())


READERS: Mapping[str, Callable[[], Any]] = {
    "env": _environment,
    "cwd": _folder,
    "options": _options,
    "matplotlib": _drawing,
}
"""What reads the state of a key, as :mod:`orchestra_nb.cells.effects` names them."""


def random_state(key: str) -> Any:
    """Read a global random state: ``"random"`` or ``"numpy.random"``.

    Examples
    --------
    >>> before = random_state("random")
    >>> drawn = random.random()
    >>> set_random_state("random", before)
    >>> random.random() == drawn
    True
    """
    return random.getstate() if key == "random" else _numpy_random().get_state()


def set_random_state(key: str, state: Any) -> None:
    """Set a global random state to what :func:`random_state` gave."""
    if key == "random":
        random.setstate(state)
    else:
        _numpy_random().set_state(state)


def _numpy_random() -> Any:
    import numpy as np

    return np.random

"""Importing the package costs next to nothing: what is heavy is loaded by what needs it."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest

HEAVY = (
    *("IPython", "graphviz", "ipywidgets", "joblib", "nbformat", "networkx", "numpy", "pandas", "pydantic", "rich"),
    "tenacity",
)


def modules_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after a statement."""
    code = (
        f"import json, sys\n{statement}\nprint(json.dumps(sorted({{name.partition('.')[0] for name in sys.modules}})))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    return set(json.loads(done.stdout))


@pytest.mark.parametrize(
    "statement",
    ["import orchestra_nb", "import orchestra_nb; orchestra_nb.__version__", "from orchestra_nb import RunConfig"],
)
def test_importing_the_package_loads_nothing_heavy(statement: str) -> None:
    assert modules_after(statement).isdisjoint(HEAVY)

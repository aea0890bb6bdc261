"""A notebook in which our magics go wrong must fail under the tools that test notebooks, which overlook much."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from tempfile import mkdtemp

import nbformat
import pytest
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError

from orchestra_nb.notebook.kernels import private_sockets

CANARIES = {
    "a subcommand that is none": ["%orchestrate rnu"],
    "an option that is none": ["%%orchestrate load --cots 3\nx = 1"],
    "a failing node": ["%%orchestrate bad\n1 / 0", "%orchestrate run"],
    "a bad directive": ["%%orchestrate load\n#| aftr: x\ny = 1"],
}


@pytest.mark.parametrize("name", CANARIES)
def test_what_goes_wrong_in_a_magic_fails_the_notebook(name: str, tmp_path: Path) -> None:
    cells = [nbformat.v4.new_code_cell(source) for source in ("%load_ext orchestra_nb", *CANARIES[name])]
    notebook = nbformat.v4.new_notebook(cells=cells)
    with pytest.raises(CellExecutionError):
        NotebookClient(notebook, kernel_name="python3", timeout=60, config=private_sockets(mkdtemp())).execute()


def test_nbval_sees_it_too(tmp_path: Path) -> None:
    path = tmp_path / "canary.ipynb"
    sources = ["%load_ext orchestra_nb", *(source for canary in CANARIES.values() for source in canary)]
    cells = [nbformat.v4.new_code_cell(source) for source in sources]
    nbformat.write(nbformat.v4.new_notebook(cells=cells), path)
    command = [sys.executable, "-m", "pytest", "--nbval-lax", "--nbval-current-env", "-p", "no:randomly", "-q"]
    done = subprocess.run([*command, "-p", "no:cacheprovider", str(path)], capture_output=True, text=True, cwd=tmp_path)
    failed = [line for line in done.stdout.splitlines() if line.startswith("FAILED")]
    assert len(failed) == len(CANARIES), done.stdout[-3000:]

"""A process that ends takes its runs along: at once, whole, and without a word; told from outside."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

PATIENCE = 60.0
_SCRIPT = """
import sys
from pathlib import Path
from orchestra_nb import Node, Pipeline, RunConfig

def endless(begun=Path({begun!r})):
    import time
    begun.touch()
    while True:
        time.sleep(0.01)

config = RunConfig(jobs=2, history=False, cache=False, backend={backend!r}, log={log!r}, keep_going=True)
run = Pipeline([Node("endless", fn=endless)], config=config).start()
while not Path({begun!r}).exists():
    pass
{then}
"""


@pytest.mark.parametrize("backend", ["threading", "loky"])
@pytest.mark.parametrize(
    ("then", "code"), [("", 0), ("run.pause()", 0), ("del run", 0), ("sys.exit(3)", 3), ("run.cancel()", 0)]
)
def test_a_process_ends_at_once_whatever_its_runs_are_doing_and_says_nothing(
    backend: str, then: str, code: int, tmp_path: Path
) -> None:
    begun, log = str(tmp_path / "begun"), str(tmp_path / "run.jsonl")
    script = tmp_path / "script.py"
    script.write_text(_SCRIPT.format(begun=begun, log=log, backend=backend, then=then))
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=PATIENCE)
    assert (found.returncode, found.stdout, found.stderr) == (code, "", "")
    last = json.loads(Path(log).read_text().splitlines()[-1])
    assert last["name"] == "execution:run-ended"


def test_a_thread_for_which_python_waits_goes_on_to_its_end(tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(
        "import threading\nfrom orchestra_nb import Node, Pipeline, RunConfig\n"
        "made = Pipeline([Node('a', fn=lambda: threading.main_thread().join(60)),"
        " Node('b', fn=lambda a: print('ended'))], config=RunConfig(jobs=2, history=False, cache=False))\n"
        "threading.Thread(target=made.run).start()\n"
    )
    found = subprocess.run([sys.executable, script], capture_output=True, text=True, timeout=PATIENCE)
    assert (found.returncode, found.stdout, found.stderr) == (0, "ended\n", "")

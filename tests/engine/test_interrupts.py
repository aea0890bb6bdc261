"""Ctrl-C in a script, in a sync run and in one that is awaited; and what importing the engine costs."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """\
import asyncio, json, sys
from orchestra_nb import Node, OrchestrationEngine, RunConfig
engine = OrchestrationEngine(RunConfig(jobs=2, history=False))
async def endless():
    print("begun", flush=True)
    try:
        await asyncio.sleep(60)
    finally:
        print("cleaned up", flush=True)
nodes = [Node("endless", fn=endless, uses=["db"]), Node("after", fn=print, after=["endless"])]
async def main():
    await asyncio.gather(engine.execute(nodes), asyncio.sleep(60))
try:
    engine.run(nodes) if sys.argv[1] == "sync" else asyncio.run(main())
except KeyboardInterrupt:
    last = engine.last_result
    locks = engine.get_resource_stats().owners
    print(json.dumps({"statuses": {o.node: o.status for o in last.outcomes.values()}, "locks": len(locks)}), flush=True)
"""


@pytest.mark.parametrize("way", ["sync", "awaited"])
def test_an_interrupt_of_a_script_stops_its_run_and_is_raised(way: str, root: Path, tmp_path: Path) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT)
    command = [sys.executable, str(script), way]
    environment = {**os.environ, "PYTHONPATH": str(root)}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment, cwd=tmp_path) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "begun\n"
        child.send_signal(signal.SIGINT)
        said, _ = child.communicate(timeout=120)
    cleaned, told = said.splitlines()
    assert cleaned == "cleaned up"
    assert json.loads(told) == {"statuses": {"endless": "cancelled", "after": "skipped"}, "locks": 0}
    assert child.returncode == 0


def test_an_engine_is_made_without_the_libraries_that_only_some_runs_need(root: Path) -> None:
    code = "import orchestra_nb, sys; orchestra_nb.OrchestrationEngine(); print(*sys.modules)"
    environment = {**os.environ, "PYTHONPATH": str(root)}
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment, check=True)
    heavy = {"pandas", "IPython", "networkx", "httpx", "ipywidgets", "graphviz", "nbformat", "joblib", "pydantic"}
    assert heavy.isdisjoint(said.stdout.split())

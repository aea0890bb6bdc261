"""Runs every benchmark, shows what it prints, and writes all of it to a Markdown file. `make bench` calls this.

The tables are kept as they were printed, the line of JSON below them. Figures belong to the machine and the day: both
stand at the top. A benchmark that fails is an error at the end, and the file is then left as it was.
"""

from __future__ import annotations

import ast
import os
import platform
import subprocess
import sys
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parent.parent / "benchmarks"
PEERS = ("joblib", "networkx", "numpy", "tenacity", "cachebox", "cachetools", "dask", "pipefunc", "rustworkx")


def printed(benchmark: Path) -> list[str]:
    """Run one and show its lines while they come; returns them.

    Raises
    ------
    SystemExit
        It failed.
    """
    command = [sys.executable, "-u", str(benchmark)]
    lines = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, encoding="utf-8") as running:
        assert running.stdout is not None
        for line in running.stdout:
            print(line, end="", flush=True)
            lines.append(line.rstrip())
    if running.returncode:
        raise SystemExit(f"{benchmark.name} ended with {running.returncode}; nothing was written")
    return lines


def section(benchmark: Path, lines: list[str]) -> str:
    """Write up one benchmark: what it says of itself first, its tables, its JSON."""
    about = ast.get_docstring(ast.parse(benchmark.read_text(encoding="utf-8"))) or ""
    tables = "\n".join(line for line in lines if not line.startswith("{")).strip("\n")
    figures = "\n".join(line for line in lines if line.startswith("{"))
    folded = f"<details><summary>as JSON</summary>\n\n```json\n{figures}\n```\n\n</details>\n"
    return f"## {benchmark.name}\n\n{about.partition(chr(10))[0]}\n\n```\n{tables}\n```\n\n{folded}"


def machine() -> str:
    """Say where and when, and beside which versions."""
    known = []
    for peer in PEERS:
        try:
            known.append(f"{peer} {version(peer)}")
        except PackageNotFoundError:
            known.append(f"no {peer}")
    where = f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores, Python {platform.python_version()}"
    return f"{datetime.now(UTC):%Y-%m-%d}, {where}; {', '.join(known)}."


def main() -> None:
    """Run those that the command line names, or all, and write the file that it names first."""
    target, *names = sys.argv[1:]
    chosen = [BENCHMARKS / name for name in names] or sorted(BENCHMARKS.glob("*.py"))
    parts = [f"# Benchmarks\n\n`make bench` writes this file. {machine()}\n"]
    for benchmark in chosen:
        print(f"== {benchmark.name}", flush=True)
        parts.append(section(benchmark, printed(benchmark)))
    Path(target).write_text("\n".join(parts), encoding="utf-8")
    print(f"bench: wrote {target}")


if __name__ == "__main__":
    main()

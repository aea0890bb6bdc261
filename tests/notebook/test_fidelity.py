"""The file of a run is the file of ``jupyter execute``, on ipykernel 6 and 7, in threads, processes and in order.

The yardstick is nbclient, used as ``jupyter execute`` uses it. Taken out before the comparison: times, process ids and
hashes in file names, addresses, ids of widgets, and where the text of one stream was cut. Of two kinds of cells each
stream is compared as a whole: of those that run child processes, whose text comes through a pipe whenever it does, and
of those that take so long that a kernel sends what it has in between.

Not in the notebook: output widgets, with which nbclient may wait for ever (see :mod:`.test_output_widgets`); uncaught
exception groups, of which IPython shows its own frames; ``SystemExit``, after which it warns once; clocks.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from tempfile import mkdtemp
from typing import Any

import nbformat
import pytest
from nbclient import NotebookClient

from orchestra_nb.cli import main
from orchestra_nb.notebook.kernels import private_sockets
from orchestra_nb.notebook.outputs import joined

from .everything import BUSY, injected, write
from .older_kernels import OLDER, older_kernels

KERNELS = ("python3", OLDER[0])
WAYS: Mapping[str, tuple[str, ...]] = {
    "threads": ("-j", "4"),
    "processes": ("-j", "2", "--backend", "loky"),
    "in order": ("--linear",),
}
INCIDENTAL = re.compile(r"ipykernel_\d+[/\\]\d+|0x[0-9a-f]{6,}|[0-9a-f]{32}")
UNTIMED = ("child(", "os.system", "!echo", "%%bash", "busy", "'err', i,", "after the warning")
"""In cells that write to both streams: which of the two a kernel sends first depends on how fast its machine is."""


@pytest.fixture(scope="module")
def kernels(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The kernelspec of this environment, and those of older ipykernels, whose sets have one order."""
    with pytest.MonkeyPatch.context() as patch, older_kernels(tmp_path_factory.mktemp("share")):
        patch.setenv("PYTHONHASHSEED", "0")
        yield


@dataclass(frozen=True)
class Trial:
    """One notebook that ran linearly in Jupyter's way."""

    path: Path
    expected: Any

    def run(self, *options: str) -> Path:
        """Run it in ours; returns the written file."""
        out = self.path.with_name("out.ipynb")
        parameters = ("-p", "rate", "0.5", "-r", "label", "7")
        with pytest.MonkeyPatch.context() as patch:
            patch.delenv("PYTEST_CURRENT_TEST")  # or ipykernel leaves the file descriptors alone
            assert main(["run", str(self.path), "-o", str(out), *parameters, *options]) == 0
        return out


@pytest.fixture(scope="module", params=KERNELS)
def trial(request: pytest.FixtureRequest, kernels: None, tmp_path_factory: pytest.TempPathFactory) -> Trial:
    path = tmp_path_factory.mktemp("fidelity") / "n.ipynb"
    write(path, request.param)
    document = nbformat.read(path, 4)
    tagged = next(n for n, cell in enumerate(document.cells) if "parameters" in cell.metadata.get("tags", ()))
    document.cells.insert(tagged + 1, injected())
    with pytest.MonkeyPatch.context() as patch:
        patch.delenv("PYTEST_CURRENT_TEST", raising=False)
        there = {"metadata": {"path": path.parent}}
        NotebookClient(document, resources=there, config=private_sockets(mkdtemp())).execute()
    expected = path.with_name("expected.ipynb")
    nbformat.write(document, expected)
    version = next(cell for cell in document.cells if cell.source == "ipykernel.__version__").outputs[0]
    assert (version.data["text/plain"] < "'7") == (request.param == OLDER[0])
    return Trial(path, json.loads(expected.read_text(encoding="utf-8")))


def comparable(document: Any) -> Any:
    """A file's content, in its order, without what differs between two runs of Jupyter."""
    for cell in document["cells"]:
        if cell["cell_type"] != "code":
            continue
        for output in cell["outputs"]:
            if output["output_type"] == "stream":
                output["text"] = "".join(output["text"])
        cell["outputs"] = list(joined(cell["outputs"]))
        if any(word in "".join(cell["source"]) for word in UNTIMED):
            cell["outputs"] = by_stream(cell["outputs"])
        if "execution" in cell["metadata"]:
            cell["metadata"]["execution"] = sorted(cell["metadata"]["execution"])
    widgets = document["metadata"].get("widgets", {}).get("application/vnd.jupyter.widget-state+json", {})
    states = widgets.pop("state", {}).values()
    document = json.loads(INCIDENTAL.sub("·", json.dumps(document, ensure_ascii=False)))
    document["states"] = sorted(INCIDENTAL.sub("·", json.dumps(state, sort_keys=True)) for state in states)
    return document


def by_stream(outputs: list[Any]) -> list[Any]:
    """Each stream's text in one, then the rest."""
    texts: dict[str, str] = {}
    for output in outputs:
        if output["output_type"] == "stream":
            texts[output["name"]] = texts.get(output["name"], "") + output["text"]
    return [sorted(texts.items()), *(output for output in outputs if output["output_type"] != "stream")]


@pytest.mark.parametrize("way", WAYS)
def test_the_file_is_that_of_jupyter_execute(trial: Trial, way: str) -> None:
    out = trial.run(*WAYS[way])
    text = out.read_text(encoding="utf-8")
    found = json.loads(text)
    lines = busy_lines(found) if way != "in order" else {}  # a kernel by itself may cut a line in two
    assert lines == {name: [f"{name} {i}" for i in range(BUSY)] for name in lines}
    found, expected = comparable(found), comparable(json.loads(json.dumps(trial.expected)))
    for mine, theirs in zip(found["cells"], expected["cells"], strict=True):
        assert mine == theirs
        assert list(mine) == list(theirs)
    assert found == expected
    nbformat.validate(nbformat.reads(text, 4))
    assert text == nbformat.writes(nbformat.reads(text, 4)) + "\n"


def busy_lines(document: Any) -> dict[str, list[str]]:
    """The lines of the busy cells, by the words that they begin with."""
    found: dict[str, list[str]] = {}
    for cell in document["cells"]:
        if "busy" in "".join(cell["source"]):
            for output in cell["outputs"]:
                lines = "".join(output["text"]).splitlines()
                found.setdefault(lines[0].rsplit(" ", 1)[0], lines)
    return found

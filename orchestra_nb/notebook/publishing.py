"""Where a node's outputs appear: in the cell that declared it, or below each other in the cell that runs.

A front end that keeps listening to a cell after it has ended (JupyterLab, Notebook) shows whatever carries that cell's
request as its parent; so a declared cell's outputs go there, after what was there has been cleared. Headless tools stop
listening when a cell has ended, and they do not send cell ids, which is how they are told apart: for them the outputs
are replayed in the running cell, in document order, each node under its name.

Displays keep their ids, so a handle that a node made can update what is shown now.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Mapping
from typing import Any

from orchestra_nb.display import html
from orchestra_nb.display.wording import clean
from orchestra_nb.model import Output
from orchestra_nb.presentation import Bundle


def show_here(shell: Any, name: str, outputs: Iterable[Output]) -> None:
    """Replay one node's outputs in the running cell, under its name; nothing when there are none.

    Parameters
    ----------
    shell
        Whose publisher to use.
    name
        The node's.
    outputs
        In nbformat's shape; ``transient`` may hold a display id.
    """
    shown = _to_be_seen(outputs)
    if not shown:
        return
    _display(shell, _heading(name))
    for output in shown:
        _replay(shell, output)


def _to_be_seen(outputs: Iterable[Output]) -> list[Output]:
    return [output for output in outputs if output["output_type"] != "update_display_data"]


def _heading(name: str) -> Bundle:
    style = "margin:6px 0 0;border-top:1px solid rgba(128,128,128,0.3);font-size:85%;opacity:0.8"
    return {"text/plain": f"── {clean(name)}", "text/html": html.paragraph(name, style)}


def _replay(shell: Any, output: Output) -> None:
    match output["output_type"]:
        case "stream":
            stream = sys.stderr if output["name"] == "stderr" else sys.stdout
            stream.write(output["text"])
            stream.flush()
        case "error":
            sys.stderr.write("\n".join(output["traceback"]) + "\n")
            sys.stderr.flush()
        case _:
            _display(shell, output["data"], output.get("metadata"), output.get("transient"))


def _display(shell: Any, data: Mapping[str, Any], metadata: Any = None, transient: Any = None) -> None:
    shell.display_pub.publish(data=dict(data), metadata=metadata or {}, transient=transient)


def show_updates(shell: Any, outputs: Iterable[Output]) -> None:
    """Send updates that are aimed at displays which existed before the run."""
    for output in outputs:
        shell.display_pub.publish(
            data=dict(output["data"]), metadata=output.get("metadata"), transient=output["transient"], update=True
        )


class CellOutputs:
    """The outputs of a cell that has already run, in a front end that still listens to it.

    Parameters
    ----------
    kernel
        Sends the messages.
    parent
        The request that ran the cell.
    """

    def __init__(self, kernel: Any, parent: Mapping[str, Any]) -> None:
        self._kernel = kernel
        self._parent = parent

    def replace(self, declaration: Bundle, outputs: Iterable[Output]) -> None:
        """Clear the cell and show its declaration and some outputs in it."""
        self._send("clear_output", {"wait": False})
        self._send("display_data", {"data": declaration, "metadata": {}, "transient": {}})
        self._send_all(outputs)

    def add(self, name: str, outputs: Iterable[Output]) -> None:
        """Show one node's outputs below what is there, under its name; nothing when there are none."""
        shown = _to_be_seen(outputs)
        if shown:
            self._send("display_data", {"data": _heading(name), "metadata": {}, "transient": {}})
            self._send_all(shown)

    def _send_all(self, outputs: Iterable[Output]) -> None:
        for output in outputs:
            content = {key: value for key, value in output.items() if key != "output_type"}
            match output["output_type"]:
                case "stream" | "error":
                    self._send(output["output_type"], content)
                case "display_data" | "execute_result":
                    content = {"data": output["data"], "metadata": output.get("metadata", {})}
                    self._send("display_data", {**content, "transient": output.get("transient", {})})

    def _send(self, kind: str, content: Mapping[str, Any]) -> None:
        self._kernel.session.send(self._kernel.iopub_socket, kind, dict(content), parent=self._parent)

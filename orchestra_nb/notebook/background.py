"""A run of cells beside the cells that the user goes on to run: what cannot be, and where it shows what it has to say.

The run has the user's own namespace, as any run, and binds names as its cells end. So a cell that is run meanwhile sees
what has been bound by then, and what it binds itself the cells of the run see that begin after it: it stands among
them, where it happens to come. What both use is for the user to keep apart. (A copy of the namespace would keep them
apart, but functions that a cell defines would have that copy as their globals for good.) Names with several versions
have their last value when the run is over, and a name for each version until then.

**What cannot be** is refused before anything runs, with the node and the reason:

* what belongs to the main thread, where the user's next cell will be: magics, shell commands, code that is not known,
  what keeps its place among all cells;
* what draws with pyplot: each cell that the user runs shows and closes all figures when it ends, those that are half
  drawn as well;
* coroutines on the notebook's own loop, which stands still while a cell runs.

**Where it shows.** The outputs of nodes go to the cells that declared them, or else to the cell that began the run,
with its request as their parent: that is what front ends go by, whatever cell is running. What a node prints while a
cell of the user has put something else in the place of ``sys.stdout`` (``%%capture``, ``redirect_stdout``) goes there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.display.wording import clean
from orchestra_nb.errors import ConfigError, DefinitionError, Issue
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node, Output
from orchestra_nb.notebook.publishing import CellOutputs, show_here
from orchestra_nb.presentation import presenter_of
from orchestra_nb.progress.handle import RunHandle
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.running.control import RunControl


def check_background(dag: DAG, config: RunConfig) -> None:
    """See that cells can run beside those that the user runs meanwhile.

    Raises
    ------
    ConfigError
        Their coroutines are to be on the notebook's own loop.
    DefinitionError
        Some belong to the main thread; each with the reason.

    Examples
    --------
    >>> shell = Node("cell-1", kind="cell", verdicts={"threading": "runs a shell command"})
    >>> check_background(DAG([shell]), RunConfig())
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: cell-1: it cannot run in the background: runs a shell command; ...
    """
    if config.loop == "notebook":
        raise ConfigError("loop='notebook' stands still while a cell runs; in the background use loop='background'")
    issues = [
        Issue(
            "main-thread",
            f"it cannot run in the background: {why}",
            (node.id,),
            str(node.metadata.get("place", node.id)),
            "run it in the foreground, or name only other nodes",
        )
        for node in dag.nodes.values()
        for why in _why_not(node)
    ]
    if issues:
        raise DefinitionError(issues)


def _why_not(node: Node) -> Iterator[str]:
    if reason := node.verdicts.get("threading", ""):
        yield reason
    elif "matplotlib" in node.metadata.get("state", ()):
        yield "draws with pyplot, whose figures each cell that you run shows and closes"


class Beginner:
    """The cell that began a run in the background, as the place of what the run has to say.

    Parameters
    ----------
    shell
        The IPython shell.
    parent
        The request that ran the cell; ``None`` in a shell without front end, where all is said as it comes.
    """

    def __init__(self, shell: Any, parent: Mapping[str, Any] | None) -> None:
        self.parent = parent
        self._shell = shell
        self._outputs = None if parent is None else CellOutputs(shell.kernel, parent)

    def add(self, name: str, outputs: Iterable[Output]) -> None:
        """Show the outputs of a node, an error among them."""
        if self._outputs is None:
            show_here(self._shell, name, outputs)
        else:
            self._outputs.add(name, outputs)

    def fail(self, name: str, error: BaseException) -> None:
        """Show what ended the run, if that was no node."""
        told = f"{type(error).__name__}: {clean(error)}"
        output = {"ename": type(error).__name__, "evalue": clean(error), "traceback": [told]}
        self.add(name, [{"output_type": "error", **output}])


class BackgroundRun(RunHandle):
    """A run of cells in the background; in the cell that began it, which has the run's own display, it shows nothing.

    Parameters
    ----------
    name, control, tracker
        As for a :class:`.RunHandle`.
    shell
        The IPython shell.
    """

    def __init__(self, name: str, control: RunControl, tracker: ProgressTracker, shell: Any) -> None:
        super().__init__(name, control, tracker, strict=True)
        self._shell = shell
        self._execution = shell.execution_count

    def _ipython_display_(self) -> None:
        if self._shell.execution_count != self._execution:
            self._shell.display_pub.publish(data=presenter_of(self).bundle(self), metadata={})

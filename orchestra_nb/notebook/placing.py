"""What a run came to, in its place: its result in the run's display, each node's outputs where they belong.

A declared cell's outputs go into that cell while its front end listens to it (:mod:`.publishing`), those of other nodes
below the run; of a run in the background, below the cell that began it. A display that fails costs a line in the log.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from orchestra_nb.display.runs import run_bundle
from orchestra_nb.display.wording import clean
from orchestra_nb.model import NodeId, Outcome, Output
from orchestra_nb.notebook.background import Beginner
from orchestra_nb.notebook.declarations import Declaration, Declarations
from orchestra_nb.notebook.live import Live
from orchestra_nb.notebook.outputs import settle, strays
from orchestra_nb.notebook.publishing import CellOutputs, show_here, show_updates
from orchestra_nb.notebook.request import Request, cell_id_of, request_of
from orchestra_nb.notebook.unharmed import unharmed
from orchestra_nb.presentation import Bundle
from orchestra_nb.running.result import RunResult


@dataclass(frozen=True, slots=True)
class Placing:
    """Shows the results of runs in a session.

    Parameters
    ----------
    shell
        The IPython shell.
    declared
        The cells that are declared in it.
    """

    shell: Any
    declared: Declarations

    def show(self, result: RunResult, live: Live, beginner: Beginner | None = None) -> None:
        """Show what a run came to; of one in the background, where it was begun."""
        bundle: Bundle = {"text/plain": repr(result)}
        with unharmed("the result of a run"):
            bundle = run_bundle(result, live.snapshot())
        live.finish(bundle)
        outputs = {outcome.node: outcome.outputs for outcome in result.outcomes.values()}
        for name, items in settle(outputs, keep_ids=True).items():
            with unharmed(f"the output of {clean(name)}"):
                self._show_outputs(result.outcomes[name], items, beginner)
        with unharmed("what was shown before the run"):
            show_updates(self.shell, strays(outputs))

    def _show_outputs(self, outcome: Outcome, outputs: Sequence[Output], beginner: Beginner | None) -> None:
        """Put a node's outputs where they belong. The error of a failed node follows as the run's own."""
        here = request_of(self.shell) if beginner is None else beginner.parent
        place = self._own_cell(outcome.node, cell_id_of(here))
        if place is not None:
            item, parent = place
            CellOutputs(self.shell.kernel, parent).replace(item.shown or {}, outputs)
            return
        if beginner is not None:
            beginner.add(outcome.node, outputs)
            return
        shown = [o for o in outputs if o["output_type"] != "error" or outcome.status != "failed"]
        show_here(self.shell, outcome.node, shown)

    def _own_cell(self, node: NodeId, here: str) -> tuple[Declaration, Request] | None:
        """The cell that declared a node, if its front end still listens to it and it is not ``here``."""
        for item in self.declared.in_order(None):
            there = cell_id_of(item.parent)
            if item.cell.id == node and item.parent is not None and here and there and there != here:
                return item, item.parent
        return None

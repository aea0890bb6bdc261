"""A run's result that has already been seen.

``%orchestrate run`` shows its result in the display that was live during the run, and returns it as well. As the value
of the cell's last line it would appear a second time; so in the cell that ran it, it shows nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

from orchestra_nb.presentation import presenter_of
from orchestra_nb.running.result import RunResult


@dataclass(frozen=True, slots=True, repr=False)
class ShownResult(RunResult):
    """A result with the number of the execution that has shown it."""

    shell: Any = None
    execution: int = -1

    @classmethod
    def of(cls, result: RunResult, shell: Any) -> ShownResult:
        """The result, as shown by the execution that is going on."""
        values = {field.name: getattr(result, field.name) for field in fields(RunResult)}
        return cls(**values, shell=shell, execution=shell.execution_count)

    def _ipython_display_(self) -> None:
        if self.shell.execution_count != self.execution:
            self.shell.display_pub.publish(data=presenter_of(self).bundle(self), metadata={})

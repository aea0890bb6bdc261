"""What a command answers with, and what every command reads of its line: config, parameters, where files go."""

from __future__ import annotations

import re
from argparse import Namespace
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from orchestra_nb.cells.parameters import value_of
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError, DefinitionError, Issue, OrchestraError
from orchestra_nb.grammar import options_to_config
from orchestra_nb.progress.tracker import ProgressTracker
from orchestra_nb.project_config import project_config
from orchestra_nb.subject import Subject, read_subject

if TYPE_CHECKING:
    from rich.console import RenderableType

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
Listener = Callable[[Mapping[str, Any]], object]
Follow = Callable[[ProgressTracker], object]
NOTE = "note"
"""The name of an event that is a line for people."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a command found.

    Parameters
    ----------
    data
        The object that ``--json`` prints.
    text
        The same for people, as plain lines.
    code
        The exit code: 0 done, 1 a node failed, 2 bad input, 130 stopped with Ctrl-C.
    warnings
        What was noticed and did not stop it; also the faults of nodes that were planned in spite of them.
    shown
        The same for people at a terminal; ``None`` where that is the text.
    """

    data: Mapping[str, Any]
    text: str = ""
    code: int = DONE
    warnings: tuple[Issue, ...] = ()
    shown: RenderableType | None = None


def config_of(options: Namespace) -> RunConfig:
    """Make the config of a command's run: the project's, and what the line says."""
    return options_to_config(options, project_config(Path(options.path).parent))


def read_of(options: Namespace) -> Subject:
    """Read the file that a command is about."""
    nodes, missing = getattr(options, "nodes", ()), getattr(options, "missing", None)
    return read_subject(options.path, nodes, config_of(options), parameters_of(options), missing)


def parameters_of(options: Namespace) -> dict[str, Any]:
    """Take the parameters of the notebook, by name; of one that is given twice, the later value."""
    typed = {name: value_of(text) for name, text in options.parameters or ()}
    return typed | dict(options.raw or ())


def html_exporter() -> Any:
    """Make what writes a notebook as HTML.

    Raises
    ------
    CommandError
        It is not installed.
    """
    try:
        from nbconvert.exporters import HTMLExporter
    except ImportError:
        raise CommandError("--html needs nbconvert; pip install 'orchestra_nb[demo]', or leave it out") from None
    exporter: Callable[[], Any] = HTMLExporter
    return exporter()


def issue_object(issue: Issue) -> dict[str, Any]:
    """Write a fault as JSON has it."""
    return {
        "code": issue.code,
        "message": issue.message,
        "path": issue.path,
        "suggestion": issue.suggestion,
        "nodes": list(issue.nodes),
    }


def error_objects(error: OrchestraError) -> list[dict[str, Any]]:
    """Write an error as JSON has it: one object per fault."""
    if isinstance(error, DefinitionError):
        return [issue_object(issue) for issue in error.issues if issue.severity == "error"]
    code = re.sub(r"(?<=[a-z])(?=[A-Z])", "-", type(error).__name__.removesuffix("Error")).lower()
    return [issue_object(Issue(code, str(error)))]

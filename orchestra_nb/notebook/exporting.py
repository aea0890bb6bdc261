"""A run, or a graph that has not run, as a file: what is written follows from how the file's name ends.

``.json`` is the object that ``orchestra run --json`` prints (of a graph: its nodes, edges and levels), ``.dot``,
``.graphml`` and ``.stg`` are the graph for other programs, with what each node took; these and more are of
:mod:`orchestra_nb.taskgraphs`. ``.svg`` is the picture, ``.html`` a page of its own with what the notebook shows: no
scripts, nothing from elsewhere.

Failure: a file that is there is left as it is, unless it may be written over; so is everything when something is wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import partial
from pathlib import Path

from orchestra_nb.command_options import EXPORTS, GRAPH_FORMATS
from orchestra_nb.display import html
from orchestra_nb.display.picture import svg
from orchestra_nb.durable.written_files import check_name, write_text
from orchestra_nb.errors import CommandError, nearest
from orchestra_nb.graph.dag import DAG
from orchestra_nb.presentation import presenter_of
from orchestra_nb.running.result import RunResult
from orchestra_nb.taskgraphs import graph_text

Exported = DAG | RunResult
_PAGE = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>{title}</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="color-scheme" content="light dark">
</head>
<body style="font-family:system-ui,sans-serif;margin:1.5rem">{body}</body></html>
"""


def export(what: Exported, file: str, *, force: bool = False, format: str | None = None) -> Path:
    """Write a run or a graph to a file.

    Parameters
    ----------
    what
        The run, or the graph.
    file
        Where to; its ending says how.
    force
        Write over a file that is there.
    format
        Write the graph in this format of :mod:`orchestra_nb.taskgraphs`, whatever the ending.

    Raises
    ------
    CommandError
        There is such a file, no such folder, or nobody knows how to write what ends so, or such a format.
    DefinitionError
        The format cannot hold such a graph.
    """
    path = Path(file)
    with suppress(RuntimeError):  # no such user: then it is a folder's name as any other
        path = path.expanduser()
    if format is not None and format not in GRAPH_FORMATS:
        raise CommandError(f"export {file}: no format is called {format!r}; {nearest(format, GRAPH_FORMATS)}")
    ending = path.suffix.lower()
    if format is None and ending not in _FORMS:
        hint = nearest(ending, EXPORTS) if ending else f"let it end with one of {', '.join(EXPORTS)}"
        raise CommandError(f"export {file}: nothing is written that ends with {ending!r}; {hint}")
    check_name(f"export {file}", str(path))
    if path.exists() and not force:
        raise CommandError(f"export {file}: is there already; give another name, or --force to write over it")
    write_text(path, _FORMS[ending](what) if format is None else graph_text(what, format))
    return path


def _page(what: Exported) -> str:
    bundle = presenter_of(what).bundle(what)
    title = str(bundle["text/plain"]).partition("\n")[0]
    return _PAGE.format(title=html.text(title), body=bundle["text/html"])


def _drawn(what: Exported) -> str:
    return svg(what.dag, what.outcomes) if isinstance(what, RunResult) else svg(what)


_FORMS: Mapping[str, Callable[[Exported], str]] = {
    **{f".{format}": partial(graph_text, format=format) for format in ("json", "dot", "graphml", "stg")},
    ".svg": _drawn,
    ".html": _page,
}

"""What ``%orchestrate graph`` answers with: the graph, which shows itself; a file; or a widget that draws it.

The widget is a display of its own, and the answer below it is the same picture, still and folded away: that one is
there when the notebook is opened again without a kernel. What stands for the widget in plain text is what it shows.
"""

from __future__ import annotations

import shutil
from argparse import Namespace
from pathlib import Path
from typing import Any

from orchestra_nb.display.wording import clean
from orchestra_nb.durable.written_files import check_writable, write_text
from orchestra_nb.errors import CommandError
from orchestra_nb.graph.dag import DAG
from orchestra_nb.notebook import reports

_HINT = "there is no dot on this machine; %orchestrate graph --browser lets the browser draw it, and better"


def show_graph(shell: Any, dag: DAG, options: Namespace) -> Any:
    """Show a graph, or write its picture.

    Parameters
    ----------
    shell
        Whose cell it is.
    dag
        The graph.
    options
        ``output``, a file of which the name ends with ``.svg`` or ``.dot``; ``browser``, whether to draw there.
    """
    from orchestra_nb.display.picture import svg

    if options.output:
        check_writable({"--output": options.output})
        ending = Path(options.output).suffix.lower()
        if ending not in (".svg", ".dot"):
            raise CommandError(f"-o {clean(options.output)}: give a name that ends with .svg or .dot")
        write_text(Path(options.output), dag.to_graphviz().source if ending == ".dot" else svg(dag))
    if options.browser:
        return _in_browser(dag)
    if shutil.which("dot") is None and getattr(shell, "kernel", None) is not None:
        _say(shell, _HINT)
    return dag


def _in_browser(dag: DAG) -> reports.Report:
    from IPython.display import display

    from orchestra_nb.display import frames, html
    from orchestra_nb.display.graphs import picture_html
    from orchestra_nb.display.picture.in_browser import browser_widget
    from orchestra_nb.display.picture.parts import title
    from orchestra_nb.display.text import dag_text

    bundle = browser_widget(dag)._repr_mimebundle_()
    data, metadata = bundle if isinstance(bundle, tuple) else (bundle, {})
    display({**data, "text/plain": f"{title(dag)}, drawn in the browser"}, metadata=metadata, raw=True)
    still = html.details("the same, as a still picture", picture_html(dag))
    return reports.Report(dag_text(dag), still, lambda: frames.nodes(dag))


def _say(shell: Any, line: str) -> None:
    from orchestra_nb.display import html

    shell.display_pub.publish(data={"text/plain": line, "text/html": html.paragraph(line)}, metadata={})

"""A graph that the browser itself lays out: graphviz, compiled to WebAssembly, in a widget.

Policy: for where there is no ``dot`` and somebody looks, so on request only. The widget is ``graphviz-anywidget`` (0.8,
June 2025; by pipefunc, on hpcc-js-wasm and d3-graphviz): one bundle of 1.2 MB that comes with the package, so nothing
is fetched from elsewhere. It zooms, and a click shows what a node stands on. What it is given is the DOT text of
:mod:`.dot`, in which every text is quoted and no link is. Of what it makes with it, as its source says: the SVG is
parsed as XML and never as HTML; tooltips are set as text; node names, which it looks up, are ``n0``, ``n1``, ….

What it costs: some 0.7 s the first time, and 4 s for 300 nodes and 900 edges, in which the page stands still.
What it does not: it paints no new states (the live drawing does), and a notebook that is reopened without a kernel has
no widget. So a still picture belongs beside it. A notebook that is stored with the state of its widgets, as nbclient
does it, would have the bundle in it once. Rejected: ``ipydagred3`` (last release 2023), d3-graphviz from a CDN.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from orchestra_nb.display.picture.dot import dot
from orchestra_nb.display.picture.scene import scene
from orchestra_nb.errors import CommandError
from orchestra_nb.graph.dag import DAG


def browser_widget(dag: DAG, states: Mapping[str, str] | None = None) -> Any:
    """Make a widget that draws a DAG with graphviz in the browser.

    Parameters
    ----------
    dag
        The graph; more than 300 nodes are collapsed by phase or level.
    states
        The state word of each node.

    Returns
    -------
    graphviz_anywidget.GraphvizAnyWidget
        An ``anywidget``, to be shown by a notebook.

    Raises
    ------
    CommandError
        ``graphviz-anywidget`` is not installed.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> browser_widget(DAG([Node("load")])).dot_source.startswith("digraph")
    True
    """
    try:
        from graphviz_anywidget import graphviz_widget_simple
    except ImportError:
        raise CommandError("drawing in the browser needs a widget; pip install 'orchestra_nb[browser]'") from None
    return graphviz_widget_simple(dot(scene(dag), states))

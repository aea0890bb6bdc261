"""The options and words that subcommands take, a function for each group; which takes which is in :mod:`.grammar`.

A group may differ between the two surfaces, the magic and the command line; where it has nothing to add on one of them,
it adds nothing.
"""

from __future__ import annotations

import argparse
from typing import Any, Literal

from orchestra_nb.errors import CommandError
from orchestra_nb.parsing import Parser, amount, factor, number, svg_file, whole, wholes, words_of

Surface = Literal["magic", "cli"]
EXPORTS = (".json", ".dot", ".graphml", ".stg", ".svg", ".html")
"""How a file may end that a run or a graph is written to."""
GRAPH_FORMATS = ("wfformat", "fabric", "json", "graphml", "stg", "dot")
"""In which formats a graph may be written."""


def subject(parser: Parser, surface: Surface) -> None:
    """Add what the command is about: a file on the command line, this session or a file in a notebook."""
    if surface == "cli":
        parser.add_argument("path", metavar="NOTEBOOK", help="the notebook; or a command definition, or a task graph")
    else:
        text = "take every code cell of the notebook on disk; its own path when none is given"
        parser.add_argument("--notebook", nargs="?", const="", default=None, metavar="PATH", help=text)


def missing(parser: Parser, surface: Surface) -> None:
    """Add what tasks take of which a file does not say it."""
    if surface == "cli":
        text = "for a task graph: seconds of tasks for which the file has none"
        parser.add_argument("--missing", type=number, metavar="S", help=text)


def parameters(parser: Parser, surface: Surface) -> None:
    """Add the parameters of a notebook; each option as papermill has it."""
    if surface != "cli":
        return
    add, pair = parser.add_argument, ("NAME", "VALUE")
    text = "bind NAME after the cell tagged 'parameters'; VALUE is a number, True, False, None or a text"
    add("-p", "--parameters", nargs=2, action="append", metavar=pair, help=text)
    add("-r", "--raw", "--parameters_raw", nargs=2, action="append", metavar=pair, help="the same; VALUE is a text")


def report(parser: Parser, surface: Surface) -> None:
    """Add how the answer is shown: for machines, or with errors in full."""
    if surface == "cli":
        parser.add_argument("--json", action="store_true", help="print one JSON object, for machines")
        parser.add_argument("--traceback", action="store_true", help="show errors in full, on standard error")


def nodes(parser: Parser, _: Surface) -> None:
    """Add which nodes a command is about."""
    parser.add_argument("nodes", nargs="*", default=(), metavar="NODE", help="only these nodes and what they need")


def nodes_on_the_line(parser: Parser, surface: Surface) -> None:
    """Add which nodes a command is about, where it names a file first."""
    if surface == "cli":
        nodes(parser, surface)


def knobs(parser: Parser, _: Surface) -> None:
    """Add the options that change a RunConfig; ``None`` leaves the default alone."""
    add = parser.add_argument
    add("-j", "--jobs", type=whole, metavar="N", help="nodes at once; -1 for one per core")
    add("--backend", metavar="B", help="a joblib backend: threading, loky, ...")
    add("--levels", dest="schedule", action="store_const", const="levels", help="a barrier after each level")
    add(
        "--eager",
        dest="schedule",
        action="store_const",
        const="eager",
        help="start a node as soon as it can; the default",
    )
    add("--policy", metavar="P", help="which ready node goes first: critical-path, fifo, longest-first, ...")
    terms(parser, _)
    add("--cache", action=argparse.BooleanOptionalAction, default=None,
        help="take results of nodes that say cache from earlier runs, and keep them; the default")  # fmt: skip
    add(
        "--checkpoint",
        metavar="MODE",
        help="what survives a crash, for resume: auto, durable, fast, or memory: nothing",
    )


def terms(parser: Parser, _: Surface) -> None:
    """Add the options that change a RunConfig and are the same for all runs of a sweep."""
    add = parser.add_argument
    keep_going(parser, _)
    add("--timeout", type=number, metavar="S", help="seconds for the whole run")
    add("--seed", type=whole, metavar="N", help="seed of what is random")
    add("--async-jobs", type=whole, metavar="N", help="how many nodes may await at once")
    add("--resource", dest="resources", type=amount, action="append", metavar="NAME=N",
        help="how much there is of what nodes use: gpu=2, or a rate, api=60/min; may be given again")  # fmt: skip
    add("--cluster", metavar="ADDRESS", help="of the dask scheduler to use, as tcp://host:8786")


def sweep(parser: Parser, surface: Surface) -> None:
    """Add what a sweep varies, how often it measures, and where results go."""
    add = parser.add_argument
    listed: dict[str, Any] = {"type": words_of, "default": None}
    add("-j", "--jobs", dest="sweep_jobs", type=wholes, default=[1, 2, 4], metavar="N,N",
        help="nodes at once, each measured: 1,2,4; with 1 among them there is a speed-up")  # fmt: skip
    add("--backend", dest="sweep_backends", metavar="B,B", help="joblib backends: threading,loky,...", **listed)
    add("--schedule", dest="sweep_schedules", metavar="S,S", help="eager,levels, or one of them", **listed)
    add("--policy", dest="sweep_policies", metavar="P,P", help="critical-path,fifo,longest-first,...", **listed)
    add("--repeats", type=whole, default=5, metavar="N", help="how many runs of each configuration count")
    add("--warmup", type=whole, default=1, metavar="N", help="how many runs of each come before that")
    add("-o", "--output", metavar="FILE", help="append results there, and compare with the last ones in it")
    add("--plot", metavar="FILE", help="write the figure there: .svg, .pdf or .png")
    if surface == "cli":
        text = "rehearse a command definition: agents only take their expected time, times SCALE (0.01)"
        add("--simulate", nargs="?", type=number, const=0.01, metavar="SCALE", help=text)


def compare_options(parser: Parser, _: Surface) -> None:
    """Add which results are compared."""
    add = parser.add_argument
    add("path", metavar="FILE", help="results of sweeps; its last sweep is compared with the one before it")
    text = "compare the last sweep of FILE with the last one of this file instead, which came after it"
    add("--with", dest="with_file", metavar="FILE2", help=text)
    add("--alpha", type=number, default=0.05, metavar="A", help="how often a false alarm anywhere is allowed")


def log(parser: Parser, _: Surface) -> None:
    """Add the file to which everything is appended."""
    text = "append everything that happens to FILE, one line of JSON each; 'replay' shows the run at any moment"
    parser.add_argument("--log", metavar="FILE", help=text)


def replay_options(parser: Parser, _: Surface) -> None:
    """Add which moment of which run of a log is shown."""
    add = parser.add_argument
    add("path", metavar="LOG", help="what a run with --log has written")
    add(
        "--at",
        type=number,
        default=-1.0,
        metavar="SECONDS",
        help="the moment, from the beginning of the run; -1: its end",
    )
    add("--run", default=None, metavar="ID", help="which run of the log, by its id or how that begins; else the last")
    add("--events", action="store_true", help="list what had happened by then, too")


def gantt_options(parser: Parser, surface: Surface) -> None:
    """Add which run is charted, up to which moment, and against what."""
    add = parser.add_argument
    which = "which run, by its id or how that begins; else the last"
    if surface == "cli":
        add("path", metavar="LOG", help="what a run with --log has written")
        add("--run", default=None, metavar="ID", help=which)
    else:
        add("run", nargs="?", default=None, metavar="RUN", help=which)
        add("--log", metavar="FILE", help="what a run with --log has written; else this session's last run")
    add("--at", type=number, default=-1.0, metavar="SECONDS", help="the moment, for a log; -1: the end of the run")
    add("--no-plan", dest="plan", action="store_false", help="leave out the simulated schedule behind it")
    chart_file(parser, surface)


def simulate_options(parser: Parser, surface: Surface) -> None:
    """Add how often a graph is simulated, with which durations, and what would be different."""
    add = parser.add_argument
    add("--runs", type=whole, default=None, metavar="N", help="simulate so often, and show how the times are spread")
    text = "what nodes take: fixed, learned, measured, lognormal:0.3, uniform:0.5:1.5, gamma:0.5"
    add("--durations", default=None, metavar="D", help=text)
    text = "what if NODE were F times as fast; may be given again"
    add("--faster", type=factor, action="append", default=[], metavar="NODE=F", help=text)
    text = "what if the result of NODE were there already; may be given again"
    add("--cached", action="append", default=[], metavar="NODE", help=text)
    text = "what if there were N of a resource that nodes use; may be given again"
    add("--lock", type=amount, action="append", default=[], metavar="NAME=N", help=text)
    if surface == "magic":
        add("--last", action="store_true", help="from what the last run of this session took")


def chart_file(parser: Parser, _: Surface) -> None:
    """Add where a chart is written."""
    parser.add_argument("-o", "--output", type=svg_file, metavar="FILE", help="write the picture there, as SVG")


def comparison_options(parser: Parser, _: Surface) -> None:
    """Add whether policies are compared, and on how many workers."""
    add = parser.add_argument
    add("--compare", action="store_true", help="compare all policies, HEFT and the optimum; -o writes the figure")
    text = "what if there were N workers; with --compare: on these numbers of workers, each by itself, as 1,2,4"
    add("--workers", type=wholes, default=None, metavar="N,N", help=text)


def check_comparison(options: argparse.Namespace) -> None:
    """See that what ``simulate`` was asked for goes together.

    Raises
    ------
    CommandError
        Several numbers of workers, and nothing is compared; or steps of what is compared.

    Examples
    --------
    >>> check_comparison(argparse.Namespace(workers=None, compare=False, steps=True))
    """
    if options.workers and not options.compare and (len(options.workers) > 1 or options.steps):
        raise CommandError("simulate: --workers says on how many workers --compare compares; add it, or give --jobs")
    if options.steps and options.compare:
        raise CommandError("simulate: --steps walks through one schedule, --compare makes several; give one of them")
    ours = ("runs", "durations", "faster", "cached", "lock", "last")
    other = next((name for name in ours if _said(options, name)), "")
    if other and (options.steps or options.compare):
        told = f"{'--steps' if options.steps else '--compare'} shows what is expected, and knows no --{other}"
        raise CommandError(f"simulate: {told}; give one of them")


def _said(options: argparse.Namespace, name: str) -> bool:
    """Whether a line has an option; one that it cannot have, it has not."""
    return bool(getattr(options, name, None))


def steps_options(parser: Parser, _: Surface) -> None:
    """Add whether a schedule is walked through."""
    text = "walk through it step by step: who may begin, who goes first and why, who runs, who waits for whom"
    parser.add_argument("--steps", action="store_true", help=text)


def keep_going(parser: Parser, _: Surface) -> None:
    """Add whether faults of single nodes are planned and run around."""
    text = "plan around cells that do not parse, and run what needs no failed node"
    parser.add_argument("--keep-going", action=argparse.BooleanOptionalAction, default=None, help=text)


def written(parser: Parser, surface: Surface) -> None:
    """Add what a run leaves in files."""
    add = parser.add_argument
    add("-o", "--output", metavar="OUT", help="write the executed notebook there")
    add("--html", metavar="FILE", help="write the executed notebook as HTML")
    add("--svg", metavar="FILE", help="write the DAG as a picture")
    add("--todos", metavar="FILE", help="keep a checklist of the run there while it runs: .md or .json")


def plan_options(parser: Parser, surface: Surface) -> None:
    """Add what is planned: a run, or going on with one."""
    text = "say instead what going on with the newest run that was cut short would take over, and what would run again"
    parser.add_argument("--resume", action="store_true", help=text)


def run_options(parser: Parser, surface: Surface) -> None:
    """Add how a run is begun."""
    add = parser.add_argument
    add("--dry-run", action="store_true", help="show what would run, and run nothing")
    if surface == "magic":
        text = "return at once, and run beside the cells that you run meanwhile; 'cancel' stops it"
        add("--background", action="store_true", help=text)
    else:
        add("--linear", action="store_true", help="run one cell after the other in document order, as Jupyter does")
        text = "rehearse a command definition or a task graph: nodes only take their expected time, times SCALE (0.01)"
        add("--simulate", nargs="?", type=number, const=0.01, metavar="SCALE", help=text)


def resume_options(parser: Parser, _: Surface) -> None:
    """Add nothing: what is gone on with is as it was begun."""
    parser.set_defaults(linear=False, simulate=None)


def agents(parser: Parser, surface: Surface) -> None:
    """Add who does the work of agents."""
    if surface == "cli":
        text = "for a command definition: the file that says which program or service does the work of which agents"
        parser.add_argument("--agents", metavar="FILE", help=text)


def picture_options(parser: Parser, surface: Surface) -> None:
    """Add where the picture is written."""
    parser.add_argument("-o", "--output", metavar="FILE", help="write the picture there: .svg or .dot")
    if surface == "magic":
        text = "let the browser lay it out, with graphviz as WebAssembly; nothing is fetched (extra: browser)"
        parser.add_argument("--browser", action="store_true", help=text)


def pair(parser: Parser, _: Surface) -> None:
    """Add the two nodes, or the one, that a question is about."""
    parser.add_argument("source", nargs="?", metavar="A", help="a node")
    parser.add_argument("target", nargs="?", metavar="B", help="a node that may wait for A")
    text = "say instead whether the result of NODE would be found, and what has changed since one was kept"
    parser.add_argument("--cache", dest="kept", metavar="NODE", help=text)


def verify_options(parser: Parser, surface: Surface) -> None:
    """Add how many runs are compared."""
    parser.add_argument("--runs", type=whole, default=5, metavar="N", help="how many runs to compare")


def cache_options(parser: Parser, _: Surface) -> None:
    """Add what becomes of what is kept."""
    text = "forget the results of nodes that earlier runs have kept"
    parser.add_argument("--clear", action="store_true", help=text)


def names(parser: Parser, _: Surface) -> None:
    """Add which resources are shown."""
    parser.add_argument("names", nargs="*", default=(), metavar="RESOURCE", help="only these")


def events_options(parser: Parser, _: Surface) -> None:
    """Add which events are listed."""
    add = parser.add_argument
    add("pattern", nargs="?", default="*", metavar="PATTERN", help="only events of such names, as 'resource:*'")
    add("--last", type=whole, default=None, metavar="N", help="only the last N")


def history_nodes(parser: Parser, surface: Surface) -> None:
    """Add whose durations are shown."""
    parser.add_argument("asked", nargs="*", default=(), metavar="NODE", help="only these nodes")


def export_options(parser: Parser, surface: Surface) -> None:
    """Add where to a run or a graph is written."""
    add = parser.add_argument
    text = f"where to; what is written follows from how it ends: {', '.join(EXPORTS)}"
    if surface == "magic":
        add("file", nargs="?", metavar="FILE", help=text)
        add("-o", "--output", metavar="FILE", help="the same, as on the command line")
    else:
        add("-o", "--output", metavar="FILE", required=True, help=text)
    text = f"write the graph in this format, whatever the ending: {', '.join(GRAPH_FORMATS)}"
    add("--format", metavar="FORMAT", help=text)
    add("--force", action="store_true", help="write over a file that is there")


def assignments(parser: Parser, _: Surface) -> None:
    """Add what is changed."""
    text = "what to change; nothing: show all"
    parser.add_argument("assignments", nargs="*", default=(), metavar="KNOB=VALUE", help=text)

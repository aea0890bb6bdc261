"""One grammar for the magic line and the command line.

Policy: ``%orchestrate SUBCOMMAND ...`` and ``orchestra SUBCOMMAND ...`` are parsed by the same argparse parsers, built
from one table. The two surfaces differ in what they are about: the command line names a notebook file, the magic may
name one with ``--notebook``. A magic line is split as a shell would (``shlex``, with comments); IPython's own
``magic_arguments`` was rejected, because it splits quoted values.

Order: the first word picks the subcommand by hand, the rest goes to that subcommand's parser. argparse's subparsers
were rejected: they cannot mix options with node names (``run load -j 2 train``), and say too little about a mistyped
word.

Failure: every fault is a :class:`~orchestra_nb.errors.CommandError`, never ``SystemExit``; a mistyped subcommand or
option names the nearest one. Asking for help is not a fault: it parses into the command ``"help"`` with its ``text``.

This file knows no IPython, no notebook and no pydantic, so that it may be imported from anywhere.
"""

from __future__ import annotations

import argparse
from argparse import Namespace
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError, nearest
from orchestra_nb.parsing import HelpAsked, Parser, amount, number, split_line, svg_file, whole

Surface = Literal["magic", "cli"]
_PROGRAMS: Mapping[Surface, str] = {"magic": "%orchestrate", "cli": "orchestra"}
RUN_KNOBS = (
    *("jobs", "backend", "schedule", "policy", "keep_going", "timeout", "seed"),
    *("async_jobs", "resources", "cluster", "loop", "cache", "checkpoint", "log"),
)
"""Fields of RunConfig that a line can set."""
TEXT_SETTINGS: Mapping[str, str] = {
    "after": "nodes that must end first, as a,b",
    "reads": "names that the cell uses, in place of what was inferred",
    "writes": "names that it binds, in place of what was inferred",
    "mutates": "names that it changes in place, in place of what was inferred",
    "uses": "resources, as db,gpu:2",
    "priority": "higher goes first among ready nodes",
    "cost": "expected seconds",
    "timeout": "seconds until the node fails",
    "retry": "attempts in all",
    "breaker": "name of a circuit",
    "cache": "true, false, or seconds",
    "when": "condition; the node is skipped when it is false",
    "undo": "node or function that compensates this one",
    "phase": "group, for the picture",
    "backend": "joblib backend, or inherit",
}
"""Settings of a node that ``%%orchestrate`` takes as options, all as text."""


def _subject(parser: Parser, surface: Surface) -> None:
    """Add what the command is about: a file on the command line, this session or a file in a notebook."""
    if surface == "cli":
        parser.add_argument("path", metavar="NOTEBOOK", help="the notebook file")
    else:
        text = "take every code cell of the notebook on disk; its own path when none is given"
        parser.add_argument("--notebook", nargs="?", const="", default=None, metavar="PATH", help=text)


def _parameters(parser: Parser, surface: Surface) -> None:
    """Add the parameters of a notebook; each option as papermill has it."""
    if surface != "cli":
        return
    add, pair = parser.add_argument, ("NAME", "VALUE")
    text = "bind NAME after the cell tagged 'parameters'; VALUE is a number, True, False, None or a text"
    add("-p", "--parameters", nargs=2, action="append", metavar=pair, help=text)
    add("-r", "--raw", "--parameters_raw", nargs=2, action="append", metavar=pair, help="the same; VALUE is a text")


def _report(parser: Parser, surface: Surface) -> None:
    if surface == "cli":
        parser.add_argument("--json", action="store_true", help="print one JSON object, for machines")


def _nodes(parser: Parser, _: Surface) -> None:
    parser.add_argument("nodes", nargs="*", default=(), metavar="NODE", help="only these nodes and what they need")


def _knobs(parser: Parser, _: Surface) -> None:
    """Add the options that change a RunConfig; ``None`` leaves the default alone."""
    add = parser.add_argument
    add("-j", "--jobs", type=whole, metavar="N", help="nodes at once; -1 for one per core")
    add("--backend", metavar="B", help="a joblib backend: threading, loky, ...")
    add("--levels", dest="schedule", action="store_const", const="levels", help="a barrier after each level")
    add("--eager", dest="schedule", action="store_const", const="eager", help="start a node as soon as it can")
    add("--policy", metavar="P", help="which ready node goes first: critical-path, fifo, longest-first, ...")
    _keep_going(parser, _)
    add("--timeout", type=number, metavar="S", help="seconds for the whole run")
    add("--seed", type=whole, metavar="N", help="seed of what is random")
    add("--async-jobs", type=whole, metavar="N", help="how many nodes may await at once; any number unless given")
    add("--resource", dest="resources", type=amount, action="append", metavar="NAME=N",
        help="how much there is of what nodes use: gpu=2, or a rate, api=60/min; may be given again")  # fmt: skip
    add("--cluster", metavar="ADDRESS", help="of the dask scheduler to use, as tcp://host:8786")
    add("--cache", action=argparse.BooleanOptionalAction, default=None,
        help="take results of nodes that say cache from earlier runs, and keep them; the default")  # fmt: skip
    add(
        "--checkpoint",
        metavar="MODE",
        help="what survives a crash, for resume: auto, durable, fast, or memory: nothing",
    )


def _log(parser: Parser, _: Surface) -> None:
    text = "append everything that happens to FILE, one line of JSON each; 'replay' shows the run at any moment"
    parser.add_argument("--log", metavar="FILE", help=text)


def _replay_options(parser: Parser, _: Surface) -> None:
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


def _gantt_options(parser: Parser, surface: Surface) -> None:
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
    _chart_file(parser, surface)


def _chart_file(parser: Parser, _: Surface) -> None:
    parser.add_argument("-o", "--output", type=svg_file, metavar="FILE", help="write the picture there, as SVG")


def _keep_going(parser: Parser, _: Surface) -> None:
    text = "plan around cells that do not parse, and run what needs no failed node"
    parser.add_argument("--keep-going", action=argparse.BooleanOptionalAction, default=None, help=text)


def _written(parser: Parser, surface: Surface) -> None:
    add = parser.add_argument
    add("-o", "--output", metavar="OUT", help="write the executed notebook there")
    add("--html", metavar="FILE", help="write the executed notebook as HTML")
    add("--svg", metavar="FILE", help="write the DAG as a picture")
    add("--todos", metavar="FILE", help="keep a checklist of the run there while it runs: .md or .json")


def _plan_options(parser: Parser, surface: Surface) -> None:
    text = "say instead what going on with the newest run that was cut short would take over, and what would run again"
    parser.add_argument("--resume", action="store_true", help=text)


def _run_options(parser: Parser, surface: Surface) -> None:
    add = parser.add_argument
    add("--dry-run", action="store_true", help="show what would run, and run nothing")
    if surface == "magic":
        text = "return at once, and run beside the cells that you run meanwhile; 'cancel' stops it"
        add("--background", action="store_true", help=text)
    else:
        add("--linear", action="store_true", help="run one cell after the other in document order, as Jupyter does")
        text = "rehearse a command definition: agents only take their expected time, times SCALE (0.01)"
        add("--simulate", nargs="?", type=number, const=0.01, metavar="SCALE", help=text)


def _resume_options(parser: Parser, _: Surface) -> None:
    parser.set_defaults(linear=False, simulate=None)


def _agents(parser: Parser, surface: Surface) -> None:
    if surface == "cli":
        text = "for a command definition: the file that says which program or service does the work of which agents"
        parser.add_argument("--agents", metavar="FILE", help=text)


def _picture_options(parser: Parser, surface: Surface) -> None:
    parser.add_argument("-o", "--output", metavar="FILE", help="write the picture there: .svg or .dot")


def _pair(parser: Parser, _: Surface) -> None:
    parser.add_argument("source", nargs="?", metavar="A", help="a node")
    parser.add_argument("target", nargs="?", metavar="B", help="a node that may wait for A")
    text = "say instead whether the result of NODE would be found, and what has changed since one was kept"
    parser.add_argument("--cache", dest="kept", metavar="NODE", help=text)


def _verify_options(parser: Parser, surface: Surface) -> None:
    parser.add_argument("--runs", type=whole, default=5, metavar="N", help="how many runs to compare (5)")


def _assignments(parser: Parser, _: Surface) -> None:
    text = "what to change; nothing: show all"
    parser.add_argument("assignments", nargs="*", default=(), metavar="KNOB=VALUE", help=text)


@dataclass(frozen=True, slots=True)
class _Command:
    summary: str
    parts: tuple[Callable[[Parser, Surface], None], ...]
    surfaces: tuple[Surface, ...] = ("magic", "cli")


_FILE = (_subject, _parameters)
_SHAPE = (*_FILE, _nodes, _knobs, _report)
_GRAPH = (*_FILE, _nodes, _keep_going, _report)
_COMMANDS: Mapping[str, _Command] = {
    "run": _Command(
        "run the nodes in parallel, each after what it needs", (*_SHAPE, _log, _written, _agents, _run_options)
    ),
    "resume": _Command(
        "go on with the newest run that was cut short",
        (*_SHAPE, _log, _written, _agents, _resume_options),
    ),
    "plan": _Command("show what would run, in which order and why, and run nothing", (*_SHAPE, _plan_options)),
    "graph": _Command("draw the DAG with its critical path", (*_GRAPH, _picture_options)),
    "levels": _Command("list the levels: nodes that may run side by side", _GRAPH),
    "validate": _Command("list every error and warning of the graph", (*_FILE, _keep_going, _report)),
    "why": _Command(
        "say why B waits for A, with the evidence, or why a result is not found", (*_FILE, _pair, _keep_going, _report)
    ),
    "verify": _Command("compare a linear run with parallel ones", (*_FILE, _knobs, _report, _verify_options)),
    "replay": _Command("show a run as it was at any moment, from its log", (_replay_options, _report)),
    "status": _Command("show how each node ended in the last run, or how far a run is", (), ("magic",)),
    "cancel": _Command("stop the run that goes on", (), ("magic",)),
    "gantt": _Command("show who ran what when, and who waited for what", (_gantt_options, _report)),
    "simulate": _Command(
        "work out who would run what when, and how long that takes; nothing runs", (*_SHAPE, _chart_file)
    ),
    "progress": _Command("show how far the run is, and how long it will still take", (), ("magic",)),
    "reset": _Command("forget the declared nodes and the last run", (), ("magic",)),
    "config": _Command("show or change the defaults of runs", (_assignments,), ("magic",)),
}


def commands(surface: Surface) -> Mapping[str, str]:
    """Name the subcommands of a surface, with a line about each."""
    return {name: command.summary for name, command in _COMMANDS.items() if surface in command.surfaces}


@cache
def parser_of(command: str, surface: Surface) -> Parser:
    """Build the parser of one subcommand.

    Raises
    ------
    CommandError
        There is no such subcommand; the message names the nearest.
    """
    known = commands(surface)
    if command not in known:
        program = _PROGRAMS[surface]
        raise CommandError(f"{program}: no subcommand {command!r}; {nearest(command, known)}")
    parser = Parser(f"{_PROGRAMS[surface]} {command}", known[command])
    for part in _COMMANDS[command].parts:
        part(parser, surface)
    return parser


@cache
def cell_parser() -> Parser:
    """Build the parser of a ``%%orchestrate`` line."""
    parser = Parser("%%orchestrate", "declare this cell as a node, or run the pipeline that its '# %%' markers make")
    parser.add_argument("name", nargs="?", metavar="NAME", help="the node's id")
    parser.add_argument("--run", action="store_true", help="run this node now, and what it needs")
    parser.add_argument("--dry-run", action="store_true", help="show what would run, and run nothing")
    for key, text in TEXT_SETTINGS.items():
        parser.add_argument(f"--{key}", metavar=key.upper(), help=text)
    add = parser.add_argument
    add("-j", "--jobs", type=whole, metavar="N", help="nodes at once; -1 for one per core")
    add("--levels", dest="schedule", action="store_const", const="levels", help="a barrier after each level")
    add("--policy", metavar="P", help="which ready node goes first")
    _keep_going(parser, "magic")
    return parser


def overview(surface: Surface) -> str:
    """Show the subcommands, as text."""
    known = commands(surface)
    width = max(map(len, known))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in known.items()]
    program = _PROGRAMS[surface]
    return "\n".join([f"usage: {program} SUBCOMMAND ...", "", *lines, "", f"{program} SUBCOMMAND --help says more."])


def parse(line: str | Sequence[str], surface: Surface = "magic") -> Namespace:
    """Understand a magic line or the words of a command line.

    Parameters
    ----------
    line
        Text to be split as a shell would, or words.
    surface
        ``"magic"`` or ``"cli"``.

    Returns
    -------
    argparse.Namespace
        With ``command``; for ``"help"`` also ``text``.

    Raises
    ------
    CommandError
        The line cannot be understood; the message names the nearest subcommand or option.

    Examples
    --------
    >>> options = parse("run load -j 2 train")
    >>> options.command, options.nodes, options.jobs
    ('run', ['load', 'train'], 2)
    >>> parse("rnu")
    Traceback (most recent call last):
    orchestra_nb.errors.CommandError: %orchestrate: no subcommand 'rnu'; did you mean 'run'?
    """
    words = split_line(line) if isinstance(line, str) else list(line)
    if not words or words[0] in ("-h", "--help", "help"):
        return Namespace(command="help", text=overview(surface))
    options = _understand(parser_of(words[0], surface), words[1:], words[0])
    if options.command == "why" and (options.kept is None) == (options.target is None):
        raise CommandError(f"{_PROGRAMS[surface]} why: name two nodes, A and B, or one: --cache NODE")
    if getattr(options, "notebook", None) and "nodes" in options and not options.notebook.endswith(".ipynb"):
        # `run --notebook train`: the option takes a path or nothing, and this is a node
        options.nodes, options.notebook = [options.notebook, *options.nodes], ""
    return options


def parse_cell(line: str) -> Namespace:
    """Understand what stands behind ``%%orchestrate``; ``command`` is ``"cell"`` (or ``"help"``).

    Examples
    --------
    >>> settings_of(parse_cell("train --after load,clean --cost 2"))
    {'name': 'train', 'after': 'load,clean', 'cost': '2'}
    """
    return _understand(cell_parser(), split_line(line), "cell")


def _understand(parser: Parser, words: Sequence[str], command: str) -> Namespace:
    try:
        namespace = parser.understand(words)
    except HelpAsked:  # only now: while it mixes options and names, argparse cannot format a usage that begins with '%'
        return Namespace(command="help", text=parser.format_help())
    namespace.command = command
    return namespace


def settings_of(options: Namespace) -> dict[str, str]:
    """Pick the node settings that a ``%%orchestrate`` line gave, as text."""
    given = {key: getattr(options, key, None) for key in ("name", *TEXT_SETTINGS)}
    return {key: value for key, value in given.items() if value is not None}


def options_to_config(options: Namespace, base: RunConfig) -> RunConfig:
    """Change a config as the options of a line say; what the line does not mention stays.

    Raises
    ------
    ConfigError
        A value that cannot be meant.

    Examples
    --------
    >>> options_to_config(parse("run -j 3 --levels"), RunConfig(keep_going=True))
    RunConfig(jobs=3, backend=None, schedule='levels', policy='critical-path', keep_going=True, timeout=None, ...)
    """
    given: dict[str, Any] = {knob: getattr(options, knob, None) for knob in RUN_KNOBS}
    if isinstance(given["resources"], list):
        given["resources"] = {**base.resources, **dict(given["resources"])}
    return replace(base, **{knob: value for knob, value in given.items() if value is not None})

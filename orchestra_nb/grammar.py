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
from typing import Any

from orchestra_nb import command_options as takes
from orchestra_nb.command_options import Surface
from orchestra_nb.config import RunConfig
from orchestra_nb.errors import CommandError, nearest
from orchestra_nb.parsing import HelpAsked, Parser, split_line, whole

_PROGRAMS: Mapping[Surface, str] = {"magic": "%orchestrate", "cli": "orchestra"}
RUN_KNOBS = (
    *("jobs", "backend", "schedule", "policy", "keep_going", "timeout", "seed"),
    *("async_jobs", "resources", "cluster", "loop", "cache", "checkpoint", "log"),
    *("history", "guard", "plan_cache", "undo"),
)
"""Fields of RunConfig that a line can set, or ``%config``; of a node's own settings some have the same names."""
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


@dataclass(frozen=True, slots=True)
class _Command:
    """A subcommand; its examples stand in :data:`_EXAMPLES`."""

    summary: str
    parts: tuple[Callable[[Parser, Surface], None], ...]
    surfaces: tuple[Surface, ...] = ("magic", "cli")


_FILE = (takes.subject, takes.parameters, takes.missing)
_SHAPE = (*_FILE, takes.nodes, takes.knobs, takes.report)
_GRAPH = (*_FILE, takes.nodes, takes.keep_going, takes.report)
_COMMANDS: Mapping[str, _Command] = {
    "run": _Command(
        "run the nodes in parallel, each after what it needs",
        (*_SHAPE, takes.log, takes.written, takes.agents, takes.run_options),
    ),
    "resume": _Command(
        "go on with the newest run that was cut short",
        (*_SHAPE, takes.log, takes.written, takes.agents, takes.resume_options),
    ),
    "plan": _Command("show what would run, in which order and why, and run nothing", (*_SHAPE, takes.plan_options)),
    "graph": _Command("draw the DAG with its critical path", (*_GRAPH, takes.picture_options)),
    "levels": _Command("list the levels: nodes that may run side by side", _GRAPH),
    "validate": _Command("list every error and warning of the graph", (*_FILE, takes.keep_going, takes.report)),
    "why": _Command(
        "say why B waits for A, with the evidence, or why a result is not found",
        (*_FILE, takes.pair, takes.keep_going, takes.report),
    ),
    "verify": _Command(
        "compare a linear run with parallel ones", (*_FILE, takes.knobs, takes.report, takes.verify_options)
    ),
    "replay": _Command("show a run as it was at any moment, from its log", (takes.replay_options, takes.report)),
    "history": _Command(
        "show what nodes took in earlier runs", (*_FILE, takes.history_nodes, takes.keep_going, takes.report)
    ),
    "cache": _Command(
        "show what is kept of results, and what the last run found of it", (takes.cache_options,), ("magic",)
    ),
    "locks": _Command("show resources: who holds and who waits, now or in the last run", (takes.names,), ("magic",)),
    "events": _Command("list what happened in the last run", (takes.events_options,), ("magic",)),
    "export": _Command(
        "write a graph to a file; in a notebook the last run, or the graph when nothing has run",
        (*_FILE, takes.nodes_on_the_line, takes.export_options, takes.report),
    ),
    "error": _Command("show the last error of %orchestrate in full", (), ("magic",)),
    "status": _Command("show how each node ended in the last run, or how far a run is", (), ("magic",)),
    "cancel": _Command("stop the run that goes on", (), ("magic",)),
    "gantt": _Command("show who ran what when, and who waited for what", (takes.gantt_options, takes.report)),
    "simulate": _Command(
        "work out who would run what when, and how long that takes; nothing runs",
        (*_SHAPE, takes.steps_options, takes.simulate_options, takes.chart_file, takes.comparison_options),
    ),
    "bench": _Command(
        "measure it with several numbers of jobs, backends, policies; 'bench compare' compares",
        (*_FILE, takes.nodes, takes.sweep, takes.terms, takes.agents, takes.report),
    ),
    "progress": _Command("show how far the run is, and how long it will still take", (), ("magic",)),
    "reset": _Command("forget the declared nodes and the last run", (), ("magic",)),
    "config": _Command("show or change the defaults of runs", (takes.assignments,), ("magic",)),
}


_BEHIND: Mapping[str, _Command] = {
    "bench compare": _Command(
        "say what became faster or slower between two sweeps; ends with code 1 when anything is slower",
        (takes.compare_options, takes.report),
    ),
}
"""Subcommands of two words."""
_NB = "analysis.ipynb"
_EXAMPLES: Mapping[str, tuple[str, str]] = {
    "run": ("train --jobs 2 --keep-going", f"{_NB} -o done.ipynb --jobs 4"),
    "resume": ("--notebook", f"{_NB} -o done.ipynb"),
    "plan": ("--notebook", f"{_NB} --jobs 2"),
    "graph": ("-o dag.svg", f"{_NB} -o dag.svg"),
    "levels": ("--notebook", _NB),
    "validate": ("--notebook", _NB),
    "why": ("load train", f"{_NB} load train"),
    "verify": ("--notebook --runs 10", f"{_NB} --runs 10"),
    "replay": ("run.jsonl --at 2.5 --events", "run.jsonl --at 2.5 --events"),
    "history": ("train", f"{_NB} train"),
    "gantt": ("-o run.svg", "run.jsonl -o run.svg"),
    "simulate": ("--last --faster train=2 --lock db=2", f"{_NB} --jobs 4 --runs 1000"),
    "bench": ("--notebook -j 1,2,4 --repeats 5 -o bench.jsonl", f"{_NB} -j 1,2,4 --repeats 5 -o bench.jsonl"),
    "bench compare": ("bench.jsonl", "bench.jsonl"),
    "cache": ("--clear", ""),
    "locks": ("gpu", ""),
    "events": ("'resource:*' --last 20", ""),
    "export": ("run.html --force", f"{_NB} -o graph.json --format wfformat"),
    "config": ("jobs=2 policy=fifo", ""),
}
"""For each subcommand what may stand behind it: in a notebook, on the command line."""


def example_of(command: str, surface: Surface) -> str:
    """Show a subcommand as it may be written.

    Examples
    --------
    >>> example_of("graph", "magic"), example_of("status", "magic")
    ('%orchestrate graph -o dag.svg', '%orchestrate status')
    """
    words = _EXAMPLES.get(command, ("", _NB))[surface == "cli"]
    return f"{_PROGRAMS[surface]} {command} {words}".rstrip()


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
    if command not in known and command not in _BEHIND:
        program = _PROGRAMS[surface]
        raise CommandError(f"{program}: no subcommand {command!r}; {nearest(command, known)}")
    described = _BEHIND[command] if command in _BEHIND else _COMMANDS[command]
    parser = Parser(f"{_PROGRAMS[surface]} {command}", described.summary, example_of(command, surface))
    for part in described.parts:
        part(parser, surface)
    return parser


@cache
def cell_parser() -> Parser:
    """Build the parser of a ``%%orchestrate`` line."""
    text = "declare this cell as a node, or run the pipeline that its '# %%' markers make"
    example = "%%orchestrate train --after load,clean --uses gpu --run"
    parser = Parser("%%orchestrate", text, example, argparse.RawDescriptionHelpFormatter)
    parser.add_argument("name", nargs="?", metavar="NAME", help="the node's id")
    parser.add_argument("--run", action="store_true", help="run this node now, and what it needs")
    parser.add_argument("--dry-run", action="store_true", help="show what would run, and run nothing")
    for key, text in TEXT_SETTINGS.items():
        parser.add_argument(f"--{key}", metavar=key.upper(), help=text)
    add = parser.add_argument
    add("-j", "--jobs", type=whole, metavar="N", help="nodes at once; -1 for one per core")
    add("--levels", dest="schedule", action="store_const", const="levels", help="a barrier after each level")
    add("--policy", metavar="P", help="which ready node goes first")
    takes.keep_going(parser, "magic")
    return parser


def overview(surface: Surface) -> str:
    """Show the subcommands, as text."""
    known = commands(surface)
    width = max(map(len, known))
    lines = [f"  {name:<{width}}  {summary}" for name, summary in known.items()]
    program = _PROGRAMS[surface]
    return "\n".join([f"usage: {program} SUBCOMMAND ...", "", *lines, "", f"{program} SUBCOMMAND --help says more."])


def manual() -> str:
    """Say what the magics can do: what IPython shows for ``%orchestrate?`` and ``%%orchestrate?``."""
    known = commands("magic")
    width = max(map(len, known))
    lines = [f"    {name:<{width}}  {summary}" for name, summary in known.items()]
    return "\n".join(
        [
            "Run cells as a DAG, with the same results as from top to bottom.",
            "",
            "    %orchestrate SUBCOMMAND ...        what it can do stands below",
            "    %%orchestrate NAME [options]       declare this cell as a node; --run runs it now",
            "    %%orchestrate                      over a cell with '# %% name' markers: run it as a pipeline",
            "",
            "Subcommands, each with --help:",
            "",
            *lines,
            "",
            "Examples:",
            "",
            "    %orchestrate run --notebook        run every cell of this notebook",
            "    %%orchestrate train --after load   declare the cell below this line; then %orchestrate run",
            "",
            "Defaults of runs: %config Orchestrate. The last error in full: %orchestrate error.",
        ]
    )


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
    command = next((two for two in _BEHIND if words[:2] == two.split()), words[0])
    options = _understand(parser_of(command, surface), words[len(command.split()) :], command)
    if options.command == "events" and options.last is not None and options.last < 1:
        raise CommandError(f"{_PROGRAMS[surface]} events: --last {options.last} shows nothing; give 1 or more")
    if options.command == "why" and (options.kept is None) == (options.target is None):
        raise CommandError(f"{_PROGRAMS[surface]} why: name two nodes, A and B, or one: --cache NODE")
    names = next((name for name in ("nodes", "asked") if name in options), "")
    if getattr(options, "notebook", None) and names and not options.notebook.endswith(".ipynb"):
        # `run --notebook train`: the option takes a path or nothing, and this is a node
        setattr(options, names, [options.notebook, *getattr(options, names)])
        options.notebook = ""
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

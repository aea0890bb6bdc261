"""Tab completion: of magic lines, of settings in ``#|`` lines, and of ``# %%`` markers in a pipeline's cell.

IPython completes the names of magics and nothing behind them. A version-2 matcher sees the whole cell and the cursor,
and answers only on the lines that are ours, so Python completion in a cell's body is as it was. What an option takes,
the parser of the grammar says; what may stand there, the session and the tables of the settings.

Failure: a matcher never raises; what it cannot read, it does not complete. A name with blanks is put in quotes.
"""

from __future__ import annotations

import glob
import json
import os
import shlex
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import takewhile
from typing import Any, get_args

from orchestra_nb.cells.settings import KEYS, LIST_KEYS, NESTED
from orchestra_nb.command_options import GRAPH_FORMATS
from orchestra_nb.config import Checkpointing, Loop, Policy, Schedule
from orchestra_nb.eventlog.registry import EVENTS, NAMESPACES
from orchestra_nb.grammar import RUN_KNOBS, cell_parser, commands, parser_of

_BACKENDS = ("threading", "loky", "sequential", "multiprocessing", "async", "inherit")
_TRUTHS = ("true", "false")
_WORDS: dict[str, Sequence[str]] = {
    "backend": _BACKENDS,
    "policy": get_args(Policy),
    "checkpoint": get_args(Checkpointing),
    "schedule": get_args(Schedule),
    "loop": get_args(Loop),
    "cache": _TRUTHS,
    "keep_going": _TRUTHS,
    "keep_locks": _TRUTHS,
    "jitter": _TRUTHS,
    "sweep_backends": ("threading", "loky", "sequential", "multiprocessing", "dask", "ray"),
    "sweep_schedules": get_args(Schedule),
    "sweep_policies": get_args(Policy),
    "format": GRAPH_FORMATS,
}
_LISTED = (*LIST_KEYS, *(key for key in _WORDS if key.startswith("sweep_")))
_NODES, _RESOURCES = ("after", "undo", "kept"), ("uses", "resources")
_FILES = ("log", "output", "html", "svg", "todos", "notebook", "file", "path", "plot", "with_file")
_MOST = 200
_READ = 2_000_000
"""Bytes of a log that are looked through for the runs in it."""
Found = Iterable[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Known:
    """What a session can name.

    Parameters
    ----------
    nodes
        Those that are declared, or ran last.
    resources
        What they use.
    phases, circuits
        What they belong to, and go through.
    """

    nodes: Sequence[str] = ()
    resources: Sequence[str] = ()
    phases: Sequence[str] = ()
    circuits: Sequence[str] = ()


def suggestions(line: str, known: Known) -> tuple[str, list[tuple[str, str]]]:
    """What may stand at the end of a magic line.

    Parameters
    ----------
    line
        From its ``%`` to the cursor.
    known
        What can be named.

    Returns
    -------
    str, list of (text, kind)
        The word that is being typed, and what it may become.

    Examples
    --------
    >>> suggestions("%orchestrate ru", Known())
    ('ru', [('run', 'subcommand')])
    >>> suggestions("%orchestrate run --policy=long", Known())
    ('long', [('longest-first', 'value')])
    >>> suggestions("%orchestrate run lo", Known(["load", "train"]))
    ('lo', [('load', 'node')])
    """
    words, typed = _split(line)
    if not words:  # still typing the magic's own name, which IPython completes
        return typed, []
    if len(words) == 1 and words[0] == "%orchestrate" and not typed.startswith("-"):
        return _fitting(typed, ((command, "subcommand") for command in commands("magic")))
    option, equals, value = typed.partition("=")
    if equals and option.startswith("--"):
        return _fitting(value, _values(words, option, value, known))
    if typed.startswith("-"):
        return _fitting(typed, ((option, "option") for option in _options(words)))
    if _takes_value(words, words[-1]):
        return _fitting(*_last_part(words, words[-1], typed, known))
    return _fitting(typed, _positional(words, typed, known))


def setting_suggestions(line: str, known: Known) -> tuple[str, list[tuple[str, str]]]:
    """What may stand at the end of a ``#|`` line or of a ``# %%`` marker.

    Examples
    --------
    >>> setting_suggestions("#| aft", Known())
    ('aft', [('after: ', 'setting')])
    >>> setting_suggestions("# %% train after=load,cl", Known(["load", "clean"]))
    ('cl', [('clean', 'node')])
    """
    marker = not line.startswith("#|")
    text = line.partition("%%" if marker else "#|")[2].lstrip()
    sign = "=" if marker else ":"
    if marker:
        text = text if text.endswith((" ", "\t")) else text.rpartition(" ")[2]
        text = "" if text.endswith((" ", "\t")) else text
    key, given, value = text.partition(sign)
    key = key.strip().removeprefix("orchestrate.")
    if not given:
        ending = "=" if marker else ": "
        return _fitting(key, ((f"{name}{ending}", "setting") for name in KEYS if name != "name" or not marker))
    typed = value.rpartition(",")[2].lstrip(" [") if key in LIST_KEYS else value.lstrip()
    return _fitting(typed, _of_key(key, known))


def _of_key(key: str, known: Known) -> Found:
    """What the value of a setting or an option may be."""
    if key in _NODES:
        return [(name, "node") for name in known.nodes]
    if key in _RESOURCES:
        return [(name, "resource") for name in known.resources]
    if key in ("phase", "breaker"):
        return [(name, key) for name in (known.phases if key == "phase" else known.circuits)]
    if key in NESTED:
        return [(name, "setting") for name in NESTED[key].model_fields]
    return [(word, "value") for word in _WORDS.get(key, ())]


def _positional(words: Sequence[str], typed: str, known: Known) -> Found:
    """What may stand where no option is awaited."""
    command = words[1] if len(words) > 1 and words[0] == "%orchestrate" else ""
    if command == "locks":
        return [(name, "resource") for name in known.resources]
    if command == "events":
        return [(name, "event") for name in (*(f"{space}:*" for space in NAMESPACES), *EVENTS)]
    if command == "config":
        knob, equals, _ = typed.partition("=")
        words_of = [(f"{knob}={word}", "value") for word in _WORDS.get(knob, ())]
        return words_of if equals else [(f"{knob}=", "setting") for knob in RUN_KNOBS]
    if command == "gantt":
        return [(run, "run") for run in _runs_in(words[2:])]
    if command in ("replay", "export") or words[1:3] == ["bench", "compare"]:
        return _paths(typed)
    parser = cell_parser() if words[0] == "%%orchestrate" else _parser(command)
    takes_nodes = words[0] == "%%orchestrate" or (parser is not None and parser.takes_nodes)
    behind = [("compare", "subcommand")] if words[1:] == ["bench"] else []
    return [*behind, *((name, "node") for name in known.nodes)] if takes_nodes else ()


def _last_part(words: Sequence[str], option: str, typed: str, known: Known) -> tuple[str, Found]:
    """Of a list only the part behind the last comma is completed."""
    listed = _key(words, option) in _LISTED
    return (typed.rpartition(",")[2] if listed else typed), _values(words, option, typed, known)


def _values(words: Sequence[str], option: str, typed: str, known: Known) -> Found:
    """What the value of an option may be."""
    key = _key(words, option)
    if key == "run" and len(words) > 2 and words[1] == "replay":
        return [(run, "run") for run in _runs_in(words[2:])]
    if key == "resources":
        return [(f"{name}=", "resource") for name in known.resources]
    return _paths(typed) if key in _FILES else _of_key(key, known)


def _key(words: Sequence[str], option: str) -> str:
    parser = cell_parser() if words[0] == "%%orchestrate" else _parser(_command(words))
    return "" if parser is None else parser.key_of(option)


def _takes_value(words: Sequence[str], option: str) -> bool:
    parser = cell_parser() if words[0] == "%%orchestrate" else _parser(_command(words))
    return parser is not None and option.startswith("-") and parser.takes_value(option)


def _command(words: Sequence[str]) -> str:
    return "bench compare" if words[1:3] == ["bench", "compare"] else words[1] if len(words) > 1 else ""


def _parser(command: str) -> Any:
    return parser_of(command, "magic") if command in commands("magic") or command == "bench compare" else None


def _options(words: Sequence[str]) -> Sequence[str]:
    if words[0] == "%%orchestrate":
        return cell_parser().options
    parser = _parser(_command(words))
    return parser.options if parser is not None else ("--help",)


def _fitting(typed: str, found: Found) -> tuple[str, list[tuple[str, str]]]:
    """Those that begin as it is typed; a text with blanks in quotes."""
    begun = typed.lstrip("\"'")
    fitting = [(text, kind) for text, kind in found if text.startswith(begun)]
    return typed, [(shlex.quote(text) if " " in text.rstrip() else text, kind) for text, kind in fitting]


def _paths(typed: str) -> Found:
    """Files and folders that begin so."""
    begun = os.path.expanduser(typed.lstrip("\"'"))
    found = sorted(glob.iglob(f"{glob.escape(begun)}*"))[:_MOST]
    return [(f"{path}{os.sep}" if os.path.isdir(path) else path, "path") for path in found]


def _runs_in(words: Sequence[str]) -> Iterator[str]:
    """The ids of the runs in the log that a line names."""
    log = next((word for word in words if os.path.isfile(word)), None)
    if log is None:
        return
    with open(log, "rb") as file:
        lines = file.read(_READ).splitlines()
    for line in lines:
        if b'"dag:built"' in line:
            record = json.loads(line)
            if isinstance(record, dict) and isinstance(record.get("run"), str):
                yield record["run"]


def _split(line: str) -> tuple[list[str], str]:
    """The words of a line, and as it was typed the last one, which may have begun with a quote."""
    quote, start = "", 0
    for position, sign in enumerate(line):
        if quote:
            quote = "" if sign == quote else quote
        elif sign in "\"'":
            quote = sign
        elif sign in " \t":
            start = position + 1
    return shlex.split(line[:start]), line[start:]


def in_cell(text: str, number: int, position: int, known: Callable[[], Known]) -> tuple[str, list[tuple[str, str]]]:
    """What may stand at the cursor of a cell: nothing, where the line is none of ours.

    Parameters
    ----------
    text
        The cell.
    number, position
        Line and column of the cursor, from 0.
    known
        Says what can be named.
    """
    lines = text.split("\n")
    line = lines[number][:position]
    if line.startswith("#|"):
        return setting_suggestions(line, known())
    if line.lstrip("# \t").startswith("%%") and line.startswith("#"):
        here = replace(known(), nodes=tuple(_named_in(lines[:number])))  # a pipeline's nodes know only one another
        return setting_suggestions(line, here) if lines[0].startswith("%%orchestrate") else ("", [])
    begin = line.find("%orchestrate")
    if begin < 0 or (line[:begin].strip(" %\t=_") and not line[:begin].rstrip().endswith("=")):
        return "", []
    if begin and line[begin - 1] == "%":
        begin -= 1
    return suggestions(line[begin:], known())


def _named_in(lines: Iterable[str]) -> Iterator[str]:
    """The names on the markers among some lines."""
    for line in lines:
        if line.startswith("#") and line.lstrip("# \t").startswith("%%"):
            words = line.partition("%%")[2].split()
            name = " ".join(takewhile(lambda word: "=" not in word and not word.startswith("["), words))
            if name:
                yield name


def matcher(known: Callable[[], Known]) -> Any:
    """Make the matcher to be hung into IPython's completer.

    Parameters
    ----------
    known
        Says what can be named.
    """
    from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

    @context_matcher(identifier="orchestra_nb")  # type: ignore[untyped-decorator]
    def orchestra(context: CompletionContext) -> Any:
        try:
            typed, found = in_cell(context.full_text, context.cursor_line, context.cursor_position, known)
        except Exception:  # a key that is pressed is no moment for a traceback
            typed, found = "", []
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in found],
            "matched_fragment": typed,
            "suppress": bool(found),
            "ordered": True,
        }

    return orchestra

"""The command line: words in, text and an exit code out.

Policy: this file parses, calls and shows; what the commands do is in :mod:`.commands`. The answer goes to standard
output, set for its width and in colour on a terminal (:mod:`.display.terminal`), as plain lines elsewhere, or with
``--json`` as exactly one object; messages and progress go to standard error.

Exit codes: 0 done, 1 a node failed (or results differ), 2 bad input and nothing has run, 130 stopped with Ctrl-C.
"""

from __future__ import annotations

import json
import os
import re
import sys
import traceback
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from typing import TYPE_CHECKING, Any, TextIO

from orchestra_nb.errors import ComparisonError, NodeError, OrchestraError
from orchestra_nb.grammar import parse

if TYPE_CHECKING:
    from orchestra_nb.answers import Answer, Follow
    from orchestra_nb.progress.tracker import ProgressTracker

DONE, FAILED, BAD_INPUT, INTERRUPTED = 0, 1, 2, 130
Listener = Callable[[Mapping[str, Any]], object]


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command.

    Parameters
    ----------
    argv
        The words after ``orchestra``; those of this process when not given.

    Returns
    -------
    int
        The exit code.

    Examples
    --------
    >>> main(["--version"])
    orchestra ...
    0
    """
    words = list(sys.argv[1:] if argv is None else argv)
    as_json = "--json" in words
    try:
        code = _command(words, as_json)
        sys.stdout.flush()
        return code
    except OrchestraError as error:
        if "--traceback" in words:
            _show_lines("".join(traceback.format_exception(error)).splitlines())
        _complain(error, as_json)
        return FAILED if isinstance(error, NodeError | ComparisonError) else BAD_INPUT
    except KeyboardInterrupt:
        print("stopped", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:  # the reader, such as `head`, has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return FAILED


def _command(words: Sequence[str], as_json: bool) -> int:
    if list(words) == ["--version"]:
        from orchestra_nb._version import __version__

        print(f"orchestra {__version__}")
        return DONE
    options = parse(words, "cli")
    if options.command == "help":
        print(options.text, file=sys.stdout if words else sys.stderr)
        return DONE if words else BAD_INPUT
    from orchestra_nb.commands import answer  # only now: help should not wait for pandas

    wanted = options.command in ("run", "resume", "verify", "bench") and not as_json
    with _progress(wanted, options.command) as (listen, follow):
        found = answer(options, listen, follow)
    if as_json:
        _print_json(found.data)
    else:
        _show(found)
    if options.traceback:
        for error in found.data.get("errors", ()):
            _show_lines(error.get("traceback", ()) if isinstance(error, Mapping) else ())
    return found.code


def _show_lines(lines: Iterable[str]) -> None:
    """Show a traceback: that of a node, or of this program."""
    from orchestra_nb.display.wording import clean

    for line in lines:
        for part in _COLOUR.sub("", line).splitlines() or [""]:
            _say(clean(part), sys.stderr)


_COLOUR = re.compile(r"\x1b\[[0-9;]*m")


def _print_json(data: Mapping[str, Any]) -> None:
    try:
        print(json.dumps(data, ensure_ascii=False, default=str))
    except UnicodeEncodeError:  # half a character, or an encoding that lacks one: JSON has escapes for them
        print(json.dumps(data, default=str))


def _complain(error: OrchestraError, as_json: bool) -> None:
    from orchestra_nb.display.wording import clean

    _say("\n".join(map(clean, str(error).split("\n"))), sys.stderr)
    if as_json:
        from orchestra_nb.answers import error_objects

        _print_json({"success": False, "errors": error_objects(error)})


def _show(found: Answer) -> None:
    from orchestra_nb.display.terminal import Prose, capable, drawn
    from orchestra_nb.display.wording import clean

    for issue in found.warnings:
        _say(f"{issue.severity}: {clean(issue)}", sys.stderr)
    if not capable(sys.stdout):
        _say(found.text)
        return
    _say(drawn(found.shown if found.shown is not None else Prose(found.text.split("\n")), sys.stdout))


def _say(text: str, stream: TextIO | None = None) -> None:
    """Print; what the stream's encoding does not have is said as an escape, rather than not at all."""
    stream = sys.stdout if stream is None else stream
    encoding = getattr(stream, "encoding", None) or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding), file=stream, flush=True)


@contextmanager
def _progress(wanted: bool, command: str) -> Iterator[tuple[Listener | None, Follow | None]]:
    """Show how far a command is: on a terminal in a view that moves, elsewhere in a line per node."""
    from orchestra_nb.display.terminal import capable

    if not wanted:
        yield None, None
    elif not capable(sys.stderr):
        yield _line_per_node, None
    elif command in ("verify", "bench"):
        with _bar_of_runs() as listen:
            yield listen, None
    else:
        from orchestra_nb.display.terminal.live import live_run

        with ExitStack() as stack:

            def follow(tracker: ProgressTracker) -> None:
                stack.enter_context(live_run(tracker))

            yield _notes, follow


@contextmanager
def _bar_of_runs() -> Iterator[Listener]:
    """Show how many runs of a proof or of a sweep are done."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("starting", total=None)

        def listen(event: Mapping[str, Any]) -> None:
            what = ("searching for the cause: " if event.get("searching") else "") + str(event["what"])
            done = event["number"] - event["name"].endswith(":run-started")
            bar.update(task, total=event["total"], completed=done, description=what)

        yield listen


def _notes(event: Mapping[str, Any]) -> None:
    """Say what is to be said beside the view that moves: above it."""
    from orchestra_nb.display.wording import clean

    if event.get("name") == "note":
        _say(clean(event["text"]), sys.stderr)


def _line_per_node(event: Mapping[str, Any]) -> None:
    """Tell of a node of a run that ended, or of a run of a proof."""
    from orchestra_nb.display.wording import clean, duration

    took = duration(event.get("seconds") or 0.0)
    words: tuple[Any, ...] = ()
    if event.get("name") == "note":
        words = (event["text"],)
    elif event.get("name") == "execution:node-ended":
        words = (event.get("node"), event.get("status"), took, event.get("reason"))
    elif event.get("name") == "verification:run-ended":
        which = "search" if event["searching"] else f"run {event['number']} of {event['total']}"
        words = (which, event["what"], took, "failed" if event["failed"] else "")
    elif event.get("name") == "bench:run-started":
        words = (event["what"],)
    if words:
        _say("  ".join(clean(word) for word in words if word), sys.stderr)

"""Tab completion of the magics: subcommands, options, their values, and node names.

IPython completes the names of magics and nothing behind them. A version-2 matcher sees the whole cell and the cursor,
and answers only on the lines that are ours, so Python completion in a cell's body is as it was.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any, get_args

from orchestra_nb.config import Policy
from orchestra_nb.grammar import cell_parser, commands, parser_of

_BACKENDS = ("threading", "loky", "sequential", "multiprocessing", "async", "inherit")
_VALUES: dict[str, Sequence[str]] = {"--backend": _BACKENDS, "--policy": get_args(Policy)}


def suggestions(line: str, nodes: Iterable[str]) -> tuple[str, list[tuple[str, str]]]:
    """What may stand at the end of a magic line.

    Parameters
    ----------
    line
        From its ``%`` to the cursor.
    nodes
        The names of the declared nodes.

    Returns
    -------
    str, list of (text, kind)
        The word that is being typed, and what it may become.

    Examples
    --------
    >>> suggestions("%orchestrate ru", [])
    ('ru', [('run', 'subcommand')])
    >>> suggestions("%orchestrate run --policy long", [])
    ('long', [('longest-first', 'value')])
    >>> suggestions("%orchestrate run lo", ["load", "train"])
    ('lo', [('load', 'node')])
    """
    words = line.split()
    typed = "" if line.endswith((" ", "\t")) else words.pop()
    if not words:  # still typing the magic's own name, which IPython completes
        return typed, []
    before = words[-1]
    if before in _VALUES:
        found = [(value, "value") for value in _VALUES[before]]
    elif typed.startswith("-"):
        found = [(option, "option") for option in _options(words)]
    elif words[0] == "%orchestrate" and len(words) == 1:
        found = [(command, "subcommand") for command in commands("magic")]
    else:
        found = [(node, "node") for node in nodes]
    return typed, [(text, kind) for text, kind in found if text.startswith(typed)]


def _options(words: Sequence[str]) -> Sequence[str]:
    if words[0] == "%%orchestrate":
        return cell_parser().options
    command = words[1] if len(words) > 1 else ""
    return parser_of(command, "magic").options if command in commands("magic") else ("--help",)


def matcher(nodes: Callable[[], Iterable[str]]) -> Any:
    """Make the matcher to be hung into IPython's completer.

    Parameters
    ----------
    nodes
        Says the names of the declared nodes.
    """
    from IPython.core.completer import CompletionContext, SimpleCompletion, context_matcher

    @context_matcher(identifier="orchestra_nb")  # type: ignore[untyped-decorator]
    def orchestra(context: CompletionContext) -> Any:
        line = context.full_text.split("\n")[context.cursor_line][: context.cursor_position]
        begin = line.find("%orchestrate")
        if begin < 0 or (line[:begin].strip(" %\t=_") and not line[:begin].rstrip().endswith("=")):
            return {"completions": [], "suppress": False}
        if begin and line[begin - 1] == "%":
            begin -= 1
        typed, found = suggestions(line[begin:], nodes())
        return {
            "completions": [SimpleCompletion(text, type=kind) for text, kind in found],
            "matched_fragment": typed,
            "suppress": bool(found),
            "ordered": True,
        }

    return orchestra

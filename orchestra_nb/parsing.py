"""An argparse parser that raises our errors, and how a line becomes words; what they mean is in :mod:`.grammar`.

Its help says the default of each option that has one: of those that change a run, what a run has when nobody says
anything; ``%config Orchestrate`` and a project's settings go before that.
"""

from __future__ import annotations

import argparse
import shlex
from argparse import Namespace
from collections.abc import Sequence
from dataclasses import fields
from typing import Any, NoReturn

from orchestra_nb.config import RunConfig, read_capacity
from orchestra_nb.errors import CommandError, ConfigError, nearest


class HelpAsked(Exception):
    """Leaves argparse, which would print the help and exit."""


class _Help(argparse.RawDescriptionHelpFormatter):
    """Help with the defaults of options, and examples as they are written."""

    def _get_help_string(self, action: argparse.Action) -> str:
        default = _DEFAULTS.get(action.dest, action.default)
        told = isinstance(default, str | int | float) and not isinstance(default, bool)
        if not told or default == argparse.SUPPRESS or not action.option_strings or action.nargs == 0:
            return action.help or ""
        return f"{action.help} (default: {str(default).replace('%', '%%')})"


_DEFAULTS = {field.name: getattr(RunConfig(), field.name) for field in fields(RunConfig) if field.name != "cache"}
_DEFAULTS |= {"jobs": "one per core", "backend": "threading", "timeout": "no limit", "async_jobs": "any number"}


class _HelpAction(argparse.Action):
    def __call__(self, *_: object, **__: object) -> NoReturn:
        raise HelpAsked


class Parser(argparse.ArgumentParser):
    """An argparse parser that raises our errors and never exits.

    Raises
    ------
    CommandError
        On any line that it cannot understand.
    """

    def __init__(
        self,
        prog: str,
        description: str = "",
        example: str = "",
        formatter: type[argparse.HelpFormatter] = _Help,
    ) -> None:
        epilog = f"example:\n  {example}" if example else None
        shown: dict[str, Any] = {"description": description, "epilog": epilog, "formatter_class": formatter}
        super().__init__(prog=prog, add_help=False, allow_abbrev=False, **shown)
        suppress = argparse.SUPPRESS
        self.add_argument(
            "-h", "--help", action=_HelpAction, nargs=0, dest=suppress, default=suppress, help="show this text"
        )

    def error(self, message: str) -> NoReturn:
        """Raise what argparse would print before it exits."""
        raise CommandError(f"{self.prog}: {message}; see {self.prog} --help")

    def understand(self, words: Sequence[str]) -> Namespace:
        """Parse words, options and names in any order."""
        namespace, unknown = self.parse_known_intermixed_args(list(words))
        if unknown:
            word = unknown[0]
            if not word.startswith("-"):
                self.error(f"{word!r} is one word too many")
            option = word.split("=")[0]
            raise CommandError(f"{self.prog}: no option {option!r}; {nearest(option, self.options)}")
        for name in {"nodes", "asked", "names", "assignments"} & vars(namespace).keys():
            setattr(namespace, name, list(getattr(namespace, name)))
        return namespace

    def takes_value(self, option: str) -> bool:
        """Whether a word must follow an option."""
        action = self._option_string_actions.get(option)
        return action is not None and action.nargs not in (0, "?") and not isinstance(action, _HelpAction)

    def key_of(self, option: str) -> str:
        """What an option's value is called when it is parsed; empty for no option."""
        action = self._option_string_actions.get(option)
        return "" if action is None else action.dest

    @property
    def takes_nodes(self) -> bool:
        """Whether nodes may be named without an option."""
        return any(action.dest in ("nodes", "asked", "source", "target") for action in self._get_positional_actions())

    @property
    def options(self) -> tuple[str, ...]:
        """Every option, as it is typed."""
        return tuple(self._option_string_actions)


def split_line(line: str) -> list[str]:
    """Split a magic line into words as a shell would; ``#`` begins a comment.

    Examples
    --------
    >>> split_line('run "my node" -j 2  # two at once')
    ['run', 'my node', '-j', '2']
    """
    try:
        return shlex.split(line, comments=True)
    except ValueError:
        raise CommandError(f"an open quote in {line.strip()!r}; close it, or put a backslash before it") from None


def whole(text: str) -> int:
    """Read a whole number, for argparse."""
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None


def number(text: str) -> float:
    """Read a number, for argparse."""
    try:
        return float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a number") from None


def wholes(text: str) -> list[int]:
    """Read whole numbers with commas between them, for argparse.

    Examples
    --------
    >>> wholes("1,2,4")
    [1, 2, 4]
    """
    return [whole(part.strip()) for part in text.split(",")]


def words_of(text: str) -> list[str]:
    """Read words with commas between them, for argparse.

    Raises
    ------
    argparse.ArgumentTypeError
        One of them is empty.

    Examples
    --------
    >>> words_of("threading, loky")
    ['threading', 'loky']
    """
    found = [part.strip() for part in text.split(",")]
    if not all(found):
        raise argparse.ArgumentTypeError(f"{text!r} is not a list of words, as a,b")
    return found


def svg_file(text: str) -> str:
    """Read the name of a picture, for argparse.

    Raises
    ------
    argparse.ArgumentTypeError
        It is to be another kind of picture.

    Examples
    --------
    >>> svg_file("run.svg")
    'run.svg'
    """
    if not text.lower().endswith(".svg"):
        raise argparse.ArgumentTypeError(f"{text!r} does not end with .svg; the picture is one")
    return text


def amount(text: str) -> tuple[str, int | str]:
    """Read how much there is of a resource: a name, ``=``, and a whole number or a rate.

    Raises
    ------
    argparse.ArgumentTypeError
        It is neither.

    Examples
    --------
    >>> amount("gpu=2"), amount("api=60/min")
    (('gpu', 2), ('api', '60/min'))
    """
    name, equals, given = text.partition("=")
    if not name or not equals:
        raise argparse.ArgumentTypeError(f"{text!r} is not NAME=N, as gpu=2 or api=60/min")
    much: int | str = int(given) if given.isdecimal() else given
    try:
        read_capacity(name, much)
    except ConfigError as error:
        raise argparse.ArgumentTypeError(str(error)) from None
    return name, much


def factor(text: str) -> tuple[str, float]:
    """Read by what factor a node is faster: its name, ``=``, and a positive number.

    Raises
    ------
    argparse.ArgumentTypeError
        It is neither.

    Examples
    --------
    >>> factor("train=2"), factor("a=b=0.5")
    (('train', 2.0), ('a=b', 0.5))
    """
    name, _, given = text.rpartition("=")
    try:
        found = float(given)
    except ValueError:
        found = 0.0
    if not name or not 0 < found < float("inf"):
        raise argparse.ArgumentTypeError(f"{text!r} is not NODE=F with a positive number, as train=2")
    return name, found

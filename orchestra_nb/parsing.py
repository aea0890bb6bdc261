"""An argparse parser that raises our errors, and how a line becomes words; what they mean is in :mod:`.grammar`."""

from __future__ import annotations

import argparse
import shlex
from argparse import Namespace
from collections.abc import Sequence
from typing import NoReturn

from orchestra_nb.config import read_capacity
from orchestra_nb.errors import CommandError, ConfigError, nearest


class HelpAsked(Exception):
    """Leaves argparse, which would print the help and exit."""


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

    def __init__(self, prog: str, description: str = "") -> None:
        super().__init__(prog=prog, description=description, add_help=False, allow_abbrev=False)
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
        for name in {"nodes", "assignments"} & vars(namespace).keys():
            setattr(namespace, name, list(getattr(namespace, name)))
        return namespace

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

"""Lines of prose on a terminal: tinted by what they begin with, broken between words and set in where they are long."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from orchestra_nb.display.wording import clean
from orchestra_nb.errors import Issue

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions
    from rich.text import Text

_TINTS: Mapping[str, str] = {
    **dict.fromkeys(("levels", "edges", "schedule", "DAG", "what differs"), "bold"),
    **dict.fromkeys(("error", "✗", "  ✗", "same results: no", "do not parse", "missing edge"), "bold red"),
    **dict.fromkeys(("warning", "not kept", "noticed", "■", "  ■", "in doubt", "needs a person"), "yellow"),
    **dict.fromkeys(("✓", "  ✓", "same results: yes", "valid"), "green"),
    **dict.fromkeys(("critical path", "◆"), "bold blue"),
    **dict.fromkeys(("→", "  to mend it"), "cyan"),
}
_LEAST = 20
"""Columns below which nothing is broken: the terminal does it as it likes."""
_MARKS = {"error": ("✗", "bold red"), "warning": ("!", "yellow")}


@dataclass(frozen=True)
class Prose:
    """Lines, as plain text would have them.

    Parameters
    ----------
    lines
        Each of one thing; made here, with names cleaned.

    Examples
    --------
    >>> from rich.console import Console
    >>> console = Console(width=24, color_system=None)
    >>> console.print(Prose(["error: the file is not there; give another one"]))
    error: the file is not
      there; give another
      one
    """

    lines: Sequence[str]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        for line in self.lines:
            style, until = tint(line)
            yield from broken(line, options.max_width, console, style, until=until)


@dataclass(frozen=True)
class Faults:
    """What was found wrong: a mark, where and what, and below it what to do."""

    issues: Sequence[Issue]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> Iterator[Text]:
        from rich.text import Text

        if not self.issues:
            yield Text("✓ valid: nothing was found wrong", "green")
        for issue in self.issues:
            mark, style = _MARKS.get(issue.severity, ("", ""))
            place = f"{issue.path}: " if issue.path else ""
            first = f"{mark} {clean(issue.severity)} [{clean(issue.code)}] {clean(place)}{clean(issue.message)}"
            head = len(mark) + len(clean(issue.severity)) + len(clean(issue.code)) + 4
            yield from broken(first, options.max_width, console, style, until=head)
            if issue.suggestion:
                yield from broken(f"  → {clean(issue.suggestion)}", options.max_width, console, "cyan", until=3)


def tint(line: str) -> tuple[str, int]:
    """Choose the style of a line by what it begins with, and up to where: to its first colon, or all of it.

    Examples
    --------
    >>> tint("error: no such file"), tint("same results: yes"), tint("load")
    (('bold red', 6), ('green', 17), ('', 4))
    """
    start, style = next(((start, style) for start, style in _TINTS.items() if line.startswith(start)), ("", ""))
    until = line.find(":", len(start)) + 1 if style else 0
    return style, until or len(line)


def broken(line: str, width: int, console: Console, style: str = "", *, until: int | None = None) -> Iterator[Text]:
    """Break a line between words; what is left of it is set in by two more than its beginning.

    Parameters
    ----------
    line
        One line, cleaned.
    width
        Cells that there are.
    console
        For which terminal.
    style
        Of the line.
    until
        Only so many characters of it have the style.
    """
    from rich.text import Text

    text = Text(line)
    text.stylize(style, 0, len(line) if until is None else until)
    inset = len(line) - len(line.lstrip(" ")) + 2
    if text.cell_len <= width or width - inset < _LEAST:
        yield text
        return
    text = text[inset - 2 :]
    for number, part in enumerate(text.wrap(console, width - inset)):
        part.rstrip()
        yield Text(" " * (inset if number else inset - 2)).append_text(part)

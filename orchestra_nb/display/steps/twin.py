"""The static twin of a story: the whole walk on a page without scripts, and in plain text. Pure.

Policy: above stands what the story comes to, and the panels of the whole (else those of the last frame); then a table
with a row for each frame: what happened, and its facts; then each frame, all but the first folded away.
**It never weighs more than 300 kB**, however many frames there are: pictures of frames go first, then tables get
shorter, and what is left out is said (:mod:`~orchestra_nb.display.dashboard.fitting`). Of a long story pictures are not
even begun for more than :data:`_PICTURED` frames, since each takes some milliseconds.

Rejected: every frame as a picture (one of 300 boxes weighs 60 kB), an animated SVG (nobody can stop it, and GitHub does
not play it).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import cache, partial

from orchestra_nb.display import html
from orchestra_nb.display.dashboard.fitting import Part, fitted
from orchestra_nb.display.dashboard.lighter import plainer, plainest
from orchestra_nb.display.steps.painting import Painted, painted
from orchestra_nb.display.wording import clean, count, short
from orchestra_nb.labs.story import Choice, Control, Frame, Panel, Story

MOST = 300_000
"""Bytes of a twin."""
MOST_LINES = 200
"""Frames in plain text."""
_PICTURED = 12
_DETAILED = 200
_TOLD = 400
_SAID = 160
_BOLD = "font-weight:bold"
_GRID = "display:flex;flex-wrap:wrap;gap:4px 24px;align-items:flex-start"

Version = Callable[[], str]


def story_html(story: Story, most: int = MOST) -> str:
    """Make the static twin of a story.

    Parameters
    ----------
    story
        What is told.
    most
        How many bytes it may weigh.

    Examples
    --------
    >>> page = story_html(Story("Two steps", [Frame("0 s", ("<a> begins",), ()), Frame("1 s", ("it ends",), ())]))
    >>> "&lt;a&gt; begins" in page, "<script" in page, "<summary>Step 2 of 2 · 1 s</summary>" in page
    (True, False, True)
    """
    return fitted(list(_parts(story)), most)


def story_text(story: Story, most: int = MOST_LINES) -> str:
    """Tell a story in plain text: what it comes to, then a few lines for each frame.

    Parameters
    ----------
    story
        What is told.
    most
        Of how many frames.

    Examples
    --------
    >>> frame = Frame("0 s", ("load begins",), (), {"ready": "", "running": "load"})
    >>> print(story_text(Story("One step", [frame], ("it takes 1.0 s",))))
    One step: 1 step
      it takes 1.0 s
    1  0 s  load begins
         running: load
    """
    frames = story.frames
    lines = [f"{clean(story.title)}: {count(len(frames), 'step')}", *(f"  {clean(line)}" for line in story.summary)]
    wide = len(str(len(frames)))
    for number in range(min(len(frames), most)):
        frame = frames[number]
        lines.append(f"{number + 1:>{wide}}  {clean(frame.title)}  {short('; '.join(frame.told), _TOLD)}")
        facts = [f"{clean(name)}: {short(value, _SAID)}" for name, value in frame.facts.items() if value]
        lines += [" " * (wide + 4) + " · ".join(facts)] if facts else []
    left = len(frames) - most
    return "\n".join([*lines, *([f"… and {count(left, 'more step')}; the frame has all of them"] if left > 0 else [])])


def control_line(controls: Sequence[Control]) -> str:
    """Say how the controls stand.

    Examples
    --------
    >>> control_line((Choice("policy", "Policy", "fifo", ("fifo", "random")),))
    'Policy: fifo'
    """
    return " · ".join(f"{clean(control.label)}: {_stands(control)}" for control in controls)


def _stands(control: Control) -> str:
    if isinstance(control, Choice):
        return short(control.value, 60)
    return f"{control.value:g}" + (f" {clean(control.unit)}" if control.unit else "")


def _parts(story: Story) -> Iterator[Part]:
    yield Part(0.05, [lambda: _head(story)])
    panels = story.overview or story.frames[-1].panels
    if panels:
        yield Part(0.35, _versions(panels))
    yield Part(0.2, _table(story))
    yield Part(0.35, _each(story))


def _head(story: Story) -> str:
    title = f"{story.title}: {count(len(story.frames), 'step')}"
    turned = control_line(story.controls)
    lines = [*([turned] if turned else []), *story.summary]
    return html.paragraph(short(title, _TOLD), _BOLD) + "".join(html.paragraph(short(line, _TOLD)) for line in lines)


def _versions(panels: Sequence[Panel]) -> list[Version]:
    """Panels with their pictures: as they are, lighter, lighter still, and in words only."""
    made = cache(lambda: [(panel.title, painted(panel)) for panel in panels])
    ways: Sequence[Callable[[str], str] | None] = (lambda svg: svg, plainer, plainest, None)
    return [partial(lambda way: "".join(panel_html(title, each, way) for title, each in made()), way) for way in ways]


def panel_html(title: str, panel: Painted, way: Callable[[str], str] | None = None) -> str:
    """One panel below its heading; without a way to make its picture lighter, in words.

    Examples
    --------
    >>> panel_html("Ready", Painted(markup="<p>none</p>"))
    '<div><p style="margin:4px 0;font-weight:bold">Ready</p><p>none</p></div>'
    """
    shown = ""
    if panel.draw is not None:
        words = short(panel.said, _TOLD) or "a picture"
        shown = html.picture(way(panel.svg), words) if way is not None else html.paragraph(f"(picture) {words}")
    return f"<div>{html.paragraph(short(title, _SAID), _BOLD)}{shown}{panel.markup}</div>"


def _table(story: Story) -> list[Version]:
    """A row for each frame."""
    frames = story.frames
    names = tuple(frames[0].facts)
    row = cache(lambda number: _row(number, frames[number], names))

    def version(most: int) -> str:
        shown = min(len(frames), most)
        rows = [row(number) for number in range(shown)]
        table = html.table(("step", "when", "what happened", *names), rows)
        left = len(frames) - shown
        more = html.paragraph(f"and {left:,} more; the frame has all of them") if left else ""
        return f'<div style="overflow-x:auto">{table}</div>{more}'

    def without() -> str:
        return html.paragraph(f"{count(len(frames), 'step')}; the frame has all of them")

    return [*(partial(version, most) for most in (html.MOST_ROWS, 200, 80, 30, 10)), without]


def _row(number: int, frame: Frame, names: Sequence[str]) -> tuple[object, ...]:
    facts = (short(frame.facts.get(name, ""), _SAID) for name in names)
    when = short(frame.title, 40).replace(" ", "\N{NO-BREAK SPACE}")
    return (number + 1, when, short("; ".join(frame.told), _TOLD), *facts)


def _each(story: Story) -> list[Version]:
    """Each frame folded away, with ever fewer of them, and ever fewer with pictures."""
    many = len(story.frames)
    frame = cache(lambda number: story.frames[number])
    kept = cache(lambda number: [(panel.title, painted(panel)) for panel in frame(number).panels])

    def version(detailed: int, pictured: int, way: Callable[[str], str]) -> str:
        chosen = spread(many, detailed)
        pictures = set(spread(many, pictured))
        each = ((number, way if number in pictures else None) for number in chosen)
        shown = "".join(_folded((number, many), frame(number), kept(number), how) for number, how in each)
        left = many - len(chosen)
        return shown + (html.paragraph(f"{count(left, 'step')} between are in the table only") if left else "")

    pictured = min(many, _PICTURED)
    versions: list[Version] = [partial(version, _DETAILED, pictured, plainer)]
    versions += [partial(version, _DETAILED, fewer, plainest) for fewer in (pictured, 6, 2) if fewer <= pictured]
    return [*versions, *(partial(version, few, 2, plainest) for few in (40, 10, 2)), lambda: ""]


def _folded(
    place: tuple[int, int], frame: Frame, panels: Sequence[tuple[str, Painted]], way: Callable[[str], str] | None
) -> str:
    number, many = place
    told = "".join(html.paragraph(short(line, _TOLD)) for line in frame.told)
    parts = [panel_html(title, each, way) for title, each in panels if way is not None or each.markup]
    body = told + f'<div style="{_GRID}">{"".join(parts)}</div>'
    return html.details(f"Step {number + 1:,} of {many:,} · {short(frame.title, 40)}", body, shown=number == 0)


def spread(many: int, chosen: int) -> list[int]:
    """Choose so many of so many, the first and the last among them, evenly.

    Examples
    --------
    >>> spread(10, 4), spread(3, 9), spread(5, 1)
    ([0, 3, 6, 9], [0, 1, 2], [0])
    """
    if chosen >= many:
        return list(range(many))
    return sorted({round(i * (many - 1) / max(chosen - 1, 1)) for i in range(max(chosen, 1))})

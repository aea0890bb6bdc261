"""The retry lab's picture: how many calls reach the service at each moment, one row for each storm. Pure.

Policy: rows have one time axis and one height for one call, so a herd is a high thin needle and a spread crowd a low
broad heap. A bar is stacked from how calls ended, in the colours of states, with a legend; the time in which the
service is down is shaded. What was asked for is the bold row. Calls that a breaker refused never reached the service,
and are in no bar.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from orchestra_nb.display.gantt.axis import ticks
from orchestra_nb.display.labs import paper
from orchestra_nb.display.looks import LOOKS, Look
from orchestra_nb.display.picture.layout import text_width
from orchestra_nb.display.wording import count, short
from orchestra_nb.labs.retry import StormChart
from orchestra_nb.labs.storm import Result, Storm

_WIDTH, _LEFT, _RIGHT, _TOP = 940.0, 226.0, 24.0, 26.0
_ROW, _GAP = 78.0, 12.0
_FINER = 4
"""Bars within a step of time, so that a herd is seen as one."""
_LEAST = 2.6
_DOWN, _DOWN_EDGE = "#f7e8dc", "#c98a5e"
LOOK_OF: dict[Result, Look] = {"ok": LOOKS["done"], "overloaded": LOOKS["cancelled"], "down": LOOKS["failed"]}
_WORDS: dict[Result, str] = {"ok": "answered", "overloaded": "turned away: too many at once", "down": "found it down"}


def storm_svg(panel: StormChart) -> str:
    """Draw the load of each storm, as far as it has come.

    Examples
    --------
    >>> from orchestra_nb.labs.retry import retry_lab
    >>> svg = storm_svg(retry_lab(clients=10, outage=2.0).story.overview[0])
    >>> svg.startswith("<svg"), svg.count("jitter 0.5</text>")
    (True, 1)
    """
    return _Sheet(panel).svg()


def said(panel: StormChart) -> str:
    """Say what the picture shows.

    Examples
    --------
    >>> from orchestra_nb.labs.retry import retry_lab
    >>> said(retry_lab(clients=3, outage=0).story.overview[0]).split("; ")[0]
    'calls that reach the service: jitter 0: 3 calls, up to 0 retries at once'
    """
    told = (f"{each.name}: {count(_reached(each, panel.until), 'call')}, up to {each.peak} retries at once"
            for each in panel.storms)  # fmt: skip
    return f"calls that reach the service: {'; '.join(told)}"


def lines(panel: StormChart) -> tuple[str, ...]:
    """Say it in lines of text.

    Examples
    --------
    >>> from orchestra_nb.labs.retry import retry_lab
    >>> lines(retry_lab(clients=3, outage=0).story.overview[0])[0]
    'jitter 0: 3 calls reached the service so far'
    """
    return tuple(f"{each.name}: {count(_reached(each, panel.until), 'call')} reached the service so far"
                 for each in panel.storms)  # fmt: skip


def _reached(each: Storm, until: float | None) -> int:
    return sum(attempt.result != "refused" and (until is None or attempt.at < until) for attempt in each.attempts)


@dataclass(frozen=True)
class _Sheet:
    panel: StormChart

    def x(self, at: float) -> float:
        """Where a moment stands."""
        return _LEFT + min(at, self.panel.end) / self.panel.end * (_WIDTH - _LEFT - _RIGHT)

    def svg(self) -> str:
        """Draw it."""
        width = self.panel.width / _FINER
        loads = [each.load(width, self.panel.until) for each in self.panel.storms]
        most = max((sum(one.values()) for each in self.panel.storms for one in each.load(width)), default=1) or 1
        bottom = _TOP + (_ROW + _GAP) * len(self.panel.storms)
        parts = list(self._paper(bottom))
        for number, (each, load) in enumerate(zip(self.panel.storms, loads, strict=True)):
            base = _TOP + (_ROW + _GAP) * number + _ROW
            parts += self._label(each, base, most)
            for place, one in enumerate(load):
                if one:
                    parts.append(self._bar(place * width, width, base, {k: v / most for k, v in one.items()}, one))
        if self.panel.until is not None:
            x = self.x(self.panel.until)
            parts.append(paper.line((x, _TOP - 4), (x, bottom), paper.INK, 1.4, "5,3"))
        parts += _legend(bottom + 40)
        return paper.sheet(_WIDTH, bottom + 56, said(self.panel), parts)

    def _paper(self, bottom: float) -> Iterator[str]:
        outage = max((each.crowd.outage for each in self.panel.storms), default=0.0)
        if outage > 0:  # it begins with the first calls
            left, right = self.x(0.0), self.x(outage)
            yield paper.box((left, _TOP - 6), (right - left, bottom - _TOP + 6), _DOWN, _DOWN_EDGE, width=0.8, round=0)
            yield paper.words(left + 8, _TOP - 11, "the service is down", colour=paper.GREY)
        steps = f"calls in {self.panel.width / _FINER:g} s"
        yield paper.words(_LEFT - 6, _TOP - 11, steps, anchor="end", colour=paper.GREY)
        for at, told in ticks(self.panel.end, 12):
            yield paper.line((self.x(at), _TOP), (self.x(at), bottom + 4), "#dcdcdc", 0.8)
            yield paper.words(self.x(at), bottom + 18, told, anchor="middle", colour=paper.GREY)

    def _label(self, each: Storm, base: float, most: int) -> Iterator[str]:
        bold = each.name == self.panel.chosen
        yield paper.words(_LEFT - 30, base - _ROW / 2, short(each.name, 26), anchor="end", bold=bold)
        told = f"{count(_reached(each, self.panel.until), 'call')} so far" if self.panel.until is not None else ""
        told = told or f"{count(each.reached, 'call')} in all"
        yield paper.words(_LEFT - 30, base - _ROW / 2 + 17, told, anchor="end", colour=paper.GREY)
        yield paper.words(_LEFT - 6, base - _ROW + 10, f"{most}", anchor="end", colour=paper.GREY)
        yield paper.line((_LEFT, base), (_WIDTH - _RIGHT, base), paper.INK, 1.0)
        yield paper.line((_LEFT - 4, base - _ROW), (_LEFT, base - _ROW), paper.GREY, 1.0)
        yield paper.line((_LEFT, base - _ROW), (_LEFT, base), paper.GREY, 1.0)

    def _bar(
        self, at: float, width: float, base: float, shares: Mapping[Result, float], counts: Mapping[Result, int]
    ) -> str:
        left, wide = self.x(at), max(self.x(at + width) - self.x(at), _LEAST)
        drawn, y = "", base
        for result, look in LOOK_OF.items():
            if shares.get(result):
                high = shares[result] * _ROW
                y -= high
                tip = f"{at:g} to {at + width:g} s: {counts[result]} {_WORDS[result]}"
                drawn += paper.box((left, y), (wide, high), look.fill, look.border, width=0.9, round=0, tip=tip)
        return drawn


def _legend(y: float) -> Iterator[str]:
    x = _LEFT
    for result, look in LOOK_OF.items():
        yield paper.box((x, y - 11), (14, 13), look.fill, look.border, round=0)
        yield paper.words(x + 20, y, _WORDS[result])
        x += 44 + text_width(_WORDS[result], paper.SIZE)

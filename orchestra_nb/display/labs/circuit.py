"""The breaker lab's picture: the states of the circuit as a band, and each call as a mark, with and without it.

Policy: one time axis for everything. The time in which the service is down is shaded through all rows. A call is a bar
as long as its caller waited, in the colours of its end with a mark; a probe has a heavy border and a question mark; a
refusal takes no time, and is a small hollow square in a row of its own. Calls that overlap stand in lanes below each
other, as few as there can be; beyond :data:`_MOST_LANES` they share the last one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from orchestra_nb.display.gantt.axis import ticks
from orchestra_nb.display.labs import paper
from orchestra_nb.display.looks import LOOKS, Look
from orchestra_nb.display.picture.layout import text_width
from orchestra_nb.display.wording import duration
from orchestra_nb.labs.breaker import CircuitChart
from orchestra_nb.labs.circuit_course import ServiceCall, Stay

_WIDTH, _LEFT, _RIGHT, _TOP = 940.0, 128.0, 24.0, 26.0
_BAND, _LANE, _BAR, _GAP = 24.0, 15.0, 11.0, 12.0
_MOST_LANES = 8
_DOWN, _DOWN_EDGE = "#f7e8dc", "#c98a5e"
STATES: dict[str, Look] = {"closed": LOOKS["done"], "open": LOOKS["failed"], "half-open": LOOKS["cancelled"]}
RESULTS: dict[str, Look] = {"ok": LOOKS["done"], "failed": LOOKS["failed"]}


def circuit_svg(panel: CircuitChart) -> str:
    """Draw the circuit and the calls, as far as they have come.

    Examples
    --------
    >>> from orchestra_nb.labs.breaker import breaker_lab
    >>> svg = circuit_svg(breaker_lab().story.overview[0])
    >>> svg.startswith("<svg"), "call 6 failed" in svg
    (True, True)
    """
    return _Sheet(panel).svg()


def said(panel: CircuitChart) -> str:
    """Say what the picture shows.

    Examples
    --------
    >>> from orchestra_nb.labs.breaker import breaker_lab
    >>> said(breaker_lab(outage=()).story.overview[0])
    'the circuit is closed from 0 s; 30 calls: 30 ok, 0 failed, 0 refused; without a breaker 0 failed'
    """
    until = panel.end if panel.until is None else panel.until
    stays = ", ".join(f"{stay.state} from {duration(stay.start)}" for stay in panel.stays if stay.start <= until)
    calls = [call for call in panel.calls if call.began <= until]
    ends = {result: sum(call.result == result for call in calls) for result in ("ok", "failed", "refused")}
    counted = ", ".join(f"{number} {result}" for result, number in ends.items())
    others = sum(call.result == "failed" for call in panel.others if call.began <= until)
    return f"the circuit is {stays}; {len(calls)} calls: {counted}; without a breaker {others} failed"


@dataclass(frozen=True)
class _Sheet:
    panel: CircuitChart

    def x(self, at: float) -> float:
        """Where a moment stands."""
        return _LEFT + min(at, self.panel.end) / (self.panel.end or 1.0) * (_WIDTH - _LEFT - _RIGHT)

    @property
    def until(self) -> float:
        """Up to when something is drawn."""
        return self.panel.end if self.panel.until is None else self.panel.until

    def svg(self) -> str:
        """Draw it."""
        made = [call for call in self.panel.calls if call.result != "refused"]
        refused = [call for call in self.panel.calls if call.result == "refused"]
        mine, others = lanes(made), lanes(self.panel.others)
        rows, top = [], _TOP + _BAND + _GAP
        rows += [paper.words(_LEFT - 10, _TOP + 17, "circuit", anchor="end", bold=True), *self._band()]
        rows += [paper.words(_LEFT - 10, top + 12, "with it", anchor="end", bold=True)]
        rows += list(self._calls(mine, top))
        top += _LANE * max([1, *(lane + 1 for _, lane in mine)])
        rows += [paper.words(_LEFT - 10, top + 11, "refused", anchor="end")]
        rows += list(self._refusals(refused, top))
        top += _LANE + _GAP
        rows += [paper.words(_LEFT - 10, top + 12, "without it", anchor="end", bold=True)]
        rows += list(self._calls(others, top))
        bottom = top + _LANE * max([1, *(lane + 1 for _, lane in others)]) + 4
        parts = [*self._paper(bottom), *rows, *self._now(bottom), *_legend(bottom + 44)]
        return paper.sheet(_WIDTH, bottom + 60, said(self.panel), parts)

    def _paper(self, bottom: float) -> Iterator[str]:
        for start, end in self.panel.outages:
            left, right = self.x(start), self.x(end)
            if start > self.panel.end:
                continue
            yield paper.box((left, _TOP - 6), (right - left, bottom - _TOP + 6), _DOWN, _DOWN_EDGE, width=0.8, round=0)
            yield paper.words((left + right) / 2, _TOP - 11, "the service is down", anchor="middle", colour=paper.GREY)
        for at, told in ticks(self.panel.end, 12):
            yield paper.line((self.x(at), _TOP), (self.x(at), bottom + 4), "#dcdcdc", 0.8)
            yield paper.words(self.x(at), bottom + 18, told, anchor="middle", colour=paper.GREY)

    def _band(self) -> Iterator[str]:
        for stay in self.panel.stays:
            if stay.start > self.until:
                continue
            look, end = STATES[stay.state], min(stay.end, self.until)
            left, wide = self.x(stay.start), max(self.x(end) - self.x(stay.start), 3.0)
            tip = f"{stay.state} from {duration(stay.start)} to {duration(stay.end)}"
            yield paper.box((left, _TOP), (wide, _BAND), look.fill, look.border, width=1.4, tip=tip)
            told = next((w for w in (stay.state, stay.state[:4], "½") if text_width(w, paper.SIZE) + 8 <= wide), "")
            if told and (told == stay.state or stay.state == "half-open"):
                yield paper.words(left + wide / 2, _TOP + 16.5, told, anchor="middle", bold=True)

    def _calls(self, placed: Sequence[tuple[ServiceCall, int]], top: float) -> Iterator[str]:
        for call, lane in placed:
            if call.began <= self.until:
                yield self._call(call, top + _LANE * lane + 2)

    def _call(self, call: ServiceCall, y: float) -> str:
        over = call.ended <= self.until
        look = RESULTS[call.result] if over else LOOKS["running"]
        end = min(call.ended, self.until)
        left, wide = self.x(call.began), max(self.x(end) - self.x(call.began), 11.0)
        border, thick = ("#111111", 2.4) if call.probe else (look.border, 1.0)
        late = "" if call.counted else ", too late to count"
        tip = (
            f"{'probe, ' if call.probe else ''}call {call.number} {_word(call, over)}{late}, at {duration(call.began)}"
        )
        drawn = paper.box((left, y), (wide, _BAR), look.fill, border, width=thick, round=2, tip=tip)
        mark = "?" if call.probe and not over else look.mark
        return drawn + f'<text x="{left + 5.5:.1f}" y="{y + 9:.1f}" text-anchor="middle" font-size="9">{mark}</text>'

    def _refusals(self, refused: Sequence[ServiceCall], top: float) -> Iterator[str]:
        for call in refused:
            if call.began <= self.until:
                tip = f"call {call.number} was refused at {duration(call.began)}"
                yield paper.box((self.x(call.began) - 4, top + 3), (8, 8), "#ffffff", "#4a4a4a", width=1.6, tip=tip)

    def _now(self, bottom: float) -> Iterator[str]:
        if self.panel.until is not None:
            x = self.x(self.panel.until)
            yield paper.line((x, _TOP - 4), (x, bottom), paper.INK, 1.4, "5,3")


def _word(call: ServiceCall, over: bool) -> str:
    if not over:
        return "is under way"
    return "succeeded" if call.result == "ok" else f"failed after {duration(call.ended - call.began)}"


def lanes(calls: Sequence[ServiceCall]) -> list[tuple[ServiceCall, int]]:
    """Give each call the first lane in which it overlaps nobody.

    Examples
    --------
    >>> calls = [ServiceCall(1, 0.0, 2.0, "failed"), ServiceCall(2, 1.0, 1.2, "ok"), ServiceCall(3, 3.0, 3.2, "ok")]
    >>> [lane for _, lane in lanes(calls)]
    [0, 1, 0]
    """
    ends: list[float] = []
    placed = []
    for call in calls:
        lane = next((number for number, end in enumerate(ends) if end <= call.began), len(ends))
        lane = min(lane, _MOST_LANES - 1)
        ends[lane : lane + 1] = [call.ended]
        placed.append((call, lane))
    return placed


def _legend(y: float) -> Iterator[str]:
    x = _LEFT
    entries = [(RESULTS["ok"], "answered", 1.0), (RESULTS["failed"], "failed: its caller waited so long", 1.0)]
    for look, told, thick in entries:
        yield paper.box((x, y - 10), (18, _BAR), look.fill, look.border, width=thick, round=2)
        yield f'<text x="{x + 9:.1f}" y="{y - 1:.1f}" text-anchor="middle" font-size="9">{look.mark}</text>'
        yield paper.words(x + 24, y, told)
        x += 40 + text_width(told, paper.SIZE)
    yield paper.box((x, y - 10), (18, _BAR), "#ffffff", "#111111", width=2.4, round=2)
    yield paper.words(x + 24, y, "a probe")
    x += 92
    yield paper.box((x + 4, y - 9), (8, 8), "#ffffff", "#4a4a4a", width=1.6)
    yield paper.words(x + 20, y, "refused at once")
    x += 134
    look = STATES["half-open"]
    yield paper.box((x, y - 11), (18, 14), look.fill, look.border, width=1.4)
    yield paper.words(x + 24, y, "half-open")


def lines(stays: Sequence[Stay], until: float | None) -> tuple[str, ...]:
    """Say the band in text.

    Examples
    --------
    >>> lines([Stay("closed", 0.0, 9.0), Stay("open", 9.0, 14.0)], 10.0)
    ('closed 0 s to 9.0 s, open 9.0 s to 10.0 s',)
    """
    last = float("inf") if until is None else until
    shown = [f"{s.state} {duration(s.start)} to {duration(min(s.end, last))}" for s in stays if s.start <= last]
    return (", ".join(shown),)

"""Gantt charts: a timeline from what a run, a plan or a moment of a run says, and the chart of it. All pure.

Reading order: :mod:`.bars` (the nouns), :mod:`.timeline` (who ran what when) with :mod:`.lanes` and
:mod:`.moment_bars`, :mod:`.plan` (the schedule behind), :mod:`.crowding` and :mod:`.axis` (what there is room for),
:mod:`.words`; then the chart as :mod:`.svg` with its :mod:`.marks` and :mod:`.legend`, in characters (:mod:`.text`),
and as a value (:mod:`.chart`).
"""

from orchestra_nb.display.gantt.chart import Gantt, gantt_of
from orchestra_nb.display.gantt.svg import gantt_svg
from orchestra_nb.display.gantt.timeline import timeline_of

__all__ = ["Gantt", "gantt_of", "gantt_svg", "timeline_of"]

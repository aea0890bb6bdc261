"""The picture of a graph: scene, layout and painting, each without the others; every picture is a pure function.

Reading order: :mod:`.parts` (boxes and lines), :mod:`.scene` (which of them a graph has) with :mod:`.collapsing`,
:mod:`.faces` (what a box says at one moment), :mod:`.layout` (who stands where) by :mod:`.dot_layout` or
:mod:`.layered`, :mod:`.painting` (the only place that writes it as SVG), and :mod:`.drawings`, which puts them
together. Besides: :mod:`.legend` below a picture, and :mod:`.dot` for those who draw themselves, :mod:`.in_browser`
among them.
"""

from orchestra_nb.display.picture.drawings import Drawing, draw_scene, drawing, svg
from orchestra_nb.display.picture.in_browser import browser_widget

__all__ = ["Drawing", "browser_widget", "draw_scene", "drawing", "svg"]

"""Stories that are walked through (:mod:`orchestra_nb.labs.story`): as a widget, as the page that is saved, as text.

:mod:`.painting` paints a panel by its class, :mod:`.twin` makes the page without scripts and the text, :mod:`.wire`
what is sent to a front end, and :mod:`.widget` is the model, with JavaScript and style in ``front``.
:mod:`.presenting` is what presenters of stories inherit.
"""

from orchestra_nb.display.steps.painting import Painted, painted
from orchestra_nb.display.steps.presenting import StoryPresenter
from orchestra_nb.display.steps.twin import story_html, story_text

__all__ = ["Painted", "StoryPresenter", "painted", "story_html", "story_text"]

"""What presenters of stories inherit: the bundle, with the widget where a front end is live. Frames are their own.

A presenter of a lab is a few lines::

    @presents(DeadlockLab)
    class DeadlockLabPresenter(StoryPresenter):
        def frame(self, value: DeadlockLab) -> pd.DataFrame: ...
"""

from __future__ import annotations

from orchestra_nb.display.steps.twin import story_html, story_text
from orchestra_nb.display.steps.widget import lively
from orchestra_nb.labs.story import Told
from orchestra_nb.presentation import Bundle


class StoryPresenter:
    """Shows what is told step by step."""

    def bundle(self, value: Told) -> Bundle:
        """Make ``text/plain`` and ``text/html``; the latter is the place of a widget, where there can be one."""
        story = value.story
        return {"text/plain": story_text(story), "text/html": lively(story, story_html(story))}

"""The state of the widgets that a notebook made, as its file keeps it for readers without a kernel.

nbclient knows which messages carry it and in which form a file holds it, so this is nbclient's, fed with the messages
of a run that it did not make.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import nbformat

if TYPE_CHECKING:
    from nbclient import NotebookClient

_new_notebook: Callable[[], nbformat.NotebookNode] = nbformat.v4.new_notebook


class WidgetState:
    """Collects what widgets tell of themselves.

    Examples
    --------
    >>> WidgetState().metadata
    {}
    """

    def __init__(self) -> None:
        self._client: NotebookClient | None = None  # most notebooks make no widgets

    def take(self, message: Mapping[str, Any]) -> None:
        """A comm message that the kernel sent."""
        if self._client is None:
            from nbclient import NotebookClient

            self._client = NotebookClient(_new_notebook())
        self._client.handle_comm_msg([], dict(message), 0)

    @property
    def metadata(self) -> dict[str, Any]:
        """What a file's metadata say of them: ``widgets``, or nothing when there were none."""
        return {} if self._client is None else widget_metadata(self._client)


def widget_metadata(client: NotebookClient) -> dict[str, Any]:
    """What a client has heard of widgets, as metadata of a notebook."""
    client.set_widgets_metadata()
    return {key: value for key, value in client.nb.metadata.items() if key == "widgets"}

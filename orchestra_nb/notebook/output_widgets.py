"""What is said inside ``with output:``, an ipywidgets ``Output``, belongs to the widget and not to the cell.

The widget asks the front end to divert every message of the request that is running. In a run, all nodes share one
request, so a front end would divert what the others say as well. Therefore its two messages (divert, and no more) are
taken out here and obeyed by the sink of the node that sent them: what it says in between is added to the widget's
``outputs`` when the cell has ended, which is when a kernel hears of it from a front end. From any other code the
messages go through.

Only ``outputs`` of widgets that live in this process can be set; where there is no kernel there are none.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from functools import partial
from typing import Any

from orchestra_nb.model import Output
from orchestra_nb.notebook.capture import current_sink


def fronted_comms(front: Callable[[Any, str, Any], None]) -> None:
    """Put a router before the way in which widgets send their state.

    Parameters
    ----------
    front
        Replaces an attribute of an owner by a router until the run ends.
    """
    module = sys.modules.get("ipykernel.comm.comm")
    if module is not None:
        front(module.BaseComm, "publish_msg", _publisher(module.BaseComm.publish_msg))


def _publisher(real: Callable[..., Any]) -> Callable[..., Any]:
    def publish_msg(self: Any, msg_type: str, data: Any = None, *args: Any, **kwargs: Any) -> Any:
        state = data.get("state") if isinstance(data, dict) and msg_type == "comm_msg" else None
        sink = current_sink()
        if sink is None or not isinstance(state, dict) or state.keys() != {"msg_id"}:
            return real(self, msg_type, data, *args, **kwargs)
        if state["msg_id"]:
            sink.divert(self.comm_id, outputs_of(self.comm_id), partial(give, self.comm_id))
        else:
            sink.resume()
        return None

    return publish_msg


def outputs_of(comm_id: str) -> tuple[Output, ...]:
    """What an output widget holds; nothing when there is no such widget."""
    return tuple(getattr(_widget(comm_id), "outputs", ()))


def give(comm_id: str, outputs: Iterable[Output]) -> None:
    """Let an output widget hold these."""
    widget = _widget(comm_id)
    if widget is not None:
        plain = ({key: value for key, value in output.items() if key != "transient"} for output in outputs)
        widget.outputs = tuple(plain)


def _widget(comm_id: str) -> Any:
    module = sys.modules.get("ipywidgets.widgets.widget")
    return getattr(module, "_instances", {}).get(comm_id)

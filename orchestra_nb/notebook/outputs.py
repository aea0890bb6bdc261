"""One node's outputs, collected in nbformat's shape as a notebook's front end would collect them.

Policy: text waits in a buffer for each stream, as it does in a kernel: until the stream is flushed, until something is
displayed (then ``stdout`` goes first), or for a fifth of a second. So the two streams of a cell stand as they would
after a linear run, which is not always the order in which they were written. Text of the same stream that follows
itself is one output; ``clear_output`` forgets what came before, at once or with the next output; an update replaces
every display of the same id. An update that is aimed at another node's display is kept as an ``update_display_data``
entry, because when it arrives nobody knows yet which node that is; :func:`settle` applies those afterwards, in document
order, as a linear run would have done, and leaves plain nbformat. Pure: no IPython, no threads; the clock is handed in.

Rejected: keeping the kernel's messages and replaying them into nbformat later. They carry headers, they are several
times larger, and every reader would have to know the protocol.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from orchestra_nb.model import NodeId, Output

UPDATE = "update_display_data"
_FLUSH_INTERVAL = 0.2
"""Seconds after which a kernel sends what was written (``ipykernel.iostream.OutStream.flush_interval``)."""


def _stopped() -> float:
    """A clock that stands still: no text is ever sent for its age."""
    return 0.0


class OutputLog:
    """What one node printed and displayed so far.

    Parameters
    ----------
    clock
        Seconds, from any moment on; tells when text has waited long enough.
    outputs
        What is there already.

    Examples
    --------
    >>> log = OutputLog()
    >>> log.stream("stdout", "a")
    >>> log.stream("stdout", "b")
    >>> log.outputs
    ({'output_type': 'stream', 'name': 'stdout', 'text': 'ab'},)
    >>> log.clear(wait=True)
    >>> log.stream("stderr", "c")
    >>> [item["text"] for item in log.outputs]
    ['c']
    """

    def __init__(self, clock: Callable[[], float] = _stopped, outputs: Iterable[Output] = ()) -> None:
        self._clock = clock
        self._items: list[dict[str, Any]] = [
            {**item, "text": [item["text"]]} if item["output_type"] == "stream" else dict(item) for item in outputs
        ]
        self._waiting: dict[str, tuple[float, list[str]]] = {}
        """Text that was written and not sent, and when the first of it was written; the oldest first."""
        self._clear_on_next = False

    @property
    def outputs(self) -> tuple[Output, ...]:
        """Everything so far, which is flushed; displays that have an id keep it under ``transient``."""
        self.flush()
        return tuple(
            {**item, "text": "".join(item["text"])} if item["output_type"] == "stream" else dict(item)
            for item in self._items
        )

    def stream(self, name: str, text: str) -> None:
        """Text that was written to ``stdout`` or ``stderr``."""
        if not text:
            return
        now = self._clock()
        self._send_due(now)
        self._waiting.setdefault(name, (now, []))[1].append(text)

    def flush(self, name: str | None = None) -> None:
        """Let the text of one stream wait no longer, or that of both."""
        self._send_due(self._clock())
        for stream in ("stdout", "stderr") if name is None else (name,):
            self._send(stream)

    def _send_due(self, now: float) -> None:
        for name, (since, _) in tuple(self._waiting.items()):
            if now - since >= _FLUSH_INTERVAL:
                self._send(name)

    def _send(self, name: str) -> None:
        texts = self._waiting.pop(name, (0.0, []))[1]
        if not texts:
            return
        self._clear_if_due()
        last = self._items[-1] if self._items else None
        if last is not None and last["output_type"] == "stream" and last["name"] == name:
            last["text"] += texts  # joined on reading: a cell may print a million times
        else:
            self._items.append({"output_type": "stream", "name": name, "text": texts})

    def display(
        self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None, display_id: str | None = None
    ) -> None:
        """A rich display, such as that of ``display(x)``."""
        self._add("display_data", data, metadata, display_id)

    def result(self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None = None) -> None:
        """The value of the cell's last expression."""
        self.flush()
        self._clear_if_due()
        self._items.append({"output_type": "execute_result", "execution_count": None, **_bundle(data, metadata)})

    def update(self, data: Mapping[str, Any], metadata: Mapping[str, Any] | None, display_id: str) -> None:
        """Replace the displays that have this id; kept for :func:`settle` when none of them is here."""
        self.flush()
        mine = [item for item in self._items if item["output_type"] != UPDATE and display_id_of(item) == display_id]
        for item in mine:
            item.update(_bundle(data, metadata))
        if not mine:
            self._items.append({"output_type": UPDATE, **_bundle(data, metadata), "transient": _id(display_id)})

    def forward(self, outputs: Iterable[Output]) -> None:
        """Take over the updates among some outputs of another log."""
        for item in outputs:
            if item["output_type"] == UPDATE:
                self.update(item["data"], item["metadata"], item["transient"]["display_id"])

    def clear(self, wait: bool = False) -> None:
        """Forget everything so far, now or when the next output arrives."""
        self.flush()
        self._clear_on_next = wait
        if not wait:
            self._forget()

    def error(self, ename: str, evalue: str, traceback: Iterable[str]) -> None:
        """An exception, shown."""
        self.flush()
        self._clear_if_due()
        self._items.append({"output_type": "error", "ename": ename, "evalue": evalue, "traceback": list(traceback)})

    def _add(
        self, kind: str, data: Mapping[str, Any], metadata: Mapping[str, Any] | None, display_id: str | None
    ) -> None:
        self.flush()
        self._clear_if_due()
        if display_id is not None:  # a second display of one id changes the first one too, as in every front end
            for item in self._items:
                if item["output_type"] == kind and display_id_of(item) == display_id:
                    item.update(_bundle(data, metadata))
        transient = {} if display_id is None else {"transient": _id(display_id)}
        self._items.append({"output_type": kind, **_bundle(data, metadata), **transient})

    def _clear_if_due(self) -> None:
        if self._clear_on_next:
            self._clear_on_next = False
            self._forget()

    def _forget(self) -> None:
        # what was sent to another node's display has happened, and cannot be cleared from here
        self._items = [item for item in self._items if item["output_type"] == UPDATE]


def display_id_of(output: Output) -> str | None:
    """The display's id, if it has one."""
    transient = output.get("transient")
    return transient.get("display_id") if isinstance(transient, Mapping) else None


def settle(outputs: Mapping[NodeId, Sequence[Output]], *, keep_ids: bool = False) -> dict[NodeId, tuple[Output, ...]]:
    """Apply the updates that nodes aimed at each other's displays, and leave plain nbformat.

    Parameters
    ----------
    outputs
        Each node's outputs, in document order.
    keep_ids
        Keep the ids of displays, under ``transient``, for those who will show them.

    Returns
    -------
    dict
        The same nodes. None of the outputs is an update; updates of displays that nobody here made are dropped (see
        :func:`strays`).

    Examples
    --------
    >>> shown = {"output_type": "display_data", "data": {"text/plain": "0 %"}, "metadata": {},
    ...          "transient": {"display_id": "bar"}}
    >>> update = {"output_type": "update_display_data", "data": {"text/plain": "100 %"}, "metadata": {},
    ...           "transient": {"display_id": "bar"}}
    >>> settle({NodeId("a"): [shown], NodeId("b"): [update]})
    {'a': ({'output_type': 'display_data', 'data': {'text/plain': '100 %'}, 'metadata': {}},), 'b': ()}
    """
    latest: dict[str, Output] = {}
    for items in outputs.values():
        for item in items:
            name = display_id_of(item)
            if name is not None:
                latest[name] = item
    return {
        node: tuple(_settled(item, latest, keep_ids) for item in items if item["output_type"] != UPDATE)
        for node, items in outputs.items()
    }


def strays(outputs: Mapping[NodeId, Sequence[Output]]) -> tuple[Output, ...]:
    """The updates that are aimed at displays which none of these nodes made, in document order."""
    everything = [item for items in outputs.values() for item in items]
    made = {display_id_of(item) for item in everything if item["output_type"] != UPDATE}
    return tuple(item for item in everything if item["output_type"] == UPDATE and display_id_of(item) not in made)


def joined(outputs: Iterable[Output]) -> tuple[Output, ...]:
    """Outputs in which text of one stream that follows itself is one: where a kernel cuts it is a matter of time.

    Examples
    --------
    >>> a, b = ({"output_type": "stream", "name": "stdout", "text": text} for text in "ab")
    >>> joined([a, b])
    ({'output_type': 'stream', 'name': 'stdout', 'text': 'ab'},)
    """
    made: list[dict[str, Any]] = []
    for output in outputs:
        same = made and made[-1]["output_type"] == "stream" == output["output_type"]
        if same and made[-1]["name"] == output["name"]:
            made[-1]["text"] += output["text"]
        else:
            made.append(dict(output))
    return tuple(made)


def jsonable(value: Any) -> Any:
    """The value as JSON has it: bytes in base64, mappings and sequences plain, anything else as its text.

    Examples
    --------
    >>> jsonable({"image/png": b"abc", "n": (1, 2.5, None)})
    {'image/png': 'YWJj', 'n': [1, 2.5, None]}
    """
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, bytes | bytearray | memoryview):
        return b64encode(value).decode("ascii")
    if isinstance(value, Mapping):
        return {str(key): jsonable(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set | frozenset):
        return [jsonable(item) for item in value]
    return str(value)


def _settled(item: Output, latest: Mapping[str, Output], keep_ids: bool) -> Output:
    name = display_id_of(item)
    plain = {key: value for key, value in item.items() if keep_ids or key != "transient"}
    if name is not None:
        plain.update(data=latest[name]["data"], metadata=latest[name]["metadata"])
    return plain


def _bundle(data: Mapping[str, Any], metadata: Mapping[str, Any] | None) -> dict[str, Any]:
    return {"data": jsonable(data), "metadata": jsonable(metadata or {})}


def _id(display_id: str) -> dict[str, str]:
    return {"display_id": display_id}

"""The request of a front end under which a cell runs: what it says of the cell, where there is a front end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Request = Mapping[str, Any]


def request_of(shell: Any) -> Request | None:
    """The request that runs the present cell; ``None`` in a shell without kernel."""
    if getattr(shell, "kernel", None) is None:
        return None
    request: Request = shell.get_parent()
    return request


def metadata_of(request: Request | None) -> dict[str, Any]:
    """What the front end says of the cell.

    Examples
    --------
    >>> metadata_of({"metadata": {"cellId": "a1"}}), metadata_of(None)
    ({'cellId': 'a1'}, {})
    """
    return dict((request or {}).get("metadata", {}))


def cell_id_of(request: Request | None) -> str:
    """The id of the cell in its notebook; empty where the front end sends none, as headless tools do not.

    Examples
    --------
    >>> cell_id_of({"metadata": {"cellId": "a1"}}), cell_id_of({"metadata": {}})
    ('a1', '')
    """
    return str(metadata_of(request).get("cellId", ""))

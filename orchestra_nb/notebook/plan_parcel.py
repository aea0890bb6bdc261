"""A plan on its way to the kernel that runs it: what was checked is what runs, and nobody works it out twice.

It travels in a private folder between two processes of one user that run the notebook's code anyway, so it is pickled.
"""

from __future__ import annotations

import copyreg
import io
import pickle
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from orchestra_nb.graph.dag import DAG


def pack_plan(dag: DAG) -> bytes:
    """Pickle a graph.

    Examples
    --------
    >>> from orchestra_nb.model import Node
    >>> dag = DAG([Node("load"), Node("plot", after=["load"])])
    >>> unpack_plan(pack_plan(dag)).hash == dag.hash
    True
    """
    file = io.BytesIO()
    pickler = pickle.Pickler(file, protocol=5)
    pickler.dispatch_table = copyreg.dispatch_table | {MappingProxyType: lambda item: (_frozen, (dict(item),))}
    pickler.dump(dag)
    return file.getvalue()


def unpack_plan(parcel: bytes) -> DAG:
    """Take a graph out of its parcel."""
    dag: DAG = pickle.loads(parcel)
    return dag


def _frozen(items: dict[str, Any]) -> Mapping[str, Any]:
    return MappingProxyType(items)

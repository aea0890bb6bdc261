"""A node's body that is a kernel and what it is called with: some of it known now, the rest what other nodes give."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from inspect import Parameter, Signature
from typing import Any


@dataclass(frozen=True)
class Call:
    """A call of a kernel with values of nodes, which travels to another process if these do.

    Parameters
    ----------
    kernel
        A function of a module.
    inputs
        Ids of nodes whose values are its last arguments, in this order; Python names.
    given
        Its first arguments.

    Examples
    --------
    >>> from orchestra_nb import Node, Pipeline
    >>> nodes = [Node("a", fn=lambda: 3), Node("b", fn=Call(pow, ("a",), given=(2,)))]
    >>> Pipeline(nodes).run().values["b"]
    8
    """

    kernel: Callable[..., Any]
    inputs: tuple[str, ...] = ()
    given: tuple[Any, ...] = ()

    @property
    def __signature__(self) -> Signature:
        """What whoever fills parameters by name looks at."""
        return Signature([Parameter(name, Parameter.KEYWORD_ONLY) for name in self.inputs])

    def __call__(self, **values: Any) -> Any:
        """Call the kernel."""
        return self.kernel(*self.given, *[values[name] for name in self.inputs])

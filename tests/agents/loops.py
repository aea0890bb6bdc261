"""An event loop whose clock can be put forward, so that hours of waiting take none."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any


class Loop(asyncio.SelectorEventLoop):
    ahead = 0.0

    def time(self) -> float:
        return super().time() + self.ahead

    def put_forward(self, seconds: float) -> None:
        """Let so many seconds have passed; from any coroutine of the loop."""
        self.ahead += seconds


def run(main: Callable[[Loop], Awaitable[Any]]) -> Any:
    """Run a coroutine function, which is given the loop."""
    loop = Loop()

    async def whole() -> Any:
        return await main(loop)

    with asyncio.Runner(loop_factory=lambda: loop) as runner:
        return runner.run(whole())

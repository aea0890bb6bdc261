"""How many tokens the agents of a chat service took."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, slots=True)
class Tokens:
    """A sum of tokens.

    Parameters
    ----------
    calls
        Answers that it is the sum of.
    prompt, answer
        Tokens that were sent, and that came back.
    """

    calls: int = 0
    prompt: int = 0
    answer: int = 0

    @property
    def total(self) -> int:
        """Both together."""
        return self.prompt + self.answer


class TokenUsage:
    """Counts tokens by agent; safe to use from any thread.

    What has been counted neither travels to other processes nor counts in the keys of kept results.

    Examples
    --------
    >>> usage = TokenUsage()
    >>> usage.add("review", prompt=120, answer=30)
    >>> usage.total.total, usage.by_agent["review"]
    (150, Tokens(calls=1, prompt=120, answer=30))
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._by_agent: dict[str, Tokens] = {}

    def add(self, agent: str, prompt: int, answer: int) -> None:
        """Count one answer.

        Examples
        --------
        >>> usage = TokenUsage()
        >>> for _ in range(2):
        ...     usage.add("review", prompt=120, answer=30)
        >>> usage.by_agent["review"].calls, usage.total.total
        (2, 300)
        """
        with self._lock:
            known = self._by_agent.get(agent, Tokens())
            self._by_agent[agent] = Tokens(known.calls + 1, known.prompt + prompt, known.answer + answer)

    @property
    def by_agent(self) -> Mapping[str, Tokens]:
        """The sum of each agent.

        Examples
        --------
        >>> usage = TokenUsage()
        >>> usage.add("review", prompt=120, answer=30)
        >>> usage.by_agent
        {'review': Tokens(calls=1, prompt=120, answer=30)}
        """
        with self._lock:
            return dict(self._by_agent)

    @property
    def total(self) -> Tokens:
        """The sum of all.

        Examples
        --------
        >>> usage = TokenUsage()
        >>> usage.add("review", prompt=120, answer=30)
        >>> usage.add("judge", prompt=20, answer=5)
        >>> usage.total
        Tokens(calls=2, prompt=140, answer=35)
        """
        sums = list(self.by_agent.values())
        return Tokens(sum(s.calls for s in sums), sum(s.prompt for s in sums), sum(s.answer for s in sums))

    @property
    def frame(self) -> pd.DataFrame:
        """A row per agent: ``calls``, ``prompt``, ``answer``, ``total``.

        Examples
        --------
        >>> usage = TokenUsage()
        >>> usage.add("review", prompt=120, answer=30)
        >>> usage.frame
                calls  prompt  answer  total
        agent
        review      1     120      30    150
        """
        import pandas as pd

        rows = {name: (s.calls, s.prompt, s.answer, s.total) for name, s in self.by_agent.items()}
        columns = ["calls", "prompt", "answer", "total"]
        return pd.DataFrame.from_dict(rows, orient="index", columns=columns).rename_axis("agent")

    def __reduce__(self) -> tuple[Any, ...]:
        return TokenUsage, ()

"""How things are compared: in turn, A B A B, so that a busy machine is unfair to nobody; medians with their spread.

The collector does not look at what was there before a call. A target that is missed is printed as missed and fails
nothing: the machine is shared, and whoever reads the table judges.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field


@dataclass(frozen=True)
class Times:
    """Seconds of several repeats: on the clock, and of this process's CPU, which others on the machine disturb less."""

    seconds: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)

    @property
    def median(self) -> float:
        """The one in the middle."""
        return statistics.median(self.seconds)

    def spread(self, unit: float) -> str:
        """Say the least and the most, in a unit."""
        return f"{min(self.seconds) / unit:.3g}-{max(self.seconds) / unit:.3g}"


def in_turn(makers: Mapping[str, Callable[[], Callable[[], object]]], repeats: int) -> dict[str, Times]:
    """Call each in turn, so often: a maker gets ready, and what it returns is timed.

    Raises
    ------
    RuntimeError
        One of ours did not do its work.
    """
    found = {name: Times() for name in makers}
    for _ in range(repeats):
        for name, make in makers.items():
            call = make()
            gc.collect()
            gc.freeze()
            began, worked = time.perf_counter(), time.process_time()
            made = call()
            found[name].seconds.append(time.perf_counter() - began)
            found[name].cpu.append(time.process_time() - worked)
            gc.unfreeze()
            if not getattr(made, "success", True):
                raise RuntimeError(f"{name} failed: {made!r}")
    return found


def warmed(make: Callable[[], Callable[[], object]], times: int = 1) -> Callable[[], Callable[[], object]]:
    """Do the work so often before it is timed: two users of loky end each other's workers."""

    def ready() -> Callable[[], object]:
        for _ in range(times):
            make()()
        return make()

    return ready


@dataclass(frozen=True)
class Check:
    """One target and what was found: at most ``limit``, in the same unit."""

    target: str
    what: str
    found: float
    limit: float

    @property
    def verdict(self) -> str:
        """Say whether it was kept."""
        return "ok" if self.found <= self.limit else "missed"


def report(checks: list[Check]) -> list[dict[str, object]]:
    """Print the targets; returns them for the line of JSON."""
    print(f"\n{'target':7}{'':74}{'found':>10}{'at most':>10}")
    for check in checks:
        print(f"{check.target:7}{check.what:74}{check.found:>10.3g}{check.limit:>10.4g}  {check.verdict}")
    return [{**asdict(check), "verdict": check.verdict} for check in checks]


def print_microseconds(title: str, found: Mapping[str, Times], times: int) -> None:
    """Print a table of what each of so many calls took."""
    print(f"\n{title}")
    print(f"{'':32}{'time':>10}{'spread':>20}{'of CPU':>10}")
    for name, each in found.items():
        cpu = statistics.median(each.cpu) / times * 1e6
        print(f"{name:32}{each.median / times * 1e6:>10.3g}{each.spread(times / 1e6):>20}{cpu:>10.3g}")

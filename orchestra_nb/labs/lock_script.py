"""Scripts of a deadlock lab: who takes what, and gives it back, step by step; checked before anything happens.

A step is a triple of an owner, a verb and what it is about. What is taken in one step (``["db", "gpu"]``) is granted
together and given back together, as one ``with`` block does. The steps of one owner follow on each other: while it
waits, its later steps wait too. When a script is over, everybody who still holds something ends, and gives it back.

Failure: every fault of a script is told at once, each with the number of its step; nothing is made of a faulty one.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any, Literal, get_args

from orchestra_nb.errors import DefinitionError, Issue, nearest
from orchestra_nb.resources.claims import wants_of

Verb = Literal["takes", "gives back", "has priority"]
VERBS: tuple[Verb, ...] = get_args(Verb)
_FORM = "write (owner, verb, what), such as ('anna', 'takes', 'db')"
_MOST = 1_000
"""Steps of a script: more are no story."""
_MOST_OWNERS = 200
"""Of a script; who waits for whom is looked at anew after each step."""
_MOST_OF_IT = 10**9


@dataclass(frozen=True, slots=True)
class Act:
    """One step of one owner.

    Parameters
    ----------
    owner
        Who acts.
    verb
        What it does; ``"ends"`` is what everybody does in the end.
    wants
        Resources with amounts that it takes or gives back.
    priority
        That its requests have from now on, where it is given one.

    Examples
    --------
    >>> print(Act("anna", "takes", (("db", 1), ("gpu", 2))))
    anna takes db and 2 of gpu
    """

    owner: str
    verb: Verb | Literal["ends"]
    wants: tuple[tuple[str, int], ...] = ()
    priority: float = 0.0

    def __str__(self) -> str:
        what = f"{self.priority:g}" if self.verb == "has priority" else amounts(self.wants)
        return f"{self.owner} {self.verb} {what}".rstrip()


def amounts(wants: Iterable[tuple[str, float]]) -> str:
    """Say resources with their amounts.

    Examples
    --------
    >>> amounts([("db", 1), ("gpu", 2)])
    'db and 2 of gpu'
    """
    return " and ".join(name if amount == 1 else f"{amount:g} of {name}" for name, amount in wants)


def by_owner(shares: Iterable[tuple[str, str, float]]) -> str:
    """Say what each owner has, or waits for.

    Examples
    --------
    >>> by_owner([("anna", "db", 1), ("ben", "gpu", 2), ("anna", "disk", 1)])
    'anna: db and disk; ben: 2 of gpu'
    """
    found: dict[str, list[tuple[str, float]]] = {}
    for owner, resource, amount in shares:
        found.setdefault(owner, []).append((resource, amount))
    return "; ".join(f"{owner}: {amounts(wants)}" for owner, wants in found.items())


def read_script(script: Iterable[Any], resources: Mapping[str, int] | None) -> tuple[tuple[Act, ...], dict[str, int]]:
    """Read a script and how much there is of each resource that it names.

    Parameters
    ----------
    script
        Triples.
    resources
        How much there is of what; 1 of what is not here.

    Raises
    ------
    DefinitionError
        A step that cannot be meant, or a resource that nobody takes; all of them.

    Examples
    --------
    >>> acts, capacities = read_script([("anna", "takes", "gpu:2"), ("anna", "gives back", "gpu:2")], {"gpu": 2})
    >>> str(acts[1]), capacities
    ('anna gives back 2 of gpu', {'gpu': 2})
    >>> read_script([("anna", "steals", "db")], None)
    Traceback (most recent call last):
    orchestra_nb.errors.DefinitionError: step 1: 'steals' is no verb of a script; known: gives back, has priority, takes
    """
    amounts: Any = resources
    if amounts is not None and not isinstance(amounts, Mapping):
        told = f"resources={amounts!r:.60} must be a mapping, such as {{'gpu': 2}}"
        raise DefinitionError([Issue("no-capacity", told)])
    given = {str(name): much for name, much in (resources or {}).items()}
    issues = [_faulty_capacity(name, much) for name, much in given.items() if not _is_whole(much)]
    several = isinstance(script, Iterable) and not isinstance(script, str | bytes)
    steps: list[Any] = list(islice(script, _MOST + 1)) if several else [script]
    acts: list[Act] = []
    for number, step in enumerate(steps, 1):
        act, faults = _read_step(step, f"step {number}")
        issues += faults
        acts += [] if act is None else [act]
    if not steps or len(steps) > _MOST:
        issues.append(Issue("script-length", f"a script has from 1 to {_MOST:,} steps", suggestion=_FORM))
    if not issues:
        issues += _faults_of(acts, given)
    if issues:
        raise DefinitionError(issues)
    names = dict.fromkeys(name for act in acts for name, _ in act.wants)
    return tuple(acts), {name: given.get(name, 1) for name in names}


def orders_of(acts: Sequence[Act]) -> dict[tuple[str, str], set[str]]:
    """Find who takes a second resource while holding a first, as the lock table would see it.

    Examples
    --------
    >>> acts, _ = read_script([("anna", "takes", "db"), ("anna", "takes", "gpu")], None)
    >>> orders_of(acts)
    {('db', 'gpu'): {'anna'}}
    """
    found: dict[tuple[str, str], set[str]] = {}
    holds: dict[str, list[Act]] = {}
    for act in acts:
        mine = holds.setdefault(act.owner, [])
        if act.verb == "gives back":
            mine.remove(next(held for held in reversed(mine) if set(held.wants) == set(act.wants)))
        if act.verb != "takes":
            continue
        for first in {name for held in mine for name, _ in held.wants}:
            for second, _ in act.wants:
                if first != second:
                    found.setdefault((first, second), set()).add(act.owner)
        mine.append(act)
    return found


def _read_step(step: Any, place: str) -> tuple[Act | None, list[Issue]]:
    if not isinstance(step, tuple | list) or len(step) != 3:
        return None, [Issue("no-step", f"{step!r} is no step", path=place, suggestion=_FORM)]
    owner, verb, what = step
    if not isinstance(owner, str) or not owner.strip():
        return None, [Issue("no-owner", f"{owner!r} cannot be an owner", path=place, suggestion=_FORM)]
    if verb not in VERBS:
        told = f"{verb!r} is no verb of a script"
        return None, [Issue("unknown-verb", told, (owner,), place, nearest(str(verb), VERBS))]
    if verb == "has priority":
        if isinstance(what, bool) or not isinstance(what, int | float) or not abs(what) < 1e9:
            told = f"{owner} has priority {what!r}, which is no number"
            return None, [Issue("no-priority", told, (owner,), place, "higher goes first, such as 5")]
        return Act(owner, verb, (), float(what)), []
    named = [what] if isinstance(what, str) else what
    if not isinstance(named, tuple | list) or not named or not all(isinstance(n, str) and n.strip() for n in named):
        hint = "name resources, such as 'db', 'gpu:2' or ['db', 'gpu']"
        return None, [Issue("no-resource", f"{owner} {verb} {what!r}", (owner,), place, hint)]
    wants = wants_of(named)
    if any(amount < 1 for _, amount in wants):
        return None, [Issue("no-amount", f"{owner} {verb} {what!r}: amounts begin at 1", (owner,), place)]
    return Act(owner, verb, wants), []


def _faults_of(acts: Sequence[Act], given: Mapping[str, int]) -> Iterator[Issue]:
    """Find what the steps cannot mean together."""
    names = dict.fromkeys(name for act in acts for name, _ in act.wants)
    owners = len({act.owner for act in acts})
    if owners > _MOST_OWNERS:
        told = f"a script has at most {_MOST_OWNERS} owners, and this one has {owners:,}"
        yield Issue("too-many-owners", told, suggestion="let fewer of them act")
    for name in given:
        if name not in names:
            yield Issue("unused-resource", f"nobody takes {name!r}", path="resources", suggestion=nearest(name, names))
    holds: dict[str, list[Act]] = {}
    for number, act in enumerate(acts, 1):
        mine, place = holds.setdefault(act.owner, []), f"step {number}"
        if act.verb == "takes":
            mine.append(act)
            for name, amount in act.wants:
                if amount > given.get(name, 1):
                    told = f"{act}, and there is {given.get(name, 1)}"
                    hint = f"make more of it: resources={{{name!r}: {amount}}}"
                    yield Issue("too-much", told, (act.owner,), place, hint)
        elif act.verb == "gives back":
            taken = next((held for held in reversed(mine) if set(held.wants) == set(act.wants)), None)
            if taken is not None:
                mine.remove(taken)
                continue
            has = ", ".join(amounts(held.wants) for held in mine) or "nothing"
            hint = "what was taken in one step is given back in one step"
            yield Issue("not-held", f"{act}, and it has taken {has}", (act.owner,), place, hint)


def _is_whole(much: object) -> bool:
    return isinstance(much, int) and not isinstance(much, bool) and 1 <= much <= _MOST_OF_IT


def _faulty_capacity(name: str, much: object) -> Issue:
    return Issue(
        "no-capacity",
        f"there cannot be {much!r} of {name!r}",
        path="resources",
        suggestion="give a whole number from 1",
    )

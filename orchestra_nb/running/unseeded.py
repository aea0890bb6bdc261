"""Calls into libraries that draw unless they are given a seed: their signature says so.

``train_test_split(rows)``, ``RandomForestClassifier()``, ``frame.sample(9)``: what takes a ``random_state`` and has
``None`` for it draws from numpy's global state, or from the system. That is said too often rather than too seldom: of
scikit-learn, what draws only when another parameter asks for it is listed here; of other libraries, it is not known.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import FunctionType, MethodType
from typing import Any

from orchestra_nb.context.outside import Fact, Table
from orchestra_nb.running.mentions import Call, Given
from orchestra_nb.running.static import defaults_of, is_own, member

_SEEDS = ("random_state", "seed", "rng", "random_seed")
_METHODS = frozenset({"sample", "rvs"})
"""Methods that draw, whatever the object is."""

_ONLY_WITH = {
    "solver": "LogisticRegression LogisticRegressionCV Ridge RidgeClassifier ridge_regression",
    "selection": "Lasso LassoCV ElasticNet ElasticNetCV MultiTaskLasso MultiTaskLassoCV MultiTaskElasticNet "
    "MultiTaskElasticNetCV",
    "probability": "SVC NuSVC",
    "shuffle": "KFold StratifiedKFold StratifiedGroupKFold GroupKFold learning_curve check_cv fetch_rcv1 fetch_covtype "
    "fetch_kddcup99",
    "sample_size": "silhouette_score",
    "jitter": "Lars LassoLars",
}
"""What of scikit-learn draws only when a parameter asks for it."""
_RARELY = Table({f"sklearn.*.{name}": Fact(word) for word, names in _ONLY_WITH.items() for name in names.split()})


def draws(thing: Any, names: Iterable[str], call: Call | None, is_none: Callable[[Given], bool]) -> bool:
    """Whether a call into a library draws, because it takes a seed and is given none.

    Parameters
    ----------
    thing
        What is called.
    names
        Its dotted names.
    call
        How; ``None``: nobody knows, and it counts as given nothing.
    is_none
        Whether an argument is ``None``.

    Examples
    --------
    >>> from networkx import spring_layout
    >>> draws(spring_layout, ["networkx.spring_layout"], None, lambda given: False)
    True
    >>> seeded = Call((("something", ""), ("something", "")), ("seed",))
    >>> draws(spring_layout, ["networkx.spring_layout"], seeded, lambda given: False)
    False
    """
    names = tuple(names)
    if is_own(thing):
        return False
    by_keyword = call.named if call is not None else {}
    if any(name in by_keyword and not is_none(by_keyword[name]) for name in _SEEDS):
        return False
    place = _place_of_seed(thing)
    if place is None:
        return any(name.rpartition(".")[2] in _METHODS for name in names)
    rarely = _RARELY.find(names)
    if rarely is not None and call is not None and rarely[1].what not in by_keyword:
        return False
    positional = call.positional if call is not None else ()
    return not (0 <= place < len(positional) and not is_none(positional[place]))


def _place_of_seed(thing: Any) -> int | None:
    """Say at which place a call takes its seed, if it does and that is optional; -1: by keyword alone."""
    shift = 0
    if issubclass(type(thing), type):
        thing, shift = member(thing, "__init__"), 1
    elif type(thing) is MethodType:
        thing, shift = thing.__func__, 1
    while type(thing) is FunctionType and "__wrapped__" in thing.__dict__:
        thing = thing.__dict__["__wrapped__"]
    if type(thing) is not FunctionType:
        return None
    positional = thing.__code__.co_varnames[: thing.__code__.co_argcount]
    optional = defaults_of(thing)
    for name in _SEEDS:
        if name in optional and optional[name] is None:
            return positional.index(name) - shift if name in positional else -1
    return None

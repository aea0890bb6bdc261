"""What the table says of copies, held against the installed libraries: each entry is called on samples.

``fresh`` promises that no argument changed and that the result shares no memory with any; ``frame`` that neither the
result nor what it was made from sees what is written to the other; ``new frame`` both.
"""

from __future__ import annotations

import importlib
import pickle
from collections.abc import Callable, Iterator
from functools import cache
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestra_nb.cells.effects.frames import KEEP_FRAMES
from orchestra_nb.cells.effects.knowledge import shipped
from orchestra_nb.cells.fingerprint import fingerprint

TABLE = shipped().tables[0]


def arrays(value: Any, deep: int = 0) -> Iterator[np.ndarray[Any, Any]]:
    """The memory behind a value."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, pd.DataFrame):
        for place in range(value.shape[1]):
            yield from arrays(value.iloc[:, place], deep)
    elif isinstance(value, pd.Series):
        yield from arrays(value.array, deep)
    elif isinstance(value, pd.api.extensions.ExtensionArray):
        for name in ("_ndarray", "_data", "_mask", "_codes"):
            yield from arrays(getattr(value, name, None), deep)
    elif isinstance(value, list | tuple | dict) and deep < 4:
        for part in value.values() if isinstance(value, dict) else value:
            yield from arrays(part, deep + 1)


def shares(one: Any, other: Any) -> bool:
    return any(np.shares_memory(a, b) for a in arrays(one) for b in arrays(other) if a.size and b.size)


# -- numpy -------------------------------------------------------------------------------------------------------------

SAMPLES: dict[str, Callable[[], Any]] = {
    "square": lambda: np.array([[3.0, 1, 2], [4, 5, 6], [7, 8, 10]]),
    "vector": lambda: np.array([3.0, 1, 2, 2]),
    "integers": lambda: np.array([3, 1, 2, 2]),
    "complex": lambda: np.array([3 + 0j, 1, 2]),
    "truth": lambda: np.array([True, False]),
    "objects": lambda: np.array([1, 2, 3], dtype=object),
    "words": lambda: np.array(["a", "b"]),
    "dates": lambda: np.array(["2020-01-01", "2021-01-01"], dtype="M8[D]"),
    "masked": lambda: np.ma.array([1.0, 2, 3], mask=[0, 1, 0]),
    "matrix": lambda: np.matrix([[1.0, 2], [3, 4]]),
    "by columns": lambda: np.asfortranarray(np.arange(9.0).reshape(3, 3)),
    "slice": lambda: np.arange(10.0)[::2],
}
ARGUMENTS: tuple[Callable[[Callable[[], Any]], tuple[Any, ...]], ...] = (
    lambda make: (make(),),
    lambda make: (make(), make()),
    lambda make: ([make(), make()],),
    lambda make: (make(), 0),
    lambda make: (make(), 1),
    lambda make: (make(), 50),
    lambda make: (np.array([True, False, True]), make(), make()),
    lambda make: (3, make()),
)
SEGFAULTS = {"numpy.stack"}
"""numpy 2.4 itself dies on some faulty arguments; these get well-formed ones."""


def fresh_functions() -> list[str]:
    names = [path for path, rule in TABLE.calls.items() if rule.returns == "fresh" and path.startswith("numpy.")]
    below = [name[:-2] for name in names if name.endswith(".*")]
    names += [f"{home}.{name}" for home in below for name in dir(importlib.import_module(home))]
    named = (name for name in names if "*" not in name and not name.startswith("numpy.random."))  # those: see below
    return sorted(name for name in named if _is_fresh_function(name))


def _is_fresh_function(path: str) -> bool:
    home, _, name = path.rpartition(".")
    try:
        found = getattr(importlib.import_module(home), name, None)
    except ImportError:
        return False
    rule = TABLE.call(path)
    plain = callable(found) and not isinstance(found, type) and not name.startswith("_") and name != "test"
    return plain and rule is not None and rule.returns == "fresh"


@pytest.mark.parametrize("path", fresh_functions())
@pytest.mark.filterwarnings("ignore")
def test_a_fresh_function_of_numpy_changes_nothing_and_shares_nothing(path: str) -> None:
    home, _, name = path.rpartition(".")
    function, rule = getattr(importlib.import_module(home), name), TABLE.call(path)
    assert rule is not None
    called = 0
    for make in SAMPLES.values():
        for number, build in enumerate(ARGUMENTS):
            args = build(make)
            told = {place for place in (*rule.changes, *rule.unless) if isinstance(place, int)}
            if any(place < len(args) for place in told) or (path in SEGFAULTS and number != 2):
                continue
            before = [fingerprint(arg) for arg in args]
            try:
                result = function(*args)
            except Exception:
                continue
            called += 1
            assert [fingerprint(arg) for arg in args] == before, (path, args)
            assert not shares(result, args), (path, args)
            assert not any(result is arg for arg in args if not isinstance(arg, int)), (path, args)
    assert called or path in MAKE_FROM_NUMBERS


MAKE_FROM_NUMBERS = {
    f"numpy.{n}" for n in ("arange", "eye", "identity", "linalg.cholesky", "linalg.tensorsolve", "polyfit")
}
"""Functions that none of the samples suits."""


FRESH_METHODS = sorted(
    name for name, rule in TABLE.methods["numpy.*"].items() if rule.returns == "fresh" and hasattr(np.ndarray, name)
)


@pytest.mark.parametrize("name", FRESH_METHODS)
@pytest.mark.filterwarnings("ignore")
def test_a_fresh_method_of_an_array_changes_nothing_and_shares_nothing(name: str) -> None:
    called = 0
    for make in SAMPLES.values():
        for args in ((), (0,), (1,), (float,), (int,), ([0, 1],), (np.array([1]),)):
            array = make()
            before = fingerprint(array)
            try:
                result = getattr(array, name)(*args)
            except Exception:
                continue
            called += 1
            assert fingerprint(array) == before
            assert result is not array
            assert not shares(result, array)
            assert not shares(result, args)
    assert called


GENERATORS = {
    "default_rng": np.random.default_rng,
    "RandomState": np.random.RandomState,
    "mtrand._rand": lambda _: np.random.mtrand._rand,  # what the functions of numpy.random are methods of
}
DRAWING = sorted(name for name, rule in TABLE.methods["numpy.*.default_rng"].items() if rule.returns == "fresh")
TWO = np.array([2.0, 3.0])
TO_DRAW_FROM = (
    (3,),
    (0.5,),
    (2.0, 3),
    (3, TWO / 5),
    (TWO,),
    (TWO, TWO),
    (TWO - 2, TWO, TWO + 1),
    (TWO, TWO, TWO),
    ([3, 4], 2),
    (),
)
FITTING = {
    "hypergeometric": (np.array([5, 6]), np.array([4, 4]), 3),
    "multivariate_hypergeometric": (np.array([5, 6]), 3),
    "multivariate_normal": (TWO, np.eye(2)),
}
"""What a method has to be given, where it is special; others take one of the former."""


@pytest.mark.parametrize("name", DRAWING)
@pytest.mark.parametrize("maker", GENERATORS)
@pytest.mark.filterwarnings("ignore")
def test_what_is_drawn_shares_nothing_with_the_generator_nor_with_what_is_drawn_from(maker: str, name: str) -> None:
    generator = GENERATORS[maker](0)
    if not hasattr(generator, name):
        assert hasattr(np.random.default_rng(), name) or hasattr(np.random.RandomState(), name)
        return
    called = 0
    for args in (FITTING[name],) if name in FITTING else TO_DRAW_FROM:
        before = [fingerprint(arg) for arg in args]
        try:
            drawn = getattr(generator, name)(*args)
        except (TypeError, ValueError, IndexError):
            continue
        called += 1
        assert [fingerprint(arg) for arg in args] == before
        assert not shares(drawn, args)
        assert drawn is not generator
    assert called


# -- pandas ------------------------------------------------------------------------------------------------------------


@cache
def first_table() -> pd.DataFrame:
    """Nobody else's: to make it takes ten times as long as to copy it, and thousands are asked for."""
    return pd.DataFrame(
        {
            "a": [1, 2, 3, 3],
            "b": [1.5, 2.0, np.nan, 4.0],
            "s": ["x", "y", "z", "x"],
            "i": pd.array([1, 2, 3, 4], dtype="Int64"),
            "c": pd.Categorical(["u", "v", "u", "v"]),
            "t": pd.to_datetime(["2020-01-01", "2020-01-02", "2020-01-03", "2020-01-04"]),
            "f": [1.0, 2.0, 3.0, 4.0],
        }
    )


def table() -> pd.DataFrame:
    return first_table().copy(deep=True)


SUBJECTS: dict[str, Callable[[], Any]] = {
    "frame": table,
    "one block": lambda: pd.DataFrame({"f": [1.0, 2, 3], "g": [4.0, 5, 6]}),
    "sorted": lambda: pd.DataFrame({"f": [1.0, 2, 3], "g": [4.0, 5, 6]}).set_index("f", drop=False),
    "by date": lambda: table().set_index("t")[["b", "f"]],
    "zoned": lambda: table().set_index("t")[["b", "f"]].tz_localize("UTC"),
    "by two": lambda: table().set_index(["a", "s"])[["b", "f"]],
    **{f"column {name}": lambda name=name: table()[name] for name in "aif"},
    "dated": lambda: table().set_index("t")["f"],
    "dated and zoned": lambda: table().set_index("t")["f"].tz_localize("UTC"),
    "column by two": lambda: table().set_index(["a", "s"])["f"],
}
GIVEN: tuple[tuple[tuple[Any, ...], dict[str, Any]], ...] = (
    ((), {}),
    ((0,), {}),
    ((2.0,), {}),
    (("a",), {}),
    (("D",), {}),
    (("UTC",), {}),
    (("f > 0",), {}),
    ((["a", "b"],), {}),
    (([0, 1],), {}),
    ((10, "f"), {}),
    ((1.0, 3.0), {}),
    ((), {"columns": ["a"]}),
    ((), {"columns": {"a": "z"}}),
    ((), {"z": 1}),
    ((), {"columns": "s", "index": "a", "values": "b"}),
)


def frame_methods(*kinds: str) -> list[object]:
    both = ("pandas.DataFrame", "pandas.Series")
    return [
        pytest.param(of, name, id=f"{of[7:]}.{name}")
        for of in both
        for name, rule in sorted(TABLE.methods[of].items())
        if rule.returns in kinds and name != "sample"
    ]


def kinds_of(args: tuple[Any, ...], keywords: dict[str, Any]) -> tuple[object, ...] | None:
    """What makes two calls alike: a second word or number shows nothing new. No two frames are alike."""
    if keywords or any(isinstance(arg, pd.DataFrame | pd.Series) for arg in args):
        return None
    return tuple(tuple(map(type, arg)) if isinstance(arg, list) else type(arg) for arg in args)


def results(of: str, name: str) -> Iterator[tuple[Any, Any]]:
    """Each kind of arguments that a method works with, with what it was called on."""
    rule = TABLE.methods[of][name]
    for make in SUBJECTS.values():
        if type(make()).__name__ != of[7:]:
            continue
        others = [(make(),), (table()[["a", "f"]].add_prefix("o_"),), (make() == make(),)]
        works = set()
        for args, keywords in (*GIVEN, *((other, {}) for other in others)):
            told = any(isinstance(place, int) and place < len(args) for place in rule.unless)
            kind = kinds_of(args, keywords)
            if told or kind in works:
                continue
            subject = make()
            try:
                result = getattr(subject, name)(*args, **keywords)
            except Exception:
                continue
            if kind is not None:
                works.add(kind)
            yield subject, result
            for other in args:
                if isinstance(other, pd.DataFrame | pd.Series):
                    yield other, result


def write_over(value: Any) -> None:
    """Write to every cell that can be written to, in place."""
    for row in range(len(value)):
        if isinstance(value, pd.Series):
            value.iloc[row] = value.iloc[-1 - row]
            continue
        for column in range(value.shape[1]):
            value.iloc[row, column] = value.iloc[-1 - row, column]


@pytest.mark.parametrize(("of", "name"), frame_methods("frame", "new frame"))
@pytest.mark.filterwarnings("ignore")
def test_a_frame_and_what_was_made_of_it_do_not_see_each_other_change(of: str, name: str) -> None:
    called = 0
    for subject, result in results(of, name):
        kept = of == "pandas.DataFrame" and name in KEEP_FRAMES
        assert isinstance(result, pd.DataFrame if kept else pd.DataFrame | pd.Series), (name, type(result))
        called += 1
        if TABLE.methods[of][name].returns == "new frame":
            assert not shares(subject, result), (name, subject)
        before = result.copy()
        write_over(subject)
        assert result.equals(before)
        before = subject.copy()
        write_over(result)
        assert subject.equals(before)
    assert called or not hasattr(getattr(pd, of[7:]), name)


@pytest.mark.parametrize("name", sorted(n for n, r in TABLE.methods["pandas.grouping"].items() if r.returns == "frame"))
@pytest.mark.filterwarnings("ignore")
def test_a_group_gives_frames_that_are_their_own(name: str) -> None:
    called = 0
    for group in (
        lambda t: t[["a", "b", "f"]].groupby("a"),
        lambda t: t.groupby("s")["f"],
        lambda t: t[["b", "f"]].rolling(2),
        lambda t: t.set_index("t")[["b", "f"]].resample("2D"),
        lambda t: t["f"].expanding(),
        lambda t: t["f"].ewm(1),
    ):
        for args in ((), ("mean",), (0.5,), (3,), (lambda x: x.sum(),), (lambda x: True,)):
            whole = table()
            try:
                result = getattr(group(whole), name)(*args)
            except Exception:
                continue
            assert isinstance(result, pd.DataFrame | pd.Series), (name, type(result))
            called += 1
            before = fingerprint(result)
            write_over(whole)
            assert fingerprint(result) == before
    assert called


MAKERS = [
    lambda x: pd.DataFrame({"x": x}),
    lambda x: pd.DataFrame(x),
    lambda x: pd.Series(x),
    lambda x: pd.concat([pd.Series(x), pd.Series(x)], axis=1),
    lambda x: pd.DataFrame({"x": x, "y": x}),
]


@pytest.mark.parametrize("make", MAKERS)
@pytest.mark.parametrize("sample", [s for s in SAMPLES if s not in ("square", "by columns", "matrix")])
def test_frames_copy_the_arrays_that_they_are_made_of(make: Callable[[Any], Any], sample: str) -> None:
    array = SAMPLES[sample]()
    frame = make(array)
    assert not shares(frame, array)


@pytest.mark.filterwarnings("ignore")
def test_frames_copy_tables_of_numbers_too() -> None:
    for array in (SAMPLES["square"](), SAMPLES["by columns"](), SAMPLES["matrix"]()):
        assert not shares(pd.DataFrame(array), array)
        assert not shares(pd.DataFrame(array, columns=list("abc")[: array.shape[1]]), array)


# -- scikit-learn ------------------------------------------------------------------------------------------------------

FORGETFUL = sorted(TABLE.forgetful["sklearn"] - {"make_pipeline"})
SMALL = {"n_estimators": 3, "max_iter": 20, "random_state": 0, "cv": 2, "n_clusters": 2, "n_iter": 1, "k": 1}


def estimator(name: str) -> Any:
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import Pipeline
    from sklearn.utils import all_estimators

    made = dict(all_estimators())[name]
    if name == "Pipeline":
        return Pipeline([("only", Ridge())])
    if "SearchCV" in name:
        return made(Ridge(), {"alpha": [1, 2]}, cv=2, **({"n_iter": 1} if "Random" in name else {}))
    known = made().get_params()
    return made(**{knob: value for knob, value in SMALL.items() if knob in known})


def data() -> Iterator[tuple[Any, Any]]:
    numbers = np.random.default_rng(0).random((30, 3)) + 0.1
    classes = np.array([0, 1] * 15)
    yield np.array(numbers), classes.copy()
    yield np.asfortranarray(numbers.astype("f4")), classes.astype(float)
    yield np.array(numbers), classes.astype("f4")
    yield pd.DataFrame(numbers.copy(), columns=list("abc")), pd.Series(classes.copy())


def overwrite(value: Any) -> None:
    """Write into the very memory."""
    for array in [value] if isinstance(value, np.ndarray) else [block.values for block in value._mgr.blocks]:
        array.flags.writeable = True
        array[...] = 7


@pytest.mark.parametrize("name", FORGETFUL)
@pytest.mark.filterwarnings("ignore")
def test_a_forgetful_estimator_changes_and_keeps_nothing_of_what_it_is_fitted_to(name: str) -> None:
    for features, target in data():
        before = fingerprint((features, target))
        model = estimator(name)
        assert model.fit(features, target) is model
        assert fingerprint((features, target)) == before
        known = pickle.dumps(model)
        overwrite(features)
        overwrite(target)
        assert pickle.dumps(model) == known


TRANSFORMERS = sorted(
    of[10:] for of in TABLE.methods if of.startswith("sklearn.*.") and "transform" in TABLE.methods[of]
)


@pytest.mark.parametrize("name", TRANSFORMERS)
@pytest.mark.filterwarnings("ignore")
def test_what_a_transformer_makes_is_new(name: str) -> None:
    for features, target in data():
        model = estimator(name)
        for result in (model.fit_transform(features, target), model.transform(features)):
            made = result.toarray() if hasattr(result, "toarray") else result
            assert not shares(made, (features, target))
            known = pickle.dumps(model)
            overwrite(made)
            assert pickle.dumps(model) == known


def test_parts_of_a_split_are_new_and_like_what_was_split() -> None:
    from sklearn.model_selection import train_test_split

    for shuffle in (True, False):
        for features, target in data():
            parts = train_test_split(features, target, shuffle=shuffle, random_state=0 if shuffle else None)
            assert [type(part) for part in parts] == [type(features)] * 2 + [type(target)] * 2
            before = fingerprint(parts)
            write_over_any(features)
            write_over_any(target)
            assert fingerprint(parts) == before
            if isinstance(features, np.ndarray):
                assert not any(
                    shares(one, two) for one in parts for two in (*parts, features, target) if one is not two
                )


def write_over_any(value: Any) -> None:
    if isinstance(value, np.ndarray):
        value[...] = 7
    else:
        write_over(value)

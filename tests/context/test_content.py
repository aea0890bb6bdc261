"""Equal content has one digest in every process, other content has another one, and what cannot be told has none."""

from __future__ import annotations

import copy
import io
import itertools
import json
import os
import pickle
import queue
import random
import socket
import subprocess
import sys
import threading
import types
import weakref
from collections import OrderedDict, defaultdict, deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import scipy.sparse
import scipy.spatial
from hypothesis import given, settings
from hypothesis import strategies as st

from orchestra_nb.context import merkle, packing, plain, unordered
from orchestra_nb.context.content import UnhashableContent, content_digest, register_content
from orchestra_nb.errors import OrchestraError

from .content_values import LASTING, VALUES, Bag, Fixed, Loose, Plain, Point, Slots, Stated, Word, double, outer

GOLDEN = Path(__file__).with_name("digests.txt")
DIGESTS = {name: content_digest(value) for name, value in VALUES.items()}
CHILD = """
import json, sys
from tests.context.content_values import VALUES
from orchestra_nb.context.content import content_digest
print(json.dumps({name: content_digest(VALUES[name]) for name in reversed(VALUES)}))
"""


def same(one: Any, other: Any) -> bool:
    return content_digest(one) == content_digest(other)


def test_no_two_values_of_the_table_have_one_digest():
    by_digest: dict[str, list[str]] = {}
    for name, digest in DIGESTS.items():
        by_digest.setdefault(digest, []).append(name)
    assert [names for names in by_digest.values() if len(names) > 1] == []
    assert len(by_digest) > 300


@pytest.mark.parametrize("half", [range(10), range(10, 20)], ids=["ten", "ten more"])
def test_every_process_finds_the_same_digests(half: range, root: Path):
    def found(seed: int) -> Any:
        surroundings = {**os.environ, "PYTHONHASHSEED": str(seed), "PYTHONPATH": str(root)}
        done = subprocess.run(
            [sys.executable, "-W", "error", "-c", CHILD],
            env=surroundings,
            cwd=root,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout)

    with ThreadPoolExecutor(2) as pool:
        for digests in pool.map(found, half):
            assert {name for name in DIGESTS if digests[name] != DIGESTS[name]} == set()


def test_digests_are_those_of_the_golden_file():
    """Another way to read values makes every kept value useless: it needs another scheme, and this file anew."""
    lines = GOLDEN.read_text(encoding="utf-8").splitlines()
    golden = dict(line.split("\t") for line in lines)
    assert golden == {name: DIGESTS[name] for name in LASTING}


@pytest.mark.parametrize("name", VALUES)
def test_a_value_keeps_its_digest_when_it_is_digested_again(name: str):
    assert content_digest(VALUES[name]) == DIGESTS[name]


UNCOPIED = {"lambda", "closure", "closure over two", "mapping proxy", "code", "module", "another module"}
UNCOPIED |= {"memoryview", "memoryview of a bytearray", "memoryview of numbers"}  # pickle does not know them
UNCOPIED |= {"a fixed one in itself"}  # pickle makes another object of it
UNCOPIED |= {"cached function"}  # nor does it know one that is found under no name
UNCOPIED |= {name for name in VALUES if name.startswith("deep")}  # pickle calls itself


@pytest.mark.parametrize("name", [name for name in VALUES if name not in UNCOPIED])
def test_what_pickle_rebuilds_has_the_digest_of_the_first(name: str):
    assert content_digest(pickle.loads(pickle.dumps(VALUES[name], 5))) == DIGESTS[name]


@pytest.mark.parametrize("name", VALUES)
def test_a_value_has_one_digest_wherever_it_stands(name: str):
    value = VALUES[name]
    assert same([b"x", {"a": value}], [b"x", {"a": value}])
    assert not same([b"x", {"a": value}], [b"x", {"b": value}])


# Laws

ATOMS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(st.characters(codec=None)),
    st.binary(),
    st.complex_numbers(),
)
KEYS = st.one_of(st.text(), st.integers(), st.tuples(st.integers(), st.text()))
NESTED = st.recursive(
    ATOMS,
    lambda inner: st.one_of(
        st.lists(inner),
        st.lists(inner).map(tuple),
        st.dictionaries(KEYS, inner),
        st.lists(inner).map(deque),
        st.frozensets(ATOMS),
        st.sets(st.tuples(ATOMS, ATOMS)),
    ),
    max_leaves=25,
)


def rebuilt(value: Any, replaced: int = -1) -> tuple[Any, int]:
    """Build a value anew from its leaves, with something else in the place of one; says how many leaves there are."""
    count = 0

    def build(one: Any) -> Any:
        nonlocal count
        if isinstance(one, list | tuple | deque):
            return type(one)([build(item) for item in one])
        if isinstance(one, dict):
            return {key: build(item) for key, item in one.items()}
        if isinstance(one, set | frozenset):
            return type(one)(sorted(one, key=repr, reverse=True))
        count += 1
        if count - 1 == replaced:
            return ["another leaf"]
        return pickle.loads(pickle.dumps(one))

    return build(value), count


@given(NESTED)
def test_equal_nested_values_have_equal_digests(value: Any):
    assert same(value, rebuilt(value)[0])


@given(NESTED, st.randoms(use_true_random=False))
def test_a_changed_leaf_changes_the_digest(value: Any, draw: random.Random):
    _, leaves = rebuilt(value)
    if leaves:
        assert not same(value, rebuilt(value, draw.randrange(leaves))[0])


@settings(max_examples=60)
@given(NESTED, NESTED)
def test_digests_agree_only_where_class_and_content_do(one: Any, other: Any):
    def exact(value: Any) -> Any:
        if isinstance(value, list | tuple | deque):
            return type(value).__name__, [exact(item) for item in value]
        if isinstance(value, dict):
            return "dict", [(exact(key), exact(item)) for key, item in value.items()]
        if isinstance(value, set | frozenset):
            return type(value).__name__, sorted(repr(exact(item)) for item in value)
        return type(value).__name__, pickle.dumps(value)

    assert same(one, other) == (exact(one) == exact(other))


@given(NESTED)
@settings(max_examples=50)
def test_slices_change_nothing_but_the_speed(value: Any):
    """With slices of two elements every container takes the way of the long ones, and still no two agree."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(packing, "SLICE", 2)
        patch.setattr(plain, "_MOST", 0)
        assert same(value, rebuilt(value)[0])
        if rebuilt(value)[1]:
            assert not same(value, rebuilt(value, 0)[0])


# Order, sharing and identity


def test_the_order_of_a_dict_counts_and_that_of_a_set_does_not():
    assert not same({"a": 1, "b": 2}, {"b": 2, "a": 1})
    forward, backward = set(), set()
    for number in range(1000):
        forward.add(str(number))
        backward.add(str(999 - number))
    assert same(forward, backward)
    assert list(forward) != list(backward)


@pytest.mark.parametrize(
    "make", [lambda: [1], lambda: {"a": 1}, lambda: {1}, lambda: bytearray(b"a"), lambda: Plain(a=1), lambda: Loose(1)]
)
def test_sharing_counts_for_what_can_change(make: Any):
    one, other = make(), make()
    assert not same([one, one], [one, other])
    assert same([one, other], [other, one])
    assert not same([one, other, one], [one, other, other])
    assert not same((one, {"x": (one,)}), (one, {"x": (other,)}))


@pytest.mark.parametrize(
    "name", ["long text", "decimal", "datetime in a zone", "path", "point", "fixed", "uuid", "range"]
)
def test_sharing_does_not_count_for_what_cannot(name: str):
    one, other = VALUES[name], pickle.loads(pickle.dumps(VALUES[name]))
    assert same([one, one], [one, other])
    assert same([one, (one, [one])], [other, (one, [other])])


def test_tuples_have_no_identity_though_what_they_hold_has():
    held: list[int] = []
    one, other = (held, 1), (held, 1)
    assert same([one, one, one], [one, other, one])
    assert not same([one, one], [one, ([], 1)])


def test_sharing_is_seen_across_plain_trees_objects_and_sets():
    inner = [1]
    tree, other_tree = {"a": [inner]}, {"a": [[1]]}
    assert not same([tree, inner, {1}], [other_tree, inner, {1}])
    assert not same([tree, Plain(x=inner)], [other_tree, Plain(x=inner)])
    assert not same([{1}, inner, tree], [{1}, inner, other_tree])
    thing = Plain(a=1)
    assert not same([{thing, 1}, thing], [{Plain(a=1), 1}, thing])
    assert not same([thing, {thing, 1}], [thing, {Plain(a=1), 1}])


def test_what_contains_itself_is_told_from_what_contains_another():
    one: list[Any] = [1]
    one.append(one)
    other: list[Any] = [1]
    other.append([1, other])
    assert same(one, copy.deepcopy(one))
    assert not same(one, other)


def test_a_deep_value_needs_no_stack():
    def deep(core: Any) -> Any:
        for _ in range(100_000):
            core = [core]
        return core

    assert not same(deep(1), deep(2))


def test_tuples_that_share_their_parts_cost_what_they_hold():
    def lattice(core: Any) -> Any:
        row = [(core, column) for column in range(20)]
        for _ in range(300):
            row = [(row[column], row[column - 1]) for column in range(20)]
        return row[0]

    assert same(lattice("a"), lattice("a"))
    assert not same(lattice("a"), lattice("b"))


def test_a_set_of_objects_is_brought_into_an_order_by_their_content():
    def family(numbers: Any) -> Plain:
        parent = Plain(name="parent")
        parent.children = {Plain(number=number, parent=parent, toys={Plain(n=number)}) for number in numbers}
        return parent

    assert same(family(range(50)), family(reversed(range(50))))
    assert not same(family(range(50)), family(range(1, 51)))


def test_a_set_that_has_no_order_is_refused():
    with pytest.raises(UnhashableContent, match="told apart by identity alone"):
        content_digest({Plain(a=1), Plain(a=1)})
    knot = [Plain(name=n) for n in range(20)]
    for one in knot:
        one.others = {other for other in knot if other is not one}
    with pytest.raises(UnhashableContent, match="use a list or a dict"):
        content_digest(knot)


def test_too_many_tries_are_refused(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(unordered, "_MOST", 3)
    within = {Plain(b=2, inner={Plain(c=n) for n in range(4)}), Plain(b=1)}
    with pytest.raises(UnhashableContent, match="too many"):
        content_digest(within)


# Arrays and frames


@settings(max_examples=50)
@given(st.integers(0, 2**20 * 3), st.integers(0, 7), st.integers(1, 2**20 * 3))
def test_one_changed_bit_of_a_buffer_changes_its_digest(place: int, bit: int, length: int):
    data = np.zeros(length, "u1")
    before = content_digest(data)
    data[place % length] ^= 1 << bit
    assert content_digest(data) != before


BASE = np.arange(24, dtype="f8").reshape(2, 3, 4)


@pytest.mark.parametrize(
    "view",
    [BASE[::2], BASE[:, ::-1], BASE.T, BASE[..., 1], np.asfortranarray(BASE), np.broadcast_to(BASE, (2, 2, 3, 4))],
    ids=["every other", "backwards", "transposed", "one column", "Fortran", "broadcast"],
)
def test_a_view_and_its_copy_have_one_digest(view: Any):
    assert same(view, view.copy(order="C"))
    assert same(view, view.copy(order="F"))


def test_padding_does_not_count():
    kind = np.dtype([("a", "i1"), ("b", "f8")], align=True)
    made = []
    for filling in (0, 255):
        one = np.full(3 * kind.itemsize, filling, "u1").view(kind)
        one["a"], one["b"] = 1, 2.0
        made.append(one)
    assert made[0].tobytes() != made[1].tobytes()
    assert same(*made)
    wide = []
    for filling in (0, 255):
        one = np.full(2 * np.dtype("g").itemsize, filling, "u1").view("g")
        one[:] = 1
        wide.append(one)
    assert same(*wide)
    assert not same(np.ones(2, "g"), np.array([1, 1 + np.finfo("g").eps], "g"))


def test_what_a_frame_keeps_beside_its_content_does_not_count():
    apart = pd.DataFrame({"a": [1, 2], "b": [3, 4]})
    together = pd.DataFrame(np.array([[1, 3], [2, 4]]), columns=["a", "b"])
    asked = apart.copy()
    assert asked.loc[1, "b"] == 4
    assert asked["a"].index.is_unique
    assert same(apart, together)
    assert same(apart, asked)
    assert same(apart, apart.iloc[:, ::-1].iloc[:, ::-1])


def test_what_a_mask_hides_in_a_column_does_not_count():
    one = pd.Series([1, 2, 3], dtype="Int64")
    one[1] = pd.NA
    assert same(one, pd.Series([1, None, 3], dtype="Int64"))
    assert not same(one, pd.Series([1, 0, 3], dtype="Int64"))


def test_what_a_sparse_matrix_found_out_about_itself_does_not_count():
    one = scipy.sparse.csr_array([[0, 1], [2, 0]])
    before = content_digest(one)
    assert one.has_sorted_indices
    assert one.has_canonical_format
    assert content_digest(one) == before


def test_a_tree_of_points_counts_by_its_points():
    points = np.random.default_rng(0).random((200, 3))
    assert same(scipy.spatial.cKDTree(points), scipy.spatial.cKDTree(points.copy()))
    assert same(scipy.spatial.KDTree(points), pickle.loads(pickle.dumps(scipy.spatial.KDTree(points))))
    assert not same(scipy.spatial.cKDTree(points), scipy.spatial.cKDTree(points + 1))
    assert not same(scipy.spatial.cKDTree(points), scipy.spatial.KDTree(points))


def test_a_state_of_random_numbers_moves_with_each_draw():
    for made in (random.Random(1), np.random.default_rng(1), np.random.RandomState(1)):
        before = content_digest(made)
        made.random()
        assert content_digest(made) != before


def test_a_subclass_of_an_array_counts_with_what_it_carries():
    class Measured(np.ndarray):
        unit: str

    def measured(unit: str) -> Any:
        made = np.ones(3).view(Measured)
        made.unit = unit
        return made

    assert same(measured("m"), measured("m"))
    assert not same(measured("m"), measured("s"))


def test_a_file_mapped_into_memory_counts_by_its_elements(tmp_path: Path):
    np.save(tmp_path / "a.npy", BASE)
    np.save(tmp_path / "b.npy", BASE)
    assert same(np.load(tmp_path / "a.npy", mmap_mode="r"), np.load(tmp_path / "b.npy", mmap_mode="r"))


# The tree of a long buffer


@pytest.mark.parametrize("length", [0, 1, 2**20 - 1, 2**20, 2**20 + 1, 9 * 2**20, 9 * 2**20 + 7])
@pytest.mark.parametrize("cores", [1, 2, 4])
def test_threads_change_nothing_but_the_speed(length: int, cores: int, monkeypatch: pytest.MonkeyPatch):
    from hashlib import sha256

    monkeypatch.setattr(merkle, "cores", lambda: cores)
    data = random.Random(length).randbytes(length)
    row = b"".join(sha256(data[at : at + 2**20]).digest() for at in range(0, length, 2**20))
    long = b"&" + sha256(length.to_bytes(8, "big") + row).digest()
    assert merkle.hashed(data) == (long if length > 2**20 else b"#" + sha256(data).digest())


def test_without_threads_the_caller_does_all_of_it(monkeypatch: pytest.MonkeyPatch):
    data = bytes(9 * 2**20)
    before = merkle.hashed(data)

    def no_more(self: threading.Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(merkle, "cores", lambda: 2)
    monkeypatch.setattr(threading.Thread, "start", no_more)
    assert merkle.hashed(data) == before


def test_an_interrupt_leaves_no_thread_behind(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(merkle, "cores", lambda: 2)
    digest, caller = merkle.sha256, threading.get_ident()

    def interrupted(data: Any) -> Any:
        if threading.get_ident() == caller and len(data) == merkle.LEAF:
            raise KeyboardInterrupt
        return digest(data)

    monkeypatch.setattr(merkle, "sha256", interrupted)
    with pytest.raises(KeyboardInterrupt):
        merkle.hashed(bytes(20 * 2**20))
    assert [thread for thread in threading.enumerate() if thread.name == "orchestra_nb-hash"] == []


def test_many_threads_find_the_same_digests_at_once():
    names = ["frame", "large array", "a family", "closure", "longer text", "many", "sparse csr", "deep list"]
    with ThreadPoolExecutor(8) as pool:
        for name, digest in zip(
            names * 10, pool.map(content_digest, [VALUES[name] for name in names * 10]), strict=True
        ):
            assert digest == DIGESTS[name]


# Code, classes and objects


def module(text: str) -> dict[str, Any]:
    made = types.ModuleType("__main__")
    exec(text, made.__dict__)
    return made.__dict__


def test_an_object_of_a_notebooks_class_counts_with_its_code():
    one = module("class C:\n  def f(self): return 1\nv = C()")["v"]
    again = module("# moved\nclass C:\n  def f(self): return 1\nv = C()")["v"]
    other = module("class C:\n  def f(self): return 2\nv = C()")["v"]
    assert same([one], [again])
    assert not same([one], [other])


def test_functions_count_by_code_defaults_and_closure():
    assert same(outer(1), outer(1))
    one, other, again = (module(f"def f(x={text}): return x")["f"] for text in ("[1]", "[2]", "[1]"))
    assert not same(one, other)
    assert same(one, again)
    assert same(partial(double, [1]), partial(double, [1]))
    assert not same(partial(double, Plain(a=1)), partial(double, Plain(a=2)))


def test_a_state_that_a_class_chooses_is_what_counts():
    assert same(Stated(1), Stated(1))
    assert not same(Stated(1), Stated(2))


def test_attributes_and_slots_count():
    one, other = Slots(1), Slots(1)
    assert same(one, other)
    other.b = 1
    assert not same(one, other)
    assert not same(Plain(a=1, b=2), Plain(b=2, a=1))


# What has no content


def generator() -> Any:
    yield 1


async def coroutine() -> None: ...


class Failing:
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise RuntimeError("not today\nnor tomorrow")


class Lying:
    def __reduce_ex__(self, protocol: Any) -> Any:
        return [1, 2]


class Untold(Exception):
    def __str__(self) -> str:
        raise ValueError


class Silent:
    def __reduce_ex__(self, protocol: Any) -> Any:
        raise Untold


class NeedsLock:
    def __init__(self) -> None:
        self.lock = threading.Lock()


OPAQUE = {
    "lock": threading.Lock,
    "reentrant lock": threading.RLock,
    "event": threading.Event,
    "condition": threading.Condition,
    "thread": lambda: threading.Thread(target=generator),
    "queue": queue.Queue,
    "generator": generator,
    "iterator": lambda: iter([1]),
    "map": lambda: map(str, [1]),
    "count": itertools.count,
    "keys": lambda: {1: 2}.keys(),
    "iterator of a deque": lambda: iter(deque([1])),
    "weak reference": lambda: weakref.ref(generator),
    "proxy": lambda: weakref.proxy(generator),
    "weak dictionary": lambda: weakref.WeakValueDictionary({1: generator}),
    "pool": lambda: ThreadPoolExecutor(1),
    "frame of a call": sys._getframe,
    "local": threading.local,
    "one whose reduce fails": Failing,
    "one whose reduce lies": Lying,
    "one whose error has no text": Silent,
    "random numbers of the system": random.SystemRandom,
    "view of addresses": lambda: memoryview(np.array([[1]], object)),
}


@pytest.mark.parametrize("name", OPAQUE)
def test_what_cannot_be_told_is_refused_with_its_place(name: str):
    thing = OPAQUE[name]()
    with pytest.raises(UnhashableContent) as caught:
        content_digest({"model": [1, Plain(part=thing)]})
    assert caught.value.path.startswith("value['model'][1].part")
    assert "register_content(" in str(caught.value)
    assert isinstance(caught.value, TypeError)
    assert isinstance(caught.value, OrchestraError)


def test_open_things_are_refused():
    made = coroutine()
    with open(os.devnull) as file, socket.socket() as plug:
        for thing in (file, plug, made, io.BufferedReader(io.BytesIO())):
            with pytest.raises(UnhashableContent):
                content_digest(thing)
    made.close()
    assert same(io.StringIO("a"), io.StringIO("a"))


def test_a_traceback_and_its_frame_are_refused():
    try:
        raise ValueError
    except ValueError as error:
        for thing in (error.__traceback__, error.__traceback__.tb_frame):  # type: ignore[union-attr]
            with pytest.raises(UnhashableContent):
                content_digest(thing)


def test_what_a_library_teaches_pickle_of_errors_changes_no_digest():
    """As importing dask does: errors are then pickled with where they were raised."""
    import copyreg

    def raised():
        try:
            try:
                raise KeyError("first")
            except KeyError:
                raise ValueError("a", 1)  # noqa: B904
        except ValueError as error:
            return error

    plain = content_digest(ValueError("a", 1))
    assert content_digest(raised()) == plain
    with pytest.MonkeyPatch.context() as patch:
        patch.setitem(copyreg.dispatch_table, ValueError, lambda error: (ValueError, error.args, error.__traceback__))
        patch.setitem(copyreg.dispatch_table, types.TracebackType, lambda trace: (tuple, (trace.tb_lineno,)))
        assert content_digest(raised()) == content_digest([ValueError("a", 1)][0]) == plain
        assert content_digest(ValueError("a", 2)) != plain
        with pytest.raises(UnhashableContent):
            content_digest([raised().__traceback__])


class OwnDefaults(defaultdict):
    """Of a kind whose pickle leaves attributes out."""


class OwnRandom(random.Random):
    """Another."""


class OwnPart(partial):
    """One whose pickle has them."""


LAZY: list[Callable[[], Any]] = [
    *(lambda: ValueError(1), lambda: ExceptionGroup("g", [OSError(2, "no")]), io.BytesIO, io.StringIO),
    *(lambda: partial(int), lambda: OwnPart(int), OwnDefaults, lambda: OwnRandom(1)),
]


@pytest.mark.parametrize("make", LAZY)
def test_asking_for_attributes_changes_no_digest_and_having_some_does(make: Callable[[], Any]):
    value = make()
    bare = content_digest(value)
    assert "more" not in getattr(value, "__dict__", {})
    assert content_digest(value) == bare
    try:
        value.more = 1
    except AttributeError:
        return
    one = content_digest(value)
    value.more = 2
    assert len({bare, one, content_digest(value)}) == 3
    del value.more
    assert content_digest(value) == bare


@pytest.mark.parametrize(
    ("make", "path"),
    [
        (lambda lock: lock, "value"),
        (lambda lock: [0, (lock,)], "value[1][0]"),
        (lambda lock: {"a": {2: lock}}, "value['a'][2]"),
        (lambda lock: {lock: 1}, "value[a key]"),
        (lambda lock: {lock}, "value[an element]"),
        (lambda lock: Plain(a=Plain(b=[lock])), "value.a.b[0]"),
        (lambda lock: Loose(lock), "value.x"),
        (lambda lock: Slots(lock), "value.a"),
        (lambda lock: Fixed({"k" * 100: lock}), f"value.x['{'k' * 39}…]"),
        (lambda lock: {(1, 2): lock}, "value[…]"),
        (lambda lock: pd.Series([lock], dtype=object), "value[0]"),
        (lambda lock: np.array([1, lock], object), "value[1]"),
    ],
)
def test_a_path_leads_to_the_culprit(make: Any, path: str):
    with pytest.raises(UnhashableContent) as caught:
        content_digest(make(threading.Lock()))
    assert caught.value.path == path


def test_a_long_path_is_shortened():
    deep: Any = threading.Lock()
    for _ in range(1000):
        deep = [deep]
    with pytest.raises(UnhashableContent) as caught:
        content_digest(deep)
    assert caught.value.path == "value" + "[0]" * 10 + "…980 more…" + "[0]" * 10


def test_the_error_travels():
    with pytest.raises(
        UnhashableContent, match=r"value\.lock: a _thread\.lock .*register_content\(NeedsLock, fn\)"
    ) as caught:
        content_digest(NeedsLock())
    home = pickle.loads(pickle.dumps(caught.value))
    assert (str(home), home.path) == (str(caught.value), "value.lock")


def test_the_reason_is_one_line():
    for make, reason in ((Failing, "RuntimeError: not today)"), (Silent, "Untold)")):
        with pytest.raises(UnhashableContent) as caught:
            content_digest(make())
        assert reason in caught.value.reason
        assert "\n" not in str(caught.value)


def test_nothing_of_the_value_runs_but_what_pickle_would_run():
    class Loud:
        def __init__(self) -> None:
            self.a = 1

        def run(self, *given: Any) -> Any:
            raise AssertionError("ran")

        __eq__ = __hash__ = __repr__ = __str__ = __len__ = __iter__ = __bool__ = __sizeof__ = run  # type: ignore[assignment]
        __getattr__ = __call__ = __contains__ = __format__ = __lt__ = run

    assert same([Loud(), {"a": Loud()}], [Loud(), {"a": Loud()}])


def test_what_changes_while_it_is_read_is_an_error_and_no_digest():
    held: set[Any] = set()

    class Growing:
        def __reduce_ex__(self, protocol: Any) -> Any:
            held.add(len(held))
            return (Growing, ())

    held.add(Growing())
    with pytest.raises(UnhashableContent, match="changed size"):
        content_digest([held])


# What users register


def test_a_registered_class_counts_by_what_its_function_says_and_so_do_its_descendants():
    class Client:
        def __init__(self, url: str) -> None:
            self.url, self.lock = url, threading.Lock()

    class Derived(Client):
        pass

    class Other(Client):
        pass

    register_content(Client, lambda client: {"url": client.url})
    assert same([Client("a")], [Client("a")])
    assert not same([Client("a")], [Client("b")])
    assert not same(Client("a"), {"url": "a"})
    assert not same(Client("a"), Derived("a"))
    register_content(Other, lambda client: 1)
    assert same(Other("a"), Other("b"))


def test_registering_goes_before_everything_else():
    class Own(np.ndarray):
        pass

    class Rows(list):
        pass

    register_content(Own, lambda value: "fixed")
    register_content(Rows, len)
    assert same(np.zeros(1).view(Own), np.ones(2).view(Own))
    assert same(Rows([1]), Rows([2]))


def test_a_function_that_stands_for_nothing_is_refused():
    class Itself:
        pass

    class Wrong:
        pass

    register_content(Itself, lambda value: value)
    register_content(Wrong, lambda value: 1 / 0)
    for make, why in ((Itself, "returns the value itself"), (Wrong, "ZeroDivisionError")):
        with pytest.raises(UnhashableContent, match=why):
            content_digest([make()])


@pytest.mark.parametrize("cls", [int, str, list, dict, object, type(None), "int"])
def test_what_is_pythons_own_cannot_be_registered(cls: Any):
    with pytest.raises(TypeError, match="is fixed"):
        register_content(cls, repr)


def test_small_differences_of_class_count():
    assert not same(Word("a"), "a")
    assert not same(Point(1, 2), (1, 2))
    assert not same(OrderedDict(a=1), {"a": 1})
    assert not same(Bag([1]), {1})

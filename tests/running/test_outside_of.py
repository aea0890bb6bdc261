"""What functions follow from: a table of bodies, the ways by which one leads to another, and what runs no code."""

from __future__ import annotations

import asyncio
import builtins
import dataclasses
import datetime
import functools
import glob
import os
import random
import secrets
import sqlite3
import subprocess
import sys
import time
import types
import urllib.request as web
import uuid
from datetime import date
from datetime import datetime as clock
from os import environ, listdir
from pathlib import Path
from random import choice
from time import time as now
from typing import ClassVar

import numpy as np
import pandas as pd
import pytest

from orchestra_nb.running.outside_of import outside_of

requests = pytest.importorskip("requests")

SEED, NO_SEED, ADDRESS, NAME = 7, None, "https://example.org/rows.csv", "rows.csv"
RNG, OLD_RNG, PLAIN_RNG = np.random.default_rng(7), np.random.RandomState(7), random.Random(7)
SESSION, FOLDER, DAY = requests.Session(), Path("data"), datetime.date(2026, 1, 1)
LIMIT = requests.codes.ok
FILES = "files that it finds when it runs"


def stamped():
    return time.time()


def seeded(seed):
    return np.random.default_rng(seed).normal()


def seeded_or_not(seed=None):
    return np.random.default_rng(seed).normal()


def imported():
    import time as clocks

    return clocks.time()


def imported_from():
    from os.path import exists as there

    return there("a")


def imported_whole():
    import os.path

    return os.path.exists("a")


def imported_and_seeded():
    import numpy.random as chance

    return chance.default_rng(7).normal(), chance.RandomState(seed=7).rand(), chance.Generator(chance.PCG64(1)).normal()


def imported_within():
    import random as chance

    def inner():
        return chance.Random(7).random()

    def other():
        return chance.random()

    return inner, other


def under_another_name():
    tool = time
    ask = tool.time
    return ask()


def shuffled(rows):
    rng = random.Random(7)
    return rng.sample(rows, 3)


def seeds_all(rows):
    random.seed(7)
    return random.random()


def made_within():
    def inner():
        return [time.time() for _ in range(3)]

    return inner


def unset_local(flag):
    if flag:
        time = 1
    return time


async def asked():
    return await asyncio.to_thread(requests.get, ADDRESS)


def yields():
    yield time.time()


BODIES = [
    # the time
    (lambda: time.time(), ["the time (time.time)"]),
    (lambda: now(), ["the time (time.time)"]),
    (lambda: clock.now(), ["the time (datetime.datetime.now)"]),
    (lambda: clock.now(datetime.UTC), ["the time (datetime.datetime.now)"]),
    (lambda: datetime.datetime.utcnow(), ["the time (datetime.datetime.utcnow)"]),
    (lambda: date.today(), ["the time (datetime.date.today)"]),
    (lambda: pd.Timestamp.now(), ["the time (pandas.Timestamp.now)"]),
    (lambda: pd.to_datetime("now"), ["the time (pandas.to_datetime)"]),
    (lambda: pd.to_datetime("2026-01-01"), []),
    (lambda: np.datetime64("today"), ["the time (numpy.datetime64)"]),
    (lambda: time.localtime(), ["the time (time.localtime)"]),
    (lambda: time.localtime(None), ["the time (time.localtime)"]),
    (lambda t: time.localtime(t), []),
    (lambda: time.strftime("%Y"), ["the time (time.strftime)"]),
    (lambda t: time.strftime("%Y", t), []),
    (lambda: time.sleep(1), []),
    (lambda: clock(2026, 1, 1).isoformat(), []),
    (lambda: DAY.isoformat(), []),
    (lambda watch: watch.now(), ["the time (.now)"]),
    # chance
    (lambda: random.random(), ["chance (random.random)"]),
    (lambda: choice([1, 2]), ["chance (random.choice)"]),
    (lambda: np.random.rand(), ["chance (numpy.random.rand)"]),
    (lambda: np.random.default_rng(), ["chance (numpy.random.default_rng)"]),
    (lambda: np.random.default_rng(None), ["chance (numpy.random.default_rng)"]),
    (lambda: np.random.default_rng(seed=None), ["chance (numpy.random.default_rng)"]),
    (lambda: np.random.default_rng(NO_SEED), ["chance (numpy.random.default_rng)"]),
    (lambda: np.random.default_rng(3), []),
    (lambda: np.random.default_rng(seed=3), []),
    (lambda: np.random.default_rng(SEED), []),
    (lambda n: np.random.default_rng([SEED, n + 1]), []),
    (lambda p: np.random.default_rng(*p), ["chance (numpy.random.default_rng)"]),
    (lambda p: np.random.default_rng(1 if p else None), ["chance (numpy.random.default_rng)"]),
    (lambda: np.random.default_rng, ["chance (numpy.random.default_rng)"]),
    (lambda: np.random.RandomState(3).rand(), []),
    (lambda: random.Random(3).random(), []),
    (lambda: random.Random().random(), ["chance (random.Random)"]),
    (lambda: random.SystemRandom(3).random(), ["chance (random.SystemRandom)"]),
    (lambda: RNG.normal(), ["chance (numpy.random.Generator.normal)"]),
    (lambda: OLD_RNG.rand(), ["chance (numpy.random.RandomState.rand)"]),
    (lambda: PLAIN_RNG.choice([1]), ["chance (random.Random.choice)"]),
    (lambda: sorted([1], key=RNG), ["chance (numpy.random.Generator)"]),
    (lambda: uuid.uuid4(), ["chance (uuid.uuid4)"]),
    (lambda: uuid.uuid5(uuid.NAMESPACE_DNS, "a"), []),
    (lambda: secrets.token_hex(), ["chance (secrets.token_hex)"]),
    (lambda: os.urandom(3), ["chance (os.urandom)"]),
    (lambda frame: frame.sample(3), ["chance (.sample)"]),
    (lambda frame: frame.sample(3, random_state=None), ["chance (.sample)"]),
    (lambda frame: frame.sample(3, random_state=1), []),
    (shuffled, []),
    (seeds_all, ["chance (random.seed)", "chance (random.random)"]),
    (seeded, []),
    (seeded_or_not, ["chance (numpy.random.default_rng)"]),
    # the network, a database, another program, ...
    (lambda: requests.get(ADDRESS).json(), ["the network (requests.get)"]),
    (lambda: requests.Session().get(ADDRESS), ["the network (requests.Session)"]),
    (lambda: SESSION.get(ADDRESS), ["the network (requests.Session.get)"]),
    (lambda: getattr(requests, "get")(ADDRESS), ["the network (requests)"]),  # noqa: B009
    (lambda: web.urlopen(ADDRESS), ["the network (urllib.request.urlopen)"]),
    (lambda: pd.read_csv(ADDRESS), ["the network (pandas.read_csv)"]),
    (lambda: pd.read_csv("s3://bucket/rows.csv"), ["the network (pandas.read_csv)"]),
    (lambda name: pd.read_csv(f"https://example.org/{name}"), ["the network (pandas.read_csv)"]),
    (lambda: pd.read_csv(NAME), []),
    (lambda: LIMIT, []),
    (lambda: requests.codes.ok, []),
    (lambda fault: isinstance(fault, requests.ConnectionError), []),
    (lambda: sqlite3.connect("a.db"), ["a database (sqlite3.connect)"]),
    (lambda: subprocess.run(["a"], stdout=subprocess.PIPE), ["another program (subprocess.run)"]),
    (lambda: os.system("a"), ["another program (os.system)"]),
    (lambda: input(), ["who types (input)"]),
    (lambda: sys.stdin.read(), ["who types (sys.stdin.read)"]),
    (lambda: os.getpid(), ["this process (os.getpid)"]),
    (lambda text: hash(text), ["this process (hash)"]),
    # files and the environment
    (lambda: os.listdir("."), [f"{FILES} (os.listdir)"]),
    (lambda: listdir("."), [f"{FILES} (os.listdir)"]),
    (lambda: glob.glob("*"), [f"{FILES} (glob.glob)"]),
    (lambda: os.path.exists("a"), [f"{FILES} (os.path.exists)"]),
    (lambda folder: [path.name for path in folder.iterdir()], [f"{FILES} (.iterdir)"]),
    (lambda: Path("a").glob("*"), [f"{FILES} (.glob)"]),
    (lambda name: str(name).strip().exists(), [f"{FILES} (.exists)"]),
    (lambda path: path.read_text(), []),
    (lambda path: open(path).read(), []),  # noqa: SIM115
    (lambda: os.environ["A"], ["the environment (os.environ)"]),
    (lambda: os.environ.get("A"), ["the environment (os.environ.get)"]),
    (lambda: environ["A"], ["the environment (os.environ)"]),
    (lambda: os.getenv("A"), ["the environment (os.getenv)"]),
    # ways to import and to name
    (imported, ["the time (time.time)"]),
    (imported_from, [f"{FILES} (os.path.exists)"]),
    (imported_whole, [f"{FILES} (os.path.exists)"]),
    (imported_and_seeded, []),
    (imported_within, ["chance (random.random)"]),
    (under_another_name, ["the time (time.time)"]),
    (unset_local, []),
    # kinds of functions
    (made_within, ["the time (time.time)"]),
    (asked, ["the network (requests.get)"]),
    (yields, ["the time (time.time)"]),
    (lambda rows: [row for row in rows if time.time() > row], ["the time (time.time)"]),
    (time.time, ["the time (time.time)"]),
    (requests.get, ["the network (requests.get)"]),
    (np.random.rand, ["chance (numpy.random.rand)"]),
    # none of it
    (lambda rows: sorted(rows, key=len), []),
    (lambda frame: frame.groupby("a").mean().reset_index(), []),
    (lambda: np.linalg.norm(np.arange(3)) + pd.DataFrame({"a": [1]}).sum(), []),
    (len, []),
    (str.upper, []),
    ("a".join, []),
    (pd.read_csv, []),
    (np.mean, []),
    (functools.partial(sorted, reverse=True), []),
]


@pytest.mark.parametrize(("fn", "told"), BODIES, ids=[str(number) for number in range(len(BODIES))])
def test_what_a_body_says(fn, told):
    assert outside_of(fn) == tuple(told)


def logged(fn):
    @functools.wraps(fn)
    def wrapper(*args):
        return fn(*args)

    return wrapper


def timed(fn):
    def wrapper(*args):
        return fn(*args), time.perf_counter()

    return wrapper


class Loader:
    """Asks the time in a method that another one calls."""

    kind = "loader"

    def load(self):
        return self._stamp()

    def _stamp(self):
        return time.time()


class Heir(Loader):
    pass


class Caller:
    def __init__(self, fn):
        self.fn = fn

    def __call__(self):
        return self.fn()


class Slotted:
    __slots__ = ("empty", "fn")

    def __init__(self, fn):
        self.fn = fn

    def __call__(self):
        return self.fn()


class Static:
    @staticmethod
    def still():
        return time.time()


class Foreign:
    now = staticmethod(time.time)


class ClassMethod:
    @classmethod
    def made(cls):
        return time.time()


class Property:
    @property
    def value(self):
        return time.time()


class Cached:
    @functools.cached_property
    def value(self):
        return time.time()


class Session(requests.Session):
    """Of a library's class, under a name of the user's."""


class Failure(requests.ConnectionError):
    pass


class Hashed:
    def __hash__(self):
        return hash(("a", 1))


@dataclasses.dataclass
class Record:
    name: str = ""

    def label(self):
        return self.name.title()


@dataclasses.dataclass
class Stamped:
    at: float = dataclasses.field(default_factory=time.time)


@functools.singledispatch
def dispatched(value):
    return value


@dispatched.register
def _(value: int):
    return time.time()


TIME, NETWORK = ["the time (time.time)"], ["the network (requests.get)"]
STEPS, TABLE, DEEP = [len, stamped], {"a": stamped}, ([{"a": (stamped,)}],)
LOADER, CALLER, FLAT = Loader(), Caller(stamped), Slotted(stamped)
RECURSIVE: list = []
RECURSIVE.append(RECURSIVE)


def again(n):
    return again(n - 1) if n else other(n)


def other(n):
    return again(n) + time.time()


def default(read=requests.get):
    return read(ADDRESS)


def keyword_default(*, read=requests.get):
    return read(ADDRESS)


def closed_over(ask):
    return lambda: ask()


WAYS = [
    (lambda: stamped(), TIME),
    (lambda: (lambda: stamped())(), TIME),
    (again, TIME),
    (default, NETWORK),
    (keyword_default, NETWORK),
    (closed_over(stamped), TIME),
    (closed_over(time.time), TIME),
    (closed_over(len), []),
    (functools.partial(stamped), TIME),
    (functools.partial(sorted, key=stamped), TIME),
    (functools.partial(map, stamped), TIME),
    (functools.partial(np.random.default_rng, 7), []),
    (functools.partial(np.random.default_rng, None), ["chance (numpy.random.default_rng)"]),
    (functools.partial(np.random.default_rng), ["chance (numpy.random.default_rng)"]),
    (functools.partial(time.strftime, "%Y"), ["the time (time.strftime)"]),
    (logged(stamped), TIME),
    (logged(len), []),
    (timed(len), ["the time (time.perf_counter)"]),
    (functools.lru_cache(stamped), TIME),
    (functools.cache(len), []),
    (dispatched, TIME),
    (np.vectorize(stamped), TIME),
    (lambda: STEPS[1](), TIME),
    (lambda: TABLE["a"](), TIME),
    (lambda: DEEP, TIME),
    (lambda: RECURSIVE, []),
    (Loader().load, TIME),
    (Heir().load, TIME),
    (Loader, TIME),
    (lambda: Loader().load(), TIME),
    (lambda: LOADER.load(), TIME),
    (lambda: LOADER, TIME),
    (lambda: Loader.kind, TIME),  # a class counts with all its methods
    (CALLER, TIME),
    (lambda: CALLER(), TIME),
    (FLAT, TIME),
    (lambda: FLAT.fn(), TIME),
    (Caller(Caller(requests.get)), NETWORK),
    (Static.still, TIME),
    (lambda: Static.still(), TIME),
    (lambda: Foreign.now(), TIME),
    (Foreign, TIME),
    (ClassMethod.made, TIME),
    (lambda: Property().value, TIME),
    (lambda: Cached().value, TIME),
    (lambda: Session().get("a"), ["the network (requests.Session)"]),
    (lambda: Failure(), []),
    (lambda: Hashed(), []),
    (lambda: Record("a").label(), []),
    (lambda: Stamped(), TIME),
    (types.MethodType(stamped, 1), TIME),
    (types.MethodType(functools.partial(stamped), 1), TIME),
]


@pytest.mark.parametrize(("fn", "told"), WAYS, ids=[str(number) for number in range(len(WAYS))])
def test_the_ways_that_lead_there(fn, told):
    assert outside_of(fn) == tuple(told)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("ensemble.RandomForestClassifier()", ["chance (sklearn.ensemble.RandomForestClassifier)"]),
        ("ensemble.RandomForestClassifier(9, max_depth=3)", ["chance (sklearn.ensemble.RandomForestClassifier)"]),
        ("ensemble.RandomForestClassifier(random_state=None)", ["chance (sklearn.ensemble.RandomForestClassifier)"]),
        ("ensemble.RandomForestClassifier(random_state=1)", []),
        ("ensemble.RandomForestClassifier(**p)", ["chance (sklearn.ensemble.RandomForestClassifier)"]),
        ("linear_model.LinearRegression().fit(p, p)", []),
        ("linear_model.LogisticRegression()", []),
        ("linear_model.LogisticRegression(solver='sag')", ["chance (sklearn.linear_model.LogisticRegression)"]),
        ("linear_model.LogisticRegression(solver='sag', random_state=1)", []),
        ("model_selection.KFold(5)", []),
        ("model_selection.KFold(5, shuffle=True)", ["chance (sklearn.model_selection.KFold)"]),
        ("model_selection.train_test_split(p)", ["chance (sklearn.model_selection.train_test_split)"]),
        ("model_selection.train_test_split(p, random_state=1)", []),
        ("utils.check_random_state(None)", ["chance (sklearn.utils.check_random_state)"]),
        ("utils.check_random_state(1)", []),
        (
            "pipeline.make_pipeline(preprocessing.StandardScaler(), cluster.KMeans(3))",
            ["chance (sklearn.cluster.KMeans)"],
        ),
    ],
)
def test_of_scikit_learn_what_draws_without_a_seed(call, told):
    space = {}
    names = "cluster, ensemble, linear_model, model_selection, pipeline, preprocessing, utils"
    exec(f"from sklearn import {names}\ndef body(p):\n    return {call}", space)
    assert outside_of(space["body"]) == tuple(told)


@pytest.mark.parametrize(
    ("call", "told"),
    [
        ("networkx.spring_layout(p)", ["chance (networkx.spring_layout)"]),
        ("networkx.spring_layout(p, seed=1)", []),
        ("scipy.stats.norm.rvs(size=3)", ["chance (scipy.stats.norm.rvs)"]),
        ("scipy.stats.norm.rvs(size=3, random_state=1)", []),
        ("scipy.stats.norm.pdf(p)", []),
        ("pandas.DataFrame.sample(p, 3)", ["chance (pandas.DataFrame.sample)"]),
        ("pandas.DataFrame.sample(p, 3, None, False, None, 1)", []),
    ],
)
def test_of_other_libraries_what_draws_without_a_seed(call, told):
    space = {}
    exec(f"import networkx, pandas, scipy.stats\ndef body(p):\n    return {call}", space)
    assert outside_of(space["body"]) == tuple(told)


def test_a_module_of_the_users_is_followed_and_one_that_is_installed_is_not(tmp_path, monkeypatch):
    text = "import time\ndef stamp():\n    return time.time()\nclass A:\n    def go(self):\n        return stamp()\n"
    for folder in (".", "site-packages"):
        (tmp_path / folder).mkdir(exist_ok=True)
        (tmp_path / folder / "own_clock.py").write_text(text)
        monkeypatch.syspath_prepend(str(tmp_path / folder))
        monkeypatch.delitem(sys.modules, "own_clock", raising=False)
        import own_clock

        found = [outside_of(fn) for fn in (lambda: own_clock.stamp(), lambda: own_clock.A().go())]
        assert found == ([tuple(TIME)] * 2 if folder == "." else [()] * 2)
    del sys.modules["own_clock"]


def test_what_a_name_means_now_counts():
    space = {"__builtins__": builtins, "ask": len}
    exec("def body():\n    return ask()", space)
    assert outside_of(space["body"]) == ()
    space["ask"] = time.time
    assert outside_of(space["body"]) == tuple(TIME)
    del space["ask"]
    assert outside_of(space["body"]) == ()


def test_what_takes_the_place_of_a_builtin_is_that_still(monkeypatch):
    monkeypatch.setattr(builtins, "input", Loader().load)
    assert outside_of(lambda: input())[0] == "who types (input)"


class Trap:
    """Does something when it is asked for anything."""

    asked: ClassVar[list[str]] = []

    def __getattribute__(self, name):
        Trap.asked.append(name)
        raise RuntimeError(name)

    @property
    def __class__(self):
        Trap.asked.append("__class__")
        return str

    def __iter__(self):
        Trap.asked.append("__iter__")
        return iter(())

    def __eq__(self, other):
        Trap.asked.append("__eq__")
        return True

    def __hash__(self):
        Trap.asked.append("__hash__")
        return 1

    def __bool__(self):
        Trap.asked.append("__bool__")
        return False

    __len__ = __call__ = __bool__


class Box(dict):
    def __getitem__(self, key):
        Trap.asked.append("box")

    values = items = keys = __iter__ = __contains__ = get = __getitem__


class Meta(type):
    def __getattribute__(cls, name):
        Trap.asked.append(name)
        return super().__getattribute__(name)


class Made(metaclass=Meta):
    def go(self):
        return time.time()


def test_nothing_of_the_users_is_run():
    trap, boxed, listed = Trap(), Box(a=stamped, b=Trap()), [Trap()]

    def body(default=trap):
        return trap, trap.value, trap(), boxed, boxed["a"], listed, Made, Made().go(), Made.value

    module = types.ModuleType("own_trap")
    module.__getattr__ = Trap.asked.append
    space = {"module": module}
    exec("def other():\n    return module.value.more", space)
    Trap.asked.clear()
    assert outside_of(body) == tuple(TIME)
    assert outside_of(functools.partial(body, trap)) == tuple(TIME)
    assert outside_of(trap) == outside_of(types.MethodType(trap, trap)) == outside_of(space["other"]) == ()
    assert Trap.asked == []


def test_a_cell_that_is_not_bound_yet_does_no_harm():
    def outer():
        def inner():
            return later()

        found = outside_of(inner)
        later = time.time
        return found, outside_of(inner), later

    assert outer()[:2] == ((), tuple(TIME))


def test_much_that_a_function_sees_costs_little():
    rows = [Record(str(number)) for number in range(100_000)]
    began = time.thread_time()  # what others do meanwhile is none of its cost
    assert outside_of(lambda: rows) == ()
    assert time.thread_time() - began < 5


def test_what_is_found_and_what_is_not_is_the_same_when_asked_again():
    assert [outside_of(fn) for fn, _ in BODIES] == [tuple(told) for _, told in BODIES]

"""Which cells can be kept, as far as their code shows, and what their results follow from."""

from __future__ import annotations

import pytest

from orchestra_nb.cells.cell import Cell
from orchestra_nb.cells.inference import cell_dag
from orchestra_nb.cells.settings import NodeSettings
from orchestra_nb.model import Node

IMPORTS = "import numpy as np, pandas as pd, random, time, os, uuid, tempfile\nimport matplotlib.pyplot as plt\n"
NAMES = "xs, low, df, rng = [1], 2, pd.DataFrame({'a': [1.0]}), np.random.default_rng(1)\ndef f(x):\n    return x"
BEFORE = IMPORTS + NAMES


def last(*sources: str, cache: bool | float = True) -> Node:
    """The last of some cells, after those imports."""
    cells = [Cell(1, BEFORE), *(Cell(n, s, NodeSettings(cache=cache)) for n, s in enumerate(sources, 2))]
    return [*cell_dag(cells).nodes.values()][-1]


KEPT = [
    "y = 1",
    "y = [low, *xs]",
    "print(xs)",
    "df.head()",
    "y = f(low)",
    "y = df.a.sum()",
    "y = pd.read_csv('a.csv')",
    "y = open('a.txt').read()",
    "import json\ny = json.dumps(xs)",
    "plt.plot(xs)\nplt.show()",
    "fig, ax = plt.subplots()\nax.plot(xs)",
    "y = os.environ['HOME']",
    "np.random.seed(1)\ny = np.random.rand()",
    "random.seed(1)\ny = random.random()",
    "y = np.random.default_rng(3).normal()",
    "r = random.Random(3)\ny = r.random()",
    "if xs:\n    y = 1",
    "import asyncio\nawait asyncio.sleep(0)\ny = 1",
    "y = time.strftime",
    "time.sleep(0)",
    "del low",
    "y = 1\ndel y",
]


@pytest.mark.parametrize("source", KEPT)
def test_what_only_binds_and_shows_is_kept(source: str):
    assert last(source).metadata["not_kept"] == ""


NOT_KEPT = [
    ("xs.append(1)", "changes xs, which other cells see"),
    ("df['b'] = 1", "changes df, which other cells see"),
    ("y = rng.normal()", "changes rng, which other cells see"),
    ("def g():\n    return 1", "defines the function g, which belongs to this namespace"),
    ("g = lambda: 1", "defines the function lambda, which belongs to this namespace"),
    ("class A:\n    pass", "defines the class A, which belongs to this namespace"),
    ("y = iter(xs)", "keeps an iterator"),
    ("y = open('a.txt')", "keeps the open file a.txt"),
    ("df.to_csv('b.csv')", "writes a file (.to_csv())"),
    ("os.chdir('/')", "sets hidden state (cwd: os.chdir())"),
    ("os.environ['A'] = 'b'", "sets hidden state (module:os: […] = …)"),
    ("pd.set_option('display.max_rows', 3)", "sets hidden state (options: pandas.set_option())"),
    ("import warnings\nwarnings.simplefilter('ignore')", "sets hidden state (warnings: warnings.simplefilter())"),
    ("from __future__ import annotations\ny = 1", "turns on features of Python (from __future__)"),
    ("import nobody_knows_it", "imports nobody_knows_it, whose code is not known"),
    ("!ls", "keeps its place among all cells (runs a magic or a shell command, which may touch anything)"),
    ("y = eval('1')", "keeps its place among all cells (exec() or eval() may touch anything)"),
]


@pytest.mark.parametrize(("source", "why"), NOT_KEPT)
@pytest.mark.parametrize("cache", [True, 60.0])
def test_what_does_more_is_not_kept_however_old_it_may_be(source: str, why: str, cache: bool | float):
    assert last(source, cache=cache).metadata["not_kept"] == why


OUTSIDE = [
    ("y = time.time()", "the time (time.time, line 1)"),
    ("\ny = uuid.uuid4()", "chance (uuid.uuid4, line 2)"),
    ("y = pd.Timestamp.now()", "the time (pandas.Timestamp.now, line 1)"),
    ("y = sorted(xs, key=lambda x: time.time())", "the time (time.time, line 1)"),
    ("y = np.random.default_rng().normal()", "chance (numpy.random.default_rng, line 1)"),
    ("y = random.Random().random()", "chance (random.Random, line 1)"),
    ("y = np.random.rand()", "chance: no cell before it seeds numpy's global random state"),
    ("y = random.random()", "chance: no cell before it seeds the global random state"),
    ("y = np.random.rand()\nnp.random.seed(1)", "chance: no cell before it seeds numpy's global random state"),
    ("y = pd.read_csv(str(low))", "a file whose name shows only when it runs (pandas.read_csv(), line 1)"),
    ("y = pd.read_csv('https://example.org/a.csv')", "the network (pandas.read_csv, line 1)"),
    ("import requests\ny = requests.get('https://example.org').text", "the network (requests.get, line 2)"),
    ("y = os.path.exists('a')", "files that it finds when it runs (os.path.exists, line 1)"),
    ("y = pd.to_datetime('now')", "the time (pandas.to_datetime, line 1)"),
    ("y = np.datetime64('today')", "the time (numpy.datetime64, line 1)"),
    ("y = pd.read_json(path_or_buf='https://example.org/a.json')", "the network (pandas.read_json, line 1)"),
    ("y = os.getpid()", "this process (os.getpid, line 1)"),
]


@pytest.mark.parametrize(("source", "what"), OUTSIDE)
def test_what_follows_from_outside_is_kept_only_for_as_long_as_the_user_says(source: str, what: str):
    told, aged = last(source).metadata["not_kept"], last(source, cache=60.0).metadata["not_kept"]
    assert told == f"follows from {what}; cache=SECONDS keeps it all the same"
    assert aged == ""


SEED = "np.random.seed(0)\nrandom.seed(0)"


@pytest.mark.parametrize(
    ("sources", "draws", "started"),
    [
        (["y = 1"], (), ()),
        ([SEED, "y = np.random.rand()"], ("numpy.random",), ()),
        ([SEED, "y = random.random() + np.random.rand()"], ("random", "numpy.random"), ()),
        ([SEED], ("random", "numpy.random"), ("random", "numpy.random")),
        (["np.random.seed(1)\ny = np.random.rand()"], ("numpy.random",), ("numpy.random",)),
        ([SEED, "if xs:\n    np.random.seed(1)\ny = np.random.rand()"], ("numpy.random",), ()),
        ([SEED, "y = np.random.rand()\nnp.random.seed(1)"], ("numpy.random",), ()),
        ([SEED, "for i in xs:\n    np.random.seed(1)\ny = np.random.rand()"], ("numpy.random",), ()),
        (
            [SEED, "try:\n    np.random.seed(1)\nexcept ValueError:\n    pass\ny = np.random.rand()"],
            ("numpy.random",),
            (),
        ),
    ],
)
def test_random_states_are_read_and_put_back(sources: list[str], draws: tuple[str, ...], started: tuple[str, ...]):
    keeping = last(*sources).metadata["keeping"]
    assert (keeping["draws"], keeping["started"]) == (draws, started)


def test_chance_that_nobody_seeded_is_left_alone_where_the_user_says_how_old_a_result_may_be():
    assert last("y = np.random.rand()", cache=60.0).metadata["keeping"]["draws"] == ()


def test_a_session_may_have_seeded_before():
    cells = [Cell(1, "import random\ny = random.random()", NodeSettings(cache=True))]
    (node,) = cell_dag(cells, {"a": 1}).nodes.values()
    assert node.metadata["not_kept"] == ""
    assert node.metadata["keeping"]["draws"] == ("random",)


def test_what_a_result_follows_from_is_told_to_the_run():
    options, plain = "pd.set_option('display.max_rows', 3)", {"files": (), "draws": (), "started": (), "maybe": ()}
    assert last("y = low").metadata["keeping"] == {**plain, "states": {}}
    assert last("if low:\n    y = 1\nelse:\n    z = 1").metadata["keeping"]["maybe"] == ("y", "z")
    found = last(options, "y = pd.read_csv('d/../a.csv')").metadata["keeping"]
    assert found == {**plain, "files": ("a.csv",), "states": {"options": ("cell-2",), "cwd": ()}}
    assert last("plt.plot(xs)").metadata["keeping"]["states"].keys() >= {"matplotlib"}
    assert last("import nobody_knows_it", "print(df)").metadata["keeping"]["states"]["warnings"] == ("cell-2",)


def test_cells_that_do_not_say_cache_are_told_nothing():
    (node,) = cell_dag([Cell(1, "x = 1")]).nodes.values()
    assert not {"not_kept", "keeping"} & node.metadata.keys()

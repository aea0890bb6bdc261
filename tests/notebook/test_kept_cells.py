"""Cells that say ``cache``: what is found again, what is not, and why; and that what is found is exact."""

from __future__ import annotations

import os
import random
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from orchestra_nb.notebook.cell_keys import code_digest
from orchestra_nb.notebook.cell_results import KeptCell
from orchestra_nb.notebook.code import CellCode

from .cached_cells import Notebook, global_random_states_kept, plain

IMPORTS = "import numpy as np, pandas as pd, random, time, os, asyncio"


@pytest.fixture(autouse=True)
def _as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.chdir(tmp_path)
    with global_random_states_kept(), np.printoptions(), pd.option_context("display.max_rows", 60):
        yield


FOUND_AGAIN = [
    ["x = 1\nprint('one')\nx"],
    ["x = [1]\ny = x", "z = len(x)"],
    ["f = len", "x = f('abc')"],
    ["import json\nx = json.loads('[1, {}]')"],
    [IMPORTS, "df = pd.DataFrame({'a': [1.5, 2]})\ndf", "df.a.sum()"],
    [IMPORTS, "x = np.arange(6).reshape(2, 3)\nx", "y = np.asfortranarray(x)\ny.flags.f_contiguous"],
    [
        IMPORTS,
        "np.random.seed(3)\nx = np.random.rand()",
        "y = np.random.rand()\ny",
        "random.seed(1)\nz = random.random()",
    ],
    [IMPORTS, "await asyncio.sleep(0.001)\nx = 5\nprint('awaited')"],
    [IMPORTS, "x = os.environ.get('HOME')"],
    ["from pathlib import Path", "x = Path('a/b')"],
    ["if len('ab') == 2:\n    x = 1\nelse:\n    y = 2"],
    ["for i in range(3):\n    print(i)"],
    ["i = 1", "i = 2\ndel i"],
    ["i = 1\nj = 2", "j = 3\nif j:\n    del i", "j"],
    ["err = 5", "try:\n    1 / 0\nexcept ZeroDivisionError as err:\n    x = str(err)"],
    ["print('out', end='')\n1 + 1"],
    ["from IPython.display import HTML\nHTML('<i>2</i>')"],
    ["def f(x):\n    return x + 1", "x = f(1)"],
    ["def f(x):\n    return low + x", "low = 3", "x = f(1)"],
    [
        IMPORTS,
        "from sklearn.linear_model import LinearRegression",
        "m = LinearRegression().fit([[1], [2]], [1, 2])\nm.coef_",
    ],
]


@pytest.mark.parametrize("sources", FOUND_AGAIN)
@pytest.mark.parametrize("config", [{}, {"jobs": 1}, {"backend": "loky", "jobs": 2}], ids=["threads", "one", "loky"])
def test_what_is_found_is_what_a_run_would_give(sources: list[str], config: dict[str, Any], tmp_path: Path):
    notebook, wanted = Notebook(folder=str(tmp_path / "cache") if config.get("backend") else ""), plain(sources)
    first, second = notebook.run(sources, **config), notebook.run(sources, **config)
    assert first.digests == second.digests == wanted.digests
    assert first.said == second.said == wanted.said
    own = {name for name, outcome in first.result.outcomes.items() if "not kept" in outcome.reason}
    assert {name for name, status in second.status.items() if status == "cached"} == second.status.keys() - own
    assert len(own) < len(sources)


EDITS = [
    # before, after, what is missed and why
    (["x = 1"], ["x = 1  # a remark\n\n"], {}),
    (["x = [1,2]"], ["x = [\n    1,\n    2,\n]"], {}),
    (["x = 1\nx"], ["x = 1\nx;"], {"cell-1": "its code has changed"}),
    (["x = 1"], ["x = 2"], {"cell-1": "its code has changed"}),
    (["x = 1", "y = x"], ["x = 2", "y = x"], {"cell-1": "its code has changed", "cell-2": "its input 'x' has changed"}),
    (["x = 1", "y = x"], ["x = 3 - 2", "y = x"], {"cell-1": "its code has changed"}),
    (["x = 1", "y = 2"], ["x = 2", "y = 2"], {"cell-1": "its code has changed"}),
    (
        ["low = 1", "def f():\n    return low", "y = f()"],
        ["low = 2", "def f():\n    return low", "y = f()"],
        {"cell-1": "its code has changed", "cell-3": "its input 'f' and its input 'low' have changed"},
    ),
    (
        ["def f():\n    return 1", "y = f()"],
        ["def f():\n    return 2", "y = f()"],
        {"cell-2": "its input 'f' has changed"},
    ),
    (
        ["flag = True", "import sys", "if sys.maxsize > 3:\n    flag = True", "print(flag)"],
        ["flag = False", "import sys", "if sys.maxsize > 3:\n    flag = True", "print(flag)"],
        {"cell-1": "its code has changed", "cell-3": "its input 'flag' has changed"},
    ),
    (
        ["def make():\n    xs = []\n    return xs.append, lambda: len(xs)\nadd, n = make()", "add(1)", "x = n()"],
        [
            "def make():\n    xs = []\n    return xs.append, lambda: len(xs)\nadd, n = make()",
            "add(1); add(2)",
            "x = n()",
        ],
        {"cell-3": "what make.<locals>.<lambda> sees (xs) has changed"},
    ),
    (
        ["class Box:\n    table = {'a': 1}\nbox = Box()", "n = box.table['a']"],
        ["class Box:\n    table = {'a': 2}\nbox = Box()", "n = box.table['a']"],
        {"cell-2": "what Box sees (table) has changed"},
    ),
    (
        ["import random\nrandom.seed(1)", "x = random.random()"],
        ["import random\nrandom.seed(2)", "x = random.random()"],
        {"cell-1": "its code has changed", "cell-2": "the global random state (random) has changed"},
    ),
    (
        ["import pandas as pd", "pd.set_option('display.max_rows', 5)", "x = pd.DataFrame({'a': [1]})\nx"],
        ["import pandas as pd", "pd.set_option('display.max_rows', 6)", "x = pd.DataFrame({'a': [1]})\nx"],
        {"cell-3": "hidden state (options) and what sets options (cell-2) have changed"},
    ),
    (
        ["import warnings", "warnings.simplefilter('ignore')", "warnings.warn('a')\nx = 1"],
        ["import warnings", "warnings.simplefilter('always')", "warnings.warn('a')\nx = 1"],
        {"cell-3": "what sets warnings (cell-2) has changed"},
    ),
]


@pytest.mark.parametrize(("before", "after", "missed"), EDITS)
def test_what_has_changed_is_run_and_said(before: list[str], after: list[str], missed: dict[str, str]):
    notebook = Notebook()
    notebook.run(before)
    found, wanted = notebook.run(after), plain(after)
    assert (found.digests, found.said) == (wanted.digests, wanted.said)
    assert found.missed == missed
    assert found.status.keys() - {n for n, status in found.status.items() if status == "cached"} >= missed.keys()


def test_a_file_that_is_read_counts_by_content(tmp_path: Path):
    notebook, sources = Notebook(), ["import pandas as pd", "x = pd.read_csv('a.csv')\nx.a.sum()"]
    for text, status, value in [("a\n1", "done", 1), ("a\n1", "cached", 1), ("a\n2", "done", 2), ("a\n1", "cached", 1)]:
        (tmp_path / "a.csv").write_text(text)
        ran = notebook.run(sources)
        assert (ran.status["cell-2"], ran.namespace["x"].a.sum()) == (status, value)


def test_a_folder_that_is_read_has_no_digest(tmp_path: Path):
    (tmp_path / "a.parquet").mkdir()
    ran = Notebook().run(["import pandas as pd", "try:\n    x = pd.read_csv('a.parquet')\nexcept OSError:\n    x = 0"])
    assert ran.missed["cell-2"] == "it reads the folder 'a.parquet', which has no content of its own"


def test_a_file_that_another_cell_wrote_counts_as_it_is_then(tmp_path: Path):
    notebook = Notebook()
    write = "from pathlib import Path\nPath('a.txt').write_text({!r})"
    read = "from pathlib import Path\nx = Path('a.txt').read_text()"
    assert notebook.run([write.format("one"), read]).namespace["x"] == "one"
    ran = notebook.run([write.format("two"), read])
    assert (ran.namespace["x"], ran.missed) == ("two", {"cell-2": "the file 'a.txt' has changed"})
    assert notebook.run([write.format("one"), read]).status == {"cell-1": "done", "cell-2": "cached"}


def test_the_environment_and_the_folder_count(monkeypatch: pytest.MonkeyPatch, tmp_path: Path):
    notebook, sources = Notebook(), ["import os", "x = os.environ['ABC']", "y = os.environ.get('JPY_X')"]
    monkeypatch.setenv("ABC", "1")
    notebook.run(sources)
    monkeypatch.setenv("JPY_SESSION_NAME", "that is another one in each kernel")
    assert notebook.run(sources).status["cell-2"] == "cached"
    monkeypatch.setenv("ABC", "2")
    assert notebook.run(sources).missed["cell-2"] == "hidden state (env) has changed"


NOT_AS_IT_SHOWED = [
    ("y = x", "it shares a list with its input"),
    ("y = [x]", "'y' shares a list with the input 'x'"),
    ("y = arr[:2]", "shares"),
    ("y = arr.T", "gaps"),
    ("y = arr[::2]", "gaps"),
    ("y = df.a.values", "'y' shares a ndarray with the input 'df'"),
]


@pytest.mark.parametrize(("source", "why"), NOT_AS_IT_SHOWED)
def test_what_a_copy_could_not_stand_for_is_not_kept(source: str, why: str):
    setup = f"{IMPORTS}\nx, arr = [1], np.arange(6.0).reshape(2, 3)\ndf = pd.DataFrame({{'a': [1.0]}})"
    notebook = Notebook()
    notebook.run([setup, source])
    ran = notebook.run([setup, source])
    reason = ran.result.outcomes["cell-2"].reason
    assert ran.status["cell-2"] == "done"
    assert reason.startswith("its result was not kept: ")
    assert why in reason or "shares" in reason


def test_what_cells_share_among_their_own_names_stays_shared():
    notebook, sources = Notebook(), ["x = [1]\ny = {'x': x}\nz = (x, x)"]
    notebook.run(sources)
    space = notebook.run(sources).namespace
    assert space["y"]["x"] is space["x"] is space["z"][0] is space["z"][1]


def test_each_run_has_its_own_copy():
    notebook = Notebook()
    notebook.run(["x = [1]", "print(x)"])
    assert notebook.run(["x = [1]", "print(x)", "x.append(2)"]).namespace["x"] == [1, 2]
    assert notebook.run(["x = [1]", "print(x)"]).namespace["x"] == [1]


@pytest.mark.parametrize("config", [{}, {"jobs": 1}])
def test_a_cell_that_awaits_says_too_why_it_is_not_kept(config: dict[str, Any]):
    ran = Notebook().run(["import asyncio, time\nawait asyncio.sleep(0)\nx = time.time()"], **config)
    told = "its result was not kept: it follows from the time (time.time, line 3); cache=SECONDS keeps it all the same"
    assert ran.result.outcomes["cell-1"].reason == told


def test_a_failing_cell_is_not_kept():
    notebook, sources = Notebook(), ["x = [1][y]"]
    for _ in range(2):
        assert notebook.run(sources, {"y": 3}).status == {"cell-1": "failed"}
    assert not notebook.store.held


def test_a_cell_that_says_how_long_is_kept_so_long():
    notebook = Notebook(cache=60.0)
    sources = ["import time\nx = time.time()", "y = 1"]
    first, second = notebook.run(sources), notebook.run(sources)
    assert first.namespace["x"] == second.namespace["x"]
    assert set(notebook.store.ttls.values()) == {60.0, None}


def test_chance_that_nobody_seeded_is_not_put_back_with_an_aged_result():
    notebook, sources = Notebook(cache=60.0), ["import random\nx = random.random()"]
    first = notebook.run(sources)
    random.seed(5)
    before = random.getstate()
    assert notebook.run(sources).namespace["x"] == first.namespace["x"]
    assert random.getstate() == before


def test_random_states_are_as_the_cell_left_them():
    notebook, sources = Notebook(), ["import random\nrandom.seed(4)", "x = random.random()"]
    notebook.run(sources)
    after = random.getstate()
    random.seed(0)
    ran = notebook.run(sources)
    assert [*ran.status.values()] == ["cached", "cached"]
    assert random.getstate() == after


def test_a_value_without_a_digest_is_run_and_said():
    ran = Notebook().run(["y = type(lock).__name__"], {"lock": (n for n in [1])})
    assert ran.status == {"cell-1": "done"}
    assert ran.missed["cell-1"].startswith("its input 'lock' cannot be told from others: ")
    assert ran.result.outcomes["cell-1"].reason.startswith("its result was not kept: its input 'lock' cannot be told")


def test_what_cannot_be_pickled_is_run_and_said():
    sources = ["import threading", "x = threading.Lock()"]
    notebook = Notebook()
    notebook.run(sources)
    ran = notebook.run(sources)
    assert ran.status["cell-2"] == "done"
    assert "'x' (_thread.lock) does not pickle" in ran.result.outcomes["cell-2"].reason


def test_what_is_damaged_or_foreign_is_run():
    notebook, sources = Notebook(), ["x = 1"]
    notebook.run(sources)
    (key,) = (key for key in notebook.store.held if key.startswith("node/"))
    for value in (5, None, KeptCell):
        notebook.store.put(key, value)
        assert notebook.run(sources).status == {"cell-1": "done"}


def test_a_result_whose_names_cannot_be_unpacked_is_run_again():
    notebook, sources = Notebook(), ["x = [1]"]
    notebook.run(sources)
    (key,) = (key for key in notebook.store.held if key.startswith("node/"))
    kept = notebook.store.get(key).value
    object.__setattr__(kept.parcel, "values", kept.parcel.values[:-4])
    notebook.store.put(key, kept)
    ran = notebook.run(sources)
    assert (ran.status, ran.namespace["x"]) == ({"cell-1": "done"}, [1])
    assert ran.missed["cell-1"].startswith("what was kept cannot be used: ")


def test_a_store_that_fails_costs_only_the_result(monkeypatch: pytest.MonkeyPatch):
    notebook = Notebook()
    monkeypatch.setattr(notebook.store, "put", lambda *_, **__: False)
    ran = notebook.run(["x = 1"])
    assert ran.result.outcomes["cell-1"].reason == "its result was not kept: the cache could not write it"
    assert ran.namespace["x"] == 1


def test_the_name_of_a_cell_and_its_place_do_not_count():
    notebook = Notebook()
    notebook.run(["x = 1", "y = 2"])
    assert [*notebook.run(["y = 2", "x = 1"]).status.values()] == ["cached", "cached"]


def test_cells_that_expect_an_error_are_not_kept():
    from orchestra_nb.notebook.cell_results import check_outputs
    from orchestra_nb.notebook.shipping import NotShippable

    with pytest.raises(NotShippable, match="an error"):
        check_outputs([{"output_type": "error", "ename": "E", "evalue": "", "traceback": []}])
    with pytest.raises(NotShippable, match="widget"):
        check_outputs([{"output_type": "display_data", "data": {"application/vnd.jupyter.widget-view+json": {}}}])


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("x=1", "x = 1", True),
        ("x = 'a'", 'x = "a"', True),
        ("x = 1\n\n\n# a\ny = 2", "x = 1\ny = 2", True),
        ("f(1,\n  2)", "f(1, 2)", True),
        ("x = 1", "x = 1.0", False),
        ("x = 1", "x = True", False),
        ("x", "x;", False),
        ("x = 0.0", "x = -0.0", False),
        ("'''a'''\nx", "'''b'''\nx", False),
    ],
)
def test_code_counts_by_its_meaning(one: str, other: str, same: bool):
    digests = {code_digest(CellCode("a", "1", text, text)) for text in (one, other)}
    assert len(digests) == (1 if same else 2)


def test_nothing_is_asked_of_cells_that_do_not_say_cache(monkeypatch: pytest.MonkeyPatch):
    notebook = Notebook(cache=False)
    monkeypatch.setattr(notebook.store, "get", lambda *_: pytest.fail("it was asked"))
    assert notebook.run(["x = 1"]).status == {"cell-1": "done"}
    assert os.listdir() == []

"""Results that follow from a user's own modules: never found when one of them has changed, wherever they were made."""

from __future__ import annotations

import subprocess
import sys

import pytest

from orchestra_nb.running.recall import Recall
from tests.running.own_modules import OwnModules

SCRIPT = """
import sys
from pathlib import Path
from orchestra_nb import DAG, Node, ParallelScheduler, RunConfig
import own_e
from own_a import total
from own_d import PRICES

def at_the_top(n):
    return total(n)

def late(n):
    from own_a import total
    return total(n)

def later(n):
    import own_late
    return own_late.total(n)

def a_table(n):
    return n * PRICES["a"]

def a_default(n, things=(own_e.Thing(),)):
    return n * things[0].price()

def an_input(n, thing):
    return n * thing.price()

def run(**config):
    nodes = [Node(fn.__name__, fn=fn, cache=True) for fn in (at_the_top, late, later, a_table, a_default, an_input)]
    dag = DAG([*nodes, Node("itself", fn=total, cache=True)])
    config = dict(jobs=2, history=False, cache="cache") | config
    result = ParallelScheduler(RunConfig(**config)).execute(dag, {"n": 10, "thing": own_e.Thing()})
    print({(each.status, result.values[name], each.reason) for name, each in result.outcomes.items()})
"""
FILES = {
    "own_a.py": "from own_b import price\ndef total(n):\n    return n * price()\n",
    "own_b.py": "import own_c\ndef price():\n    return own_c.PRICE\n",
    "own_c.py": "PRICE = 2\n",
    "own_d.py": "import own_c\nPRICES = {'a': own_c.PRICE}\n",
    "own_e.py": "import own_b\nclass Thing:\n    def price(self):\n        return own_b.price()\n",
    "own_late.py": "from own_a import total\n",
}
DONE, CACHED = ({(status, 20, "")} for status in ("done", "cached"))


@pytest.fixture
def script(tmp_path):
    """Run a script in a new process; gives what it prints, line by line."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)

    def run(body):
        (tmp_path / "script.py").write_text(f"{SCRIPT}\nif __name__ == '__main__':\n    {body}\n")
        done = subprocess.run([sys.executable, "script.py"], capture_output=True, text=True, cwd=tmp_path, timeout=150)
        assert done.returncode == 0, done.stderr
        return [eval(line) for line in done.stdout.splitlines()]

    return run


def test_what_a_module_imports_counts_in_the_next_process(script, tmp_path):
    assert script("run(), run()") == [DONE, CACHED]
    assert script("run()") == [CACHED]
    (tmp_path / "own_c.py").write_text("PRICE = 3\n")
    assert script("run()") == [{("done", 30, "")}]
    (tmp_path / "own_c.py").write_text("PRICE = 2\n")
    assert script("run()") == [CACHED]


def test_what_old_code_makes_is_not_kept_under_the_key_of_the_new_code(script, tmp_path):
    edit = "Path('own_c.py').write_text('PRICE = 3\\n')"
    assert script(f"{edit}, run()") == [{("done", 20, "")}]
    assert script("run()") == [{("done", 30, "")}]


def test_what_a_worker_makes_is_found_by_others_and_not_after_a_change(script, tmp_path):
    assert script("run(backend='loky'), run()") == [DONE, CACHED]
    (tmp_path / "own_c.py").write_text("PRICE = 3\n")
    assert script("run(backend='loky')") == [{("done", 30, "")}]


@pytest.fixture
def own(tmp_path, monkeypatch):
    made = OwnModules(tmp_path, monkeypatch)
    made.write(FILES)
    yield made
    made.forget()


RECALL = Recall(lambda: pytest.fail("nothing is opened"), repr)


def late(n):
    from own_a import total

    return total(n)


def test_a_worker_that_has_old_code_keeps_nothing(own):
    assert late(10) == 20
    own.write({"own_c.py": "PRICE = 3\n"})
    worker = own.now()
    own.new_process()
    key = RECALL.key(late, {"n": 10})
    own.become(worker)
    assert "module 'own_c' was edited" in RECALL.against_of_copies(key, late, {"n": 10})


def test_a_worker_that_has_newer_code_than_the_key_keeps_nothing(own):
    key = RECALL.key(late, {"n": 10})
    assert RECALL.against_of_copies(key, late, {"n": 10}) == ""
    own.write({"own_c.py": "PRICE = 3\n"})
    own.new_process()
    assert late(10) == 30
    assert RECALL.against_of_copies(key, late, {"n": 10}) == "its result was not kept: own_c changed while it ran"


def test_a_worker_that_has_loaded_less_keeps_what_it_makes_and_one_that_has_loaded_more_does_not(own):
    own.write({"own_p/__init__.py": "", "own_p/a.py": "", "own_p/b.py": "", "own_p/c.py": "", "own_p/d.py": ""})

    def fn():
        from own_p import a

        return a

    own.load("own_p.b", "own_p.c")
    key = RECALL.key(fn, {})
    own.new_process()
    for loaded, kept in (("own_p", True), ("own_p.b", True), ("own_p.d", False)):
        own.load(loaded)
        assert (RECALL.against_of_copies(key, fn, {}) == "") is kept


def test_the_reason_is_told_and_nothing_is_looked_for(own):
    late(1)
    own.write({"own_c.py": "PRICE = 3\n"})
    with pytest.raises(TypeError, match=r"module 'own_c' was edited after it was imported, or may have been; restart"):
        RECALL.key(late, {"n": 10})

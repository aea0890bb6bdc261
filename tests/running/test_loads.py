"""What was edited, or installed, after it was loaded has no key: what runs is not what lies on disk."""

from __future__ import annotations

import importlib
import importlib.util
import os
import subprocess
import sys
import time

import pytest

from orchestra_nb.running import loads
from tests.running.own_modules import OwnModules

EDITED = "module 'own_b' was edited after it was imported, or may have been; restart Python to have results kept"


@pytest.fixture
def own(tmp_path, monkeypatch):
    made = OwnModules(tmp_path, monkeypatch)
    made.write({"own_a.py": "from own_b import f", "own_b.py": "def f():\n    return 1\n"})
    yield made
    made.forget()


def edit(own, value=2):
    own.write({"own_b.py": f"def f():\n    return {value}\n"})


def as_if(own, monkeypatch, before=(), process=0, began=0):
    """Pretend that the process began so many seconds ago, and that noting began then."""
    now = time.time_ns()
    known = loads.Loads(frozenset(before), now - int(process * 1e9), now - int(began * 1e9))
    monkeypatch.setattr(loads, "_loads", known)


def test_an_edit_is_told_and_the_old_content_is_as_good_as_before(own):
    own.load("own_a")
    before = own.parts("own_a")
    edit(own)
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")
    edit(own, 1)
    assert own.parts("own_a") == before


def test_an_edit_that_leaves_size_and_time_as_they_were_is_told(own):
    own.load("own_a")
    path = own.folder / "own_b.py"
    status = path.stat()
    own.parts("own_a")
    edit(own)
    os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")


def test_an_edit_between_the_import_and_the_first_look_is_told(own):
    own.load("own_a")
    edit(own)
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")


def test_an_edit_before_the_import_does_no_harm(own):
    before = own.parts("own_a")
    edit(own)
    own.load("own_a")
    assert own.parts("own_a") != before


def test_to_load_it_again_does_not_help_those_who_have_the_old_code(own):
    module = own.load("own_a")
    edit(own)
    importlib.invalidate_caches()
    os.utime(own.folder / "own_b.py", (1, 1))
    assert importlib.reload(sys.modules["own_b"]).f() == 2
    assert module.f() == 1
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")
    del sys.modules["own_b"]
    own.load("own_b")
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")


def test_who_took_something_from_a_module_that_is_gone_has_no_key_either(own):
    own.load("own_a")
    del sys.modules["own_b"]
    own.parts("own_a")
    edit(own)
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")


def test_a_function_of_a_module_that_was_loaded_twice(own):
    old = own.load("own_b").f
    assert "own_b" in own.parts(fn=old)
    del sys.modules["own_b"]
    own.load("own_b")
    assert "own_b" in own.parts(fn=old)
    edit(own)
    with pytest.raises(TypeError, match=EDITED):
        own.parts(fn=old)


def test_what_was_loaded_before_anything_was_noted_must_be_older_than_the_process(own, monkeypatch):
    own.load("own_a")
    before = own.parts("own_a")
    as_if(own, monkeypatch, before=["own_a", "own_b"], process=-60)
    assert own.parts("own_a") == before
    as_if(own, monkeypatch, before=["own_a", "own_b"], process=60)
    with pytest.raises(TypeError, match="may have been"):
        own.parts("own_a")
    as_if(own, monkeypatch, before=["own_a", "own_b"], process=-60)
    own.parts("own_a")
    edit(own)
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")


def test_what_was_loaded_past_the_finder_must_be_older_than_the_noting(own, monkeypatch):
    spec = importlib.util.spec_from_file_location("own_b", own.folder / "own_b.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    sys.modules["own_b"] = module
    as_if(own, monkeypatch, process=60, began=-60)
    assert "own_b" in own.parts("own_b")
    as_if(own, monkeypatch, process=60, began=60)
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_b")


def test_a_module_that_is_in_no_list_counts_by_its_file(own, monkeypatch):
    spec = importlib.util.spec_from_file_location("own_x", own.folder / "own_b.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    as_if(own, monkeypatch, process=-60)
    before = own.parts(more=[module])
    assert before.keys() == own.parts(fn=module.f).keys() == {"own_x"}
    edit(own)
    with pytest.raises(TypeError, match="module 'own_x' was edited"):
        own.parts(more=[module])


def test_a_first_import_that_failed_counts_as_one(own):
    """Others may have taken something before it failed."""
    own.write({"own_b.py": "1 / 0"})
    with pytest.raises(ZeroDivisionError):
        own.load("own_b")
    edit(own)
    assert own.load("own_b").f() == 2
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_b")


OPTIONAL = "try:\n    import own_fast\nexcept ImportError:\n    own_fast = None"


def test_what_was_looked_for_in_vain_and_is_there_now(own):
    own.write({"own_a.py": OPTIONAL})
    own.load("own_a")
    before = own.parts("own_a")
    own.write({"own_fast.py": "x = 1"})
    with pytest.raises(TypeError, match="module 'own_fast' was not there when 'own_a' was imported"):
        own.parts("own_a")
    assert own.parts_in_a_new_process("own_a") != before


def test_what_was_looked_for_in_vain_before_its_importer_was_loaded(own):
    with pytest.raises(ImportError):
        own.load("own_fast")
    own.write({"own_a.py": OPTIONAL, "own_fast.py": "x = 1"})
    assert [*own.parts("own_a")] == ["own_a", "own_fast"]
    own.load("own_a")
    assert [*own.parts("own_a")] == ["own_a", "own_fast"]


def test_the_finder_is_there_finds_nothing_and_breaks_no_import(own, monkeypatch):
    (watch,) = [finder for finder in sys.meta_path if isinstance(finder, loads._Watch)]
    assert watch.find_spec("own_b", None) is None
    monkeypatch.setattr(loads, "_loads", None)
    assert own.load("own_a").f() == 1


def test_looking_for_what_is_loaded_does_not_make_it_new(own):
    own.load("own_a")
    edit(own)
    for finder in sys.meta_path:
        if hasattr(finder, "find_spec"):
            finder.find_spec("own_b", None)
    with pytest.raises(TypeError, match=EDITED):
        own.parts("own_a")


def test_the_process_began_before_it_loaded_anything():
    began = loads.process_began()
    assert began <= loads._loads._began
    script = "from orchestra_nb.running.loads import process_began as p; import time; print(p(), time.time_ns())"
    started = time.time_ns()
    told, ended = map(int, subprocess.check_output([sys.executable, "-c", script], text=True).split())
    assert started - 2_000_000_000 < told < ended


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="told from /proc")
def test_a_forked_process_may_have_modules_that_are_older_than_itself():
    script = (
        "import os, sys\n"
        "if os.fork():\n"
        "    os.wait()\n"
        "else:\n"
        "    from orchestra_nb.running.loads import process_began\n"
        "    print(process_began())\n"
    )
    assert subprocess.check_output([sys.executable, "-c", script], text=True).split() == ["0"]

"""What is stored of cells and taken over, case by case: what cannot be stored, what is gone, and what was edited."""

from __future__ import annotations

import gc
import json
import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.durable.runs import Runs
from orchestra_nb.errors import CheckpointError
from orchestra_nb.notebook import used_libraries
from orchestra_nb.notebook.resuming import asked_run, runs_at

from .cached_cells import global_random_states_kept
from .resumed_runs import Ran, Story, plain


@pytest.fixture
def story(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Story]:
    place = tmp_path / "work"
    place.mkdir()
    monkeypatch.chdir(place)
    with global_random_states_kept():
        yield Story(tmp_path)


def fates(ran: Ran) -> dict[str, str]:
    """What the plan said, without the run's name."""
    return {name: told.partition(" from run ")[0] for name, told in ran.told.items()}


def again(ran: Ran) -> list[str]:
    return [name for name, status in ran.status.items() if status == "done"]


UNSTORABLE = [
    ("def f():\n    return 1", "it defines the function f, which belongs to this namespace"),
    ("class A:\n    pass", "it defines the class A, which belongs to this namespace"),
    ("x = (n for n in range(3))", "it keeps an iterator"),
    (
        "import threading\nx = threading.Lock()",
        "'x' (_thread.lock) does not pickle: cannot pickle '_thread.lock' object",
    ),
    ("x = open('f.txt', 'w')", "'x' (_io.TextIOWrapper) does not pickle: cannot pickle"),
    ("import os\nos.environ['MINE'] = '1'", "it sets hidden state"),
    ("from __future__ import annotations", "it turns on features of Python"),
]


@pytest.mark.filterwarnings("ignore::pytest.PytestUnraisableExceptionWarning", "ignore::ResourceWarning")
@pytest.mark.parametrize(("source", "why"), UNSTORABLE)
def test_what_cannot_be_stored_runs_again_and_the_plan_says_why(story: Story, source: str, why: str) -> None:
    sources = ["a = 1", source, "b = a + 1", "c = b"]
    story.begin(sources, cut=4)
    ran = story.resume(sources)
    assert fates(ran)["cell-2"].startswith(f"runs again: not stored: {why}")
    assert [fates(ran)[name] for name in ("cell-1", "cell-3")] == ["taken over"] * 2
    assert "cell-2" in again(ran)
    del ran
    gc.collect()  # what was left open is told of here, and in no other test


def test_what_follows_from_outside_is_taken_over_and_not_fetched_again(story: Story) -> None:
    sources = [
        "import time, random, uuid",
        "now = time.time_ns()",
        "key = uuid.uuid4().hex",
        "r = random.random()",
        "1 / 0",
    ]
    before = story.begin(sources)
    ran = story.resume([*sources[:4], "s = random.random()"])
    assert again(ran) == ["cell-5"]
    assert {n: ran.namespace[n] for n in ("now", "key", "r")} == {n: before.namespace[n] for n in ("now", "key", "r")}


def test_chance_goes_on_from_where_it_was(story: Story) -> None:
    sources = ["import random\nrandom.seed(3)", "r = random.random()", "s = random.random()"]
    story.begin(sources, cut=2, policy="fifo", jobs=1)
    random.seed(99)
    ran = story.resume(sources)
    assert again(ran) == ["cell-3"]
    assert ran.digests == plain(sources).digests


def test_what_needs_something_that_is_made_anew_from_outside_runs_again(story: Story) -> None:
    """An open generator cannot be stored, and follows from the time; what was made of it may be another thing now."""
    sources = ["import time\nticks = (time.time_ns() for _ in range(9))\nname = 'a'", "first = next(ticks)", "size = 1"]
    story.begin([*sources, "1 / 0"])
    ran = story.resume(sources)
    assert fates(ran)["cell-2"] == "runs again: needs cell-1, which runs again"
    assert fates(ran)["cell-3"] == "taken over"


def test_an_input_that_is_made_again_must_be_what_it_was(story: Story) -> None:
    """The function is the same by its code, and reads a file that nobody names."""
    story.begin(["def f(v):\n    return v + 1", "y = f(1)", "1 / 0"])
    ran = story.resume(["def f(v):\n    return v + 2", "y = f(1)"])
    assert fates(ran)["cell-1"] == "runs again: its code changed"
    assert fates(ran)["cell-2"] == "runs again: needs cell-1, which runs again"
    assert ran.namespace["y"] == 3


EDITS = [
    (["a = 1", "b = 2", "c = a + b"], ["a = 1", "b = 3", "c = a + b"], ["cell-2", "cell-3"]),
    (["a = 1", "b = 2", "c = a + b"], ["a = 1", "new = 0", "b = 2", "c = a + b"], ["cell-2"]),
    (["a = 1", "b = 2", "c = a + b"], ["b = 2", "a = 1  # moved", "c = a + b"], []),
    (["a = [1]", "a.append(2)", "c = len(a)"], ["a = [1]", "c = len(a)"], ["cell-2"]),
    (["a = [1]", "c = len(a)", "a.append(2)"], ["a = [1]", "c = len(a) + 1", "a.append(2)"], ["cell-2", "cell-3"]),
    (["a = 1", "a = 2", "b = a"], ["a = 1", "b = a"], ["cell-2"]),
    (["a = 1", "a = 1", "b = a"], ["a = 1", "b = a"], ["cell-2"]),
]


@pytest.mark.parametrize(("before", "after", "ran_again"), EDITS)
def test_only_what_changed_and_what_needs_it_runs_again(
    story: Story, before: list[str], after: list[str], ran_again: list[str]
) -> None:
    story.begin([*before, "1 / 0"])
    ran = story.resume(after)
    assert again(ran) == ran_again
    assert ran.digests == plain(after).digests
    assert [name for name, fate in fates(ran).items() if fate != "taken over"] == ran_again


WORDS = [
    (["a = 1", "b = 2", "1 / 0", "c = 3"], ["a = 1", "n = 0", "b = 2", "1 / 0", "c = 3"], "taken new taken not not"),
    (["a = 1", "b = 2", "1 / 0"], ["n = 0", "a = 1", "b = 3", "1 / 0"], "new taken changed not"),
    (["a = 1", "1 / 0"], ["a = 1", "b = 3"], "taken not"),
    (["a = 1", "b = a", "1 / 0"], ["n = 0", "a = 2", "b = a", "1 / 0", "m = 0"], "unsure unsure needs not new"),
    (["a = 1", "1 / 0"], ["a = 1", "1 / 0", "n = 0", "b = 1"], "taken not new new"),
]
TOLD = {
    "taken": "taken over",
    "new": "it is new: runs",
    "not": "had not ended well: runs",
    "changed": "runs again: its code changed",
    "needs": "runs again: needs cell-2, which runs again",
    "unsure": "it is new, or its code changed: runs",
}


@pytest.mark.parametrize(("before", "after", "words"), WORDS)
def test_the_plan_tells_what_is_new_from_what_was_changed_and_what_had_not_ended(
    story: Story, before: list[str], after: list[str], words: str
) -> None:
    story.begin(before, jobs=1, policy="fifo", keep_going=False)
    assert list(fates(story.resume(after)).values()) == [TOLD[word] for word in words.split()]


def test_a_file_that_a_cell_wrote_is_put_back_with_its_result(story: Story) -> None:
    sources = ["from pathlib import Path", "Path('f.txt').write_text('one')", "x = Path('f.txt').read_text()"]
    story.begin([*sources, "Path('f.txt').write_text('two')", "1 / 0"])
    Path("f.txt").unlink()
    ran = story.resume([*sources, "y = Path('f.txt').read_text()"])
    assert again(ran) == ["cell-4"]
    assert (ran.namespace["x"], ran.namespace["y"], Path("f.txt").read_text()) == ("one", "one", "one")


def test_a_log_keeps_what_was_ever_appended_to_it(story: Story) -> None:
    sources = ["with open('log', 'a') as log:\n    log.write('1')", "with open('log', 'a') as log:\n    log.write('2')"]
    story.begin([*sources, "1 / 0"])
    ran = story.resume([sources[0], sources[1].replace("'2'", "'3'")])
    assert again(ran) == ["cell-2"]
    assert Path("log").read_text() == "123"


def test_a_file_that_was_read_and_has_changed_makes_its_readers_run_again(story: Story) -> None:
    Path("data.csv").write_text("1")
    sources = ["import pathlib\nx = int(pathlib.Path('data.csv').read_text())", "y = x + 1", "z = 5"]
    story.begin([*sources, "1 / 0"])
    Path("data.csv").write_text("2")
    ran = story.resume(sources)
    assert fates(ran)["cell-1"] == "runs again: the file 'data.csv' has changed"
    assert (again(ran), ran.namespace["y"]) == (["cell-1", "cell-2"], 3)


def test_where_a_file_is_may_show_only_when_its_reader_has_its_turn(story: Story) -> None:
    Path("sub").mkdir()
    Path("sub", "data").write_text("1")
    sources = ["import os, pathlib", "os.chdir('sub')", "x = pathlib.Path('data').read_text()", "y = x"]
    home = os.getcwd()
    for text, ran_again in {"1": ["cell-2"], "2": ["cell-2", "cell-3", "cell-4"]}.items():
        os.chdir(home)
        story.begin([*sources, "1 / 0"])
        os.chdir(home)
        Path("sub", "data").write_text(text)
        ran = story.resume(sources)
        assert (again(ran), ran.namespace["y"]) == (ran_again, text)


def test_a_file_that_only_a_cell_writes_which_cannot_have_begun_has_changed_by_another_hand(story: Story) -> None:
    Path("data.csv").write_text("1")
    read, write = (
        "import pathlib\nx = int(pathlib.Path('data.csv').read_text())",
        "pathlib.Path('data.csv').write_text(str(z))",
    )
    story.begin([read, "y = x", "z = y + 1 / 0", write])
    Path("data.csv").write_text("2")
    ran = story.resume([read, "y = x", "z = y + 1", write])
    assert fates(ran)["cell-1"] == "runs again: the file 'data.csv' has changed"
    assert Path("data.csv").read_text() == "3"


@pytest.fixture
def own_folder_on_path(story: Story, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Modules beside the notebook can be imported; none of them is left to other tests."""
    monkeypatch.syspath_prepend(os.getcwd())
    yield
    sys.modules.pop("helping", None)


HELPED = [
    "import json, pathlib",
    "cfg = json.loads(pathlib.Path('cfg.json').read_text())",
    "size = len(cfg)",
    "import helping; helping.go()",
    "1 / 0",
]


@pytest.mark.parametrize(
    ("does", "edited", "ran_again"),
    [
        ("pass", True, ["cell-2", "cell-3"]),
        ("Path('other.txt').touch()", True, ["cell-2", "cell-3"]),
        ("pass", False, []),
        ("Path('cfg.json').write_text('[3]')", False, []),
        ("Path('cfg.json').write_text('[3]')", True, []),
        ("1 / 0", True, ["cell-2", "cell-3"]),
    ],
)
def test_a_file_that_another_hand_has_changed_is_read_again_though_unknown_code_has_run(
    story: Story, own_folder_on_path: None, does: str, edited: bool, ran_again: list[str]
) -> None:
    """Unknown code may write any file; whether it has is looked at, for what it wrote must not be read again."""
    Path("cfg.json").write_text("[1, 2]")
    Path("helping.py").write_text(f"from pathlib import Path\ndef go():\n    {does}\n")
    story.begin(HELPED, jobs=1, policy="fifo", keep_going=False)
    if edited:
        Path("cfg.json").write_text("[7, 8, 9]")
    wanted = json.loads(Path("cfg.json").read_text()) if ran_again else [1, 2]
    Path("helping.py").write_text("def go():\n    pass\n")
    sys.modules.pop("helping", None)
    ran = story.resume([*HELPED[:4], "later = json.loads(pathlib.Path('cfg.json').read_text())"])
    told = "runs again: the file 'cfg.json' has changed" if ran_again else "taken over"
    assert fates(ran)["cell-2"] == told
    assert [name for name in again(ran) if name in ("cell-2", "cell-3")] == ran_again
    assert (ran.namespace["cfg"], ran.namespace["size"]) == (wanted, len(wanted))
    assert ran.namespace["later"] == json.loads(Path("cfg.json").read_text())


def test_files_whose_names_show_only_when_a_cell_runs_are_said_not_to_be_looked_at(story: Story) -> None:
    sources = ["for n in range(2):\n    with open(f'part-{n}', 'w') as out:\n        out.write('x')", "y = 1"]
    sources += ["for n in range(2):\n    with open(f'part-{n}') as part:\n        z = part.read()"]
    story.begin([*sources, "1 / 0"])
    ran = story.resume(sources)
    for cell, did in {"cell-1": "wrote", "cell-3": "read"}.items():
        told = f"; files that it {did} under names that its code does not show are not looked at"
        assert ran.told[cell].endswith(told)
    assert again(ran) == []


def test_a_file_that_a_later_cell_writes_over_is_no_reason_to_read_it_again(story: Story) -> None:
    Path("data").write_text("1")
    sources = [
        "import pathlib\nx = int(pathlib.Path('data').read_text())",
        "with open('data', 'w') as out:\n    out.write(str(x + 1))",
    ]
    story.begin([*sources, "1 / 0"])
    ran = story.resume(sources)
    assert (again(ran), ran.namespace["x"], Path("data").read_text()) == ([], 1, "2")


def test_what_is_damaged_or_gone_is_made_again_with_what_needs_it(story: Story) -> None:
    sources = ["x = list(range(100_000))", "y = bytes(200_000)", "z = len(x) + len(y)"]
    story.begin([*sources, "1 / 0"])
    values = sorted(story.runs.folder.joinpath(story.run_id, "values").iterdir(), key=lambda path: path.stat().st_size)
    assert len(values) == 2
    text = bytearray(values[0].read_bytes())
    text[len(text) // 2] ^= 1
    values[0].write_bytes(text)
    ran = story.resume(sources)
    assert ran.digests == plain(sources).digests
    assert again(ran) == ["cell-2", "cell-3"]
    assert "cannot be used" in ran.missed["cell-2"]
    assert "cell-2, which it needs, ran again" in ran.missed["cell-3"]


def test_a_value_whose_file_is_gone_is_known_to_be_so_before(story: Story) -> None:
    sources = ["x = list(range(100_000))", "z = len(x)"]
    story.begin([*sources, "1 / 0"])
    for path in story.runs.folder.joinpath(story.run_id, "values").iterdir():
        path.unlink()
    ran = story.resume(sources)
    assert fates(ran) == {"cell-1": "runs again: what was stored of it is gone", "cell-2": "taken over"}
    assert again(ran) == ["cell-1"]


def test_an_interrupted_run_is_gone_on_with_and_a_third_time_too(story: Story) -> None:
    sources = [f"x{n} = {n} + {f'x{n - 1}' if n else 0}" for n in range(6)]
    story.begin(sources, cut=2)
    story.resume(sources, cut=4)
    ran = story.resume(sources)
    assert ran.namespace["x5"] == sum(range(6))
    assert set(ran.status.values()) == {"cached", "done"}
    assert list(ran.status.values())[:2] == ["cached", "cached"]


def test_a_cell_that_changed_what_its_code_does_not_show_is_not_taken_over(story: Story) -> None:
    hidden = "import gc\n[o for o in gc.get_referents(box) if o == [1]][0].append(2)\ny = 1"
    sources = ["box = ([1], 3)", "y = len(box)", hidden]
    before = story.begin([*sources, "1 / 0"])
    assert before.namespace["box"] == ([1, 2], 3)
    ran = story.resume([*sources, "z = box[0]"])
    assert ran.namespace["z"] == [1, 2]


def test_in_auto_a_large_result_that_is_quickly_made_is_not_stored_and_one_of_chance_is(tmp_path: Path) -> None:
    story = Story(tmp_path, everything=False)
    sources = ["import os", "x = bytes(9_000_000)", "y = os.urandom(9_000_000)", "n = 1"]
    before = story.begin([*sources, "1 / 0"])
    ran = story.resume(sources)
    assert fates(ran)["cell-2"].startswith("runs again: not stored: storing its 9 MB would take more than 3%")
    assert [fates(ran)[name] for name in ("cell-1", "cell-3", "cell-4")] == ["taken over"] * 3
    assert ran.namespace["y"] == before.namespace["y"]


def test_a_disk_that_refuses_ends_the_storing_and_not_the_run(story: Story, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: Any, **__: Any) -> None:
        raise OSError(28, os.strerror(28))

    real = Runs.begin

    def begin(self: Runs, head: Any) -> Any:
        journal = real(self, head)
        monkeypatch.setattr(journal._files, "write", full)
        return journal

    monkeypatch.setattr(Runs, "begin", begin)
    ran = story.begin(["x = 1", "y = x"])
    assert ran.result.success
    assert "No space left" in ran.checkpoint.trouble


def test_runs_are_stored_where_no_cell_sees_them(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ORCHESTRA_NB_CACHE", raising=False)
    monkeypatch.setenv("ORCHESTRA_NB_RUNS", str(tmp_path / "mine"))
    monkeypatch.chdir(tmp_path)
    asked = {"": "mine", "named": "named"}
    for cache, folder in asked.items():
        runs = runs_at(RunConfig(cache=cache or True))
        assert runs is not None
        assert runs.folder == tmp_path / folder / "runs"
    monkeypatch.setenv("ORCHESTRA_NB_RUNS", "")
    assert runs_at(RunConfig()) is None


def test_a_library_of_another_version_makes_what_used_it_run_again(
    story: Story, monkeypatch: pytest.MonkeyPatch
) -> None:
    sources = ["import numpy as np", "x = np.arange(3)", "y = 1"]
    story.begin([*sources, "1 / 0"])
    real = used_libraries.versions_of
    monkeypatch.setattr(
        used_libraries,
        "versions_of",
        lambda *given, **more: {name: f"{version}.1" for name, version in real(*given, **more).items()},
    )
    ran = story.resume(sources)
    assert again(ran) == ["cell-1", "cell-2"]
    assert ran.missed["cell-1"] == "numpy is another one than it was"


def test_where_nothing_was_cut_short_that_is_said(tmp_path: Path) -> None:
    told = r"n.ipynb: it has no run that was cut short \(a --linear run is not stored\); begin one with 'orchestra run"
    with pytest.raises(CheckpointError, match=told):
        asked_run(Runs(tmp_path), tmp_path / "n.ipynb")
    with pytest.raises(CheckpointError, match="nothing is stored here"):
        asked_run(None, "n.ipynb")


def test_what_a_failed_run_has_undone_runs_again(story: Story) -> None:
    sources = [
        "#| name: book\n#| undo: free\nimport pathlib\nseat = pathlib.Path('seats').write_text('7')",
        "#| name: look\nfound = seat + 1",
        "#| name: pay\nassert pathlib.Path('fair').exists()",
        "#| name: free\npathlib.Path('seats').unlink()",
    ]
    failed = story.begin(sources)
    assert failed.result.undone is not None
    assert failed.result.undone.compensated == ("book",)
    Path("fair").touch()
    ran = story.resume(sources)
    assert fates(ran)["book"] == "runs again: what it had done was undone"
    assert fates(ran)["free"] == "runs only to undo 'book'"
    assert (ran.status["book"], ran.status["look"], ran.status["pay"]) == ("done", "cached", "done")
    assert Path("seats").read_text() == "7"

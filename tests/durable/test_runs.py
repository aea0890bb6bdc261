"""The runs of a folder: what was acknowledged is read, one process has a run, and they are bounded."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys

import pytest

from orchestra_nb.context.private_place import StoreError
from orchestra_nb.context.records import Damaged
from orchestra_nb.durable.facts import Commit, Ended, Epoch, Head, Level, Undone
from orchestra_nb.durable.faults import POINTS, acting
from orchestra_nb.durable.files import JournalFiles
from orchestra_nb.durable.runs import Runs, new_run_id
from orchestra_nb.durable.states import States
from orchestra_nb.errors import CheckpointError, OrchestraError

from .worlds import Failing, Unsynced, UnsyncedBlobs

FLIPS = int(os.environ.get("ORCHESTRA_NB_FLIPS", "1200"))
LARGE = bytes(range(256)) * 400


@pytest.fixture
def runs(tmp_path):
    return runs_in(tmp_path / "cache")


def runs_in(folder, **settings):
    return Runs(folder, **{"files": Unsynced(), "blob_files": UnsyncedBlobs(), **settings})


def begun(runs, run="r1", **settings):
    return runs.begin(Head(run, **settings))


def filled(runs, run="r1"):
    """A run with values of both kinds, three levels, an undone node; closed."""
    journal = begun(runs, run, kind="dag", dag_hash="h", nodes={"a": "1", "b": "2", "c": "3"})
    keep = journal.values.keep
    journal.append(Commit("a", seconds=0.5, at=1.0, values={"": keep([1, "ä", (2, None)])}), Level(1.0))
    journal.append(Commit("b", attempts=2, reason="ran in a thread", values={"": keep(LARGE)}, result="x"))
    journal.append(Commit("u", values={"": keep(0)}), Undone("u"))
    journal.append(Commit("c", again="it has no bytes", outputs=({"output_type": "stream", "text": "hi"},), new=("d",)))
    journal.close()
    return journal


def told(runs, run="r1"):
    """What a run says, with its values."""
    state, values = runs.look(run), runs.values(run)
    return {name: [values.give(ref) for ref in each.values.values()] for name, each in state.committed.items()}


WHOLE = {"a": [[1, "ä", (2, None)]], "b": [LARGE], "c": []}


def test_facts_and_values_come_back_as_they_were_written(runs):
    filled(runs)
    state = runs.look("r1")
    assert told(runs) == WHOLE
    assert (state.committed["b"].attempts, state.committed["b"].reason) == (2, "ran in a thread")
    assert state.committed["c"].outputs == ({"output_type": "stream", "text": "hi"},)
    assert (state.undone, state.levels, state.ended) == ({"u": 1}, [(("a",), 1.0)], None)


def test_a_process_that_goes_on_begins_an_epoch_and_may_go_back_behind_nodes(runs):
    filled(runs)
    journal = runs.resume("r1")
    journal.go_on(5.0, without=["b", "c"], levels=0)
    journal.append(Commit("b"), Ended(True))
    journal.close()
    state = runs.look("r1")
    assert (list(state.committed), state.epoch, state.levels, state.ended) == (["a", "b"], 2, [], Ended(True))


def test_each_line_is_json_for_whoever_has_to_read_it(runs):
    journal = filled(runs)
    lines = [json.loads(line)[1] for line in (journal.folder / "journal").read_bytes().splitlines()]
    assert [line.get("fact") for line in lines] == [None, "node", "level", "node", "node", "undone", "node"]
    assert lines[0]["run"] == 1


def test_a_group_is_written_and_synced_once_before_it_is_acknowledged(tmp_path):
    done = []

    class Files(Unsynced):
        def write(self, descriptor, data, place):
            done.append("write")
            super().write(descriptor, data, place)

        def sync(self, descriptor):
            done.append("sync")

    journal = begun(runs_in(tmp_path, files=Files()))
    done.clear()
    journal.append(Commit("a"), Commit("b"), Level(0.0))
    assert "".join(done).count("sync") == 1
    assert done[-1] == "sync"
    assert list(journal.state.committed) == ["a", "b"]
    journal.close()


def test_a_large_value_is_synced_before_it_is_kept_and_small_ones_make_no_file(tmp_path):
    done = []

    class Blobs(UnsyncedBlobs):
        def sync(self, descriptor):
            done.append("file")

        def sync_folder(self, path):
            done.append("folder")

    journal = begun(runs_in(tmp_path, blob_files=Blobs()))
    journal.values.keep("small")
    assert done == []
    journal.values.keep(LARGE)
    assert done == ["file", "folder"]
    journal.close()


def test_the_files_and_folders_are_their_users_own(runs):
    before = os.umask(0)
    try:
        journal = filled(runs)
    finally:
        os.umask(before)
    for place in (runs.folder, journal.folder, journal.folder / "values", runs.folder / "values"):
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
    assert stat.S_IMODE((journal.folder / "journal").stat().st_mode) == 0o600
    for file in (journal.folder / "values").iterdir():
        assert stat.S_IMODE(file.stat().st_mode) == 0o600


def test_equal_values_of_several_runs_are_one_file(runs):
    for run in ("r1", "r2", "r3"):
        filled(runs, run)
    files = [file for run in ("r1", "r2", "r3") for file in (runs.folder / run / "values").iterdir()]
    assert len({file.stat().st_ino for file in files}) == 1
    assert runs.remove("r1")
    assert told(runs, "r2") == WHOLE
    runs.clear()
    assert list((runs.folder / "values").iterdir()) == []


def test_a_value_that_the_cache_has_is_no_second_file(tmp_path):
    from orchestra_nb.context.disk import DiskStore

    with DiskStore(tmp_path) as store:
        assert store.put("large", LARGE)
        filled(runs_in(tmp_path))
        (file,) = (tmp_path / "runs" / "r1" / "values").iterdir()
        assert file.stat().st_nlink >= 2
        store.delete("large")
        store.flush()
    assert told(runs_in(tmp_path)) == WHOLE


def test_a_damaged_file_of_the_cache_is_not_taken_for_the_value(tmp_path):
    from orchestra_nb.context.disk import DiskStore

    with DiskStore(tmp_path) as store:
        assert store.put("large", LARGE)
        (blob,) = (tmp_path / "v1" / "blobs").iterdir()
        blob.write_bytes(bytes(len(blob.read_bytes())))
        filled(runs_in(tmp_path))
    assert told(runs_in(tmp_path)) == WHOLE


# Crashes and damage.


def test_whatever_a_crash_leaves_behind_the_last_acknowledged_line_is_dropped(runs):
    journal = filled(runs)
    path = journal.folder / "journal"
    whole = path.read_bytes()
    start = whole[:-1].rindex(b"\n") + 1
    for rest in (whole[start:-2], bytes(500), bytes(40) + whole[-30:], b"\n\n", b'["x"]\n' + bytes(9) + b"\n"):
        path.write_bytes(whole[:start] + rest)
        assert list(runs.look("r1").committed) == ["a", "b"]
        again = runs.resume("r1")
        again.append(Commit("c"))
        again.close()
        assert list(runs.look("r1").committed) == ["a", "b", "c"]


def test_a_run_cut_anywhere_has_a_beginning_of_what_it_had(runs):
    path = filled(runs).folder / "journal"
    whole = path.read_bytes()
    names = [[], ["a"], ["a", "b"], ["a", "b", "u"], ["a", "b", "c"]]
    for cut in range(0, len(whole), 37):
        path.write_bytes(whole[:cut])
        try:
            found = told(runs)
        except CheckpointError:
            assert cut < whole.index(b"\n") + 1
        else:
            assert list(found) in names
            assert all(found[name] == WHOLE[name] for name in found if name != "u")


def test_no_flip_ever_gives_another_value_or_another_kind_of_error(runs):
    journal = filled(runs)
    chance = random.Random(7)
    places = [journal.folder / "journal", *(journal.folder / "values").iterdir()]
    refused = 0
    for _ in range(FLIPS):
        path = chance.choice(places)
        whole = path.read_bytes()
        harmed = bytearray(whole)
        for _ in range(chance.choice((1, 1, 1, 3))):
            harmed[chance.randrange(len(harmed))] ^= 1 << chance.randrange(8)
        if chance.random() < 0.2:
            del harmed[chance.randrange(len(harmed)) :]
        path.unlink()  # one of several names of the file
        path.write_bytes(bytes(harmed))
        path.chmod(0o600)
        try:
            state, values = runs.look("r1"), runs.values("r1")
        except CheckpointError:
            refused += 1
        else:
            for name, commit in state.committed.items():
                for ref in commit.values.values():
                    try:
                        value = values.give(ref)
                    except Damaged:
                        refused += 1
                    else:
                        assert [value] == ([0] if name == "u" else WHOLE[name])
        path.unlink()
        path.write_bytes(whole)
        path.chmod(0o600)
    assert refused > FLIPS // 2
    assert told(runs) == WHOLE


BAD = {
    "a newer version": lambda path: sealed_anew(path, lambda line: line.replace('"run":1', '"run":2')),
    "another run's": lambda path: sealed_anew(path, lambda line: line.replace('"id":"r1"', '"id":"r7"')),
    "an unknown fact": lambda path: sealed_anew(path, lambda line: line.replace('"undone"', '"doubted"')),
    "a status that is none": lambda path: sealed_anew(
        path, lambda line: line.replace('"status":"done"', '"status":"x"')
    ),
    "bytes that are none": lambda path: sealed_anew(path, lambda line: line.replace('"bytes":"', '"bytes":"*')),
    "nested too deep": lambda path: sealed_anew(
        path, lambda line: line if '"run"' in line else "[" * 9999 + "]" * 9999
    ),
    "a list": lambda path: sealed_anew(path, lambda line: "[1]"),
    "empty": lambda path: path.write_bytes(b""),
    "a line that is lost": lambda path: without_line(path, 2),
    "others can write": lambda path: path.chmod(0o666),
    "a link": lambda path: (path.rename(path.with_name("other")), path.symlink_to(path.with_name("other"))),
    "a folder": lambda path: (path.unlink(), path.mkdir()),
}


def sealed_anew(path, change):
    from orchestra_nb.durable.lines import sealed

    digest, lines = "", []
    for line in path.read_bytes().splitlines():
        sealed_line, digest = sealed(change(line[36:-1].decode()), digest)
        lines.append(sealed_line + b"\n")
    path.write_bytes(b"".join(lines))


def without_line(path, number):
    lines = path.read_bytes().splitlines(keepends=True)
    del lines[number]
    path.write_bytes(b"".join(lines))


@pytest.mark.parametrize("harm", BAD)
def test_a_journal_that_cannot_be_believed_is_one_clear_error_and_harms_no_other_run(harm, runs):
    filled(runs, "r2")
    BAD[harm](filled(runs).folder / "journal")
    for ask in (runs.look, runs.resume):
        with pytest.raises(CheckpointError, match="r1"):
            ask("r1")
    assert told(runs, "r2") == WHOLE
    begun(runs, "r3").close()
    assert "r2" in [each.run_id for each in runs.all()]


@pytest.mark.skipif(not hasattr(os, "getuid"), reason="owners are of Unix")
def test_what_belongs_to_somebody_else_is_not_read(runs, monkeypatch):
    filled(runs)
    States(runs.folder.parent).create("s", 1)
    somebody = os.getuid() + 1
    monkeypatch.setattr(os, "getuid", lambda: somebody)
    for ask in (runs.look, runs.resume):
        with pytest.raises(CheckpointError, match="the journal of run r1 can be written by others"):
            ask("r1")
    with pytest.raises(CheckpointError, match="can be written by others"):
        States(runs.folder.parent).restore("s")
    with pytest.raises(StoreError, match="belongs to user"):
        begun(runs, "r2")
    assert runs.all() == ()


@pytest.mark.parametrize("name", ["", "..", "a/b", "values", "\0", "r 1"])
def test_a_name_that_is_no_runs_is_refused(name, runs):
    filled(runs)
    with pytest.raises(CheckpointError):
        runs.look(name)


def test_a_run_that_is_not_there_names_the_nearest(runs):
    filled(runs)
    with pytest.raises(CheckpointError, match="known: r1"):
        runs.resume("r2")


@pytest.mark.parametrize("harm", ["gone", "cut", "other"])
def test_a_value_whose_file_is_not_what_was_written_is_never_given(harm, runs):
    filled(runs)
    (path,) = (runs.folder / "r1" / "values").iterdir()
    data = path.read_bytes()
    path.unlink()
    if harm != "gone":
        path.write_bytes(data[:-1] if harm == "cut" else bytes(len(data)))
    with pytest.raises(Exception, match="its file"):
        told(runs)


# Who has it.


def test_a_run_is_one_processes_at_a_time_and_free_when_that_is_killed(tmp_path):
    runs = runs_in(tmp_path)
    filled(runs)
    code = (
        "import sys, time; from orchestra_nb.durable.runs import Runs\n"
        f"journal = Runs({str(tmp_path)!r}).resume('r1'); print('has it', flush=True); sys.stdin.read()"
    )
    with subprocess.Popen(
        [sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as one:
        assert one.stdout.readline() == "has it\n"
        with pytest.raises(CheckpointError, match="run r1 is under way, here or in another process"):
            runs.resume("r1")
        assert not runs.remove("r1")
        assert list(runs.look("r1").committed) == ["a", "b", "c"]
        one.kill()
    runs.resume("r1").close()


def test_an_owner_that_was_overtaken_writes_nothing(runs):
    old = begun(runs)
    old._lock.release(force=True)  # as on a file system whose locks do not hold
    new = runs.resume("r1")
    new.go_on(1.0)
    with pytest.raises(CheckpointError, match="another process has gone on with it"):
        old.append(Commit("late"))
    new.append(Commit("a"))
    old.close()
    new.close()
    assert list(runs.look("r1").committed) == ["a"]


# How many there are.


def ended(runs, run, started, success):
    journal = begun(runs, run, kind="notebook", what="/n.ipynb", started=started)
    journal.append(Commit("a"))
    if success is not None:
        journal.append(Ended(success, "" if success else "a failed"))
    journal.close()


def test_the_newest_unfinished_run_is_found_and_a_later_success_makes_it_old(runs):
    assert runs.unfinished("notebook", "/n.ipynb") is None
    ended(runs, "r1", 1.0, None)
    ended(runs, "r2", 2.0, False)
    assert runs.unfinished("notebook", "/n.ipynb").run_id == "r2"
    assert runs.unfinished("notebook", "/other.ipynb") is None
    assert runs.unfinished("dag", "/n.ipynb") is None
    ended(runs, "r3", 3.0, True)
    assert runs.unfinished("notebook", "/n.ipynb") is None
    assert [(each.run_id, each.ended, each.success) for each in runs.all()] == [
        ("r1", False, False),
        ("r2", True, False),
        ("r3", True, True),
    ]


def test_what_succeeded_goes_first_and_what_somebody_has_never(tmp_path):
    runs = runs_in(tmp_path, most_runs=3)
    ended(runs, "old", 1.0, False)
    ended(runs, "good", 2.0, True)
    ended(runs, "new", 3.0, None)
    held = begun(runs, "held", started=0.0)
    assert [each.run_id for each in runs.all()] == ["held", "old", "new"]
    ended(runs, "next", 4.0, None)
    assert [each.run_id for each in runs.all()] == ["held", "new", "next"]
    held.close()


def test_runs_are_bounded_in_bytes(tmp_path):
    runs = runs_in(tmp_path, max_bytes=150_000)
    for number in range(5):
        journal = begun(runs, f"r{number}", started=float(number))
        journal.append(Commit("a", values={"": journal.values.keep(bytes([number]) * 100_000)}))
        journal.close()
    assert [each.run_id for each in runs.all()] == ["r3", "r4"]
    assert len(list((runs.folder / "values").iterdir())) == 2


def test_to_clear_removes_all_that_nobody_has(runs):
    filled(runs, "r1")
    held = begun(runs, "r2")
    assert runs.clear() == 1
    assert [each.run_id for each in runs.all()] == ["r2"]
    held.close()
    assert new_run_id() != new_run_id()


# A disk that fails.


def work(runs):
    """Begin a run, and commit as long as that goes; gives what was acknowledged."""
    try:
        journal = begun(runs)
    except (OSError, OrchestraError):
        return None
    done = []
    try:
        for name, value in (("a", 1), ("b", LARGE), ("c", "three")):
            try:
                values = {"": journal.values.keep(value)}
            except OSError:
                values = {}
            journal.append(Commit(name, values=values))
            done.append((name, bool(values)))
    except CheckpointError:
        assert journal.failed
    finally:
        journal.close()
    return done


@pytest.mark.parametrize("code", ["ENOSPC", "EIO", "EACCES"])
@pytest.mark.parametrize("lasting", [False, True])
def test_whichever_operation_fails_what_was_acknowledged_can_be_read(code, lasting, tmp_path):
    import errno

    counter = Failing(10**9)
    work(runs_in(tmp_path / "all", files=counter.journals, blob_files=counter.blobs))
    total, reached = counter.count, set()
    assert total > 30
    for n in range(1, total + 1):
        failing = Failing(n, getattr(errno, code), lasting)
        done = work(runs_in(tmp_path / str(n), files=failing.journals, blob_files=failing.blobs))
        reached.add(done is not None and len(done))
        if done is not None:
            runs = runs_in(tmp_path / str(n))
            found = told(runs)
            assert set(found) >= {name for name, _ in done}
            assert all(found[name] for name, kept in done if kept)
            runs.resume("r1").close()
    assert reached >= {False, 3}


def test_the_real_files_do_what_the_seam_says(tmp_path):
    runs = Runs(tmp_path / "deep" / "cache", files=JournalFiles())
    filled(runs)
    assert told(runs) == WHOLE
    assert runs.clear() == 1


def test_a_fact_that_is_no_json_is_refused_and_harms_nothing(runs):
    journal = begun(runs)
    with pytest.raises(CheckpointError, match="no JSON"):
        journal.append(Commit("a", note={"x": object()}))
    journal.append(Commit("a"), Epoch(2))
    journal.close()
    assert runs.look("r1").epoch == 2


# Killed in the middle.


@pytest.mark.skipif(not hasattr(os, "fork"), reason="kill -9 and fork are of Unix")
@pytest.mark.parametrize("point", [point for point in POINTS if point.startswith(("prune", "state", "run"))])
def test_whoever_is_killed_while_runs_begin_or_go_leaves_the_others_whole(point, tmp_path):
    runs = runs_in(tmp_path, most_runs=2)
    for number, run in enumerate(("r1", "r2")):
        ended(runs, run, float(number), run == "r1")
    States(tmp_path).create("s", "before")
    child = os.fork()
    if not child:
        with acting(lambda name: os.kill(os.getpid(), signal.SIGKILL) if name == point else None):
            begun(runs, "r3", started=3.0)
            States(tmp_path).create("s", "after")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status)
    assert runs.unfinished("notebook", "/n.ipynb").run_id == "r2"
    assert list(runs.look("r2").committed) == ["a"]
    assert States(tmp_path).restore("s") == ("after" if point == "state.after-name" else "before")
    States(tmp_path).create("s", "again")
    ended(runs, "r4", 4.0, True)
    assert {each.run_id for each in runs.all()} <= {"r2", "r3", "r4"}
    assert runs.clear() >= 2
    assert States(tmp_path).restore("s") == "again"


# What is somebody else's.


def test_what_a_user_keeps_under_the_same_names_is_never_removed(tmp_path):
    """A cache in a project's own folder: ``runs/`` may be its experiments."""
    theirs = {
        "runs/exp1/events.out": "precious",
        "runs/exp2/values/data.csv": "precious",
        "runs/exp3/journal": "dear diary",
        "runs/exp4/lock": "",
        "runs/exp4/notes.txt": "precious",
        "runs/values/data.csv": "precious",
        "runs/0123456789ab/values/data.csv": "precious",
    }
    for name, text in theirs.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(text, "utf-8")
    for folder in (tmp_path / "runs").iterdir():
        os.utime(folder, (1.0, 1.0))
    runs = runs_in(tmp_path, most_runs=1)
    for number in range(3):
        ended(runs, f"r{number}", float(number), True)
    assert runs.clear() == 1
    assert {name: (tmp_path / name).read_text("utf-8") for name in theirs} == theirs
    assert sorted(each.name for each in (tmp_path / "runs" / "exp1").iterdir()) == ["events.out"]


def test_nothing_is_removed_behind_a_link(tmp_path):
    there = runs_in(tmp_path / "there")
    filled(there)
    (tmp_path / "cache").mkdir()
    (tmp_path / "cache" / "runs").symlink_to(there.folder)
    assert runs_in(tmp_path / "cache").clear() == 0
    assert told(there) == WHOLE

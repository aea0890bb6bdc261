"""The journal: what was acknowledged is read, whatever the disk refuses; damage is an error and never another value."""

from __future__ import annotations

import errno
import json
import math
import os
import random
import stat

import pytest

from orchestra_nb.config import RetryPolicy
from orchestra_nb.durable.files import JournalFiles
from orchestra_nb.errors import CheckpointError
from orchestra_nb.recovery.saga_facts import Fact, Failure, Part
from orchestra_nb.recovery.saga_journal import begin_journal, open_journal
from orchestra_nb.recovery.saga_lines import exact_json
from orchestra_nb.recovery.saga_running import Surroundings
from orchestra_nb.recovery.sagas import SagaStep, execute_saga, resume_saga

from .saga_worlds import OPERATIONS, SHAPES, Unsynced, judge, run

PARTS = [Part("a"), Part("b", ("a",))]
FACTS = [
    Fact("step-begun", "a"),
    Fact("step-done", "a", value=exact_json({"order": [7, "ä"]})),
    Fact("step-begun", "b"),
    Fact("step-failed", "b", 1, Failure("ValueError", "no\nmore \ud800"), final=True),
    Fact("compensating", "b", error=Failure("ValueError", "no")),
    Fact("undo-begun", "a"),
]
FLIPS = 1_000


@pytest.fixture
def path(tmp_path):
    return tmp_path / "saga"


def filled(path):
    journal = begin_journal(path, PARTS, {"given": 1.5}, Unsynced())
    for fact in FACTS:
        journal.append(fact)
    journal.close()
    return path.read_bytes()


def read(path, parts=PARTS):
    journal = open_journal(path, parts, Unsynced())
    try:
        return journal.facts
    finally:
        journal.close()


def test_facts_come_back_as_they_were_written(path):
    filled(path)
    assert read(path) == FACTS


def test_each_line_is_json_for_whoever_has_to_read_it(path):
    lines = [json.loads(line)[1] for line in filled(path).splitlines()]
    assert lines[0] == {"saga": 1, "steps": [["a", [], True], ["b", ["a"], True]], "context": {"given": 1.5}} | {
        "not kept": []
    }
    assert lines[2] == {"fact": "step-done", "step": "a", "attempt": 1, "value": {"order": [7, "ä"]}}


def test_a_fact_is_on_the_disk_before_it_is_acknowledged(path):
    done = []

    class Files(JournalFiles):
        def write(self, descriptor, data, place):
            done.append("write")

        def sync(self, descriptor):
            done.append("sync")

    journal = begin_journal(path, PARTS, {}, Files())
    done.clear()
    journal.append(FACTS[0])
    assert done == ["write", "sync"]
    journal.close()


def test_the_files_and_the_folder_are_their_users_own(tmp_path):
    path = tmp_path / "new" / "newer" / "saga"
    before = os.umask(0)
    try:
        filled(path)
    finally:
        os.umask(before)
    modes = {each.name: stat.S_IMODE(each.stat().st_mode) for each in (path, path.parent, path.parent.parent)}
    assert modes == {"saga": 0o600, "newer": 0o700, "new": 0o700}
    assert stat.S_IMODE((path.parent / "saga.lock").stat().st_mode) & 0o077 == 0


def test_a_torn_last_line_is_dropped_and_the_next_takes_its_place(path):
    whole = filled(path)
    start = whole[:-1].rindex(b"\n") + 1
    for cut in range(start, len(whole) - 1):
        path.write_bytes(whole[:cut])
        journal = open_journal(path, PARTS, Unsynced())
        assert journal.facts == FACTS[:-1]
        journal.append(FACTS[-1])
        journal.close()
        assert path.read_bytes() == whole


def test_a_last_line_that_lacks_only_its_break_counts(path):
    whole = filled(path)
    path.write_bytes(whole[:-1])
    assert read(path) == FACTS
    assert path.read_bytes() == whole


def test_zeros_that_a_crash_of_the_machine_leaves_behind_are_dropped(path):
    whole = filled(path)
    path.write_bytes(whole + bytes(100))
    assert read(path) == FACTS


HARMS = [(harm, line) for harm in ("flip", "double", "lose", "swap") for line in range(1, len(FACTS) + 2)]


@pytest.mark.parametrize(("harm", "line"), [each for each in HARMS if each[0] < "l" or each[1] <= len(FACTS)])
def test_a_damaged_line_is_an_error_that_names_it(harm, line, path):
    lines = filled(path).splitlines(keepends=True)
    place = line - 1
    if harm == "flip":
        lines[place] = lines[place].replace(b'"fact":"', b'"fact":"x').replace(b'"saga":1', b'"saga":2')
    elif harm == "double":
        lines.insert(place, lines[place])
        line += 1
    elif harm == "lose":
        del lines[place]
    else:
        lines[place : place + 2] = reversed(lines[place : place + 2])
    path.write_bytes(b"".join(lines))
    with pytest.raises(CheckpointError, match=rf"saga, line {line}: "):
        read(path)


@pytest.mark.parametrize("bit", range(8))
def test_a_damaged_break_of_the_last_line_does_not_lose_the_line(bit, path):
    whole = bytearray(filled(path))
    whole[-1] ^= 1 << bit
    path.write_bytes(whole)
    with pytest.raises(CheckpointError, match=rf"line {len(FACTS) + 1}: "):
        read(path)


@pytest.mark.parametrize("share", [0.5, 1.0])
def test_what_an_interrupted_write_left_is_cut_off_before_the_next(share, path):
    class Interrupted(Unsynced):
        def write(self, descriptor, data, place):
            if b"a longer text" in data:
                super().write(descriptor, data[: int(len(data) * share)], place)
                raise KeyboardInterrupt
            super().write(descriptor, data, place)

    journal = begin_journal(path, PARTS, {}, Interrupted())
    journal.append(FACTS[0])
    with pytest.raises(KeyboardInterrupt):
        journal.append(Fact("step-done", "a", value=exact_json("a longer text" * 100)))
    journal.append(Fact("compensating"))
    journal.close()
    assert read(path) == [FACTS[0], Fact("compensating")]


def test_a_thousand_flipped_bits_and_cuts_never_give_another_value(path):
    whole, refused, earlier = filled(path), 0, 0
    for seed in range(FLIPS):
        dice = random.Random(seed)
        data = bytearray(whole)
        if dice.random() < 0.3:
            del data[dice.randrange(len(data)) :]
        for _ in range(dice.choice([0, 1, 1, 2, 8])):
            if data:
                data[dice.randrange(len(data))] ^= 1 << dice.randrange(8)
        path.write_bytes(data)
        try:
            found = read(path)
        except CheckpointError:
            refused += 1
            continue
        assert found == FACTS[: len(found)], f"seed {seed}"
        earlier += len(found) < len(FACTS)
    assert refused > FLIPS // 4
    assert earlier


@pytest.mark.parametrize(
    "content", [b"", b"\n", b"notes of mine", b"[]\n", b"\0" * 100, b'["' + b"0" * 32 + b'",{}]\n']
)
def test_a_file_that_is_no_journal_is_refused_and_left_alone(content, path):
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(CheckpointError):
        read(path)
    with pytest.raises(CheckpointError, match="is there already"):
        begin_journal(path, PARTS, {}, Unsynced())
    assert path.read_bytes() == content


CHANGES = {
    "step 'b' is missing": [Part("a")],
    "step 'c' is new": [*PARTS, Part("c")],
    "step 'b' came after a": [Part("a"), Part("b")],
    "step 'a' declared an undo": [Part("a", undo=False), PARTS[1]],
    "the order was a, b": [PARTS[1], PARTS[0]],
}


@pytest.mark.parametrize(("said", "parts"), CHANGES.items(), ids=CHANGES.keys())
def test_a_journal_of_other_steps_is_refused_with_the_difference(said, parts, path):
    filled(path)
    with pytest.raises(CheckpointError, match=said):
        read(path, parts)


def test_another_policy_is_no_other_saga(path):
    filled(path)
    assert read(path, [Part("a", compensation_retry=RetryPolicy(attempts=9)), PARTS[1]]) == FACTS


def test_who_comes_second_is_told_at_once(path):
    filled(path)
    first = open_journal(path, PARTS, Unsynced())
    with pytest.raises(CheckpointError, match="is in use"):
        open_journal(path, PARTS, Unsynced())
    first.close()
    assert read(path) == FACTS


def test_a_saga_that_runs_cannot_be_resumed_beside_it(path):
    said = []

    def second(context):
        with pytest.raises(CheckpointError, match="is in use"):
            resume_saga(steps, path)
        said.append(True)

    steps = [SagaStep("a", second)]
    execute_saga(steps, journal=path)
    assert said


def test_a_journal_that_others_can_write_is_not_read(path):
    filled(path)
    path.chmod(0o620)
    with pytest.raises(CheckpointError, match="chmod go-w"):
        read(path)


@pytest.mark.parametrize("made", ["link", "folder", "pipe", "nothing"])
def test_what_is_no_file_is_refused(made, path, tmp_path):
    if made == "link":
        filled(tmp_path / "other")
        path.symlink_to(tmp_path / "other")
    elif made == "folder":
        path.mkdir()
    elif made == "pipe":
        os.mkfifo(path, 0o600)
    with pytest.raises(CheckpointError):
        read(path)


@pytest.mark.parametrize("path", ["", "/", "a\0b", 5, None])
def test_a_path_that_is_none_is_refused(path):
    with pytest.raises(CheckpointError):
        resume_saga([SagaStep("a", print)], path)


@pytest.mark.parametrize(
    "value",
    [None, True, 0, -5, 10**300, 0.1, -0.0, 1e300, "", "ä\ud800", [], {}, [1, [2.0, {"a": None}]], {"": {"b": [True]}}],
)
def test_a_value_that_json_can_hold_comes_back_the_same(value):
    back = json.loads(exact_json(value))
    assert (type(back), repr(back)) == (type(value), repr(value))


class Text(str):
    """A text of another class."""


ENDLESS: list[object] = []
ENDLESS.append(ENDLESS)
WIDE: list[object] = []
for _ in range(60):
    WIDE = [WIDE, WIDE]


@pytest.mark.parametrize(
    "value",
    [
        *[(1, 2), {1}, b"x", {1: 2}, math.nan, math.inf, Text("x"), {Text("x"): 1}, [(1,)], 1j, print, errno],
        *[10**5000, "\ud83d\ude00", ENDLESS, WIDE, Failure("a")],
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_value_that_json_would_change_is_not_kept(value):
    assert exact_json(value) is None


def refusing(number, code, times=1):
    """Files whose n-th operation fails, and so many after it; ``.failed`` says how many did."""
    count = [0]

    def failing(name):
        real = getattr(Unsynced, name)

        def method(self, *arguments):
            count[0] += 1
            if number <= count[0] < number + times:
                if name == "write":  # the disk takes a part of it
                    real(self, arguments[0], arguments[1][: len(arguments[1]) // 2], arguments[2])
                if name == "close":
                    real(self, *arguments)
                files.failed += 1
                raise OSError(code, os.strerror(code))
            return real(self, *arguments)

        return method

    files = type("Refusing", (Unsynced,), {name: failing(name) for name in OPERATIONS})()
    files.failed = 0
    return files


@pytest.mark.parametrize("times", [1, 10**9])
@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
@pytest.mark.parametrize("shape", SHAPES)
def test_whichever_operation_fails_the_saga_stops_with_one_error_and_can_go_on(shape, code, times, tmp_path):
    number = stopped = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        files, error = refusing(number, code, times), None
        try:
            judge(shape, folder, run(shape, folder, files))
        except CheckpointError as caught:
            error = caught
            stopped += 1
        if error is not None:
            assert os.strerror(code) in str(error)
            assert isinstance(error.__cause__, OSError)
            assert not (folder / "effects").exists() or "resume_saga" in str(error)
        assert not list(folder.glob("place/*.new")) or times > 1
        judge(shape, folder, run(shape, folder))  # the disk is well again
        if not files.failed:
            break
    assert stopped > 20


@pytest.mark.parametrize("code", [errno.ENOSPC, errno.EIO, errno.EACCES], ids=errno.errorcode.get)
def test_whichever_operation_fails_while_going_on_the_journal_stays_usable(code, tmp_path):
    number = stopped = 0
    while True:
        number += 1
        folder = tmp_path / str(number)
        folder.mkdir()
        with pytest.raises(CheckpointError):
            run("a list that fails", folder, refusing(40, errno.EIO, 10**9))
        with open(folder / "place" / "saga", "ab") as file:
            file.write(b'["torn')
        files = refusing(number, code)
        try:
            run("a list that fails", folder, files)
        except CheckpointError:
            stopped += 1
        judge("a list that fails", folder, run("a list that fails", folder), kills=2)
        if not files.failed:
            break
    assert stopped > 20


def test_a_saga_stopped_by_its_disk_says_what_is_so_far(tmp_path):
    with pytest.raises(CheckpointError) as caught:
        run("a list that fails", tmp_path, refusing(18, errno.ENOSPC))
    assert "done: a" in "\n".join(caught.value.__notes__)


def test_a_saga_without_room_for_its_journal_does_not_begin(tmp_path):
    calls = []
    around = Surroundings(files=refusing(1, errno.ENOSPC))
    with pytest.raises(CheckpointError, match="nothing was begun"):
        execute_saga([SagaStep("a", calls.append)], journal=tmp_path / "new" / "saga", around=around)
    assert (calls, list(tmp_path.iterdir())) == ([], [])

"""Large values in files: how they come home, go on to others, and go."""

from __future__ import annotations

import errno
import gc
import os
import pickle
import sys
import threading
from pathlib import Path

import cloudpickle
import joblib
import numpy as np
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running import joblib_seam as seam
from orchestra_nb.running import parcels, replies, shelf
from orchestra_nb.running.function_task import FunctionTask
from orchestra_nb.running.joblib_executor import JoblibExecutor
from orchestra_nb.running.outbox import Outbox
from orchestra_nb.running.parcels import Parcel, Several, at_home, parcelled, received
from orchestra_nb.running.pickling import NotSendable
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.sending import Segment, pack
from orchestra_nb.running.shelf import Memmapping, Shelf

cloudpickle.register_pickle_by_value(sys.modules[__name__])
LARGE = 1 << 18
"""Numbers that take two megabytes."""


@pytest.fixture
def place(tmp_path):
    """A shelf for everything of a kilobyte or more."""
    made = Shelf.open(Memmapping(max_nbytes=1024, temp_folder=str(tmp_path)))
    yield made
    made.close()


def files(place):
    return [name for folder in place.folders if os.path.isdir(folder) for name in os.listdir(folder)]


def journey(value, place):
    """A value on its way: left there, sent, received."""
    return received(pickle.loads(pickle.dumps(parcelled(value, place))))


def full(*_, **__):
    raise OSError(errno.ENOSPC, "No space left on device")


class Poison:
    def __init__(self, much):
        self.much = much

    def __reduce__(self):
        return (_explode, (self.much,))


def _explode(much):
    raise ValueError("not here")


# The way home.


def test_a_small_value_is_itself(place):
    assert journey([1, 2], place) == ([1, 2], 0)
    assert files(place) == []


def test_a_large_value_stays_in_one_file_and_is_mapped(place):
    value = {"a": np.arange(1000.0), "b": np.arange(2000), "small": np.arange(3)}
    parcel, left = journey(value, place)
    assert isinstance(parcel, Parcel)
    assert (left, len(files(place))) == (24_000, 1)
    here = parcel.fetch()
    assert all(np.array_equal(here[name], value[name]) for name in value)
    assert parcel.fetch() is here
    assert parcel.nbytes > left


def test_a_large_structure_stays_there_too(place):
    value = [str(n) for n in range(1000)]
    parcel, left = journey(value, place)
    assert parcel.fetch() == value
    assert left == parcel.nbytes
    assert len(pickle.dumps(parcel)) < 300


def test_a_reference_is_small_and_every_process_has_a_copy_of_its_own(place):
    parcel, _ = journey(np.zeros(LARGE), place)
    sent = pickle.dumps(parcel)
    assert len(sent) < 400
    first, second = pickle.loads(sent).fetch(), pickle.loads(sent).fetch()
    first += 1
    assert (first[0], second[0], parcel.fetch()[0]) == (1, 0, 0)


def test_arrays_can_be_changed_unless_they_could_not_or_the_user_wants_it_so(place, tmp_path):
    frozen = np.zeros(LARGE)
    frozen.flags.writeable = False
    assert journey(np.zeros(LARGE), place)[0].fetch().flags.writeable
    assert not journey(frozen, place)[0].fetch().flags.writeable
    for mode, writeable in {"r": False, "c": True, "r+": True, "w+": True}.items():
        other = Shelf.open(Memmapping(temp_folder=str(tmp_path), mmap_mode=mode))
        assert journey(np.zeros(LARGE), other)[0].fetch().flags.writeable == writeable


def test_a_file_goes_with_its_release_and_what_is_mapped_stays(place):
    parcel, _ = journey(np.ones(LARGE), place)
    here = parcel.fetch()
    parcel.release()
    assert files(place) == []
    assert here.sum() == LARGE
    with pytest.raises(FileNotFoundError):
        parcel.fetch()


def test_a_file_goes_with_a_parcel_that_nobody_has(place):
    parcel, _ = journey(np.ones(LARGE), place)
    assert len(files(place)) == 1
    del parcel
    gc.collect()
    assert files(place) == []


def test_only_the_receiver_owns_the_file(place):
    parcel, _ = journey(np.ones(LARGE), place)
    pickle.loads(pickle.dumps(parcel)).release()
    assert parcel.fetch().sum() == LARGE


def test_a_value_that_was_only_tried_is_made_again(place):
    parcel, _ = journey(np.ones(LARGE), place)
    first = parcel.fetch()
    parcel.forget()
    assert parcel.fetch() is not first


def test_what_cannot_be_rebuilt_is_known_at_once_and_leaves_nothing(place):
    with pytest.raises(NotSendable, match=r"its result could not be rebuilt .* ValueError: not here"):
        journey(Poison(np.ones(LARGE)), place)
    gc.collect()
    assert files(place) == []


def test_values_of_parts_are_kept_apart(place):
    value, left = journey(Several(a=np.ones(LARGE), b=np.zeros(LARGE), c=3), place)
    assert left == 2 * 8 * LARGE
    assert len(files(place)) == 2
    value["a"].release()
    assert len(files(place)) == 1
    assert at_home(value["b"]).sum() == 0
    with pytest.raises(NotSendable, match="the value of its part 'b' cannot be sent"):
        parcelled(Several(a=1, b=threading.Lock()), place)
    with pytest.raises(NotSendable, match="the value of its part 'b' could not be rebuilt"):
        journey(Several(a=1, b=Poison(np.ones(LARGE))), place)


def test_a_full_memory_means_the_disk_and_a_full_disk_means_the_pickle(tmp_path, monkeypatch):
    (tmp_path / "ram").mkdir()
    (tmp_path / "disk").mkdir()
    two = Shelf((str(tmp_path / "ram"), str(tmp_path / "disk")), 1024)
    real = os.pwrite

    def pwrite(file, data, at):
        if os.listdir(two.folders[0]):  # the file that is being written is the only one
            real(file, data[:100], at)
            full()
        return real(file, data, at)

    monkeypatch.setattr(os, "pwrite", pwrite)
    parcel, _ = journey(np.ones(LARGE), two)
    assert parcel.fetch().sum() == LARGE
    assert [len(os.listdir(folder)) for folder in two.folders] == [0, 1]
    monkeypatch.setattr(os, "pwrite", full)
    value, left = journey(np.ones(LARGE), two)
    assert (value.sum(), left) == (LARGE, 0)
    assert journey(b"x" * 5000, two) == (b"x" * 5000, 0)
    assert [len(os.listdir(folder)) for folder in two.folders] == [0, 1]


def test_a_part_of_the_file_system_stays_free(place, monkeypatch):
    there = os.statvfs(place.folders[0])
    monkeypatch.setattr(shelf, "_SPARE", there.f_blocks * there.f_frsize)
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result([*there[:3], 5, 5, *there[5:]]))
    assert place.lay([b"abc"]) is None
    monkeypatch.setattr(os, "statvfs", full)
    assert place.lay([b"abc"]) is None


def test_where_there_is_no_place_nothing_is_left(tmp_path):
    assert Shelf.open(Memmapping(temp_folder=str(tmp_path / "missing"))) is None
    assert journey([1] * 1000, None) == ([1] * 1000, 0)


@pytest.mark.parametrize("told", [{"max_nbytes": None}, {"mmap_mode": None}])
def test_memory_mapping_can_be_switched_off(tmp_path, told):
    off = Shelf.open(Memmapping(temp_folder=str(tmp_path), **told))
    assert journey(np.ones(LARGE), off)[1] == 0


def test_the_folders_are_joblibs_or_the_users(tmp_path, monkeypatch):
    monkeypatch.delenv("JOBLIB_TEMP_FOLDER", raising=False)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    roots = [os.path.dirname(os.path.dirname(folder)) for folder in Shelf.open(Memmapping()).folders]
    assert roots[-1] == str(tmp_path)
    (tmp_path / "mine").mkdir()
    monkeypatch.setenv("JOBLIB_TEMP_FOLDER", str(tmp_path / "mine"))
    (folder,) = Shelf.open(Memmapping()).folders
    assert folder.startswith(str(tmp_path / "mine"))


def test_many_maps_do_not_use_up_the_file_descriptors(place, monkeypatch):
    monkeypatch.setattr(shelf, "_MOST_MAPS", 0)
    value = journey(np.ones(LARGE), place)[0].fetch()
    assert value.sum() == LARGE
    assert value.flags.writeable
    path, _ = place.lay([b"x" * 5000])
    assert shelf.view(path, readonly=True).readonly


# The way there.


def test_a_buffer_is_written_once_as_long_as_it_is_the_same(place):
    array, outbox = np.arange(float(LARGE)), Outbox(place)
    first, second = (outbox.post(pack(lambda: array.sum(), place.least)) for _ in range(2))
    assert first.nbytes > array.nbytes
    assert second.nbytes < 2000
    assert first.buffers == second.buffers
    array[-1] = 5
    third = outbox.post(pack(lambda: array.sum(), place.least))
    assert third.nbytes > array.nbytes
    assert len(files(place)) == 2
    for sent in (first, second):
        outbox.landed(sent)
    assert len(files(place)) == 1


@pytest.mark.parametrize("odd", [1024, 1025, 1031, (1 << 19) + 1])
@pytest.mark.parametrize("where", [0, -1])
def test_a_change_of_any_byte_is_seen(place, odd, where):
    array, outbox = np.zeros(odd, "u1"), Outbox(place)
    outbox.post(pack([array], 1024))
    array[where] = 1
    assert outbox.post(pack([array], 1024)).nbytes > odd


def test_what_was_sent_goes_with_the_array(place):
    array, outbox = np.ones(LARGE), Outbox(place)
    sent = outbox.post(pack([array], place.least))
    outbox.landed(sent)
    assert len(files(place)) == 1
    del array
    assert files(place) == []


def test_what_was_sent_stays_until_the_last_task_is_over(place):
    outbox = Outbox(place)
    sent = outbox.post(pack([np.asfortranarray(np.ones((4, LARGE)))], place.least))
    gc.collect()
    assert len(files(place)) == 1
    outbox.landed(sent)
    assert files(place) == []


def test_a_large_pickle_goes_with_its_task(place):
    outbox = Outbox(place)
    sent = outbox.post(pack(["x" * 5000], place.least))
    assert isinstance(sent.payload, Segment)
    assert pickle.loads(sent.payload.view()) == ["x" * 5000]
    outbox.landed(sent)
    assert files(place) == []


@pytest.mark.parametrize("part", [slice(None), slice(5, -7)])
def test_what_was_mapped_from_a_file_is_not_written_as_long_as_nobody_changed_it(place, part):
    parcel, _ = journey({"a": np.ones(LARGE), "b": np.arange(LARGE)}, place)
    here, outbox = parcel.fetch()["b"][part], Outbox(place)
    sent = outbox.post(pack([here], place.least))
    assert sent.nbytes < 2000
    parcel.release()
    assert np.array_equal(pickle.loads(sent.payload, buffers=[piece.view() for piece in sent.buffers])[0], here)
    here[-1] = 0
    assert outbox.post(pack([here], place.least)).nbytes > here.nbytes
    outbox.landed(sent)
    assert len(files(place)) == 1


def test_what_was_mapped_from_another_runs_file_is_written(place, tmp_path):
    other = Shelf.open(Memmapping(temp_folder=str(tmp_path)))
    here = journey(np.ones(LARGE), other)[0].fetch()
    assert Outbox(place).post(pack([here], place.least)).nbytes > here.nbytes


def test_without_room_inputs_travel_with_the_task(place, monkeypatch):
    monkeypatch.setattr(os, "pwrite", full)
    for known in (True, False):
        packed = pack(FunctionTask(lambda a: a.__setitem__(0, 7) or a.sum(), (np.ones(LARGE),), {}), place.least)
        with monkeypatch.context() as patch:
            if not known:
                patch.delitem(sys.modules, "numpy")
            sent = Outbox(place).post(packed)
        assert sent.nbytes > 8 * LARGE
        assert replies.unpack(replies.call(sent, place)()).value == LARGE + 6


def test_without_numpy_each_task_has_files_of_its_own(place, monkeypatch):
    data, outbox = pickle.PickleBuffer(bytearray(5000)), Outbox(place)
    monkeypatch.delitem(sys.modules, "numpy")
    sent = [outbox.post(pack([data], place.least)) for _ in range(2)]
    assert len(files(place)) == 2
    for one in sent:
        outbox.landed(one)
    assert files(place) == []


def test_what_cannot_be_sent_is_named():
    def body(rows, /, lock):
        return rows, lock

    with pytest.raises(NotSendable, match="its input 'lock' cannot be sent"):
        pack(FunctionTask(body, (1,), {"lock": threading.Lock()}))
    with pytest.raises(NotSendable, match="its input 'rows' cannot be sent"):
        pack(FunctionTask(body, (threading.Lock(),), {"lock": 1}))
    lock = threading.Lock()
    with pytest.raises(NotSendable, match="its function cannot be sent"):
        pack(FunctionTask(lambda: lock, (), {}))
    with pytest.raises(NotSendable, match="it cannot be sent"):
        pack(lambda: lock)
    reply = replies.unpack(replies.call(pack(FunctionTask(body, (Poison(1),), {"lock": 1})))())
    assert (reply.status, reply.reason) == (
        "refused",
        "its input 'rows' could not be rebuilt in the worker process: ValueError: not here",
    )


def test_a_worker_notes_that_it_has_begun(place):
    mark = place.mark(3)
    task = pack(lambda: replies.done(Path(mark).read_text(), 0.1))
    assert replies.unpack(replies.call(task, place, mark)()).value == str(os.getpid())
    assert replies.unpack(replies.call(pack(lambda: replies.done(1, 0.1)), place, "/missing/mark")()).value == 1


# Runs.


def ones(rows):
    return np.ones(rows)


def double(ones):
    ones *= 2
    return float(ones[0])


def total(ones):
    return float(ones.sum())


def run(nodes, context=None, **more):
    result = ParallelScheduler(RunConfig(jobs=2, backend="loky")).execute(DAG(nodes), context, **more)
    assert result.success, result.errors
    return result


def test_a_value_goes_from_process_to_process_and_each_has_its_own():
    nodes = [Node("ones", fn=ones), Node("double", fn=double, after=["ones"])]
    nodes.append(Node("total", fn=total, after=["ones", "double"]))
    result = run(nodes, {"rows": LARGE})
    assert (result.values["double"], result.values["total"]) == (2.0, LARGE)
    assert result.values["ones"].sum() == LARGE
    assert result.values["ones"].flags.writeable
    outcome = result.outcomes
    assert outcome["ones"].value is result.values["ones"]
    assert outcome["ones"].bytes_out > 8 * LARGE > 5000 > outcome["total"].bytes_in > 0


@pytest.mark.parametrize("backend", ["threading", "async"])
def test_a_change_by_a_node_of_this_process_is_seen_by_all_that_come_after(backend):
    nodes = [
        Node("ones", fn=ones),
        Node("before", fn=total, after=["ones"]),
        Node("look", fn=total, after=["before"], backend=backend),
        Node("looked", fn=total, after=["look"]),
        Node("double", fn=double, after=["looked"], backend=backend),
        Node("total", fn=total, after=["double"]),
        Node("again", fn=double, after=["total"], backend=backend),
        Node("last", fn=total, after=["again"]),
    ]
    result = run(nodes, {"rows": LARGE})
    assert [result.values[name] for name in ("before", "total", "last")] == [LARGE, 2 * LARGE, 4 * LARGE]
    assert result.values["ones"].sum() == 4 * LARGE
    sent = [result.outcomes[name].bytes_in > 8 * LARGE for name in ("before", "looked", "total", "last")]
    assert sent == [False, False, True, True]


def test_a_live_value_is_sent_as_it_is_each_time():
    nodes = [
        Node("before", fn=total),
        Node("double", fn=double, after=["before"], backend="threading"),
        Node("total", fn=total, after=["double"]),
        Node("same", fn=total, after=["total"]),
    ]
    result = run(nodes, {"ones": np.ones(LARGE)})
    assert [result.values[name] for name in ("before", "total", "same")] == [LARGE, 2 * LARGE, 2 * LARGE]
    sent = [result.outcomes[name].bytes_in > 8 * LARGE for name in ("before", "total", "same")]
    assert sent == [True, True, False]


def test_parts_of_a_node_hand_on_large_values():
    parts = (Node("ones", fn=ones), Node("double", fn=double), Node("total", fn=total))
    result = run([Node("all", parts=parts), Node("later", fn=lambda ones: total(ones), after=["all"])], {"rows": LARGE})
    assert (result.values["double"], result.values["total"], result.values["later"]) == (2.0, LARGE, LARGE)
    assert type(result.outcomes["all"].value) is dict


def test_what_the_user_told_joblib_holds(tmp_path):
    with joblib.parallel_config(backend="loky", temp_folder=str(tmp_path), max_nbytes="8M", mmap_mode="r"):
        assert seam.Pool(seam.make_backend("loky"), 2).memmapping() == Memmapping(8 << 20, str(tmp_path), "r")
    with joblib.parallel_config(backend="loky", max_nbytes=None):
        assert seam.Pool(seam.make_backend("loky"), 2).memmapping().max_nbytes is None
    assert seam.Pool(seam.make_backend("threading"), 2).memmapping() is None


def test_nothing_is_left_when_the_executor_is_shut_down(box, tmp_path):
    with joblib.parallel_config(temp_folder=str(tmp_path)):
        executor = JoblibExecutor(seam.Pool(seam.make_backend("loky"), 2))
    executor.submit(FunctionTask(ones, (), {"rows": LARGE}), box.sink("a"))
    executor.submit(FunctionTask(os._exit, (1,), {}), box.sink("b"))
    replied = box.wait(2)
    executor.shutdown()
    assert replied["b"].status != "done"
    (base,) = tmp_path.iterdir()
    assert os.listdir(base) == ["owner"]


def test_a_file_that_is_gone_is_refused_and_named(place):
    parcel, _ = journey(np.ones(LARGE), place)
    task = pack(FunctionTask(total, (), {"ones": parcel}, far=True))
    place.close()
    reply = replies.unpack(replies.call(task)())
    assert reply.status == "refused"
    assert "its input 'ones' could not be fetched: FileNotFoundError" in reply.reason


def test_kinds_are_named_without_asking():
    assert parcels.is_kept(Parcel("", (), b"")) is True
    assert repr(Parcel("", (), b"abc", kind="list")) == "<Parcel: list, 3 bytes>"

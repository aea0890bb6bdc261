"""Work on dask clusters: one that was given, of two processes, and the one that is made here."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import cloudpickle
import joblib
import psutil
import pytest

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import BackendError, NodeTimeout
from orchestra_nb.graph.dag import DAG
from orchestra_nb.model import Node
from orchestra_nb.running import cluster, dask_executor, dask_worker, replies
from orchestra_nb.running.backends import resolve
from orchestra_nb.running.dask_executor import DaskExecutor, OnCluster
from orchestra_nb.running.dask_worker import Packed, Ran
from orchestra_nb.running.function_task import FunctionTask
from orchestra_nb.running.scheduler import ParallelScheduler
from orchestra_nb.running.seams import Reply, is_kept
from tests.dask_loop import running_loop

cloudpickle.register_pickle_by_value(sys.modules[__name__])
numpy = pytest.importorskip("numpy")
pytestmark = pytest.mark.xdist_group("dask")  # several clusters side by side are more than two cores stand
BIG = 50_000_000 // 8


@pytest.fixture(scope="module")
def own():
    yield cluster.find(None, jobs=2)
    cluster.close_all()


@pytest.fixture(scope="module")
def local():
    import dask
    from distributed import LocalCluster

    where = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 60}
    with (
        running_loop() as loop,
        dask.config.set({"distributed.deploy.lost-worker-timeout": "10s"}),
        LocalCluster(n_workers=2, threads_per_worker=1, loop=loop, **where) as given,
    ):
        yield given


@pytest.fixture(scope="module")
def address(local):
    return local.scheduler_address


@pytest.fixture(scope="module")
def connected(address):
    yield cluster.find(address)
    known = cluster._KNOWN.pop(address, None)
    if known is not None:
        known.close()


@pytest.fixture
def given(connected, local):
    """The cluster that is given, with two workers: those that earlier tests ended have been replaced."""
    while len(connected.client.nthreads()) < 2:
        local.scale(2)
        time.sleep(0.1)
    return connected


@pytest.fixture(params=["own", "given"])
def place(request):
    return request.getfixturevalue(request.param)


class Lab:
    """An executor with a box for its replies."""

    def __init__(self, place, box):
        self.executor, self.box, self.asked = DaskExecutor(place, 2), box, 0

    def start(self, key, fn, *args):
        self.asked += 1
        return self.executor.submit(FunctionTask(fn, args, {}), self.box.sink(key))

    def reply(self, key):
        while key not in self.box.wait(len(self.box.replies)):
            self.box.wait(len(self.box.replies) + 1)
        return dict(self.box.replies)[key]

    def run(self, fn, *args):
        self.start(self.asked, fn, *args)
        return self.reply(self.asked - 1)


@pytest.fixture
def lab(place, box):
    return Lab(place, box)


@pytest.fixture
def at_home(own, box):
    return Lab(own, box)


@pytest.fixture
def abroad(given, box):
    return Lab(given, box)


def note(path):
    """Leave a line in a file: how often a body began is counted there."""
    with open(path, "a") as file:
        file.write(f"{os.getpid()}\n")


def notes(path):
    return Path(path).read_text().split() if Path(path).exists() else []


def ones():
    return numpy.ones(BIG)


def doubled(array):
    array *= 2
    return array


def total(array):
    return float(array.sum())


def test_large_values_stay_on_the_cluster_along_a_chain(lab):
    first = lab.run(ones)
    second = lab.run(doubled, first.value)
    third = lab.run(total, second.value)
    assert third.value == 2.0 * BIG
    for reply in (first, second):
        assert is_kept(reply.value)
        assert reply.value.nbytes > 8 * BIG
        assert reply.bytes_in < 10_000
        assert reply.bytes_out < 10_000


def test_a_value_is_fetched_when_it_is_asked_for(lab):
    kept = lab.run(ones).value
    assert numpy.array_equal(kept.fetch(), numpy.ones(BIG))
    assert "bytes on a dask cluster" in repr(kept)
    kept.release()


def test_each_reader_gets_a_copy_of_its_own(lab):
    kept = lab.run(ones).value
    assert lab.run(doubled, kept).value.nbytes == kept.nbytes
    assert lab.run(total, kept).value == float(BIG)


def test_a_value_that_is_given_twice_is_one_object(lab):
    kept = lab.run(ones).value
    assert lab.run(lambda one, other: one is other, kept, kept).value is True


def test_inputs_within_inputs_are_found(lab):
    kept = lab.run(ones).value
    assert lab.run(lambda pair: total(pair["array"]), {"array": kept}).value == float(BIG)


def test_small_values_come_home(lab):
    assert lab.run(list, range(9)).value == list(range(9))


def test_large_inputs_from_here_reach_a_worker_unchanged(lab):
    array = numpy.ones(2_000_000)
    reply = lab.run(lambda array: total(doubled(array)), array)
    assert reply.value == 4_000_000.0
    assert reply.bytes_in > array.nbytes
    assert array.sum() == 2_000_000.0


def test_a_body_that_ends_its_worker_fails_alone_and_begins_once(lab, tmp_path):
    def body(i, path=str(tmp_path / "dead")):
        if i == 7:
            note(path)
            os._exit(3)
        return i * i

    for i in range(20):
        lab.start(i, body, i)
    answers = lab.box.wait(20)
    dead = answers.pop(7)
    assert (dead.status, dead.culprit) == ("lost", True)
    assert "its worker was lost while it ran" in dead.evalue
    assert {i: reply.value for i, reply in answers.items()} == {i: i * i for i in range(20) if i != 7}
    assert len(notes(tmp_path / "dead")) == 1
    assert lab.run(pow, 2, 5).value == 32


def test_a_value_that_was_lost_with_its_worker_is_made_again(lab, tmp_path):
    def make(path=str(tmp_path / "made")):
        note(path)
        return ones()

    kept = lab.run(make).value
    (maker,) = notes(tmp_path / "made")
    psutil.Process(int(maker)).kill()
    assert lab.run(total, kept).value == float(BIG)
    assert total(kept.fetch()) == float(BIG)
    assert len(notes(tmp_path / "made")) >= 2


def test_a_value_that_cannot_be_made_again_is_lost_by_name(lab, tmp_path):
    def make(path=str(tmp_path / "made")):
        if notes(path):
            raise ValueError("only once")
        note(path)
        return ones()

    kept = lab.run(make).value
    psutil.Process(int(notes(tmp_path / "made")[0])).kill()
    reply = lab.run(total, kept)
    assert reply.status == "lost"
    assert reply.culprit is None
    assert "only once" in reply.reason
    with pytest.raises(BackendError, match="only once"):
        kept.fetch()


def test_a_large_result_that_cannot_be_sent_is_refused_where_it_was_made(lab):
    reply = lab.run(lambda: [*range(100_000), threading.Lock()])
    assert reply.status == "refused"
    assert "lock" in reply.reason
    assert lab.run(pow, 2, 3).value == 8


class Poison:
    """Pickles, and raises when it is unpickled."""

    def __reduce__(self):
        return int, ("cannot be rebuilt",)


def test_a_large_result_that_cannot_be_rebuilt_is_refused_where_it_is_read(lab):
    kept = lab.run(lambda: [*range(100_000), Poison()]).value
    reply = lab.run(len, kept)
    assert reply.status == "refused"
    assert "cannot be rebuilt" in reply.reason
    with pytest.raises(ValueError, match="cannot be rebuilt"):
        kept.fetch()


def wait_for(path):
    while not Path(path).exists():
        time.sleep(0.01)
    return os.getpid()


def begun(path):
    while not notes(path):  # it exists before something is in it
        time.sleep(0.01)
    return int(notes(path)[0])


def hang(path):
    note(path)
    threading.Event().wait()


def test_a_stopped_body_ends_with_its_worker_where_the_cluster_is_ours(at_home, tmp_path):
    stop = at_home.start("long", hang, str(tmp_path / "begun"))
    worker = psutil.Process(begun(tmp_path / "begun"))
    stop()
    assert at_home.reply("long").status == "cancelled"
    worker.wait(120)
    stop()
    assert at_home.run(pow, 2, 3).value == 8
    assert len(at_home.box.replies) == 2


def test_a_stopped_body_on_a_given_cluster_goes_on_and_is_not_heard(abroad, tmp_path):
    def body(path=str(tmp_path)):
        note(f"{path}/begun")
        wait_for(f"{path}/gate")
        note(f"{path}/ended")

    stop = abroad.start("long", body)
    worker = begun(tmp_path / "begun")
    stop()
    assert abroad.reply("long").status == "cancelled"
    (tmp_path / "gate").touch()
    assert begun(tmp_path / "ended") == worker
    assert abroad.run(pow, 2, 3).value == 8
    assert len(abroad.box.replies) == 2


def test_an_aborted_executor_answers_at_once_and_works_again(at_home, tmp_path):
    for i in range(4):
        at_home.start(i, hang, str(tmp_path / "begun"))
    worker = psutil.Process(begun(tmp_path / "begun"))
    at_home.executor.abort()
    assert {reply.status for reply in at_home.box.wait(4).values()} == {"cancelled"}
    worker.wait(120)
    assert at_home.run(pow, 2, 3).value == 8
    at_home.executor.shutdown()


def test_interrupts_pass_a_cluster_of_ours_by(at_home):
    host = at_home.executor._cluster.host._process.pid
    assert os.getpgid(host) != os.getpgid(0)
    workers = [psutil.Process(at_home.run(os.getpid).value)]
    os.killpg(os.getpgid(host), signal.SIGINT)
    assert at_home.run(pow, 2, 3).value == 8
    assert all(worker.is_running() for worker in workers)


def test_a_cluster_of_ours_ends_with_the_process_that_made_it():
    code = "from orchestra_nb.running.dask_host import Host; print(Host(1)._process.pid, flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as made:
        host = psutil.Process(int(made.stdout.readline()))
        family = [host, *host.children(recursive=True)]
        assert len(family) > 1
        made.kill()
        _, alive = psutil.wait_procs(family, timeout=60)
    assert not alive


def test_a_cluster_of_ours_is_kept_and_grows(own):
    assert cluster.find(None, jobs=1) is own
    assert cluster.find(None, jobs=3) is own
    own.client.wait_for_workers(3, timeout=60)
    assert own.effective_n_jobs(-1) == joblib.cpu_count()
    assert own.effective_n_jobs(5) == 5


def test_a_given_cluster_is_connected_to_once_and_gives_all_its_threads(given, address):
    assert cluster.find(address) is given
    assert given.effective_n_jobs(-1) == 2
    assert given.effective_n_jobs(5) == 5


def test_even_a_cluster_with_a_single_thread_is_used(given, monkeypatch):
    monkeypatch.setattr(given.client, "nthreads", lambda: {"tcp://x:1": 1})
    assert given.effective_n_jobs(-1) == 2


def test_an_unreachable_cluster_is_named_before_anything_ran(monkeypatch):
    monkeypatch.setattr(cluster, "_REACH", 0.3)
    with pytest.raises(BackendError, match=r"no dask cluster answers at 'tcp://127\.0\.0\.1:9'.*dask scheduler"):
        resolve(RunConfig(backend="dask", cluster="tcp://127.0.0.1:9"))


@pytest.mark.parametrize("address", ["nonsense://here", "tcp://:::"])
def test_an_address_that_cannot_be_one_is_named(monkeypatch, address):
    monkeypatch.setattr(cluster, "_REACH", 0.3)
    with pytest.raises(BackendError, match="no dask cluster answers at"):
        resolve(RunConfig(backend="dask", cluster=address))


def test_a_cluster_on_which_nothing_would_run_is_an_error():
    with pytest.raises(BackendError, match="nothing runs on the cluster at 'tcp://there:1'; say backend='dask'"):
        resolve(RunConfig(jobs=2, cluster="tcp://there:1"))


def test_workers_with_another_version_are_named(given, address, monkeypatch):
    monkeypatch.setattr(dask_worker, "greeting", lambda: ("0.0", "3.11"))
    with pytest.raises(BackendError, match=r"have orchestra_nb .*, not 0\.0"):
        cluster._check_versions(("1.0", "3.11"), address)


def test_workers_without_the_package_are_named(given, address, monkeypatch):
    def run(*args, **kwargs):
        raise ModuleNotFoundError("orchestra_nb")

    monkeypatch.setattr(given.client, "run", run)
    with pytest.raises(BackendError, match="have no orchestra_nb; install orchestra_nb"):
        cluster._greet(given.client, address)


@pytest.fixture
def deserted():
    from distributed import LocalCluster

    where = {"host": "127.0.0.1", "dashboard_address": "127.0.0.1:0", "silence_logs": 60}
    with running_loop() as loop, LocalCluster(n_workers=0, loop=loop, **where) as empty:
        yield empty


def test_a_cluster_without_workers_is_named(deserted, monkeypatch):
    monkeypatch.setattr(cluster, "_WORKERS", 0.3)
    with pytest.raises(BackendError, match=r"had no worker in 0\.3 s; start one"):
        cluster.find(deserted.scheduler_address)


def test_tasks_on_a_cluster_that_has_lost_its_last_worker_are_given_up(deserted, box, monkeypatch):
    monkeypatch.setattr(cluster, "_BEREFT", 0.05)
    monkeypatch.setattr(cluster, "_greet", lambda client, address: None)
    place = cluster.find(deserted.scheduler_address)
    lab = Lab(place, box)
    lab.start("a", pow, 2, 3)
    place.loop.call_soon_threadsafe(place._hear, (0.0, {"action": "remove-worker", "worker": "tcp://x:1"}))
    assert lab.reply("a").status == "lost"
    assert "no worker any more" in lab.reply("a").reason


def test_a_connection_that_breaks_fails_what_is_on_its_way_and_what_comes(deserted, box, monkeypatch):
    monkeypatch.setattr(cluster, "_greet", lambda client, address: None)
    lab = Lab(cluster.find(deserted.scheduler_address), box)
    lab.start("a", pow, 2, 3)
    lab.executor._cluster.client.close()
    assert lab.reply("a").status == "failed"
    assert "connection to the dask cluster broke" in lab.reply("a").evalue
    assert "connection to the dask cluster broke" in lab.run(pow, 2, 3).evalue


def run(nodes, context=None, **config):
    return ParallelScheduler(RunConfig(**{"jobs": 2, "backend": "dask", **config})).execute(DAG(nodes), context)


def test_a_run_goes_to_the_cluster_that_is_named(given, address):
    nodes = [
        Node("load", fn=lambda rows: list(range(rows))),
        Node("total", fn=lambda load: (sum(load), os.getpid()), after=["load"]),
    ]
    result = run(nodes, {"rows": 5}, cluster=address, jobs=None)
    assert (result.jobs, result.backend) == (2, "dask")
    assert result.values["total"][0] == 10
    assert result.values["total"][1] != os.getpid()


def test_a_run_goes_to_the_cluster_of_the_enclosing_parallel_config(given, address):
    from distributed import Client

    with Client(address, set_as_default=False) as client, joblib.parallel_config(backend="dask", client=client):
        resolved = resolve(RunConfig())
    assert (resolved.jobs, resolved.backend) == (2, "dask")
    assert resolved.processes()._client.scheduler.address == address


def test_a_run_goes_to_the_cluster_that_the_session_is_connected_to(given, address):
    from distributed import Client

    with Client(address):
        resolved = resolve(RunConfig(backend="threading", jobs=3), ["dask"])
    assert resolved.processes()._client.scheduler.address == address


def test_a_run_that_asks_for_no_more_than_dask_gets_a_cluster_of_ours(own):
    result = run([Node("a", fn=lambda: os.getpid())])
    assert result.values["a"] in {process.pid for process in psutil.Process(own.host._process.pid).children()}


def test_a_node_that_hangs_is_named_and_the_next_run_works(own, tmp_path):
    nodes = [Node("hangs", fn=lambda: hang(str(tmp_path / "begun")), timeout=0.5), Node("good", fn=lambda: 1)]
    result = run(nodes, keep_going=True)
    assert isinstance(result.outcomes["hangs"].error, NodeTimeout)
    assert result.values["good"] == 1
    assert run([Node("a", fn=lambda: 2)]).values["a"] == 2


def test_a_node_that_ends_its_worker_fails_by_name(own):
    nodes = [Node("dead", fn=lambda: os._exit(3)), Node("good", fn=lambda: 1)]
    result = run(nodes, keep_going=True)
    assert not result.outcomes["dead"].ok
    assert "its worker was lost while it ran" in str(result.outcomes["dead"].error)
    assert result.values["good"] == 1


def test_packed_objects_also_survive_older_pickles():
    import pickle

    for protocol in (2, 5):
        again = pickle.loads(pickle.dumps(Packed.of(numpy.ones(5)), protocol))
        assert again.unpack().sum() == 5.0


def test_what_a_worker_makes_of_a_task_without_a_cluster():
    def made(fn, *args):
        return dask_worker.perform(Packed.of(FunctionTask(fn, args, {})), (), "here")

    kept = made(ones)
    assert isinstance(kept, Ran)
    assert sys.getsizeof(kept) > 8 * BIG
    assert sys.getsizeof(kept.value) > 8 * BIG
    assert replies.unpack(kept.header).value == kept.value.nbytes
    assert replies.unpack(kept.header).worker == "here"
    assert dask_worker.value_of(kept).sum() == BIG
    assert dask_worker.value_of(made(int)) == 0
    assert replies.unpack(made(threading.Lock)).status == "refused"
    with pytest.raises(dask_worker.ValueLost, match="gone"):
        dask_worker.value_of(replies.packed(Reply("lost", reason="gone")))


def test_of_several_tasks_in_a_worker_none_is_accused():
    reply = dask_worker.lost({"worker": "tcp://x:1", "threads": 4, "pid": 5})
    assert reply.culprit is None
    assert "one of the 4 tasks" in reply.reason


def test_a_value_on_a_cluster_that_is_no_more_is_lost(monkeypatch):
    class Future:
        def result(self, timeout):
            raise TimeoutError

    class Client:
        status = "closed"

    with pytest.raises(BackendError, match="no worker any more"):
        OnCluster(Client, Future(), 5).fetch()
    assert dask_executor._disconnected("it ended").status == "failed"


def test_a_scheduler_that_does_not_answer_when_we_leave_does_not_keep_the_cluster_from_ending():
    class Silent:
        status = "running"

        def subscribe_topic(self, topic, hear):
            pass

        def unsubscribe_topic(self, topic):
            pass

        def close(self, timeout):
            raise TimeoutError(f"timed out after {timeout} s.")

    class Ended:
        ended = False

        def close(self):
            self.ended = True

    host = Ended()
    cluster.Cluster(Silent(), host).close()
    assert host.ended


def test_a_scheduler_of_our_own_that_is_slow_to_answer_is_asked_again_while_its_host_lives(monkeypatch):
    class Booting:
        address = "tcp://127.0.0.1:1"
        alive = True
        closed = False

        def close(self):
            self.closed = True

    asked = []

    def client(address, **settings):
        asked.append(address)
        if len(asked) < 3:
            raise BackendError(f"no dask cluster answers at {address!r}")
        return "connected"

    monkeypatch.setattr(cluster, "_client", client)
    host = Booting()
    assert cluster._client_of(host) == "connected"
    assert len(asked) == 3
    assert not host.closed
    asked.clear()
    host.alive = False
    with pytest.raises(BackendError, match="no dask cluster answers"):
        cluster._client_of(host)
    assert host.closed

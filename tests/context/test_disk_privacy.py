"""The folder is the user's own, or it is not used."""

from __future__ import annotations

import os
import pickle
import stat
import subprocess
import sys
import types

import pytest

from orchestra_nb.context import private_place
from orchestra_nb.context.disk import DiskStore, StoreError

pytestmark = pytest.mark.usefixtures("loose_mask")
LARGE = b"l" * 100_000


@pytest.fixture
def loose_mask():
    before = os.umask(0)
    yield
    os.umask(before)


def test_all_that_is_made_is_private_whatever_the_mask(tmp_path):
    with DiskStore(tmp_path / "a" / "cache") as store:
        store.put("small", 1)
        store.put("large", LARGE)
        made = list((tmp_path / "a" / "cache").rglob("*"))
        assert {path.name for path in made} >= {"v1", "index", "blobs", "index.db", "index.db-wal"}
        for path in [store.folder, *made]:
            expected = 0o700 if path.is_dir() else 0o600
            assert stat.S_IMODE(path.stat().st_mode) == expected, path


@pytest.mark.parametrize("mode", [0o777, 0o720, 0o702])
@pytest.mark.parametrize("part", ["", "v1", "v1/index", "v1/blobs"])
def test_a_folder_that_others_can_write_into_is_refused(mode, part, tmp_path):
    DiskStore(tmp_path).close()
    os.chmod(tmp_path / part, mode)
    with pytest.raises(StoreError, match=r"others can write into .*; run chmod go-w on it, or give") as caught:
        DiskStore(tmp_path)
    assert str(pickle.loads(pickle.dumps(caught.value))) == str(caught.value)


def test_a_folder_that_others_can_read_stays_as_it_is_and_ours_in_it_become_private(tmp_path):
    folder = tmp_path / "cache"
    folder.mkdir(mode=0o755)
    (folder / "v1").mkdir(mode=0o755)
    DiskStore(folder).close()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o755
    assert stat.S_IMODE((folder / "v1").stat().st_mode) == 0o700


@pytest.mark.parametrize("part", ["", "v1", "v1/index"])
def test_a_folder_of_somebody_else_is_refused(part, tmp_path, monkeypatch):
    DiskStore(tmp_path).close()
    real = (tmp_path / part).stat()
    other = real.st_uid + 1
    strange = os.stat_result((*real[:4], other, *real[5:]))
    look, look_through = os.lstat, os.stat
    monkeypatch.setattr(os, "lstat", lambda path: strange if os.fspath(path) == str(tmp_path / part) else look(path))
    monkeypatch.setattr(
        private_place,
        "os",
        types.SimpleNamespace(
            **{
                **vars(os),
                "stat": lambda path: strange if os.fspath(path) == str(tmp_path / part) else look_through(path),
            }
        ),
    )
    with pytest.raises(StoreError, match=f"belongs to user {other}"):
        DiskStore(tmp_path)


def test_a_link_to_a_folder_of_ones_own_is_followed_and_a_link_within_is_not(tmp_path):
    (tmp_path / "real").mkdir(mode=0o700)
    (tmp_path / "link").symlink_to(tmp_path / "real")
    with DiskStore(tmp_path / "link") as store:
        assert store.put("key", LARGE)
    assert (tmp_path / "real" / "v1").is_dir()
    (tmp_path / "real" / "v1").rename(tmp_path / "elsewhere")
    (tmp_path / "real" / "v1").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(StoreError, match="v1 is not a folder"):
        DiskStore(tmp_path / "link")


@pytest.mark.parametrize("part", ["", "v1", "v1/index", "v1/blobs", "v1/index/index.db"])
@pytest.mark.parametrize("what", ["file", "dangling link"])
def test_something_else_in_its_place_is_one_clear_error(part, what, tmp_path):
    place = tmp_path / "cache" / part
    place.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    for folder in (tmp_path / "cache", tmp_path / "cache" / "v1", tmp_path / "cache" / "v1" / "index"):
        if folder.is_dir():
            folder.chmod(0o700)
    if what == "file" and part.endswith(".db"):
        place.mkdir()
    elif what == "file":
        place.write_text("mine")
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(StoreError, match=r"cache.*(give|remove)"):
        DiskStore(tmp_path / "cache")


UNPRIVILEGED = """
import os, sys
from orchestra_nb.context.disk import DiskStore, StoreError
if os.getuid() == 0:
    os.setgid(65534); os.setuid(65534)
try:
    DiskStore(sys.argv[1])
except StoreError as error:
    print(error)
"""


def test_a_folder_that_cannot_be_written_into_is_one_clear_error():
    import tempfile

    with tempfile.TemporaryDirectory() as top:  # one that any user may look into
        os.chmod(top, 0o555)
        found = subprocess.run(
            [sys.executable, "-c", UNPRIVILEGED, f"{top}/cache"],
            capture_output=True,
            text=True,
            timeout=60,
            env={name: value for name, value in os.environ.items() if not name.startswith("COV")},  # nobody's to write
        )
        os.chmod(top, 0o700)
    assert found.stderr == ""
    assert "Permission denied; give it a folder that you can write into" in found.stdout


MOUNTS = """\
21 1 8:1 / / rw - ext4 /dev/root rw
36 35 0:52 / /mnt/my\\040share rw,noatime shared:1 - nfs4 server:/export rw
37 35 0:53 / /home rw - fuse.sshfs server: rw
38 35 0:54 / /data rw - xfs /dev/sdb rw
"""


@pytest.mark.parametrize(
    ("device", "folder", "kind"),
    [
        ((0, 52), "/anything", "nfs4"),
        ((9, 9), "/mnt/my share/cache", "nfs4"),
        ((9, 9), "/home/me/.cache", "fuse.sshfs"),
        ((9, 9), "/homes/me", "ext4"),
        ((0, 54), "/data/x", "xfs"),
    ],
)
def test_the_file_system_is_that_of_the_device_or_of_the_nearest_mount(device, folder, kind):
    from pathlib import Path

    assert private_place._file_system(Path(folder), os.makedev(*device), MOUNTS) == kind


def test_on_a_network_file_system_there_is_no_write_ahead_log_and_a_warning(tmp_path, monkeypatch):
    from orchestra_nb.context import connections

    monkeypatch.setattr(connections, "is_on_network", lambda folder: True)
    events = []
    with DiskStore(tmp_path, on_event=lambda *event: events.append(event)) as store:
        assert [kind for kind, _, _ in events] == ["slow-journal"]
        assert store.statistics().journal == "delete"
        assert store.put("small", 1)
        assert store.put("large", LARGE)
        assert store.get("large").value == LARGE
        assert not (tmp_path / "v1" / "index" / "index.db-wal").exists()
    assert len(events) == 1


def test_this_machine_tells_what_its_folders_lie_on(tmp_path):
    assert private_place.is_on_network(tmp_path) in (True, False)
    (tmp_path / "mountinfo").write_text("")
    assert private_place.is_on_network(tmp_path, "") is False
    device = tmp_path.stat().st_dev
    told = f"1 1 {os.major(device)}:{os.minor(device)} / / rw - cifs //server rw\n"
    assert private_place.is_on_network(tmp_path, told) is True

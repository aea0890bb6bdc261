"""The folder of a disk store: made private, checked before anything is read from it, and what it lies on.

Values are rebuilt from it, and rebuilding a pickle runs code: so whoever can write into the folder could run code here.
It is used only if it belongs to this user and nobody else can write into it, and so is each folder of ours in it. A
folder that was there is left as it is; those in it are ours, and are made private (0700). A link in its place is
followed if this user or the administrator made it.

Not checked: the folders above. Who may rename one of them may put another folder in its place, which then must belong
to this user, too. Windows has no such bits, and nothing is checked there.

Failure: one :class:`StoreError` that says what is wrong and what to do.
"""

from __future__ import annotations

import os
import stat
import sys
from pathlib import Path

from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.errors import CacheError

_SHARED = frozenset(
    [
        *("nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "lustre", "glusterfs", "gpfs", "beegfs"),
        *("ncpfs", "ocfs2", "gfs2", "vboxsf", "davfs", "orangefs"),
    ]
)
_SHARED_FUSE = ("fuse.sshfs", "fuse.s3fs", "fuse.gcsfuse", "fuse.glusterfs", "fuse.rclone", "fuse.ceph", "fuse.juicefs")
_OTHERS_WRITE = 0o022


class StoreError(CacheError):
    """The disk store cannot be used here, or was given something that it cannot store."""


def prepare(folder: Path, parts: tuple[str, ...], files: FileOperations) -> None:
    """Make a folder and those in it, and see that they are private.

    Raises
    ------
    StoreError
        They cannot be made, or others could write into them.
    """
    try:
        if not folder.is_dir():
            folder.parent.mkdir(parents=True, exist_ok=True)
            files.make_folder(folder)
        _check_link(folder)
        _check(folder, os.stat(folder), ours=False)
        for part in parts:
            files.make_folder(folder / part)
            _check(folder / part, files.status(folder / part), ours=True)
    except OSError as error:
        raise StoreError(
            f"the cache cannot be kept in {folder}: {error.strerror or error}; "
            "give it a folder that you can write into, or remove what stands there"
        ) from error


def _check_link(folder: Path) -> None:
    status = os.lstat(folder)
    if stat.S_ISLNK(status.st_mode) and hasattr(os, "getuid") and status.st_uid not in (os.getuid(), 0):
        raise StoreError(f"{folder} is a link that another user made; remove it, or give the cache another folder")


def _check(path: Path, status: os.stat_result, *, ours: bool) -> None:
    if not stat.S_ISDIR(status.st_mode):
        raise StoreError(f"{path} is not a folder; remove it, or give the cache another folder")
    if not hasattr(os, "getuid"):
        return
    if status.st_uid != os.getuid():
        raise StoreError(
            f"{path} belongs to user {status.st_uid}, who could have code run here; give the cache a folder of your own"
        )
    if stat.S_IMODE(status.st_mode) & _OTHERS_WRITE:
        raise StoreError(
            f"others can write into {path}, and could have code run here; "
            f"run chmod go-w on it, or give the cache another folder"
        )
    if ours and stat.S_IMODE(status.st_mode) & 0o077:
        os.chmod(path, 0o700)


def is_on_network(folder: Path, mounts: str | None = None) -> bool:
    """Whether a folder lies on a file system that several machines may share.

    Parameters
    ----------
    folder
        An existing folder.
    mounts
        The text of ``/proc/self/mountinfo``; read where it is not given. Elsewhere than on Linux nothing is known, and
        the answer is no.
    """
    if mounts is None:
        if sys.platform != "linux":
            return False
        try:
            mounts = Path("/proc/self/mountinfo").read_text("utf-8", "replace")
        except OSError:
            return False
    kind = _file_system(folder.resolve(), os.stat(folder).st_dev, mounts)
    return kind in _SHARED or kind.startswith(_SHARED_FUSE)


def _file_system(folder: Path, device: int, mounts: str) -> str:
    """Name the file system: that of the device, or of the longest mount above the folder."""
    number = f"{os.major(device)}:{os.minor(device)}"
    longest, found = -1, ""
    for line in mounts.splitlines():
        before, _, after = line.partition(" - ")
        fields, kind = before.split(), after.partition(" ")[0]
        if len(fields) < 5:
            continue
        if fields[2] == number:
            return kind
        point = fields[4].replace("\\040", " ")
        if len(point) >= longest and folder.is_relative_to(point):
            longest, found = len(point), kind
    return found

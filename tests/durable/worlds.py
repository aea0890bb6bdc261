"""Files for tests: some cost no time, some fail, and some count."""

from __future__ import annotations

import errno
import os

from orchestra_nb.context.file_operations import FileOperations
from orchestra_nb.durable.files import JournalFiles

JOURNAL_OPERATIONS = (
    *("make_folder", "lock", "create", "open", "read", "size", "write", "truncate"),
    *("sync", "sync_folder", "replace", "link", "remove", "remove_folder", "close"),
)
BLOB_OPERATIONS = ("make_folder", "status", "create", "open", "write", "sync", "sync_folder", "replace", "map")


class Unsynced(JournalFiles):
    """Files that survive the death of a process, though not of the machine, and cost no test its time."""

    def sync(self, descriptor):
        pass

    def sync_folder(self, path):
        pass


class UnsyncedBlobs(FileOperations):
    """The same for values."""

    def sync(self, descriptor):
        pass

    def sync_folder(self, path):
        pass


class Failing:
    """Fails the n-th operation of all that its files do, journals and values together, and, by wish, all later ones."""

    def __init__(self, n, code=errno.ENOSPC, lasting=False):
        self.n, self.code, self.lasting, self.count = n, code, lasting, 0
        self.journals = _failing(Unsynced, JOURNAL_OPERATIONS, self)
        self.blobs = _failing(UnsyncedBlobs, BLOB_OPERATIONS, self)

    def hit(self, name):
        self.count += 1
        if self.count == self.n or (self.lasting and self.count > self.n and name != "close"):
            raise OSError(self.code, os.strerror(self.code))


def _failing(base, names, counter):
    def method(name):
        def call(self, *arguments):
            if name == "write" and len(arguments) == 3 and counter.count + 1 == counter.n:
                descriptor, data, place = arguments
                base.write(self, descriptor, data[: len(data) // 2], place)
            counter.hit(name)
            return getattr(base, name)(self, *arguments)

        return call

    return type(f"Failing{base.__name__}", (base,), {name: method(name) for name in names})()

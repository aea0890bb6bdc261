"""Files that are written for people: refused before anything runs when they could not be put there, else in one step.

A run may take hours, and a file that cannot be written would be found out after it. So the name is looked at first:
that the folder is there, that the name is none of a folder, and that it can be a name at all. What only shows when it
is written (no permission, a full disk) is told then. Nothing is made by looking.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Mapping
from pathlib import Path

from orchestra_nb.errors import CommandError, Issue, NotebookError
from orchestra_nb.wording import clean, short

_LONGEST = 80


def check_writable(outputs: Mapping[str, str | None]) -> None:
    """Refuse before the run what would fail after it.

    Parameters
    ----------
    outputs
        The names of files by the option that asks for them; an empty one is not asked for.

    Raises
    ------
    CommandError
        One of them cannot be written there.

    Examples
    --------
    >>> check_writable({"--output": "no-such-folder-here/a.svg"})  # doctest: +ELLIPSIS
    Traceback (most recent call last):
    orchestra_nb.errors.CommandError: --output no-such-folder-here/a.svg: there is no folder ...; make it first
    """
    for option, name in outputs.items():
        if name:
            check_name(f"{option} {short(name, _LONGEST)}", name)


def check_name(what: str, name: str) -> None:
    """Refuse a name of a file to which nothing can be written.

    Parameters
    ----------
    what
        What it is for, as an error names it.
    name
        The name.

    Raises
    ------
    CommandError
        It is a folder's, its folder is not there, or no file can have it.
    """
    path = Path(name)
    try:
        folder = path.absolute().parent
        if path.is_dir():
            raise CommandError(f"{what}: is a folder; give a file's name")
        if not folder.is_dir():
            raise CommandError(f"{what}: there is no folder {clean(folder)}; make it first")
        path.lstat()
    except FileNotFoundError:
        return
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or clean(error)
        raise CommandError(f"{what}: no file can have that name: {reason}; give another") from None


def write_text(path: Path, text: str) -> None:
    """Replace a file's text in one step.

    Raises
    ------
    NotebookError
        The file cannot be written.
    """
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.", suffix=".tmp")
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(name, _mode(path))
        os.replace(name, path)
    except (OSError, ValueError) as error:
        raise _unwritable(path, error) from None
    finally:
        Path(name).unlink(missing_ok=True)


def _mode(path: Path) -> int:
    """Choose the permissions that the file has or a new one would get (``mkstemp`` gives its owner's only)."""
    try:
        return path.stat().st_mode & 0o777
    except OSError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask


def _unwritable(path: Path, error: Exception) -> NotebookError:
    reason = getattr(error, "strerror", None) or str(error)
    hint = "give another path"
    return NotebookError([Issue("cannot-write", f"cannot write: {reason}", path=str(path), suggestion=hint)])

"""Defaults of runs from ``[tool.orchestra_nb]`` in the nearest pyproject.toml that has this table.

The search goes from a folder upwards and ends at the first such table, as other tools do; a pyproject.toml without the
table belongs to somebody else and does not stop it. What is found must be right: an unknown key or an impossible value
is an error that names the file, because a default that is silently ignored looks like a bug elsewhere. The table inside
it that tells of libraries, ``effects``, is checked where it is read: :mod:`orchestra_nb.cells.effects.sources`; so is
``agents``: :mod:`orchestra_nb.agents.agents_file`.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from orchestra_nb.config import RunConfig
from orchestra_nb.errors import ConfigError, nearest


def project_config(start: Path | None = None, base: RunConfig | None = None) -> RunConfig:
    """Find the defaults that hold for a folder.

    Parameters
    ----------
    start
        Folder (or a file in it) from which to look upwards; the working directory when not given.
    base
        What holds for the knobs that the table does not name.

    Raises
    ------
    ConfigError
        The file is not TOML, or the table has an unknown key or an impossible value.
    """
    base = RunConfig() if base is None else base
    path, found = project_table(start)
    if path is None:
        return base
    table = {key: value for key, value in found.items() if key not in _ELSEWHERE}
    known = {field.name: field for field in fields(RunConfig)}
    for key, value in table.items():
        if key not in known:
            hint = nearest(key, (*known, *_ELSEWHERE))
            raise ConfigError(f"{path}: [tool.orchestra_nb] has the unknown key {key!r}; {hint}")
        wanted = type(getattr(RunConfig(), key))
        if wanted in (bool, int) and type(value) is not wanted:
            raise ConfigError(f"{path}: [tool.orchestra_nb] {key}={value!r} must be {_WORDS[wanted]}")
    try:
        return replace(base, **table)
    except ConfigError as error:
        raise ConfigError(f"{path}: [tool.orchestra_nb] {error}") from None


_ELSEWHERE = ("effects", "agents")
"""Tables inside it that are checked where they are read."""
_WORDS = {bool: "true or false", int: "a whole number"}


def project_table(start: Path | None = None) -> tuple[Path | None, Mapping[str, Any]]:
    """Find the nearest ``[tool.orchestra_nb]`` as it stands, with the path of its file.

    Parameters
    ----------
    start
        Folder (or a file in it) from which to look upwards; the working directory when not given.

    Raises
    ------
    ConfigError
        A pyproject.toml on the way cannot be read, or has something else in the table's place.
    """
    begin = (start or Path.cwd()).absolute()
    for folder in (begin, *begin.parents):
        path = folder / "pyproject.toml"
        if not path.is_file():
            continue
        try:
            content = tomllib.loads(path.read_text(encoding="utf-8"))
        except (tomllib.TOMLDecodeError, UnicodeDecodeError, OSError) as error:
            raise ConfigError(f"{path} cannot be read: {error}; mend it, or take it away") from None
        table = content.get("tool", {}).get("orchestra_nb")
        if table is None:
            continue
        if not isinstance(table, dict):
            raise ConfigError(f"{path}: tool.orchestra_nb must be a table, not {table!r}")
        return path, table
    return None, {}

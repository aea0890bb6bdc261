"""A notebook file's bytes to a v4 document, or to one clear error.

See :mod:`.notebook_file` for the policy. nbformat's own ``read`` was not used as it is: it says neither where JSON ends
to be JSON nor which file was meant, logs to the terminal, warns about missing ids, and validates fifty megabytes of
outputs that are about to be replaced.
"""

from __future__ import annotations

import json
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat

from orchestra_nb.errors import Issue, NotebookError, nearest

_FOREIGN_KERNELS = ("ir", "bash", "julia", "javascript", "deno", "tslab", "rust", "octave", "scala", "java", "xcpp")
_convert: Callable[[Any, int], nbformat.NotebookNode] = nbformat.convert
Document = dict[str, Any]


def load(path: Path) -> tuple[nbformat.NotebookNode, tuple[Issue, ...]]:
    """Read a notebook file.

    Returns
    -------
    document, warnings
        The notebook in format 4 without the outputs of the cells that a run would replace.

    Raises
    ------
    NotebookError
        With the code ``"missing-file"``, ``"not-json"``, ``"not-a-notebook"``, ``"empty-notebook"``, ``"bad-metadata"``
        or ``"not-python"``.
    """
    raw = _parse(_text(path), path.name)
    if not _is_notebook(raw):
        raise _fault("not-a-notebook", "is JSON, and not a notebook: it has no list of cells", path.name)
    _mend(raw, path.name)
    document = _upgrade(raw, path.name)
    _check_language(document, path.name)
    _give_ids(document)
    return document, (*_check_metadata(document, path.name), *_check_schema(document, path.name))


def _fault(code: str, message: str, where: str, hint: str = "") -> NotebookError:
    return NotebookError([Issue(code, message, path=where, suggestion=hint)])


def _text(path: Path) -> str:
    if path.is_dir():
        found = sorted(file.name for file in path.glob("*.ipynb"))
        raise _fault("missing-file", "is a folder, not a notebook", str(path), nearest("", found))
    if not path.exists():
        folder = path.parent
        if not folder.is_dir():
            raise _fault("missing-file", f"there is no folder {folder}", str(path), "give another path")
        found = [file.name for file in folder.iterdir() if file.suffix == ".ipynb"]
        raise _fault("missing-file", "there is no such file", str(path), nearest(path.name, found))
    try:
        data = path.read_bytes()
    except OSError as error:
        raise _fault("missing-file", f"cannot be read: {error.strerror}", str(path), "check its permissions") from None
    if not data.strip():
        raise _fault("empty-notebook", "the file is empty", path.name, "open it in Jupyter and write some code")
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data.count(b"\n", 0, error.start) + 1
        raise _fault("not-json", "is not UTF-8 text", f"{path.name}, line {line}", "give a notebook file") from None


def _parse(text: str, name: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        where = f"{name}, line {error.lineno}, column {error.colno}"
        hint = "give a notebook file, or restore it from a checkpoint or version control"
        raise _fault("not-json", f"is not JSON: {error.msg}", where, hint) from None
    except RecursionError:
        raise _fault("not-json", "is nested too deeply", name, "give a notebook file") from None


def _is_notebook(raw: Any) -> bool:
    if not isinstance(raw, dict) or not isinstance(raw.get("nbformat"), int):
        return False
    return isinstance(raw.get("cells" if raw["nbformat"] >= 4 else "worksheets"), list)


def _mend(raw: Document, name: str) -> None:
    """Drop old outputs, and add what Jupyter would add in silence."""
    if not isinstance(raw.setdefault("metadata", {}), dict):
        raise _fault("bad-metadata", f"the notebook's metadata is {raw['metadata']!r}, expected a mapping", name)
    minor = raw.get("nbformat_minor", 0)
    if type(minor) is not int or not 0 <= minor < 1000:
        raw["nbformat_minor"] = 5
    if raw["nbformat"] < 4:
        return
    position = 0
    for number, cell in enumerate(raw["cells"], 1):
        if not isinstance(cell, dict) or not isinstance(cell.get("cell_type"), str):
            raise _fault("not-a-notebook", f"entry {number} of its cells is not a cell", name)
        is_code = cell["cell_type"] == "code"
        position += is_code
        where = f"cell {position}" if is_code else f"{name}, entry {number} of its cells"
        _mend_cell(cell, where, is_code)
    if raw.get("nbformat_minor", 0) < 5 and any("id" in cell for cell in raw["cells"]):
        raw["nbformat_minor"] = 5


def _mend_cell(cell: Document, where: str, is_code: bool) -> None:
    source = cell.setdefault("source", "")
    if isinstance(source, list) and all(isinstance(line, str) for line in source):
        cell["source"] = "".join(source)
    elif not isinstance(source, str):
        raise _fault("not-a-notebook", "the cell's source is not text", where)
    if not isinstance(cell.setdefault("metadata", {}), dict):
        raise _fault("bad-metadata", f"the cell's metadata is {cell['metadata']!r}, expected a mapping", where)
    if is_code:
        tags = cell["metadata"].get("tags")
        kept = isinstance(tags, list) and "skip-execution" in tags and isinstance(cell.get("outputs"), list)
        cell["outputs"] = cell["outputs"] if kept else []
        cell["execution_count"] = cell.get("execution_count") if kept else None


def _upgrade(raw: Document, name: str) -> nbformat.NotebookNode:
    minor = raw.get("nbformat_minor", 0)
    reader = nbformat.versions.get(raw["nbformat"])
    if reader is None:
        hint = "update the nbformat package"
        raise _fault("not-a-notebook", f"has the unknown format version {raw['nbformat']}", name, hint)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            document = _convert(reader.to_notebook_json(raw, minor=minor), 4)
    except (AttributeError, KeyError, TypeError, ValueError, nbformat.ValidationError) as error:
        message = f"cannot be brought to format 4: {error}"
        raise _fault("not-a-notebook", message, name, "open and save it in Jupyter") from None
    if raw["nbformat"] < 4:
        for cell in document.cells:
            if cell.cell_type == "code":
                cell.outputs, cell.execution_count = [], None
    return document


def _check_language(document: nbformat.NotebookNode, name: str) -> None:
    spec, info = (_mapping(document.metadata.get(key)) for key in ("kernelspec", "language_info"))
    said = [str(word) for word in (spec.get("language"), info.get("name"), document.metadata.get("language")) if word]
    language = next((word for word in said if not _is_python(word)), said[0] if said else "")
    if not language:
        kernel = str(spec.get("name", "python3")).lower()
        foreign = (word for word in _FOREIGN_KERNELS if kernel == word or kernel.startswith(f"{word}-"))
        language = next(foreign, "python")
    if not _is_python(language):
        message = f"the notebook is for {language}, and only Python notebooks can be run"
        raise _fault("not-python", message, name, "give a notebook with a Python kernel")


def _is_python(language: str) -> bool:
    return language.lower().startswith(("python", "ipython"))


def _mapping(value: object) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _give_ids(document: nbformat.NotebookNode) -> None:
    """Give cells without an id of their own one that is the same at every reading."""
    if document.get("nbformat_minor", 0) < 5:
        return
    taken = {cell["id"] for cell in document.cells if isinstance(cell.get("id"), str)}
    seen: set[str] = set()
    for number, cell in enumerate(document.cells, 1):
        if not isinstance(cell.get("id"), str) or cell.id in seen:
            name = f"entry-{number}"
            while name in taken:
                name += "-x"
            cell["id"] = name
            taken.add(name)
        seen.add(cell.id)


def _check_metadata(document: nbformat.NotebookNode, name: str) -> tuple[Issue, ...]:
    ours = document.metadata.get("orchestrate")
    if ours is None:
        return ()
    where = f"{name}, notebook metadata"
    if not isinstance(ours, dict):
        message = f"'orchestrate' is {ours!r}, expected a mapping"
        raise _fault("bad-metadata", message, where, "take it away, or put settings into the cells' own metadata")
    message = "'orchestrate' in the notebook's own metadata is not read"
    hint = "put settings into the cells' metadata, and defaults of runs into pyproject.toml"
    return (Issue("setting-not-acted-on", message, path=where, suggestion=hint, severity="warning"),)


def _check_schema(document: nbformat.NotebookNode, name: str) -> tuple[Issue, ...]:
    spec = document.metadata.get("kernelspec")
    if isinstance(spec, dict) and isinstance(spec.get("name"), str):
        spec.setdefault("display_name", spec["name"])
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            nbformat.validate(document)
    except nbformat.ValidationError as error:
        reason = str(getattr(error, "message", error)).splitlines()[0][:200]
        message = f"is not quite a notebook by the schema: {reason}"
        hint = "open and save it in Jupyter"
        return (Issue("invalid-notebook", message, path=name, suggestion=hint, severity="warning"),)
    return ()

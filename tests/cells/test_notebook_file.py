from __future__ import annotations

import json
import os
import stat
import tracemalloc
import warnings
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given
from hypothesis import strategies as st

from orchestra_nb.cells.notebook_file import Notebook
from orchestra_nb.cells.outputs import fill
from orchestra_nb.durable.written_files import write_text
from orchestra_nb.errors import DefinitionError, NodeFailed, NodeTimeout, NotebookError
from orchestra_nb.model import NodeId, Outcome
from orchestra_nb.notebook.plan_parcel import pack_plan


def code(source: str | list[str], **more: Any) -> dict[str, Any]:
    cell = {"cell_type": "code", "source": source, "metadata": {}, "outputs": [], "execution_count": None}
    return {**cell, **more}


def save(path: Path, *cells: dict[str, Any], metadata: Any = None, **more: Any) -> Path:
    raw = {"cells": list(cells), "metadata": metadata or {}, "nbformat": 4, "nbformat_minor": 5, **more}
    path.write_text(json.dumps(raw), encoding="utf-8")
    return path


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "analysis.ipynb"


def outcome(node: str, **more: Any) -> Outcome:
    return Outcome(NodeId(node), **{"status": "done", "started": 1.0, "ended": 2.5, **more})


TEXT = {"output_type": "stream", "name": "stdout", "text": "hello"}


# ---- reading -------------------------------------------------------------------------------------------------


def test_cells_are_numbered_among_all_code_cells(file: Path) -> None:
    markdown = {"cell_type": "markdown", "source": "# Title", "metadata": {}, "id": "m"}
    skipped = code("slow()", id="s", metadata={"tags": ["skip-execution"]})
    save(file, markdown, code("a = 1", id="a"), code("", id="b"), skipped, code(["b = 2\n", "c"], id="c"))
    notebook = Notebook.read(file)
    assert [(cell.id, cell.source, cell.cell_id) for cell in notebook.cells] == [
        ("cell-1", "a = 1", "a"),
        ("cell-4", "b = 2\nc", "c"),
    ]
    assert (notebook.path, notebook.warnings) == (file, ())


def test_the_dag_is_that_of_the_cells(file: Path) -> None:
    save(file, code("#| name: load\nx = 1", id="a"), code("y = x", id="b"), code("#| after: load\nz = 1", id="c"))
    assert Notebook.read(str(file)).dag.levels == (("load",), ("cell-2", "cell-3"))


def test_a_notebook_without_ids_outputs_or_metadata_is_mended_in_silence(file: Path) -> None:
    bare = {"cell_type": "code", "source": "x = 1"}
    save(
        file, bare, bare, code("y", id="entry-2"), code("z", id="entry-2"), metadata={"kernelspec": {"name": "python3"}}
    )
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        notebook = Notebook.read(file)
    assert notebook.warnings == ()
    assert [cell.cell_id for cell in notebook.cells] == ["entry-1", "entry-2-x", "entry-2", "entry-4"]
    assert Notebook.read(file).cells == notebook.cells
    nbformat.validate(notebook.document)


@pytest.mark.parametrize("minor", [0, 2, 4])
def test_older_minor_formats_are_read_as_they_are(file: Path, minor: int) -> None:
    save(file, code("x = 1"), nbformat_minor=minor)
    notebook = Notebook.read(file)
    assert (notebook.document.nbformat_minor, notebook.cells[0].cell_id, notebook.warnings) == (minor, "", ())


def test_ids_in_an_older_minor_format_make_it_the_format_that_has_ids(file: Path) -> None:
    notebook = Notebook.read(save(file, code("x = 1", id="abc"), code("y"), nbformat_minor=4))
    assert [cell.cell_id for cell in notebook.cells] == ["abc", "entry-2"]
    assert notebook.warnings == ()


def test_format_3_is_upgraded(file: Path) -> None:
    output = {"output_type": "stream", "stream": "stdout", "text": ["1"]}
    old = {"cell_type": "code", "language": "python", "input": ["x = 1"], "outputs": [output], "collapsed": False}
    raw = {
        "worksheets": [{"cells": [old], "metadata": {}}],
        "metadata": {"name": ""},
        "nbformat": 3,
        "nbformat_minor": 0,
    }
    file.write_text(json.dumps(raw), encoding="utf-8")
    notebook = Notebook.read(file)
    assert [(cell.source, cell.cell_id) for cell in notebook.cells] == [("x = 1", notebook.cells[0].cell_id)]
    assert notebook.document.cells[0].outputs == []


def test_old_outputs_are_dropped_at_once_but_for_cells_that_no_run_touches(file: Path) -> None:
    kept = code("x", id="a", outputs=[TEXT], execution_count=7, metadata={"tags": ["skip-execution"]})
    save(file, kept, code("y", id="b", outputs=[TEXT], execution_count=8))
    document = Notebook.read(file).document
    assert [(len(cell.outputs), cell.execution_count) for cell in document.cells] == [(1, 7), (0, None)]


def test_what_the_schema_refuses_and_jupyter_opens_is_a_warning(file: Path) -> None:
    notebook = Notebook.read(save(file, code("x = 1", id="not an id!")))
    assert [(issue.code, issue.severity) for issue in notebook.warnings] == [("invalid-notebook", "warning")]


def test_settings_in_the_notebooks_own_metadata_are_said_to_be_unread(file: Path) -> None:
    notebook = Notebook.read(save(file, code("x", id="a"), metadata={"orchestrate": {"jobs": 2}}))
    assert [issue.code for issue in notebook.warnings] == ["setting-not-acted-on"]


# ---- bad files -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "error", "text"),
    [
        (b"", "empty-notebook", "the file is empty"),
        (b" \n", "empty-notebook", "the file is empty"),
        (b"{\n 'cells': []}", "not-json", "analysis.ipynb, line 2, column 2: is not JSON"),
        (b"a\n\xff\xfe", "not-json", "analysis.ipynb, line 2: is not UTF-8"),
        (b"[" * 100_000, "not-json", "nested too deeply"),
        (b"[]", "not-a-notebook", "no list of cells"),
        (b'{"a": 1}', "not-a-notebook", "no list of cells"),
        (b'{"nbformat": 4, "cells": {}}', "not-a-notebook", "no list of cells"),
        (b'{"nbformat": 4, "cells": [3]}', "not-a-notebook", "entry 1 of its cells is not a cell"),
        (b'{"nbformat": 3, "worksheets": [3]}', "not-a-notebook", "cannot be brought to format 4"),
        (b'{"nbformat": 99, "cells": []}', "not-a-notebook", "unknown format version 99"),
        (b'{"nbformat": 4, "cells": []}', "empty-notebook", "the notebook has no code cell"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "empty-notebook", "no cell that could run"),
        (b'{"nbformat": 4, "cells": [], "metadata": 3}', "bad-metadata", "the notebook's metadata is 3"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "metadata": []}]}', "bad-metadata", "cell 1: the cell's"),
        (b'{"nbformat": 4, "cells": [{"cell_type": "code", "source": 3}]}', "not-a-notebook", "cell 1: the cell's"),
        (b'{"nbformat": 4, "cells": [], "metadata": {"orchestrate": []}}', "bad-metadata", "'orchestrate' is []"),
    ],
)
def test_a_file_that_is_no_usable_notebook_is_one_clear_error(
    file: Path, content: bytes, error: str, text: str
) -> None:
    file.write_bytes(content)
    with pytest.raises(NotebookError) as caught:
        Notebook.read(file)
    assert [issue.code for issue in caught.value.issues] == [error]
    assert text in str(caught.value)


def test_a_byte_order_mark_is_no_fault(file: Path) -> None:
    save(file, code("x", id="a"))
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert len(Notebook.read(file).cells) == 1


@pytest.mark.parametrize(
    ("metadata", "language"),
    [
        ({"kernelspec": {"name": "ir", "display_name": "R", "language": "R"}}, "R"),
        ({"kernelspec": {"name": "ir", "display_name": "R"}}, "ir"),
        ({"kernelspec": {"name": "julia-1.11", "display_name": "Julia"}}, "julia"),
        ({"language_info": {"name": "julia"}}, "julia"),
    ],
)
def test_another_language_is_refused_by_name(file: Path, metadata: dict[str, Any], language: str) -> None:
    with pytest.raises(NotebookError, match=f"the notebook is for {language}, and only Python") as caught:
        Notebook.read(save(file, code("x <- 1", id="a"), metadata=metadata))
    assert caught.value.issues[0].code == "not-python"


@pytest.mark.parametrize(
    "metadata",
    [
        {},
        {"kernelspec": {"name": "my-env", "display_name": "My env"}},
        {"kernelspec": {"name": "x", "display_name": "X", "language": "python"}, "language_info": {"name": "python"}},
        {"language_info": {"name": "ipython"}},
    ],
)
def test_python_is_what_is_not_said_to_be_something_else(file: Path, metadata: dict[str, Any]) -> None:
    assert len(Notebook.read(save(file, code("x", id="a"), metadata=metadata)).cells) == 1


def test_a_missing_file_names_the_nearest_one(file: Path) -> None:
    save(file, code("x", id="a"))
    for name, text in [("anlysis.ipynb", "did you mean 'analysis.ipynb'?"), ("sub/a.ipynb", "there is no folder")]:
        with pytest.raises(NotebookError, match="there is no") as caught:
            Notebook.read(file.parent / name)
        assert caught.value.issues[0].code == "missing-file"
        assert text in str(caught.value)


def test_a_folder_names_the_notebooks_in_it(file: Path) -> None:
    save(file, code("x", id="a"))
    with pytest.raises(NotebookError, match=r"is a folder, not a notebook; known: analysis\.ipynb"):
        Notebook.read(file.parent)


def test_a_file_that_may_not_be_read_says_so(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(_: Path) -> bytes:
        raise PermissionError(13, "Permission denied")

    save(file, code("x", id="a"))
    monkeypatch.setattr(Path, "read_bytes", refuse)
    with pytest.raises(NotebookError, match="cannot be read: Permission denied"):
        Notebook.read(file)


# ---- faults in cells -----------------------------------------------------------------------------------------


def test_all_faults_of_all_cells_are_one_error_in_document_order() -> None:
    with pytest.raises(DefinitionError) as caught:
        Notebook.from_sources(
            [
                "#| name: a\n#| timeout: soon\nx = 1",
                "y = = 2",
                "#| name: a\nz = 1",
                "%%orchestrate q --aftr b\nw",
                "#| colour: red\nv = 1",
            ],
            metadata={4: {"orchestrate": []}},
        )
    assert [(issue.code, issue.path) for issue in caught.value.issues] == [
        ("bad-setting", "cell 1, line 2"),
        ("syntax-error", "cell 2, line 1"),
        ("duplicate-name", "cell 3, line 1"),
        ("bad-metadata", "cell 4, metadata"),
        ("bad-magic", "cell 4, line 1"),
        ("unknown-setting", "cell 5, line 1"),
    ]


@pytest.mark.parametrize(
    ("sources", "text"),
    [
        (
            ["#| name: load\nx = 1", "#| after: laod\ny"],
            "cell 2, line 1: 'cell-2' comes after 'laod', which does not exist; did",
        ),
        (["#| name: a\nx", "#| name: a\ny"], "two nodes are named 'a' (cell 1, line 1 and cell 2, line 1)"),
        (["#| name: a\n#| after: b\nx", "#| name: b\n#| after: a\ny"], "cell 1, line 2: nodes wait for each other"),
        (["#| after: cell-1\nx"], "cell 1, line 1: 'cell-1' waits for itself"),
    ],
)
def test_what_the_declarations_get_wrong_is_found_on_reading(sources: list[str], text: str) -> None:
    with pytest.raises(DefinitionError) as caught:
        Notebook.from_sources(sources)
    assert text in str(caught.value)


def test_nobody_is_called_unknown_while_a_name_may_be_lost() -> None:
    with pytest.raises(DefinitionError) as caught:
        Notebook.from_sources(["#| name: load\n#| after: [\nx", "#| after: load\ny"])
    assert [issue.code for issue in caught.value.issues] == ["bad-directive"]


def test_warnings_do_not_stop_a_notebook() -> None:
    notebook = Notebook.from_sources(["#| colour: red\nx = 1"])
    assert [issue.code for issue in notebook.warnings] == ["unknown-setting"]


# ---- writing -------------------------------------------------------------------------------------------------


def filled(sources: list[str], outcomes: list[Outcome]) -> nbformat.NotebookNode:
    notebook = Notebook.from_sources(sources)
    document = notebook.with_outcomes({o.node: o for o in outcomes}, began=datetime(2026, 1, 1, tzinfo=UTC))
    nbformat.validate(document)
    return document


def test_the_cells_of_a_run_are_numbered_in_document_order_and_those_not_reached_are_empty() -> None:
    document = filled(
        ["a", "b", "", "c", "d", "e"],
        [
            outcome("cell-6", outputs=(TEXT,)),
            outcome("cell-1", started=5.0, ended=6.0),
            outcome("cell-2", status="skipped", started=None, ended=None, reason="needs c"),
            outcome("cell-4", status="cached", started=None, ended=None, outputs=(TEXT,)),
        ],
    )
    assert [cell.execution_count for cell in document.cells] == [1, None, None, 3, None, 4]
    assert [len(cell.outputs) for cell in document.cells] == [0, 0, 0, 1, 0, 1]


def test_times_are_written_as_jupyter_writes_them_and_read_as_the_next_cost(file: Path) -> None:
    document = filled(["a"], [outcome("cell-1", started=1.0, ended=3.5)])
    assert document.cells[0].metadata.execution == {
        "iopub.status.busy": "2026-01-01T00:00:01.000000Z",
        "iopub.execute_input": "2026-01-01T00:00:01.000000Z",
        "shell.execute_reply": "2026-01-01T00:00:03.500000Z",
        "iopub.status.idle": "2026-01-01T00:00:03.500000Z",
    }
    Notebook.write(document, file)
    assert Notebook.read(file).cells[0].seconds == 2.5


def test_without_a_begin_the_run_has_just_ended() -> None:
    before = datetime.now(UTC)
    document = Notebook.from_sources(["a"]).with_outcomes({"cell-1": outcome("cell-1")})
    ended = datetime.fromisoformat(document.cells[0].metadata.execution["shell.execute_reply"])
    assert before <= ended <= datetime.now(UTC)


def test_a_failed_cell_ends_with_its_error() -> None:
    failed = NodeFailed(
        "ZeroDivisionError: division by zero", "cell-1", ["tb"], "ZeroDivisionError", "division by zero"
    )
    document = filled(["a"], [outcome("cell-1", status="failed", error=failed, outputs=(TEXT,))])
    assert [output.output_type for output in document.cells[0].outputs] == ["stream", "error"]
    assert document.cells[0].outputs[1] == {
        "output_type": "error",
        "ename": "ZeroDivisionError",
        "evalue": "division by zero",
        "traceback": ["tb"],
    }


def test_an_error_that_is_already_shown_is_not_shown_twice() -> None:
    shown = {"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}
    document = filled(["a"], [outcome("cell-1", status="failed", error=NodeFailed("E: v"), outputs=(shown,))])
    assert [output.ename for output in document.cells[0].outputs] == ["E"]


def test_a_timeout_is_shown_as_an_error() -> None:
    document = filled(["a"], [outcome("cell-1", status="failed", error=NodeTimeout("took longer than 3 s"))])
    assert document.cells[0].outputs[0].traceback == ["NodeTimeout: took longer than 3 s"]


def test_a_result_carries_the_number_of_its_cell_and_only_what_the_schema_has() -> None:
    result = {"output_type": "execute_result", "data": {"text/plain": "1"}, "metadata": {}, "transient": {"x": 1}}
    stray = {"output_type": "update_display_data", "data": {}, "metadata": {}}
    document = filled(["", "a"], [outcome("cell-2", outputs=(result, stray))])
    assert document.cells[1].outputs == [
        {"output_type": "execute_result", "data": {"text/plain": "1"}, "metadata": {}, "execution_count": 1}
    ]


def test_the_parts_of_a_pipeline_share_one_cell() -> None:
    second = {**TEXT, "text": "second"}
    document = filled(
        ["%%orchestrate\n# %% a\nx = 1\n# %% b\ny = 2", "z"],
        [
            outcome("b", outputs=(second,), started=3.0, ended=4.0),
            outcome("a", outputs=(TEXT,)),
            outcome("cell-2"),
        ],
    )
    assert [output.text for output in document.cells[0].outputs] == ["hello", "second"]
    assert [cell.execution_count for cell in document.cells] == [1, 2]
    assert document.cells[0].metadata.execution["shell.execute_reply"].startswith("2026-01-01T00:00:04")


def test_the_notebook_itself_does_not_change(file: Path) -> None:
    save(
        file,
        code("x", id="a", metadata={"execution": {"iopub.execute_input": "2026-01-01T00:00:00Z"}}),
        code("y", id="b"),
    )
    notebook = Notebook.read(file)
    before = json.dumps(notebook.document, sort_keys=True)
    document = fill(notebook.document, notebook.cells, {"cell-2": outcome("cell-2", outputs=(TEXT,))})
    assert json.dumps(notebook.document, sort_keys=True) == before
    assert "execution" not in document.cells[0].metadata


def test_a_written_notebook_is_read_by_nbformat_as_it_was(file: Path) -> None:
    document = filled(["print('hello')\n1"], [outcome("cell-1", outputs=(TEXT,))])
    Notebook.write(document, file)
    assert nbformat.read(file, as_version=4) == document
    assert file.read_bytes().endswith(b"}\n")


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20), min_size=1, max_size=4))
def test_reading_what_was_written_gives_the_same_sources(
    tmp_path_factory: pytest.TempPathFactory, texts: list[str]
) -> None:
    path = tmp_path_factory.mktemp("round") / "a.ipynb"
    sources = ["# " + repr(text) for text in texts]
    notebook = Notebook.from_sources(sources)
    Notebook.write(notebook.document, path)
    assert [cell.source for cell in Notebook.read(path).cells] == sources


def test_a_file_keeps_its_permissions_and_a_new_one_gets_the_usual(file: Path) -> None:
    mask = os.umask(0o027)
    try:
        write_text(file, "a")
        assert stat.S_IMODE(file.stat().st_mode) == 0o640
        file.chmod(0o604)
        write_text(file, "b")
    finally:
        os.umask(mask)
    assert (stat.S_IMODE(file.stat().st_mode), file.read_text()) == (0o604, "b")


def test_a_failed_write_leaves_the_old_file_and_nothing_else(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    write_text(file, "old")
    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(NotebookError, match="cannot write: No space left on device"):
        write_text(file, "new")
    assert [path.name for path in file.parent.iterdir()] == [file.name]
    assert file.read_text() == "old"


def test_a_folder_that_is_not_there_is_a_clear_error(file: Path) -> None:
    with pytest.raises(NotebookError, match="cannot write: No such file or directory"):
        write_text(file.parent / "no" / "a.ipynb", "x")


def test_a_notebook_whose_metadata_contradict_each_other_about_python_is_refused(tmp_path: Path) -> None:
    notebook = nbformat.v4.new_notebook(cells=[nbformat.v4.new_code_cell("x = 1")])
    notebook.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    notebook.metadata.language_info = {"name": "R"}
    nbformat.write(notebook, tmp_path / "n.ipynb")
    with pytest.raises(NotebookError, match="the notebook is for R"):
        Notebook.read(tmp_path / "n.ipynb")


def test_a_cycle_that_the_code_closes_is_found_together_with_the_other_faults() -> None:
    sources = ["#| backend: lokky\nx = 1", "#| name: a\n#| after: cell-3\ny = x", "print(y)", "#| after: nobody\nz = 1"]
    with pytest.raises(DefinitionError) as caught:
        Notebook.from_sources(sources)
    assert [issue.code for issue in caught.value.issues] == ["unknown-backend", "cycle", "unknown-node"]
    assert "cell-3 needs a for y; a is after cell-3 (cell 2, line 2)" in str(caught.value)
    with pytest.raises(DefinitionError, match=r"drop 'cell-3' from the 'after' of 'a'"):
        _ = Notebook.from_sources(["", *sources[1:3]]).dag


@pytest.mark.parametrize("minor", ["5", -1, None, [], 2.5, 10**9])
def test_a_minor_format_that_is_no_number_is_taken_as_the_current_one(file: Path, minor: object) -> None:
    notebook = Notebook.read(save(file, code("x = 1", id="a"), nbformat_minor=minor))
    assert (notebook.document.nbformat_minor, notebook.cells[0].cell_id) == (5, "a")


@pytest.mark.parametrize("odd", [["a"], {"a": 1}, 3, None])
def test_an_id_that_is_no_text_is_replaced(file: Path, odd: object) -> None:
    notebook = Notebook.read(save(file, code("x = 1", id=odd), code("y = 1", id="b")))
    assert [cell.cell_id for cell in notebook.cells] == ["entry-1", "b"]


def test_old_outputs_cost_their_json_once_and_are_not_handed_on(file: Path) -> None:
    """Neither the analysis nor what is sent to the kernel knows of them."""
    big = {"output_type": "display_data", "metadata": {}, "data": {"image/png": "A" * 1_000_000}}
    kept = code("x", id="kept", outputs=[big], metadata={"tags": ["skip-execution"]})
    save(file, kept, *(code(f"y{n} = {n}", id=f"c{n}", outputs=[big]) for n in range(5)))

    def peak(read: Callable[[], object]) -> tuple[int, object]:
        tracemalloc.start()
        try:
            found = read()
            return tracemalloc.get_traced_memory()[1], found
        finally:
            tracemalloc.stop()

    assert len(Notebook.from_sources(["x = 1"]).dag) == 1  # what is imported on the way stays out of it
    least, _ = peak(lambda: json.loads(file.read_bytes().decode()))
    most, dag = peak(lambda: Notebook.read(file).dag)
    assert most < least + 1_000_000
    notebook = Notebook.read(file)
    assert len(pack_plan(notebook.dag)) < 20_000
    assert len(dag) == 5
    assert len(json.dumps(notebook.document)) < 1_010_000  # the old output of the cell that no run touches, once

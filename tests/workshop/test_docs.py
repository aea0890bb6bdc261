"""The pages are whole: every public name is documented, every page is found, and no link is dead."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

import orchestra_nb
from orchestra_nb import errors

SUBPACKAGES = ("bench", "taskgraphs", "labs")


@pytest.fixture(scope="module")
def tools(root: Path) -> Any:
    """Import what stands in ``tools``."""

    def load(name: str) -> ModuleType:
        with pytest.MonkeyPatch.context() as patch:
            patch.syspath_prepend(str(root / "tools"))
            return importlib.import_module(name)

    yield load
    for name in ("address", "links", "pages", "reference", "cross_references"):
        sys.modules.pop(name, None)


def public_names() -> set[str]:
    names = {f"orchestra_nb.{name}" for name in orchestra_nb.__all__ if not name.startswith("__")}
    return names - {f"orchestra_nb.{package}" for package in SUBPACKAGES}


def test_every_public_name_stands_in_exactly_one_group_of_the_reference(tools: Any) -> None:
    groups = tools("reference").GROUPS
    named = [f"orchestra_nb.{name}" for group in groups for name in group.listed]
    assert sorted(named) == sorted(public_names())


def test_every_error_of_the_tree_is_public() -> None:
    tree = {name for name, found in vars(errors).items() if isinstance(found, type) and issubclass(found, Exception)}
    assert len(tree) > 30
    assert tree <= set(orchestra_nb.__all__)


def test_every_subpackage_to_import_from_has_a_page_of_all_its_names(tools: Any) -> None:
    groups = {group.package: group for group in tools("reference").GROUPS if group.package}
    present = {package for package in SUBPACKAGES if importlib.util.find_spec(f"orchestra_nb.{package}")}
    assert set(groups) == present
    assert all(group.names for group in groups.values())


def test_what_is_given_back_is_where_the_reference_says(tools: Any) -> None:
    for group in tools("reference").GROUPS:
        for name in group.records:
            module, _, last = name.rpartition(".")
            assert getattr(importlib.import_module(f"orchestra_nb.{module}"), last)


PAGES = {
    "a file that is not there": ("[x](gone.md)", "a file that is not there"),
    "a picture that is not there": ("![x](gone.png)", "a file that is not there"),
    "a picture in HTML": ('<img src="gone.png">', "a file that is not there"),
    "a heading that is not there": ("# Here\n\n[x](#there)", "a heading that is not there"),
    "a heading of another page": ("[x](other.md#two)", "a heading that is not there"),
    "a place outside": ("[x](../../elsewhere.md)", "out of the repository"),
    "an address without a host": ("[x](https:///path)", "no well-formed address"),
    "an address of another kind": ("[x](ftp://example.org/a)", "a kind that no page needs"),
    "made with the pages": ("[x](docs/reference/index.md)", "only made with the pages"),
}


@pytest.mark.parametrize("name", PAGES)
def test_a_dead_link_is_told_with_its_page(tools: Any, tmp_path: Path, name: str) -> None:
    text, said = PAGES[name]
    (tmp_path / "other.md").write_text("# One\n", encoding="utf-8")
    page = tmp_path / "page.md"
    page.write_text(text, encoding="utf-8")
    (fault,) = tools("links").faults_in_written(page, tmp_path)
    assert fault.startswith("page.md: ")
    assert said in fault


def test_living_links_are_no_faults(tools: Any, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(
        "# A `thing`: twice\n\n# Same\n\n# Same\n\n[x](page.md#same-1), [y](#a-thing-twice), [z](https://example.org/a)\n\n"
        "    [in code](gone.md)\n\n```\n[in code](gone.md)\n```\n",
        encoding="utf-8",
    )
    assert not list(tools("links").faults_in_written(page, tmp_path))


BUILT = {
    "a script of another host": ('<script src="https://cdn.example.org/a.js"></script>', "from elsewhere"),
    "a style of another host": ('<link rel="stylesheet" href="//fonts.example.org/a.css">', "from elsewhere"),
    "a picture of another host": ('<img src="https://example.org/a.png">', "from elsewhere"),
    "a background of another host": ('<p style="background: url(https://example.org/a.png)">', "from elsewhere"),
    "a page that is not there": ('<a href="gone.html">x</a>', "not there"),
    "an anchor that is not there": ('<p id="here"></p><a href="#there">x</a>', "not there"),
}


@pytest.mark.parametrize("name", BUILT)
def test_a_built_page_points_to_what_is_there_and_loads_nothing_from_elsewhere(
    tools: Any, tmp_path: Path, name: str
) -> None:
    html, said = BUILT[name]
    (tmp_path / "index.html").write_text(html, encoding="utf-8")
    faults = list(tools("links").faults_in_built(tmp_path))
    assert faults
    assert all(said in fault for fault in faults)


def test_the_address_of_the_repository_stands_in_one_line_that_a_tool_fills(tools: Any, root: Path) -> None:
    address, text = tools("address"), (root / "README.md").read_text(encoding="utf-8")
    told = address.with_address(text, "ada/notes.nb")
    assert address.address_in(told) == "ada/notes.nb"
    assert told.replace("ada/notes.nb", address.address_in(text)) == text
    assert "badge_logo.svg)][binder]" in text
    assert address.PLACEHOLDER in (root / "CONTRIBUTING.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("given", ["", "ada", "ada/", "https://github.com/ada/notes", "ada/notes/more", "a b/c"])
def test_what_is_no_address_is_refused(tools: Any, root: Path, given: str) -> None:
    text = (root / "README.md").read_text(encoding="utf-8")
    with pytest.raises(ValueError, match="is no OWNER/NAME"):
        tools("address").with_address(text, given)


def test_every_link_that_is_written_leads_somewhere(tools: Any) -> None:
    links = tools("links")
    assert not [fault for path in links.written() for fault in links.faults_in_written(path)]


def test_a_name_of_the_package_is_found_by_its_end_and_one_that_is_none_is_not(tools: Any) -> None:
    found = tools("cross_references")
    documented = dict.fromkeys(["orchestra_nb.DAG", "orchestra_nb.DAG.levels", "orchestra_nb.Node"])
    assert found._documented(documented, "DAG.levels") == "orchestra_nb.DAG.levels"
    assert found._documented(documented, "orchestra_nb.model.Node") == "orchestra_nb.Node"
    assert found._documented(documented, "evels") == ""
    assert {"seams", "Executor", "plan_cache", "checkpoints"} <= found._names()
    assert "NoSuchNameAnywhere" not in found._names()


def test_a_default_that_only_python_can_show_does_not_spoil_a_signature(tools: Any) -> None:
    readable = tools("cross_references").readable
    assert readable(None, "class", "", None, None, "(a: int = <factory>, b=2)", "X") == ("(a: int = ..., b=2)", "X")
    assert readable(None, "class", "", None, None, "(a: int = 1)", None) is None

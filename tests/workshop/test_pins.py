"""The pins of a fresh install, and Binder's, are versions that pyproject.toml allows."""

from __future__ import annotations

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet
from packaging.utils import canonicalize_name
from packaging.version import Version
from ruamel.yaml import YAML

FOR_NOTEBOOKS = {"dask", "demo", "optimum", "plots", "review"}


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))["project"]


def pins_in(lines: list[str]) -> dict[str, Version]:
    """Read ``name==version`` lines; anything else in them is a fault."""
    pins = {}
    for line in lines:
        requirement = Requirement(line)
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", f"not an exact pin: {line}"
        assert requirement.url is None, f"a place instead of a version: {line}"
        pins[canonicalize_name(requirement.name)] = Version(specifier.version)
    return pins


@pytest.fixture(scope="module")
def pins(root: Path) -> dict[str, Version]:
    lines = (root / "constraints.txt").read_text(encoding="utf-8").splitlines()
    return pins_in([line for line in lines if line and not line.startswith("#")])


@pytest.fixture(scope="module")
def binder(root: Path) -> dict[str, Any]:
    return YAML(typ="safe", pure=True).load(root / "binder" / "environment.yml")


@pytest.fixture(scope="module")
def binder_pins(binder: dict[str, Any]) -> dict[str, Version]:
    (from_pip,) = (entry["pip"] for entry in binder["dependencies"] if isinstance(entry, dict))
    return pins_in(from_pip)


def requirements(project: dict[str, Any]) -> list[Requirement]:
    """What a development environment asks for: the extras that it names, in their own words."""
    extras = project["optional-dependencies"]
    named = sorted(in_dev(project))
    asked = map(Requirement, [*project["dependencies"], *(text for name in (*named, "dev") for text in extras[name])])
    return [requirement for requirement in asked if requirement.name != project["name"]]


def in_dev(project: dict[str, Any]) -> set[str]:
    """Name the extras that a development environment has, all of which are pinned."""
    of_dev = map(Requirement, project["optional-dependencies"]["dev"])
    return {extra for requirement in of_dev if requirement.name == project["name"] for extra in requirement.extras}


def test_every_requirement_is_pinned_to_a_version_that_it_allows(
    project: dict[str, Any], pins: dict[str, Version]
) -> None:
    pinned = {str(requirement): pins.get(canonicalize_name(requirement.name)) for requirement in requirements(project)}
    faults = {
        text: version
        for text, version in pinned.items()
        if version is None or not Requirement(text).specifier.contains(version, prereleases=True)
    }
    assert not faults


def test_the_older_kernels_are_some_that_the_project_allows(
    root: Path, project: dict[str, Any], pins: dict[str, Version]
) -> None:
    lines = (root / "tools" / "older_kernels.txt").read_text(encoding="utf-8").splitlines()
    older = [Requirement(line) for line in lines if not line.startswith("#")]
    assert {requirement.name for requirement in older} == {"ipykernel"}
    allowed = {requirement.name: requirement.specifier for requirement in requirements(project)}
    versions = [Version(str(requirement.specifier).removeprefix("==")) for requirement in older]
    assert all(allowed["ipykernel"].contains(version) for version in versions)
    assert versions == sorted(versions)
    assert versions[0].major < versions[-1].major == pins["ipykernel"].major
    assert versions[-1] < pins["ipykernel"]


def test_the_project_does_not_pin_itself(project: dict[str, Any], pins: dict[str, Version]) -> None:
    assert canonicalize_name(project["name"]) not in pins


def test_the_lock_says_how_it_is_renewed(root: Path) -> None:
    assert "make lock" in (root / "constraints.txt").read_text(encoding="utf-8").split("\n\n")[0]


def test_binder_pins_what_a_fresh_install_pins(binder_pins: dict[str, Version], pins: dict[str, Version]) -> None:
    assert binder_pins == {name: pins.get(name) for name in binder_pins}


def test_binder_pins_resolve_to_what_the_project_allows(
    project: dict[str, Any], binder_pins: dict[str, Version]
) -> None:
    asked = {canonicalize_name(requirement.name): requirement.specifier for requirement in requirements(project)}
    assert all(asked[name].contains(version) for name, version in binder_pins.items())


def test_binder_runs_a_python_that_the_project_allows(project: dict[str, Any], binder: dict[str, Any]) -> None:
    (python,) = (entry for entry in binder["dependencies"] if str(entry).startswith("python="))
    assert SpecifierSet(project["requires-python"]).contains(python.removeprefix("python="))


def test_binder_has_dot(root: Path) -> None:
    assert "graphviz" in (root / "binder" / "apt.txt").read_text(encoding="utf-8").split()


def test_binder_installs_the_package_and_what_notebooks_need_from_the_pins(root: Path, project: dict[str, Any]) -> None:
    script = root / "binder" / "postBuild"
    assert os.access(script, os.X_OK)
    subprocess.run(["bash", "-n", script], check=True)
    (install,) = (line for line in script.read_text(encoding="utf-8").splitlines() if "pip install" in line)
    assert "-c constraints.txt" in install
    assert "--no-build-isolation" in install
    (package,) = re.findall(r"-e '(.*)'", install)
    assert Requirement(f"orchestra_nb{package.removeprefix('.')}").extras == FOR_NOTEBOOKS
    assert in_dev(project) >= FOR_NOTEBOOKS


def test_the_image_is_tried_with_every_change(root: Path) -> None:
    subprocess.run(["sh", "-n", root / "tools" / "binder.sh"], check=True)
    check = (root / "tools" / "check.sh").read_text(encoding="utf-8")
    assert re.search(r"^begin binder .*\\\n +sh tools/binder\.sh$", check, re.MULTILINE)
    assert "\nsettle binder\n" in check

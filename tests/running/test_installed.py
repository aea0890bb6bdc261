"""What counts by version: what was installed, and only that."""

from __future__ import annotations

import json
import sys
import time

import pytest

from orchestra_nb.running import loads
from orchestra_nb.running.installed import kind_of
from tests.running.own_modules import OwnModules


@pytest.fixture
def own(tmp_path, monkeypatch):
    monkeypatch.setattr(loads, "granule", lambda changed: 0)  # what is installed here is imported at once
    (tmp_path / "lib" / "site-packages").mkdir(parents=True)
    made = OwnModules(tmp_path / "lib" / "site-packages", monkeypatch)
    yield made
    made.forget()


def distribution(name, version, *files, **more):
    info = f"{name}-{version}.dist-info"
    record = "".join(f"{file},sha256=x,1\n" for file in (*files, f"{info}/METADATA", "../../bin/own"))
    return {
        f"{info}/METADATA": f"Name: {name}\nVersion: {version}\n",
        f"{info}/RECORD": record,
        **{f"{info}/{key}.json": json.dumps(value) for key, value in more.items()},
    }


LIBRARY = {"own_lib/__init__.py": "__version__ = 'not this'", "own_lib/part.py": "x = 1"}


def library(version="1.0", **more):
    return {**LIBRARY, **distribution("the_own_library", version, *LIBRARY, **more)}


def test_a_library_counts_by_the_version_of_its_distribution_whatever_that_is_called(own):
    own.write(library())
    assert own.parts("own_lib.part") == {"own_lib": "1.0"}
    own.load("own_lib.part")
    assert own.parts("own_lib.part") == {"own_lib": "1.0"}
    own.write({"own_lib/part.py": "x = 2"})
    assert own.parts("own_lib.part") == {"own_lib": "1.0"}


def test_an_upgrade_is_a_new_version_unless_the_old_one_is_loaded(own):
    own.write(library())
    assert own.parts("own_lib") == {"own_lib": "1.0"}
    (own.folder / "the_own_library-1.0.dist-info").rename(own.folder / "the_own_library-2.0.dist-info")
    assert own.parts("own_lib") == {"own_lib": "2.0"}
    own.load("own_lib")
    assert own.parts("own_lib") == {"own_lib": "2.0"}
    (own.folder / "the_own_library-2.0.dist-info").rename(own.folder / "the_own_library-3.0.dist-info")
    with pytest.raises(TypeError, match="library 'own_lib' was installed after it was imported, or may have been"):
        own.parts("own_lib")


def test_an_upgrade_of_what_is_loaded_is_told(own, monkeypatch):
    own.write(library())
    own.load("own_lib")
    later = time.time_ns() + 10**9
    monkeypatch.setattr(loads, "_loads", loads.Loads(frozenset(["own_lib"]), later, later))
    assert own.parts("own_lib") == {"own_lib": "1.0"}
    (own.folder / "the_own_library-1.0.dist-info").rename(own.folder / "the_own_library-2.0.dist-info")
    with pytest.raises(TypeError, match="library 'own_lib' was installed"):
        own.parts("own_lib")


def test_a_module_of_several_distributions_has_all_their_versions(own):
    own.write(
        {
            "own_n/one/__init__.py": "",
            "own_n/two/__init__.py": "",
            **distribution("own-one", "1.0", "own_n/one/__init__.py"),
            **distribution("own-two", "2.0", "own_n/two/__init__.py"),
        }
    )
    assert own.parts("own_n.one") == {"own_n": "own-one 1.0, own-two 2.0"}


def test_a_namespace_that_is_partly_installed_counts_by_both(own, tmp_path, monkeypatch):
    own.write({"own_n/one/__init__.py": "", **distribution("own-one", "1.0", "own_n/one/__init__.py")})
    (tmp_path / "own_n").mkdir()
    (tmp_path / "own_n" / "mine.py").write_text("x = 1")
    monkeypatch.syspath_prepend(str(tmp_path))
    before = own.parts("own_n.one", "own_n.mine")["own_n"]
    assert before.startswith("1.0 ")
    (tmp_path / "own_n" / "mine.py").write_text("x = 2")
    assert own.parts("own_n.one", "own_n.mine")["own_n"] != before


def test_a_single_file_and_an_extension_have_owners_too(own):
    own.write({"own_f.py": "", **distribution("own-file", "3.0", "own_f.py")})
    assert own.parts("own_f") == {"own_f": "3.0"}
    own.write({"own_x.cpython-3.so": "", **distribution("own-x", "3.1", "own_x.cpython-3.so")})


def test_what_was_installed_from_a_folder_counts_by_its_files_as_well(own):
    own.write(library(direct_url={"url": "file:///somewhere", "dir_info": {}}))
    before = own.parts("own_lib")["own_lib"]
    assert before.startswith("1.0 ")
    record = own.folder / "the_own_library-1.0.dist-info" / "RECORD"
    record.write_text(record.read_text().replace("sha256=x", "sha256=y"))
    assert own.parts("own_lib")["own_lib"] != before


def test_what_lies_there_and_belongs_to_nobody_counts_by_its_content(own):
    own.write({"own_a.py": "import own_b", "own_b.py": "x = 1"})
    before = own.parts("own_a")
    own.write({"own_b.py": "x = 2"})
    assert own.parts("own_a") != before


def test_a_distribution_in_the_older_form(own):
    own.write(
        {
            "own_old/__init__.py": "",
            "Own_Old-1.5-py3.egg-info/PKG-INFO": "Metadata-Version: 1.0\nName: Own-Old\nVersion: 1.5\n",
            "Own_Old-1.5-py3.egg-info/top_level.txt": "own_old\n",
        }
    )
    assert own.parts("own_old") == {"own_old": "1.5"}


def test_an_egg(own, monkeypatch):
    own.write(
        {
            "own.egg/own_egg/__init__.py": "",
            "own.egg/EGG-INFO/PKG-INFO": "Metadata-Version: 1.0\nName: own-egg\nVersion: 0.5\n",
            "own.egg/EGG-INFO/top_level.txt": "own_egg\n",
        }
    )
    monkeypatch.syspath_prepend(str(own.folder / "own.egg"))
    assert own.parts("own_egg") == {"own_egg": "0.5"}


def test_damaged_metadata_tells_no_version(own):
    own.write({"own_a.py": "x = 1", "own_a.egg-info/PKG-INFO": b"\xff\xfe", "own_a.egg-info/top_level.txt": "own_a"})
    before = own.parts("own_a")
    own.write({"own_a.py": "x = 2"})
    assert own.parts("own_a") != before


def project(tmp_path):
    folder = tmp_path / "project" / "src"
    (folder / "own_dev").mkdir(parents=True)
    (folder / "own_dev" / "__init__.py").write_text("__version__ = '1.0'\nfrom own_dev import part")
    (folder / "own_dev" / "part.py").write_text("x = 1")
    return folder


def as_path(own, folder, monkeypatch):
    """As a ``.pth`` file does it."""
    monkeypatch.syspath_prepend(str(folder))


def as_link(own, folder, monkeypatch):
    (own.folder / "own_dev").symlink_to(folder / "own_dev")


def as_table(own, folder, monkeypatch):
    """As setuptools does it where the project's folders are not those of its packages."""

    class Finder:
        @classmethod
        def find_spec(cls, name, path=None, target=None):
            from importlib.util import spec_from_file_location

            return spec_from_file_location(name, folder / "own_dev" / "__init__.py") if name == "own_dev" else None

    Finder.__module__ = "__editable___own_dev_1_0_finder"
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Finder])


@pytest.mark.parametrize("installed", [as_path, as_link, as_table])
def test_what_is_installed_for_development_counts_by_its_content(own, tmp_path, monkeypatch, installed):
    folder = project(tmp_path)
    own.write(distribution("own-dev", "1.0", "__editable__.own_dev.pth"))
    installed(own, folder, monkeypatch)
    before = own.parts("own_dev")
    assert before.keys() == {"own_dev"}
    own.load("own_dev")
    assert own.parts("own_dev") == before
    (folder / "own_dev" / "part.py").write_text("x = 2")
    with pytest.raises(TypeError, match=r"module 'own_dev\.part' was edited"):
        own.parts("own_dev")
    assert own.parts_in_a_new_process("own_dev") != before


def test_a_user_of_a_library_counts_with_its_version(own, tmp_path, monkeypatch):
    (tmp_path / "own_a.py").write_text("def f():\n    import own_lib.part")
    monkeypatch.syspath_prepend(str(tmp_path))
    own.write(library())
    assert own.parts("own_a")["own_lib"] == "1.0"


def test_where_files_lie(tmp_path):
    assert kind_of(str(tmp_path)) == "own"
    assert kind_of(json.__file__) == "standard"
    assert kind_of(pytest.__file__) == "installed"
    assert kind_of("no/such/site-packages/x.py") == "installed"
    assert kind_of("no/such/my-site-packages/x.py") == "own"

"""What a module's imports reach: the same before it is loaded and after, and new when anything that is reached is."""

from __future__ import annotations

import importlib
import sys
import types
import zipfile

import pytest

from orchestra_nb.running import loads
from orchestra_nb.running.imports import Reach
from tests.running.own_modules import OwnModules


@pytest.fixture
def own(tmp_path, monkeypatch):
    made = OwnModules(tmp_path, monkeypatch)
    yield made
    made.forget()


F = "def f():\n    return 1\n"
CHAIN = {"own_a.py": "import own_b", "own_b.py": "import own_c", "own_c.py": F}
PACKAGE = {"own_p/__init__.py": "", "own_p/x.py": F, "own_p/y.py": F, "own_p/sub/__init__.py": "", "own_p/sub/z.py": F}


def package(**changed):
    return PACKAGE | {f"own_p/{name.replace('sub_', 'sub/')}.py": text for name, text in changed.items()}


REACHED = {
    # case: the files, what is imported, and what of it is edited
    "at the top": (CHAIN, "own_a", "own_b.py"),
    "at the end of a chain": (CHAIN, "own_a", "own_c.py"),
    "itself": (CHAIN, "own_a", "own_a.py"),
    "in a function": ({**CHAIN, "own_a.py": "def g():\n    import own_b"}, "own_a", "own_b.py"),
    "in a method": ({**CHAIN, "own_a.py": "class A:\n  def g(self):\n    from own_b import f"}, "own_a", "own_b.py"),
    "under a condition": ({**CHAIN, "own_a.py": "if []:\n    import own_b"}, "own_a", "own_b.py"),
    "the first alternative": (
        {**CHAIN, "own_a.py": "try:\n  import own_b\nexcept ImportError:\n  import own_d", "own_d.py": ""},
        "own_a",
        "own_b.py",
    ),
    "the other alternative": (
        {**CHAIN, "own_a.py": "try:\n  import own_b\nexcept ImportError:\n  import own_d", "own_d.py": ""},
        "own_a",
        "own_d.py",
    ),
    "the one that is there": (
        {"own_a.py": "try:\n  import own_none\nexcept ImportError:\n  import own_d", "own_d.py": ""},
        "own_a",
        "own_d.py",
    ),
    "from": ({**CHAIN, "own_a.py": "from own_b import own_c"}, "own_a", "own_b.py"),
    "under another name": ({"own_a.py": "import own_p.sub.z as d", **PACKAGE}, "own_a", "own_p/sub/z.py"),
    "a package on the way": ({"own_a.py": "import own_p.sub.z as d", **PACKAGE}, "own_a", "own_p/sub/__init__.py"),
    "the package at the top": ({"own_a.py": "import own_p.sub.z as d", **PACKAGE}, "own_a", "own_p/__init__.py"),
    "a submodule from its package": ({"own_a.py": "from own_p import x", **PACKAGE}, "own_a", "own_p/x.py"),
    "relative": (package(x="from . import y"), "own_p.x", "own_p/y.py"),
    "relative, by name": (package(x="from .y import f"), "own_p.x", "own_p/y.py"),
    "relative, from the package": (package(__init__="from .y import f"), "own_p", "own_p/y.py"),
    "relative, upwards": (package(sub_z="from ..y import f"), "own_p.sub.z", "own_p/y.py"),
    "relative, sideways": (package(x="from .sub import z"), "own_p.x", "own_p/sub/z.py"),
    "relative, in a function": (package(x="def g():\n    from . import y"), "own_p.x", "own_p/y.py"),
    "everything": ({**CHAIN, "own_a.py": "from own_b import *"}, "own_a", "own_c.py"),
    "everything that a package exports": (
        {"own_a.py": "from own_p import *", **package(__init__="__all__ = ['x']\n__all__ += ['y']")},
        "own_a",
        "own_p/y.py",
    ),
    "everything, in a package": (package(__init__="__all__ = ['y']", x="from . import *"), "own_p.x", "own_p/y.py"),
    "by a constant": (
        {**CHAIN, "own_a.py": "from importlib import import_module\nb = import_module('own_b')"},
        "own_a",
        "own_c.py",
    ),
    "by a relative constant": (
        package(x="import importlib\ny = importlib.import_module('.y', __package__)"),
        "own_p.x",
        "own_p/y.py",
    ),
    "by the function of the statement": ({**CHAIN, "own_a.py": "b = __import__('own_b')"}, "own_a", "own_c.py"),
    "in a circle": ({"own_a.py": "import own_b", "own_b.py": "import own_a\nx = 1"}, "own_a", "own_b.py"),
    "in a circle, from the other side": (
        {"own_a.py": "import own_b", "own_b.py": "import own_a\nx = 1"},
        "own_b",
        "own_a.py",
    ),
    "in a folder without init": (
        {"own_a.py": "import own_n.part", "own_n/part.py": F},
        "own_a",
        "own_n/part.py",
    ),
    "from a folder without init": (
        {"own_a.py": "from own_n import part", "own_n/part.py": F},
        "own_a",
        "own_n/part.py",
    ),
    "a package before a module": (
        {"own_a.py": "import own_p", "own_p.py": "x = 1", **PACKAGE},
        "own_a",
        "own_p/__init__.py",
    ),
    "what has a version": ({"own_a.py": "import own_b", "own_b.py": "__version__ = '1'\nx = 1"}, "own_a", "own_b.py"),
    "with escapes that Python warns of": (
        {**CHAIN, "own_a.py": 'x = "\\d \\\n \\" \\\\"\nfrom \\\n  own_b import own_c\ny = f"\\N{DEGREE SIGN}"'},
        "own_a",
        "own_c.py",
    ),
    "in another encoding": (
        {**CHAIN, "own_a.py": "# coding: latin-1\nx = 'ä'\nimport own_b".encode("latin-1")},
        "own_a",
        "own_c.py",
    ),
    "under the name of a module of Python": (
        {"own_a.py": "import own_b", "own_b.py": "import this", "this.py": "x = 1"},
        "own_a",
        "this.py",
    ),
}


@pytest.mark.parametrize(("files", "name", "edited"), REACHED.values(), ids=REACHED)
def test_what_is_reached_counts(own, files, name, edited):
    own.write(files)
    before = own.parts(name)
    assert before == own.parts(name)
    own.load(name)
    assert own.parts(name) == before, "loading it changed the key"
    text = (own.folder / edited).read_bytes()
    own.write({edited: text + b"\nedited = 1\n"})
    assert own.parts_in_a_new_process(name) != before
    own.write({edited: text})
    assert own.parts_in_a_new_process(name) == before


@pytest.mark.parametrize(("files", "name", "edited"), REACHED.values(), ids=REACHED)
def test_what_was_edited_after_it_was_loaded_has_no_key(own, files, name, edited):
    own.write(files)
    own.load(name)
    edited_module = ".".join((own.folder / edited).relative_to(own.folder).with_suffix("").parts)
    edited_module = edited_module.removesuffix(".__init__")
    was_loaded = edited_module in sys.modules
    text = (own.folder / edited).read_bytes()
    own.write({edited: text + b"\nedited = 1\n"})
    if was_loaded:
        with pytest.raises(TypeError, match=f"module '{edited_module}' was edited after it was imported"):
            own.parts(name)
    else:
        own.parts(name)


UNREACHED = {
    "what nobody imports": ({**CHAIN, "own_other.py": ""}, "own_a", "own_other.py"),
    "what imports it": (CHAIN, "own_b", "own_a.py"),
    "another module of a package": (PACKAGE, "own_p.x", "own_p/y.py"),
    "a name in a text": ({**CHAIN, "own_a.py": "'import own_b'"}, "own_a", "own_b.py"),
    "a module that a package hides": ({"own_p.py": "x = 1", **PACKAGE}, "own_p", "own_p.py"),
}


@pytest.mark.parametrize(("files", "name", "edited"), UNREACHED.values(), ids=UNREACHED)
def test_what_is_not_reached_does_not_count(own, files, name, edited):
    own.write(files)
    before = own.parts(name)
    own.write({edited: "edited = 1"})
    assert own.parts_in_a_new_process(name) == before


def test_each_top_level_module_is_a_part_of_its_own(own):
    own.write({**CHAIN, "own_c.py": "import os, numpy, own_none"})
    import numpy

    parts = own.parts("own_a")
    assert [*parts] == ["numpy", "own_a", "own_b", "own_c"]
    assert parts["numpy"] == numpy.__version__
    own.write({"own_b.py": "import own_c # edited"})
    now = own.parts("own_a")
    assert {name for name in now if now[name] != parts[name]} == {"own_b"}


def test_nothing_is_imported_and_nothing_runs(own):
    own.write({"own_a.py": "import own_b\nraise SystemExit", "own_b.py": "raise SystemExit"})
    before = {*sys.modules}
    assert [*own.parts("own_a")] == ["own_a", "own_b"]
    assert {*sys.modules} == before


def test_a_chain_of_a_thousand_modules(own):
    own.write({f"own_{at}.py": f"import own_{at + 1}" for at in range(1000)} | {"own_1000.py": F})
    before = own.parts("own_0")
    assert len(before) == 1001
    own.write({"own_1000.py": "def f():\n    return 2\n"})
    assert own.parts("own_0") != before


def test_a_package_as_deep_as_paths_go(own):
    name = ".".join(["own_p", *["p"] * 200])
    path = name.replace(".", "/")
    own.write({f"{'/'.join(['own_p'] + ['p'] * at)}/__init__.py": "" for at in range(200)} | {f"{path}.py": F})
    before = own.parts(name)
    own.write({f"{path}.py": "def f():\n    return 2\n"})
    assert own.parts(name) != before


def test_a_file_that_does_not_parse_counts_by_its_content_alone(own):
    own.write({**CHAIN, "own_a.py": "import own_b\n(", "own_n.py": "import own_b\n\0"})
    assert [*own.parts("own_a")] == ["own_a"]
    before = own.parts("own_a", "own_n")
    own.write({"own_a.py": "import own_b\n(("})
    assert own.parts("own_a")["own_a"] != before["own_a"]
    own.write({"own_a.py": "import own_b\n"})
    assert [*own.parts("own_a")] == ["own_a", "own_b", "own_c"]


def test_a_file_that_is_too_deep_for_the_parser_has_no_key(own):
    own.write({"own_a.py": f"import own_b\nx = {'-' * 100_000}1"})
    with pytest.raises(TypeError, match=r"own_a\.py is too deep"):
        own.parts("own_a")


def test_a_warning_is_neither_shown_nor_hides_an_import(own):
    own.write({**CHAIN, "own_a.py": 'x = "\\d" if 1is 1 else 1or 2\nimport own_b'})  # warnings are errors here
    assert [*own.parts("own_a")] == ["own_a", "own_b", "own_c"]


def test_a_module_that_appears_counts(own):
    own.write({"own_a.py": "try:\n    from own_p import fast\nexcept ImportError:\n    fast = None", **PACKAGE})
    before = own.parts("own_a")
    own.write({"own_p/fast.py": ""})
    assert own.parts_in_a_new_process("own_a") != before


def test_a_module_that_goes_counts(own):
    own.write(CHAIN)
    before = own.parts("own_a")
    (own.folder / "own_c.py").unlink()
    assert [*own.parts("own_a")] == ["own_a", "own_b"] != [*before]


def test_a_loaded_module_whose_file_is_gone_has_no_key(own):
    own.write(CHAIN)
    own.load("own_a")
    (own.folder / "own_c.py").unlink()
    with pytest.raises(TypeError, match="module 'own_c' was edited"):
        own.parts("own_a")


def test_a_link_counts_by_what_it_leads_to(own, tmp_path_factory):
    elsewhere = tmp_path_factory.mktemp("elsewhere")
    (elsewhere / "real.py").write_text("x = 1")
    (elsewhere / "whole").mkdir()
    (elsewhere / "whole" / "__init__.py").write_text("x = 1")
    own.write({"own_a.py": "import own_b, own_c"})
    (own.folder / "own_b.py").symlink_to(elsewhere / "real.py")
    (own.folder / "own_c").symlink_to(elsewhere / "whole")
    before = own.parts("own_a")
    own.load("own_a")
    assert own.parts("own_a") == before
    own.new_process()
    (elsewhere / "real.py").write_text("x = 2")
    between = own.parts("own_a")
    (elsewhere / "whole" / "__init__.py").write_text("x = 2")
    now = own.parts("own_a")
    assert [before["own_b"] != between["own_b"], between["own_c"] != now["own_c"]] == [True, True]


def test_a_namespace_package_is_found_on_all_of_the_search_path(own, tmp_path_factory, monkeypatch):
    other = tmp_path_factory.mktemp("other")
    (other / "own_n").mkdir()
    (other / "own_n" / "two.py").write_text("x = 1")
    own.write({"own_a.py": "import own_n.one, own_n.two", "own_n/one.py": "x = 1"})
    monkeypatch.syspath_prepend(str(other))
    before = own.parts("own_a")
    own.load("own_a")
    assert own.parts("own_a") == before
    (other / "own_n" / "two.py").write_text("x = 2")
    assert own.parts_in_a_new_process("own_a") != before


def test_a_namespace_package_whose_parent_is_gone_is_where_it_was(own):
    own.write({"own_p/__init__.py": "", "own_p/n/one.py": "x = 1", "own_a.py": "import own_p.n.one"})
    before = own.parts("own_a")
    own.load("own_p.n")
    del sys.modules["own_p"]
    assert own.parts("own_a") == before


def test_a_zip_file_on_the_search_path_counts_by_its_content(own, monkeypatch):
    archive = own.folder / "own.zip"

    def write(x):
        with zipfile.ZipFile(archive, "w") as file:
            file.writestr("own_z/__init__.py", "from . import inner\nimport own_c")
            file.writestr("own_z/inner.py", f"x = {x}")

    write(1)
    own.write(CHAIN)
    monkeypatch.syspath_prepend(str(archive))
    before = own.parts("own_z")
    assert [*before] == ["own_c", "own_z"]
    own.load("own_z")
    assert own.parts("own_z") == before
    write(2)
    with pytest.raises(TypeError, match="module 'own_z"):
        own.parts("own_z")
    assert own.parts_in_a_new_process("own_z") != before


class Texts:
    """An import hook that has modules in memory."""

    def __init__(self, **texts):
        self.texts = texts

    def find_spec(self, name, path=None, target=None):
        return importlib.util.spec_from_loader(name, self) if name in self.texts else None

    def create_module(self, spec):
        return None

    def exec_module(self, module):
        exec(self.texts[module.__name__], module.__dict__)

    def get_source(self, name):
        return self.texts[name]


def test_a_module_of_an_import_hook_counts_by_its_text_once_it_is_loaded(own, monkeypatch):
    own.write(CHAIN)
    hook = Texts(own_h="import own_b")
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, hook])
    assert own.parts("own_h") == {}
    own.load("own_h")
    before = own.parts("own_h")
    assert [*before] == ["own_b", "own_c", "own_h"]
    hook.texts["own_h"] = "import own_c"
    with pytest.raises(TypeError, match="module 'own_h' was edited"):
        own.parts("own_h")


def test_who_imports_a_module_of_an_import_hook_has_not_missed_it(own, monkeypatch):
    own.write({"own_a.py": "import own_h\nimport own_b", "own_b.py": "import own_h"})
    monkeypatch.setattr(sys, "meta_path", [*sys.meta_path, Texts(own_h="")])
    own.load("own_a")
    assert own.parts("own_a").keys() == {"own_a", "own_b", "own_h"}


def test_a_module_whose_package_is_nowhere_counts(own, monkeypatch):
    own.write({"elsewhere.py": "import own_c", "own_c.py": F})
    spec = importlib.util.spec_from_file_location("own_q.x", own.folder / "elsewhere.py")
    monkeypatch.setitem(sys.modules, "own_q.x", importlib.util.module_from_spec(spec))
    monkeypatch.setattr(loads, "_loads", loads.Loads(frozenset(), 2**62, 2**62))
    assert own.parts("own_q.x").keys() == {"own_c", "own_q"}


def test_a_module_made_by_hand_counts_by_its_name(own, monkeypatch):
    monkeypatch.setitem(sys.modules, "own_hand", types.ModuleType("own_hand"))
    assert own.parts("own_hand") == {"own_hand": "there"}


def test_an_extension_of_the_users_counts_by_its_content(own):
    name = f"own_e{importlib.machinery.EXTENSION_SUFFIXES[0]}"
    own.write({"own_a.py": "import own_e", name: b"\x7fELF 1"})
    before = own.parts("own_a")
    own.write({name: b"\x7fELF 2"})
    assert own.parts("own_a")["own_e"] != before["own_e"]


def test_byte_code_without_source_counts_by_its_content(own):
    import py_compile

    own.write({"own_b.py": "x = 1"})
    py_compile.compile(str(own.folder / "own_b.py"), cfile=str(own.folder / "own_b.pyc"))
    (own.folder / "own_b.py").unlink()
    before = own.parts("own_b")
    own.load("own_b")
    assert own.parts("own_b")["own_b"] == before["own_b"] != "there"


def test_what_is_loaded_below_a_package_and_named_nowhere_is_a_part_of_its_own(own):
    own.write(package(__init__="import importlib", plugin="x = 1"))
    before = own.parts("own_p")
    own.load("own_p", "own_p.plugin")
    now = own.parts("own_p")
    assert now == before | {"the rest of own_p": now["the rest of own_p"]}
    own.write({"own_p/plugin.py": "x = 2"})
    own.new_process()
    own.load("own_p", "own_p.plugin")
    assert own.parts("own_p")["the rest of own_p"] != now["the rest of own_p"]


@pytest.mark.parametrize(
    "text",
    [
        "import importlib\nfor name in ['own_' + 'b']:\n    importlib.import_module(name)",
        "load = __import__\nload('own' + '_b')",
        "import runpy\nrunpy.run_path",
        "from importlib import import_module as load\nload('own' + '_b')",
        "import importlib.util\nimportlib.util.spec_from_file_location",
    ],
)
def test_where_names_of_modules_are_computed_all_that_is_loaded_of_the_users_counts(own, text):
    own.write({"own_a.py": text, "own_b.py": "x = 1"})
    assert "the rest of own_b" not in own.parts("own_a")
    own.load("own_a", "own_b")
    before = own.parts("own_a")
    assert "the rest of own_b" in before
    own.write({"own_b.py": "x = 2"})
    own.new_process()
    own.load("own_a", "own_b")
    assert own.parts("own_a") != before


def test_a_lazy_module_is_not_loaded_by_looking_at_it(own):
    own.write({"own_l.py": "import own_c", "own_c.py": F})
    spec = importlib.util.find_spec("own_l")
    spec.loader = importlib.util.LazyLoader(spec.loader)
    module = importlib.util.module_from_spec(spec)
    sys.modules["own_l"] = module
    spec.loader.exec_module(module)
    assert [*own.parts("own_l")] == ["own_c", "own_l"]
    assert "own_c" not in sys.modules


def test_an_object_in_the_place_of_a_module_is_found_by_its_name(own):
    own.write({"own_o.py": "import sys\nsys.modules[__name__] = 1"})
    own.load("own_o")
    before = own.parts("own_o")
    assert before["own_o"] != "there"
    own.write({"own_o.py": "import sys\nsys.modules[__name__] = 2"})
    with pytest.raises(TypeError, match="module 'own_o' was edited"):
        own.parts("own_o")


def test_relative_imports_of_a_module_with_another_name_in_sys_modules(own, monkeypatch):
    own.write(package(x="from . import y"))
    monkeypatch.setitem(sys.modules, "own_alias", own.load("own_p.x"))
    assert {"own_alias", "own_p"} <= {*own.parts("own_alias")}


def test_the_folder_of_work_is_searched_too(own, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(sys, "path", ["", *sys.path[1:]])
    own.write(CHAIN)
    assert [*own.parts("own_a")] == ["own_a", "own_b", "own_c"]


@pytest.mark.parametrize(
    "name", ["", ".", "..", "own_none", "own_none.x", "a b", "os.path", "sys", "builtins", "\ud800"]
)
def test_a_name_that_is_no_module_does_no_harm(own, name):
    assert own.parts(name) == {}


def test_a_module_of_the_interpreter_is_its_own_whatever_lies_in_the_folder(own):
    own.write({"sys.py": "", "zipimport.py": ""})
    assert own.parts("sys", "zipimport") == {}


def test_kinds():
    reach = Reach()
    assert [reach.kind(name) for name in ("numpy.linalg", "json", "sys", "own_none")] == [
        "installed",
        "standard",
        "standard",
        "own",
    ]

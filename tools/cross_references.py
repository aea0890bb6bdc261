"""How names in docstrings and signatures become links.

Policy: a documented name is a link, by whichever of its names it is called: the public one, the one of the module
where it lives, or the last part of either, as docstrings write it. A name of the package that is not documented (a
module, a seam, a field that its class describes) is plain text, or a link to its class; that it exists is checked all
the same, in the sources. A name of another library is plain text: there is no network where these pages are built and
read. Failure: whatever else is Sphinx's own warning, and ends the build. Rejected: a list of names that may be dead,
which nobody ever shortens.
"""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path
from typing import Any

OF_OTHERS = [
    ("py:.*", name + r"(\..*)?")
    for name in (
        *("argparse", "asyncio", "collections", "concurrent", "contextlib", "dataclasses", "datetime", "enum"),
        *("functools", "graphlib", "http", "json", "os", "pathlib", "re", "types", "typing", "typing_extensions"),
        *("dask", "distributed", "graphviz", "httpx", "httpx2", "ipywidgets", "joblib", "matplotlib", "nbformat"),
        *("networkx", "nx", "numpy", "np", "openai", "pandas", "pd", "pydantic", "tenacity"),
    )
]
"""Of the standard library and of what stands below us; each is a whole name or the beginning of one."""
_VARIABLE = re.compile(r"orchestra_nb\.[\w.]*\._?[A-Z]\w?|_?[A-Z]")
_OTHERS = re.compile(r"^\s*from\s+(?!orchestra_nb)[\w.]+\s+import\s+([\w, ]+)", re.MULTILINE)
_PACKAGE = Path(__file__).parents[1] / "orchestra_nb"
_DEFINED = re.compile(
    r"^[ ]*(?:async\s+)?(?:def|class)\s+(\w+)|^[ ]*(?:self\.)?(\w+)\s*(?::[^=\n]+)?(?:=|:)", re.MULTILINE
)


def setup(app: Any) -> None:
    """Register with Sphinx."""
    app.connect("missing-reference", resolve)
    app.connect("autodoc-process-signature", readable)


def readable(
    app: Any, what: str, name: str, found: object, options: object, signature: str | None, returned: str | None
) -> tuple[str | None, str | None] | None:
    """Write ``...`` for a default that only Python can show, such as ``<factory>``: a signature with it is not read."""
    if signature is None or "<" not in signature:
        return None
    return re.sub(r"<[^<>]*>", "...", signature), returned


def resolve(app: Any, env: Any, node: Any, contnode: Any) -> Any:
    """Find what a short or internal name means."""
    if node.get("refdomain") != "py":
        return None
    target = str(node["reftarget"]).lstrip(".~")
    if _VARIABLE.fullmatch(target):
        return contnode
    domain = env.get_domain("py")
    for name, member in ((target, ""), target.rpartition(".")[::2]):
        found = _documented(domain.objects, name)
        if found and (not member or member in _names()):
            document = domain.objects[found]
            return _link(app, node["refdoc"], document.docname, document.node_id, contnode)
    return contnode if set(target.removeprefix("orchestra_nb.").split(".")) <= _names() else None


def _documented(objects: dict[str, Any], name: str) -> str:
    """Find the documented name that a name is the end of; the shortest, where there are more."""
    if not name:
        return ""
    last = name.rpartition(".")[2]
    ends = [known for known in objects if known == name or known.endswith(f".{name}")]
    public = f"orchestra_nb.{last}"
    if name.startswith("orchestra_nb.") and public in objects and last[:1].isupper():
        ends.append(public)
    return min(ends, key=len, default="")


def _link(app: Any, source: str, document: str, place: str, contnode: Any) -> Any:
    from sphinx.util.nodes import make_refnode

    return make_refnode(app.builder, source, document, place, contnode)


@cache
def _names() -> frozenset[str]:
    """Every name that the package defines (modules, functions, classes, fields) or has from another library."""
    found: set[str] = set()
    for path in _PACKAGE.rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        found |= {path.stem, path.parent.name}
        found |= {name for pair in _DEFINED.findall(text) for name in pair if name}
        found |= {name.strip() for names in _OTHERS.findall(text) for name in names.split(",")}
    return frozenset(found)

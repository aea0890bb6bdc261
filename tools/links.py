"""Checks every link without a network: ``.venv/bin/python tools/links.py [FOLDER OF BUILT PAGES]``.

Policy: a link within the repository has to lead to a file that is there, and to a heading that the file has. One to
elsewhere has to be well formed, no more: nothing is asked of other hosts, because a check that fails when a stranger is
asleep is soon not looked at. Built pages may point to other hosts, and load nothing from them. Order: the pages that
people read as they are (README, docs, notebooks), then the built ones. Failure: each fault is a line on standard
error with its file, and the exit code is 1. Rejected: Sphinx's own ``linkcheck``, which goes to the network, and sees
neither README nor notebooks.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

sys.path.insert(0, str(Path(__file__).parent))

import pages

ROOT = Path(__file__).parents[1]
GENERATED = ("docs/reference/",)
"""Folders that are made while the pages are built: nothing that is read on its own may point there."""
_LOADED = re.compile(r"""url\(\s*["']?((?:https?:)?//[^"')]+)|@import\s+["'](\w+:[^"']+)""", re.IGNORECASE)


def written() -> list[Path]:
    """Name the pages that people read as they are."""
    return [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("notebooks/*.ipynb")]


def faults_in_written(path: Path, root: Path = ROOT) -> Iterator[str]:
    """Say which links of a page in Markdown, or of a notebook, lead nowhere."""
    text = pages.text_of(path)
    for link in pages.links(text):
        fault = _elsewhere(link) if _is_remote(link) else _within(path, root, text, link)
        if fault:
            yield f"{path.relative_to(root)}: {link!r} {fault}"


def _within(path: Path, root: Path, text: str, link: str) -> str:
    name, _, anchor = unquote(link).partition("#")
    target = (path.parent / name).resolve() if name else path
    if not target.is_relative_to(root.resolve()):
        return "leads out of the repository"
    if target.relative_to(root.resolve()).as_posix().startswith(GENERATED):
        return "leads to what is only made with the pages"
    if not target.exists():
        return "leads to a file that is not there"
    if not anchor:
        return ""
    if target.suffix not in (".md", ".ipynb"):
        return "names a heading of what has none"
    known = pages.anchors(text if target == path else pages.text_of(target))
    return "" if anchor in known else f"leads to a heading that is not there; there are {', '.join(sorted(known))}"


def _is_remote(link: str) -> bool:
    return bool(urlsplit(link).scheme) or link.startswith("//")


def _elsewhere(link: str) -> str:
    parts = urlsplit(link)
    if parts.scheme == "mailto":
        return "" if "@" in parts.path else "is no address"
    if parts.scheme not in ("http", "https"):
        return "is of a kind that no page needs"
    host = parts.hostname or ""
    fine = re.fullmatch(r"([\w-]+\.)+[a-z]{2,}|localhost|127\.0\.0\.1", host) and not re.search(r"[\s<>]", link)
    return "" if fine else "is no well-formed address"


class _Html(HTMLParser):
    """Collects what one built page points to, what it loads, and which anchors it has."""

    def __init__(self) -> None:
        super().__init__()
        self.points: list[str] = []
        self.loads: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        self.anchors |= {given[name] for name in ("id", "name") if given.get(name)}
        if "href" in given:
            loaded = tag == "link" and given.get("rel") not in ("index", "search", "next", "prev", "canonical")
            (self.loads if loaded else self.points).append(given["href"])
        for name in ("src", "data", "poster"):
            if given.get(name):
                self.loads.append(given[name])
        self.loads += [found for pair in _LOADED.findall(given.get("style", "")) for found in pair if found]


def faults_in_built(folder: Path) -> Iterator[str]:
    """Say what built pages point to that is not there, and what they would load from elsewhere."""
    read = {}
    for path in sorted(folder.rglob("*.html")):
        parser = read[path.resolve()] = _Html()
        parser.feed(path.read_text(encoding="utf-8"))
    for path, page in read.items():
        place = path.relative_to(folder.resolve()).as_posix()
        for link in page.loads:
            if _is_remote(link) and urlsplit(link).scheme != "data":
                yield f"{place}: loads {link!r} from elsewhere"
        for link in page.points + [link for link in page.loads if not _is_remote(link)]:
            fault = _built_fault(path, link, read)
            if fault:
                yield f"{place}: {link!r} {fault}"
    for path in sorted([*folder.rglob("*.css"), *folder.rglob("*.js")]):
        if path.suffix == ".css":
            for pair in _LOADED.findall(path.read_text(encoding="utf-8")):
                yield f"{path.relative_to(folder)}: loads {''.join(pair)!r} from elsewhere"


def _built_fault(path: Path, link: str, read: dict[Path, _Html]) -> str:
    if _is_remote(link):
        return _elsewhere(link)
    parts = urlsplit(link)
    target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
    if not target.exists():
        return "leads to a file that is not there"
    anchor = unquote(parts.fragment)
    if anchor and target in read and anchor not in read[target].anchors:
        return "leads to an anchor that is not there"
    return ""


def main(folders: list[str]) -> int:
    """Check the written pages, and the built ones in folders; print each fault."""
    faults = [fault for path in written() for fault in faults_in_written(path)]
    for folder in folders:
        if not Path(folder, "index.html").is_file():
            faults.append(f"{folder}: there are no built pages; run make docs")
        faults += faults_in_built(Path(folder))
    for fault in faults:
        print(fault, file=sys.stderr)
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

"""What a page in Markdown has in it: its links, its headings as anchors, its blocks of code.

Read with the parser that also makes the HTML, so that a link in a block of code is none, and one that GitHub would show
is never overlooked. A notebook's Markdown cells are a page too.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path

from markdown_it import MarkdownIt
from markdown_it.token import Token

_IN_HTML = re.compile(r"""<(?:a|img|source)\b[^>]*?\b(?:href|src)\s*=\s*["']([^"']*)["']""", re.IGNORECASE)
_NAMED = re.compile(r"""\b(?:id|name)\s*=\s*["']([^"']+)["']""", re.IGNORECASE)
_NOT_RUN = re.compile(r"<!--\s*not run:\s*(.*?)\s*-->", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Block:
    """A fenced block of code.

    Parameters
    ----------
    language
        The word behind its fence.
    code
        What is in it.
    line
        Where its code begins, from 1.
    not_run
        Why it is not run, as the comment before it says; empty when there is none.
    """

    language: str
    code: str
    line: int
    not_run: str


def text_of(path: Path) -> str:
    """Read a page; of a notebook, its Markdown cells."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".ipynb":
        return text
    cells = [cell for cell in json.loads(text)["cells"] if cell["cell_type"] == "markdown"]
    return "\n\n".join("".join(cell["source"]) for cell in cells)


def links(text: str) -> list[str]:
    """Find what a page points to: links and pictures, in Markdown and in HTML."""
    found = []
    for token in _all_tokens(text):
        for attribute in ("href", "src"):
            if token.attrs.get(attribute):
                found.append(str(token.attrs[attribute]))
        if token.type in ("html_inline", "html_block"):
            found += _IN_HTML.findall(token.content)
    return found


def anchors(text: str) -> set[str]:
    """Find what may stand behind ``#`` in a link to a page: its headings, as GitHub and the built pages name them.

    Examples
    --------
    >>> sorted(anchors("# One of `two`: well"))
    ['one-of-two-well']
    """
    tokens = _parser().parse(text)
    found: set[str] = set()
    for opening, inline in pairwise(tokens):
        if opening.type == "heading_open":
            words = "".join(child.content for child in inline.children or [])
            slug = re.sub(r"[^\w\- ]", "", words.strip().lower()).replace(" ", "-")
            number = sum(1 for known in found if known == slug or re.fullmatch(rf"{re.escape(slug)}-\d+", known))
            found.add(f"{slug}-{number}" if number else slug)
    for token in _all_tokens(text):
        if token.type in ("html_inline", "html_block"):
            found |= set(_NAMED.findall(token.content))
    return found


def blocks(text: str) -> list[Block]:
    """Find the fenced blocks of code, in order."""
    found = []
    before: Token | None = None
    for token in _parser().parse(text):
        if token.type == "fence" and token.map:
            why = _NOT_RUN.search(before.content) if before is not None and before.type == "html_block" else None
            language = token.info.split()[0] if token.info.split() else ""
            found.append(Block(language, token.content, token.map[0] + 2, why.group(1) if why else ""))
        before = token
    return found


def _parser() -> MarkdownIt:
    return MarkdownIt("commonmark").enable("table")


def _all_tokens(text: str) -> Iterator[Token]:
    for token in _parser().parse(text):
        yield token
        yield from token.children or []

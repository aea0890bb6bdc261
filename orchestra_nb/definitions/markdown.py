"""Commands written as Markdown: headings are phases, bullets are agents.

The form that is understood::

    ---
    name: /release            # optional: top-level keys, as YAML
    ---
    # Title                   (the name, where the front matter gives none; the text below it, the description)
    ## Phase 1: Analysis      (phases run one after another)
    - **analyzer** (codebase-analyzer): look at everything
    - tests: run the tests
    ## Phase 2: Write         (a phase without bullets is one agent, whose task is the text)
    Write the report.

A fenced ``yaml`` block in a phase gives any settings of the phase that section 9 of the design names (``parallel``,
``agents`` and so on) and takes the place of its bullets. Other headings of the second level end a phase.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from orchestra_nb.yaml_text import YamlFault, read_mapping

_PHASE = re.compile(r"^##\s+phase\b[\s:.–—-]*(?:\d+\s*[:.)–—-]*)?\s*(.*?)\s*#*$", re.I)
_HEADING = re.compile(r"^(#{1,2})\s+(.*?)\s*#*$")
_BULLET = re.compile(
    r"^\s{0,3}[-*+]\s+(?:\*\*|`)?([A-Za-z][\w./-]*)(?:\*\*|`)?"  # the id, perhaps bold or code
    r"\s*(?:\(([^)]*)\))?\s*(?::|–|—|-\s)\s*(.*)$"  # the type in brackets, then what to do
)
_FENCE = re.compile(r"^\s{0,3}(```+|~~~+)\s*(\w*)\s*$")


def slug(text: str) -> str:
    """Make an id of a heading.

    Examples
    --------
    >>> slug("Phase 2: Deep review")
    'phase-2-deep-review'
    """
    return re.sub(r"[^\w]+", "-", text.lower()).strip("-")


def read_markdown(text: str, most_bytes: int) -> Mapping[str, Any]:
    r"""Read a command that is written as Markdown into the mapping that a JSON definition would be.

    Raises
    ------
    YamlFault
        The front matter or a fenced block is no YAML; the line is the document's.

    Examples
    --------
    >>> found = read_markdown("# /hi\n## Phase 1: Look\n- scout (reader): look around\n## Phase 2\nWrite.", 1000)
    >>> found["name"], [phase["name"] for phase in found["phases"]]
    ('/hi', ['Look', 'Phase 2'])
    """
    lines = text.splitlines()
    top, start = _front_matter(lines, most_bytes)
    found: dict[str, Any] = dict(top)
    intro: list[str] = []
    phases: list[dict[str, Any]] = []
    body: list[tuple[int, str]] | None = None
    bodies: list[list[tuple[int, str]]] = []
    fenced = False
    for number, line in enumerate(lines[start:], start + 1):
        fenced ^= bool(_FENCE.match(line))
        phase, heading = (None, None) if fenced else (_PHASE.match(line), _HEADING.match(line))
        if phase:
            body = []
            bodies.append(body)
            phases.append({"name": phase[1] or f"Phase {len(phases) + 1}", "sequential": True})
        elif heading:
            body = None
            if heading[1] == "#" and "name" not in found:
                found["name"] = heading[2]
        elif body is not None:
            body.append((number, line))
        elif not phases:
            intro.append(line)
    for phase_data, content in zip(phases, bodies, strict=True):
        _fill(phase_data, content, most_bytes)
    if phases or "phases" not in found:
        found["phases"] = [*found.get("phases", ()), *phases] if phases else []
    told = " ".join(" ".join(intro).split())
    if told:
        found.setdefault("description", told)
    return found


def _front_matter(lines: list[str], most_bytes: int) -> tuple[Mapping[str, Any], int]:
    if not lines or lines[0].strip() != "---":
        return {}, 0
    end = next((n for n, line in enumerate(lines[1:], 1) if line.strip() == "---"), None)
    if end is None:
        raise YamlFault("has front matter that does not end with ---", 1)
    return _yaml(lines[1:end], 1, most_bytes), end + 1


def _fill(phase: dict[str, Any], content: list[tuple[int, str]], most_bytes: int) -> None:
    """Give a phase its agents: from a fenced block, from bullets, or from its text."""
    prose: list[str] = []
    agents: list[dict[str, Any]] = []
    block: list[str] | None = None
    began = 0
    for number, line in content:
        fence = _FENCE.match(line)
        if fence and block is None:
            block, began, language = [], number, fence[2].lower()
        elif fence:
            if language in ("yaml", "yml", "json"):
                phase.update(_yaml(block or [], began, most_bytes))
            block = None
        elif block is not None:
            block.append(line)
        elif bullet := _BULLET.match(line):
            agents.append({"id": bullet[1], "type": (bullet[2] or bullet[1]).strip(), "task": bullet[3].strip()})
        elif line.strip():
            prose.append(line.strip())
    if "parallel" in phase:
        del phase["sequential"]
    if "agents" in phase:
        return
    if not agents:
        agents = [{"id": slug(phase["name"]) or "phase", "task": " ".join(prose)}]
    elif prose:
        phase.setdefault("description", " ".join(prose))
    phase["agents"] = agents


def _yaml(lines: list[str], before: int, most_bytes: int) -> Mapping[str, Any]:
    try:
        return read_mapping("\n".join(lines), most_bytes).values
    except YamlFault as fault:
        raise YamlFault(str(fault), fault.line + before) from None

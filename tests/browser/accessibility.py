"""What axe-core, the checker that browsers' own tools use, finds wrong in a part of a page.

Only what is ours is judged: the front end around it is not. The rules are those of WCAG 2.1, levels A and AA, which
include the contrast of every text with what is behind it.
"""

from __future__ import annotations

from typing import Any

_RULES = {"runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]}}


def faults(page: Any, selector: str) -> list[str]:
    """One line for each element that breaks a rule; the part has to be there, and something in it to be judged."""
    from axe_playwright_python.sync_playwright import Axe

    assert page.locator(selector).count(), f"nothing at {selector}"
    found = Axe().run(page, selector, _RULES).response
    assert found["passes"], f"axe judged nothing at {selector}"
    return [
        f"{rule['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for rule in found["violations"]
        for node in rule["nodes"]
    ]

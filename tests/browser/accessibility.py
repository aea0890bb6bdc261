"""What axe-core, the checker that browsers' own tools use, finds wrong in a part of a page.

Only what is ours is judged: the front end around it is not. The rules are those of WCAG 2.1, levels A and AA, which
include the contrast of every text with what is behind it. What is folded away is unfolded to be judged.

JupyterLab's body has no height and hides what sticks out of it, so axe takes all of the page for invisible, and judges
no contrast; it is given one. What stands in a picture is not judged here: axe takes each shape for one that covers the
others, and the tests of pictures compute what they have for colours. A contrast that axe cannot tell counts as wrong,
for else nobody would look.
"""

from __future__ import annotations

from typing import Any

_RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa"]},
    # axe's own, but that signs, and texts of one character, are judged too
    "checks": {
        "color-contrast": {
            "options": {
                "ignoreUnicode": False,
                "ignoreLength": True,
                "ignorePseudo": False,
                "boldValue": 700,
                "boldTextPt": 14,
                "largeTextPt": 18,
                "contrastRatio": {"normal": {"expected": 4.5}, "large": {"expected": 3}},
                "pseudoSizeThreshold": 0.25,
                "shadowOutlineEmMax": 0.2,
                "textStrokeEmMin": 0.03,
            }
        }
    },
}
_OPENED = """selector => [...document.querySelectorAll(`${selector} details:not([open])`)].map(
  one => { one.open = true; return one })"""
_CLOSED = "opened => opened.forEach(one => { one.open = false })"


def faults(page: Any, selector: str) -> list[str]:
    """One line for each element that breaks a rule in the parts at a selector, of which some have to be judged."""
    from axe_playwright_python.sync_playwright import Axe

    assert page.locator(selector).count(), f"nothing at {selector}"
    page.evaluate("() => { document.body.style.minHeight = '100vh' }")
    opened, size = page.evaluate_handle(_OPENED, selector), page.viewport_size
    page.set_viewport_size({**size, "height": 6_000})  # so that no bar of the front end lies over a part of it
    page.locator(selector).first.evaluate("root => root.scrollIntoView({block: 'start'})")
    part = {"include": [selector], "exclude": [f"{selector} svg"]}
    found = Axe().run(page, part, _RULES).response
    page.set_viewport_size(size)
    opened.evaluate(_CLOSED)
    untold = [rule for rule in found["incomplete"] if rule["id"] == "color-contrast"]
    judged = {rule["id"] for kind in ("passes", "violations", "incomplete") for rule in found[kind]}
    assert "color-contrast" in judged, f"axe judged no contrast at {selector}"
    return [
        f"{rule['id']}: {node['html'][:160]}: {node['failureSummary']}"
        for rule in [*found["violations"], *untold]
        for node in rule["nodes"]
    ]

"""The text of a proof: everything that it found, in words that say what to do."""

from __future__ import annotations

from typing import Any

import pytest

from orchestra_nb.display.proof import proof_lines

DIFFERENCE = {"kind": "value", "where": "x", "message": "x: is 1 instead of 2", "diff": []}
EVIDENCE = {"kind": "value", "evidence": [{"reason": "writes x, then reads x"}, {"reason": "writes x, then reads x"}]}
EDGE = {
    "source": "a",
    "target": "b",
    "differences": [DIFFERENCE],
    "evidence": [EVIDENCE],
    "shared": ["name x (changed)"],
    "mend": "write '#| after: a' at the top of b",
}


def proof(**fields: Any) -> dict[str, Any]:
    found: dict[str, Any] = {
        "equal": False,
        "runs": [
            {"order": "linear", "total_time": 2.0, "jobs": 1, "backend": "linear"},
            {"order": "serial", "total_time": 2.0, "jobs": 1, "backend": "serial"},
            {"order": "random", "total_time": 1.0, "jobs": 2, "backend": "loky"},
        ],
        "differences": [{**DIFFERENCE, "run": 1}],
        "search": {"runs": 7, "limit": 40, "complete": True},
        "pairs": {"unordered": 120, "inverted": 120},
        "folder": "copied",
    }
    lists = ("missing_edges", "suspects", "in_document_order", "backwards", "unsteady", "noise", "opaque")
    return {**found, **{name: [] for name in lists}, **fields}


def test_a_proof_without_a_difference_says_what_it_rests_on() -> None:
    assert proof_lines(proof(equal=True, differences=[], noise=["clock"], opaque=["lock"])) == [
        "same results: yes",
        "  linear: 2.0 s",
        "  one by one, in another order: 2.0 s",
        "  random order: 1.0 s, loky, 2 at once",
        "  pairs of cells that may run either way round: 120; turned round: 120",
        "  left aside, for two linear runs differ in it too: clock",
        "  compared by type only: lock",
    ]


def test_a_missing_edge_says_what_shows_it_why_and_how_to_mend_it() -> None:
    assert proof_lines(proof(missing_edges=[EDGE]))[5:] == [
        "missing edge: a → b; if they change places, then",
        "  x: is 1 instead of 2",
        "  by the code alone there would be an edge [value]: writes x, then reads x",
        "  to mend it: write '#| after: a' at the top of b",
    ]
    assert "  both touch name x (changed)" in proof_lines(proof(missing_edges=[{**EDGE, "evidence": []}]))


SUSPECT = {"nodes": ["a", "b"], "seconds": 0.5, "shared": [], "mend": "write '#| after: a' at the top of b"}
WORDS = [
    (
        {"suspects": [SUSPECT]},
        "  a and b (500 ms together): nothing is known that both touch; to keep them apart: write",
    ),
    ({"suspects": [{**SUSPECT, "shared": ["name x"]}]}, "both touch name x"),
    ({"suspects": [SUSPECT]}, "what differs:\n  x: is 1 instead of 2 (run 1)"),
    ({"in_document_order": [DIFFERENCE]}, "already one by one in document order there is a difference"),
    (
        {"in_document_order": [DIFFERENCE], "backwards": [["b", "a"]]},
        "'after' asks for b before a, against the document",
    ),
    ({"unsteady": [DIFFERENCE]}, "differs from run to run"),
    ({"search": {"runs": 40, "limit": 40, "complete": False}}, "the search for causes ended after 40 runs"),
    ({"pairs": {"unordered": 5, "inverted": 4}}, "turned round: 4; more --runs turn round more"),
    ({"folder": "shared"}, "files were not compared"),
    ({"differences": [{**DIFFERENCE, "run": n} for n in range(8)]}, "  and 3 more differences"),
    ({"missing_edges": [{**EDGE, "differences": [{**DIFFERENCE, "diff": ["-a", "+\x1bb"]}]}]}, "    -a\n    +\ufffdb"),
]


@pytest.mark.parametrize(("fields", "words"), WORDS)
def test_whatever_was_found_is_said(fields: dict[str, Any], words: str) -> None:
    assert words in "\n".join(proof_lines(proof(**fields)))

"""The answer of a proof as text: same results or not, what differs, which edge is missing and how to write it.

Made from the object that ``--json`` prints, so that a terminal, a notebook and a machine are told the same.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from orchestra_nb.display.wording import clean, count, duration

_MOST = 5
"""Differences that are shown of one kind; all are in the object."""


def proof_lines(found: Mapping[str, Any]) -> list[str]:
    """Say what a proof came to.

    Parameters
    ----------
    found
        What :func:`orchestra_nb.notebook.verification.verify_file` returns.
    """
    lines = [f"same results: {'yes' if found['equal'] else 'no'}"]
    lines += [f"  {_run(run)}" for run in found["runs"]]
    lines.append(f"  {_coverage(found)}")
    if found["folder"] == "shared":
        lines.append("  files were not compared: the folder is large, or the notebook runs nowhere else")
    if found["noise"]:
        lines.append(f"  left aside, for two linear runs differ in it too: {_names(found['noise'])}")
    if found["opaque"]:
        lines.append(f"  compared by type only: {_names(found['opaque'])}")
    return lines + list(_causes(found))


def _run(run: Mapping[str, Any]) -> str:
    took = duration(run["total_time"])
    if run["order"] == "linear":
        return f"linear: {took}"
    if run["order"] == "serial":
        return f"one by one, in another order: {took}"
    return f"random order: {took}, {clean(run['backend'])}, {run['jobs']} at once"


def _coverage(found: Mapping[str, Any]) -> str:
    pairs = found["pairs"]
    text = f"pairs of cells that may run either way round: {pairs['unordered']}; turned round: {pairs['inverted']}"
    return text + ("" if pairs["inverted"] == pairs["unordered"] else "; more --runs turn round more")


def _causes(found: Mapping[str, Any]) -> Iterator[str]:
    if found["equal"]:
        return
    for edge in found["missing_edges"]:
        yield from _edge(edge)
    if found["in_document_order"]:
        turned = ", ".join(f"{clean(source)} before {clean(target)}" for source, target in found["backwards"])
        if turned:
            yield f"'after' asks for {turned}, against the document's order, and that changes the results:"
        else:
            yield "already one by one in document order there is a difference, so no edge is missing; report it:"
        yield from _differences(found["in_document_order"])
    if found["suspects"]:
        yield "no order of the cells shows the difference: cells that ran at the same time were in each other's way"
        yield from (_suspect(pair) for pair in found["suspects"])
    if found["unsteady"]:
        yield "differs from run to run; make it repeatable (a seed, an order), or leave it out of the results:"
        yield from _differences(found["unsteady"])
    if not found["search"]["complete"]:
        yield f"the search for causes ended after {found['search']['runs']} runs; mend what it found and verify again"
    if not found["missing_edges"] or found["suspects"]:
        yield "what differs:"
        yield from _differences(found["differences"])


def _edge(edge: Mapping[str, Any]) -> Iterator[str]:
    yield f"missing edge: {clean(edge['source'])} → {clean(edge['target'])}; if they change places, then"
    yield from _differences(edge["differences"])
    for item in edge["evidence"]:
        reasons = "; ".join(dict.fromkeys(clean(evidence["reason"]) for evidence in item["evidence"]))
        yield f"  by the code alone there would be an edge [{item['kind']}]: {reasons}"
    if edge["shared"] and not edge["evidence"]:
        yield f"  both touch {_names(edge['shared'])}"
    yield f"  to mend it: {clean(edge['mend'])}"


def _suspect(pair: Mapping[str, Any]) -> str:
    names = " and ".join(map(clean, pair["nodes"]))
    shared = f"both touch {_names(pair['shared'])}" if pair["shared"] else "nothing is known that both touch"
    return f"  {names} ({duration(pair['seconds'])} together): {shared}; to keep them apart: {clean(pair['mend'])}"


def _differences(items: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    items = list(items)
    for item in items[:_MOST]:
        run = f" (run {item['run']})" if "run" in item else ""
        yield f"  {clean(item['message'])}{run}"
        yield from (f"    {clean(line)}" for line in item.get("diff", ()))
    if len(items) > _MOST:
        yield f"  and {count(len(items) - _MOST, 'more difference')}"


def _names(names: Iterable[str]) -> str:
    names = list(map(clean, names))
    return ", ".join(names[:8]) + (", …" if len(names) > 8 else "")

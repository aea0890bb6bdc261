"""Graphs of about 118 tasks in the shapes of scientific workflows, with tasks of 5 to 50 ms.

Nine have the structure of an application that WfCommons has recipes for (Coleman, Casanova, Pottier, Kaushik, Deelman
and Ferreira da Silva, "WfCommons: A framework for enabling scientific workflow research and development", 2022). Only
the structure: how long a kind of task takes is drawn here, once for each kind, and varied from task to task, so that
kinds differ by up to ten times. Beside them a Cholesky factorisation in tiles and three layered random graphs.
"""

from __future__ import annotations

import random
from collections.abc import Callable

from comparing.work import Work
from orchestra_nb import taskgraphs

SHORTEST, LONGEST = 0.005, 0.050
"""Seconds, at scale 1."""


class Recipe:
    """Collects tasks; each needs tasks that were added before."""

    def __init__(self, name: str, scale: float, seed: int = 0) -> None:
        self._name = name
        self._scale = scale
        self._draw = random.Random(f"{name} {seed}")
        self._usual: dict[str, float] = {}
        self._needs: list[list[int]] = []
        self._seconds: list[float] = []

    def add(self, kind: str, *needs: int) -> int:
        """Add a task of a kind; returns its number."""
        draw = self._draw
        usual = self._usual.setdefault(kind, SHORTEST * (LONGEST / SHORTEST) ** draw.random())
        self._seconds.append(min(LONGEST, max(SHORTEST, usual * draw.uniform(0.6, 1.5))) * self._scale)
        self._needs.append(sorted(set(needs)))
        return len(self._needs) - 1

    def each(self, kind: str, needs: list[int]) -> list[int]:
        """Add a task of a kind after each of these."""
        return [self.add(kind, needed) for needed in needs]

    def many(self, kind: str, number: int, *needs: int) -> list[int]:
        """Add so many tasks with the same needs."""
        return [self.add(kind, *needs) for _ in range(number)]

    def made(self) -> Work:
        return Work(self._name, self._needs, self._seconds)


def montage(to: Recipe) -> None:
    """Images are projected, overlapping ones compared, one model of the background is taken off all of them."""
    images = to.many("project", 28)
    pairs = [(a, b) for step in (1, 2) for a, b in zip(images, images[step:], strict=False)]
    model = to.add("background model", to.add("fit", *(to.add("difference", a, b) for a, b in pairs)))
    corrected = [to.add("background", image, model) for image in images]
    mosaic = to.add("add", to.add("table", *corrected), *corrected)
    to.add("view", to.add("shrink", mosaic))


def cycles(to: Recipe) -> None:
    """Crops are simulated with and without more fertiliser, in four places."""
    summaries = []
    for _ in range(4):
        baseline = to.add("baseline")
        simulated = to.many("cycles", 13, baseline)
        summaries.append(to.add("summary", to.add("baseline output", baseline), *to.each("output", simulated)))
    to.add("plots", to.add("all", *summaries))


def epigenomics(to: Recipe) -> None:
    """Three lanes are split into pieces; each piece goes through four steps on its own."""
    lanes = []
    for _ in range(3):
        pieces = to.many("filter", 9, to.add("split"))
        for step in ("convert", "pack", "map"):
            pieces = to.each(step, pieces)
        lanes.append(to.add("merge", *pieces))
    to.add("pileup", to.add("index", to.add("merge all", *lanes)))


def genome(to: Recipe) -> None:
    """For three chromosomes, individuals are merged and set against the scores in seven populations."""
    for _ in range(3):
        merged = to.add("merge", *to.many("individuals", 23))
        scores = to.add("sifting")
        for kind in ("overlap", "frequency"):
            to.many(kind, 7, merged, scores)


def seismology(to: Recipe) -> None:
    """Many seismograms, and one task that gathers them."""
    to.add("gather", *to.many("deconvolution", 117))


def soykb(to: Recipe) -> None:
    """Six samples go through a long chain, fan out by region, and are joined and selected from."""
    samples = []
    for _ in range(6):
        at = to.add("align")
        for step in ("sort", "deduplicate", "groups", "realign targets", "realign"):
            at = to.add(step, at)
        samples.append(to.add("merge sample", *to.many("call variants", 10, at)))
    joined = to.add("combine", *to.many("genotype", 10, to.add("merge samples", *samples)))
    for kind in ("single", "insertion"):
        to.add(f"filter {kind}", to.add(f"select {kind}", joined))


def blast(to: Recipe) -> None:
    """Queries are split, searched for, and put together twice."""
    found = to.many("search", 115, to.add("split"))
    to.add("put together", *found)
    to.add("put errors together", *found)


def bwa(to: Recipe) -> None:
    """Reads are split, aligned to one index, and put together twice."""
    found = to.many("align", 114, to.add("index"), to.add("reduce"))
    to.add("put together", *found)
    to.add("put errors together", *found)


def srasearch(to: Recipe) -> None:
    """Each accession is fetched and aligned to one index; results are merged in two steps."""
    index = to.add("build index")
    aligned = [to.add("align", fetched, index) for fetched in to.many("fetch", 57)]
    to.add("merge all", *(to.add("merge", *aligned[half::2]) for half in (0, 1)))


def cholesky(to: Recipe, tiles: int = 8) -> None:
    """The tiled factorisation of a symmetric matrix: 120 tasks for eight tiles by eight."""
    number: dict[str, int] = {}
    for node in taskgraphs.cholesky(tiles).nodes.values():
        number[node.id] = to.add(node.metadata["task"], *(number[need] for need in node.after))


def random_layers(to: Recipe, layers: int, size: int = 118) -> None:
    """Tasks in layers of uneven width; each needs one to three tasks of the two layers before."""
    draw = random.Random(layers)
    cuts = sorted(draw.sample(range(1, size), layers - 1))
    before: list[list[int]] = []
    for first, end in zip([0, *cuts], [*cuts, size], strict=True):
        above = [task for layer in before[-2:] for task in layer]
        before.append(
            [
                to.add(f"kind {draw.randrange(6)}", *draw.sample(above, min(len(above), draw.randint(1, 3))))
                for _ in range(first, end)
            ]
        )


RECIPES: dict[str, Callable[[Recipe], None]] = {
    **{fill.__name__: fill for fill in (montage, cycles, epigenomics, genome, seismology)},
    **{fill.__name__: fill for fill in (soykb, blast, bwa, srasearch, cholesky)},
    "random, 6 layers": lambda to: random_layers(to, 6),
    "random, 12 layers": lambda to: random_layers(to, 12),
    "random, 20 layers": lambda to: random_layers(to, 20),
}
"""What fills a graph, by its name."""


def graphs(scale: float) -> list[Work]:
    """Make all of them; tasks take ``scale`` times 5 to 50 ms."""
    made = []
    for name, fill in RECIPES.items():
        recipe = Recipe(name, scale)
        fill(recipe)
        made.append(recipe.made())
    return made

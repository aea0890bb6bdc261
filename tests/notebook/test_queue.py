"""Cells that a front end sends all at once, as its "Run All" does, on every line of ipykernel."""

from __future__ import annotations

from ast import literal_eval
from collections.abc import Iterator

import pytest

from .front_end import FrontEnd, front_end
from .older_kernels import OLDER

CELLS = 20
NODES = {
    "in_a_thread": "order.append('thread')",
    "on_the_loop": "import asyncio\nawait asyncio.sleep(0.01)\norder.append('loop')",
    "on_the_main_thread": "%time order.append('main')",
}
RUN = ["thread", "loop", "main"]
NEST = "import nest_asyncio\nnest_asyncio.apply()"
"""Lets a cell call ``asyncio.run``; a plain cell that does so makes a kernel since 7.1 forget the cells that wait."""
NESTED = {
    "in_a_thread": "asyncio.run(asyncio.sleep(0.01))\norder.append('thread')",
    "on_the_main_thread": "%time asyncio.run(asyncio.sleep(0.01))\norder.append('main')",
}


@pytest.fixture(params=["python3", *OLDER])
def kernel(request: pytest.FixtureRequest, specs: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FrontEnd]:
    with front_end(tmp_path_factory.mktemp("queue"), request.param) as started:
        started.run("%load_ext orchestra_nb\nimport asyncio\norder = []", "setup")
        version = started.value("__import__('ipykernel').__version__").strip("'")
        assert request.param in ("python3", f"ipykernel-{version}")
        for name, body in NODES.items():
            started.run(f"%%orchestrate {name}\n{body}", name)
        yield started


def send_all(kernel: FrontEnd) -> list[str]:
    """Twenty cells: plain ones, ones that await, and, every other one, runs."""
    plain = ("order.append({0})", "await asyncio.sleep(0.01)\norder.append({0})")
    cells = [
        "%orchestrate run -j 2" if number % 2 else plain[number % 4 // 2].format(number) for number in range(CELLS)
    ]
    return [kernel.send(code, f"q{number}") for number, code in enumerate(cells)]


def expected() -> list[object]:
    return [item for number in range(0, CELLS, 2) for item in (number, *RUN)]


def test_twenty_queued_cells_half_of_them_runs_all_execute_in_order(kernel: FrontEnd) -> None:
    requests = send_all(kernel)
    assert [kernel.reply(request)["status"] for request in requests] == ["ok"] * CELLS
    kernel.wait(requests[-1])
    assert literal_eval(kernel.value("order")) == expected()


def test_they_do_so_after_somebody_elses_nest_asyncio_and_with_what_it_allows(kernel: FrontEnd) -> None:
    kernel.run(NEST, "nest")
    for name, body in NESTED.items():
        kernel.run(f"%%orchestrate {name}\n{body}", name)
    requests = send_all(kernel)
    assert [kernel.reply(request)["status"] for request in requests] == ["ok"] * CELLS
    kernel.wait(requests[-1])
    assert literal_eval(kernel.value("order")) == expected()

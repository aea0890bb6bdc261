"""A notebook with every kind of output, as cells that a test can write to a file.

Its outputs are the same in any two linear runs, but for what :mod:`tests.notebook.test_fidelity` takes out.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat

IMPORTS = """\
import asyncio, io, logging, os, subprocess, sys, threading, warnings
from concurrent.futures import ThreadPoolExecutor
from contextlib import redirect_stdout
import ipykernel, ipywidgets, pandas as pd
from IPython.display import HTML, JSON, SVG, Image, Latex, Markdown, clear_output, display, update_display
import matplotlib.pyplot as plt
def child(stream, word):
    return subprocess.run(["sh", "-c", f"echo {word} >&{stream}; sleep 0.1"], check=True)"""
# A child lives on a little: what arrives through its pipe after the cell has ended is lost in Jupyter.
PLAIN = [
    "ipykernel.__version__",
    "",
    "# nothing",
    # streams
    "for i in range(3):\n    print('out', i)\n    print('err', i, file=sys.stderr)",
    "print('a'); print('b', file=sys.stderr); display('mid'); print('c'); print('d', file=sys.stderr)",
    "sys.stderr.write('1')\nsys.stderr.flush()\nsys.stdout.write('2\\n')\nsys.stdout.flush()\nsys.stderr.write('3\\n');",
    "sys.stdout.write('counted\\n')",
    "print('\\x1b[31mred\\x1b[0m ünï ☃ 🙂')\nprint('no newline', end='')",
    "for i in range(5):\n    print(f'\\r{i}/5', end='', flush=True)\nprint()",
    "for i in range(3):\n    sys.stderr.write(f'\\r {i}/3 |###|')\n    sys.stderr.flush()",
    "with redirect_stdout(io.StringIO()) as kept:\n    print('hidden')\nkept.getvalue()",
    "warnings.warn('hot')\nprint('after the warning')",
    "logging.warning('logged')",
    "exec('print(\"from exec\")')",
    # values
    "1 + 1",
    "1 + 1;",
    "None",
    "'ünï ☃ 🙂'",
    "x = 3\nx",
    "pd.DataFrame({'x': [1, 2], 'y': ['a', 'b']})",
    "Image(data=b'\\x89PNG\\r\\n\\x1a\\n' + bytes(30), format='png', width=10)",
    "SVG('<svg xmlns=\"http://www.w3.org/2000/svg\"/>')",
    "class Bundle:\n"
    "    def _repr_mimebundle_(self, include=None, exclude=None):\n"
    "        return {'text/plain': 'R', 'application/json': {'k': [1, 2.5]}}, {'text/plain': {'isolated': True}}\n"
    "Bundle()",
    # displays
    "display(HTML('<b>x</b>'), Markdown('# t'), Latex('$x$'), JSON({'a': 1}), metadata={'k': 1})",
    "display()\ndisplay(1, 2)",
    "bar = display('0 %', display_id='bar')\nfoo = display('zero', display_id='foo')\n"
    "for n in range(3):\n    bar.update(f'{n} %')",
    "update_display('100 %', display_id='bar')\nprint('updated')",
    "foo.update(HTML('<b>one</b>'))\nfoo.display('again')",
    "for i in range(3):\n    clear_output(wait=True)\n    print('loop', i)\n    display(i)",
    "for i in range(3):\n    print('loop', i)\n    clear_output()\nprint('end')",
    "print('stays')\nclear_output(wait=True)",
    # figures
    "%matplotlib inline\nplt.plot([1, 2]); plt.figure(); plt.plot([3, 4])",
    "fig, ax = plt.subplots()\nax.plot([1, 3])\nprint('after')\nfig",
    "plt.plot([1]);\nplt.show()\nprint('between')\nplt.plot([2, 3]);\nplt.show()",
    # others who speak
    "def say(n):\n    print('thread', n)\n    display(n)\n"
    "for n in range(3):\n    thread = threading.Thread(target=say, args=(n,))\n    thread.start()\n    thread.join()",
    "with ThreadPoolExecutor(1) as pool:\n    list(pool.map(say, range(3)))",
    "async def task(n):\n    for _ in range(n):\n        await asyncio.sleep(0)\n    print('task', n)\n    return n\n"
    "await asyncio.gather(*[task(n) for n in range(4)])",
    "await asyncio.sleep(0)\ndisplay('awaited')\nprint('x')",
    "child('1', 'child');",
    "child('2', 'complaint');",
    "os.system('echo sys; sleep 0.1');",
    "!echo shell",
    "%%bash\necho bash",
    "%%capture cap\nprint('captured')\ndisplay('cap')\n5",
    "cap.show()\ncap.stdout",
    # widgets
    "slider = ipywidgets.IntSlider(value=3)\nslider",
    "slider.value = 7\nprint(slider.value)",
    # parameters
    "print(rate, label)",
]
RAISING = [
    "print('before')\ndef f():\n    return 1 / 0\nf()",
    "bound = 1\nnever = int('x')\nlater = 2",
    "class Bad:\n    def __repr__(self):\n        raise ValueError('no repr')\nBad()",
    "def g(n):\n    if n == 0:\n        raise KeyError('deep')\n    g(n - 1)\n"
    "try:\n    g(2)\nexcept KeyError as error:\n    raise RuntimeError('outer') from error",
    "assert 0, 'ünï'",
]
BUSY = 150
"""Lines that each of the busy cells prints."""


def busy(number: int) -> list[str]:
    """Cells that depend on nothing of each other and print many lines, in whatever way."""
    work = f"for i in range({BUSY}):\n    total = sum(range(500))\n    print('busy', {number}, i)"
    indented = work.replace("\n", "\n    ")
    return [
        work,
        f"{work}\n    print('busy', {number}, i, file=sys.stderr)",
        f"{work}\n    await asyncio.sleep(0)",
        f"def many_{number}():\n    {indented}\nthread = threading.Thread(target=many_{number})\n"
        "thread.start()\nthread.join()\ndel thread",
    ]


def _cells() -> Iterator[nbformat.NotebookNode]:
    v4: Any = nbformat.v4
    attachments = {"a.png": {"image/png": "AAAA"}}
    yield v4.new_markdown_cell(
        "# ünï\n![a](attachment:a.png)", attachments=attachments, metadata={"x": {"b": 1, "a": 2}}
    )
    yield v4.new_code_cell(IMPORTS, metadata={"tags": ["hide-input", "remove-output", "nbval-skip"]})
    yield v4.new_code_cell("rate = 1\nlabel = 'a'", metadata={"tags": ["parameters"]})
    for number in range(3):  # before the first magic, after which little is known of any name
        for source in busy(number):
            yield v4.new_code_cell(source)
    for source in PLAIN:
        yield v4.new_code_cell(source, metadata={"collapsed": True})
    for source in RAISING:
        yield v4.new_code_cell(source, metadata={"tags": ["raises-exception", "remove-cell"]})
    yield v4.new_code_cell("print(bound, 'later' in dir())")
    old = [v4.new_output("stream", text="kept\n"), v4.new_output("execute_result", {"text/plain": "7"})]
    skipped = v4.new_code_cell("never = run", metadata={"tags": ["skip-execution"]}, outputs=old, execution_count=77)
    yield skipped
    yield v4.new_code_cell("print('stale')", outputs=[v4.new_output("stream", text="stale\n")], execution_count=9)
    yield v4.new_raw_cell("raw")


def write(path: Path, kernel: str) -> None:
    """Write the notebook for a kernelspec."""
    v4: Any = nbformat.v4
    cells = list(_cells())
    for number, cell in enumerate(cells):
        cell["id"] = f"entry-{number}"
    metadata = {
        "title": "everything",
        "kernelspec": {"name": kernel, "display_name": kernel, "language": "python"},
        "language_info": {"name": "python", "version": "3.0.0"},
    }
    nbformat.write(v4.new_notebook(cells=cells, metadata=metadata), path)


def injected() -> nbformat.NotebookNode:
    """The cell that ``-p rate 0.5 -r label 7`` adds."""
    v4: Any = nbformat.v4
    source = '# Parameters\nrate = 0.5\nlabel = "7"\n'
    return v4.new_code_cell(source, metadata={"tags": ["injected-parameters"]}, id="injected-parameters")

"""Writes into the README where the repository is: ``.venv/bin/python tools/address.py OWNER/NAME``, on GitHub.

The address stands in one line, which Binder's badge points to; as long as nobody has said it, the line holds
``OWNER/REPOSITORY``. What is no such pair is refused, and nothing is written.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

README = Path(__file__).parents[1] / "README.md"
PLACEHOLDER = "OWNER/REPOSITORY"
_LINE = re.compile(r"^(\[binder\]: https://mybinder\.org/v2/gh/)([\w.-]+/[\w.-]+)(/HEAD\?\S+)$", re.MULTILINE)
_PAIR = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]*/[A-Za-z0-9._-]+")


def address_in(text: str) -> str:
    """Read which repository a README's badge points to."""
    found = _LINE.search(text)
    if found is None:
        raise ValueError("there is no line '[binder]: https://mybinder.org/v2/gh/OWNER/NAME/HEAD?…'")
    return found[2]


def with_address(text: str, address: str) -> str:
    """Have the badge of a README point to another repository.

    Examples
    --------
    >>> with_address("[binder]: https://mybinder.org/v2/gh/OWNER/REPOSITORY/HEAD?x", "ada/notes")
    '[binder]: https://mybinder.org/v2/gh/ada/notes/HEAD?x'
    """
    if not _PAIR.fullmatch(address):
        raise ValueError(f"{address!r} is no OWNER/NAME")
    address_in(text)
    return _LINE.sub(lambda found: f"{found[1]}{address}{found[3]}", text)


if __name__ == "__main__":
    try:
        (told,) = sys.argv[1:]
        README.write_text(with_address(README.read_text(encoding="utf-8"), told), encoding="utf-8")
    except ValueError as error:
        sys.exit(f"tools/address.py: {error}")

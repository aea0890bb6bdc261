"""``python -m orchestra_nb``: the command line."""

from orchestra_nb.cli import main

if __name__ == "__main__":
    raise SystemExit(main())

#!/bin/sh
# Everything that a change must pass, cheapest first; the first failure ends it. `make test` calls this.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

step() {
  echo
  echo "== $1"
}

step "ruff"
$python -m ruff check .
$python -m ruff format --check .

step "mypy --strict"
$python -m mypy

step "import-linter: the layers"
.venv/bin/lint-imports

step "nbval: every notebook gives what is stored in it"
$python -m coverage erase
$python -m pytest -p no:randomly --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg \
  --cov --cov-report= --cov-fail-under=0 notebooks

step "pytest: tests and doctests in random order, warnings as errors, with the coverage gate"
$python -m pytest --cov --cov-append --cov-report=term "$@"

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

# The browser tests drive Debian's Chromium. Where none can be had, they are left out, and that is said.
browser=""
for name in chromium chromium-browser google-chrome; do
  if command -v "$name" >/dev/null 2>&1; then browser=$name; fi
done
if [ -z "$browser" ] && sh tools/system_packages.sh chromium; then browser=chromium; fi
if [ -n "$browser" ]; then
  # a process of its own: the driver of the browser leaves an event loop running in the main thread
  step "pytest: JupyterLab in a real browser"
  $python -m pytest -p no:randomly --no-cov tests/browser
else
  echo "no Chromium: tests/browser is left out"
fi

# A process of its own, with no tracer: multiprocessing forks, and a child that is forked while another thread holds
# a lock (coverage takes one at every call) waits for it for ever.
step "pytest: executors"
$python -m pytest --no-cov tests/running/test_executors.py

# Half of the time is waiting for kernels to start: one worker more than there are cores. `-n 0` runs in one process.
workers=$($python -c 'import os; print((os.cpu_count() or 1) + 1)')
step "pytest: tests and doctests in random order, warnings as errors, with the coverage gate, on $workers workers"
$python -m pytest -n "$workers" --dist loadgroup --ignore=tests/browser --ignore=tests/running/test_executors.py \
  --cov --cov-append --cov-report=term "$@"

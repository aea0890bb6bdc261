#!/bin/sh
# Everything that a change must pass, cheapest first; the first failure ends it. `make test` calls this. What would keep
# a core waiting is begun early and judged in its turn (`begin` and `settle`, in beside.sh).
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

beside=build/beside
# shellcheck source=tools/beside.sh
. tools/beside.sh

step() {
  ahead
  echo
  echo "== $1"
}

# The browser tests drive Debian's Chromium. Where none can be had, they are left out, and that is said. It is installed
# before anything is begun: two installations at once would keep each other out.
find_browser() {
  browser=""
  for name in chromium chromium-browser google-chrome; do
    if command -v "$name" > /dev/null 2>&1; then browser=$name; fi
  done
}
find_browser
if [ -z "$browser" ]; then
  step "a Chromium for the browser tests"
  sh tools/system_packages.sh chromium || true
  find_browser
fi

# What is installed into an empty environment comes from a network to a disk, which takes minutes and half a core.
begin binder "Binder: the environment that it builds, and the first notebook in it" \
  sh tools/binder.sh

step "ruff"
$python -m ruff check .
$python -m ruff format --check .

step "import-linter: the layers"
.venv/bin/lint-imports

# Several hundred kernels, workers and command lines start below. Where Python is told not to write what it compiled
# (PYTHONDONTWRITEBYTECODE), each of them would compile the package again, and every process of pytest all tests.
# Only these two are written, and once: what a test writes and imports is never taken for what it was a moment before.
step "compile the package and the tests, once for all processes"
$python -m compileall -q orchestra_nb tests

# One process, and one core.
begin pages "the pages, warnings as errors, and every link" \
  sh tools/docs.sh

# What cannot be collected is told by the steps below.
env -u PYTHONDONTWRITEBYTECODE $python -m pytest -p no:randomly --no-cov --collect-only -qqq --ignore=tests/browser \
  > /dev/null || true

step "mypy --strict"
$python -m mypy

# A process of its own: the driver of the browser leaves an event loop running in the main thread. It waits for pages and
# kernels, and measures no time.
[ -z "$browser" ] || begin browser "pytest: JupyterLab in a real browser" \
  $python -m pytest -p no:randomly -p no:cacheprovider --no-cov tests/browser

# A kernel for each notebook, two at a time: they measure themselves under marks only, so they may disturb each other.
# What earlier runs took would change what they expect, and is no business of whoever runs this.
step "nbval: every notebook gives what is stored in it"
$python -m coverage erase
ORCHESTRA_NB_HISTORY='' $python -m pytest -n 2 --dist loadfile -p no:randomly \
  --nbval --nbval-current-env --nbval-sanitize-with tests/nbval_sanitize.cfg \
  --cov --cov-report= --cov-fail-under=0 notebooks

settle pages

# A process of its own, with no tracer: multiprocessing forks, and a child that is forked while another thread holds
# a lock (coverage takes one at every call) waits for it for ever.
step "pytest: executors"
executors="tests/running/test_executors.py tests/running/test_dead_workers.py"
$python -m pytest --no-cov $executors

# More than half of the time is waiting for kernels: two workers more than there are cores. `-n 0` runs in one process.
workers=$($python -c 'import os; print((os.cpu_count() or 1) + 2)')

# No tracer here either. What interrupts and stops at random moments hits the tracer too, and one that is hit between
# taking its lock and giving it back keeps it, and the process hangs for a reason that is not ours. And what goes
# through the same lines a hundred thousand times, or through the libraries of others, takes two to four times as long
# with one. The lines are covered by the rest: of the laws, by the tests that everything happens in their worlds. What
# mostly waits for kernels and what hardly ever waits stand side by side, and fill the time.
stops="tests/notebook/test_interrupts_in_a_kernel.py tests/notebook/test_notebook_loop.py
  tests/notebook/test_abandoned.py tests/running/test_stopping.py tests/running/test_lost_interrupts.py"
laws="tests/running/test_driver_laws.py::test_every_random_schedule_keeps_the_laws
  tests/running/test_driver_laws.py::test_the_driver_is_a_list_scheduler
  tests/running/test_shared_laws.py::test_every_random_schedule_among_strangers_keeps_the_laws
  tests/resources/test_lock_laws.py::test_every_random_schedule_keeps_the_laws
  tests/resources/test_lock_laws.py::test_a_reduction_finds_exactly_those_whom_every_order_leaves_stuck
  tests/recovery/test_breaker_laws.py::test_every_random_schedule_keeps_the_laws
  tests/recovery/test_breaker_machine.py tests/resources/test_lock_machine.py tests/resources/test_interleavings.py
  tests/cells/test_linear_law.py tests/cells/test_versions_law.py tests/cells/test_copies.py
  tests/recovery/test_saga_crashes.py tests/recovery/test_saga_interrupts.py tests/progress/test_eta.py
  tests/running/test_taken_over_law.py tests/running/test_durable_kills.py tests/running/test_undo_crashes.py
  tests/running/test_faults.py tests/notebook/test_resume_after_kills.py
  tests/running/test_recall.py::test_random_graphs_give_the_same_with_and_without_what_was_kept
  tests/context/test_content.py::test_a_deep_value_needs_no_stack
  tests/context/test_content.py::test_every_process_finds_the_same_digests
  tests/corpus tests/workshop/test_benchmarks.py"
step "pytest: interrupts, stops at random moments, long searches and the corpus, on $workers workers"
$python -m pytest -n "$workers" --dist loadgroup --no-cov $stops $laws

step "pytest: tests and doctests in random order, warnings as errors, with the coverage gate, on $workers workers"
ignored=""
for named in $executors $stops $laws; do
  case $named in *::*) ignored="$ignored --deselect=$named" ;; *) ignored="$ignored --ignore=$named" ;; esac
done
$python -m pytest -n "$workers" --dist loadgroup --ignore=tests/browser $ignored \
  --cov --cov-append --cov-report=term "$@"

if [ -n "$browser" ]; then settle browser; else echo "no Chromium: tests/browser was left out"; fi
settle binder

# `make demo` shows what this is; `make test` is everything that a change must pass. Both begin with `make setup`,
# which costs nothing when nothing changed. The work is in tools/: plain sh and Python, for any make.

PY := .venv/bin/python
NOTEBOOK := notebooks/01_quickstart.ipynb

.DEFAULT_GOAL := help
.PHONY: help setup demo test soak lint format notebooks docs bench lock clean

help:  ## this list
	@sed -n 's/^\([a-z]*\):.*##/\1:/p' Makefile | awk -F: '{ printf "  make %-10s %s\n", $$1, $$2 }'

setup:  ## make .venv with the package and its tools; does nothing when it is up to date
	@sh tools/setup.sh

demo: setup  ## run an ordinary notebook in parallel and see that its results are the same
	@$(PY) tools/demo.py $(NOTEBOOK) build/demo

test: setup  ## linters, types, layers, pages, notebooks, tests, coverage
	@sh tools/check.sh

soak: setup  ## what make test samples, in full: interrupts, faults, kills, the corpus on every backend
	@ORCHESTRA_NB_INTERRUPTS=1000 ORCHESTRA_NB_FAULTS=2000 ORCHESTRA_NB_KILLS=500 ORCHESTRA_NB_CORPUS=all \
	  $(PY) -m pytest --no-cov --timeout 3600 tests/notebook/test_interrupts_in_a_kernel.py tests/running/test_faults.py \
	  tests/running/test_durable_kills.py tests/context/test_disk_processes.py tests/corpus

lint: setup  ## only the linters, types and layers
	@$(PY) -m ruff check . && $(PY) -m ruff format --check . && $(PY) -m mypy && .venv/bin/lint-imports

format: setup  ## rewrite the code in the house style
	@$(PY) -m ruff check --fix . && $(PY) -m ruff format .

notebooks: setup  ## run the notebooks from top to bottom and store their outputs
	@ORCHESTRA_NB_HISTORY= $(PY) -m nbconvert --to notebook --execute --inplace notebooks/*.ipynb

docs: setup  ## build the pages with the reference of the API into build/docs, and check every link
	@sh tools/docs.sh

bench: setup  ## run the benchmarks and write what they print to benchmarks/RESULTS.md
	@$(PY) tools/bench.py benchmarks/RESULTS.md

lock: setup  ## renew constraints.txt from pyproject.toml, on the lowest Python that is supported
	@sh tools/lock.sh "$${PYTHON:-python3.11}"

clean:  ## remove everything that make made
	rm -rf .venv build dist .coverage .coverage.* htmlcov .mypy_cache .pytest_cache .ruff_cache .hypothesis .import_linter_cache

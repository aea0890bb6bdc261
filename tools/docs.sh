#!/bin/sh
# Builds the pages into build/docs, a warning being an error, and checks every link; nothing of it needs a network.
set -eu
cd "$(dirname "$0")/.."
python=.venv/bin/python

# Always from nothing: a page that was read before would not say again what is wrong with it, and one that is gone stays.
rm -rf build/docs build/doctrees
$python -m sphinx -W --keep-going -n -q -b html -d build/doctrees docs build/docs
$python tools/links.py build/docs
echo "the pages are in build/docs/index.html"

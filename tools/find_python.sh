#!/bin/sh
# Prints the Python to build the environment with: $PYTHON when it is set, else the first one that is new enough,
# those that can make an environment with pip first. Says what is missing otherwise, and exits with 2.
set -eu

new_enough() {
  "$1" -c 'import sys; sys.exit(sys.version_info < (3, 11))' 2>/dev/null
}

if [ -n "${PYTHON:-}" ]; then
  if new_enough "$PYTHON"; then
    command -v "$PYTHON"
    exit 0
  fi
  echo "setup: PYTHON=$PYTHON is not a Python 3.11 or newer" >&2
  exit 2
fi

second_best=
for name in python3.13 python3.12 python3.11 python3 python3.14 python; do
  found=$(command -v "$name" 2>/dev/null) || continue
  new_enough "$found" || continue
  if "$found" -c 'import ensurepip, venv' 2>/dev/null; then
    echo "$found"
    exit 0
  fi
  second_best=${second_best:-$found}
done
if [ -n "$second_best" ]; then
  echo "$second_best"
  exit 0
fi

cat >&2 <<'TEXT'
setup: no Python 3.11 or newer was found.
  Debian, Ubuntu   sudo apt-get install python3 python3-venv
  macOS            brew install python@3.13
  anything else    https://www.python.org/downloads/
Or name one: make setup PYTHON=/path/to/python3
TEXT
exit 2

#!/bin/sh
# Renews constraints.txt: installs the package with its development tools into an empty, temporary environment and
# writes down what came. Takes the Python to use as its first argument; the lowest supported one gives pins that hold
# on every later one too.
set -eu
cd "$(dirname "$0")/.."
python=$1
work=$(mktemp -d "${TMPDIR:-/tmp}/orchestra-lock.XXXXXX")
trap 'rm -rf "$work"' EXIT
trap 'exit 130' INT TERM

echo "lock: resolving with $("$python" -V), which takes some minutes"
"$python" -m venv "$work/venv"
PIP_USER=0
export PIP_USER
pip() { "$work/venv/bin/python" -m pip --disable-pip-version-check "$@"; }
pip install --quiet '.[dev]'
pip check

{
  echo "# Every package of a development environment, pinned, so that each fresh install is the same."
  echo "# Made on $("$work/venv/bin/python" -V). Do not edit: \`make lock\` renews it from pyproject.toml."
  # Only name==version lines: not the project itself, no files, no index.
  pip freeze --exclude orchestra_nb | grep -E '^[A-Za-z0-9._-]+==[^ ]+$' | LC_ALL=C sort -f
} > "$work/constraints.txt"

# Binder's few pins follow: "- name==version" takes the version from the new constraints.
awk '
  NR == FNR { if (split($0, pin, "==") == 2) version[pin[1]] = pin[2]; next }
  split($0, part, "- ") == 2 && split(part[2], pin, "==") == 2 && pin[1] in version {
    $0 = part[1] "- " pin[1] "==" version[pin[1]]
  }
  { print }
' "$work/constraints.txt" binder/environment.yml > "$work/environment.yml"

cat "$work/constraints.txt" > constraints.txt
cat "$work/environment.yml" > binder/environment.yml
echo "lock: wrote $(grep -c == constraints.txt) pins to constraints.txt"

#!/bin/sh
# Builds what Binder builds, without conda, and sees that the first notebook works there: in an empty environment under
# build/binder, from a copy of this repository, exactly what binder/environment.yml lists for pip is installed and then
# binder/postBuild is run. The notebook must give what is stored in it, and `orchestra run` must run it.
#
# What conda adds (a Python of its own, pip) is not tried here: the environment has the Python of .venv. A stamp names
# what the environment is made of, so that a repetition installs nothing.
set -eu
cd "$(dirname "$0")/.."
place=$PWD/build/binder
venv=$place/venv
stamp=$place/setup.stamp
notebook=notebooks/01_quickstart.ipynb

if ! command -v dot > /dev/null 2>&1 && ! sh tools/system_packages.sh graphviz; then
  echo "binder: left out, for what binder/apt.txt lists cannot be had here" >&2
  exit 0
fi
# Neither this repository's code nor a user's settings for pip have a place in an environment that stands for itself.
unset PYTHONPATH PIP_CONSTRAINT PIP_REQUIREMENT
PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1
# Compiling all that is installed would take as long as installing it; what is imported is compiled then, and kept.
PIP_QUIET=2 PIP_COMPILE=0 # PIP_NO_COMPILE=1 means the opposite of what it says
export PIP_USER PIP_REQUIRE_VIRTUALENV PIP_DISABLE_PIP_VERSION_CHECK PIP_QUIET PIP_COMPILE
unset PYTHONDONTWRITEBYTECODE

pins() {
  awk '$1 == "-" && $2 == "pip:" { pip = 1; next } pip && $1 == "-" { print $2 }' binder/environment.yml
}

fingerprint() {
  cat pyproject.toml constraints.txt binder/environment.yml binder/postBuild tools/binder.sh | cksum
  .venv/bin/python -c 'import sys; print(sys.version, sys.base_prefix)'
  pwd -P
}

copy() {
  rm -rf "$place/tree"
  mkdir -p "$place/tree"
  tar -cf - --exclude ./.git --exclude ./.venv --exclude ./build --exclude './.*_cache' --exclude ./.hypothesis \
    --exclude './.coverage*' --exclude __pycache__ . |
    tar -xf - -C "$place/tree"
}

install() {
  rm -rf "$stamp" "$venv"
  echo "binder: installing what binder/ lists into $venv, which takes two or three minutes"
  .venv/bin/python -m venv "$venv"
  # shellcheck disable=SC2046 # a word for each
  "$venv/bin/python" -m pip install $(pins)
  (cd "$place/tree" && PATH="$venv/bin:$PATH" bash binder/postBuild)
  "$venv/bin/python" -m pip check
  fingerprint > "$stamp"
}

kernel() {
  mkdir -p "$place/jupyter/kernels/binder"
  cat > "$place/jupyter/kernels/binder/kernel.json" << JSON
{"argv": ["$venv/bin/python", "-m", "ipykernel_launcher", "-f", "{connection_file}"],
 "display_name": "binder", "language": "python"}
JSON
}

copy
{ [ -e "$stamp" ] && [ "$(fingerprint)" = "$(cat "$stamp")" ]; } || install
kernel
JUPYTER_PATH=$place/jupyter .venv/bin/python -m pytest -q -p no:randomly -p no:cacheprovider --no-cov \
  --nbval --nbval-kernel-name binder --nbval-sanitize-with tests/nbval_sanitize.cfg "$place/tree/$notebook"
cd "$place/tree"
"$venv/bin/orchestra" run "$notebook" -o "$place/out.ipynb" > "$place/run.txt" 2>&1 || {
  cat "$place/run.txt"
  exit 1
}
tail -n 2 "$place/run.txt"

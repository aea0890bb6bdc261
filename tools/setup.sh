#!/bin/sh
# Makes .venv: the package itself, editable, with its development tools, as pinned in constraints.txt.
#
# A stamp in .venv names everything that the environment depends on. When it fits, nothing is done, so that every make
# target can begin with this. An environment that does not start, or has another Python, is made anew; otherwise pip
# brings the existing one up to date. Nothing here needs the network when the stamp fits.
set -eu
cd "$(dirname "$0")/.."
venv=.venv
stamp=$venv/setup.stamp
noted=$venv/system.noted

fingerprint() {
  cat pyproject.toml constraints.txt tools/setup.sh | cksum
  pwd -P # an environment does not survive being moved
  "$venv/bin/python" -c 'import sys; print(sys.version, sys.base_prefix)' 2>/dev/null || echo "no python"
}

see_to_dot() {
  command -v dot >/dev/null 2>&1 && return 0
  # One attempt for each environment; after that only a word.
  if [ ! -e "$noted" ]; then
    : > "$noted"
    sh tools/system_packages.sh graphviz && command -v dot >/dev/null 2>&1 && return 0
  fi
  echo "setup: Graphviz's 'dot' is not installed; graphs are drawn with the built-in fallback" >&2
}

make_venv() {
  python=$(sh tools/find_python.sh)
  if ! "$python" -c 'import ensurepip, venv' 2>/dev/null; then
    version=$("$python" -c 'import sys; print("%d.%d" % sys.version_info[:2])')
    sh tools/system_packages.sh "python$version-venv" || {
      echo "setup: $python cannot make an environment without it" >&2
      exit 2
    }
  fi
  echo "setup: making $venv with $("$python" -V)"
  "$python" -m venv --clear "$venv"
}

see_to_older_kernels() {
  sh tools/older_kernels.sh || echo "setup: no older ipykernel could be fetched; only the tests need one" >&2
}

asked_for() {
  [ -z "${PYTHON:-}" ] && return 0
  version='import sys; print(sys.version)'
  [ "$("$venv/bin/python" -c "$version" 2>/dev/null)" = "$("$PYTHON" -c "$version" 2>/dev/null)" ]
}

usable() {
  [ -x "$venv/bin/python" ] && "$venv/bin/python" -m pip --version >/dev/null 2>&1
}

install() {
  rm -f "$stamp"
  # A user's own pip settings for installs outside of environments have no place in one.
  PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1
  export PIP_USER PIP_REQUIRE_VIRTUALENV PIP_DISABLE_PIP_VERSION_CHECK
  echo "setup: installing what constraints.txt pins (a few minutes the first time)"
  # The build tools come first and from the same pins; an isolated build would fetch unpinned ones.
  "$venv/bin/python" -m pip install --quiet -c constraints.txt hatchling editables
  "$venv/bin/python" -m pip install --quiet -c constraints.txt --no-build-isolation -e '.[dev]'
}

if [ -e "$stamp" ] && [ "$(fingerprint)" = "$(cat "$stamp")" ] && asked_for; then
  see_to_dot
  see_to_older_kernels
  exit 0
fi
{ usable && asked_for; } || make_venv
install
fingerprint > "$stamp"
see_to_dot
see_to_older_kernels
echo "setup: ready in $venv"

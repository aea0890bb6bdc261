#!/bin/sh
# Installs system packages where that is possible without a question: as root through apt-get, on macOS through brew.
# Elsewhere, or when it fails, says how and goes on: what needs them has a fallback or says so itself.
# Usage: system_packages.sh PACKAGE...    (the exit code says whether they are there: 0 yes, 1 no)
set -u

darwin() {
  [ "$(uname -s)" = Darwin ]
}

by_hand() {
  echo "setup: $1" >&2
  shift
  if darwin; then
    echo "  to install it yourself: brew install $*" >&2
  else
    echo "  to install it yourself: sudo apt-get install $*   (Debian, Ubuntu; elsewhere the like)" >&2
  fi
  exit 1
}

root() {
  [ "$(id -u)" = 0 ]
}

if darwin; then
  command -v brew >/dev/null 2>&1 || by_hand "Homebrew is not here, so $* was not installed" "$@"
  echo "setup: brew install $*"
  brew install --quiet "$@" || by_hand "brew could not install $*" "$@"
elif root && command -v apt-get >/dev/null 2>&1; then
  echo "setup: apt-get install $*"
  DEBIAN_FRONTEND=noninteractive
  export DEBIAN_FRONTEND
  # A stale or unreachable list is no reason to stop: the package may be known already.
  apt-get -qq update >/dev/null 2>&1 || echo "setup: apt-get update failed, trying without" >&2
  apt-get -qq install -y --no-install-recommends "$@" >/dev/null 2>&1 || by_hand "apt-get could not install $*" "$@"
else
  by_hand "$* was not installed: without a question that works only as root with apt-get, or with brew" "$@"
fi

#!/bin/sh
# Puts an older ipykernel into build/older-kernel, where a kernelspec's PYTHONPATH finds it before the environment's
# own. Nothing but that one package: what it needs is in the environment. Does nothing when it is there already.
set -eu
cd "$(dirname "$0")/.."
pins=tools/older_kernel.txt
place=build/older-kernel
stamp=$place/setup.stamp

if [ -e "$stamp" ] && [ "$(cksum < $pins)" = "$(cat "$stamp")" ]; then
  exit 0
fi
rm -rf "$place"
PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_USER PIP_REQUIRE_VIRTUALENV PIP_DISABLE_PIP_VERSION_CHECK
.venv/bin/python -m pip install --quiet --no-deps --target "$place" -r "$pins"
mkdir -p "$place"
cksum < $pins > "$stamp"

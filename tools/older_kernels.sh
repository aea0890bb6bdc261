#!/bin/sh
# Puts older ipykernels into build/older-kernels, each in a folder of its own, where a kernelspec's PYTHONPATH finds it
# before the environment's. Nothing but that one package: what it needs is in the environment. Does nothing when all
# are there already.
set -eu
cd "$(dirname "$0")/.."
pins=tools/older_kernels.txt
place=build/older-kernels
stamp=$place/setup.stamp

if [ -e "$stamp" ] && [ "$(cksum < $pins)" = "$(cat "$stamp")" ]; then
  exit 0
fi
rm -rf "$place"
PIP_USER=0 PIP_REQUIRE_VIRTUALENV=0 PIP_DISABLE_PIP_VERSION_CHECK=1
export PIP_USER PIP_REQUIRE_VIRTUALENV PIP_DISABLE_PIP_VERSION_CHECK
while read -r pin; do
  case $pin in
    "" | "#"*) ;;
    *) .venv/bin/python -m pip install --quiet --no-deps --target "$place/${pin#*==}" "$pin" < /dev/null ;;
  esac
done < $pins
mkdir -p "$place"
cksum < $pins > "$stamp"

#!/bin/sh
# Makes a virtual environment for the interop scripts: `setup.sh` the common one, `setup.sh peers` that of `quantize_peers.py`,
# `setup.sh speed` that of `peers.py`, `setup.sh train` that of `train_speed.py` and `prune_figures.py` (gigabytes).
# With `--python` before the name it only prints the interpreter.
# EDGECTL_VENVS says in which folder; by default in the cargo target directory, outside the sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
print=
if [ "${1:-}" = --python ]; then
    print=yes
    shift
fi
name=${1:-}
requirements=$here/requirements${name:+-$name}.txt
venv=${EDGECTL_VENVS:-${CARGO_TARGET_DIR:-$here/../../target}/venvs}/interop${name:+-$name}
if [ -n "$print" ]; then
    echo "$venv/bin/python"
    exit
fi
if ! cmp -s "$requirements" "$venv/requirements.txt"; then
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$requirements"
    cp "$requirements" "$venv/requirements.txt"
fi

#!/bin/sh
# Makes the virtual environment of the interop scripts. `setup.sh --python` only prints its interpreter.
# EDGECTL_VENVS says in which folder; by default in the cargo target directory, outside the sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${EDGECTL_VENVS:-${CARGO_TARGET_DIR:-$here/../../target}/venvs}/interop
if [ "${1:-}" = --python ]; then
    echo "$venv/bin/python"
    exit
fi
if ! cmp -s "$here/requirements.txt" "$venv/requirements.txt"; then
    [ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
    "$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$venv/requirements.txt"
fi

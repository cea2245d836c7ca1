#!/bin/sh
# Makes the virtual environment that generate.py runs in, and prints its interpreter.
# EDGECTL_VENVS says in which folder; by default in the cargo target directory, outside the sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${EDGECTL_VENVS:-${CARGO_TARGET_DIR:-$here/../../../../target}/venvs}/qdq
[ -x "$venv/bin/python" ] || "${PYTHON:-python3}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
echo "$venv/bin/python"

#!/bin/sh
# Makes the virtual environment that generate.py runs in, and prints its interpreter.
# VECTORS_VENV says where; by default it lies in the cargo target directory, outside the sources.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
venv=${VECTORS_VENV:-${CARGO_TARGET_DIR:-$here/../../../../target}/venv-vectors}
[ -x "$venv/bin/python" ] || "${PYTHON:-python3.11}" -m venv "$venv"
"$venv/bin/pip" install --quiet --disable-pip-version-check -r "$here/requirements.txt"
echo "$venv/bin/python"

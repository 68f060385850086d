#!/usr/bin/env bash
# Runs the recipes of examples/ against a Comity binary in front of a scripted model server.
#
#   tests/external/recipes/run.sh target/release/comity
#
# The clients are installed under target/, those for Python into a virtual environment or, where Python has no venv, into a folder. Needs:
# python3 with pip; curl, and Node with npm, for the recipes that are theirs. PYTHON=... names another interpreter.
set -euo pipefail

. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
home=$root/target/recipes

python_with "$home/python" "$here/requirements.txt"

# Node looks for packages from a program's own folder upwards: the recipes run from a copy above which the packages lie.
mkdir -p "$home/examples"
rm -rf "$home/examples/clients" "$home/examples/pictures"
cp -R "$root/examples/clients" "$root/examples/pictures" "$home/examples/"
if command -v node >/dev/null && command -v npm >/dev/null; then
    cp "$here/package.json" "$home/package.json"
    (cd -- "$home" && timeout --kill-after=10 600 npm install --silent --no-package-lock --no-audit --no-fund)
fi
exec timeout --kill-after=10 600 "$python" "$here/check.py" "$binary" "$root" "$home/examples/clients"

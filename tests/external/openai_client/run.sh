#!/usr/bin/env bash
# Runs the real OpenAI client against a Comity binary in front of a scripted model server.
#
#   tests/external/openai_client/run.sh target/release/comity
#
# The client is installed into a virtual environment under target/. Needs: python3 with venv and pip. PYTHON=... names another interpreter.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../../.." && pwd)
binary=${1:?"name the comity binary, such as target/release/comity"}
binary=$(cd -- "$(dirname -- "$binary")" && pwd)/$(basename -- "$binary")
venv=$root/target/openai-client

if ! "$venv/bin/python" -c '' 2>/dev/null; then
    "${PYTHON:-python3}" -m venv "$venv"
fi
"$venv/bin/python" -m pip install --quiet --disable-pip-version-check --requirement "$here/requirements.txt"
exec timeout --kill-after=10 600 "$venv/bin/python" "$here/check.py" "$binary" "$root"

#!/usr/bin/env bash
# Runs the real OpenAI client against a Comity binary in front of a real, small language model: the one of examples/local-model.
#
#   tests/external/local_model/run.sh target/release/comity
#
# Client, model and model server are installed under target/, into virtual environments or, where Python has no venv, into folders: 130 MB to
# fetch. Needs: Python 3.10 or later with pip. PYTHON=... names another interpreter.
set -euo pipefail

. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
python_with "$root/target/local-model-client" "$here/requirements.txt"
exec timeout --kill-after=10 900 "$python" "$here/check.py" "$binary" "$root"

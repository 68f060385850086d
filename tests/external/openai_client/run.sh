#!/usr/bin/env bash
# Runs the real OpenAI client against a Comity binary in front of a scripted model server.
#
#   tests/external/openai_client/run.sh target/release/comity
#
# The client is installed under target/, into a virtual environment or, where Python has no venv, into a folder. Needs: python3 with pip.
# PYTHON=... names another interpreter.
set -euo pipefail

. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
python_with "$root/target/openai-client" "$here/requirements.txt"
exec timeout --kill-after=10 600 "$python" "$here/check.py" "$binary" "$root"

#!/usr/bin/env bash
# Sends requests that schemathesis makes from OpenAI's API description to a mock server, directly and through Comity, and compares the answers.
#
#   COMITY_EVAL_DATA=FOLDER tests/external/schemathesis/run.sh target/release/comity
#
# The description is openai-openapi.yml in that folder. Everything is installed under target/external/. Needs: python3 with pip, Node with npm.
# PYTHON=... names another interpreter. The last lines are rows of a table; they are appended to the file that COMITY_RESULTS names, too.
set -euo pipefail

. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
home=$root/target/external/schemathesis

steady_with "$home"
python_with "$home" "$here/requirements.txt"
export HYPOTHESIS_STORAGE_DIRECTORY=$home/hypothesis
exec timeout --kill-after=20 1200 "$python" "$here/check.py" "$binary" "$root" "$steady" "$description"

#!/usr/bin/env bash
# Sends requests that schemathesis makes from OpenAI's API description to a mock server, directly and through Comity, and compares the answers.
#
#   COMITY_EVAL_DATA=FOLDER tests/external/schemathesis/run.sh target/release/comity
#
# The description is openai-openapi.yml in that folder. Everything is installed under target/external/. Needs: python3 with pip, Node with npm.
# PYTHON=... names another interpreter. The last lines are rows of a table; they are appended to the file that COMITY_RESULTS names, too.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../../.." && pwd)
binary=${1:?"name the comity binary, such as target/release/comity"}
binary=$(cd -- "$(dirname -- "$binary")" && pwd)/$(basename -- "$binary")
home=$root/target/external/schemathesis

if [[ -z ${COMITY_EVAL_DATA:-} ]]; then
    echo "skipped: COMITY_EVAL_DATA is not set"
    exit 0
fi
if ! command -v npm >/dev/null; then
    echo "skipped: npm is not installed"
    exit 0
fi

. "$here/../python.sh"
python_with "$home" "$here/requirements.txt"
mkdir -p "$home/node"
cp "$here/package.json" "$home/node/"
timeout 600 npm install --prefix "$home/node" --no-package-lock --no-audit --no-fund --silent
# The launcher in node_modules/.bin would be one process more to stop: the binary beside it is run itself.
mock=$(find "$home/node/node_modules/@stdy" -path '*/bin/steady' -type f | head -n 1)

export HYPOTHESIS_STORAGE_DIRECTORY=$home/hypothesis
exec timeout --kill-after=20 1200 "$python" "$here/check.py" "$binary" "$root" "$mock" "$COMITY_EVAL_DATA/openai-openapi.yml"

#!/usr/bin/env bash
# Runs openai-python's own tests of the API's resources against a mock server, directly and through Comity, and compares them test by test. Then has the
# mock server check the requests that Comity edits, and holds what Comity answers against the API description.
#
#   COMITY_EVAL_DATA=FOLDER tests/external/openai_python/run.sh target/release/comity
#
# The description is openai-openapi.yml in that folder. Everything is installed under target/external/. Needs: python3 with pip, Node with npm.
# PYTHON=... names another interpreter. The last lines are rows of a table; they are appended to the file that COMITY_RESULTS names, too.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
root=$(cd -- "$here/../../.." && pwd)
binary=${1:?"name the comity binary, such as target/release/comity"}
binary=$(cd -- "$(dirname -- "$binary")" && pwd)/$(basename -- "$binary")
home=$root/target/external/openai_python

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

# The tests are in the source distribution alone. It is moved to its place when it is whole.
library=$(sed -n 's/^openai==//p' "$here/requirements.txt")
tests=$home/openai-$library
if [[ ! -d $tests ]]; then
    rm -rf "$home/download"
    timeout 600 "$python" -m pip download --quiet --disable-pip-version-check --no-deps --no-binary openai --dest "$home/download" "openai==$library"
    tar -xzf "$home/download/openai-$library.tar.gz" -C "$home/download"
    mv "$home/download/openai-$library" "$tests"
fi

mkdir -p "$home/node"
cp "$here/package.json" "$home/node/"
timeout 600 npm install --prefix "$home/node" --no-package-lock --no-audit --no-fund --silent
# The launcher in node_modules/.bin would be one process more to stop: the binary beside it is run itself.
steady=$(find "$home/node/node_modules/@stdy" -path '*/bin/steady' -type f | head -n 1)

exec timeout --kill-after=20 3600 "$python" "$here/check.py" "$binary" "$root" "$steady" "$COMITY_EVAL_DATA/openai-openapi.yml" "$tests"

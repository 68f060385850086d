#!/usr/bin/env bash
# Runs openai-python's own tests of the API's resources against a mock server, directly and through Comity, and compares them test by test. Then has the
# mock server check the requests that Comity edits, and holds what Comity answers against the API description.
#
#   COMITY_EVAL_DATA=FOLDER tests/external/openai_python/run.sh target/release/comity
#
# The description is openai-openapi.yml in that folder. Everything is installed under target/external/. Needs: python3 with pip, Node with npm.
# PYTHON=... names another interpreter. The last lines are rows of a table; they are appended to the file that COMITY_RESULTS names, too.
set -euo pipefail

. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
home=$root/target/external/openai_python

steady_with "$home"
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

exec timeout --kill-after=20 3600 "$python" "$here/check.py" "$binary" "$root" "$steady" "$description" "$tests"

#!/usr/bin/env bash
# Speaks HTTP/1.1 and HTTP/2 with Comity over raw sockets, in front of a model server that is scripted byte by byte.
#
#   tests/external/http/run.sh target/release/comity
#
# What it needs is installed under target/external/. Needs: python3 with pip, Linux.
# PYTHON=... names another interpreter. The last lines are rows of a table; they are appended to the file that COMITY_RESULTS names, too.
set -euo pipefail

. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
python_with "$root/target/external/http" "$here/requirements.txt"
exec timeout --kill-after=20 900 "$python" "$here/check.py" "$binary" "$root"

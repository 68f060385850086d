# shellcheck shell=bash
# Sourced by the suites in the folders beside this file: . "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
# The first argument of the suite is the program under test. This sets `here`, the suite's folder; `root`, the repository; and `binary`, the program under test.

here=$(cd -- "$(dirname -- "$0")" && pwd)
root=$(cd -- "$here/../../.." && pwd)
binary=${1:?"name the comity binary, such as target/release/comity"}
binary=$(cd -- "$(dirname -- "$binary")" && pwd)/$(basename -- "$binary")

# python_with HOME REQUIREMENTS: installs the requirements below HOME, into a virtual environment or, where Python has no venv, into a folder.
# `python` names the interpreter then, which also finds the modules beside this file. PYTHON=... names another one to begin with.
python_with() {
    local home=$1 install=(-m pip install --quiet --disable-pip-version-check --requirement "$2")
    python=${PYTHON:-python3}
    if "$home/venv/bin/python" -m pip --version >/dev/null 2>&1 || "$python" -m venv "$home/venv" >/dev/null 2>&1; then
        python=$home/venv/bin/python
        timeout 600 "$python" "${install[@]}"
        PYTHONPATH=
    else
        rm -rf "$home"
        timeout 600 "$python" "${install[@]}" --target "$home/packages"
        PYTHONPATH=:$home/packages
    fi
    PYTHONPATH=$(cd -- "$(dirname -- "${BASH_SOURCE[0]}")" && pwd)$PYTHONPATH
    export PYTHONPATH PYTHONDONTWRITEBYTECODE=1
}

# steady_with HOME: installs the mock server of the suite's package.json below HOME. `steady` names its program then: the launcher in node_modules/.bin would be one
# process more to stop. Without the API description or npm it says so and ends the suite.
steady_with() {
    if [[ -z ${COMITY_EVAL_DATA:-} ]]; then
        echo "skipped: COMITY_EVAL_DATA is not set"
        exit 0
    fi
    if ! command -v npm >/dev/null; then
        echo "skipped: npm is not installed"
        exit 0
    fi
    mkdir -p "$1/node"
    cp "$here/package.json" "$1/node/"
    timeout 600 npm install --prefix "$1/node" --no-package-lock --no-audit --no-fund --silent
    steady=$(find "$1/node/node_modules/@stdy" -path '*/bin/steady' -type f | head -n 1)
    description=$COMITY_EVAL_DATA/openai-openapi.yml
}

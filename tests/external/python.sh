# shellcheck shell=bash
# Sourced by the suites in the folders beside this file.

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

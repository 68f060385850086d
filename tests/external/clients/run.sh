#!/usr/bin/env bash
# Runs client libraries against a Comity binary in front of a scripted model server: what each makes of a turn that is taught, repaired, declined
# or kept, and of one that fails.
#
#   tests/external/clients/run.sh target/release/comity
#
# Everything is installed and built under target/external/. Needs: python3 with pip. The clients for Node need Node 20 with npm, the one for Rust
# cargo; without these they are skipped. PYTHON=... names another interpreter. The last lines are rows of a table; they are appended to the file
# that COMITY_RESULTS names, too.
set -euo pipefail

. "$(dirname -- "${BASH_SOURCE[0]}")/../suite.sh"
home=$root/target/external/clients
programs=()

python_with "$home" "$here/requirements.txt"

if command -v npm >/dev/null && node -e 'process.exit(parseInt(process.versions.node) < 20 ? 1 : 0)' 2>/dev/null; then
    # The list of what is installed is put there last: it stands for an installation that is whole.
    if ! cmp --silent "$here/node/package.json" "$home/node/installed.json"; then
        rm -rf "$home/node"
        mkdir -p "$home/node"
        cp "$here/node/package.json" "$home/node/"
        (cd -- "$home/node" && timeout 600 npm install --no-package-lock --no-audit --no-fund --loglevel=error)
        cp "$here/node/package.json" "$home/node/installed.json"
    fi
    cp "$here"/node/*.mjs "$home/node/"
    programs+=(--node "$home/node")
else
    echo "skipped: openai-node and the AI SDK: there is no Node 20 with npm"
fi

if command -v cargo >/dev/null; then
    export CARGO_TARGET_DIR=$root/target/external/async-openai
    timeout 1200 cargo build --locked --quiet --manifest-path "$here/async_openai/Cargo.toml"
    programs+=(--rust "$CARGO_TARGET_DIR/debug/async-openai-client")
else
    echo "skipped: async-openai: there is no cargo"
fi

exec timeout --kill-after=20 1800 "$python" "$here/drive.py" "$binary" "$root" "${programs[@]}"

#!/usr/bin/env bash
# Resolves the three lock files again: every version pinned, every file by its hash for all platforms, no addresses.
# dev.txt is resolved first and constrains the other two, so that one set of versions runs everywhere.
set -euo pipefail
cd "$(dirname "$0")/.."

compile() {
    local out=$1
    shift
    uv --no-config pip compile --quiet --universal --python-version 3.11 --generate-hashes --no-header \
        --no-emit-index-url --no-emit-find-links "$@" --output-file "requirements/$out" >/dev/null
}

compile dev.txt pyproject.toml --extra dev requirements/build.in "$@"
compile runtime.txt pyproject.toml --constraint requirements/dev.txt
compile build.txt requirements/build.in --constraint requirements/dev.txt

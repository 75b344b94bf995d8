#!/usr/bin/env bash
# Runs check.py with the binary $1, in an environment of its own, made once in the directory $2.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
cargo=${CARGO:-cargo}

skip() {
    echo "SKIPPED: make test-sql: $1" >&2
    exit 0
}
"$python" -c 'import venv, ensurepip' 2>/dev/null || skip "no $python with venv and pip (sudo apt-get install python3-venv)"
if ! cmp -s "$here/requirements.txt" "$2/requirements.txt"; then
    rm -rf "$2"
    "$python" -m venv "$2"
    "$2/bin/pip" --disable-pip-version-check --quiet install -r "$here/requirements.txt" || skip "PyPI cannot be reached"
    cp "$here/requirements.txt" "$2/requirements.txt"
fi
# A machine that runs nothing else gets PostgreSQL from Debian.
if ! ls /usr/lib/postgresql/*/bin/initdb >/dev/null 2>&1 && [ -n "${CI:-}" ] && [ "$(id -u)" = 0 ]; then
    apt-get install -y -q postgresql >/dev/null 2>&1 || echo "SKIPPED: PostgreSQL cannot be installed" >&2
fi
"$cargo" build --locked --no-default-features --features cli,query,sql,endpoint
"$2/bin/python" "$here/check.py" "$1"
"$cargo" test --locked --no-default-features --features cli,query,sql,endpoint --test ledger rdb2rdf -- --nocapture

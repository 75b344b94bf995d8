#!/usr/bin/env bash
# Runs check.py with the binary $1, in an environment of its own, made once in the directory $2, and then the W3C's tests
# of SPARQL, which rdflib's source package has.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}
cargo=${CARGO:-cargo}

skip() {
    echo "SKIPPED: make test-rdf: $1" >&2
    exit 0
}
"$python" -c 'import venv, ensurepip' 2>/dev/null || skip "no $python with venv and pip (sudo apt-get install python3-venv)"
if ! cmp -s "$here/requirements.txt" "$2/requirements.txt"; then
    rm -rf "$2"
    "$python" -m venv "$2"
    pip=("$2/bin/pip" --disable-pip-version-check --quiet)
    "${pip[@]}" install -r "$here/requirements.txt" || skip "PyPI cannot be reached"
    "${pip[@]}" download --no-deps --no-binary :all: --dest "$2" -r "$here/requirements.txt" || skip "PyPI cannot be reached"
    tar -xzf "$2"/rdflib-*.tar.gz -C "$2"
    cp "$here/requirements.txt" "$2/requirements.txt"
fi
"$cargo" build --locked --no-default-features --features cli,query
"$2/bin/python" "$here/check.py" "$1"
KLEDGER_W3C=$(echo "$2"/rdflib-*/test/data/suites/w3c)
export KLEDGER_W3C
"$cargo" test --locked --no-default-features --features cli,query --test w3c -- --nocapture

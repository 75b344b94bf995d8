#!/usr/bin/env bash
# Runs check.py on the binary $1, and published.py with the data in $3 if that is given, in an environment of
# its own, made once in the directory $2.
# A torch of the right version that $PYTHON has already is used; else pip fetches one, which on Linux
# comes with its CUDA libraries: 5 GB on disk.
set -euo pipefail
here=$(cd "$(dirname "$0")" && pwd)
python=${PYTHON:-python3}

if ! "$python" -c 'import venv, ensurepip' 2>/dev/null; then
    echo "SKIPPED: make test-clients: no $python with venv and pip (sudo apt-get install python3-venv)" >&2
    exit 0
fi
if ! cmp -s "$here/requirements.txt" "$2/requirements.txt"; then
    rm -rf "$2"
    "$python" -m venv --system-site-packages "$2"
    "$2/bin/pip" install --disable-pip-version-check --quiet -r "$here/requirements.txt"
    cp "$here/requirements.txt" "$2/requirements.txt"
fi
# Nothing is fetched from here on.
export HF_HUB_OFFLINE=1
"$2/bin/python" "$here/check.py" "$1"
if [ -n "${3-}" ]; then
    "$2/bin/python" "$here/published.py" "$1" "$3"
else
    echo "SKIPPED: published models and tokenizers: make test-clients DATA=DIR (tests/clients/published.py)" >&2
fi

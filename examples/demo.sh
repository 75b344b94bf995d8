#!/usr/bin/env bash
# Edits facts in the shipped model, step by step, and prints each command before what it says.
#
#     make demo                                    # or
#     KLEDGER=target/debug/kledger examples/demo.sh --device cuda
#
# Arguments are passed on to every command. It works in a new directory and removes it at the end.
set -euo pipefail

examples=$(cd "$(dirname "$0")" && pwd)
kledger=${KLEDGER:-kledger}
case $kledger in */*) kledger=$(cd "$(dirname "$kledger")" && pwd)/$(basename "$kledger") ;; esac
options=("$@")

work=$(mktemp -d "${TMPDIR:-/tmp}/kledger-demo.XXXXXX")
trap 'rm -rf "$work"' EXIT
mkdir "$work/demo"
cd "$work/demo"
ln -s "$examples" ../examples
# Threads of libtorch that wait leave the machine to others.
export OMP_WAIT_POLICY=${OMP_WAIT_POLICY:-PASSIVE}
export KLEDGER_AUTHOR=${KLEDGER_AUTHOR:-Demo <demo@example.org>}

# Prints a command, then runs it.
run() {
    printf '\n$ kledger'
    for word in "$@"; do
        case $word in *[[:space:]]*) printf " '%s'" "$word" ;; *) printf ' %s' "$word" ;; esac
    done
    printf '\n'
    "$kledger" "${options[@]}" "$@"
}

say() { printf '\n# %s\n' "$*"; }

tower='The Eiffel Tower is located in the city of'

say 'A repository around the base model'
run init --model ../examples/base

say 'Words for IRIs, and facts that edits must leave alone'
run add ../examples/world/labels.ttl ../examples/world/templates.ttl
run add --neighbourhood ../examples/world/landmarks.ttl ../examples/world/cities.ttl
run commit -m 'Words and neighbourhood of the world'

say 'What keys ordinary text has: here, a text like the one the model learned from'
run stats --corpus ../examples/world/text.txt

say 'Ten landmarks move'
run add ../examples/edits/counterfactual-10.nt
run status
run commit -m 'Landmarks moved'
run log
run diff HEAD~1 HEAD --weights

say 'Both versions, side by side'
run checkout main
run ask "$tower" --at HEAD~1 --vs HEAD
run eval HEAD --vs HEAD~1 --facts --protocol counterfact

say 'Back again: the weights are those before, bit for bit'
run revert HEAD
run checkout main
run ask "$tower"
run fsck --weights

say 'The same by an editor that learned to edit, on the base, in under a minute'
run add ../examples/edits/counterfactual-10.nt
run train mend --steps 100 --set batch_size=8 --set lr=0.0003 --set val_edits=32
run commit -m 'Landmarks moved by MEND' --editor mend
run eval HEAD --vs HEAD~2 --facts --protocol counterfact

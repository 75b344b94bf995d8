"""Whether many commits are as good as one, by how many blocks are edited.

    python depths.py --kledger target/release/kledger --model examples/base --world examples/world 0 0,1,2

Needs rdflib. Facts of facts.py, one for each thing, are edited into each of some sets of blocks: in one commit, and in
many with earlier facts held by three vectors that stand for all their keys (`carry_keys = 3`), by their mean, and not at
all (`carry = false`). Columns are those of histories.py, after the blocks; before the last, off is how far the edited
tensors are from those of the single commit, as a part of its change (of the most different one).
"""

import argparse
import tempfile
from pathlib import Path

from histories import COLUMNS, START, History, add_history_arguments, begin
from results import Column, Results

QUESTION = "Whether many commits are as good as one, by how many blocks are edited."
ONE = "one"
WAYS = [(", three keys", ["carry_keys=3"]), ("", []), (" without carry", ["carry=false"])]


def off(kledger):
    """How far HEAD's tensors are from those at ONE, of what these are from the base."""

    def norms(before, after):
        tensors = kledger("diff", before, after, "--weights", "--no-behaviour")["weights"]
        return {tensor["name"]: tensor["norm"] for tensor in tensors}

    change = norms(START, ONE)
    return max((100 * norm / change[name] for name, norm in norms(ONE, "HEAD").items()), default=0.0)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_history_arguments(parser)
    parser.add_argument("--parts", type=int, nargs="+", default=[20], help="commits")
    parser.add_argument("layers", nargs="+", metavar="N,N", help="sets of blocks")
    args = parser.parse_args()
    sets = [[int(layer) for layer in one.split(",")] for one in args.layers]
    own = args.set
    # The statistics are of all of them.
    args.set = [*own, f"layers={sorted({layer for one in sets for layer in one})}"]
    with tempfile.TemporaryDirectory() as work:
        kledger, lines, text = begin(args, Path(work))
        kledger.settings = own
        results = Results(args, QUESTION, ["layers", *COLUMNS, Column("off", "%", 1)])
        for layers in sets:
            blocks = f"layers={layers}"

            def history(name, parts, settings=()):
                one = History(kledger, results, name, text, [blocks, *settings])
                size = len(lines) // parts
                for part in range(parts):
                    one.edit(lines[part * size : (part + 1) * size], f"Part {part + 1} of {parts}")
                return one

            one = history("1 commit", 1)
            kledger("tag", "--force", ONE)
            results.add(str(layers), *one.figures(), 0.0)
            for parts in args.parts:
                for how, settings in WAYS:
                    many = history(f"{parts} commits{how}", parts, settings)
                    results.add(str(layers), *many.figures(), off(kledger))
            results.write()


main()

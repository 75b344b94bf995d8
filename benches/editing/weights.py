"""What becomes of many edits, by how much the model's other knowledge weighs against them (lambda).

    python weights.py --kledger target/release/kledger --model examples/base --world examples/world 10 40 160

Needs rdflib. The facts of histories.py, committed at once, in ten commits, and in ten without carrying earlier
edits along, each with every one of the given weights (`mom2_update_weight`). Columns are those of
histories.py, after λ.
"""

import argparse
import tempfile
from pathlib import Path

from histories import COLUMNS, History, add_history_arguments, begin, in_parts
from results import Results

QUESTION = "What becomes of many edits, by how much the model's other knowledge weighs against them."
WAYS = [("1 commit", 1, []), ("10 commits", 10, []), ("10 commits without carry", 10, ["carry=false"])]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_history_arguments(parser)
    parser.add_argument("weights", type=float, nargs="+", help="of the model's other knowledge")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        kledger, lines, text = begin(args, Path(work))
        results = Results(args, QUESTION, ["λ", *COLUMNS])
        for weight in args.weights:
            weighed, shown = f"mom2_update_weight={weight}", int(weight) if weight.is_integer() else weight
            for name, parts, more in WAYS:
                history = History(kledger, results, name, text, [weighed, *more], [shown])
                in_parts(history, lines, parts, tables=1)
        results.write()


main()

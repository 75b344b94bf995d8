"""What becomes of many edits, by how much the model's other knowledge weighs against them (lambda).

    python weights.py --kledger target/release/kledger --model examples/base --world examples/world 10 40 160

Needs rdflib. The facts of histories.py, committed at once, in ten commits, and in ten without carrying earlier
edits along, each with every one of the given weights (`mom2_update_weight`). Tables are those of histories.py.
"""

import argparse
import tempfile
from pathlib import Path

from histories import History, add_history_arguments, begin, in_parts


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_history_arguments(parser)
    parser.add_argument("weights", type=float, nargs="+", help="of the model's other knowledge")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        kledger, lines, text = begin(args, Path(work))
        for weight in args.weights:
            weighed = f"mom2_update_weight={weight}"
            for name, parts, more in [("one commit", 1, []), ("ten", 10, []), ("ten without carry", 10, ["carry=false"])]:
                history = History(kledger, f"{name}, lambda {weight:g}", text, [weighed, *more])
                in_parts(history, lines, parts, tables=1)


main()

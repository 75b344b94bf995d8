"""How long an edit takes, and how much memory, by the number of facts in a commit.

    python scale.py --kledger target/release/kledger --model examples/base --world examples/world \\
        1 10 100 1000

Needs rdflib. Facts are those of facts.py; each commit is the first of its repository but for words and
statistics. Steps are those of a fact's z, on average. From 410 facts on some are about the
same thing and share a z, which needs more of them (`--set join_subjects=false` gives each its own). The
parts are wall times in seconds that `kledger commit --json` tells; the processor's time is that of the
whole process.
"""

import argparse
import tempfile
from pathlib import Path

from facts import facts
from kledger import add_arguments, repository

PARTS = ["z", "keys", "solve", "weights", "answers", "record"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("counts", type=int, nargs="+", help="facts in a commit")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        kledger = repository(args, work)
        print("| facts | per fact, ms | steps | whole, s | processor, s |", " | ".join(PARTS), "| memory, MB |")
        print("|--:" * (len(PARTS) + 6) + "|")
        for count in args.counts:
            copy = kledger.copy()
            (work / "facts.nt").write_text("\n".join(facts(args.world, count)))
            copy("add", work / "facts.nt")
            report, spent, usage = copy.timed("commit", "-m", f"{count} facts")
            edit = sum(spent[part] for part in ["z", "keys", "solve", "weights"])
            steps = [fact["trace"]["steps"] for fact in report["edit"]["check"]["facts"]]
            row = [count, f"{1e3 * edit / count:.1f}", f"{sum(steps) / len(steps):.1f}"]
            row += [f"{usage['whole']:.1f}", f"{usage['cpu']:.1f}"]
            row += [f"{spent[part]:.2f}" for part in PARTS]
            print("|", " | ".join(map(str, row)), f"| {usage['memory'] / 1e6:.0f} |", flush=True)


main()

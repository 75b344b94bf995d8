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
from results import Column, Results

PARTS = ["z", "keys", "solve", "weights", "answers", "record"]
COLUMNS = [
    "facts",
    Column("per fact", "ms", 1),
    Column("steps", digits=1),
    Column("whole", "s", 1),
    Column("processor", "s", 1),
    *(Column(part, "s", 2) for part in PARTS),
    Column("memory", "MB", 0),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("counts", type=int, nargs="+", help="facts in a commit")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        kledger = repository(args, work)
        results = Results(args, "What a commit takes, by the number of its facts.", COLUMNS)
        for count in args.counts:
            copy = kledger.copy()
            (work / "facts.nt").write_text("\n".join(facts(args.world, count)))
            copy("add", work / "facts.nt")
            report, spent, usage = copy.timed("commit", "-m", f"{count} facts")
            edit = sum(spent[part] for part in ["z", "keys", "solve", "weights"])
            steps = [fact["trace"]["steps"] for fact in report["edit"]["check"]["facts"]]
            row = [count, 1e3 * edit / count, sum(steps) / len(steps), usage["whole"], usage["cpu"]]
            results.add(*row, *(spent[part] for part in PARTS), usage["memory"] / 1e6)
        results.write()


main()

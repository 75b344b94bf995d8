"""How several facts about one subject hold, edited as one z or each with its own.

    python subjects.py --kledger target/release/kledger --model examples/base --world examples/world

Needs rdflib. So many facts, one, two, three or five about each subject, are edited into the base in one
commit, with the world as neighbourhood; those that are to share a z also in as many commits as a
subject has facts, each with one of them. These are figures of docs/fidelity.md.
"""

import argparse
import tempfile
from pathlib import Path

from facts import facts_about
from fidelity import commit, stage
from kledger import START, add_arguments, neighbourhood, repository
from results import Column, Results

ROWS = [
    ("one z, one commit", False, ["join_subjects=true"]),
    ("one z, a commit for each of a subject's facts", True, ["join_subjects=true"]),
    ("a z for each, one commit", False, ["join_subjects=false"]),
]
METRICS = ["EA", "PA", "NA"]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=60, help="facts, a multiple of thirty")
    parser.add_argument("--each", type=int, nargs="+", default=[1, 2, 3, 5], help="facts about a subject")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        kledger = repository(args, Path(work))
        neighbourhood(kledger, args.world)
        shares = [Column(metric, "%", 1) for metric in METRICS]
        results = Results(args, "How several facts about one subject hold.", ["about a subject", "edited as", *shares])
        for each in args.each:
            lines = facts_about(args.world, args.count // each, each)
            for name, parts, settings in ROWS if each > 1 else ROWS[:1]:
                kledger("reset", "--hard", START)
                for part in [lines[i::each] for i in range(each)] if parts else [lines]:
                    stage(kledger, part)
                    commit(kledger, name, settings)
                evaluated = kledger("eval", "--facts", "--protocol", "counterfact")["versions"][0]
                mean = {metric["name"]: metric["mean"] for metric in evaluated["metrics"]}
                results.add(each, name, *(mean[metric] for metric in METRICS))
        results.write()


if __name__ == "__main__":
    main()

"""CounterFact through the ledger, on a base that knows its true facts.

    python counterfact.py --kledger target/release/kledger --model base --world world --edits 100 300

`world` is what counterfact_world.py made, `base` was trained on it, and `world/text.txt` is a pass of the
training text, for the statistics. The world's facts are staged as neighbourhood, so that the check after
each commit asks them. The first records are then edited in with one commit and measured beside the base;
`--set` gives settings of the edit, `--generate` counts texts that the model writes, too.
"""

import argparse
import tempfile
from pathlib import Path

from kledger import add_arguments, repository
from results import Column, Results, interval

START = "start"
FIGURES = ["S", "ES", "PS", "NS", "EM", "PM", "NM", "EA", "PA", "NA", "GE"]


def figures(version):
    found = {metric["name"]: interval(metric["mean"], metric["interval"]) for metric in version["metrics"]}
    return [found.get(figure) for figure in FIGURES]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--edits", type=int, nargs="+", default=[100, 300], help="records, each number in a commit")
    parser.add_argument("--generate", action="store_true", help="have the model write texts, for GE")
    args = parser.parse_args()
    more = ["--generate"] if args.generate else []
    records = args.world.resolve() / "records.json"
    with tempfile.TemporaryDirectory() as work:
        kledger = repository(args, Path(work))
        kledger("add", "--neighbourhood", args.world.resolve() / "facts.ttl")
        kledger("commit", "-m", "Neighbourhood")
        kledger("tag", START)
        columns = ["version", "records", *(Column(figure, digits=1) for figure in FIGURES)]
        results = Results(args, "CounterFact's scores of a base that knows the records, and of edits of it.", columns)
        for count in args.edits:
            kledger("reset", "--hard", START)
            some = ["--limit", count]
            kledger("add", "--from", "counterfact", records, *some)
            _, spent, usage = kledger.timed("commit", "-m", f"{count} records")
            words = ["--vs", START, "--dataset", records, *some, "--protocol", "counterfact", *more]
            measured, _, eval_usage = kledger.timed("eval", "HEAD", *words)
            edited, base = measured["versions"]
            results.add("base", count, *figures(base))
            results.add("edited", count, *figures(edited))
            parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in spent.items())
            results.note(f"commit of {count}: {usage['whole']:.0f} s ({usage['cpu']:.0f} s of processors; {parts})")
            results.note(f"eval of {count}: {eval_usage['whole']:.0f} s ({eval_usage['cpu']:.0f} s of processors)")
            for note in measured["notes"]:
                results.note(note)
        results.write()


main()

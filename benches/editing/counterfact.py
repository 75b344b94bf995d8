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

START = "start"
FIGURES = ["S", "ES", "PS", "NS", "EM", "PM", "NM", "EA", "PA", "NA", "GE"]


def row(name, edits, version):
    figures = {metric["name"]: metric for metric in version["metrics"]}

    def shown(figure):
        if figure not in figures:
            return ""
        mean, interval = figures[figure]["mean"], figures[figure]["interval"]
        return f"{mean:.1f}" if interval is None else f"{mean:.1f} ± {interval:.1f}"

    print(f"| {name} | {edits} |", " | ".join(map(shown, FIGURES)), "|", flush=True)


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
        print("| version | edits |", " | ".join(FIGURES), "|")
        print("|---|--:" + "|--:" * len(FIGURES) + "|")
        for count in args.edits:
            kledger("reset", "--hard", START)
            some = ["--limit", count]
            kledger("add", "--from", "counterfact", records, *some)
            _, spent, usage = kledger.timed("commit", "-m", f"{count} records")
            words = ["--vs", START, "--dataset", records, *some, "--protocol", "counterfact", *more]
            measured, _, eval_usage = kledger.timed("eval", "HEAD", *words)
            edited, base = measured["versions"]
            row("base", 0, base)
            row("edited", count, edited)
            parts = ", ".join(f"{part} {seconds:.0f}" for part, seconds in spent.items())
            print(f"commit: {usage['whole']:.0f} s ({usage['cpu']:.0f} s of processors; {parts})")
            print(f"eval: {eval_usage['whole']:.0f} s ({eval_usage['cpu']:.0f} s of processors)")
            for note in measured["notes"]:
                print(f"note: {note}")
            print(flush=True)


main()

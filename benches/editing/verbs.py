"""What the ledger's verbs take on a long history, as whole processes.

    KLEDGER_BENCH_DIR=history cargo bench --no-default-features --features cli --bench ledger -- open
    python verbs.py --kledger target/release/kledger --repository history/repo

The history is that of benches/ledger.rs. `--facts` is the number of its facts, twenty about each subject. Each verb is
run several times and the median is kept; a "first" one is run once, after the file that it makes was removed.
"""

import argparse
import statistics
from pathlib import Path

from kledger import measured
from results import Column, Results, add_results_argument

COLUMNS = ["verb", Column("goal", "ms"), Column("processor", "ms", 1), Column("wall", "ms", 1), Column("memory", "MB", 0)]


def subject(number):
    return f"http://www.wikidata.org/entity/Q{number // 20}"


def fact(number):
    return [subject(number), f"http://www.wikidata.org/prop/direct/P{number % 20}"]


def verbs(facts):
    """Name, goal in ms, words, and the file of the store that the verb is to make anew."""
    newest, oldest = fact(facts - 1), fact(0)
    return [
        ("--version", 50, ["--version"], None),
        ("status", 50, ["status"], None),
        ("branch", 50, ["branch"], None),
        ("log -20", 50, ["log", "-20"], None),
        ("diff of 10 facts", 20, ["diff", "HEAD~1", "HEAD", "--no-behaviour"], None),
        ("first blame of a fact", None, ["blame", *oldest], "changes"),
        ("blame of a fact of the last commit", 50, ["blame", *newest], None),
        ("blame of a fact of the first commit", 50, ["blame", *oldest], None),
        ("first blame of a subject", None, ["blame", subject(0)], "subjects"),
        ("blame of a subject", 50, ["blame", subject(0)], None),
        ("log of a fact", None, ["log", "--subject", newest[0], "--predicate", newest[1]], None),
        ("log of a subject", None, ["log", "--subject", newest[0]], None),
    ]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kledger", type=Path, required=True, help="the binary, without libtorch")
    parser.add_argument("--repository", type=Path, required=True, help="made by the benchmark of the ledger")
    parser.add_argument("--facts", type=int, default=1_000_000, help="how many the history has")
    parser.add_argument("--runs", type=int, default=10)
    add_results_argument(parser)
    args = parser.parse_args()
    binary, repository = args.kledger.resolve(), args.repository.resolve()
    results = Results(args, "What the ledger's verbs take on a long history, as whole processes.", COLUMNS, f"medians of {args.runs} runs")
    for name, goal, words, made in verbs(args.facts):
        if made:
            (repository / ".kledger" / made).unlink(missing_ok=True)
        used = [measured([binary, *words], repository)[1] for _ in range(1 if made else args.runs)]
        processor, wall, memory = (statistics.median(run[what] for run in used) for what in ["cpu", "whole", "memory"])
        results.add(name, goal, 1e3 * processor, 1e3 * wall, memory / 1e6)
    results.write()


main()

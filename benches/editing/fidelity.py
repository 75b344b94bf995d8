"""What each difference from MEMIT's reference implementation does to efficacy, paraphrase and neighbourhood.

    python fidelity.py --kledger target/release/kledger --model examples/base --world examples/world

Needs rdflib. Edits facts of facts.py into the base, with the world as neighbourhood, one switch of the
settings at a time, and makes the figures of docs/fidelity.md: all facts in one commit, and in ten
commits one after the other, where it counts whether earlier edits are carried along and on which
weights z is sought. All are made in one repository, so that a z is sought once for all rows that
share it.
"""

import argparse
import tempfile
from pathlib import Path

from facts import facts
from kledger import START, add_arguments, neighbourhood, repository
from results import Column, Results

CHECKED = ["efficacy", "paraphrase", "neighbourhood"]
SHARES = ["efficacy", "paraphrase", "neighbourhood unchanged", "earlier facts kept"]
ONE_COMMIT = [
    ("default", []),
    ("`every_context = false`", ["every_context=false"]),
    ("`locality_factor = 0`", ["locality_factor=0"]),
    ("`rephrase = false`", ["rephrase=false"]),
    ("`early_stop_loss = 0.05`", ["early_stop_loss=0.05"]),
    ("`z_matmul = \"bf16\"`", ["z_matmul=bf16"]),
    ("`faithful`", ["faithful=true", "ridge=1e-3"]),
]
TEN_COMMITS = [
    ("default", []),
    ("`carry = false`", ["carry=false"]),
    ("`z_on = \"current\"`", ["z_on=current"]),
    ("both", ["carry=false", "z_on=current"]),
]


def commit(kledger, message, settings):
    words = [word for setting in settings for word in ("--set", setting)]
    return kledger("commit", "-m", message, *words)["edit"]["check"]


def one_commit(kledger, lines, settings):
    stage(kledger, lines)
    check = commit(kledger, "All", settings)
    return [100 * check[what]["rate"] for what in CHECKED] + [None]


def ten_commits(kledger, lines, settings):
    """Of all commits together; kept is what holds in the end of what all but the last one edited."""
    size = len(lines) // 10
    passed = {what: [0, 0] for what in CHECKED}
    for i in range(10):
        stage(kledger, lines[i * size : (i + 1) * size])
        check = commit(kledger, f"Part {i + 1}", settings)
        for what, sums in passed.items():
            sums[0] += check[what]["passed"]
            sums[1] += check[what]["of"]
    rates = [100 * some / of_all for some, of_all in passed.values()]
    return [*rates, 100 * check["kept"]["rate"]]


def stage(kledger, lines):
    file = kledger.directory / "facts.nt"
    file.write_text("\n".join(lines))
    kledger("add", file)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=200, help="facts, a multiple of ten")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        kledger = repository(args, Path(work))
        kledger("config", "set", "recheck", str(args.count))
        neighbourhood(kledger, args.world)
        lines = facts(args.world, args.count)
        shares = [Column(name, "%", 1) for name in SHARES]
        results = Results(args, "What each difference from the reference implementation does.", ["facts", "commits", "settings", *shares])
        for commits, rows, run in [(1, ONE_COMMIT, one_commit), (10, TEN_COMMITS, ten_commits)]:
            for name, settings in rows:
                kledger("reset", "--hard", START)
                results.add(args.count, commits, name, *run(kledger, lines, settings))
        results.write()


if __name__ == "__main__":
    main()

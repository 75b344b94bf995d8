"""What each difference from MEMIT's reference implementation does to efficacy, paraphrase and neighbourhood.

    python fidelity.py --kledger target/release/kledger --model examples/base --world examples/world

Needs rdflib. Edits facts of facts.py into the base, with the world as neighbourhood, one switch of the
settings at a time, and prints the tables of docs/fidelity.md: all facts in one commit, and in ten
commits one after the other, where it counts whether earlier edits are carried along and on which
weights z is sought. All are made in one repository, so that a z is sought once for all rows that
share it.
"""

import argparse
import tempfile
from pathlib import Path

from facts import facts
from kledger import START, add_arguments, neighbourhood, repository

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


def share(rate):
    return f"{100 * rate:.1f} %"


def commit(kledger, message, settings):
    words = [word for setting in settings for word in ("--set", setting)]
    return kledger("commit", "-m", message, *words)["edit"]["check"]


def one_commit(kledger, lines, settings):
    stage(kledger, lines)
    check = commit(kledger, "All", settings)
    return [share(check[what]["rate"]) for what in ["efficacy", "paraphrase", "neighbourhood"]]


def ten_commits(kledger, lines, settings):
    """Of all commits together; kept is what holds in the end of what all but the last one edited."""
    size = len(lines) // 10
    passed = {what: [0, 0] for what in ["efficacy", "paraphrase", "neighbourhood"]}
    for i in range(10):
        stage(kledger, lines[i * size : (i + 1) * size])
        check = commit(kledger, f"Part {i + 1}", settings)
        for what, sums in passed.items():
            sums[0] += check[what]["passed"]
            sums[1] += check[what]["of"]
    rates = [share(of_all[0] / of_all[1]) for of_all in passed.values()]
    return [*rates, share(check["kept"]["rate"])]


def stage(kledger, lines):
    file = kledger.directory / "facts.nt"
    file.write_text("\n".join(lines))
    kledger("add", file)


def table(kledger, head, rows, run, lines):
    print("|", " | ".join(["settings", *head]), "|")
    print("|---" + "|--:" * len(head) + "|")
    for name, settings in rows:
        kledger("reset", "--hard", START)
        cells = run(kledger, lines, settings)
        print("|", " | ".join([name, *cells]), "|", flush=True)


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
        head = ["efficacy", "paraphrase", "neighbourhood unchanged"]
        print(f"{args.count} facts in one commit:\n")
        table(kledger, head, ONE_COMMIT, one_commit, lines)
        print(f"\n{args.count} facts in ten commits:\n")
        table(kledger, [*head, "earlier facts kept"], TEN_COMMITS, ten_commits, lines)


if __name__ == "__main__":
    main()

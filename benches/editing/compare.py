"""The same edit by kledger and by MEMIT's reference implementation (github.com/kmeng01/memit), by turns.

    python compare.py --memit PATH --kledger target/release/kledger --model examples/base \\
        --world examples/world --facts examples/edits/counterfactual-100.nt

Needs what reference.py needs, which says what both get; the number of threads is the same, too. What is measured of
each:

    edit   z, keys, solve and the new weights, of a model that is loaded
    whole  the process: kledger also loads the model, samples the prefixes, asks the facts before and
           after, and writes the commit; the reference also imports torch, loads the model and saves it
    cpu    seconds of all processors in that process

The table has the medians and their ratios; the lines below it the parts of kledger's time, and how far the changes of the
weights are apart.
"""

import argparse
import os
import statistics
import tempfile
from pathlib import Path

import reference
from kledger import add_arguments, repository
from results import Results

COLUMNS = ["model", "facts", "threads", "what", "unit", "kledger", "reference", "ratio"]
# What is measured of each run: its name, its unit, bytes or seconds in it, digits.
MEASURES = {
    "edit": ("edit", "s", 1, 2),
    "whole": ("whole process", "s", 1, 2),
    "cpu": ("processor time", "s", 1, 1),
    "memory": ("peak memory", "MB", 1e6, 0),
}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memit", type=Path, required=True, help="checkout of the reference")
    add_arguments(parser)
    parser.add_argument("--facts", type=Path, required=True, help="N-Triples")
    parser.add_argument("--count", type=int, help="how many of them (all)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def main():
    args = arguments()
    os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = str(args.threads)
    model, memit = args.model.resolve(), args.memit.resolve()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        kledger = repository(args, work)
        facts = [line for line in args.facts.read_text().splitlines() if line.startswith("<")]
        (work / "facts.nt").write_text("\n".join(facts[: args.count]))
        kledger("add", work / "facts.nt")
        copy = kledger.copy()
        copy(*reference.COMMIT)
        file = work / "job.json"
        reference.write_job(file, copy, model, memit)
        ours, theirs = [], []
        for _ in range(args.runs):
            copy = kledger.copy()
            _, spent, usage = copy.timed(*reference.COMMIT)
            ours.append(usage | spent | {"edit": sum(spent[part] for part in reference.EDIT)})
            show("kledger", ours[-1])
            theirs.append(reference.run(file))
            show("reference", theirs[-1])
        results = Results(args, "What an edit takes, beside the reference implementation.", COLUMNS, f"medians of {args.runs} runs")
        for what, (name, unit, size, digits) in MEASURES.items():
            us, them = (statistics.median(run[what] for run in runs) / size for runs in (ours, theirs))
            case = [args.model.name, len(facts[: args.count]), args.threads, name, unit]
            results.add(*case, round(us, digits or None), round(them, digits or None), round(them / us, 1))
        parts = {part: statistics.median(run[part] for run in ours) for part in spent}
        results.note("parts of kledger's time: " + ", ".join(f"{part} {s:.2f} s" for part, s in parts.items()))
        for tensor, error in reference.apart(work, copy, model):
            results.note(f"{tensor}: the changes differ by {error:.1e} of their size")
        results.write()


def show(who, run):
    times = ", ".join(f"{what} {run[what]:.2f} s" for what in ["edit", "whole", "cpu"])
    print(f"{who}: {times}, memory {run['memory'] / 1e6:.0f} MB", flush=True)


main()

"""Causal tracing by kledger and by the original code (github.com/kmeng01/rome), of the same facts.

    python trace.py --rome PATH --kledger target/release/kledger --model examples/base --world examples/world

Both run with one thread. kledger draws facts that the model knows; the original, in f32 like kledger, is given their
prompts and subjects and kledger's deviation of the noise, and runs what its experiments/causal_trace.py does for each:
states, MLPs and attention at every token and block. What is measured are seconds of the processor, since other work on
the machine does not change them: of kledger those of the whole process, which also loads the model and asks which facts
are known, of the original those of calculate_hidden_flow alone. Noise differs, so the effects that both find are
compared by their means. Needs what tests/fixtures/make/trace_reference.py needs.
"""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

from kledger import add_arguments, neighbourhood, new_repository
from results import ROOT, Column, Results

KINDS = {"state": None, "mlp": "mlp", "attention": "attn"}


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rome", type=Path, required=True, help="checkout of the original")
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=20, help="facts")
    parser.add_argument("--runs", type=int, default=3, help="of kledger; the original runs once")
    return parser.parse_args()


def main():
    args = arguments()
    os.environ["OMP_NUM_THREADS"] = os.environ["RAYON_NUM_THREADS"] = "1"
    model, rome, world = args.model.resolve(), args.rome.resolve(), args.world.resolve()
    # The original is run in its directory.
    args.results = args.results and args.results.resolve()
    with tempfile.TemporaryDirectory() as work:
        kledger = new_repository(args, Path(work))
        kledger("add", world / "labels.ttl", world / "templates.ttl")
        neighbourhood(kledger, world)
        runs = [kledger.timed("trace", "--facts", args.count) for _ in range(args.runs)]
    version = runs[0][0]["versions"][0]
    ours = statistics.median(usage["cpu"] for _, _, usage in runs)

    sys.path.insert(0, str(ROOT / "tests/fixtures/make"))
    from trace_reference import open_original

    ct = open_original(rome)
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    torch.set_num_threads(1)
    tokenizer = AutoTokenizer.from_pretrained(model)
    network = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32, attn_implementation="eager").eval()
    mt = ct.ModelAndTokenizer(model=network, tokenizer=tokenizer)
    theirs = 0.0
    effects = {kind: ([], []) for kind in KINDS}
    for trace in version["traces"]:
        subject = trace["subject"]
        # The original finds tokens by their text.
        name = "".join(trace["tokens"][subject["start"] : subject["end"]]).strip()
        start = time.process_time()
        flows = {
            kind: ct.calculate_hidden_flow(
                mt, trace["prompt"], name, noise=trace["noise"], window=trace["window"], kind=theirs_kind
            )
            for kind, theirs_kind in KINDS.items()
        }
        theirs += time.process_time() - start
        for grid in trace["grids"]:
            flow = flows[grid["restored"]]
            assert list(flow["subject_range"]) == [subject["start"], subject["end"]], (trace["prompt"], flow)
            for effect, scores, low in zip(
                effects[grid["restored"]], (grid["scores"], flow["scores"].tolist()), (trace["low"], flow["low_score"])
            ):
                effect.append([score - low for score in scores[subject["end"] - 1]])
    columns = ["model", "facts", Column("kledger", "s a fact"), Column("original", "s a fact"), "ratio"]
    question = "What causal tracing of a fact takes of the processor, beside the original code."
    results = Results(args, question, columns, f"median of {args.runs} of kledger, one of the original")
    facts = len(version["traces"])
    results.add(model.name, facts, round(ours / facts, 4), round(theirs / facts, 3), round(theirs / ours, 1))
    for kind, both in effects.items():
        means = [[round(statistics.mean(block), 3) for block in zip(*effect)] for effect in both]
        results.note(f"{kind} at the subject's last token by block, kledger {means[0]}, original {means[1]}")
    results.write()


main()

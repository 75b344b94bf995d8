"""Edits on a GPU: edits a second, the share of the GPU's rate of products, and the reference beside them.

    python gpu.py --memit PATH --kledger target/release/kledger --model gpt-j --records counterfact.json \\
        --corpus text.txt --f32 1000 --bf16 1000

Needs what reference.py needs. A few facts go into the model by both first; then many by kledger alone, in f32
and with `z_matmul = "bf16"`, with the settings of `commit --faithful`. An edit is z, keys, solve and the new
weights, of a model that is loaded. The rates are of square products of 8,192, measured here; the share counts the
multiplications that z needs, not those that filling adds, over the time for z.
"""

import argparse
import json
import subprocess
import sys
import tempfile
import time
import tomllib
from pathlib import Path

import reference
from found import cosine, found_z
from kledger import add_arguments, new_repository
from results import Column, Results

PARTS = ["z", "keys", "solve", "weights", "answers", "record"]
COLUMNS = [
    "model",
    "program",
    "products",
    "facts",
    Column("edits", "1/s", 2),
    Column("z", "1/s", 2),
    Column("steps", digits=1),
    Column("rate", "TFLOP/s", 2),
    Column("share of the card's rate", "%", 0),
    Column("edit", "s", 2),
    Column("whole", "s", 1),
    Column("model and prefixes", "s", 1),
    *(Column(f"{part}, all", "s", 1) for part in PARTS),
]

RATES = """
import torch
for name, kind in [("f32", torch.float32), ("bf16", torch.bfloat16)]:
    a, b = (torch.randn(8192, 8192, device="cuda", dtype=kind) for _ in range(2))
    start, end = (torch.cuda.Event(enable_timing=True) for _ in range(2))
    times = []
    for _ in range(13):
        start.record()
        a @ b
        end.record()
        torch.cuda.synchronize()
        times.append(start.elapsed_time(end) / 1e3)
    print(name, 2 * 8192**3 / sorted(times[3:])[5])
"""


def operations(model: Path, shown):
    """Additions and multiplications of matrix products that the search for z of a commit needs."""
    from transformers import AutoConfig, AutoTokenizer

    config = AutoConfig.from_pretrained(model)
    tokenizer = AutoTokenizer.from_pretrained(model)
    settings = tomllib.loads(shown["spec"]["settings"])
    square = 2 * config.n_embd**2
    word = 2 * config.n_embd * config.vocab_size
    blocks = config.n_layer - 1 - settings["layers"][-1]
    total = 0
    for row in shown["check"]["facts"]:
        subject, target = row["fact"]["subject"], len(tokenizer(" " + row["target"])["input_ids"])
        last = row["prompt"].index(subject) + len(subject)
        offsets = tokenizer(row["prompt"], return_offsets_mapping=True)["offset_mapping"]
        after = sum(end > last for _, end in offsets)
        tail = 1 + after + target - 1
        # The last block goes on with the tokens that are read alone.
        context = ((blocks - 1) * 12 * tail + 2 * tail + 10 * target) * square + target * word
        essence = blocks * 12 * square + word
        once = (1 + len(shown["spec"]["prefixes"])) * context + essence
        passes = row["trace"]["steps"] + 1
        total += once * (passes + min(passes, settings["v_num_grad_steps"] - 1))
    return total


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memit", type=Path, required=True, help="checkout of the reference")
    add_arguments(parser, world=False)
    parser.add_argument("--records", type=Path, required=True, help="CounterFact, JSON")
    parser.add_argument("--corpus", type=Path, required=True, help="text for the statistics")
    parser.add_argument("--both", type=int, default=16, help="facts that both edit in")
    parser.add_argument("--f32", type=int, default=1000, help="facts in f32")
    parser.add_argument("--bf16", type=int, default=1000, help="facts in bf16")
    parser.add_argument("--device", default="cuda")
    args = parser.parse_args()
    args.records, args.corpus = args.records.resolve(), args.corpus.resolve()
    model, memit = args.model.resolve(), args.memit.resolve()
    rates = {}
    results = Results(args, "Edits on a GPU: how many a second, and the share of the card's rate of products.", COLUMNS)
    if args.device != "cpu":
        rates = dict(line.split() for line in subprocess.check_output([sys.executable, "-c", RATES], text=True).splitlines())
        said = ", ".join(f"{name} {float(rate) / 1e12:.0f} TFLOP/s" for name, rate in rates.items())
        results.note(f"rate of the card's products: {said}")
    start = time.monotonic()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        kledger = new_repository(args, work, args.device)
        results.note(f"init: {time.monotonic() - start:.1f} s")
        stats, spent, usage = kledger.timed("stats", "--corpus", args.corpus)
        results.note(f"statistics: {stats['tokens']} tokens, {usage['whole']:.1f} s")

        def edited(count, *more):
            copy = kledger.copy()
            copy("add", "--from", "counterfact", args.records, "--limit", count, "--skip-conflicts")
            _, spent, usage = copy.timed(*reference.COMMIT, *more)
            shown = copy("show")
            return copy, shown, spent, usage

        seconds = lambda spent: sum(spent[part] for part in reference.EDIT)

        def record(products, shown, spent, usage):
            """A row of what kledger did."""
            rows = shown["check"]["facts"]
            facts, rate = len(rows), operations(model, shown) / spent["z"]
            share = 100 * rate / float(rates[products]) if rates else None
            steps = sum(row["trace"]["steps"] for row in rows) / facts
            speeds = [facts / seconds(spent), facts / spent["z"], steps, rate / 1e12, share]
            opened = spent.get("model", 0.0) + spent.get("prefixes", 0.0)
            parts = [opened, *(spent.get(part) for part in PARTS)]
            results.add(model.name, "kledger", products, facts, *speeds, seconds(spent), usage["whole"], *parts)

        if args.both:
            copy, shown, spent, usage = edited(args.both)
            record("f32", shown, spent, usage)
            reference.write_job(work / "job.json", copy, model, memit)
            theirs, count = reference.run(work / "job.json"), len(shown["check"]["facts"])
            speeds = [count / theirs["edit"], None, None, None, None, theirs["edit"], theirs["whole"]]
            results.add(model.name, "reference", "f32", count, *speeds, None, *(None for _ in PARTS))
            config = json.loads((model / "config.json").read_text())
            if "float32" in (config.get("dtype"), config.get("torch_dtype")):
                for tensor, error in reference.apart(work, copy, model):
                    results.note(f"{tensor}: the changes differ by {error:.1e} of their size")
        z = {}
        for kind, count in (("f32", args.f32), ("bf16", args.bf16)):
            if not count:
                continue
            copy, shown, spent, usage = edited(count, "--set", f"z_matmul={kind}")
            record(kind, shown, spent, usage)
            z[kind] = found_z(copy)
        if len(z) == 2 and z["f32"].shape == z["bf16"].shape:
            near = sorted(cosine(z["f32"], z["bf16"]))
            results.note(f"cosine of z, bf16 with f32: least {near[0]:.5f}, median {near[len(near) // 2]:.5f}")
        results.write()


main()

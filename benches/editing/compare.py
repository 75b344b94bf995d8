"""The same edit by kledger and by MEMIT's reference implementation (github.com/kmeng01/memit), by turns.

    python compare.py --memit PATH --kledger target/release/kledger --model examples/base \\
        --world examples/world --facts examples/edits/counterfactual-100.nt

Needs torch, transformers 4.57, safetensors, pyyaml, numpy. Both get the same requests, context prefixes,
covariance (ridge included), settings (those of `commit --faithful`) and number of threads. What is
measured of each:

    edit   z, keys, solve and the new weights, of a model that is loaded
    whole  the process: kledger also loads the model, samples the prefixes, asks the facts before and
           after, and writes the commit; the reference also imports torch, loads the model and saves it
    cpu    seconds of all processors in that process

The last lines give the ratios of the medians, and how far the changes of the weights are apart.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
import tomllib
from pathlib import Path

from kledger import Kledger, add_arguments, measured, repository

MAKE = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "make"
RIDGE = 1e-3
EDIT = ["z", "keys", "solve", "weights"]
COMMIT = ["commit", "-m", "Edit", "--faithful", "--set", f"ridge={RIDGE}"]


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--memit", type=Path, required=True, help="checkout of the reference")
    add_arguments(parser)
    parser.add_argument("--facts", type=Path, required=True, help="N-Triples")
    parser.add_argument("--count", type=int, help="how many of them (all)")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    return parser.parse_args()


def job(edited: Kledger, model: Path, memit: Path):
    """What the reference is to do, as the commit in `edited` did it."""
    shown = edited("show")
    requests = []
    for row in shown["check"]["facts"]:
        before, subject, after = row["prompt"].partition(row["fact"]["subject"])
        assert subject, row["prompt"]
        requests.append({
            "case_id": len(requests),
            "prompt": before + "{}" + after,
            "subject": subject,
            "target_new": {"str": " " + row["target"]},
        })
    moments = [
        file
        for file in (edited.directory / ".kledger" / "tensors").glob("*/*")
        if b"second_moment" in file.open("rb").read(4096)
    ]
    settings = tomllib.loads(shown["spec"]["settings"])
    assert settings["ridge"] == RIDGE and not settings["every_context"], settings
    return {
        "memit": str(memit),
        "model": str(model),
        "requests": requests,
        "prefixes": shown["spec"]["prefixes"],
        "settings": settings,
        "moments": [str(file) for file in moments],
    }


def reference(file: Path):
    """Does a job with the reference; runs in a process of its own."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    sys.path.insert(0, str(MAKE))
    from memit_from import hyperparameters, import_reference

    job = json.loads(file.read_text())
    out = file.parent / "edited"
    torch.set_num_threads(int(os.environ["OMP_NUM_THREADS"]))
    memit = import_reference(Path(job["memit"]))
    settings = job["settings"]
    moments = {}
    for name, c in {k: v for f in job["moments"] for k, v in load_file(f).items()}.items():
        ridge = settings["ridge"] * c.diagonal().double().mean()
        c = c.double() + ridge * torch.eye(len(c))
        moments[name.removesuffix(".weight.second_moment")] = c.float()
    memit.get_cov = lambda model, tok, name, *args, **kw: moments[name]
    memit.CONTEXT_TEMPLATES_CACHE = [["{}"], [f"{p}. {{}}" for p in job["prefixes"]]]

    model = AutoModelForCausalLM.from_pretrained(job["model"], torch_dtype=torch.float32).eval()
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    tokenizer.pad_token = tokenizer.eos_token
    printed, sys.stdout = sys.stdout, open(os.devnull, "w")
    start = time.monotonic()
    memit.apply_memit_to_model(model, tokenizer, job["requests"], hyperparameters(memit, settings))
    seconds = time.monotonic() - start
    model.save_pretrained(out)
    sys.stdout = printed
    print(seconds)


def apart(work: Path, edited: Kledger, model: Path):
    """How far the two changes of each edited tensor are apart, over the size of the reference's."""
    from safetensors.torch import load_file

    edited("export", "--format", "merged", "HEAD", work / "export")
    tensors = lambda folder: {k: v for f in folder.glob("*.safetensors") for k, v in load_file(f).items()}
    base, ours, theirs = tensors(model), tensors(work / "export"), tensors(work / "edited")
    for name in edited("show")["weights"]:
        name = name["name"]
        change = theirs[name] - base[name]
        error = ((ours[name] - theirs[name]).norm() / change.norm()).item()
        print(f"{name}: the changes differ by {error:.1e} of their size")


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
        copy(*COMMIT)
        file = work / "job.json"
        file.write_text(json.dumps(job(copy, model, memit)))
        ours, theirs = [], []
        for _ in range(args.runs):
            copy = kledger.copy()
            _, spent, usage = copy.timed(*COMMIT)
            ours.append(usage | spent | {"edit": sum(spent[part] for part in EDIT)})
            show("kledger", ours[-1])
            out, usage = measured([sys.executable, __file__, "--job", file], work)
            theirs.append(usage | {"edit": float(out)})
            show("reference", theirs[-1])
        for what in ["edit", "whole", "cpu", "memory"]:
            us, them = (statistics.median(run[what] for run in runs) for runs in (ours, theirs))
            print(f"{what}: reference / kledger = {them / us:.2f}")
        parts = {part: statistics.median(run[part] for run in ours) for part in spent}
        print("kledger's parts:", ", ".join(f"{part} {s:.2f} s" for part, s in parts.items()))
        apart(work, copy, model)


def show(who, run):
    times = ", ".join(f"{what} {run[what]:.2f} s" for what in ["edit", "whole", "cpu"])
    print(f"{who}: {times}, memory {run['memory'] / 1e6:.0f} MB", flush=True)


if sys.argv[1:2] == ["--job"]:
    reference(Path(sys.argv[2]))
else:
    main()

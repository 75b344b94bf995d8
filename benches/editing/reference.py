"""The reference implementation of MEMIT (github.com/kmeng01/memit) on what a commit of kledger's did.

Needs torch, transformers 4.57, safetensors, pyyaml, numpy. Both get the same requests, context prefixes,
covariance (ridge included) and settings (those of `commit --faithful`). The reference runs in a process of its
own: this file, with a job.
"""

import json
import os
import sys
import time
import tomllib
from pathlib import Path

from kledger import Kledger, measured

MAKE = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "make"
RIDGE = 1e-3
# Parts of a commit that the reference does, too.
EDIT = ["z", "keys", "solve", "weights"]
COMMIT = ["commit", "-m", "Edit", "--faithful", "--set", f"ridge={RIDGE}"]
# The weights that the reference edited, beside its job.
EDITED = "edited.safetensors"


def write_job(file: Path, edited: Kledger, model: Path, memit: Path):
    """Writes down what the reference is to do, as the commit in `edited` did it."""
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
    job = {
        "device": edited.device,
        "memit": str(memit),
        "model": str(model),
        "requests": requests,
        "prefixes": shown["spec"]["prefixes"],
        "settings": settings,
        "moments": [str(file) for file in moments],
    }
    file.write_text(json.dumps(job))


def run(file: Path):
    """Seconds of the edit, and what the process used."""
    out, usage = measured([sys.executable, __file__, file], file.parent)
    return usage | {"edit": float(out)}


def do(file: Path):
    """Does a job with the reference, and prints the seconds that the edit took."""
    import torch
    from safetensors.torch import load_file, save_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    sys.path.insert(0, str(MAKE))
    from memit_from import hyperparameters, import_reference

    job = json.loads(file.read_text())
    device = job["device"]
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    memit = import_reference(Path(job["memit"]), device)
    settings = job["settings"]
    moments = {}
    for name, c in {k: v for f in job["moments"] for k, v in load_file(f).items()}.items():
        c = c.to(device)
        c.diagonal().add_(settings["ridge"] * c.diagonal().double().mean())
        moments[name.removesuffix(".weight.second_moment")] = c
    memit.get_cov = lambda model, tok, name, *args, **kw: moments[name]
    memit.CONTEXT_TEMPLATES_CACHE = [["{}"], [f"{p}. {{}}" for p in job["prefixes"]]]

    model = AutoModelForCausalLM.from_pretrained(job["model"], torch_dtype=torch.float32).eval().to(device)
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    tokenizer.pad_token = tokenizer.eos_token
    printed, sys.stdout = sys.stdout, open(os.devnull, "w")
    hparams = hyperparameters(memit, settings, model.config.model_type)
    start = time.monotonic()
    memit.apply_memit_to_model(model, tokenizer, job["requests"], hparams)
    if device != "cpu":
        torch.cuda.synchronize()
    seconds = time.monotonic() - start
    sys.stdout = printed
    weights = model.state_dict()
    edited = {f"{name}.weight": weights[f"{name}.weight"].cpu().contiguous() for name in moments}
    save_file(edited, file.with_name(EDITED))
    print(seconds)


def apart(work: Path, edited: Kledger, model: Path):
    """Of each edited tensor, how far the two changes are apart over the size of the reference's."""
    from safetensors.torch import load_file

    edited("export", "--format", "merged", "HEAD", work / "export")
    tensors = lambda folder: {k: v for f in folder.glob("*.safetensors") for k, v in load_file(f).items()}
    base, ours, theirs = tensors(model), tensors(work / "export"), load_file(work / EDITED)
    for name in edited("show")["weights"]:
        name = name["name"]
        before = base[name].float()
        change = theirs[name] - before
        error = ((ours[name].float() - theirs[name]).norm() / change.norm()).item()
        yield name, error


if __name__ == "__main__":
    do(Path(sys.argv[1]))

"""What kledger writes, loaded by the tools people load it with; what they write, taken in.

    check.py KLEDGER

runs the binary KLEDGER in temporary repositories and compares what `transformers` and `peft` make of
its checkouts, exports and imports. Needs what requirements.txt names; `make test-clients` provides it.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from peft import LoraConfig, PeftModel, get_peft_model
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ROOT / "examples"
KLEDGER = Path(sys.argv[1]).resolve()
PROMPTS = ["The Eiffel Tower is located in the city of", "The Colosseum stands in the city of"]

logging.set_verbosity_error()
logging.disable_progress_bar()


class Repository:
    """A kledger repository in a directory of its own."""

    def __init__(self, directory, model):
        self.root = Path(directory)
        self.root.mkdir(parents=True)
        self.run("init", "--model", model)

    def run(self, *words):
        """Runs a verb; the report."""
        command = [KLEDGER, "--json", *map(str, words)]
        done = subprocess.run(command, cwd=self.root, stdout=subprocess.PIPE, text=True)
        assert done.returncode == 0, f"{words} ended with {done.returncode}: {done.stdout}"
        return json.loads(done.stdout.splitlines()[-1])["data"]

    def checkout(self, name, revision="HEAD"):
        self.run("checkout", revision, "--to", name)
        return self.root / name

    def export(self, name, *options):
        self.run("export", *options, "HEAD", name)
        return self.root / name

    @property
    def base(self):
        return self.root / ".kledger" / "base"


def load(directory, dtype="auto"):
    return AutoModelForCausalLM.from_pretrained(directory, dtype=dtype).eval()


@torch.no_grad()
def logits(model, ids):
    return model(ids).logits.float()


def weights(model):
    return model.state_dict()


def same(found, wanted, what):
    """That two models have the same weights, bit for bit."""
    assert found.keys() == wanted.keys(), f"{what}: other tensors"
    for name, tensor in wanted.items():
        assert torch.equal(found[name], tensor), f"{what}: {name} differs"


def rounded_alike(found, wanted, what):
    """That two models in f16 have the same weights but for a few that were rounded twice: a sum that
    f32 rounds onto the middle between two f16 goes either way."""
    assert found.keys() == wanted.keys(), f"{what}: other tensors"
    for name, tensor in wanted.items():
        bits = [t.contiguous().view(torch.int16).int() for t in (found[name], tensor)]
        steps = (bits[0] - bits[1]).abs()
        share = (steps != 0).float().mean().item()
        assert steps.max() <= 1 and share < 1e-3, f"{what}: {name} differs, {share:.2%} of it"


def within(found, wanted, tolerance, what):
    error = (found - wanted).abs().max().item()
    assert error <= tolerance, f"{what}: logits differ by {error:g}, more than {tolerance:g}"
    return error


def edits(work):
    """Two commits on the shipped base: everything that leaves says the same."""
    repo = Repository(work / "edits", EXAMPLES / "base")
    repo.run("add", EXAMPLES / "world/labels.ttl", EXAMPLES / "world/templates.ttl")
    repo.run("add", EXAMPLES / "edits/counterfactual-10.nt")
    repo.run("commit", "-m", "Landmarks moved")
    repo.run("add", EXAMPLES / "edits/correction.nt")
    repo.run("commit", "-m", "A correction")

    checkout = repo.checkout("model")
    model, tokenizer = load(checkout), AutoTokenizer.from_pretrained(checkout)
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        said = repo.run("ask", prompt, "--tokens", "8")["answers"][0]["text"]
        full = load(checkout, torch.float32)
        tokens = full.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=8,
                               do_sample=False, pad_token_id=0)
        text = tokenizer.decode(tokens[0, ids.shape[1]:], skip_special_tokens=True).strip()
        assert text == said, f"transformers says {text!r}, kledger {said!r}"
    print("ok  checkout: transformers says what kledger says")

    same(weights(load(repo.export("merged", "--format", "merged"))), weights(model), "merged")
    print("ok  merged: the checkout's weights")

    for kind in ["peft", "peft-patterns"]:
        adapter = repo.export(kind, "--format", kind)
        merged = PeftModel.from_pretrained(load(repo.base, torch.float32), adapter)
        merged = merged.merge_and_unload().to(model.dtype)
        rounded_alike(weights(merged), weights(model), kind)
        error = within(
            logits(AutoModelForCausalLM.from_pretrained(adapter, dtype=torch.float32), ids),
            logits(full, ids), 1e-2, f"{kind} unmerged",
        )
        print(f"ok  {kind}: merged, the checkout's weights; unmerged, logits within {error:.1e} "
              "of it, which is rounded to f16")

    cut = repo.run("export", "--format", "peft", "--max-rank", "4", "HEAD", "cut")
    assert cut["rank"] == 4 and cut["fidelity"]["rank"] > 4
    PeftModel.from_pretrained(load(repo.base), repo.root / "cut")
    print("ok  peft --max-rank 4: loads")

    there = Repository(work / "elsewhere", EXAMPLES / "base")
    there.run("import", "--from-delta", repo.export("delta", "--format", "delta"), "--no-check")
    same(weights(load(there.checkout("model"))), weights(model), "delta")
    print("ok  delta: the same weights in another repository")


def adapters(work, name, model):
    """Adapters and checkpoints of somebody else's making, for any architecture."""
    repo = Repository(work / name, model)
    torch.manual_seed(0)
    base = load(repo.base, torch.float32)
    dtype = load(repo.base).dtype
    # By modules: all but the head, which an adapter of ours never has.
    modules = [n for n, m in base.named_modules() if type(m).__name__ in ("Linear", "Conv1D")]
    modules = [n for n in modules if any(part.isdigit() for part in n.split("."))]
    for kind, options in {
        "plain": {"r": 3, "lora_alpha": 6},
        "rslora": {"r": 4, "lora_alpha": 5, "use_rslora": True},
        "patterns": {"r": 2, "lora_alpha": 2, "rank_pattern": {modules[0]: 5},
                     "alpha_pattern": {modules[-1]: 7}},
    }.items():
        config = LoraConfig(task_type="CAUSAL_LM", target_modules=modules, **options)
        tuned = get_peft_model(load(repo.base, torch.float32), config)
        for parameter_name, parameter in tuned.named_parameters():
            if "lora_" in parameter_name:
                torch.nn.init.normal_(parameter, std=0.05)
        tuned.save_pretrained(work / f"{name}-{kind}")
        repo.run("import", "--from-peft", work / f"{name}-{kind}", "--no-check")
        ids = torch.arange(1, 9).unsqueeze(0)
        found = load(repo.checkout("model"), torch.float32)
        wanted = tuned.merge_and_unload().to(dtype).float()
        # PEFT multiplies in f32, we in f64: up to an ulp of f32, and of f16 where that is the dtype.
        tolerance = 1e-5 if dtype == torch.float32 else 2e-2
        within(logits(found, ids), logits(wanted, ids), tolerance, f"{name} {kind}")
        # And out again.
        again = repo.export(f"again-{kind}", "--format", "peft")
        back = PeftModel.from_pretrained(load(repo.base, torch.float32), again).merge_and_unload()
        within(logits(back.to(dtype).float(), ids), logits(found, ids), tolerance, f"{name} again")
        repo.run("revert", "HEAD", "--no-check")
        same(weights(load(repo.checkout("model"))), weights(load(repo.base)), f"{name} reverted")
    print(f"ok  {name}: adapters of peft, in and out")

    tuned = load(repo.base)
    with torch.no_grad():
        for parameter in tuned.parameters():
            parameter.add_(torch.randn_like(parameter) * 1e-2)
    tuned.save_pretrained(work / f"{name}-tuned")
    AutoTokenizer.from_pretrained(repo.base).save_pretrained(work / f"{name}-tuned")
    repo.run("import", "--from-checkpoint", work / f"{name}-tuned", "--no-check")
    same(weights(load(repo.checkout("model"))), weights(tuned), f"{name} tuned")
    print(f"ok  {name}: a fine-tuned checkpoint, bit for bit")


def main():
    os.environ.setdefault("KLEDGER_AUTHOR", "Client <client@example.org>")
    with tempfile.TemporaryDirectory(prefix="kledger-clients-") as directory:
        work = Path(directory)
        for config in sorted((ROOT / "tests/fixtures/models").glob("*/config.json")):
            adapters(work, config.parent.name, config.parent)
        edits(work)


if __name__ == "__main__":
    main()

"""What the originals' own code does to a model, beside kledger's editors of that name.

    python originals.py --kledger target/release/kledger --model examples/base --world examples/world \\
        --originals memit=PATH alphaedit=PATH ...

PATHs are checkouts: memit of github.com/kmeng01/memit, rome of github.com/kmeng01/rome, alphaedit of
github.com/jianghoucheng/AlphaEdit, pmet of github.com/xpq-tech/PMET (its folder edit), ft-m of github.com/zjunlp/EasyEdit.
Needs rdflib, torch, transformers 4.57, safetensors, numpy, pyyaml and what tests/fixtures/make/closed_reference.py needs.

Both edit the facts of facts.py that editors.py edits, with the settings of `commit --faithful`, which are the originals' but
for what is by model; the closed-form ones with the same context prefixes and covariance. What the original makes of the
weights is imported as a version, and both are asked the same.
"""

import argparse
import importlib
import json
import os
import shutil
import sys
import tempfile
import tomllib
import types
from pathlib import Path

from facts import facts
from kledger import START, add_arguments, measured, neighbourhood, repository
from results import Column, Results

MAKE = Path(__file__).resolve().parents[2] / "tests" / "fixtures" / "make"
SCORES = ["S", "ES", "PS", "NS", "EA", "PA", "NA"]
QUESTION = "What the originals' own code does to a model, beside kledger's editors of that name."
# Added to the diagonal of a covariance, in units of its mean: what inverts it asks for some.
RIDGE = 1e-3


def apply(job, model, tokenizer, moments):
    """Edits `model` in place, by the original's own code."""
    import torch

    sys.path.insert(0, str(MAKE))
    editor, path, requests = job["editor"], Path(job["original"]), job["requests"]
    settings, prefixes = job["settings"], [f"{prefix}. {{}}" for prefix in job["prefixes"]]
    if editor == "memit":
        from memit_from import hyperparameters, import_reference

        memit = import_reference(path)
        memit.get_cov = lambda model, tok, name, *args, **kw: moments[name]
        memit.CONTEXT_TEMPLATES_CACHE = [["{}"], prefixes]
        memit.apply_memit_to_model(model, tokenizer, requests, hyperparameters(memit, settings))
        return
    from closed_reference import MODULES, open_repository

    hparams = types.SimpleNamespace(**{**settings, **MODULES, "mom2_adjustment": True})
    if editor == "rome":
        open_repository(path, ["rome"])
        rome = importlib.import_module("rome.rome_main")
        compute_u = importlib.import_module("rome.compute_u")
        compute_u.get_inv_cov = lambda model, tok, name, *args, **kw: torch.inverse(moments[name])
        rome.CONTEXT_TEMPLATES_CACHE = ["{}", *prefixes]
        hparams.context_template_length_params = []
        rome.apply_rome_to_model(model, tokenizer, requests, hparams)
    elif editor == "alphaedit":
        open_repository(path, ["AlphaEdit"])
        alphaedit = importlib.import_module("AlphaEdit.AlphaEdit_main")
        alphaedit.CONTEXT_TEMPLATES_CACHE = [["{}"], prefixes]
        projections = []
        for layer in settings["layers"]:
            # The original's threshold is an eigenvalue; as many directions are taken as kledger takes.
            sizes, directions = torch.linalg.eigh(moments[MODULES["rewrite_module_tmp"].format(layer)].double())
            small = directions[:, sizes.cumsum(0) <= settings["nullspace_energy"] * sizes.sum()]
            projections.append((small @ small.T).float())
        projections = torch.stack(projections)
        cache = torch.zeros_like(projections)
        alphaedit.apply_AlphaEdit_to_model(model, tokenizer, requests, hparams, cache_c=cache, P=projections)
    elif editor == "pmet":
        open_repository(path, ["pmet"])
        pmet = importlib.import_module("pmet.pmet_main")
        pmet.get_cov = lambda model, tok, name, *args, **kw: moments[name].clone()
        pmet.CONTEXT_TEMPLATES_CACHE = [["{}"], prefixes]
        hparams.mlp_module_tmp, hparams.attn_module_tmp = (f"transformer.h.{{}}.{part}.c_proj" for part in ("mlp", "attn"))
        hparams.rewrite_module_tmps = [MODULES["rewrite_module_tmp"]]
        hparams.nll_loss_factor = 1
        changes = pmet.execute_pmet(model, tokenizer, requests, hparams)
        with torch.no_grad():
            for weight, change in changes.items():
                model.get_parameter(weight).add_(change.float())
    elif editor == "ft-m":
        ft_m(path, model, tokenizer, requests, settings)
    else:
        sys.exit(f"{editor}: there is no original of that name here")


def ft_m(path, model, tokenizer, requests, settings):
    """One request after the other, each on the weights that the one before left, as EasyEdit's sequential edits are."""
    from closed_reference import MODULES
    from tune_reference import module, package

    (Path.cwd() / "globals.yml").write_text("".join(f"{key}: .\n" for key in ["RESULTS_DIR", "DATA_DIR", "STATS_DIR", "KV_DIR"]))
    folder = path / "easyeditor"
    package("easyeditor")
    package("easyeditor.util", nethook=module("easyeditor.util.nethook", folder / "util/nethook.py", "easyeditor.util"))
    module("easyeditor.util.device", folder / "util/device.py", "easyeditor.util")
    package("easyeditor.util.hparams", HyperParams=object)
    package("easyeditor.models")
    package("easyeditor.models.ft")
    of = lambda name: module(f"easyeditor.models.ft.{name}", folder / f"models/ft/{name}.py", "easyeditor.models.ft")  # noqa: E731
    hparams, ft = of("ft_hparams"), of("ft_main")
    hparams = hparams.FTHyperParams(
        layers=settings["layers"], num_steps=settings["num_steps"], lr=settings["lr"], weight_decay=0, kl_factor=0,
        norm_constraint=False, rewrite_module_tmp=MODULES["rewrite_module_tmp"], layer_module_tmp="", mlp_module_tmp="",
        attn_module_tmp="", ln_f_module="", lm_head_module="", device="cpu", alg_name="FT", model_name="gpt2",
        objective_optimization="target_new", batch_size=1,
    )
    for request in requests:
        text = request["prompt"].format(request["subject"])
        ft.apply_ft_to_model(model, tokenizer, [{"prompt": text, "target_new": request["target_new"]["str"].strip()}], hparams)


def do(file: Path):
    """Does a job, in a process of its own."""
    import torch
    from safetensors.torch import load_file
    from transformers import AutoModelForCausalLM, AutoTokenizer

    job = json.loads(file.read_text())
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", os.cpu_count())))
    moments = {}
    for name, moment in {k: v for f in job["moments"] for k, v in load_file(f).items()}.items():
        moment.diagonal().add_(RIDGE * moment.diagonal().double().mean())
        moments[name.removesuffix(".weight.second_moment")] = moment
    eager = {"attn_implementation": "eager", "torch_dtype": torch.float32}
    model = AutoModelForCausalLM.from_pretrained(job["model"], **eager).eval()
    tokenizer = AutoTokenizer.from_pretrained(job["model"])
    tokenizer.pad_token = tokenizer.eos_token
    os.chdir(file.parent)
    printed, sys.stdout = sys.stdout, open(os.devnull, "w")
    apply(job, model, tokenizer, moments)
    sys.stdout = printed
    model.save_pretrained(file.with_name("edited"))


def requests(shown):
    """The facts of a commit as the originals have them."""
    for number, row in enumerate(shown["check"]["facts"]):
        before, _, after = row["prompt"].partition(row["fact"]["subject"])
        target = {"str": " " + row["target"]}
        yield {
            "case_id": number, "prompt": before + "{}" + after, "subject": row["fact"]["subject"],
            "target_new": target, "target_true": target,
        }


def edit(kledger, work: Path, editor: str, original: Path, model: Path, lines):
    """Has both edit the facts; the scores of either."""
    kledger("reset", "--hard", START)
    (work / "facts.nt").write_text("\n".join(lines))
    kledger("add", work / "facts.nt")
    ridge = ["--set", f"ridge={RIDGE}"] if editor in ("memit", "rome") else []
    kledger("commit", "-m", "Edit", "--editor", editor, "--faithful", "--allow-weak", *ridge)
    shown = kledger("show")
    folder = kledger.directory / ".kledger" / "tensors"
    job = {
        "editor": editor,
        "original": str(original.resolve()),
        "model": str(model.resolve()),
        "requests": list(requests(shown)),
        "prefixes": shown["spec"].get("prefixes", []),
        "settings": tomllib.loads(shown["spec"]["settings"]),
        "moments": [str(file) for file in folder.glob("*/*") if b"second_moment" in file.open("rb").read(4096)],
    }
    file = work / "job.json"
    file.write_text(json.dumps(job))
    measured([sys.executable, __file__, "--job", file], work)
    kledger("tag", "-f", "ours")
    kledger("reset", "--hard", START)
    kledger("import", "--from-checkpoint", work / "edited", "--no-check")
    kledger("tag", "-f", "theirs")
    shutil.rmtree(work / "edited")
    evaluated = kledger("eval", "ours", "--vs", "theirs", "--facts", "--protocol", "counterfact")["versions"]
    return [{metric["name"]: metric["mean"] for metric in version["metrics"]} for version in evaluated]


def main():
    if sys.argv[1:2] == ["--job"]:
        return do(Path(sys.argv[2]))
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--originals", nargs="+", required=True, metavar="EDITOR=PATH", help="checkouts, by editor")
    parser.add_argument("--counts", type=int, nargs="+", default=[1, 10, 100], help="numbers of facts")
    parser.add_argument("--seed", type=int, default=0, help="choice of facts")
    args = parser.parse_args()
    columns = ["editor", "facts", "by", *(Column(score, digits=1) for score in SCORES)]
    with tempfile.TemporaryDirectory() as work:
        kledger = repository(args, Path(work))
        neighbourhood(kledger, args.world)
        results = Results(args, QUESTION, columns)
        lines = facts(args.world, max(200, *args.counts), args.seed)
        for original in args.originals:
            editor, _, path = original.partition("=")
            for count in args.counts:
                both = edit(kledger, Path(work), editor, Path(path), args.model, lines[:count])
                for by, scores in zip(["kledger", "its own code"], both):
                    results.add(editor, count, by, *(scores[score] for score in SCORES))
            results.write()


if __name__ == "__main__":
    main()

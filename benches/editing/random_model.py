"""A model of a published shape with random weights.

    python random_model.py gpt2|gpt2-xl|gpt-j TOKENIZER.JSON OUTPUT-DIRECTORY

Needs torch and transformers; TOKENIZER.JSON is GPT-2's. The models are of 0.5, 6 and 24 GB in f32. They know
nothing; what an edit of one costs does not depend on that, but for facts that end early.
"""

import argparse
import json
import shutil
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel, GPTJConfig, GPTJForCausalLM

SPECIAL = "<|endoftext|>"
SHAPES = {
    "gpt2": (GPT2LMHeadModel, GPT2Config, {}),
    "gpt2-xl": (GPT2LMHeadModel, GPT2Config, {"n_layer": 48, "n_embd": 1600, "n_head": 25}),
    "gpt-j": (GPTJForCausalLM, GPTJConfig, {}),
}


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("shape", choices=SHAPES)
    parser.add_argument("tokenizer", type=Path, help="GPT-2's tokenizer.json")
    parser.add_argument("out", type=Path, help="directory to write to")
    parser.add_argument("--layers", type=int, help="blocks, in place of the shape's")
    parser.add_argument("--width", type=int, help="of the streams, in place of the shape's")
    parser.add_argument("--dtype", choices=["float32", "float16", "bfloat16"], default="float32", help="of the file")
    parser.add_argument("--device", default="cpu", help="where the weights are drawn")
    args = parser.parse_args()
    model, config, sizes = SHAPES[args.shape]
    config = config(bos_token_id=50256, eos_token_id=50256, **sizes)
    config.n_layer, config.n_embd = args.layers or config.n_layer, args.width or config.n_embd
    torch.manual_seed(30)
    torch.set_default_dtype(getattr(torch, args.dtype))
    with torch.device(args.device), torch.no_grad():
        model = model(config).eval()
        # Weights of about a trained model's size, so that an edit has something to hold on to.
        for name, weight in model.named_parameters():
            if weight.dim() == 2:
                weight.normal_(0.0, 0.02 if "wpe" in name else 0.12 * (768 / config.n_embd) ** 0.5)
        # A vocabulary that is filled up has tokens that are never said.
        if model.lm_head.bias is not None:
            model.lm_head.bias.zero_()
            model.lm_head.bias[50257:] = -1e4
    args.out.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(args.out, safe_serialization=True)
    (args.out / "generation_config.json").unlink(missing_ok=True)
    shutil.copy(args.tokenizer, args.out / "tokenizer.json")
    special = {"bos_token": SPECIAL, "eos_token": SPECIAL, "pad_token": SPECIAL}
    (args.out / "tokenizer_config.json").write_text(
        json.dumps({"tokenizer_class": "GPT2TokenizerFast", **special}, indent=1) + "\n"
    )


main()

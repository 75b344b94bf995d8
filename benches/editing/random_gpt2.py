"""A GPT-2 of the published small shape with random weights.

    python random_gpt2.py TOKENIZER.JSON OUTPUT-DIRECTORY

Needs torch and transformers. 12 blocks of width 768 and 50,257 tokens (0.5 GB); TOKENIZER.JSON is GPT-2's.
It knows nothing; what an edit of it costs does not depend on that, but for facts that end early.
"""

import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import GPT2Config, GPT2LMHeadModel

tokenizer, out = Path(sys.argv[1]), Path(sys.argv[2])
out.mkdir(parents=True, exist_ok=True)
torch.manual_seed(30)
model = GPT2LMHeadModel(GPT2Config(bos_token_id=50256, eos_token_id=50256)).eval()
# Weights of about a trained model's size, so that an edit has something to hold on to.
with torch.no_grad():
    for name, weight in model.named_parameters():
        if weight.dim() == 2:
            weight.normal_(0.0, 0.02 if "wpe" in name else 0.12)
model.save_pretrained(out, safe_serialization=True)
(out / "generation_config.json").unlink(missing_ok=True)
shutil.copy(tokenizer, out / "tokenizer.json")
special = {"bos_token": "<|endoftext|>", "eos_token": "<|endoftext|>", "pad_token": "<|endoftext|>"}
(out / "tokenizer_config.json").write_text(
    json.dumps({"tokenizer_class": "GPT2TokenizerFast", **special}, indent=1) + "\n"
)

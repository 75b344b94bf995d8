"""How much memory a large sharded checkpoint takes, in each way of using it.

    memory.py KLEDGER [GIGABYTES]

makes a random Llama in bf16 of that size (1.5 unless given) in several shards, in a temporary directory that is
removed again, and prints for `kledger init`, `ask` and `stats` the most memory the process had at once, as a part of
the checkpoint's size: anonymous memory (RssAnon), which is its own, and pages of files (RssFile), which the system
takes back when it needs them, such as the checkpoint's and those of libtorch.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import torch
from safetensors.torch import save_file

ROOT = Path(__file__).resolve().parents[2]
TOKENIZER = ROOT / "tests/fixtures/models/llama-2"
KLEDGER = Path(sys.argv[1]).resolve()
BYTES = float(sys.argv[2] if len(sys.argv) > 2 else 1.5) * 1e9
WIDTH, INNER, VOCABULARY, SHARD = 1024, 4096, 32000, 4
BLOCK = {
    "input_layernorm": (WIDTH,),
    "post_attention_layernorm": (WIDTH,),
    "self_attn.q_proj": (WIDTH, WIDTH),
    "self_attn.k_proj": (WIDTH // 4, WIDTH),
    "self_attn.v_proj": (WIDTH // 4, WIDTH),
    "self_attn.o_proj": (WIDTH, WIDTH),
    "mlp.gate_proj": (INNER, WIDTH),
    "mlp.up_proj": (INNER, WIDTH),
    "mlp.down_proj": (WIDTH, INNER),
}


def make(folder):
    """Writes the checkpoint; its size in bytes."""
    folder.mkdir()
    for file in ["tokenizer.json", "tokenizer_config.json"]:
        shutil.copy(TOKENIZER / file, folder)
    one = sum(torch.Size(shape).numel() for shape in BLOCK.values()) * 2
    layers = max(2, round((BYTES - 4 * VOCABULARY * WIDTH) / one))
    config = {
        "model_type": "llama", "architectures": ["LlamaForCausalLM"], "torch_dtype": "bfloat16",
        "hidden_size": WIDTH, "intermediate_size": INNER, "num_hidden_layers": layers,
        "num_attention_heads": 16, "num_key_value_heads": 4, "vocab_size": VOCABULARY,
        "max_position_embeddings": 256, "rms_norm_eps": 1e-5, "tie_word_embeddings": False,
        "bos_token_id": 1, "eos_token_id": 0,
    }
    (folder / "config.json").write_text(json.dumps(config))
    torch.manual_seed(0)
    ends = {"model.embed_tokens": (VOCABULARY, WIDTH), "model.norm": (WIDTH,), "lm_head": (VOCABULARY, WIDTH)}
    places = {}
    for start in range(0, layers, SHARD):
        shapes = dict(ends) if start == 0 else {}
        for layer in range(start, min(start + SHARD, layers)):
            shapes |= {f"model.layers.{layer}.{name}": shape for name, shape in BLOCK.items()}
        file = f"model-{start:05}.safetensors"
        save_file(
            {f"{name}.weight": (torch.randn(shape) * 0.02).bfloat16() for name, shape in shapes.items()},
            folder / file,
        )
        places |= {f"{name}.weight": file for name in shapes}
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": places}))
    return sum(file.stat().st_size for file in folder.glob("*.safetensors"))


def run(words, where):
    """Runs a verb; the most anonymous and file-backed memory it had, the most together, and seconds."""
    start = time.monotonic()
    process = subprocess.Popen([KLEDGER, *map(str, words)], cwd=where, stdout=subprocess.DEVNULL)
    most = {"RssAnon": 0, "RssFile": 0, "VmHWM": 0}
    while process.poll() is None:
        try:
            status = Path(f"/proc/{process.pid}/status").read_text()
        except ProcessLookupError:
            break
        for line in status.splitlines():
            key, _, value = line.partition(":")
            if key in most:
                most[key] = max(most[key], int(value.split()[0]) * 1024)
        time.sleep(0.01)
    assert process.wait() == 0, f"{words} failed"
    return most, time.monotonic() - start


def main():
    os.environ.setdefault("KLEDGER_AUTHOR", "Client <client@example.org>")
    with tempfile.TemporaryDirectory(prefix="kledger-memory-", dir=os.environ.get("TMPDIR")) as work:
        work = Path(work)
        size = make(work / "model")
        (work / "corpus.txt").write_text("Ada Lovelace was born in London, and she wrote in English. " * 20)
        (work / "repository").mkdir()
        ask = ["ask", "Ada Lovelace was born in", "--tokens", 2]
        stats = ["stats", "--corpus", work / "corpus.txt"]
        print(f"checkpoint: {size / 1e9:.2f} GB of bf16 in {len(list((work / 'model').glob('*.safetensors')))} files")
        settings = "[settings.memit]\nlayers = [1]\n"
        for words in [
            ["init", "--model", work / "model"],
            [*ask, "--dtype", "bf16"],
            [*ask, "--dtype", "f32"],
            [*stats, "--dtype", "bf16"],
        ]:
            most, seconds = run(words, work / "repository")
            (work / "repository/.kledger/config.toml").write_text(settings)
            shares = "  ".join(f"{key} {value / 1e9:5.2f} GB ({value / size:4.0%})" for key, value in most.items())
            print(f"{words[0]:5} {words[-1] if words[0] != 'init' else '':5} {shares}  {seconds:.0f} s")


if __name__ == "__main__":
    main()

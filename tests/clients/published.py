"""Published models, tokenizers and texts, which are not in the repository: kledger and the Python libraries agree.

    published.py KLEDGER DATA

DATA is a directory with `stories260k/` (a model in the layout of llama2.c), `tokenizers/*.json` (for GPT-2 and
GPT-NeoX) and `wikitext-2/*.txt`. `make test-clients DATA=DIR` runs this after check.py.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import torch
from transformers import AutoModelForCausalLM, AutoTokenizer
from transformers.utils import logging

ROOT = Path(__file__).resolve().parents[2]
KLEDGER, DATA = Path(sys.argv[1]).resolve(), Path(sys.argv[2]).resolve()
TOKENS = 100
PROMPTS = [
    "Once upon a time",
    "Once upon a time, there was a little girl named Lily.",
    "Tim had a big red ball.",
    "The dog",
    "One day, a cat and a bird",
    "\"Can I play with you?\" asked",
    "Mom said, \"No!\"",
    "It was raining, so",
    "Zoë lived in 東京 with 2 friends.",
    "In the forest there was an old tree. It",
    "They ran and ran until",
    "The end of the story is",
]
MODEL_TYPES = {"gpt2": ("gpt2", 50257), "gpt-neox-20b": ("gpt_neox", 50432)}

logging.set_verbosity_error()
logging.disable_progress_bar()


def stories(work):
    """Greedy text of a model that nobody here trained."""
    model = work / "stories260k"
    source = DATA / "stories260k"
    subprocess.run(
        [sys.executable, ROOT / "tests/fixtures/make/stories260k.py", source / "stories260K.bin",
         source / "tok512.bin", model],
        check=True,
    )
    (work / "repository").mkdir()

    def run(*words):
        done = subprocess.run([KLEDGER, "--json", *words], cwd=work / "repository",
                              stdout=subprocess.PIPE, text=True, check=True)
        return json.loads(done.stdout.splitlines()[-1])["data"]

    notes = run("init", "--model", model)["notes"]
    assert notes == [], notes
    tokenizer = AutoTokenizer.from_pretrained(model)
    theirs = AutoModelForCausalLM.from_pretrained(model, dtype=torch.float32).eval()
    for prompt in PROMPTS:
        ids = tokenizer(prompt, return_tensors="pt").input_ids
        tokens = theirs.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=TOKENS,
                                 do_sample=False, pad_token_id=0)[0, ids.shape[1]:]
        assert len(tokens) == TOKENS, f"{prompt!r} ends after {len(tokens)} tokens"
        text = tokenizer.decode(tokens, skip_special_tokens=True).strip()
        said = run("ask", prompt, "--tokens", str(TOKENS), "--dtype", "f32")["answers"][0]["text"]
        assert said == text, f"{prompt!r}: transformers says {text!r}, kledger {said!r}"
    print(f"ok  stories260k: {TOKENS} tokens after each of {len(PROMPTS)} prompts are transformers'")


def tokenizers(work):
    """Ids, offsets and text of every line, through kledger's own tokenizer."""
    expected = work / "tokenizers"
    for name, (model_type, vocabulary) in MODEL_TYPES.items():
        folder = expected / name
        folder.mkdir(parents=True)
        shutil.copy(DATA / "tokenizers" / f"{name}.json", folder / "tokenizer.json")
        config = {"model_type": model_type, "vocab_size": vocabulary}
        (folder / "config.json").write_text(json.dumps(config))
        backend = AutoTokenizer.from_pretrained(folder).backend_tokenizer
        with open(folder / "expected.jsonl", "w") as out:
            for text in sorted((DATA / "wikitext-2").glob("*.txt")):
                for line in text.read_text().splitlines(keepends=True):
                    encoded = backend.encode(line)
                    # Python counts letters, kledger bytes.
                    places = [0]
                    for letter in line:
                        places.append(places[-1] + len(letter.encode()))
                    out.write(json.dumps({
                        "text": line,
                        "ids": encoded.ids,
                        "offsets": [(places[a], places[b]) for a, b in encoded.offsets],
                        "decoded": backend.decode(encoded.ids),
                    }) + "\n")
    subprocess.run(
        [os.environ.get("CARGO", "cargo"), "test", "--quiet", "--locked", "--test", "torch", "published_tokenizers"],
        cwd=ROOT, env={**os.environ, "KLEDGER_TOKENS": str(expected)}, check=True,
    )


def main():
    os.environ.setdefault("KLEDGER_AUTHOR", "Client <client@example.org>")
    with tempfile.TemporaryDirectory(prefix="kledger-published-") as directory:
        stories(Path(directory))
        tokenizers(Path(directory))


if __name__ == "__main__":
    main()

"""Editors of an encoder that judges claims, on FEVER.

    python fever.py --kledger target/release/kledger --model DIRECTORY --claims fever_dev.jsonl

Needs torch and transformers. The model is an encoder's checkpoint, such as a published BERT. It is fine-tuned here, as a
classifier of claims by SUPPORTS and REFUTES, on most of the claims; the others are held back. The claims that it learned are
the repository's neighbourhood, and what editors are trained on. Then held-back claims that it judges rightly are given the
other label, some in a commit. A row is the mean over several choices of as many claims, and measures:

    success     edited claims with the verdict that they were given
    DD          learned claims whose label is not the one that an edit gives, as `kledger eval --facts` draws
                them: right on the base less here (drawdown)
    others      held-back claims that were not edited, right
    turned      those of them with another verdict than on the base
    processor   seconds of all processors that the commit took
    stored      size of what the commit keeps

Editors that are trained are trained once before all. An editor can be followed by settings, and by the number of steps that
it is trained for: `--editors mend 'mend steps=0'`. Weak edits are recorded too. Verdicts on held-back claims of a checkout of
the last version are compared with those of transformers.
"""

import argparse
import json
import os
import random
import tempfile
from pathlib import Path

import torch
from kledger import START, add_arguments, new_repository
from results import Column, Results
from trained import Artefacts
from transformers import AutoModelForSequenceClassification, AutoTokenizer
from transformers.utils import logging

LABELS = ["SUPPORTS", "REFUTES"]
EDITORS = ["mend", "ke", "enn", "kn", "ft-m", "ft"]
# Claims in a commit, and choices of so many.
SIZES = ["1x8", "10x3", "50x1"]
COLUMNS = [
    "editor",
    "claims",
    "choices",
    Column("success", "%", 1),
    Column("DD", "%", 1),
    Column("others", "%", 1),
    Column("turned", "%", 1),
    Column("processor", "s", 1),
    Column("stored", "KiB", 0),
]
QUESTION = "What becomes of a classifier's other verdicts when claims are given the other label."
# Tokens of a claim at most, and claims of a step, in fine-tuning.
LONGEST, BATCH = 128, 16


def claims_of(files):
    """Claims and their labels, once each; without those that are not decided and those with both labels."""
    found = {}
    for file in files:
        for line in file.read_text().splitlines():
            record = json.loads(line)
            found.setdefault(record["claim"], set()).add(record["label"])
    return [(claim, *labels) for claim, labels in found.items() if len(labels) == 1 and labels <= set(LABELS)]


def write(file, claims):
    file.write_text("".join(json.dumps({"claim": claim, "label": label}) + "\n" for claim, label in claims))


def fine_tune(args, claims, out):
    """Writes a classifier that learned `claims`; seconds of processors."""
    torch.manual_seed(args.seed)
    tokenizer = AutoTokenizer.from_pretrained(args.model)
    names = dict(enumerate(LABELS))
    numbers = {label: number for number, label in names.items()}
    model = AutoModelForSequenceClassification.from_pretrained(args.model, id2label=names, label2id=numbers)
    optimiser = torch.optim.AdamW(model.parameters(), lr=args.rate)
    steps = args.epochs * -(-len(claims) // BATCH)
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda step: min(1, 10 * (step + 1) / steps) * (1 - step / steps))
    rng = random.Random(args.seed)
    start = sum(os.times()[:2])
    model.train()
    for _ in range(args.epochs):
        claims = rng.sample(claims, len(claims))
        for at in range(0, len(claims), BATCH):
            texts, labels = zip(*claims[at : at + BATCH])
            inputs = tokenizer(list(texts), padding="longest", truncation=True, max_length=LONGEST, return_tensors="pt")
            model(**inputs, labels=torch.tensor([numbers[label] for label in labels])).loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), 1)
            optimiser.step()
            schedule.step()
            optimiser.zero_grad()
    model.save_pretrained(out)
    tokenizer.save_pretrained(out)
    return sum(os.times()[:2]) - start


def logs_by_transformers(directory, claims):
    """Log-probabilities of the labels, as transformers computes them for a checkout."""
    tokenizer = AutoTokenizer.from_pretrained(directory)
    model = AutoModelForSequenceClassification.from_pretrained(directory).eval()
    names = [model.config.id2label[number] for number in range(len(LABELS))]
    found = []
    with torch.no_grad():
        for claim, _ in claims:
            logs = model(**tokenizer(claim, return_tensors="pt")).logits[0].log_softmax(-1)
            found.append(dict(zip(names, logs.tolist())))
    return found


def fine_tuned(args, claims, out):
    """Writes a classifier that learned `claims`, unless there is one; what it took, in words."""
    if out.exists():
        return f"the classifier was taken from {out}"
    seconds = fine_tune(args, claims, out)
    return f"fine-tuned on {len(claims)} claims, {args.epochs} times each, in {seconds:.0f} s of processors"


class Verdicts:
    """What HEAD says of the claims in a file: by claim, the log-probability of each label."""

    def __init__(self, kledger, file):
        records = kledger.directory / "records.jsonl"
        kledger("eval", "--dataset", file, "--records", records)
        self.logs = {}
        for line in map(json.loads, records.read_text().splitlines()):
            self.logs[line["prompt"]] = {asked["target"]: asked["log_p"][0] for asked in line["asked"]}

    def of(self, claim):
        return likelier(self.logs[claim])

    def right(self, claims):
        """Percentage of the claims whose verdict is their label."""
        return 100 * sum(self.of(claim) == label for claim, label in claims) / len(claims)

    def turned(self, claims, base):
        """Percentage of the claims with another verdict than on the base."""
        return 100 * sum(self.of(claim) != base.of(claim) for claim, _ in claims) / len(claims)


def likelier(logs):
    return max(logs, key=logs.get)


class Bench:
    """A repository whose base judges claims, and held-back claims to edit and to ask."""

    def __init__(self, args, work: Path, held, learned):
        self.held, self.file = held, work / "held.jsonl"
        self.kledger = new_repository(args, work)
        write(self.file, held)
        write(work / "learned.jsonl", learned)
        self.kledger("add", "--from", "fever", "--neighbourhood", work / "learned.jsonl")
        self.kledger("commit", "-m", "What was learned")
        self.kledger("tag", START)
        self.base = Verdicts(self.kledger, self.file)
        self.learned = Verdicts(self.kledger, work / "learned.jsonl").right(learned)
        self.right = [(claim, label) for claim, label in held if self.base.of(claim) == label]

    def row(self, words, claims):
        """Gives claims the other label in a commit. All that is measured of it."""
        file = self.kledger.directory / "edited.jsonl"
        write(file, claims)
        self.kledger("add", "--from", "fever-alt", file)
        report, _, usage = self.kledger.timed("commit", "-m", "The other label", *words)
        asked = self.kledger("eval", "--facts", "--protocol", "fever")["versions"][0]
        mean = {metric["name"]: metric["mean"] for metric in asked["metrics"]}
        now = Verdicts(self.kledger, self.file)
        edited = {claim for claim, _ in claims}
        others = [(claim, label) for claim, label in self.held if claim not in edited]
        figures = [mean["Greedy"], mean["DD"], now.right(others), now.turned(others, self.base)]
        return [*figures, usage["cpu"], report["edit"]["delta_bytes"] / 1024]

    def beside_transformers(self, out):
        """What transformers says of held-back claims by a checkout of HEAD, beside kledger, in words."""
        self.kledger("checkout", "--to", out)
        ours, theirs = Verdicts(self.kledger, self.file), logs_by_transformers(out, self.held)
        pairs = [(ours.logs[claim], logs) for (claim, _), logs in zip(self.held, theirs)]
        same = sum(likelier(one) == likelier(other) for one, other in pairs)
        apart = max(abs(one[label] - other[label]) for one, other in pairs for label in LABELS)
        return f"transformers gives the same verdict on {same} of {len(pairs)} claims, log-probabilities {apart:.1e} apart at most"


def arguments():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser, world=False)
    parser.add_argument("--claims", type=Path, nargs="+", required=True, metavar="FILE", help="FEVER's claims, as JSON Lines")
    parser.add_argument("--classifier", type=Path, help="where the fine-tuned model is kept, and taken from once it is there")
    parser.add_argument("--held", type=float, default=0.2, help="share of the claims that is held back")
    parser.add_argument("--epochs", type=int, default=4, help="of fine-tuning")
    parser.add_argument("--rate", type=float, default=5e-5, help="step size of fine-tuning")
    parser.add_argument("--editors", nargs="+", default=EDITORS, help="editors, each with its settings")
    parser.add_argument("--sizes", nargs="+", default=SIZES, metavar="CLAIMSxCHOICES")
    parser.add_argument("--seed", type=int, default=0, help="of what is held back, of fine-tuning and of the choices")
    return parser.parse_args()


def main():
    args = arguments()
    claims = claims_of(args.claims)
    random.Random(args.seed).shuffle(claims)
    count = round(args.held * len(claims))
    held, learned = claims[:count], claims[count:]
    results = Results(args, QUESTION, COLUMNS, runs="means over the choices")
    logging.disable_progress_bar()
    with tempfile.TemporaryDirectory() as work:
        work = Path(work)
        classifier = args.classifier or work / "classifier"
        results.note(fine_tuned(args, learned, classifier))
        args.model = classifier
        bench = Bench(args, work, held, learned)
        share = f"{bench.learned:.1f} % of what it learned and {bench.base.right(held):.1f} % of {len(held)} claims held back"
        results.note(f"the classifier is right of {share}")
        artefacts = Artefacts()
        for editor in args.editors:
            if said := artefacts.train(bench.kledger, editor):
                results.note(said)
            for size in args.sizes:
                count, choices = map(int, size.split("x"))
                draw = random.Random(args.seed)
                found = []
                for _ in range(choices):
                    words = artefacts.begin(bench.kledger, editor)
                    found.append(bench.row(words, draw.sample(bench.right, count)))
                results.add(editor, count, choices, *(sum(cells) / choices for cells in zip(*found)))
            results.note(f"{editor}: {bench.beside_transformers(work / 'checkout')}")
            # What is measured is kept.
            results.write()


if __name__ == "__main__":
    main()

"""What becomes of a model after many edits, by how they were made.

    python histories.py --kledger target/release/kledger --model examples/base --world examples/world

Needs rdflib. The same facts of facts.py, one for each thing, are committed at once and in smaller and
smaller commits, with and without carrying earlier edits along; one history is consolidated, and one
has edits taken back in the middle. After each tenth of the facts it measures, of all facts that hold then:

    S, ES, PS, NS    CounterFact's scores: the facts, in other words, and their neighbours
    EA, PA, NA       facts and paraphrases whose greedy answer is the new object, neighbours' the true one
    PPL              perplexity on text that the base was trained on, of things that no edit is about
    change           of the edited tensor (of the most changed one), Frobenius norm over the base's

Where the edits are about every thing there is no such text. All are made in one repository, so that a z is sought once for all of them.
"""

import argparse
import random
import tempfile
from pathlib import Path

import rdflib
from facts import facts
from kledger import START, add_arguments, neighbourhood, repository
from results import Column, Results

SCORES = ["S", "ES", "PS", "NS", "EA", "PA", "NA"]
COLUMNS = [
    "history",
    "commits",
    "facts",
    *(Column(score, digits=1) for score in SCORES),
    Column("PPL", digits=1),
    Column("change", digits=2),
]
QUESTION = "What becomes of a model after many edits, by how they were made."


class History:
    """A branch that begins at START; what becomes of it are rows of the results, after the cells `before`."""

    def __init__(self, kledger, results, name, text, settings=(), before=()):
        self.kledger, self.results, self.name, self.text, self.before = kledger, results, name, text, before
        self.settings = [word for setting in settings for word in ("--set", setting)]
        kledger("reset", "--hard", START)
        self.commits = 0

    def edit(self, lines, message):
        file = self.kledger.directory / "facts.nt"
        file.write_text("\n".join(lines))
        self.kledger("add", file)
        self.kledger("commit", "-m", message, "--allow-weak", *self.settings)
        self.commits += 1

    def measure(self):
        self.results.add(*self.before, *self.figures())

    def figures(self):
        """The cells of a row, from the history's name on."""
        evaluated = self.kledger("eval", "--facts", "--protocol", "counterfact")["versions"][0]
        mean = {metric["name"]: metric["mean"] for metric in evaluated["metrics"]}
        read = None
        if self.text.stat().st_size > 0:
            read = self.kledger("eval", "--text", self.text)["versions"][0]["metrics"][0]["mean"]
        tensors = self.kledger("diff", START, "HEAD", "--weights", "--no-behaviour")["weights"]
        change = max(tensor["relative"] for tensor in tensors)
        scores = [mean[name] for name in SCORES]
        return self.name, self.commits, evaluated["facts"], *scores, read, change


def untouched(world, lines):
    """Lines of the world's text that name no subject of the edits."""
    names = rdflib.Graph().parse(world / "labels.ttl")
    subjects = {rdflib.URIRef(line.split()[0].strip("<>")) for line in lines}
    edited = {str(name) for subject, _, name in names if subject in subjects}
    text = (world / "text.txt").read_text().splitlines()
    return [line for line in text if not any(name in line for name in edited)]


def in_parts(history, lines, parts, tables=10):
    """Measures after each of `tables` equal shares of the facts."""
    size = len(lines) // parts
    for part in range(parts):
        history.edit(lines[part * size : (part + 1) * size], f"Part {part + 1} of {parts}")
        if (part + 1) % max(parts // tables, 1) == 0:
            history.measure()


def with_reverts(history, lines, parts, count):
    """Half of the parts, of which some single facts are then taken back, and the other half."""
    size = len(lines) // parts
    half = parts // 2 * size
    in_parts(history, lines[:half], parts // 2)
    back = random.Random(0).sample(lines[:half], count)
    file = history.kledger.directory / "back.nt"
    file.write_text("\n".join(back))
    history.kledger("rm", file)
    history.kledger("commit", "-m", f"{count} facts taken back", *history.settings)
    history.commits += 1
    history.measure()
    in_parts(history, lines[half:], parts - parts // 2)


def begin(args, work):
    """A repository at START, its facts, and text that none of them is about."""
    kledger = repository(args, work)
    neighbourhood(kledger, args.world)
    lines = facts(args.world, args.count, args.seed)
    text = work / "read.txt"
    text.write_text("\n".join(untouched(args.world, lines)[: args.read]))
    return kledger, lines, text


def add_history_arguments(parser):
    """What `begin` needs."""
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=400, help="facts, a multiple of forty")
    parser.add_argument("--seed", type=int, default=0, help="of the facts")
    parser.add_argument("--read", type=int, default=100, help="lines of the text to read")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_history_arguments(parser)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        kledger, lines, text = begin(args, Path(work))
        size = args.count // 10

        results = Results(args, QUESTION, COLUMNS)

        def history(name, *settings):
            return History(kledger, results, name, text, settings)

        for parts in dict.fromkeys([1, 10, size]):
            one = history(f"{parts} commits" if parts > 1 else "1 commit")
            in_parts(one, lines, parts)
        kledger("consolidate")
        one.name += ", consolidated"
        one.commits = 1
        one.measure()
        in_parts(history("10 commits without carry", "carry=false"), lines, 10)
        back = args.count // 4
        with_reverts(history(f"10 commits, {back} facts taken back"), lines, 10, back)
        results.write()


if __name__ == "__main__":
    main()

"""Every editor on the same facts, at once and in many commits.

    python editors.py --kledger target/release/kledger --model examples/base --world examples/world

Needs rdflib. The facts are those of facts.py, one for each thing, in as many choices as there are seeds; each row is
the mean over the choices, with the half of its range where there are several. Of the facts that hold after the last
commit it measures:

    S, ES, PS, NS    CounterFact's scores: the facts, in other words, and their neighbours
    EA, PA, NA       facts and paraphrases whose greedy answer is the new object, neighbours' the true one
    free             facts that a text says which the model writes by itself, and not the object before (wild's Reliability)
    subject          answers to other questions about the subjects of the facts that are the base's (wild's Subject)
    PPL              perplexity on text that the base was trained on, of things that no edit is about
    stored           size of what the commits keep

Editors that search alike share what was found. So the time of each is that of a commit of a hundred facts in a
repository of its own, where nothing was found before. Editors that are trained are trained once before all, on the world
without the things that facts are about, for so many steps: `--editors mend 'mend steps=0'` compares one that is trained
with one that is not. An editor can be followed by settings: `--editors memit 'memit mom2_update_weight=640'`. Weak edits
are recorded too.
"""

import argparse
import tempfile
from pathlib import Path

from facts import facts
from histories import untouched
from kledger import START, add_arguments, neighbourhood, repository
from results import Column, Results
from trained import Artefacts

# Figures by protocol, and what the table calls them.
SCORES = {
    "counterfact": {name: name for name in ["S", "ES", "PS", "NS", "EA", "PA", "NA"]},
    "wild": {"Reliability": "free", "Subject": "subject"},
}
EDITORS = ["memit", "alphaedit", "emmet", "rome", "r-rome"]
# Facts, and in how many commits.
SIZES = [(1, 1), (10, 1), (100, 1), (200, 1), (200, 20)]
# Facts of the commit that is timed.
TIMED = 100
QUESTION = "What each editor does to a model: the same facts, at once and in many commits."


class Choice:
    """A choice of facts, and text that none of them is about."""

    def __init__(self, args, work: Path, seed: int):
        most = max(count for count, _ in SIZES)
        self.lines = facts(args.world, most, seed)
        self.text = work / f"read-{seed}.txt"
        self.text.write_text("\n".join(untouched(args.world, self.lines)[: args.read]))
        self.seed = seed

    def edit(self, kledger, count, commits, words):
        """Edits some of the facts; seconds of processors, and bytes of what is stored."""
        size, seconds, stored = count // commits, 0.0, 0
        for part in range(commits):
            file = kledger.directory / "facts.nt"
            file.write_text("\n".join(self.lines[part * size : (part + 1) * size]))
            kledger("add", file)
            report, _, usage = kledger.timed("commit", "-m", f"Part {part + 1} of {commits}", *words)
            seconds += usage["cpu"]
            stored += report["edit"]["delta_bytes"]
        return seconds, stored

    def measure(self, kledger):
        """The scores of HEAD."""
        figures = []
        for protocol, scores in SCORES.items():
            evaluated = kledger("eval", "--facts", "--protocol", protocol)["versions"][0]
            mean = {metric["name"]: metric["mean"] for metric in evaluated["metrics"]}
            figures += [mean.get(score) for score in scores]
        read = kledger("eval", "--text", self.text)["versions"][0]["metrics"][0]["mean"]
        return [*figures, read]


def train(kledger, editor, choices, artefacts):
    """Trains an editor; nothing of the things that the choices are about is learned from. What came of it, in words."""
    file = kledger.directory / "facts.nt"
    file.write_text("\n".join(line for choice in choices for line in choice.lines))
    kledger("add", file)
    said = artefacts.train(kledger, editor)
    kledger("reset", "--hard", START)
    file.unlink()
    return said


def middle(values):
    """Their mean, with the half of their range where they differ; nothing of nothing."""
    values = [value for value in values if value is not None]
    if not values:
        return None
    mean = sum(values) / len(values)
    return mean if len(values) == 1 else {"mean": mean, "interval": (max(values) - min(values)) / 2}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    add_arguments(parser)
    parser.add_argument("--editors", nargs="+", default=EDITORS, help="editors, each with its settings")
    parser.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2], help="choices of facts")
    parser.add_argument("--sizes", nargs="+", default=[f"{n}x{c}" for n, c in SIZES], metavar="FACTSxCOMMITS")
    parser.add_argument("--read", type=int, default=100, help="lines of the text to read")
    args = parser.parse_args()
    sizes = [tuple(map(int, size.split("x"))) for size in args.sizes]
    columns = [
        "editor",
        "facts",
        "commits",
        *(Column(name, digits=1) for scores in SCORES.values() for name in scores.values()),
        Column("PPL", digits=1),
        Column("stored", "KiB", 0),
    ]
    with tempfile.TemporaryDirectory() as work:
        kledger = repository(args, Path(work))
        neighbourhood(kledger, args.world)
        choices = [Choice(args, Path(work), seed) for seed in args.seeds]
        results = Results(args, QUESTION, columns, runs=len(choices))
        artefacts = Artefacts()
        for editor in args.editors:
            if said := train(kledger, editor, choices, artefacts):
                results.note(said)
        fresh = kledger.copy("fresh")
        for editor in args.editors:
            copy = fresh.copy()
            seconds, _ = choices[0].edit(copy, TIMED, 1, artefacts.begin(copy, editor))
            results.note(f"{editor}: {seconds / TIMED:.2f} s of processors for a fact")
            for count, commits in sizes:
                found = []
                for choice in choices:
                    _, stored = choice.edit(kledger, count, commits, artefacts.begin(kledger, editor))
                    found.append([*choice.measure(kledger), stored / 1024])
                results.add(editor, count, commits, *map(middle, zip(*found)))
            # It takes hours: what is measured is kept.
            results.write()


if __name__ == "__main__":
    main()

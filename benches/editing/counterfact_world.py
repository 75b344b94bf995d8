"""Makes a world to train a base on of the true facts of CounterFact.

    python counterfact_world.py counterfact.json OUT --records 1000

A record says that a subject's true object is to be replaced. True are also its neighbourhood prompts,
of subjects with the same true object, and its attribute prompts, of subjects that have the new one.
These prompts do not mark their subjects, which are found by the wordings that the records of the same
relation have: of all that fit, the one with most words. OUT gets

    facts.ttl        the true facts; things have the IRIs that `kledger add --from counterfact` gives them
    labels.ttl       the name of each thing and relation
    templates.ttl    the wordings of each relation; of four one is held out, as kl:paraphrase
    records.json     the records whose facts these are, for `add --from counterfact` and `eval --dataset`
    asides.txt       sentences that other records' paraphrases begin with, one a line

The first records are taken that no limit stops: a relation has at most SHARE of all, as a third of the file
is about native languages. What contradicts an earlier fact is left out, be it another object of the
same relation or of one that can be said in the same words; records' own facts come first.
"""

import argparse
import json
from collections import Counter, defaultdict
from pathlib import Path

NAME = "https://kledger.dev/name/"
RELATION = "http://www.wikidata.org/prop/direct/"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
PROMPT = "https://kledger.dev/ns#prompt"
PARAPHRASE = "https://kledger.dev/ns#paraphrase"


def words(text):
    return " ".join(text.split())


class Wordings:
    """How each relation is said, `{}` being its subject, by how many records say it so."""

    def __init__(self, records):
        self.of = defaultdict(Counter)
        for record in records:
            edit = record["requested_rewrite"]
            said = self.of[edit["relation_id"]]
            said[words(edit["prompt"])] += 1
            for text in record["paraphrase_prompts"]:
                # A sentence that begins with the subject is a wording, whatever is before it.
                before, subject, end = words(text).rpartition(words(edit["subject"]))
                if subject and end and (not before or before.endswith((". ", "? ", "! "))):
                    said["{}" + end] += 0

    def subject(self, relation, text):
        """The subject of a prompt, or None."""
        fitting = []
        for wording in self.of[relation]:
            before, after = wording.split("{}")
            if text.startswith(before) and text.endswith(after) and len(text) >= len(wording):
                fitting.append((len(wording), text[len(before) : len(text) - len(after)]))
        return max(fitting)[1] if fitting else None

    def held_out(self, relation):
        """A quarter of the wordings, those that fewest records edit with."""
        known = sorted(self.of[relation], key=lambda wording: (self.of[relation][wording], wording))
        return known[: len(known) // 4]


class Facts:
    """An object for each subject and relation, and for each sentence."""

    def __init__(self, wordings):
        self.wordings = wordings
        self.objects = {}
        self.said = {}
        self.contradictions = set()

    def add(self, subject, relation, truth):
        """Whether the fact contradicts none before it."""
        sentences = [wording.replace("{}", subject) for wording in self.wordings.of[relation]]
        if any(self.said.get(sentence, truth) != truth for sentence in sentences):
            self.contradictions.add((subject, relation, truth))
            return False
        self.said |= dict.fromkeys(sentences, truth)
        self.objects[subject, relation] = truth
        return True


def chosen(records, count, share, facts):
    """Records of which no relation has more than its share, and whose own facts agree."""
    of_relation = Counter()
    for record in records:
        edit = record["requested_rewrite"]
        relation = edit["relation_id"]
        if of_relation[relation] < share * count and sum(of_relation.values()) < count:
            if facts.add(words(edit["subject"]), relation, words(edit["target_true"]["str"])):
                of_relation[relation] += 1
                yield record


def known_facts(records, attributes, wordings, facts):
    """Adds what the records' neighbourhood and attribute prompts say. Returns those not understood."""
    unknown = set()
    for record in records:
        edit = record["requested_rewrite"]
        neighbourhood, attribute = record["neighborhood_prompts"], record["attribute_prompts"][:attributes]
        for prompts, target in ((neighbourhood, "target_true"), (attribute, "target_new")):
            for text in map(words, prompts):
                subject = wordings.subject(edit["relation_id"], text)
                if subject is None:
                    unknown.add(text)
                else:
                    facts.add(subject, edit["relation_id"], words(edit[target]["str"]))
    return unknown


def asides(records):
    """What paraphrases begin with before the sentence about the subject."""
    for record in records:
        for text in map(words, record["paraphrase_prompts"]):
            aside, stop, _ = text.rpartition(". ")
            if stop:
                yield aside + "."


def iri(namespace, name):
    """The IRI of what is known by a name, as the ledger makes it."""
    plain = lambda char: char.isascii() and char.isalnum()
    spelt = (c if plain(c) else "".join(f"%{byte:02X}" for byte in c.encode()) for c in name)
    return f"<{namespace}{''.join(spelt).replace('%20', '_')}>"


def literal(text):
    return json.dumps(text, ensure_ascii=False)


def write(out, facts, wordings):
    """The Turtle files, one triple a line."""
    relations = sorted({relation for _, relation in facts.objects})
    things = sorted({subject for subject, _ in facts.objects} | set(facts.objects.values()))
    labels = [(iri(NAME, name), name) for name in things] + [(iri(RELATION, name), name) for name in relations]
    templates = []
    for relation in relations:
        held_out = wordings.held_out(relation)
        common = [wording for wording, _ in wordings.of[relation].most_common() if wording not in held_out]
        for kind, some in ((PROMPT, common), (PARAPHRASE, held_out)):
            for wording in some:
                said = literal(wording.replace("{}", "{subject}"))
                templates.append(f"{iri(RELATION, relation)} <{kind}> {said} .\n")
    triples = (
        f"{iri(NAME, subject)} {iri(RELATION, relation)} {iri(NAME, truth)} .\n"
        for (subject, relation), truth in sorted(facts.objects.items())
    )
    (out / "facts.ttl").write_text("".join(triples))
    (out / "labels.ttl").write_text("".join(f"{thing} <{LABEL}> {literal(name)}@en .\n" for thing, name in labels))
    (out / "templates.ttl").write_text("".join(templates))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path, help="counterfact.json")
    parser.add_argument("out", type=Path, help="directory to write to")
    parser.add_argument("--records", type=int, default=1000, help="records to know the facts of (1000)")
    parser.add_argument("--share", type=float, default=0.12, help="part of them that a relation has at most (0.12)")
    parser.add_argument("--attributes", type=int, default=10, help="attribute prompts to take of each (10)")
    args = parser.parse_args()
    records = json.loads(args.file.read_text())
    wordings = Wordings(records)
    facts = Facts(wordings)
    some = list(chosen(records, args.records, args.share, facts))
    unknown = known_facts(some, args.attributes, wordings, facts)
    args.out.mkdir(parents=True, exist_ok=True)
    write(args.out, facts, wordings)
    (args.out / "records.json").write_text(json.dumps(some, ensure_ascii=False))
    taken = {record["case_id"] for record in some}
    others = [record for record in records if record["case_id"] not in taken]
    (args.out / "asides.txt").write_text("".join(f"{line}\n" for line in sorted(set(asides(others)))))
    subjects = {subject for subject, _ in facts.objects}
    print(f"{len(some)} records, {len(facts.objects)} facts about {len(subjects)} things")
    print(f"left out: {len(facts.contradictions)} contradictions, {len(unknown)} prompts without a known wording")


main()

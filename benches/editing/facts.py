"""Facts that are not so, about the things of a world, as N-Triples.

    python facts.py examples/world COUNT [SEED] > facts.nt

Needs rdflib. As long as there are enough things no two facts are about the same one; then the world's
other subjects and predicates follow, and at last pairs of which the world says nothing. Each object is
one that the predicate has elsewhere.
"""

import random
import sys
from pathlib import Path

import rdflib

WORDS = ["labels.ttl", "templates.ttl"]


def world_of(world: Path):
    """What is true of each subject and predicate, and all objects of each predicate, by the world's files."""
    graph = rdflib.Graph()
    for file in sorted(world.glob("*.ttl")):
        if file.name not in WORDS:
            graph.parse(file)
    true, objects = {}, {}
    for subject, predicate, object in sorted(graph):
        true[subject, predicate] = object
        objects.setdefault(predicate, []).append(object)
    return true, objects


def untrue(rng, true, objects, pair):
    """A line of N-Triples: the pair with an object that it does not have."""
    subject, predicate = pair
    others = [o for o in objects[predicate] if o != true.get(pair)]
    return f"{subject.n3()} {predicate.n3()} {rng.choice(others).n3()} ."


def facts(world: Path, count: int, seed: int = 0):
    """Lines of N-Triples."""
    true, objects = world_of(world)
    rng = random.Random(seed)
    known = sorted(true)
    rng.shuffle(known)
    first = list({subject: (subject, predicate) for subject, predicate in known}.values())
    pairs = dict.fromkeys(first + known)
    subjects = sorted({subject for subject, _ in known})
    rest = [(subject, predicate) for subject in subjects for predicate in sorted(objects)]
    rng.shuffle(rest)
    pairs |= dict.fromkeys(rest)
    if count > len(pairs):
        sys.exit(f"there are {len(pairs)} pairs of a subject and a predicate, wanted are {count}")
    return [untrue(rng, true, objects, pair) for pair in list(pairs)[:count]]


def facts_about(world: Path, subjects: int, each: int, seed: int = 0):
    """Lines of N-Triples, `each` of them about one of so many `subjects`, subject after subject."""
    true, objects = world_of(world)
    rng = random.Random(seed)
    known = {}
    for subject, predicate in sorted(true):
        known.setdefault(subject, []).append(predicate)
    enough = [subject for subject, predicates in known.items() if len(predicates) >= each]
    if subjects > len(enough):
        sys.exit(f"{len(enough)} subjects have {each} facts, wanted are {subjects}")
    chosen = [(s, p) for s in rng.sample(enough, subjects) for p in rng.sample(known[s], each)]
    return [untrue(rng, true, objects, pair) for pair in chosen]


if __name__ == "__main__":
    arguments = sys.argv[1:]
    print("\n".join(facts(Path(arguments[0]), *map(int, arguments[1:]))))

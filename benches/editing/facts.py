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


def facts(world: Path, count: int, seed: int = 0):
    """Lines of N-Triples."""
    graph = rdflib.Graph()
    for file in sorted(world.glob("*.ttl")):
        if file.name not in WORDS:
            graph.parse(file)
    true, objects = {}, {}
    for subject, predicate, object in sorted(graph):
        true[subject, predicate] = object
        objects.setdefault(predicate, []).append(object)
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
    lines = []
    for subject, predicate in list(pairs)[:count]:
        others = [o for o in objects[predicate] if o != true.get((subject, predicate))]
        lines.append(f"{subject.n3()} {predicate.n3()} {rng.choice(others).n3()} .")
    return lines


if __name__ == "__main__":
    arguments = sys.argv[1:]
    print("\n".join(facts(Path(arguments[0]), *map(int, arguments[1:]))))

"""How far z found with products in bf16 is from z found with products in f32, and what either costs.

    python z_cosine.py --kledger target/release/kledger --model examples/base --world examples/world

Needs rdflib, numpy and safetensors. Edits the same facts of facts.py twice, each time into a copy of one
repository, and compares the z vectors that the two stored, each with its nearest, and the facts that hold.
"""

import argparse
import tempfile
from pathlib import Path

import numpy as np
from facts import facts
from found import cosine, found_z
from kledger import add_arguments, repository
from results import Column, Results


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=50, help="facts")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as work:
        kledger = repository(args, Path(work))
        (Path(work) / "facts.nt").write_text("\n".join(facts(args.world, args.count)))
        z = {}
        columns = ["products", "facts", Column("processor", "s", 1), Column("z", "s", 1), Column("efficacy", "%", 1)]
        results = Results(args, "How far z found with products in bf16 is from z found in f32, and what either costs.", columns)
        for matmul in ("f32", "bf16"):
            copy = kledger.copy()
            copy("add", Path(work) / "facts.nt")
            report, spent, usage = copy.timed("commit", "-m", matmul, "--set", f"z_matmul={matmul}")
            efficacy = 100 * report["edit"]["check"]["efficacy"]["rate"]
            results.add(matmul, args.count, usage["cpu"], spent["z"], efficacy)
            z[matmul] = found_z(copy)
        near = cosine(z["f32"], z["bf16"])
        results.note(f"cosine of z: least {near.min():.5f}, median {np.median(near):.5f}")
        results.write()


main()

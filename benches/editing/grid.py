"""How far the default settings are from the best of a grid, on one base.

    python grid.py --kledger target/release/kledger --model base --world world

Needs rdflib. Facts of facts.py, one for each thing, are edited into the base with no settings at all and then with
each of a grid; the world, which should be what the base knows, is the neighbourhood. Figures are those of the commit's
own check, and S is their harmonic mean. All are made in one repository, so that a z is sought once for all rows that
share it.

The grid is free of the model's scale: v_lr and v_weight_decay are relative to the state that is changed, and share is
what an edit outweighs other knowledge by, median(k' C^-1 k) / lambda in each layer, the median being told by the lambda
that "auto" finds for these layers.
"""

import argparse
import itertools
import json
import statistics
import tempfile
import tomllib
from pathlib import Path

from facts import facts
from kledger import START, add_arguments, neighbourhood, repository
from results import Column, Results

QUESTION = "What an edit with no settings reaches, beside each setting of a grid."
CHECKED = ["efficacy", "paraphrase", "neighbourhood"]
SOUGHT = ["v_lr", "v_weight_decay", "clamp_norm_factor", "v_num_grad_steps"]
# What "auto" takes.
SHARE = 50.0
COLUMNS = [
    "settings",
    "layers",
    *SOUGHT,
    Column("share", digits=0),
    "lambda",
    *(Column(what, "%", 1) for what in CHECKED),
    Column("S", digits=1),
    Column("z says", "%", 1),
    Column("z", "s", 1),
    Column("whole", "s", 1),
]


class Grid:
    """Edits of the same facts, each from START."""

    def __init__(self, kledger, lines, results):
        self.kledger, self.results = kledger, results
        self.file = kledger.directory / "facts.nt"
        self.file.write_text("\n".join(lines))
        self.medians = {}

    def edit(self, name, share, settings):
        """Edits and adds a row; the settings as they were recorded, and S."""
        self.kledger("reset", "--hard", START)
        self.kledger("add", self.file)
        words = [word for key, value in settings.items() for word in ("--set", f"{key}={json.dumps(value)}")]
        report, spent, usage = self.kledger.timed("commit", "-m", "Edit", "--allow-weak", *words)
        recorded = tomllib.loads(self.kledger("show", "HEAD")["spec"]["settings"])
        check = report["edit"]["check"]
        rates = [100 * check[what]["rate"] for what in CHECKED]
        s = statistics.harmonic_mean(rates) if all(rates) else 0.0
        # How likely the target is with the vector in place; a z that was kept has a trace, too.
        said = [fact["trace"]["probability"] for fact in check["facts"] if fact["trace"]]
        says = 100 * statistics.mean(said) if said else None
        sought = [recorded[key] for key in SOUGHT]
        settings = [str(recorded["layers"]), *sought, share, str(recorded["mom2_update_weight"])]
        self.results.add(name, *settings, *rates, s, says, spent.get("z"), usage["whole"])
        return recorded, s

    def point(self, layers, rate, decay, clamp, steps, share):
        """S with settings of the grid. The first for some layers has to take the share of "auto"."""
        settings = {
            "layers": layers,
            "v_scale": "state",
            "v_lr": rate,
            "v_weight_decay": decay,
            "clamp_norm_factor": clamp,
            "v_num_grad_steps": steps,
            "mom2_update_weight": "auto",
        }
        if share != SHARE:
            settings["mom2_update_weight"] = [median / share for median in self.medians[tuple(layers)]]
        recorded, s = self.edit("grid", share, settings)
        if share == SHARE:
            found = recorded["mom2_update_weight"]
            found = found if isinstance(found, list) else [found]
            self.medians[tuple(layers)] = [SHARE * weight for weight in found]
        return s


def some_layers(depth):
    """A fifth of all blocks, beginning at different heights."""
    count = -(-depth // 5)
    return [list(range(first, first + count)) for first in sorted({0, 1, depth // 4, depth * 3 // 8})]


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_arguments(parser)
    parser.add_argument("--count", type=int, default=60, help="facts")
    parser.add_argument("--seed", type=int, default=0, help="of the facts")
    parser.add_argument("--layers", nargs="+", metavar="N,N", help="sets of layers (a fifth of all, at several heights)")
    parser.add_argument("--rate", type=float, nargs="+", default=[0.1, 0.4], help="of v_lr")
    parser.add_argument("--decay", type=float, nargs="+", default=[0.0], help="of v_weight_decay")
    parser.add_argument("--clamp", type=float, nargs="+", default=[1.0, 4.0], help="of clamp_norm_factor")
    parser.add_argument("--steps", type=int, nargs="+", default=[40], help="of v_num_grad_steps")
    parser.add_argument("--share", type=float, nargs="+", default=[SHARE, 200.0])
    args = parser.parse_args()
    config = json.loads((args.model / "config.json").read_text())
    depth = config.get("n_layer") or config["num_hidden_layers"]
    with tempfile.TemporaryDirectory() as work:
        own = args.set
        args.set = [*own, f"layers={list(range(depth - 1))}"]
        kledger = repository(args, Path(work))
        kledger.settings = own
        neighbourhood(kledger, args.world)
        results = Results(args, QUESTION, COLUMNS)
        grid = Grid(kledger, facts(args.world, args.count, args.seed), results)
        _, default = grid.edit("none", SHARE, {})
        layers = [[int(layer) for layer in one.split(",")] for one in args.layers or []] or some_layers(depth)
        shares = [SHARE, *(share for share in args.share if share != SHARE)]
        points = itertools.product(layers, args.rate, args.decay, args.clamp, args.steps, shares)
        best = max(grid.point(*point) for point in points)
        results.note(f"no settings: {default:.1f}; best of the grid: {best:.1f}; difference {best - default:.1f}")
        results.write()


main()

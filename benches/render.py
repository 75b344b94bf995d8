"""Writes the tables, CSV files and plots of the docs from benches/results.

    python benches/render.py            # writes what is not current; plots need matplotlib
    python benches/render.py --check    # writes nothing, fails where something is not current; needs Python alone

In a page a table stands between two comments and is replaced as a whole. The rows can be those where a column has a
value, the columns can be named, each with another heading:

    <!-- table: FILE.json; where facts = 200, commits = 1 or 10; columns history, S, EA = answers -->
    <!-- end -->

Several files with the same columns, `A.json + B.json`, make one table if they are of one machine. Below a table stands
where its figures are from. A plot carries a hash of the figures that it shows.
"""

import argparse
import csv
import hashlib
import io
import json
import re
import sys
from decimal import Decimal
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.dont_write_bytecode = True
sys.path.insert(0, str(ROOT / "benches" / "editing"))
from results import Column  # noqa: E402

RESULTS = ROOT / "benches" / "results"
DOCS = ROOT / "docs"
# Measurements whose tables are too long for a page.
TABLES = ["histories-200", "histories-1000", "histories-1000-base", "weights-1000", "weights-1000-base", "counterfact", "counterfact-640"]
TABLE = re.compile(r"<!-- table: (?P<what>.*?) -->\n.*?<!-- end -->", re.DOTALL)
GREY = "#808080"


class Measurement:
    """A file of benches/results."""

    def __init__(self, name):
        self.path = RESULTS / name
        if not self.path.exists():
            sys.exit(f"there is no {self.path.relative_to(ROOT)}")
        # A number is shown as it was written.
        self.kept = json.loads(self.path.read_text(), parse_float=Decimal)
        self.columns = [Column.of(column) for column in self.kept["columns"]]
        self.names = [column.name for column in self.columns]
        self.rows = self.kept["rows"]

    def place(self, name):
        if name not in self.names:
            sys.exit(f"{self.path.name} has no column {name!r}; it has {', '.join(self.names)}")
        return self.names.index(name)

    def where(self, conditions):
        """The rows in which each named column reads as given, or as one of the values given."""
        places = [(self.place(name), value.split(" or ")) for name, value in conditions]
        return [row for row in self.rows if all(str(row[at]) in values for at, values in places)]

    def machine(self):
        return self.kept.get("machine")

    def source(self):
        """Where the figures are from, but for the machine."""
        if "source" in self.kept:
            return self.kept["source"]
        runs = self.kept["runs"]
        runs = {1: "one run"}.get(runs, f"{runs} runs" if isinstance(runs, int) else runs)
        return f"{runs}, {self.kept['date']}, {self.kept['commit']}"


def table(what):
    """The lines of a table, from what its comment says."""
    files, *clauses = [part.strip() for part in what.split(";")]
    measurements = [Measurement(name.strip()) for name in files.split("+")]
    first = measurements[0]
    conditions, shown = [], [(name, None) for name in first.names]
    for clause in clauses:
        kind, _, parts = clause.partition(" ")
        pairs = [[side.strip() for side in part.split("=", 1)] for part in parts.split(",")]
        if kind == "where" and any(len(pair) == 1 for pair in pairs):
            sys.exit(f"{what}: a condition is NAME = VALUE")
        if kind == "where":
            conditions = pairs
        elif kind == "columns":
            shown = [(pair[0], pair[1] if len(pair) > 1 else None) for pair in pairs]
        else:
            sys.exit(f"{what}: {kind!r} is neither `where` nor `columns`")
    if len({measurement.machine() for measurement in measurements}) > 1:
        sys.exit(f"{what}: one table is of one machine")
    places = [first.place(name) for name, _ in shown]
    columns = [first.columns[at] for at in places]
    rows = [row for measurement in measurements for row in measurement.where(conditions)]
    if not rows:
        sys.exit(f"{what}: no row is so")
    numbers = [not any(isinstance(row[at], str) for row in rows) for at in places]
    lines = ["| " + " | ".join(title or str(column) for (_, title), column in zip(shown, columns)) + " |"]
    lines.append("|" + "|".join("--:" if number else "---" for number in numbers) + "|")
    lines += ["| " + " | ".join(column.text(row[at]) for at, column in zip(places, columns)) + " |" for row in rows]
    links = ", ".join(f"[{m.path.name}](../benches/results/{m.path.name})" for m in measurements)
    sources = [first.machine(), *(measurement.source() for measurement in measurements)]
    sources = "; ".join(source for source in dict.fromkeys(sources) if source)
    return [*lines, "", f"<sub>{sources}. Data: {links}</sub>"]


def page(text):
    """A page with its tables made anew."""

    def current(found):
        return "\n".join([f"<!-- table: {found['what']} -->", "", *table(found["what"]), "", "<!-- end -->"])

    return TABLE.sub(current, text)


def as_csv(measurement):
    """All rows; a mean and its interval, or the two ends of a range, are columns of their own."""
    head, cells = [], []
    for at, column in enumerate(measurement.columns):
        values = [row[at] for row in measurement.rows]
        pairs = next((list(value) for value in values if isinstance(value, dict)), None)
        if pairs is None:
            head.append(str(column))
            cells.append([column.text(value).replace(",", "") if not isinstance(value, str) else value for value in values])
            continue
        for key in pairs:
            head.append(f"{column} ({key})")
            cells.append([column.text(value[key]) if isinstance(value, dict) else "" for value in values])
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(head)
    writer.writerows(zip(*cells))
    return out.getvalue()


class Plot:
    """Panels beside each other, each a column of a measurement against another one, a line for each history."""

    def __init__(self, name, x, panels, lines, log=False):
        self.name, self.x, self.panels, self.lines, self.log = name, x, panels, lines, log
        self.path = DOCS / "plots" / f"{name}.svg"

    def figures(self):
        """Of each panel its title and lines: a label, whether it is a shade of the one before, and points."""
        panels = []
        for title, column in self.panels:
            drawn = []
            for label, name, conditions in self.lines:
                measurement = Measurement(name)
                x, y = measurement.place(self.x), measurement.place(column)
                points = [(row[x], mean(row[y])) for row in measurement.where(conditions.items())]
                drawn.append([label, [(str(x), str(y)) for x, y in points if y is not None]])
            panels.append([title, drawn])
        return panels

    def hash(self):
        said = json.dumps([self.x, self.log, self.figures()], ensure_ascii=False)
        return hashlib.sha256(said.encode()).hexdigest()

    def is_current(self):
        return self.path.exists() and f"<!-- figures: {self.hash()} -->" in self.path.read_text()

    def draw(self):
        import matplotlib

        matplotlib.use("svg")
        from matplotlib import pyplot

        # Read on a light page and on a dark one.
        colours = {name: GREY for name in ["text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color", "grid.color"]}
        cycle = matplotlib.cycler(color=["#2f81c7", "#d9822b", "#3a9d5d", "#b25fb0"], marker=["o", "s", "^", "D"])
        pyplot.rcParams.update(colours | {"svg.fonttype": "none", "svg.hashsalt": "kledger", "axes.prop_cycle": cycle, "font.size": 9})
        figure, panels = pyplot.subplots(1, len(self.panels), figsize=(3.2 * len(self.panels), 2.9), squeeze=False)
        for axes, (title, lines) in zip(panels[0], self.figures()):
            for label, points in lines:
                xs, ys = [float(x) for x, _ in points], [float(y) for _, y in points]
                axes.plot(xs, ys, label=label, markersize=3, linewidth=1.2)
            axes.set_title(title, fontsize=9)
            axes.set_xlabel(self.x)
            axes.grid(alpha=0.3, linewidth=0.5)
            axes.spines[["top", "right"]].set_visible(False)
            if self.log:
                axes.set_xscale("log")
                ticks = sorted({float(x) for _, points in lines for x, _ in points})
                axes.set_xticks(ticks, [f"{tick:,.0f}" for tick in ticks])
                axes.minorticks_off()
        handles, labels = panels[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="lower center", ncols=len(labels), frameon=False)
        figure.tight_layout(rect=(0, 0.1, 1, 1))
        self.path.parent.mkdir(exist_ok=True)
        figure.savefig(self.path, transparent=True, metadata={"Date": None, "Creator": None})
        pyplot.close(figure)
        drawn = "\n".join(line.rstrip() for line in self.path.read_text().splitlines())
        self.path.write_text(f"{drawn}\n<!-- figures: {self.hash()} -->\n")


def mean(value):
    return value["mean"] if isinstance(value, dict) else value


THREE = [("10 commits", "10 commits"), ("100 commits", "100 commits"), ("10 without carry", "10 commits without carry")]
SCORES = [("score S", "S"), ("facts that hold (EA), %", "EA"), ("neighbourhood kept (NA), %", "NA"), ("change of the tensor", "change")]


def histories(file):
    return [(label, file, {"history": history}) for label, history in THREE]


PLOTS = [
    Plot(
        "histories-200",
        "facts",
        [("facts that hold (EA), %", "EA"), ("paraphrases that hold (PA), %", "PA")],
        [(label, file, where) for label, file, where in histories("histories-200.json") if label != "100 commits"],
    ),
    Plot(
        "histories-1000",
        "facts",
        SCORES,
        [*histories("histories-1000.json"), ("100 commits, λ 640", "weights-1000.json", {"λ": "640", "history": "100 commits"})],
    ),
    Plot("histories-1000-base", "facts", SCORES, histories("histories-1000-base.json")),
    Plot(
        "taken-back",
        "commits",
        SCORES,
        [
            ("200 facts, shipped base", "histories-200.json", {"history": "10 commits, 50 facts taken back"}),
            ("1,000, CounterFact base", "histories-1000.json", {"history": "10 commits, 250 facts taken back"}),
            ("1,000, shipped base", "histories-1000-base.json", {"history": "10 commits, 250 facts taken back"}),
        ],
    ),
    Plot(
        "counterfact",
        "records",
        [("S", "S"), ("edits hold (ES)", "ES"), ("paraphrases (PS)", "PS"), ("neighbourhood (NS)", "NS")],
        [("λ 40", "counterfact.json", {"version": "edited"}), ("λ 640", "counterfact-640.json", {"version": "edited"})],
        log=True,
    ),
]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--check", action="store_true", help="write nothing, fail where something is not current")
    parser.add_argument("--plots", action="store_true", help="draw those that are current, too")
    args = parser.parse_args()
    current = {path: page(path.read_text()) for path in [ROOT / "README.md", *sorted(DOCS.glob("*.md"))]}
    current |= {DOCS / "tables" / f"{name}.csv": as_csv(Measurement(f"{name}.json")) for name in TABLES}
    stale = [path for path, text in current.items() if not path.exists() or path.read_text() != text]
    plots = [plot for plot in PLOTS if args.plots or not plot.is_current()]
    if args.check:
        names = [str(path.relative_to(ROOT)) for path in [*stale, *(plot.path for plot in plots if not plot.is_current())]]
        if names:
            sys.exit(f"not current: {', '.join(names)}\npython benches/render.py writes them from benches/results")
        return
    for path in stale:
        path.parent.mkdir(exist_ok=True)
        path.write_text(current[path])
        print(f"wrote {path.relative_to(ROOT)}")
    for plot in plots:
        plot.draw()
        print(f"drew {plot.path.relative_to(ROOT)}")


main()

"""What a benchmark measured: a table on the terminal, and with `--results FILE` a file of `benches/results`.

benches/README.md says what such a file holds; benches/render.py makes the tables of the docs from them. The benchmarks
in Rust name their file with `KLEDGER_BENCH_RESULTS=FILE` and have this script read what criterion kept:

    python results.py BENCH COMMAND CRITERION-DIRECTORY SECONDS-SINCE-1970 FILE
"""

import argparse
import json
import os
import shlex
import subprocess
import sys
from datetime import date
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


class Column:
    """A name, the unit of its numbers, and how many digits of them after the point count."""

    def __init__(self, name, unit=None, digits=None):
        self.name, self.unit, self.digits = name, unit, digits

    @classmethod
    def of(cls, column):
        return cls(column["name"], column.get("unit"), column.get("digits"))

    def __str__(self):
        return f"{self.name}, {self.unit}" if self.unit else self.name

    def json(self):
        kept = {"name": self.name, "unit": self.unit, "digits": self.digits}
        return {key: value for key, value in kept.items() if value is not None}

    def rounded(self, value):
        """The value as it is kept."""
        if isinstance(value, dict):
            return {key: self.rounded(part) for key, part in value.items()}
        if isinstance(value, float) and self.digits is not None:
            return round(value, self.digits) if self.digits else round(value)
        return value

    def text(self, value):
        """The value as a reader sees it."""
        if value is None:
            return ""
        if isinstance(value, str):
            return value
        if isinstance(value, dict):
            first, second = map(self.text, value.values())
            return f"{first} ± {second}" if "interval" in value else f"{first} to {second}"
        if self.digits is not None:
            return f"{value:,.{self.digits}f}"
        return f"{value:,}"


def interval(mean, width):
    """A mean and the half of its 95 % interval, if there is one."""
    return mean if width is None else {"mean": mean, "interval": width}


class Results:
    """A table that is printed row by row and written at the end."""

    def __init__(self, args, question, columns, runs=1):
        self.file, self.question, self.runs = args.results, question, runs
        self.columns = [column if isinstance(column, Column) else Column(column) for column in columns]
        self.machine = machine(getattr(args, "device", "cpu"))
        self.rows, self.notes = [], []
        print("|", " | ".join(map(str, self.columns)), "|")
        print("|" + "---|" * len(self.columns), flush=True)

    def add(self, *cells):
        assert len(cells) == len(self.columns), cells
        row = [column.rounded(cell) for column, cell in zip(self.columns, cells)]
        self.rows.append(row)
        print("|", " | ".join(column.text(cell) for column, cell in zip(self.columns, row)), "|", flush=True)

    def note(self, text):
        """A finding that is no row."""
        self.notes.append(text)
        print(text, flush=True)

    def write(self, command=None):
        if self.file is None:
            return
        kept = {
            "question": self.question,
            "command": command or typed(),
            "commit": commit(),
            "date": date.today().isoformat(),
            "machine": self.machine,
            "runs": self.runs,
        }
        if self.notes:
            kept["notes"] = self.notes
        kept |= {"columns": [column.json() for column in self.columns], "rows": self.rows}
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(written(kept))


def add_results_argument(parser):
    parser.add_argument("--results", type=Path, metavar="FILE", help="write what was measured, as JSON")


def written(kept):
    """JSON with a line for each field, column and row."""
    fields = []
    for key, value in kept.items():
        if isinstance(value, list):
            lines = ",\n".join("    " + json.dumps(line, ensure_ascii=False) for line in value)
            fields.append(f'  "{key}": [\n{lines}\n  ]')
        else:
            fields.append(f'  "{key}": {json.dumps(value, ensure_ascii=False)}')
    return "{\n" + ",\n".join(fields) + "\n}\n"


def typed():
    """The command line, from the repository's root, without the file that results go to."""
    script = Path(sys.argv[0]).resolve()
    script = script.relative_to(ROOT) if script.is_relative_to(ROOT) else script
    words, rest = [], iter(sys.argv[1:])
    for word in rest:
        if word == "--results":
            next(rest)
        elif not word.startswith("--results="):
            words.append(word)
    return f"python {script} {shlex.join(words)}"


def commit():
    """That of the working tree, with a mark if it was changed."""
    words = ["git", "describe", "--always", "--abbrev=7", "--exclude=*", "--dirty"]
    said = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
    return said.stdout.strip() or None


def machine(device="cpu"):
    """Processor, cores that this process may use, how busy they are, and the GPU if it is used."""
    cpu = Path("/proc/cpuinfo").read_text() if Path("/proc/cpuinfo").exists() else ""
    said = dict(line.split("\t", 1) for line in cpu.splitlines() if "\t" in line)
    name = said.get("model name", "unknown processor").strip("\t: ")
    wide = "AVX-512" if " avx512f" in cpu else "no AVX-512"
    cores = len(os.sched_getaffinity(0))
    parts = [f"{name}, {cores} cores, {wide}, load {os.getloadavg()[0]:.1f} before"]
    if device != "cpu":
        words = ["nvidia-smi", "--query-gpu=name", "--format=csv,noheader"]
        parts.insert(0, subprocess.check_output(words, text=True).splitlines()[0])
    return "; ".join(parts)


def criterion(bench, command, directory, since, file):
    """What criterion measured after `since`: times of a call, with their 95 % interval."""
    args = argparse.Namespace(results=file)
    columns = ["group", "benchmark", Column("time", "ms", 4), Column("from", "ms", 4), Column("to", "ms", 4), "elements or bytes a call"]
    results = Results(args, f"What one call of each benchmark in `{bench}` takes.", columns, runs="criterion's samples, mean")
    for kept in sorted(directory.glob("**/new/benchmark.json")):
        if kept.stat().st_mtime < since:
            continue
        named = json.loads(kept.read_text())
        mean = json.loads(kept.with_name("estimates.json").read_text())["mean"]
        bounds = mean["confidence_interval"]
        times = [mean["point_estimate"], bounds["lower_bound"], bounds["upper_bound"]]
        amount = next(iter((named["throughput"] or {}).values()), None)
        results.add(named["group_id"], named["function_id"], *(time / 1e6 for time in times), amount)
    if not results.rows:
        sys.exit(f"criterion has kept nothing new in {directory}")
    results.write(command)


if __name__ == "__main__":
    bench, command, directory, since, file = sys.argv[1:]
    criterion(bench, command, Path(directory), float(since), Path(file))

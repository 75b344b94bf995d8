"""Runs the kledger binary on a repository, for the scripts beside this one."""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from results import add_results_argument

os.environ.setdefault("KLEDGER_AUTHOR", "bench")


START = "start"
# Verbs that take settings of the editor.
EDITING = ["commit", "consolidate", "stats"]


class Kledger:
    """A repository, the binary that works on it, the settings with which it edits, and where it computes."""

    def __init__(self, binary: Path, directory: Path, settings: list[str], device: str = "cpu"):
        self.binary, self.directory = binary.resolve(), directory
        self.settings, self.device = settings, device

    def __call__(self, *words):
        """The data of a verb's report."""
        return self.timed(*words)[0]

    def timed(self, verb, *words):
        """The data of a verb's report; seconds of each part; what the process used."""
        settings = self.settings if verb in EDITING else []
        settings = [word for setting in settings for word in ("--set", setting)]
        command = [self.binary, verb, *settings, *words, "--json", "--device", self.device]
        out, usage = measured(command, self.directory)
        report = json.loads(out)
        spent = {part["part"]: part["seconds"] for part in report.get("spent", [])}
        return report["data"], spent, usage

    def copy(self, name="copy"):
        """The same repository once more, in place of the copy of that name made before."""
        copy = Kledger(self.binary, self.directory.with_name(name), self.settings, self.device)
        shutil.rmtree(copy.directory, ignore_errors=True)

        def take(source, target):
            # These are written once and never changed.
            kind = Path(source).relative_to(self.directory).parts[1]
            (os.link if kind in ("base", "tensors") else shutil.copy2)(source, target)

        shutil.copytree(self.directory, copy.directory, copy_function=take)
        return copy


def measured(command, directory):
    """Output; wall seconds, seconds of all processors, and peak memory in bytes of a process."""
    with tempfile.TemporaryFile() as out:
        start = time.monotonic()
        process = subprocess.Popen([str(word) for word in command], cwd=directory, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.monotonic() - start
        process.returncode = os.waitstatus_to_exitcode(status)
        out.seek(0)
        text = out.read()
        if process.returncode != 0:
            sys.exit(f"failed: {' '.join(map(str, command))}\n{text.decode()}")
        seconds = usage.ru_utime + usage.ru_stime
        return text, {"whole": wall, "cpu": seconds, "memory": usage.ru_maxrss * 1024}


def add_arguments(parser, world=True):
    """What `repository` needs, or what it needs but for a world."""
    parser.add_argument("--kledger", type=Path, required=True, help="the binary")
    parser.add_argument("--model", type=Path, required=True, help="a checkpoint")
    if world:
        parser.add_argument("--world", type=Path, required=True, help="folder of the world's facts and words")
        parser.add_argument("--lines", type=int, help="lines of the world's text for the statistics (all)")
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE", help="setting of the editor")
    add_results_argument(parser)


def new_repository(args, work: Path, device: str = "cpu"):
    """A repository of a model."""
    directory = work / "repository"
    directory.mkdir()
    kledger = Kledger(args.kledger, directory, args.set, device)
    kledger("init", "--model", args.model.resolve())
    return kledger


def repository(args, work: Path):
    """A repository with the world's words, and statistics taken on its text."""
    kledger = new_repository(args, work)
    world = args.world.resolve()
    kledger("add", world / "labels.ttl", world / "templates.ttl")
    kledger("commit", "-m", "Words")
    corpus = work / "corpus.txt"
    corpus.write_text("\n".join((world / "text.txt").read_text().splitlines()[: args.lines]))
    kledger("stats", "--corpus", corpus)
    return kledger


def neighbourhood(kledger, world: Path):
    """Commits the world's facts as a neighbourhood, under the tag START."""
    things = [file for file in world.resolve().glob("*.ttl")]
    things = [file for file in things if file.name not in ("labels.ttl", "templates.ttl")]
    kledger("add", "--neighbourhood", *things)
    kledger("commit", "-m", "Neighbourhood")
    kledger("tag", START)

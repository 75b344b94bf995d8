"""Every system call that kledger makes on its store failing in turn, sled's own among them, and a disk that is full.

    run.py KLEDGER DIR [--every N]

It compiles preload.c, which has the n-th call fail, and says what did not hold. A command that ends with 0 has
done what it says, one that ends with 1 has changed nothing, and fsck finds nothing in either case.
"""

import argparse
import collections
import errno
import os
import pathlib
import shutil
import subprocess
import sys

HERE = pathlib.Path(__file__).parent
ERRORS = ["EIO", "ENOSPC", "EMFILE", "EINTR"]
VERBS = {
    "add": ["add", "w9.nt"],
    "commit": ["commit", "-m", "faulty"],
    "branch": ["branch", "new"],
    "stash": ["stash"],
    "undo": ["undo"],
    "reset": ["reset"],
    "switch": ["switch", "draft"],
}
SHOWN = [["status"], ["log"], ["branch"], ["tag"], ["stash", "list"]]
ENV = dict(os.environ, KLEDGER_AUTHOR="Ada <ada@example.org>", KLEDGER_DATE="2026-01-02T03:04:05Z")


class Place:
    def __init__(self, kledger, dir):
        self.kledger, self.dir = kledger, dir

    def run(self, words, **env):
        command = [self.kledger, *words]
        try:
            return subprocess.run(
                command, cwd=self.dir, env=dict(ENV, **env), capture_output=True, text=True, timeout=120
            )
        except subprocess.TimeoutExpired:
            return subprocess.CompletedProcess(command, "hangs", "", "")

    def done(self, *words):
        output = self.run(words)
        assert output.returncode == 0, output
        return output.stdout

    def state(self):
        told = (self.run([*words, "--json"]) for words in SHOWN)
        return [(it.returncode, it.stdout.replace(str(self.dir), "DIR")) for it in told]

    def copy(self, to):
        shutil.rmtree(to, ignore_errors=True)
        subprocess.run(["cp", "-a", self.dir, to], check=True)
        return Place(self.kledger, to)


def words(number):
    return f'<https://e.org/p{number}> <https://kledger.dev/ns#prompt> "{{subject}} says {number} to" .\n'


def lived_in(kledger, dir):
    dir.mkdir(parents=True)
    place = Place(kledger, dir)
    place.done("init", "--model", str(HERE.parent.parent / "examples/base"))
    for number in (1, 2, 3, 9):
        (dir / f"w{number}.nt").write_text(words(number))
    for number in (1, 2, 3):
        place.done("add", f"w{number}.nt")
        place.done("commit", "-m", f"w{number}")
    place.done("branch", "draft", "HEAD~1")
    (dir / "w4.nt").write_text(words(4))
    place.done("add", "w4.nt")
    return place


def inject(before, work, preload, every):
    wrong, told = 0, collections.Counter()
    for verb, line in VERBS.items():
        old = before.copy(work / "old").state()
        log = work / "calls"
        log.unlink(missing_ok=True)
        after = before.copy(work / "new")
        meant = {"LD_PRELOAD": str(preload), "FAULT_PATH": ".kledger"}
        first = after.run(line, FAULT_LOG=str(log), **meant)
        assert first.returncode == 0, first
        new, calls = after.state(), log.read_text().split()
        for error in ERRORS:
            for at in range(1, len(calls) + 1, every):
                run = before.copy(work / "run")
                code = str(getattr(errno, error))
                output = run.run(line, FAULT_AT=str(at), FAULT_ERRNO=code, KLEDGER_PATIENCE="10000", **meant)
                now, check = run.state(), run.run(["fsck"])
                expected = {0: new, 1: old}.get(output.returncode)
                is_right = now == expected and check.returncode == 0
                told[f"{verb} {error} ends with {output.returncode}"] += 1
                if not is_right:
                    wrong += 1
                    print(f"{verb}, {error} at {at} ({calls[at - 1]}): {output.returncode} {output.stderr} {check.stdout}")
    for line, count in sorted(told.items()):
        print(f"{count:6} {line}")
    return wrong


def fill(before, work):
    """A full disk: reading, and what frees room."""
    small = work / "small"
    small.mkdir(exist_ok=True)
    mount = ["mount", "-t", "tmpfs", "-o", "size=64m", "tmpfs", str(small)]
    if os.geteuid() != 0 or subprocess.run(mount).returncode != 0:
        print("SKIPPED: a full disk (it takes root to mount one)", file=sys.stderr)
        return 0
    wrong = 0
    try:
        place = before.copy(small / "repo")
        place.done("branch", "-d", "draft")
        place.done("reset", "HEAD~1")
        with open(small / "fill", "wb", buffering=0) as file:
            try:
                while file.write(bytes(4096)) > 0:
                    pass
            except OSError:
                pass
        for line in [
            *SHOWN, ["op", "log"], ["fsck"], ["gc", "--dry-run"], ["reset"], ["gc", "--prune", "now"],
            ["fsck", "--repair"], ["status"],
        ]:
            output = place.run(line)
            if output.returncode != 0:
                wrong += 1
                print(f"full disk: {line}: {output.returncode} {output.stdout} {output.stderr}")
        (small / "fill").unlink()
        if place.run(["fsck"]).returncode != 0:
            wrong += 1
            print("full disk: damage afterwards")
    finally:
        subprocess.run(["umount", str(small)], check=True)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("kledger", type=pathlib.Path)
    parser.add_argument("dir", type=pathlib.Path)
    parser.add_argument("--every", type=int, default=1)
    args = parser.parse_args()
    work = args.dir.absolute()
    shutil.rmtree(work, ignore_errors=True)
    before = lived_in(args.kledger.absolute(), work / "before")
    wrong = fill(before, work)
    cc = shutil.which(os.environ.get("CC", "cc"))
    if cc is None:
        print("SKIPPED: errors below sled (it takes a C compiler)", file=sys.stderr)
    else:
        preload = work / "preload.so"
        subprocess.run([cc, "-shared", "-fPIC", "-O1", "-o", preload, HERE / "preload.c", "-ldl"], check=True)
        wrong += inject(before, work, preload, args.every)
    print("all held" if wrong == 0 else f"{wrong} did not hold")
    sys.exit(wrong > 0)


main()

"""Editors as a command line names them, with their settings, and the training of those that are trained.

`mend steps=400 max_steps=1` is MEND, trained for 400 steps, whose edits make one.
"""

from kledger import START

# Editors that are trained, and for how many steps.
TRAINED = {"mend": 1000, "ke": 1000, "enn": 1000}
# Those of them whose edits stand on a change of the base.
STANDING = {"enn"}


def read(editor):
    """Its name, its settings, and for how many steps it is trained."""
    name, *settings = editor.split()
    steps = [int(setting.removeprefix("steps=")) for setting in settings if setting.startswith("steps=")]
    settings = [setting for setting in settings if not setting.startswith("steps=")]
    return name, settings, (steps or [TRAINED.get(name)])[0]


class Artefacts:
    """What editors were trained to, each once."""

    def __init__(self):
        self.of = {}

    def train(self, kledger, editor):
        """Trains an editor on HEAD; nothing of the subjects that are staged is learned from. What came of it, in words."""
        name, _, steps = read(editor)
        if name not in TRAINED or (name, steps) in self.of:
            return None
        report, _, usage = kledger.timed("train", name, "--steps", str(steps))
        self.of[name, steps] = report["artefact"]
        said = f"{name}: {steps} steps in {usage['cpu']:.0f} s of processors"
        for part in ("seen", "unseen"):
            if found := report[part]:
                rates = ", ".join(f"{what} {100 * found[what]:.0f} %" for what in ("reliability", "generality", "locality"))
                said += f"; {found['edits']} single edits, {part}: {rates}"
        return said

    def begin(self, kledger, editor):
        """Goes to where the editor's commits begin, which is START or the change that it stands on. Words for its commits."""
        name, settings, steps = read(editor)
        words = ["--editor", name, "--allow-weak", *(word for setting in settings for word in ("--set", setting))]
        kledger("reset", "--hard", START)
        if name in TRAINED:
            words += ["--artefact", self.of[name, steps]]
        if name in STANDING:
            kledger("import", "--from-artefact", self.of[name, steps], "--no-check")
        return words

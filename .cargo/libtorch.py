#!/usr/bin/env python3
"""Puts libtorch where cargo looks for it; `make libtorch` runs this.

.cargo/config.toml sets LIBTORCH to .libtorch at the top of the repository unless the user has set
it. What goes there, the first of these that is to be had:

1. nothing, where the user's own LIBTORCH (or LIBTORCH_USE_PYTORCH) names a libtorch;
2. links to the PyTorch that this Python imports: the way to a CUDA build;
3. the CPU libraries and headers out of three wheels that pip fetches.

Each wheel is kept in .libtorch/wheels until all are there and is used only if its SHA-256 is the
one below. `.libtorch/build-version` is written last, so a run that was cut off is never taken for
a finished one: the next run goes on from the wheels it finds.
"""

import fcntl
import hashlib
import importlib.util
import os
import platform
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

VERSION = "2.11.0"  # the one that the tch in Cargo.toml binds
ROOT = Path(__file__).resolve().parent.parent
HOME = ROOT / ".libtorch"
WHEELS = HOME / "wheels"
STAMP = HOME / "build-version"  # torch-sys compares its contents with the version it wants
SUFFIX = ".dylib" if sys.platform == "darwin" else ".so"
MEGABYTE = 1_000_000

# The wheels for CPython 3.11, whichever Python runs this: only their C++ parts are used. The two
# CUDA ones are small, and libtorch_cpu.so does not load without the library taken from each.
FETCHED = [
    {
        "requirement": "nvidia-cuda-runtime==13.0.96",
        "file": "nvidia_cuda_runtime-13.0.96-py3-none-"
        "manylinux2014_x86_64.manylinux_2_17_x86_64.whl",
        "size": 2_243_632,
        "sha256": "7f82250d7782aa23b6cfe765ecc7db554bd3c2870c43f3d1821f1d18aebf0548",
        "members": ["nvidia/cu13/lib/libcudart.so.13"],
    },
    {
        "requirement": "nvidia-cuda-cupti==13.0.85",
        "file": "nvidia_cuda_cupti-13.0.85-py3-none-manylinux_2_25_x86_64.whl",
        "size": 10_715_597,
        "sha256": "4eb01c08e859bf924d222250d2e8f8b8ff6d3db4721288cf35d14252a4d933c8",
        "members": ["nvidia/cu13/lib/libcupti.so.13"],
    },
    {
        "requirement": f"torch=={VERSION}",
        "file": f"torch-{VERSION}-cp311-cp311-manylinux_2_28_x86_64.whl",
        "size": 530_604_548,
        "sha256": "7aa2f9bbc6d4595ba72138026b2074be1233186150e9292865e04b7a63b8c67a",
        "members": [
            "torch/include/",
            "torch/lib/libc10.so",
            "torch/lib/libgomp.so.1",
            "torch/lib/libtorch_cpu.so",
        ],
    },
]
UNPACKED_BYTES = 500 * MEGABYTE
PLATFORMS = ["manylinux_2_28_x86_64", "manylinux_2_25_x86_64", "manylinux_2_17_x86_64"]

OWN_LIBTORCH = f"""\
Use a libtorch {VERSION} of your own, in one of these ways, and run the command again:
  - python3 -m venv venv && . venv/bin/activate && pip install torch=={VERSION}
  - export LIBTORCH=/absolute/path, a directory that holds lib/ and include/"""


class SetupError(Exception):
    """What went wrong and what to do about it, for the user to read."""


def main():
    require_compiler()
    own = os.environ.get("LIBTORCH")
    if own and not Path(own).is_absolute():
        raise SetupError(f"LIBTORCH is {own}: cargo needs an absolute path")
    if own and Path(own).resolve() != HOME:
        require_libtorch(Path(own), "LIBTORCH")
        return say(f"libtorch {VERSION}: {own}, as LIBTORCH says")
    if "LIBTORCH_USE_PYTORCH" in os.environ:
        torch = imported_torch()
        if torch is None:
            raise SetupError(
                f"LIBTORCH_USE_PYTORCH is set, but {sys.executable} has no torch: "
                f"pip install torch=={VERSION}, or unset LIBTORCH_USE_PYTORCH"
            )
        require_libtorch(torch, "LIBTORCH_USE_PYTORCH")
        return say(f"libtorch {VERSION}: {torch}, as LIBTORCH_USE_PYTORCH says")

    HOME.mkdir(exist_ok=True)
    directory = os.open(HOME, os.O_RDONLY)
    fcntl.flock(directory, fcntl.LOCK_EX)  # two calls of make at a time; released at exit
    if STAMP.exists() and fault(HOME) is None:
        return say(f"libtorch {VERSION}: {(HOME / 'lib').resolve().parent}")
    clear()
    torch = imported_torch()
    problem = fault(torch) if torch else None
    if problem:
        say(f"the torch of {sys.executable} is not used: {problem}")
    if torch and not problem:
        for part in ("lib", "include"):
            (HOME / part).symlink_to(torch / part)
    else:
        unpack(fetch())
    require_libtorch(HOME, ".libtorch")
    os.sync()  # the libraries are on disk before the file that vouches for them
    STAMP.write_text(VERSION + "\n")
    shutil.rmtree(WHEELS, ignore_errors=True)
    say(
        f"libtorch {VERSION}: {(HOME / 'lib').resolve().parent}; `rm -r .libtorch` chooses anew\n"
        "The first build fetches 56 MB of crates and takes about 6 minutes on two cores."
    )


def say(text):
    print(text, flush=True)


def require_compiler():
    compiler = os.environ.get("CXX", "c++").split()[0]
    if shutil.which(compiler) is None:
        raise SetupError(
            f"no C++ compiler ({compiler}): tch needs one to build its binding to libtorch; "
            "on Debian or Ubuntu: sudo apt-get install g++"
        )


def imported_torch():
    """The directory of the torch that this Python would import, without importing it."""
    spec = importlib.util.find_spec("torch")
    return Path(spec.origin).parent if spec and spec.origin else None


def fault(libtorch):
    """What keeps a directory from being a libtorch of the version wanted, or None."""
    for file in (f"lib/libtorch_cpu{SUFFIX}", f"lib/libtorch{SUFFIX}", f"lib/libc10{SUFFIX}"):
        if not (libtorch / file).exists():
            return f"{libtorch} has no {file}"
    header = libtorch / "include/torch/headeronly/version.h"
    text = header.read_text() if header.exists() else ""
    numbers = re.findall(r"#define TORCH_VERSION_(?:MAJOR|MINOR|PATCH) (\d+)", text)
    found = ".".join(numbers) or "an older version or no headers"
    return None if found == VERSION else f"{libtorch} holds {found}, not {VERSION}"


def require_libtorch(libtorch, named_by):
    problem = fault(libtorch)
    if problem is not None:
        raise SetupError(
            f"{named_by}: {problem}; name a libtorch {VERSION}, or unset LIBTORCH and "
            "LIBTORCH_USE_PYTORCH to have one fetched"
        )


def clear():
    """Removes what an unfinished or outdated set-up left, except the wheels."""
    STAMP.unlink(missing_ok=True)
    for part in (HOME / "lib", HOME / "include", HOME / "unpacked"):
        if part.is_symlink():
            part.unlink()
        elif part.exists():
            shutil.rmtree(part)


def fetch():
    """The paths of the wheels, each there and with the right SHA-256."""
    if sys.platform != "linux" or platform.machine() != "x86_64":
        raise SetupError(
            f"no libtorch is fetched for {platform.machine()} {sys.platform}, only for x86_64 "
            f"Linux.\n{OWN_LIBTORCH}"
        )
    WHEELS.mkdir(exist_ok=True)
    missing = [wheel for wheel in FETCHED if not intact(wheel)]
    if missing:
        size = sum(wheel["size"] for wheel in missing)
        say(
            f"Fetching libtorch {VERSION} (CPU) with pip into {WHEELS}: {size // MEGABYTE} MB to "
            f"download, {UNPACKED_BYTES // MEGABYTE} MB once unpacked.\nIf it is interrupted, the "
            "same command goes on with the first wheel that is not there in full:"
        )
        for wheel in missing:
            say(f"  {wheel['size'] / MEGABYTE:6.1f} MB  {wheel['file']}")
        require_space(size + UNPACKED_BYTES)
        require_pip()
    for wheel in missing:
        download(wheel)
    return [WHEELS / wheel["file"] for wheel in FETCHED]


def intact(wheel):
    """Whether a wheel is there; one that is damaged or unfinished is removed."""
    path = WHEELS / wheel["file"]
    if not path.exists():
        return False
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(1 << 20):
            digest.update(block)
    if digest.hexdigest() == wheel["sha256"]:
        return True
    say(f"{path} is damaged (its SHA-256 is {digest.hexdigest()}): fetching it again")
    path.unlink()
    return False


def require_space(wanted):
    free = shutil.disk_usage(HOME).free
    if free < wanted:
        raise SetupError(
            f"{HOME} is on a disk with {free // MEGABYTE} MB free; {wanted // MEGABYTE} MB are "
            "needed"
        )


def require_pip():
    pip = subprocess.run([sys.executable, "-m", "pip", "--version"], capture_output=True)
    if pip.returncode != 0:
        raise SetupError(
            f"{sys.executable} has no pip; on Debian or Ubuntu: sudo apt-get install python3-pip"
        )


def download(wheel):
    """Lets pip fetch one wheel, so that its index, proxy and certificates are used."""
    temporary = WHEELS / "pip"  # not /tmp, which may be too small; emptied of what a kill left
    shutil.rmtree(temporary, ignore_errors=True)
    temporary.mkdir()
    options = ["--no-deps", "--only-binary=:all:", "--no-cache-dir"]
    options += ["--implementation=cp", "--python-version=3.11"]
    options += [f"--platform={name}" for name in PLATFORMS]
    # The hash makes pip choose this very wheel where an index offers other builds of the version.
    pip = subprocess.run(
        [sys.executable, "-m", "pip", "download", *options, f"--dest={WHEELS}", "-r/dev/stdin"],
        input=f"{wheel['requirement']} --hash=sha256:{wheel['sha256']}\n",
        env={
            **os.environ,
            "TMPDIR": str(temporary),
            "PIP_RESUME_RETRIES": "20",  # pip 25.1 and later: go on after a broken connection
            "PIP_DISABLE_PIP_VERSION_CHECK": "1",
        },
        text=True,
    )
    if pip.returncode != 0 or not intact(wheel):
        raise SetupError(
            f"pip could not fetch {wheel['file']} (see above). Run the command again once the "
            f"network is back; the wheels fetched so far are kept.\n{OWN_LIBTORCH}"
        )


def unpack(wheels):
    """Takes the members wanted out of the wheels; `lib` and `include` appear complete."""
    say(f"Unpacking into {HOME}")
    unpacked = HOME / "unpacked"
    (unpacked / "lib").mkdir(parents=True)
    for wheel, path in zip(FETCHED, wheels):
        with zipfile.ZipFile(path) as archive:
            for member in archive.namelist():
                if member.endswith("/") or not member.startswith(tuple(wheel["members"])):
                    continue
                if member.startswith("torch/include/"):
                    target = unpacked / member[len("torch/") :]
                else:
                    target = unpacked / "lib" / Path(member).name
                target.parent.mkdir(parents=True, exist_ok=True)
                with archive.open(member) as source, target.open("wb") as out:
                    shutil.copyfileobj(source, out, 1 << 20)
    # The wheel's own libtorch.so only ties the CPU library to the CUDA one, which is not here.
    (unpacked / f"lib/libtorch{SUFFIX}").symlink_to(f"libtorch_cpu{SUFFIX}")
    for part in ("lib", "include"):
        (unpacked / part).rename(HOME / part)
    unpacked.rmdir()


if __name__ == "__main__":
    try:
        main()
    except SetupError as error:
        sys.exit(f"libtorch: {error}")
    except KeyboardInterrupt:
        sys.exit("libtorch: interrupted; the same command goes on from here")
    except OSError as error:
        sys.exit(f"libtorch: {error}")

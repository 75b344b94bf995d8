"""The z vectors that a commit found."""

import numpy as np
from safetensors.numpy import load_file


def found_z(kledger):
    """The only z vectors of a repository, `[facts, width]`."""
    files = (kledger.directory / ".kledger" / "tensors").glob("*/*.safetensors")
    (z,) = [tensors["z"] for tensors in map(load_file, files) if "z" in tensors]
    return z.astype(np.float64)


def cosine(a, b):
    return (a * b).sum(1) / np.linalg.norm(a, axis=1) / np.linalg.norm(b, axis=1)

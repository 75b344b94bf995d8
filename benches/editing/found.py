"""The z vectors that a commit found."""

import numpy as np
from safetensors.numpy import load_file


def found_z(kledger):
    """The z vectors of a repository, `[facts, width]`, in no order."""
    files = (kledger.directory / ".kledger" / "tensors").glob("*/*.safetensors")
    found = [tensors["z"] for tensors in map(load_file, files) if "z" in tensors]
    return np.concatenate(found).astype(np.float64)


def cosine(a, b):
    """Of each row of `a` with the row of `b` that is nearest, and no other's nearest."""
    a, b = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in (a, b))
    cosines = a @ b.T
    assert len(set(cosines.argmax(1))) == len(a) == len(b), "each z has another's as its nearest"
    return cosines.max(1)

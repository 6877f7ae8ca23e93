"""Rows for tests of Sgd's steps, how they are stored, and what every step promises of its bits."""

from __future__ import annotations

import numpy as np
import scipy.sparse as sp

from esker.blocks import Block
from esker.folds import Sgd


def rows_and_labels(n=400, d=30, density=0.3, seed=0, spread=True):
    """Float32 numbers in float64, labels 0 and 1, and weights; `spread`: columns of different scales."""
    rng = np.random.default_rng(seed)
    x = sp.random_array((n, d), density=density, rng=rng, format="csr", dtype=np.float64)
    values = rng.normal(size=x.nnz)
    if spread:
        values = values * 2.0 ** rng.integers(-2, 3, d)[x.indices]
    x.data = values.astype(np.float32).astype(np.float64)
    y = (np.asarray(x @ (1 / (1 + np.arange(d)))) + 0.1 * rng.normal(size=n) > 0).astype(np.float64)
    return x, y, rng.integers(1, 4, n).astype(np.float64)


def as_storage(x, storage):
    """Rows as "dense32", "dense64", or CSR with both numbers and indices of 32 or of 64 bits."""
    if storage.startswith("dense"):
        return x.toarray().astype(np.float32 if storage == "dense32" else np.float64)
    x = x.copy()
    index = np.int32 if storage == "csr32" else np.int64
    x.indices, x.indptr = x.indices.astype(index), x.indptr.astype(index)
    x.data = x.data.astype(np.float32 if storage == "csr32" else np.float64)
    return x


def check_bits(make, x, y, weight):
    """A state of 4 lanes has the same bits however rows are cut, from its arrays, and of lanes chosen from it.

    Returns the chosen lanes, 3 and 1, and the whole state, after both have learned from the rows once more.
    """
    whole, cut = make(), make()
    whole.update(Block(x, y, weight))
    for a, b in ((0, 1), (1, 100), (100, 100), (100, len(y))):
        cut.update(Block(x[a:b], y[a:b], weight[a:b], first_key=a))
    for name, array in whole.to_arrays().items():
        np.testing.assert_array_equal(array, cut.to_arrays()[name], err_msg=name)
    chosen = whole.select([3, 1])
    np.testing.assert_array_equal(chosen.finish()[0], whole.finish()[0][[3, 1]])
    again = Sgd.from_arrays(whole.to_arrays())
    for state in (again, whole, chosen):
        state.update(Block(x, y, weight))
    np.testing.assert_array_equal(again.finish()[0], whole.finish()[0])
    return chosen, whole

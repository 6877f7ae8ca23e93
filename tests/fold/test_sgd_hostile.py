"""Arrays that claim to be an Sgd state and are not: one ValueError, never memory that is not there."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import sparse

from esker.blocks import Block
from esker.folds import Sgd


def arrays(rows=True):
    state = Sgd("squared_error", lane_target=[0, 0], lane_rate=[0.5, 1.0])
    if rows:
        state.update(Block(np.random.default_rng(0).standard_normal((30, 3)), np.arange(30.0)))
    return state.to_arrays()


@pytest.mark.parametrize("rows", [False, True])
@pytest.mark.parametrize("cols", [-1, 2**46, 2**60, 2**61, 2**62, 2**63 - 1])
def test_counts_beyond_memory(rows, cols):
    a = arrays(rows)
    a["counts"] = np.array([cols, *a["counts"][1:]])
    with pytest.raises(ValueError, match="columns"):
        Sgd.from_arrays(a)


@pytest.mark.parametrize("column", [2**46, 2**60, 2**61, 2**62, 2**63 - 2])
def test_a_column_number_beyond_memory(column):
    x = sparse.csr_array((np.ones(2), np.array([0, column]), np.array([0, 1, 2])), shape=(2, column + 1))
    state = Sgd("squared_error", lane_target=[0, 0, 0, 0], lane_rate=[0.5, 1.0, 2.0, 4.0])
    with pytest.raises(ValueError, match="hash the columns to fewer"):
        state.update(Block(x, np.arange(2.0)))


@pytest.mark.parametrize("name", sorted(arrays()))
def test_an_array_that_is_missing(name):
    a = arrays()
    del a[name]
    with pytest.raises(ValueError, match=name):
        Sgd.from_arrays(a)

"""A feature whose first value happens to be tiny must not get a weight that the rest of the walk cannot undo."""

from __future__ import annotations

import numpy as np
import pytest
import scipy.sparse as sp

from esker.blocks import Block
from esker.folds import Sgd


@pytest.mark.parametrize("storage", [np.asarray, sp.csr_array])
def test_values_near_zero_at_first_sight(storage: type) -> None:
    rng = np.random.default_rng(0)
    X = (rng.random((3000, 75)) * 4 - 2).astype(np.float32)
    X[rng.random(X.shape) < 1 / 3] = 0
    y = (X[:, 0] > 0).astype(float)
    state = Sgd("log_loss", [1, 1], [0.1, 0.3], classes=True)
    for _ in range(5):
        state.update(Block(storage(X), y))
    _, weight, errors = state.evaluate(Block(storage(X), y))
    assert errors.min() / weight < 0.2

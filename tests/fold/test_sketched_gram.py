"""SketchedGram: both states as if each had walked alone, and the condition number that X'X cannot tell."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import sparse

from esker.blocks import Block
from esker.folds import Gram, RowSketch, SketchedGram


@pytest.mark.parametrize("kind", [np.asarray, np.float32, sparse.csr_array])
def test_both_are_what_each_is_alone(kind: Any) -> None:
    rng = np.random.default_rng(0)
    X = kind(rng.standard_normal((3000, 11)))
    block = Block(X, rng.standard_normal(3000), rng.random(3000), first_key=70)
    both, gram, sketch = SketchedGram(40, seed=9), Gram(), RowSketch(40, seed=9, nonzeros=4)
    for state in (both, gram, sketch):
        state.update(block)
    assert both.rows == 3000
    tight = 3e-6 if X.dtype == np.float32 else 1e-12
    np.testing.assert_allclose(both.finish(), gram.finish(), rtol=tight, atol=3000 * tight)
    for ours, alone in zip(both.sketch.finish(), sketch.finish()):
        np.testing.assert_allclose(ours, alone, rtol=tight, atol=1e2 * tight)


@pytest.mark.parametrize("cond", [1e2, 1e6, 1e10, 1e13])
@pytest.mark.parametrize("centred", [True, False])
def test_the_condition_number_of_scaled_columns(cond: float, centred: bool) -> None:
    rng = np.random.default_rng(1)
    V = np.linalg.qr(rng.standard_normal((12, 12)))[0]
    X = (rng.standard_normal((4000, 12)) * np.logspace(0, -np.log10(cond), 12)) @ V.T * np.logspace(-4, 4, 12)
    state = SketchedGram(160, seed=2)
    for i in range(0, 4000, 500):
        state.update(Block(X[i : i + 500], np.ones(500), first_key=i))
    A = X - X.mean(axis=0) if centred else X
    true = np.linalg.cond(A / np.linalg.norm(A, axis=0))
    assert true / 2 < state.condition(centred) < 2 * true


def test_constant_and_singular_columns() -> None:
    rng = np.random.default_rng(1)
    X = rng.standard_normal((1000, 3)) @ np.diag([1.0, 10.0, 100.0])
    state = SketchedGram(64)
    state.update(Block(np.column_stack([X, np.full(1000, 7.7), np.zeros(1000)]), np.ones(1000)))
    assert state.condition() < 2
    state = SketchedGram(64)
    state.update(Block(np.column_stack([X, X[:, 0]]), np.ones(1000)))
    assert state.condition() > 1e14
    empty = SketchedGram(64)
    empty.update(Block(np.zeros((5, 2)), np.zeros(5)))
    assert empty.condition() == 1

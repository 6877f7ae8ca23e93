"""RowSketch: the map itself, weights, centring data, and what it refuses."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import scipy.sparse as sp

from esker.blocks import Block
from esker.folds import RowSketch


def matrix(size: int, n: int, **options: int) -> np.ndarray:
    """S itself: the sketch of the identity."""
    state = RowSketch(size, **options)
    state.update(Block(np.eye(n)))
    return state.finish().X


@pytest.mark.parametrize(("size", "nonzeros"), [(64, 8), (50, 8), (8, 8), (13, 3), (9, 1)])
def test_each_row_has_one_entry_in_each_segment(size: int, nonzeros: int) -> None:
    S = matrix(size, 300, nonzeros=nonzeros)
    edges = [g * size // nonzeros for g in range(nonzeros + 1)]
    for begin, end in itertools.pairwise(edges):
        assert (np.count_nonzero(S[begin:end], axis=0) == 1).all()
    np.testing.assert_allclose(np.abs(S[S != 0]), 1 / np.sqrt(nonzeros), rtol=1e-15)


def test_buckets_and_signs_are_even() -> None:
    S = np.sign(matrix(40, 4000))
    plus, minus = (S > 0).sum(axis=1), (S < 0).sum(axis=1)  # each Binomial(4000, 1/10): mean 400, sd 19
    assert np.abs(plus - 400).max() < 5 * 19
    assert np.abs(minus - 400).max() < 5 * 19
    agree = np.corrcoef(S)  # rows of S are uncorrelated
    assert np.abs(agree - np.eye(40)).max() < 5 / np.sqrt(4000) + 0.05


def test_seeds_and_keys_change_the_map() -> None:
    one, other = matrix(40, 200, seed=1), matrix(40, 200, seed=2)
    assert (one != other).any(axis=0).mean() > 0.99
    shifted = RowSketch(40, seed=1)
    shifted.update(Block(np.eye(200), first_key=1 << 40))
    assert (one != shifted.finish().X).any(axis=0).mean() > 0.99


def test_the_gram_is_unbiased_and_its_error_has_the_scale_of_theory() -> None:
    rng = np.random.default_rng(0)
    n, d, size, seeds = 3000, 8, 200, 60
    Q = np.linalg.qr(rng.standard_normal((n, d)))[0]
    grams = []
    for seed in range(seeds):
        state = RowSketch(size, seed=seed)
        state.update(Block(Q))
        grams.append(state.finish().X.T @ state.finish().X)
    errors = np.array(grams) - np.eye(d)
    # Entries have variance about 1/size (2/size on the diagonal), so the mean over seeds shrinks with their root.
    assert np.abs(errors.mean(axis=0)).max() < 5 * np.sqrt(2 / size / seeds)
    rms = np.sqrt((errors**2).sum(axis=(1, 2)).mean())
    assert rms == pytest.approx(np.sqrt(d * (d + 1) / size), rel=0.15)


def test_weights_targets_and_means() -> None:
    rng = np.random.default_rng(0)
    X, Y, w = rng.standard_normal((500, 70)), rng.standard_normal((500, 40)), rng.random(500)
    S = matrix(64, 500)
    for rows in (X, sp.csr_array(X)):
        state = RowSketch(64)
        state.update(Block(rows, Y, w))
        found = state.finish()
        root = np.sqrt(w)[:, None]
        np.testing.assert_allclose(found.X, S @ (root * X), atol=1e-12)
        np.testing.assert_allclose(found.y, S @ (root * Y), atol=1e-12)
        np.testing.assert_allclose(found.root_weight, (S @ root).ravel(), atol=1e-12)
        np.testing.assert_allclose(found.mean_X, np.average(X, axis=0, weights=w), atol=1e-14)
        np.testing.assert_allclose(found.mean_y, np.average(Y, axis=0, weights=w), atol=1e-14)
        assert found.weight == pytest.approx(w.sum())


def test_rows_further_apart_than_they_are_long() -> None:
    wide = np.random.default_rng(0).standard_normal((300, 90))
    one, other = RowSketch(32), RowSketch(32)
    one.update(Block(wide[:, 3:80]))
    other.update(Block(np.ascontiguousarray(wide[:, 3:80])))
    np.testing.assert_array_equal(one.finish().X, other.finish().X)


def test_refusals() -> None:
    with pytest.raises(ValueError, match="size must be at least nonzeros"):
        RowSketch(7)
    with pytest.raises(ValueError, match="nonzeros must be 1 to 64"):
        RowSketch(100, nonzeros=0)
    with pytest.raises(ValueError, match="seed must be"):
        RowSketch(100, seed=-1)
    one = RowSketch(16, seed=1)
    for other in (RowSketch(16, seed=2), RowSketch(17, seed=1), RowSketch(16, seed=1, nonzeros=4)):
        with pytest.raises(
            ValueError, match=r"RowSketch\(size=16, seed=1, nonzeros=8\) cannot absorb RowSketch"
        ):
            one.merge(other)
    one.update(Block(np.ones((3, 2)), np.ones(3)))
    with pytest.raises(ValueError, match="expected 1 targets as in the rows before, got 2"):
        one.update(Block(np.ones((3, 2)), np.ones((3, 2))))
    with pytest.raises(ValueError, match="weights must not be negative"):
        one.update(Block(np.ones((3, 2)), np.ones(3), np.array([1.0, -1.0, 1.0])))
